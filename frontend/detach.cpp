#include "frontend/detach.h"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

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

using Sources = std::set<std::pair<const Graph*, ValueId>>;

// Adds the values whose memory `value` may be: what it is a view of, and what branches and loops may hand on as it.
// `outside`: of a param of the region that `graph` is, given its number.
template <class Outside>
void add_sources(const Graph& graph, ValueId value, const Outside& outside, Sources& out) {
  const auto producers = graph.producers();
  const ValueId root = root_of(graph, producers, value);
  const int made_by = producers[static_cast<size_t>(root)];
  if (made_by < 0) {
    const auto is_root = [root](const Param& param) { return param.value == root; };
    const auto param = std::find_if(graph.params.begin(), graph.params.end(), is_root);
    if (!outside(static_cast<size_t>(param - graph.params.begin()))) out.emplace(&graph, root);
    return;
  }
  const Node& node = graph.nodes[static_cast<size_t>(made_by)];
  if (!out.emplace(&graph, root).second || node.regions.empty()) return;
  const auto k = static_cast<size_t>(std::find(node.outputs.begin(), node.outputs.end(), root) - node.outputs.begin());
  const bool branch = node.op->name == "if";
  // What a loop carries is, in later rounds, what the body made of it: the node's output.
  const std::function<bool(size_t)> of_region = [&](size_t j) {
    const bool carried = !branch && j < node.outputs.size();
    add_sources(graph, carried ? node.outputs[j] : node.inputs[j + (branch ? 1 : 0)], outside, out);
    return true;
  };
  if (!branch) add_sources(graph, node.inputs[k], outside, out);
  for (size_t r = branch ? 0 : 1; r < node.regions.size(); ++r)
    add_sources(*node.regions[r], node.regions[r]->results[k], of_region, out);
}

}  // namespace

void detach_results(Graph& graph, size_t count, const std::set<size_t>& bases, const std::vector<SourceLoc>& lines) {
  const auto producers = graph.producers();
  Sources taken;
  const auto nowhere = [](size_t) { return false; };
  for (size_t i = 0; i < count; ++i) {
    const ValueId root = root_of(graph, producers, graph.results[i]);
    const bool view = root != graph.results[i];
    Sources mine;
    add_sources(graph, graph.results[i], nowhere, mine);
    const bool shared =
        std::any_of(mine.begin(), mine.end(), [&](const auto& source) { return taken.contains(source); });
    const bool of_param = std::any_of(graph.params.begin(), graph.params.end(),
                                      [&](const Param& param) { return mine.contains({&graph, param.value}); });
    taken.merge(mine);
    if (!shared && !(view && bases.contains(i)) && !of_param) continue;
    const TensorType type = graph.type(graph.results[i]);
    const SourceLoc line = i < lines.size() ? lines[i] : SourceLoc{};
    graph.results[i] = graph.add_node(op("copy"), {graph.results[i]}, {}, {&type, 1}, line).outputs[0];
  }
}

}  // namespace tandem
