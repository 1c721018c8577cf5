#include "passes/part_updates.h"

#include <algorithm>

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
  const Node* update = nullptr;
  for (ValueId value = node.inputs[1]; !update; value = maker(graph, producers, value)->inputs[0]) {
    const Node* made = maker(graph, producers, value);
    if (!made || readers(graph, value) != 1) return nullptr;
    if (const auto* structure = std::get_if<Structure>(&made->op->lower);
        structure && *structure == Structure::index_update)
      update = made;
    else if (made->op->name != "copy" && beyond_shapes(graph, producers, value) == value)
      return nullptr;
  }
  const Node* base = maker(graph, producers, beyond_shapes(graph, producers, update->inputs[0]));
  const bool same_part = base && base->op == &view_of_update(*node.op) && base->inputs[0] == node.inputs[0] &&
                         identical(base->attrs, node.attrs);
  return same_part ? update : nullptr;
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
