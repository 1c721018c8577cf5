// Building plans of small graphs and running them, next to the plain executor of evaluate.h.
#pragma once
#include "codegen/plan.h"
#include "tests/passes/evaluate.h"

namespace tandem::testing {

using Sizes = std::vector<int64_t>;  // of the symbols N, M, K ...

// The text with numbers for symbols.
std::string with_sizes(std::string_view text, const Sizes& sizes);

// The interpreter, and machine code where there is LLVM.
std::vector<Backend*> backends();

// Small whole numbers, so that sums are exact; integers are from -8 to 7.
std::vector<Tensor> random_inputs(const Graph& graph, const Sizes& sizes, unsigned seed);

struct Run {
  std::vector<Tensor> results;
  std::vector<Tensor> inputs;  // after the run
  ProgramStats stats;
};
// `inputs` are laid out as the graph's params say.
Run run_plan(const Plan& plan, const Graph& graph, const std::vector<Tensor>& inputs, const Sizes& sizes);

// `tolerance` 0: the same bits, but any NaN is as good as another.
bool agree(const Tensor& expected, const Tensor& got, double tolerance);

// Every back end, whatever the hints say: one set of bits, and what the plain executor returns for the numbers.
void check_program(std::string_view text, const std::vector<Sizes>& all_sizes, double tolerance = 0);

}  // namespace tandem::testing
