// The gradient of a program, by the formulas of its operations in reverse order: the same that the tape applies to eager
// operations, so both give the same bits.
//
// Effect: the params are those of `graph` and then one for each result in `of_results`, its gradient; the results are the
// gradients of the params in `wanted`, zeros where nothing flows to one. The computation of `graph` is part of it, as far as
// the formulas read its values. The graph has no branches and loops. Throws Error{autograd} where an operation
// without a formula would get a gradient.
// Test: tests/autograd/test_compiled.py
#pragma once
#include <vector>

#include "ir/graph.h"

namespace tandem {

Graph gradient(const Graph& graph, const std::vector<bool>& of_results, const std::vector<bool>& wanted);

}  // namespace tandem
