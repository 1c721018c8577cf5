// Makes explicit what the loop level needs.
//
// Effect: operands of `matmul` get one dtype and at least two axes; parts of `concat` and values of `slice_update` and
// `strided_update` become pointwise copies (in the dtype and shape of their place), so that what computes them is fused
// with the write; each of these updates that is of a constant has a constant of its own, which needs no copy; a `reshape` that no strides can express reads from a contiguous copy; inputs of sub-graphs are contiguous.
// Precondition: `expand` has run. Guarantee: types of the results are unchanged. Test: tests/passes/test_layout.cpp.
#pragma once
#include <optional>
#include <unordered_map>

#include "ir/graph.h"

namespace tandem {

Graph normalize_layout(const Graph& graph);

// Where a value lies when it is made of views of something that is stored: the value at their root and its layout.
struct Placed {
  ValueId root;
  Layout layout;
};
// `stored` tells whether a value has a buffer of its own. Nothing when a reshape in between is not expressible.
std::optional<Placed> resolve_views(const Graph& graph, const std::vector<int>& producers, ValueId value,
                                    const std::vector<bool>* stop = nullptr);
Layout layout_of_param(const Graph& graph, ValueId value);  // contiguous for what is not a strided parameter

}  // namespace tandem
