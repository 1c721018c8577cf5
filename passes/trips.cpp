#include "passes/trips.h"

#include <vector>

namespace tandem {

namespace {

std::optional<Dim> size_of_value(const Graph& graph, const std::vector<int>& makers, ValueId id) {
  const int made_by = makers[static_cast<size_t>(id)];
  if (made_by < 0) return std::nullopt;
  const Node& node = graph.nodes[static_cast<size_t>(made_by)];
  if (node.op->name == "from_dim") return attr_as<std::vector<Dim>>(*node.op, node.attrs, "size").at(0);
  if (node.op->name != "full" || !graph.type(id).shape.empty()) return std::nullopt;
  const auto* value = std::get_if<int64_t>(&node.attrs[1]);
  return value ? std::optional<Dim>(*value) : std::nullopt;
}

// The bound of `index < bound` where that, perhaps with other conditions, is what `id` says.
std::optional<Dim> bound_in(const Graph& graph, const std::vector<int>& makers, ValueId id, ValueId index) {
  const int made_by = makers[static_cast<size_t>(id)];
  if (made_by < 0) return std::nullopt;
  const Node& node = graph.nodes[static_cast<size_t>(made_by)];
  if (node.op->name == "less" && node.inputs[0] == index) return size_of_value(graph, makers, node.inputs[1]);
  if (node.op->name != "bitwise_and" && node.op->name != "logical_and") return std::nullopt;
  const auto left = bound_in(graph, makers, node.inputs[0], index);
  return left ? left : bound_in(graph, makers, node.inputs[1], index);
}

}  // namespace

Trips trips_of(const Graph& graph, const Node& node) {
  const Graph &condition = *node.regions[0], &body = *node.regions[1];
  const std::vector<int> outer = graph.producers(), in_condition = condition.producers(), in_body = body.producers();
  for (size_t k = 0; k < node.outputs.size(); ++k) {
    const auto first = size_of_value(graph, outer, node.inputs[k]);
    const ValueId next = body.results[k];
    const int made_by = in_body[static_cast<size_t>(next)];
    if (!first || !first->is(0) || made_by < 0) continue;
    const Node& step = body.nodes[static_cast<size_t>(made_by)];
    if (step.op->name != "add" || step.inputs[0] != body.params[k].value) continue;
    const auto by = size_of_value(body, in_body, step.inputs[1]);
    if (!by || !by->is(1)) continue;
    const ValueId goes_on = condition.results[0];
    if (const auto most = bound_in(condition, in_condition, goes_on, condition.params[k].value)) {
      const int decides = in_condition[static_cast<size_t>(goes_on)];
      return {most, condition.nodes[static_cast<size_t>(decides)].op->name == "less"};
    }
    // A condition that is carried: what the body says of the next index.
    for (size_t c = 0; c < node.outputs.size(); ++c)
      if (condition.params[c].value == goes_on)
        if (const auto most = bound_in(body, in_body, body.results[c], next)) return {most, false};
  }
  return {};
}

}  // namespace tandem
