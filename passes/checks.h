// checks: indices that a kernel checks anyway are not checked before it.
//
// Effect: removes a `check_index` whose failure no order of events could show (it is not `ordered`), where a `take` or an
//   `index_update` of just these indices is computed completely; and any whose indices are within bounds, being constants
//   or counted by a loop (passes/ranges.h), or have been checked against the same size.
// Needs: `dce` has run: what is still there is computed.
// Guarantees: a graph fails if and only if it did before; makes no node.
// Test: tests/passes/test_checks.cpp
#pragma once
#include "ir/graph.h"

namespace tandem {

Graph checks(const Graph& graph);

}  // namespace tandem
