// cse: what is computed twice is computed once.
//
// Effect: of nodes with equal operation, attributes and inputs (and regions of equal text) the first is kept and used
//   in place of the others. The inputs of a commutative operation may stand in either order where that gives the same
//   bits: not for the minimum of floats, which keeps its second operand when zeros of both signs meet.
// Needs: nothing but a graph that verifies.
// Guarantees: no two equal nodes in one graph. A region is looked at by itself: it cannot use values from outside.
//   Attributes are compared bit by bit, so that 0.0 and -0.0 stay two constants.
// Test: tests/passes/test_cse.cpp
#pragma once
#include "ir/graph.h"

namespace tandem {

Graph cse(const Graph& graph);

}  // namespace tandem
