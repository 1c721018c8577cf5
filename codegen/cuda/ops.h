// The scalar primitives as C++ expressions. Values of bool are `bool`, 16-bit floats their bits; all others are of the
// type of their name in the prelude.
#pragma once
#include <string>
#include <string_view>

#include "ir/kernel.h"

namespace tandem::cuda {

std::string_view register_type(DType dtype);
std::string_view memory_type(DType dtype);
std::string literal(DType dtype, int64_t bits);
std::string operation(ScalarOp op, DType dtype, DType operand, const std::string& a, const std::string& b,
                      const std::string& c);
// What a reduction other than argmax and argmin does to two values.
std::string combination(ReduceKind kind, DType dtype, const std::string& earlier, const std::string& later);
std::string identity(ReduceKind kind, DType dtype);

}  // namespace tandem::cuda
