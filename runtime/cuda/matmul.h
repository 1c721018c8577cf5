// Products of matrices by cuBLASLt, which is opened at the first of them: $TANDEM_CUBLASLT, the system's, or the one of
// NVIDIA's packages for Python.
#pragma once
#include <string>

#include "runtime/library.h"

namespace tandem::cuda {

class Gpu;

// Whether cuBLASLt computes products of this dtype; others are computed on the host.
bool has_matmul(DType dtype);
// As tandem::matmul (runtime/library.h), on the GPU's stream. f16 and bf16 are summed in f32. Throws Error{backend} that
// says what was looked for when there is no cuBLASLt.
void matmul(Gpu& gpu, const MatmulArgs& args);

// Whether products of f32 may round their operands to TF32, which is fast and has 10 bits of mantissa. Off at first.
void allow_tf32(bool allow);
bool tf32_allowed();

std::string cublaslt_version();  // "13.0.2", or why there is none

struct MatmulStats {
  int64_t calls = 0;
  int64_t copies = 0;  // operands whose layout cuBLASLt does not take
};
MatmulStats matmul_stats();

}  // namespace tandem::cuda
