// Scalar primitives of a Kernel as LLVM instructions, on scalars (width 1) or vectors.
//
// f16 and bf16 values are held as i16 and converted by explicit code, because what LLVM does with its own 16-bit types
// depends on the target. A bool is i1 in registers and i8 in memory.
#pragma once
#include <string>

#include "codegen/llvm/target.h"
#include "codegen/llvm/text.h"
#include "ir/kernel.h"

namespace tandem::llvm {

std::string_view register_type(DType dtype);
std::string_view memory_type(DType dtype);
std::string vector_of(std::string_view type, int width);  // "<16 x float>", or the type itself for width 1
inline std::string type_of(DType dtype, int width) { return vector_of(register_type(dtype), width); }

std::string suffix_of(std::string_view type, int width);  // in names of functions: "v16f32"

// A literal of the dtype: of a bit pattern, in a scalar or in all lanes.
Value literal(DType dtype, int64_t bits, int width);

class Ops {
 public:
  Ops(Text& text, const Target& target) : t_(text), target_(target) {}

  // `dtype` of the result, `operand` of a (b for select's values). `safe_divisor`: b is a literal, neither 0 nor -1.
  Value emit(ScalarOp op, DType dtype, DType operand, int width, const Value& a, const Value& b, const Value& c,
             bool safe_divisor = false);
  Value cast(DType to, DType from, int width, const Value& a);
  Value splat(std::string_view type, int width, const Value& scalar);
  // Between registers and memory; only a bool differs.
  Value from_memory(DType dtype, int width, const Value& loaded);
  Value to_memory(DType dtype, int width, const Value& value);

 private:
  Value remainder(DType dtype, int width, const Value& a, const Value& b);
  Value divide(DType dtype, int width, const Value& a, const Value& b, bool safe_divisor);
  Value extremum(ScalarOp op, DType dtype, int width, const Value& a, const Value& b);
  Value compare(ScalarOp op, DType operand, int width, const Value& a, const Value& b);
  Value call(std::string_view intrinsic, DType dtype, int width, const Value& arguments);
  Value bits(std::string_view op, std::string_view type, int width, const Value& a, int64_t b);
  // convert.cpp
  Value half_to_float(int width, const Value& a);
  Value float_to_half(int width, const Value& a);
  Value bfloat_to_float(int width, const Value& a);
  Value float_to_bfloat(int width, const Value& a);
  Value round_to_odd(int width, const Value& a);
  Value sticky_double(DType from, int width, const Value& a);
  Value narrow(DType to, DType from, int width, const Value& a);

  Text& t_;
  const Target& target_;
};

}  // namespace tandem::llvm
