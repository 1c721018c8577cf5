// Discrete Fourier transforms of any length. Our own: mixed radix, and Bluestein's algorithm for large prime factors,
// with twiddles rounded from a wider type; float32 is computed in float64. Rows are shared among threads and computed several at a time in vectors;
// every row is computed by the same operations in the same order, so the bits depend on neither.
#pragma once
#include <cstdint>

#include "ir/dtype.h"

namespace tandem {

enum class FftKind : uint8_t { forward, backward, real_to_complex, complex_to_real };

// Along the middle axis of [outer, length, inner], contiguous on both sides. Complex numbers are pairs of reals.
struct FftArgs {
  FftKind kind;
  DType real;  // f32 or f64
  int64_t outer, inner;
  int64_t in_length;  // what there is; the rest of what is needed counts as zero, more than that is left out
  int64_t length;     // of the transform, at least 1; real_to_complex writes, and complex_to_real reads, length/2 + 1
  double scale;       // of the results
  const void* in;
  void* out;               // may be `in` where both sides have one type and length
  bool conjugate = false;  // between real numbers and a spectrum: that is the conjugate of what it is otherwise
  bool whole = false;      // real_to_complex writes all `length` numbers
};
void fourier_transform(const FftArgs& args);

}  // namespace tandem
