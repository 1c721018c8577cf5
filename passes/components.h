// components: what has a short axis is computed component by component where that saves work or memory.
//
// Effect: a reduction whose result keeps an axis of at most 4 elements (the coordinates of points, say), of something that
//   is dear to compute and the same along that axis, becomes one reduction for each of these elements, put together by a
//   `concat`; fusion then makes them one kernel in which the dear part is computed once. A sum over such an axis, of
//   something that is computed, becomes additions. So all-pairs interactions run over pairs, with vectors of them, instead
//   of over rows of three numbers, and what belongs to pairs is not stored.
// Bits: additions are made in the order of a reduction (ReduceOrder in ir/kernel.h), with its +0.0.
// Needs: `cse` afterwards, for components that are read twice, and `dce`.
// Test: tests/passes/test_components.cpp
#pragma once
#include "ir/graph.h"

namespace tandem {

Graph components(const Graph& graph);

}  // namespace tandem
