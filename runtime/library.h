// Library calls of a Program. Eager and compiled code make the same call, so they get the same bits.
#pragma once
#include <cstdint>
#include <string>

#include "ir/dtype.h"
#include "runtime/storage.h"

namespace tandem {

// out[b, m, n] = sum over k of a[b, m, k] * b[b, k, n]; strides in elements, any sign or zero; batch of up to 6 axes
// given as flattened lists. `out` is contiguous row-major and does not overlap the inputs.
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
};
inline constexpr int kMostBatchAxes = 6;

// Products of vectors are summed like the elements of a sum, for types that are summed as they are; a matrix times a
// vector, with one chain of additions for every element, is our own for these types as well (gemv.h).
// Other large products in f32 and bf16 go to oneDNN, where there is one; bf16 accumulates in f32, and hardware that
// multiplies bf16 flushes subnormals. They are cut into parts by size alone, which threads share: the results do not
// depend on the number of threads. Everything else goes through our own loop (gemm.h), which sums along k in order with
// fused multiply-adds; f16 and bf16 are summed in f32 and rounded once. Integers wrap; bool is "any of both". k == 0
// gives zeros. Deterministic for a given machine; our own loop for any.
void matmul(const MatmulArgs& args);

std::string library_versions();  // "oneDNN 2.6.3", or why there is none

struct LibraryStats {
  int64_t dnnl_calls = 0;
  int64_t own_calls = 0;
};
LibraryStats library_stats();

}  // namespace tandem
