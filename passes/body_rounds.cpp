// Loops that the kernel runs by itself.
#include <algorithm>

#include "passes/body_region.h"
#include "passes/rounds.h"

namespace tandem {

namespace {

// For what one launch costs, when nobody knows how many rounds there will be.
constexpr int kLikelyRounds = 16;

}  // namespace

// A loop that is being written. Loops are numbered in the order in which they begin.
class BodyBuilder::OpenLoop {
 public:
  OpenLoop(BodyBuilder& body, int rounds) : body_(body), number_(body.stage_.loops.size()) {
    loop_.first = static_cast<int>(body_.builder_.body().size());
    loop_.rounds = rounds;
    body_.stage_.loops.emplace_back();
  }
  Scalar carry(const Scalar& from) {
    loop_.init.push_back(from.id);
    return body_.builder_.carry(from.dtype, static_cast<int64_t>(number_));
  }
  Complex carry(const Complex& from) {
    Complex x = carry(from.re);
    if (from.has_imaginary()) x.im = carry(from.im);
    return x;
  }
  void begin() { behind_ = static_cast<int>(body_.builder_.body().size()); }
  void next(const Complex& x) {
    loop_.next.push_back(x.re.id);
    if (x.has_imaginary()) loop_.next.push_back(x.im.id);
  }
  void end(const Scalar& condition) {
    loop_.condition = condition.id;
    loop_.last = static_cast<int>(body_.builder_.body().size());
    body_.builder_.forget(behind_);  // what is behind the loop sees its carries only
    body_.stage_.loops[number_] = std::move(loop_);
  }

