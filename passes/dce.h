// dce: what nobody uses is not computed.
//
// Effect: removes nodes none of whose values are used; results of `if` that nobody uses, in both branches; carried
//   values of `while` that neither its condition, nor its users, nor a carried value that is itself needed depends on;
//   and inputs of both that no region uses. A loop without users goes as a whole, whether or not it would end,
//   unless it calls the host or checks indices: such nodes stay (has_effects).
// Needs: nothing but a graph that verifies.
// Guarantees: every node is needed for a result or has effects. The params and results of the graph itself stay: they are its
//   calling convention. The order of what remains is kept.
// Test: tests/passes/test_dce.cpp
#pragma once
#include "ir/graph.h"

namespace tandem {

Graph dce(const Graph& graph);
// Per node: whether a result of the graph needs it, or it has effects.
std::vector<bool> needed_nodes(const Graph& graph);

}  // namespace tandem
