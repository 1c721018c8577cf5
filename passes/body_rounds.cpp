// Loops that the kernel runs by itself.
#include <algorithm>

#include "passes/body.h"
#include "passes/rounds.h"

namespace tandem {

namespace {

// For what one launch costs, when nobody knows how many rounds there will be.
constexpr int kLikelyRounds = 16;

}  // namespace

// A region of the loop, whose parameters have values.
struct BodyBuilder::Region {
  const Graph& graph;
  const std::vector<std::pair<ParamRead, Complex>>& params;
  const Node& loop;
  std::vector<int> producers = graph.producers();
  std::unordered_multimap<ValueId, std::pair<IndexMap, Complex>> known = {};

  // Of a tensor that is read by address: a param, or a view of one.
  Place place(ValueId value, const LowerContext& outside) const {
    const int made_by = producers[static_cast<size_t>(value)];
    if (made_by < 0) {
      size_t param = 0;
      while (graph.params[param].value != value) ++param;
      return outside.place(loop.inputs[param]);
    }
    const Node& view = graph.nodes[static_cast<size_t>(made_by)];
    const Place from = place(view.inputs[0], outside);
    auto layout = std::get<ViewRule>(view.op->lower)(graph.type(view.inputs[0]), from.layout, *view.op, view.attrs,
                                                     graph.type(value));
    check_internal(layout.has_value(), "a loop in a kernel reads from a view that is none");
    return {from.slot, std::move(*layout)};
  }
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
  return pointwise(region.graph, node, map, evaluate);
}

// What the loop carries, as it is at the end: where each element stops by itself all of it, else what is of the group's
// shape, after some rounds. `map`: of the elements.
std::map<ValueId, Complex> BodyBuilder::rounds(const Node& node, const IndexMap& map) {
  const Graph &condition = *node.regions[0], &body = *node.regions[1];
  const size_t carried = node.outputs.size();
  const std::optional<size_t> mask =
      runs_by_element(c_.graph, node) ? mask_of(c_.graph, node) : std::optional<size_t>();
  const std::vector<bool> needed = mask ? std::vector<bool>(carried, true) : *carries_of(c_.graph, node, g_.axes);
  const auto map_of = [&](size_t k) { return c_.graph.type(node.outputs[k]).shape.empty() ? IndexMap{} : map; };

  // What does not change comes before the loop.
  std::vector<std::pair<ParamRead, Complex>> params;
  const auto read = [&](const Graph& region, ValueId value, const IndexMap& map) {
    const std::vector<ParamRead> reads = *reads_of(region, value, map, g_.axes.size(), carried);
    for (const ParamRead& found : reads) {
      const bool known = std::any_of(params.begin(), params.end(), [&](const auto& p) { return p.first == found; });
      if (found.param < carried || known) continue;
      params.emplace_back(found, evaluate(node.inputs[found.param], found.map));
    }
  };
  if (!mask) read(condition, condition.results[0], {});
  for (size_t k = 0; k < carried; ++k)
    if (needed[k]) read(body, body.results[k], map_of(k));
  std::vector<Complex> init;
  for (size_t k = 0; k < carried; ++k)
    if (needed[k]) init.push_back(evaluate(node.inputs[k], map_of(k)));
  std::optional<Scalar> none;
  if (!mask) none = builder_.constant_bits(DType::i64, 0);

  ScalarLoop loop;
  loop.first = static_cast<int>(builder_.body().size());
  loop.rounds = kLikelyRounds;
  const auto number = static_cast<int64_t>(stage_.loops.size());
  const auto carry = [&](Scalar from) {
    loop.init.push_back(from.id);
    return builder_.carry(from.dtype, number);
  };
  std::map<ValueId, Complex> out;
  size_t next_init = 0;
  for (size_t k = 0; k < carried; ++k) {
    if (!needed[k]) continue;
    const Complex& from = init[next_init++];
    Complex x = carry(from.re);
    if (from.has_imaginary()) x.im = carry(from.im);
    out.emplace(node.outputs[k], x);
    params.emplace_back(ParamRead{k, map_of(k)}, x);
  }
  std::optional<Scalar> count;
  if (!mask) count = carry(*none);
  const auto behind = static_cast<int>(builder_.body().size());

  Region test{condition, params, node}, step{body, params, node};
  if (mask) {
    loop.condition = out.at(node.outputs[*mask]).re.id;
  } else {
    const Scalar more = *count < builder_.constant_bits(DType::i64, kRounds);
    loop.condition = (evaluate_in(test, condition.results[0], {}).re & more).id;
  }
  for (size_t k = 0; k < carried; ++k) {
    if (!needed[k]) continue;
    const Complex x = evaluate_in(step, mask && k != *mask ? next_of(node, k) : body.results[k], map_of(k));
    loop.next.push_back(x.re.id);
    if (x.has_imaginary()) loop.next.push_back(x.im.id);
  }
  if (count) loop.next.push_back((*count + builder_.constant_bits(DType::i64, 1)).id);
  loop.last = static_cast<int>(builder_.body().size());
  builder_.forget(behind);  // what is behind the loop sees its carries only
  stage_.loops.push_back(std::move(loop));
  return out;
}

}  // namespace tandem
