#include "frontend/detach.h"

#include <algorithm>
#include <unordered_set>

namespace tandem {

namespace {

// The value that a chain of views starts from.
ValueId root_of(const Graph& graph, const std::vector<int>& producers, ValueId value) {
  for (int made_by = producers[static_cast<size_t>(value)]; made_by >= 0;
       made_by = producers[static_cast<size_t>(value)]) {
    const Node& node = graph.nodes[static_cast<size_t>(made_by)];
    if (!std::holds_alternative<ViewRule>(node.op->lower)) break;
    value = node.inputs[0];
  }
  return value;
}

// Whether the value may be the memory of a param: it is one, or a branch or loop may hand one on.
bool passes_through(const Graph& graph, ValueId value) {
  const auto producers = graph.producers();
  const ValueId root = root_of(graph, producers, value);
  const int made_by = producers[static_cast<size_t>(root)];
  if (made_by < 0) return true;
  const Node& node = graph.nodes[static_cast<size_t>(made_by)];
  if (node.regions.empty()) return false;
  const auto k = static_cast<size_t>(std::find(node.outputs.begin(), node.outputs.end(), root) - node.outputs.begin());
  if (node.op->name == "if")
    return std::any_of(node.regions.begin(), node.regions.end(),
                       [k](const auto& region) { return passes_through(*region, region->results[k]); });
  const Graph& body = *node.regions[1];
  const ValueId next = root_of(body, body.producers(), body.results[k]);
  return passes_through(graph, node.inputs[k]) || (next != body.params[k].value && passes_through(body, next));
}

}  // namespace

void detach_results(Graph& graph, size_t count, const std::set<size_t>& bases, const std::vector<SourceLoc>& lines) {
  const auto producers = graph.producers();
  std::unordered_set<ValueId> taken;
  for (size_t i = 0; i < count; ++i) {
    const ValueId root = root_of(graph, producers, graph.results[i]);
    const bool shared = !taken.insert(root).second, view = root != graph.results[i];
    if (!shared && !(view && bases.contains(i)) && !passes_through(graph, graph.results[i])) continue;
    const TensorType type = graph.type(graph.results[i]);
    const SourceLoc line = i < lines.size() ? lines[i] : SourceLoc{};
    graph.results[i] = graph.add_node(op("copy"), {graph.results[i]}, {}, {&type, 1}, line).outputs[0];
  }
}

}  // namespace tandem
