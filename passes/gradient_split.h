// A program and its gradient as two programs that run one after the other.
//
// Effect: `forward` is `graph` with further results, put in front of the last `hidden` ones: those of its products,
// reductions and loops that the gradient reads. `backward` takes the params of `graph`, then a gradient for each result in
// `of_results`, then what was kept, and yields the gradients of the params in `wanted`. What is cheap it computes again, and
// what had better not be kept (is_computed_again in cost.h, of the sizes that `hints` give; none: all is kept).
// Bits: those of `gradient_graph`, which computes everything again and can be differentiated in turn.
// Test: tests/autograd/test_compiled.py
#pragma once
#include <optional>
#include <span>
#include <vector>

#include "passes/gradient.h"

namespace tandem {

struct SplitGradient {
  Graph forward, backward;
  size_t kept;              // number of further results
  std::vector<bool> reads;  // which params `backward` reads
  std::vector<GradientResult> found;
};
SplitGradient split_gradient(const Graph& graph, size_t hidden, const std::vector<bool>& of_results,
                             const std::vector<bool>& wanted, std::optional<std::span<const int64_t>> hints = {});

}  // namespace tandem
