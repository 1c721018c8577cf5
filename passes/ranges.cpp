#include "passes/ranges.h"

#include <algorithm>
#include <cstdlib>

#include "passes/fold.h"

namespace tandem {

namespace {

// What is added is so small that no sum of it with a size leaves the integers.
constexpr int64_t kMostAdded = int64_t{1} << 31, kMostNumber = int64_t{1} << 40;

std::optional<Dim> smaller(const std::optional<Dim>& a, const std::optional<Dim>& b) {
  if (!a || !b) return a ? a : b;
  return at_most(*b, *a) ? b : a;
}
std::optional<Dim> larger(const std::optional<Dim>& a, const std::optional<Dim>& b) {
  if (!a || !b) return a ? a : b;
  return at_most(*a, *b) ? b : a;
}
IndexRange both(const IndexRange& a, const IndexRange& b) { return {larger(a.low, b.low), smaller(a.high, b.high)}; }

// What holds for either.
IndexRange either(const IndexRange& a, const IndexRange& b) {
  IndexRange out;
  if (a.low && b.low) out.low = at_most(*a.low, *b.low) ? a.low : at_most(*b.low, *a.low) ? b.low : std::nullopt;
  if (a.high && b.high)
    out.high = at_most(*b.high, *a.high) ? a.high : at_most(*a.high, *b.high) ? b.high : std::nullopt;
  return out;
}

std::optional<int64_t> number_of(const IndexRange& range) {
  if (!range.low || !range.low->is_constant() || !range.high || !range.high->is(range.low->constant() + 1))
    return std::nullopt;
  return range.low->constant();
}

}  // namespace

bool at_most(const Dim& a, const Dim& b) {
  const Dim left = b - a;
  return left.is_constant() && left.constant() >= 0;
}

bool is_index_of(const IndexRange& range, Dim size) {
  if (!range.low || !range.high) return false;
  const bool from = (range.low->is_constant() && range.low->constant() >= 0) || at_most(Dim(0) - size, *range.low);
  return from && at_most(*range.high, size);
}

Ranges::Ranges(const Graph& graph, std::vector<IndexRange> params)
    : graph_(graph), params_(std::move(params)), producers_(graph.producers()) {
  params_.resize(graph.params.size());
}

const Node* Ranges::maker(ValueId value) const {
  const int made_by = producers_[static_cast<size_t>(value)];
  return made_by < 0 ? nullptr : &graph_.nodes[static_cast<size_t>(made_by)];
}

IndexRange Ranges::of(ValueId value) {
  const TensorType& type = graph_.type(value);
  if (type.rank() != 0 || type.dtype != DType::i64) return {};
  const auto [found, is_new] = known_.try_emplace(value);
  if (!is_new) return found->second;
  IndexRange out;
  if (const Node* node = maker(value)) {
    out = computed(*node);
  } else {
    for (size_t k = 0; k < params_.size(); ++k)
      if (graph_.params[k].value == value) out = params_[k];
  }
  known_[value] = out;
  return out;
}

// Numbers are small, or have both bounds: then nothing wraps.
IndexRange Ranges::sum(const IndexRange& a, const IndexRange& b) const {
  const auto is_small = [](const IndexRange& range) {
    const auto number = number_of(range);
    return number && -kMostAdded <= *number && *number <= kMostAdded;
  };
  const auto is_bounded = [](const IndexRange& range) { return range.low && range.high; };
  if (!is_small(a) && !is_small(b) && !(is_bounded(a) && is_bounded(b))) return {};
  IndexRange out;
  if (a.low && b.low) out.low = *a.low + *b.low;
  if (a.high && b.high) out.high = *a.high + *b.high - Dim(1);
  return out;
}

IndexRange Ranges::computed(const Node& node) {
  const std::string_view name = node.op->name;
  const auto input = [&](size_t k) { return of(node.inputs[k]); };
  const auto negative = [](const IndexRange& x) {
    IndexRange out;
    if (x.high) out.low = Dim(1) - *x.high;
    if (x.low) out.high = Dim(1) - *x.low;
    return out;
  };
  if (name == "full") {
    const int64_t number = fill_bits(node.attrs);
    return std::abs(number) > kMostNumber ? IndexRange{} : IndexRange{Dim(number), Dim(number + 1)};
  }
  if (name == "from_dim") {
    const Dim size = attr_as<std::vector<Dim>>(*node.op, node.attrs, "size")[0];
    return {size, size + Dim(1)};
  }
  if (name == "check_index" || name == "copy") return input(0);
  if (name == "add") return sum(input(0), input(1));
  if (name == "subtract") return sum(input(0), negative(input(1)));
  if (name == "where") return either(input(1), input(2));
  if (name == "minimum") return {either(input(0), input(1)).low, smaller(input(0).high, input(1).high)};
  if (name == "maximum") return {larger(input(0).low, input(1).low), either(input(0), input(1)).high};
  if (name == "remainder")
    if (const auto divisor = number_of(input(1)); divisor && *divisor > 0) return {Dim(0), Dim(*divisor)};
  return {};
}

// What holds of values where a condition does.
void Ranges::bounds_of(ValueId condition, std::vector<Bound>& out) {
  const Node* node = maker(condition);
  if (node == nullptr) return;
  const std::string_view name = node->op->name;
  if (name == "logical_and" || name == "bitwise_and") {
    for (const ValueId part : node->inputs) bounds_of(part, out);
    return;
  }
  const bool less = name == "less" || name == "less_equal", greater = name == "greater" || name == "greater_equal";
  if (!less && !greater) return;
  const ValueId a = node->inputs[less ? 0 : 1], b = node->inputs[less ? 1 : 0];  // a < b, or a <= b
  if (graph_.type(a).dtype != DType::i64 || graph_.type(b).dtype != DType::i64) return;
  const Dim step = name == "less" || name == "greater" ? 1 : 0;
  if (const IndexRange range = of(b); range.high) out.push_back({a, {std::nullopt, *range.high - step}});
  if (const IndexRange range = of(a); range.low) out.push_back({b, {*range.low + step, std::nullopt}});
}

// A condition is computed from what is carried, or carried itself: then it held for what is carried when it was computed.
void Ranges::narrow_by_condition(const Node& loop, std::vector<IndexRange>& params) {
  const Graph &condition = *loop.regions[0], &body = *loop.regions[1];
  const size_t carried = loop.outputs.size();
  std::vector<IndexRange> narrowed = params;
  std::vector<Bound> bounds;
  const auto narrow = [&](size_t k, const std::vector<Bound>& by, ValueId value) {
    for (const Bound& bound : by)
      if (bound.value == value) narrowed[k] = both(narrowed[k], bound.range);
  };
  size_t at = 0;
  while (at < carried && condition.params[at].value != condition.results[0]) ++at;
  if (at == carried) {
    Ranges(condition, params).bounds_of(condition.results[0], bounds);
    for (size_t k = 0; k < carried; ++k) narrow(k, bounds, condition.params[k].value);
  } else {
    std::vector<Bound> before;
    Ranges(body, params).bounds_of(body.results[at], bounds);
    bounds_of(loop.inputs[at], before);
    for (size_t k = 0; k < carried; ++k) {
      before.push_back({loop.inputs[k], of(loop.inputs[k])});
      const auto begins = [&](const auto& holds) {
        return std::any_of(before.begin(), before.end(),
                           [&](const Bound& start) { return start.value == loop.inputs[k] && holds(start.range); });
      };
      for (Bound& bound : bounds) {
        if (bound.value != body.results[k]) continue;
        auto& [low, high] = bound.range;
        if (low && !begins([&](const IndexRange& start) { return start.low && at_most(*low, *start.low); }))
          low.reset();
        if (high && !begins([&](const IndexRange& start) { return start.high && at_most(*start.high, *high); }))
          high.reset();
      }
      narrow(k, bounds, body.results[k]);
    }
  }
  params = std::move(narrowed);
}

std::vector<IndexRange> Ranges::params_of(const Node& node, size_t region) {
  const bool is_loop = node.op->name == "while";
  std::vector<IndexRange> params;
  for (size_t k = is_loop ? 0 : 1; k < node.inputs.size(); ++k) params.push_back(of(node.inputs[k]));
  if (!is_loop) return params;
  const Graph& body = *node.regions[1];
  std::vector<IndexRange> invariant = params;
  for (size_t k = 0; k < node.outputs.size(); ++k) invariant[k] = {};
  Ranges step(body, invariant);
  for (size_t k = 0; k < node.outputs.size(); ++k) {
    const ValueId now = body.params[k].value;
    if (body.results[k] == now) continue;
    const Node* next = step.maker(body.results[k]);
    IndexRange added;
    if (next && next->op->name == "add" && (next->inputs[0] == now || next->inputs[1] == now))
      added = step.of(next->inputs[next->inputs[0] == now ? 1 : 0]);
    const auto number = number_of(added);
    if (!number || *number < 0 || *number > kMostAdded) params[k].low.reset();
    if (!number || *number > 0 || *number < -kMostAdded) params[k].high.reset();
  }
  if (region == 1) narrow_by_condition(node, params);
  return params;
}

}  // namespace tandem
