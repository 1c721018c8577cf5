// Library calls of a Program. Eager and compiled code make the same call, so they get the same bits.
#pragma once
#include <cstdint>
#include <string>

#include "ir/dtype.h"
#include "runtime/storage.h"

namespace tandem {

class DerivedCopies;

// out[b, m, n] = sum over k of a[b, m, k] * b[b, k, n]; strides in elements, any sign or zero; batch of up to 6 axes
// given as flattened lists. `out` is contiguous row-major and does not overlap the inputs.
// What is to be done with each block of the result as it becomes known: rows [row, row + rows), through the batch, of the
// columns [column, column + columns) in each of `parts` runs, one behind the other, that the columns are.
struct AfterBlock {
  void (*run)(void* context, int64_t row, int64_t rows, int64_t column, int64_t columns);
  void* context;
  int parts = 1;
  bool whole_rows = false;  // blocks have all columns
};

struct MatmulArgs {
  DType dtype;
  int64_t m, n, k;
  int batch_rank;
  const int64_t* batch;                // extents
  const int64_t *a_batch, *b_batch;    // strides of a and b along the batch axes
  int64_t a_row, a_col, b_row, b_col;  // strides
  const void *a, *b;
  void* out;
  bool one_right = false;       // b has two axes, and is asked for as the same for all
  Storage* b_memory = nullptr;  // RoutineArray::memory of b
  const AfterBlock* after = nullptr;
  DerivedCopies* b_copies = nullptr;  // for copies of b, which does not change while they are there
};
inline constexpr int kMostBatchAxes = 6;

// Products of vectors are summed like the elements of a sum, for types that are summed as they are; a matrix times a
// vector, with one chain of additions for every element, is our own for these types as well (gemv.h).
// Other large products in bf16, and in f32 without AVX2, go to oneDNN, where there is one; bf16 accumulates in f32, and
// hardware that multiplies bf16 flushes subnormals. They are cut into parts by size alone, which threads share: the results do not
// depend on the number of threads. Everything else goes through our own loop (gemm.h), which sums along k in order with
// fused multiply-adds; f16 and bf16 are summed in f32 and rounded once. Integers wrap; bool is "any of both". k == 0
// gives zeros. Deterministic for a given machine; our own loop for any.
// Returns whether `after` has been done. It is by large products in f32 and bf16, but for some cuts; others leave it.
bool matmul(const MatmulArgs& args);

std::string library_versions();  // "oneDNN 2.6.3", or why there is none

struct LibraryStats {
  int64_t dnnl_calls = 0;
  int64_t own_calls = 0;
};
LibraryStats library_stats();

}  // namespace tandem
