// parts: sums of tensors that are zero but for a part of their own are put together instead of added.
//
// Effect: where `add` meets two such tensors (a `slice_update` of +0.0, or a sum of these) whose parts do not overlap,
//   the parts are written next to each other: a `concat` where they make up the whole, else one `slice_update` each. This
//   is what the gradients of slices of one tensor are, such as the gates of a recurrent cell.
// Bits: every element is still added to +0.0 once, which turns -0.0 into +0.0.
// Needs: `dce` afterwards, for the sums in between.
// Test: tests/passes/test_parts.cpp
#pragma once
#include "ir/graph.h"

namespace tandem {

Graph parts(const Graph& graph);

}  // namespace tandem
