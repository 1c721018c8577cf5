// Library calls of a Program. Eager and compiled code make the same call, so they get the same bits.
#pragma once
#include <cstdint>
#include <string>

#include "ir/dtype.h"

namespace tandem {

// out[b, m, n] = sum over k of a[b, m, k] * b[b, k, n]; strides in elements, any sign or zero; batch of up to 6 axes
// given as flattened lists. `out` is contiguous row-major and does not overlap the inputs.
struct MatmulArgs {
  DType dtype;
  int64_t m, n, k;
  int batch_rank;
  const int64_t* batch;                       // extents
  const int64_t *a_batch, *b_batch;           // strides of a and b along the batch axes
  int64_t a_row, a_col, b_row, b_col;         // strides
  const void *a, *b;
  void* out;
};
// f32, f16, bf16 through oneDNN (16-bit accumulates in f32), f64 and integers through our own blocked loop.
// k == 0 gives zeros. Deterministic for a given machine and thread count. Primitives are cached.
void matmul(const MatmulArgs& args);
std::string library_versions();  // "oneDNN 2.6.3"

}  // namespace tandem
