#include "ir/dtype.h"

#include <algorithm>
#include <bit>

namespace tandem {

namespace {

// Layout of a 16-bit format: mantissa bits without the hidden one, and the exponent of the smallest normal number.
struct HalfFormat {
  int mantissa;
  int min_exponent;
  uint16_t infinity;
};
constexpr HalfFormat kHalf{10, -14, 0x7c00};
constexpr HalfFormat kBfloat{7, -126, 0x7f80};

// Rounds to nearest even in one step. Works on the bits of a double, which holds every float exactly, so that one
// routine serves all four narrowing conversions.
uint16_t narrow(double value, HalfFormat format) {
  constexpr int kDoubleMantissa = 52;
  const uint64_t bits = std::bit_cast<uint64_t>(value);
  const uint64_t fraction = bits & ((uint64_t{1} << kDoubleMantissa) - 1);
  const int biased = static_cast<int>(bits >> kDoubleMantissa) & 0x7ff;
  const auto sign = static_cast<uint16_t>(bits >> 48 & 0x8000);
  const int dropped = kDoubleMantissa - format.mantissa;
  if (biased == 0x7ff) {
    if (fraction == 0) return sign | format.infinity;
    const auto quiet = static_cast<uint16_t>(1 << (format.mantissa - 1));
    return static_cast<uint16_t>(sign | format.infinity | quiet | fraction >> dropped);
  }
  if (biased == 0) return sign;  // double subnormals are far below half the smallest 16-bit number
  const uint64_t significand = fraction | uint64_t{1} << kDoubleMantissa;
  const int exponent = biased - 1023;
  const bool subnormal = exponent < format.min_exponent;
  const int shift = dropped + (subnormal ? format.min_exponent - exponent : 0);
  if (shift > kDoubleMantissa + 1) return sign;
  uint64_t rounded = significand >> shift;
  const uint64_t rest = significand & ((uint64_t{1} << shift) - 1);
  const uint64_t half = uint64_t{1} << (shift - 1);
  if (rest > half || (rest == half && (rounded & 1) != 0)) ++rounded;
  // The hidden bit of `rounded` adds one to the exponent field, so a carry needs no special case.
  if (!subnormal) rounded += static_cast<uint64_t>(exponent - format.min_exponent) << format.mantissa;
  return static_cast<uint16_t>(sign | (rounded < format.infinity ? rounded : format.infinity));
}

}  // namespace

DType promote(DType a, DType b) {
  if (a == b) return a;
  const DTypeInfo& left = info(a);
  const DTypeInfo& right = info(b);
  if (is_complex(a) || is_complex(b)) {  // what holds the parts of both; integers take the precision of the other
    const bool whole = left.kind < Kind::floating || right.kind < Kind::floating;
    if (whole) return is_complex(a) ? a : b;
    return complex_type(promote(real_type(a), real_type(b)));
  }
  if (left.kind != right.kind) return left.kind < right.kind ? b : a;
  if (left.kind == Kind::floating && left.size == right.size) return DType::f32;  // float16 with bfloat16
  if (left.is_signed == right.is_signed) return left.size < right.size ? b : a;
  // The least signed integer that holds both.
  const int size = std::max(left.is_signed ? left.size : 2 * left.size, right.is_signed ? right.size : 2 * right.size);
  for (const DTypeInfo& row : kDTypes)
    if (is_signed_integer(row.dtype) && row.size == size) return row.dtype;
  return DType::f64;
}

std::optional<DType> dtype_from_name(std::string_view name) {
  for (const DTypeInfo& row : kDTypes)
    if (name == row.name || name == row.text) return row.dtype;
  return std::nullopt;
}

float half_to_float(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  const uint32_t exponent = bits >> 10 & 0x1f;
  const uint32_t fraction = bits & 0x3ff;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
  }
  if (exponent == 0x1f) {
    const uint32_t quiet = fraction != 0 ? 0x400000 : 0;
    return std::bit_cast<float>(sign | 0x7f800000 | quiet | fraction << 13);
  }
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
}

uint16_t float_to_half(float value) { return narrow(static_cast<double>(value), kHalf); }
uint16_t double_to_half(double value) { return narrow(value, kHalf); }

float bfloat_to_float(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

uint16_t float_to_bfloat(float value) { return narrow(static_cast<double>(value), kBfloat); }
uint16_t double_to_bfloat(double value) { return narrow(value, kBfloat); }

}  // namespace tandem
