// Rows of 16-bit floats: all of them, and numbers between and beyond them, as single ones are converted.
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <random>
#include <vector>

#include "runtime/sixteen.h"

using namespace tandem;

namespace {

float wide_of(DType dtype, uint16_t bits) { return dtype == DType::f16 ? half_to_float(bits) : bfloat_to_float(bits); }
uint16_t narrow_of(DType dtype, float value) {
  return dtype == DType::f16 ? float_to_half(value) : float_to_bfloat(value);
}

}  // namespace

TEST_CASE("rows of 16-bit floats become float32 and come back") {
  for (const DType dtype : {DType::f16, DType::bf16}) {
    std::vector<uint16_t> bits(1 << 16), back(bits.size());
    for (size_t k = 0; k < bits.size(); ++k) bits[k] = static_cast<uint16_t>(k);
    std::vector<float> values(bits.size());
    widen(dtype, bits.data(), static_cast<int64_t>(bits.size()), values.data());
    narrow(dtype, values.data(), static_cast<int64_t>(values.size()), back.data());
    size_t wrong = 0;
    for (size_t k = 0; k < bits.size(); ++k) {
      const float wanted = wide_of(dtype, bits[k]);
      const bool is_nan = std::isnan(wanted);
      wrong += is_nan ? !std::isnan(values[k]) : std::bit_cast<uint32_t>(wanted) != std::bit_cast<uint32_t>(values[k]);
      wrong += is_nan ? !std::isnan(wide_of(dtype, back[k])) : back[k] != bits[k];
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("rows of float32 are rounded as single numbers are") {
  std::mt19937 random(7);
  for (const DType dtype : {DType::f16, DType::bf16})
    for (const size_t count : {size_t{0}, size_t{1}, size_t{7}, size_t{8}, size_t{200003}}) {
      std::vector<float> values(count);
      for (float& value : values) {
        do value = std::bit_cast<float>(static_cast<uint32_t>(random()));
        while (std::isnan(value));
        if (random() % 2 == 0) value = std::bit_cast<float>(std::bit_cast<uint32_t>(value) & 0xFFFFF000u);  // ties
        int exponent = 0;
        if (random() % 2 == 0) value = std::ldexp(std::frexp(value, &exponent), static_cast<int>(random() % 50) - 30);
      }
      std::vector<uint16_t> made(count);
      narrow(dtype, values.data(), static_cast<int64_t>(count), made.data());
      size_t wrong = 0;
      for (size_t k = 0; k < count; ++k) wrong += made[k] != narrow_of(dtype, values[k]);
      CHECK(wrong == 0);
    }
}
