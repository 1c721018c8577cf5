// simplify: algebra that changes no bit.
//
// Effect: applies the rules of passes/simplify_rules.cpp (x * 1 -> x, reshape(reshape(x)) -> reshape(x), ...) to every
//   node, inputs first, and again to what a rule makes, so that one walk is enough; folds what becomes constant.
// Needs: what expand guarantees.
// Guarantees: no rule applies any more, except to values that only cse finds to be equal; nothing is left to fold;
//   results keep dtype and shape. Nodes that lost their users are left for dce.
// Test: tests/passes/test_simplify.cpp, which tries every rule before/after and bit by bit.
#pragma once
#include "ir/graph.h"

namespace tandem {

Graph simplify(const Graph& graph);
// The same with the rules that `numerics="fast"` allows: they keep results only up to rounding.
Graph reassociate(const Graph& graph);

}  // namespace tandem
