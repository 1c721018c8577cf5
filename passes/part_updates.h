// Updates of a part of a tensor, as they are written in user code: `x[t, 0] = y` is, in a graph, an update at an index of a
// slice of x, which replaces that slice.
#pragma once
#include <optional>
#include <span>

#include "ir/graph.h"

namespace tandem {

// What the value is a view of that keeps the order of elements: the same ones, in another shape. `producers`: of the graph.
ValueId beyond_shapes(const Graph& graph, std::span<const int> producers, ValueId value);

// The update at an index of just the part that the view update `node` replaces, if nothing else reads its result: it can be
// done in the whole tensor. Null: there is none.
const Node* update_within(const Graph& graph, std::span<const int> producers, const Node& node);

// Where a view of `whole` lies if that has the layout.
std::optional<Layout> layout_in(const Graph& graph, std::span<const int> producers, ValueId value, ValueId whole,
                                const Layout& layout);

}  // namespace tandem
