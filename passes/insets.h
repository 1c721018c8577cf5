// insets: what is written into a constant is chosen where it is read.
//
// Effect: a `slice_update` of a constant that sets rows apart from the others along one axis, not the innermost, and that
//   only element-wise operations and reductions read, becomes `where(row is set, take(value, row), constant)`. So the
//   zeros of the gradients of slices, such as every second step of a scan, are neither stored nor read.
// Bits: elements are copied.
// Needs: `parts` before, which joins parts that make up a whole; `cse` afterwards, for the numbers of the rows.
// Test: tests/passes/test_insets.cpp
#pragma once
#include "ir/graph.h"

namespace tandem {

Graph insets(const Graph& graph);

}  // namespace tandem
