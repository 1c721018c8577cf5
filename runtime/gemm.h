// Tandem's own matrix product, for what oneDNN does not do (f64, f16, integers, small sizes, forked children) and for
// machines without it. Every element is one chain over k in increasing order, starting from zero: fused multiply-adds
// for floats (16-bit types in f32, rounded once at the end), wrapping arithmetic for integers, any-of-all for bool.
// The result therefore depends on nothing but the operands: not on threads, blocking or instruction set.
#pragma once
#include "runtime/library.h"

namespace tandem {

// Where a matrix of a batch begins, in elements: `strides` are those of one operand along the axes of the batch.
inline int64_t batch_offset(const MatmulArgs& args, const int64_t* strides, int64_t number) {
  int64_t offset = 0;
  for (int i = args.batch_rank - 1; i >= 0; --i) {
    offset += number % args.batch[i] * strides[i];
    number /= args.batch[i];
  }
  return offset;
}

enum class Isa : uint8_t { generic, avx2, avx512 };  // generic: what the compiler's base line has
Isa best_isa();

void gemm(const MatmulArgs& args, Isa isa = best_isa());

// The same for float32, float16 and bfloat16, and a batch with one right-hand matrix (gemm_panels.cpp). False where there are no loops for it.
bool gemm_panels(const MatmulArgs& args, Isa isa = best_isa());

// The same for float32 and any batch, `args.after` included (rows.cpp).
bool gemm_batch(const MatmulArgs& args, Isa isa = best_isa());

}  // namespace tandem
