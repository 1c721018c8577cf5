// Conversions to and from the 16-bit floats, which live in registers as i16. They agree with ir/dtype.cpp bit for bit,
// NaN payloads included, on every target.
#include "codegen/llvm/ops.h"

namespace tandem::llvm {

Value Ops::bits(std::string_view op, std::string_view type, int width, const Value& a, int64_t b) {
  const DType dtype = type == "i16" ? DType::f16 : type == "i32" ? DType::i32 : DType::i64;
  return t_.def("{} {} {}, {}", op, vector_of(type, width), a, literal(dtype, b, width));
}

Value Ops::bfloat_to_float(int width, const Value& a) {
  const std::string i32 = vector_of("i32", width);
  const Value wide = t_.def("zext {} {} to {}", vector_of("i16", width), a, i32);
  return t_.def("bitcast {} {} to {}", i32, bits("shl", "i32", width, wide, 16), vector_of("float", width));
}

Value Ops::float_to_bfloat(int width, const Value& a) {
  const std::string i32 = vector_of("i32", width);
  const std::string f32 = vector_of("float", width);
  const Value raw = t_.def("bitcast {} {} to {}", f32, a, i32);
  const Value top = bits("lshr", "i32", width, raw, 16);
  // Round half to even: add just under a half, and one more if the kept part is odd.
  const Value odd = bits("and", "i32", width, top, 1);
  const Value bias = bits("add", "i32", width, odd, 0x7fff);
  const Value rounded = bits("lshr", "i32", width, t_.def("add {} {}, {}", i32, raw, bias), 16);
  const Value quiet = bits("or", "i32", width, top, 0x40);
  const Value is_nan = t_.def("fcmp uno {} {}, {}", f32, a, a);
  const Value chosen = t_.def("select {} {}, {} {}, {} {}", vector_of("i1", width), is_nan, i32, quiet, i32, rounded);
  return t_.def("trunc {} {} to {}", i32, chosen, vector_of("i16", width));
}

Value Ops::half_to_float(int width, const Value& a) {
  const std::string f32 = vector_of("float", width);
  if (target_.converts_half) {
    const std::string half = vector_of("half", width);
    const Value as_half = t_.def("bitcast {} {} to {}", vector_of("i16", width), a, half);
    return t_.def("fpext {} {} to {}", half, as_half, f32);
  }
  const std::string i32 = vector_of("i32", width);
  const std::string i1 = vector_of("i1", width);
  const Value wide = t_.def("zext {} {} to {}", vector_of("i16", width), a, i32);
  const Value sign = bits("shl", "i32", width, bits("and", "i32", width, wide, 0x8000), 16);
  const Value magnitude = bits("and", "i32", width, wide, 0x7fff);
  const Value shifted = bits("shl", "i32", width, magnitude, 13);
  const Value normal = bits("add", "i32", width, shifted, int64_t{112} << 23);
  // Inf and NaN take the largest exponent; a NaN becomes quiet.
  const Value special = bits("or", "i32", width, shifted, 0x7f800000);
  const Value quiet = bits("or", "i32", width, special, 0x400000);
  const Value is_nan = bits("icmp ugt", "i32", width, magnitude, 0x7c00);
  const Value is_special = bits("icmp uge", "i32", width, magnitude, 0x7c00);
  const Value is_small = bits("icmp ult", "i32", width, magnitude, 0x400);
  const Value count = t_.def("uitofp {} {} to {}", i32, magnitude, f32);
  const Value scaled = t_.def("fmul {} {}, {}", f32, count, literal(DType::f32, 0x33800000, width));  // 2^-24, exact
  const Value small = t_.def("bitcast {} {} to {}", f32, scaled, i32);
  Value chosen = t_.def("select {} {}, {} {}, {} {}", i1, is_special, i32, special, i32, normal);
  chosen = t_.def("select {} {}, {} {}, {} {}", i1, is_nan, i32, quiet, i32, chosen);
  chosen = t_.def("select {} {}, {} {}, {} {}", i1, is_small, i32, small, i32, chosen);
  return t_.def("bitcast {} {} to {}", i32, t_.def("or {} {}, {}", i32, chosen, sign), f32);
}

Value Ops::float_to_half(int width, const Value& a) {
  const std::string f32 = vector_of("float", width);
  if (target_.converts_half) {
    const std::string half = vector_of("half", width);
    const Value rounded = t_.def("fptrunc {} {} to {}", f32, a, half);
    return t_.def("bitcast {} {} to {}", half, rounded, vector_of("i16", width));
  }
  const std::string i32 = vector_of("i32", width);
  const std::string i1 = vector_of("i1", width);
  const Value raw = t_.def("bitcast {} {} to {}", f32, a, i32);
  const Value sign = bits("and", "i32", width, bits("lshr", "i32", width, raw, 16), 0x8000);
  const Value magnitude = bits("and", "i32", width, raw, 0x7fffffff);
  const Value odd = bits("and", "i32", width, bits("lshr", "i32", width, magnitude, 13), 1);
  const Value rebased = bits("add", "i32", width, magnitude, -(int64_t{112} << 23) + 0xfff);
  const Value normal = bits("lshr", "i32", width, t_.def("add {} {}, {}", i32, rebased, odd), 13);
  // Below the normal range: 0.5 + x makes the adder round at the weight of the last half-precision bit.
  const Value positive = t_.def("bitcast {} {} to {}", i32, magnitude, f32);
  const Value sum = t_.def("fadd {} {}, {}", f32, positive, literal(DType::f32, 0x3f000000, width));
  const Value small = bits("sub", "i32", width, t_.def("bitcast {} {} to {}", f32, sum, i32), 0x3f000000);
  const Value payload = bits("and", "i32", width, bits("lshr", "i32", width, magnitude, 13), 0x3ff);
  const Value nan = bits("or", "i32", width, payload, 0x7e00);
  const Value is_small = bits("icmp ult", "i32", width, magnitude, 0x38800000);
  const Value is_large = bits("icmp uge", "i32", width, magnitude, 0x47800000);
  const Value is_nan = bits("icmp ugt", "i32", width, magnitude, 0x7f800000);
  Value chosen = t_.def("select {} {}, {} {}, {} {}", i1, is_small, i32, small, i32, normal);
  chosen = t_.def("select {} {}, {} {}, {} {}", i1, is_large, i32, literal(DType::i32, 0x7c00, width), i32, chosen);
  chosen = t_.def("select {} {}, {} {}, {} {}", i1, is_nan, i32, nan, i32, chosen);
  return t_.def("trunc {} {} to {}", i32, t_.def("or {} {}, {}", i32, chosen, sign), vector_of("i16", width));
}

// f64 -> f32 rounded to odd: rounding the result once more, to at most 22 bits, equals rounding the double once.
Value Ops::round_to_odd(int width, const Value& a) {
  const std::string f64 = vector_of("double", width);
  const std::string f32 = vector_of("float", width);
  const std::string i32 = vector_of("i32", width);
  const std::string i1 = vector_of("i1", width);
  const std::string suffix = width == 1 ? "f64" : fmt::format("v{}f64", width);
  const Value nearest = t_.def("fptrunc {} {} to {}", f64, a, f32);
  const Value back = t_.def("fpext {} {} to {}", f32, nearest, f64);
  const Value raw = t_.def("bitcast {} {} to {}", f32, nearest, i32);
  const Value inexact = t_.def("fcmp one {} {}, {}", f64, back, a);
  const Value size = t_.def("call {} @llvm.fabs.{}({} {})", f64, suffix, f64, a);
  const Value back_size = t_.def("call {} @llvm.fabs.{}({} {})", f64, suffix, f64, back);
  const Value too_large = t_.def("fcmp ogt {} {}, {}", f64, back_size, size);
  const Value step = t_.def("select {} {}, {} {}, {} {}", i1, too_large, i32, literal(DType::i32, -1, width), i32,
                            literal(DType::i32, 1, width));
  const Value neighbour = t_.def("add {} {}, {}", i32, raw, step);
  const Value is_even = bits("icmp eq", "i32", width, bits("and", "i32", width, raw, 1), 0);
  const Value change = t_.def("and {} {}, {}", i1, inexact, is_even);
  const Value chosen = t_.def("select {} {}, {} {}, {} {}", i1, change, i32, neighbour, i32, raw);
  return t_.def("bitcast {} {} to {}", i32, chosen, f32);
}

// i64 or u64 -> f64 such that rounding it to 16 bits equals rounding the integer once: the bits that do not fit are folded
// into the lowest one that does.
Value Ops::sticky_double(DType from, int width, const Value& a) {
  const std::string i64 = vector_of("i64", width);
  const std::string i1 = vector_of("i1", width);
  const bool is_signed = info(from).is_signed;
  Value negative, size = a;
  if (is_signed) {
    negative = bits("icmp slt", "i64", width, a, 0);
    const Value negated = t_.def("sub {} {}, {}", i64, literal(DType::i64, 0, width), a);
    size = t_.def("select {} {}, {} {}, {} {}", i1, negative, i64, negated, i64, a);
  }
  const Value lost = bits("and", "i64", width, size, 0x7ff);
  const Value inexact = bits("icmp ne", "i64", width, lost, 0);
  const Value sticky = t_.def("select {} {}, {} {}, {} {}", i1, inexact, i64, literal(DType::i64, 0x800, width), i64,
                              literal(DType::i64, 0, width));
  const Value kept = t_.def("or {} {}, {}", i64, bits("and", "i64", width, size, ~int64_t{0x7ff}), sticky);
  const Value large = bits("icmp ugt", "i64", width, size, (int64_t{1} << 53) - 1);
  const Value magnitude = t_.def("select {} {}, {} {}, {} {}", i1, large, i64, kept, i64, size);
  const std::string f64 = vector_of("double", width);
  Value positive = t_.def("uitofp {} {} to {}", i64, magnitude, f64);
  if (!is_signed) return positive;
  const Value opposite = t_.def("fneg {} {}", f64, positive);
  return t_.def("select {} {}, {} {}, {} {}", i1, negative, f64, opposite, f64, positive);
}

Value Ops::narrow(DType to, DType from, int width, const Value& a) {
  Value single = a;
  if (from == DType::f64)
    single = round_to_odd(width, a);
  else if (is_integer(from) && size_of(from) == 8)
    single = round_to_odd(width, sticky_double(from, width, a));
  else if (is_integer(from) && size_of(from) == 4)
    single = round_to_odd(width, cast(DType::f64, from, width, a));
  else if (from != DType::f32)
    single = cast(DType::f32, from, width, a);
  return to == DType::f16 ? float_to_half(width, single) : float_to_bfloat(width, single);
}

}  // namespace tandem::llvm
