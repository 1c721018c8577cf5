// Runs small graphs element by element, straight from the definitions in the operation table. Slow and plain: what
// passes do to a graph must not change a bit of what this returns.
#pragma once
#include "ir/graph.h"

namespace tandem::testing {

struct Tensor {
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  std::vector<int64_t> bits;  // as ScalarOp::constant holds them, row-major
  bool operator==(const Tensor&) const = default;
};

// No symbols and no composite operations; no argmax, argmin and take_along_axis; products of two matrices only.
// Reductions go one element after the other, which is not the order of kernels: equal bits need sums that are exact.
std::vector<Tensor> evaluate_graph(const Graph& graph, const std::vector<Tensor>& inputs);

// Numbers that rules go wrong on: zeros of both signs, NaN, infinities, the smallest and largest ones.
std::vector<int64_t> special_bits(DType dtype);

}  // namespace tandem::testing
