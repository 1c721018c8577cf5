// Elements of tensors as routines compute with them: 16-bit floats in f32, all else as it is.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "ir/dtype.h"
#include "ir/error.h"

namespace tandem {

struct HalfBits {
  uint16_t bits;
};
struct BfloatBits {
  uint16_t bits;
};

template <class E>
struct Element {
  using Sum = E;
  static E load(E element) { return element; }
  static E store(E value) { return value; }
};
template <>
struct Element<HalfBits> {
  using Sum = float;
  static float load(HalfBits element) { return half_to_float(element.bits); }
  static HalfBits store(float value) { return {float_to_half(value)}; }
};
template <>
struct Element<BfloatBits> {
  using Sum = float;
  static float load(BfloatBits element) { return std::bit_cast<float>(static_cast<uint32_t>(element.bits) << 16); }
  static BfloatBits store(float value) { return {float_to_bfloat(value)}; }
};

// In loops over vectors, too, which have a comparison for it.
template <class T>
__attribute__((always_inline)) inline bool is_nan(T x) {
  if constexpr (std::is_floating_point_v<T>) return std::isnan(x);
  return false;
}

// Calls work with a value of the type that holds elements of the dtype.
template <class Work>
void with_float(DType dtype, Work&& work) {
  switch (dtype) {
    case DType::f16: return work(HalfBits{});
    case DType::bf16: return work(BfloatBits{});
    case DType::f32: return work(float{});
    case DType::f64: return work(double{});
    default: throw InternalError("a routine takes floating-point numbers");
  }
}

template <class Work>
void with_element(DType dtype, Work&& work) {
  switch (dtype) {
    case DType::i8: return work(int8_t{});
    case DType::u8: return work(uint8_t{});
    case DType::i16: return work(int16_t{});
    case DType::u16: return work(uint16_t{});
    case DType::i32: return work(int32_t{});
    case DType::u32: return work(uint32_t{});
    case DType::i64: return work(int64_t{});
    case DType::u64: return work(uint64_t{});
    default: return with_float(dtype, work);
  }
}

}  // namespace tandem
