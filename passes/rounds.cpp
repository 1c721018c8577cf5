#include "passes/rounds.h"

#include <algorithm>
#include <unordered_map>

namespace tandem {

namespace {

// A body with more scalar primitives takes long to compile, and the time of a launch is no matter next to it.
constexpr int kMostPrimitives = 600;

class Reads {
 public:
  Reads(const Graph& region, size_t axis_count)
      : region_(region), producers_(region.producers()), axis_count_(axis_count) {}

  bool walk(ValueId value, const IndexMap& map) {
    const auto [first, last] = seen_.equal_range(value);
    if (std::any_of(first, last, [&](const auto& entry) { return entry.second == map; })) return true;
    seen_.emplace(value, map);
    const int made_by = producers_[static_cast<size_t>(value)];
    if (made_by < 0) {
      const auto param =
          std::find_if(region_.params.begin(), region_.params.end(), [&](const Param& p) { return p.value == value; });
      found.push_back({static_cast<size_t>(param - region_.params.begin()), map});
      return true;
    }
    const Node& node = region_.nodes[static_cast<size_t>(made_by)];
    if (!node.regions.empty() || is_take(*node.op) || !(is_view(*node.op) || is_pointwise(*node.op))) return false;
    for (size_t k = 0; k < node.inputs.size(); ++k) {
      const auto inner = input_map(region_, node, k, map, {}, axis_count_);
      if (!inner || !walk(node.inputs[k], *inner)) return false;
    }
    return true;
  }

  std::vector<ParamRead> found;

 private:
  const Graph& region_;
  std::vector<int> producers_;
  size_t axis_count_;
  std::unordered_multimap<ValueId, IndexMap> seen_;
};

int primitives(const Graph& region) {
  int count = 0;
  for (const Node& node : region.nodes) {
    if (!is_pointwise(*node.op) || is_source(*node.op)) continue;
    DType dtype = region.type(node.inputs[0]).dtype;
    if (!node.op->has(Trait::mixed))
      for (const ValueId input : node.inputs) dtype = promote(dtype, region.type(input).dtype);
    count += scalar_cost(*node.op, dtype);
  }
  return count;
}

}  // namespace

std::optional<std::vector<ParamRead>> reads_of(const Graph& region, ValueId value, const IndexMap& map,
                                               size_t axis_count) {
  Reads reads(region, axis_count);
  if (!reads.walk(value, map)) return std::nullopt;
  return std::move(reads.found);
}

IndexMap identity_map(const Shape& shape) {
  IndexMap map;
  for (size_t d = 0; d < shape.size(); ++d) {
    Linear coordinate{0, std::vector<Dim>(shape.size(), Dim(0))};
    coordinate.coefficients[d] = 1;
    map.push_back(std::move(coordinate));
  }
  return map;
}

std::optional<std::vector<bool>> carries_of(const Graph& graph, const Node& loop, const Shape& axes) {
  const Graph &condition = *loop.regions[0], &body = *loop.regions[1];
  const size_t carried = loop.outputs.size();
  const IndexMap identity = identity_map(axes);
  const auto shape = [&](size_t k) -> const Shape& { return graph.type(loop.outputs[k]).shape; };
  std::vector<bool> needed(carried, false);
  std::vector<size_t> open;
  const auto need = [&](const std::optional<std::vector<ParamRead>>& reads) {
    if (!reads) return false;
    for (const ParamRead& read : *reads) {
      if (read.param >= carried) continue;
      // A carried value is there at the present point only.
      if (!read.map.empty() && (shape(read.param) != axes || read.map != identity)) return false;
      if (!needed[read.param]) open.push_back(read.param);
      needed[read.param] = true;
    }
    return true;
  };
  const auto from_condition = reads_of(condition, condition.results[0], {}, axes.size());
  if (!need(from_condition)) return std::nullopt;
  if (std::any_of(open.begin(), open.end(), [&](size_t k) { return !shape(k).empty(); })) return std::nullopt;
  for (size_t k = 0; k < carried; ++k) {
    if (shape(k) != axes || needed[k]) continue;
    needed[k] = true;
    open.push_back(k);
  }
  while (!open.empty()) {
    const size_t k = open.back();
    open.pop_back();
    if (!need(reads_of(body, body.results[k], shape(k).empty() ? IndexMap{} : identity, axes.size())))
      return std::nullopt;
  }
  return needed;
}

bool runs_in_kernel(const Graph& graph, const Node& loop) {
  const auto& outputs = loop.outputs;
  if (outputs.empty() || has_effects(loop) ||
      primitives(*loop.regions[0]) + primitives(*loop.regions[1]) > kMostPrimitives)
    return false;
  return std::all_of(outputs.begin(), outputs.end(),
                     [&](ValueId value) { return carries_of(graph, loop, graph.type(value).shape).has_value(); });
}

}  // namespace tandem
