#include "frontend/detach.h"

#include <unordered_map>

namespace tandem {

void detach_results(Graph& graph, const std::vector<int>& owners, const std::vector<SourceLoc>& lines) {
  const auto producers = graph.producers();
  std::unordered_map<ValueId, int> owner_of;  // root value -> the first owner that took it
  for (size_t i = 0; i < owners.size(); ++i) {
    ValueId root = graph.results[i];
    int made_by = producers[static_cast<size_t>(root)];
    while (made_by >= 0) {
      const Node& node = graph.nodes[static_cast<size_t>(made_by)];
      if (!std::holds_alternative<ViewRule>(node.op->lower)) break;
      root = node.inputs[0];
      made_by = producers[static_cast<size_t>(root)];
    }
    const bool shared = !owner_of.try_emplace(root, owners[i]).second && owner_of.at(root) != owners[i];
    if (made_by >= 0 && !shared) continue;
    const TensorType type = graph.type(graph.results[i]);
    const SourceLoc line = i < lines.size() ? lines[i] : SourceLoc{};
    graph.results[i] = graph.add_node(op("copy"), {graph.results[i]}, {}, {&type, 1}, line).outputs[0];
  }
}

}  // namespace tandem
