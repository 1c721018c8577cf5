#include "passes/part_updates.h"

#include <algorithm>
#include <vector>

#include "ir/text.h"
#include "passes/index_map.h"

namespace tandem {

namespace {

const Node* maker(const Graph& graph, std::span<const int> producers, ValueId value) {
  const int made_by = producers[static_cast<size_t>(value)];
  return made_by < 0 ? nullptr : &graph.nodes[static_cast<size_t>(made_by)];
}

int64_t readers(const Graph& graph, ValueId value) {
  int64_t count = std::ranges::count(graph.results, value);
  for (const Node& node : graph.nodes) count += std::ranges::count(node.inputs, value);
  return count;
}

}  // namespace

ValueId beyond_shapes(const Graph& graph, std::span<const int> producers, ValueId value) {
  const Node* made = maker(graph, producers, value);
  while (made && (made->op->name == "reshape" || made->op->name == "expand_dims" || made->op->name == "squeeze"))
    made = maker(graph, producers, value = made->inputs[0]);
  return value;
}

const Node* update_within(const Graph& graph, std::span<const int> producers, const Node& node) {
  std::vector<ValueId> chain{node.inputs[1]};  // from the part back to the update
  const Node* update = maker(graph, producers, chain.back());
  while (update && !is(*update->op, Structure::index_update)) {
    if (update->op->name != "copy" && beyond_shapes(graph, producers, chain.back()) == chain.back()) return nullptr;
    chain.push_back(update->inputs[0]);
    update = maker(graph, producers, chain.back());
  }
  if (!update) return nullptr;
  const Node* base = maker(graph, producers, beyond_shapes(graph, producers, update->inputs[0]));
  const bool same_part = base && base->op == &view_of_update(*node.op) && base->inputs[0] == node.inputs[0] &&
                         identical(base->attrs, node.attrs);
  const auto one_reader = [&](ValueId value) { return readers(graph, value) == 1; };
  return same_part && std::ranges::all_of(chain, one_reader) ? update : nullptr;
}

std::optional<Layout> layout_in(const Graph& graph, std::span<const int> producers, ValueId value, ValueId whole,
                                const Layout& layout) {
  if (value == whole) return layout;
  const Node* view = maker(graph, producers, value);
  if (!view || !is_view(*view->op)) return std::nullopt;
  const auto from = layout_in(graph, producers, view->inputs[0], whole, layout);
  if (!from) return std::nullopt;
  return std::get<ViewRule>(view->op->lower)(graph.type(view->inputs[0]), *from, *view->op, view->attrs,
                                             graph.type(value));
}

}  // namespace tandem
