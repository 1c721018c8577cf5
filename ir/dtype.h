// Element types. One row per dtype in `kDTypes`; everything else (promotion, text, NumPy mapping) derives from it.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tandem {

enum class DType : uint8_t { boolean, i8, u8, i16, u16, i32, u32, i64, u64, f16, bf16, f32, f64, c64, c128 };
inline constexpr int kDTypeCount = 15;

// Ordered: a kind never promotes to an earlier one.
enum class Kind : uint8_t { boolean, integer, floating, complex };

struct DTypeInfo {
  DType dtype;
  std::string_view name;  // Python array API name: "float32"
  std::string_view text;  // name in IR text: "f32"
  int size;               // bytes
  Kind kind;
  bool is_signed;
  int mantissa;  // significant bits of a floating type or of the parts of a complex one, 0 otherwise
  int exponent;  // its least normal number is 2 to this power
};

inline constexpr std::array<DTypeInfo, kDTypeCount> kDTypes{{
    {DType::boolean, "bool", "bool", 1, Kind::boolean, false, 0, 0},
    {DType::i8, "int8", "i8", 1, Kind::integer, true, 0, 0},
    {DType::u8, "uint8", "u8", 1, Kind::integer, false, 0, 0},
    {DType::i16, "int16", "i16", 2, Kind::integer, true, 0, 0},
    {DType::u16, "uint16", "u16", 2, Kind::integer, false, 0, 0},
    {DType::i32, "int32", "i32", 4, Kind::integer, true, 0, 0},
    {DType::u32, "uint32", "u32", 4, Kind::integer, false, 0, 0},
    {DType::i64, "int64", "i64", 8, Kind::integer, true, 0, 0},
    {DType::u64, "uint64", "u64", 8, Kind::integer, false, 0, 0},
    {DType::f16, "float16", "f16", 2, Kind::floating, true, 11, -14},
    {DType::bf16, "bfloat16", "bf16", 2, Kind::floating, true, 8, -126},
    {DType::f32, "float32", "f32", 4, Kind::floating, true, 24, -126},
    {DType::f64, "float64", "f64", 8, Kind::floating, true, 53, -1022},
    {DType::c64, "complex64", "c64", 8, Kind::complex, true, 24, -126},
    {DType::c128, "complex128", "c128", 16, Kind::complex, true, 53, -1022},
}};

constexpr const DTypeInfo& info(DType dtype) { return kDTypes[static_cast<size_t>(dtype)]; }
constexpr int size_of(DType dtype) { return info(dtype).size; }
constexpr bool is_floating(DType dtype) { return info(dtype).kind == Kind::floating; }
constexpr bool is_complex(DType dtype) { return info(dtype).kind == Kind::complex; }
constexpr bool is_inexact(DType dtype) { return is_floating(dtype) || is_complex(dtype); }
constexpr bool is_integer(DType dtype) { return info(dtype).kind == Kind::integer; }
constexpr bool is_signed_integer(DType dtype) { return is_integer(dtype) && info(dtype).is_signed; }
constexpr bool is_unsigned(DType dtype) { return is_integer(dtype) && !info(dtype).is_signed; }
constexpr int bits_of(DType dtype) { return dtype == DType::boolean ? 1 : 8 * size_of(dtype); }
constexpr bool is_half(DType dtype) { return is_floating(dtype) && size_of(dtype) == 2; }

// The type arithmetic on `dtype` is carried out in: f32 for the 16-bit floats, the type itself otherwise.
constexpr DType compute_type(DType dtype) { return is_half(dtype) ? DType::f32 : dtype; }

// The dtype of the two parts of a complex dtype, which lie side by side in memory; any other dtype itself.
constexpr DType real_type(DType dtype) {
  return dtype == DType::c64 ? DType::f32 : dtype == DType::c128 ? DType::f64 : dtype;
}
// The complex dtype whose parts hold the numbers of `dtype`.
constexpr DType complex_type(DType dtype) {
  if (is_complex(dtype)) return dtype;
  return is_floating(dtype) && size_of(dtype) <= 4 ? DType::c64 : DType::c128;
}

// The least and the largest value of an integer dtype.
constexpr int64_t lowest_integer(DType dtype) {
  return is_signed_integer(dtype) ? -1 - static_cast<int64_t>((uint64_t{1} << (bits_of(dtype) - 1)) - 1) : 0;
}
constexpr uint64_t highest_integer(DType dtype) {
  return ~uint64_t{0} >> (64 - bits_of(dtype) + (is_signed_integer(dtype) ? 1 : 0));  // NOLINT: of integers
}

// Array API promotion of two tensor dtypes, and what NumPy adds to it: int + float -> the float, int + complex -> the complex, and uint64 with a
// signed integer -> float64, as no integer dtype holds both.
DType promote(DType a, DType b);

// By array API name ("float32") or IR text ("f32").
std::optional<DType> dtype_from_name(std::string_view name);

// Conversions that define the 16-bit formats (round to nearest even, subnormals kept, NaN stays NaN).
float half_to_float(uint16_t bits);
uint16_t float_to_half(float value);
uint16_t double_to_half(double value);
float bfloat_to_float(uint16_t bits);
uint16_t float_to_bfloat(float value);
uint16_t double_to_bfloat(double value);

}  // namespace tandem
