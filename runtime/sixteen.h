// Many 16-bit floats as float32, and back, with the results of half_to_float, float_to_half and their kin (ir/dtype.h),
// but for the payloads of NaNs. Test: tests/runtime/test_sixteen.cpp.
#pragma once
#include <cstdint>

#include "ir/dtype.h"

namespace tandem {

// `dtype`: f16 or bf16.
void widen(DType dtype, const void* from, int64_t count, float* to);
void narrow(DType dtype, const float* from, int64_t count, void* to);

}  // namespace tandem
