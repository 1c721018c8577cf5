// expand: composite operations become the formulas of their rows.
//
// Effect: every node whose row has a formula (formula_of) is replaced by that formula, and so are the composite operations the
//   formula itself uses, until none is left. A row with Trait::wide is carried out in the compute type of its inputs'
//   promoted dtype (f32 for the 16-bit floats) and rounded once at the end.
// Needs: a graph that verifies.
// Guarantees: no composite operation is left; results keep dtype and shape; attributes are in the normal form that
//   the infer rules give them (axes as sorted lists, dtypes filled in); new nodes carry the location of the node they
//   replace.
// Test: tests/passes/test_expand.cpp
#pragma once
#include <optional>

#include "ir/graph.h"

namespace tandem {

Graph expand(const Graph& graph);
// The same for a graph whose sizes are known: `env` has values for its symbols.
Graph expand(const Graph& graph, const ShapeEnv& env);

// One step: `source`, which has nothing but params, with the formula of a row on the given inputs as its only contents and
// result; the composite operations that the formula uses stay. Nothing for a row that is lowered itself.
std::optional<Graph> formula_graph(Graph source, const OpDef& op, const std::vector<ValueId>& inputs, Attrs attrs);

}  // namespace tandem
