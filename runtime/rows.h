// Chains of products of float32 and kernels that share rows, some of which are computed at a time and stay in the
// second-level cache: attention, forwards and backwards. However rows are cut, every element is one chain of fused
// multiply-adds along k, the bits of gemm().
#pragma once
#include <cstdint>
#include <span>

#include "runtime/gemm.h"

namespace tandem {

// Buffers, of as many rows as are there at a time, have numbers; -1 is memory of all rows.
struct RowStep {
  enum class Kind : uint8_t {
    product,  // a result in each row, from that row of `left`
    sum,      // along the rows: args.k are those of one matrix. `right` is a buffer, or `left` is, turned
    kernel,   // run(context, row, rows, buffers): rows [row, row + rows), through the batch
  } kind;
  MatmulArgs args = {};  // of all rows, the whole batch; operands that are in buffers lie there row by row
  int left = -1, right = -1, out = -1;
  // buffers[i]: where row 0 of the batch would lie, if all rows were there.
  void (*run)(void* context, int64_t row, int64_t rows, char* const* buffers) = nullptr;
  void* context = nullptr;
  double cost = 0;  // of a kernel, in nanoseconds a row
};

struct RowChain {
  std::span<const RowStep> steps;
  std::span<const int64_t> row_bytes;  // of the buffers
  int64_t matrices, rows;              // of the batch, and of each matrix
  int64_t whole = 0;                   // elements in a row that something needs all of at once; 0: nothing does
};

// The bits of matmul() for every product. False, with nothing done, where that has other loops for one of them.
bool matmul_rows(const RowChain& chain);
// Without a look at that (rows.cpp). False where there are no loops.
bool run_rows(const RowChain& chain, Isa isa = best_isa());

}  // namespace tandem
