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

// No symbols, no composite operations; of structures: full, from_dim, iota, concat and control flow.
std::vector<Tensor> evaluate_graph(const Graph& graph, const std::vector<Tensor>& inputs);

// Numbers that rules go wrong on: zeros of both signs, NaN, infinities, the smallest and largest ones.
std::vector<int64_t> special_bits(DType dtype);

}  // namespace tandem::testing