 private:
  BodyBuilder& body_;
  size_t number_;
  ScalarLoop loop_{0, 0, 0, {}, {}};
  int behind_ = 0;
};

Complex BodyBuilder::evaluate_in(Region& region, ValueId value, const IndexMap& map) {
  const auto [first, last] = region.known.equal_range(value);
  for (auto it = first; it != last; ++it)
    if (it->second.first == map) return it->second.second;
  const Complex x = compute_in(region, value, map);
  region.known.emplace(value, std::pair(map, x));
  return x;
}

Complex BodyBuilder::compute_in(Region& region, ValueId value, const IndexMap& map) {
  const int made_by = region.producers[static_cast<size_t>(value)];
  if (made_by < 0) {
    const auto param = std::find_if(region.params.begin(), region.params.end(), [&](const auto& entry) {
      return region.graph.params[entry.first.param].value == value && entry.first.map == map;
    });
    check_internal(param != region.params.end(), "a loop in a kernel reads a parameter in another way than expected");
    return param->second;
  }
  const Node& node = region.graph.nodes[static_cast<size_t>(made_by)];
  note_source(node);
  if (is_view(*node.op))
    return evaluate_in(region, node.inputs[0], *input_map(region.graph, node, 0, map, {}, g_.axes.size()));
  if (is_source(*node.op)) return source(region.graph, node, map);
  const Evaluate evaluate = [&](ValueId input, const IndexMap& at) { return evaluate_in(region, input, at); };
  if (is_take(*node.op)) return take(region.graph, node, map, evaluate, region.place(node.inputs[0], c_));
  if (node.regions.empty()) return pointwise(region.graph, node, map, evaluate);
  const Shape& shape = region.graph.type(value).shape;
  const std::vector<bool> wanted = together(region.graph, node, shape);
  std::map<ValueId, Complex> made =
      node.op->name == "if" ? branch(region, node, wanted, map) : rounds(&region, node, wanted, shape, map, false);
  const Complex out = made.at(value);
  for (const auto& [other, x] : made)
    if (other != value) region.known.emplace(other, std::pair(map_of(region.graph, other, map), x));
  return out;
}

// What is wanted of what the loop carries, of a shape or none, as it is at the end or after a portion of its rounds.
std::map<ValueId, Complex> BodyBuilder::rounds(Region* around, const Node& node, const std::vector<bool>& wanted,
                                               const Shape& shape, const IndexMap& map, bool in_portions) {
  const Graph& graph = around ? around->graph : c_.graph;
  const Graph &condition = *node.regions[0], &body = *node.regions[1];
  const size_t carried = node.outputs.size();
  const auto found = rounds_of(graph, node, wanted, shape, map, g_.axes.size());
  check_internal(found.has_value(), "a loop in a kernel is none that runs there");
  const auto at = [&](size_t k) { return map_of(graph, node.outputs[k], map); };
  const auto outside = [&](ValueId value, const IndexMap& map) {
    return around ? evaluate_in(*around, value, map) : evaluate(value, map);
  };

  // What does not change comes before the loop.
  std::vector<std::pair<ParamRead, Complex>> params;
  for (const ParamRead& read : found->reads.params)
    params.emplace_back(read, outside(node.inputs[read.param], read.map));
  std::vector<Complex> init;
  for (size_t k = 0; k < carried; ++k)
    if (found->needed[k]) init.push_back(outside(node.inputs[k], at(k)));
  std::optional<Scalar> none;
  if (in_portions) none = builder_.constant_bits(DType::i64, 0);

  OpenLoop loop(*this, kLikelyRounds);
  std::map<ValueId, Complex> out;
  size_t next_init = 0;
  for (size_t k = 0; k < carried; ++k) {
    if (!found->needed[k]) continue;
    const Complex x = loop.carry(init[next_init++]);
    out.emplace(node.outputs[k], x);
    params.emplace_back(ParamRead{k, at(k)}, x);
  }
  std::optional<Scalar> count;
  if (in_portions) count = loop.carry(*none);
  loop.begin();

  Region test{condition, node, around, params}, step{body, node, around, params};
  Scalar more = found->mask ? out.at(node.outputs[*found->mask]).re : evaluate_in(test, condition.results[0], {}).re;
  if (count) more = more & (*count < builder_.constant_bits(DType::i64, portion_of(graph, node)));
  for (size_t k = 0; k < carried; ++k) {
    if (!found->needed[k]) continue;
    loop.next(evaluate_in(step, found->mask && k != *found->mask ? next_of(node, k) : body.results[k], at(k)));
  }
  if (count) loop.next(*count + builder_.constant_bits(DType::i64, 1));
  loop.end(more);
  return out;
}

// The wanted results of a branch: where both sides are light, what is chosen of both. Else each side that is not is a loop of
// one round at most, so that what it reads is read only if it is taken.
std::map<ValueId, Complex> BodyBuilder::branch(Region& around, const Node& node, const std::vector<bool>& wanted,
                                               const IndexMap& map) {
  const Graph& graph = around.graph;
  const Scalar taken = evaluate_in(around, node.inputs[0], {}).re;
  std::vector<std::pair<ParamRead, Complex>> params[2];
  for (size_t side = 0; side < 2; ++side) {
    const std::optional<Reads> reads = side_reads(node, side, wanted, map, g_.axes.size());
    check_internal(reads.has_value(), "a branch in a kernel is none that runs there");
    for (const ParamRead& read : reads->params)
      params[side].emplace_back(read, evaluate_in(around, node.inputs[1 + read.param], read.map));
  }
  const bool light[2] = {is_light(*node.regions[0]), is_light(*node.regions[1])};
  const auto values = [&](size_t side) {
    Region region{*node.regions[side], node, &around, params[side]};
    std::vector<Complex> out;
    for (size_t k = 0; k < wanted.size(); ++k)
      if (wanted[k]) out.push_back(evaluate_in(region, region.graph.results[k], map_of(graph, node.outputs[k], map)));
    return out;
  };
  std::vector<Complex> now;
  if (light[0] && light[1]) {
    now = values(0);
    const std::vector<Complex> other = values(1);
    for (size_t k = 0; k < now.size(); ++k)
      now[k] = now[k].has_imaginary() ? select(taken, now[k], other[k]) : select(taken, now[k].re, other[k].re);
  } else {
    if (light[0] || light[1]) {
      now = values(light[0] ? 0 : 1);
    } else {
      for (size_t k = 0; k < wanted.size(); ++k)
        if (wanted[k])
          now.push_back(Complex(builder_.constant_bits(DType::i64, 0)).cast(graph.type(node.outputs[k]).dtype));
    }
    for (size_t side = 0; side < 2; ++side) {
      if (light[side]) continue;
      const Scalar enters = side == 0 ? taken : ~taken, never = builder_.constant_bits(DType::boolean, 0);
      OpenLoop loop(*this, 1);
      const Scalar goes = loop.carry(enters);
      for (Complex& x : now) x = loop.carry(x);
      loop.begin();
      loop.next(never);
      for (const Complex& x : values(side)) loop.next(x);
      loop.end(goes);
    }
  }
  std::map<ValueId, Complex> out;
  size_t next = 0;
  for (size_t k = 0; k < wanted.size(); ++k)
    if (wanted[k]) out.emplace(node.outputs[k], now[next++]);
  return out;
}

}  // namespace tandem
