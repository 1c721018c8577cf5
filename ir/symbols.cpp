#include "ir/symbols.h"

#include <algorithm>
#include <set>

namespace tandem {

namespace {

int symbols_in(const std::vector<Dim>& dims) {
  int count = 0;
  for (const Dim& dim : dims)
    if (!dim.is_constant()) count = std::max(count, dim.symbol_count());
  return count;
}

// Beyond most sizes that programs write down, yet small enough that the product of four of them fits in 64 bits.
constexpr int64_t kFirstPrime = 10007;

std::vector<int64_t> distinct_primes(int count) {
  std::vector<int64_t> primes;
  for (int64_t n = kFirstPrime; static_cast<int>(primes.size()) < count; n += 2) {
    bool prime = true;
    for (int64_t d = 3; prime && d * d <= n; d += 2) prime = n % d != 0;
    if (prime) primes.push_back(n);
  }
  return primes;
}

void add_constants(const Graph& graph, std::set<int64_t>& out) {
  for (const TensorType& type : graph.types)
    for (const Dim& dim : type.shape)
      if (dim.is_constant()) out.insert(dim.constant());
  for (const Node& node : graph.nodes)
    for (const auto& region : node.regions) add_constants(*region, out);
}

// Finds the equalities between sizes that a graph implies, and the bounds that its views need.
class Relations {
 public:
  Relations(int symbols, const Graph& graph) : values_(distinct_primes(symbols)) { add_constants(graph, sizes_); }

  ShapeEnv solve(const Graph& graph) {
    // Every round settles one symbol, by an equality or by a bound; a graph that needs more contradicts itself, which is
    // the verifier's to say.
    for (size_t round = 0; round <= 2 * values_.size(); ++round)
      if (!relate(graph)) break;
    return env();
  }

 private:
  ShapeEnv env() const {
    ShapeEnv env;
    for (const int64_t value : values_) env.add_symbol(value);
    return env;
  }

  // Gives one of the two sizes, a bare symbol, the value that makes them equal; it may stand in the other, too.
  bool unify(Dim a, Dim b) {
    const int64_t left = a.evaluate(values_.data()), right = b.evaluate(values_.data());
    if (left == right) return false;
    const auto difference = [&] { return a.evaluate(values_.data()) - b.evaluate(values_.data()); };
    for (const Dim& size : {a, b}) {
      const int id = size.is_constant() ? -1 : size.symbol_count() - 1;
      if (id < 0 || !(size == Dim::symbol(id))) continue;
      int64_t& value = values_[static_cast<size_t>(id)];
      const int64_t before = value, gap = difference();
      ++value;
      const int64_t slope = difference() - gap;
      value = before;
      if (slope == 0 || gap % slope != 0 || before - gap / slope < 0) continue;
      value = before - gap / slope;
      if (difference() == 0) return true;
      value = before;
    }
    return false;
  }

  // Makes a decision come out the other way (that x[:N] of 64 elements ends inside) by a smaller value for a symbol. It is
  // none of the sizes that the graph writes down, so that it is equal to nothing by chance.
  bool refute(const ShapeGuard& guard) {
    const auto taken = [&](int64_t value) {
      return sizes_.contains(value) || std::find(values_.begin(), values_.end(), value) != values_.end();
    };
    for (int64_t& value : values_) {
      const int64_t before = value;
      for (int64_t lower = std::min(before, kFirstPrime) - 1; lower > 1; --lower) {
        if (taken(lower)) continue;
        value = lower;
        if (!guard.holds(values_.data())) return true;
        value = before;
      }
    }
    return false;
  }

  // Whether a symbol got another value, which calls for another round.
  bool relate(const Graph& graph) {
    for (const Node& node : graph.nodes) {
      for (const auto& region : node.regions)
        if (relate(*region)) return true;
      if (node.regions.empty() && node.outputs.size() == 1 && relate(graph, node)) return true;
    }
    return false;
  }

  bool relate(const Graph& graph, const Node& node) {
    std::vector<TensorType> inputs;
    inputs.reserve(node.inputs.size());
    for (const ValueId in : node.inputs) inputs.push_back(graph.type(in));
    const Shape& written = graph.type(node.outputs[0]).shape;
    Attrs attrs = node.attrs;
    ShapeEnv tried = env();
    try {
      const Shape made = infer_type(*node.op, inputs, attrs, tried).shape;
      for (size_t k = 0; k < made.size() && made.size() == written.size(); ++k)
        if (unify(made[k], written[k])) return true;
    } catch (const Error&) {
      // An equality that was taken for false may be what the operation needs.
      for (const ShapeGuard& guard : tried.guards())
        if (guard.relation == Relation::ne && unify(guard.left, guard.right)) return true;
      // So may be a bound: the decision that failed is the last one.
      if (tried.guards().empty()) return false;
      const ShapeGuard& last = tried.guards().back();
      if ((last.relation == Relation::lt || last.relation == Relation::le) && refute(last)) return true;
    }
    return false;
  }

  std::vector<int64_t> values_;
  std::set<int64_t> sizes_;  // that the graph writes down
};

}  // namespace

int symbol_count(const Graph& graph) {
  int count = 0;
  for (const TensorType& type : graph.types) count = std::max(count, symbols_in(type.shape));
  for (const Param& param : graph.params) count = std::max(count, symbols_in(param.strides));
  for (const Node& node : graph.nodes) {
    for (const Attr& attr : node.attrs)
      if (const auto* dims = std::get_if<std::vector<Dim>>(&attr)) count = std::max(count, symbols_in(*dims));
    for (const auto& region : node.regions) count = std::max(count, symbol_count(*region));
  }
  return count;
}

ShapeEnv assumed_env(const Graph& graph) {
  const int symbols = symbol_count(graph);
  check_internal(symbols <= kMaxSymbols, "a graph has {} symbols; at most {} are allowed", symbols, kMaxSymbols);
  return symbols == 0 ? ShapeEnv() : Relations(symbols, graph).solve(graph);
}

bool same_shape(const Shape& a, const Shape& b, const ShapeEnv& env) {
  return a == b || std::equal(a.begin(), a.end(), b.begin(), b.end(),
                              [&env](Dim x, Dim y) { return x == y || env.hint(x) == env.hint(y); });
}

}  // namespace tandem
