// Element types, the meaning of the scalar primitives, and the builder of scalar bodies.
#include "ir/scalar.h"

#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>

namespace tandem {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int64_t kMin64 = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax64 = std::numeric_limits<int64_t>::max();

int64_t bits(float value) { return std::bit_cast<uint32_t>(value); }
int64_t bits(double value) { return std::bit_cast<int64_t>(value); }

int64_t binary(ScalarOp op, DType dtype, int64_t a, int64_t b) { return evaluate(op, dtype, dtype, a, b); }
int64_t cast(DType from, DType to, int64_t a) { return evaluate(ScalarOp::cast, to, from, a); }

// Whether `rounded` is the 16-bit number nearest to `value`, ties to even, judged by its neighbours.
bool is_nearest(double value, uint16_t rounded, float (*widen)(uint16_t), uint16_t infinity) {
  const double size = std::fabs(value);
  const auto magnitude = static_cast<uint16_t>(rounded & 0x7fff);
  if (std::signbit(value) != ((rounded & 0x8000) != 0) || magnitude > infinity) return false;
  // Beyond the largest number the next one up would be a power of two; halfway to it rounds to infinity.
  const auto at = [&](int code) -> double {
    if (code < 0) return -kInfinity;
    if (code < infinity) return widen(static_cast<uint16_t>(code));
    return code == infinity
               ? 2.0 * widen(static_cast<uint16_t>(infinity - 1)) - widen(static_cast<uint16_t>(infinity - 2))
               : kInfinity;
  };
  if (magnitude == infinity) {
    const double below = at(infinity - 1);
    return size >= below + (at(infinity) - below) / 2;
  }
  const double here = std::fabs(size - at(magnitude));
  const double below = std::fabs(size - at(magnitude - 1));
  const double above = std::fabs(size - at(magnitude + 1));
  const bool even = magnitude % 2 == 0;
  return even ? here <= below && here <= above : here < below && here < above;
}

}  // namespace

TEST_CASE("promotion follows the array API") {
  for (const DTypeInfo& a : kDTypes) {
    CHECK(promote(a.dtype, a.dtype) == a.dtype);
    CHECK(promote(a.dtype, DType::boolean) == a.dtype);
    CHECK(promote(a.dtype, DType::f64) == (a.kind == Kind::complex ? DType::c128 : DType::f64));
    for (const DTypeInfo& b : kDTypes) {
      CHECK(promote(a.dtype, b.dtype) == promote(b.dtype, a.dtype));
      if (a.kind < Kind::floating && b.kind >= Kind::floating) CHECK(promote(a.dtype, b.dtype) == b.dtype);
    }
  }
  CHECK(promote(DType::i8, DType::i32) == DType::i32);
  CHECK(promote(DType::i32, DType::i64) == DType::i64);
  CHECK(promote(DType::u8, DType::i64) == DType::i64);
  CHECK(promote(DType::u8, DType::i8) == DType::i16);
  CHECK(promote(DType::i8, DType::u16) == DType::i32);
  CHECK(promote(DType::u16, DType::i32) == DType::i32);
  CHECK(promote(DType::u32, DType::i32) == DType::i64);
  CHECK(promote(DType::u32, DType::i16) == DType::i64);
  CHECK(promote(DType::u64, DType::u16) == DType::u64);
  CHECK(promote(DType::u64, DType::i8) == DType::f64);
  CHECK(promote(DType::f16, DType::f32) == DType::f32);
  CHECK(promote(DType::f16, DType::bf16) == DType::f32);
  CHECK(promote(DType::f32, DType::c64) == DType::c64);
  CHECK(promote(DType::f64, DType::c64) == DType::c128);
  CHECK(promote(DType::c64, DType::c128) == DType::c128);
}

TEST_CASE("dtypes are found by both names") {
  for (const DTypeInfo& row : kDTypes) {
    CHECK(dtype_from_name(row.name) == row.dtype);
    CHECK(dtype_from_name(row.text) == row.dtype);
  }
  CHECK(!dtype_from_name("float"));
  CHECK(!dtype_from_name(""));
}

TEST_CASE("16-bit floats survive widening and narrowing") {
  for (uint32_t code = 0; code < 0x10000; ++code) {
    const auto half = static_cast<uint16_t>(code);
    if (std::isnan(half_to_float(half))) {
      CHECK((half & 0x7fff) > 0x7c00);
      CHECK(float_to_half(half_to_float(half)) == (half | 0x200));
    } else if (float_to_half(half_to_float(half)) != half || double_to_half(half_to_float(half)) != half) {
      FAIL("float16 " << code);
    }
    if (std::isnan(bfloat_to_float(half)))
      CHECK(float_to_bfloat(bfloat_to_float(half)) == (half | 0x40));
    else if (float_to_bfloat(bfloat_to_float(half)) != half || double_to_bfloat(bfloat_to_float(half)) != half)
      FAIL("bfloat16 " << code);
  }
  CHECK(half_to_float(0x3c00) == 1.0F);
  CHECK(half_to_float(0x0001) == 0x1p-24F);
  CHECK(half_to_float(0x7bff) == 65504.0F);
  CHECK(bfloat_to_float(0x3f80) == 1.0F);
}

TEST_CASE("narrowing to 16 bits rounds to nearest even, once") {
  std::mt19937_64 random(1);
  for (int i = 0; i < 200'000; ++i) {
    const double scale = std::ldexp(1.0, static_cast<int>(random() % 300) - 150);
    const double any = (static_cast<double>(random()) / 0x1p63 - 1) * scale;
    // Halves of odd numbers of the 16-bit grid and their neighbours, where rounding twice would go wrong.
    const auto code = static_cast<uint16_t>(random() % 0x7bff);
    const double tie = (static_cast<double>(half_to_float(code)) + half_to_float(static_cast<uint16_t>(code + 1))) / 2;
    for (const double value : {any, tie, std::nextafter(tie, 0.0), -std::nextafter(tie, 1e9)}) {
      if (!is_nearest(value, double_to_half(value), half_to_float, 0x7c00)) FAIL("float16 of " << value);
      if (!is_nearest(value, double_to_bfloat(value), bfloat_to_float, 0x7f80)) FAIL("bfloat16 of " << value);
      const auto single = static_cast<float>(value);
      if (!is_nearest(single, float_to_half(single), half_to_float, 0x7c00)) FAIL("float16 of " << single);
      if (!is_nearest(single, float_to_bfloat(single), bfloat_to_float, 0x7f80)) FAIL("bfloat16 of " << single);
    }
  }
  CHECK(double_to_half(65519.999) == 0x7bff);
  CHECK(double_to_half(65520) == 0x7c00);
  CHECK(double_to_half(1 + 0x1p-11 + 0x1p-40) == 0x3c01);  // through a float it would be a tie
  CHECK(float_to_half(0x1p-25F) == 0);
  CHECK(float_to_half(std::nextafter(0x1p-25F, 1.0F)) == 1);
}

TEST_CASE("integer primitives wrap and never trap") {
  CHECK(binary(ScalarOp::add, DType::i8, 127, 1) == -128);
  CHECK(binary(ScalarOp::sub, DType::u8, 0, 1) == 255);
  CHECK(binary(ScalarOp::mul, DType::i32, 1 << 20, 1 << 12) == 0);
  CHECK(binary(ScalarOp::mul, DType::i64, kMax64, 2) == -2);
  CHECK(binary(ScalarOp::div, DType::i32, -7, 2) == -3);
  CHECK(binary(ScalarOp::rem, DType::i32, -7, 2) == -1);
  CHECK(binary(ScalarOp::div, DType::i32, 5, 0) == 0);
  CHECK(binary(ScalarOp::rem, DType::i32, 5, 0) == 5);
  for (const auto& [dtype, lowest] :
       {std::pair{DType::i8, int64_t{-128}}, std::pair{DType::i32, int64_t{std::numeric_limits<int32_t>::min()}},
        std::pair{DType::i64, kMin64}}) {
    CHECK(binary(ScalarOp::div, dtype, lowest, -1) == lowest);
    CHECK(binary(ScalarOp::rem, dtype, lowest, -1) == 0);
    CHECK(evaluate(ScalarOp::neg, dtype, dtype, lowest) == lowest);
    CHECK(evaluate(ScalarOp::abs, dtype, dtype, lowest) == lowest);
  }
  CHECK(binary(ScalarOp::shl, DType::i32, 1, 31) == std::numeric_limits<int32_t>::min());
  CHECK(binary(ScalarOp::shr, DType::i32, -8, 1) == -4);
  CHECK(binary(ScalarOp::shr, DType::u8, 200, 1) == 100);
  CHECK(binary(ScalarOp::shr_logical, DType::i32, -8, 1) == 0x7ffffffc);
  CHECK(binary(ScalarOp::shr_logical, DType::i64, -1, 63) == 1);
  CHECK(evaluate(ScalarOp::bit_not, DType::u8, DType::u8, 1) == 254);
  CHECK(evaluate(ScalarOp::bit_not, DType::boolean, DType::boolean, 1) == 0);
  CHECK(binary(ScalarOp::min, DType::u8, 200, 100) == 100);
  CHECK(evaluate(ScalarOp::lt, DType::boolean, DType::i32, -1, 1) == 1);
}

TEST_CASE("unsigned integers of 64 bits are held by their bits and are not negative") {
  constexpr auto kU64 = DType::u64;
  CHECK(binary(ScalarOp::add, kU64, -1, 1) == 0);
  CHECK(binary(ScalarOp::div, kU64, -1, 10) == 1844674407370955161);
  CHECK(binary(ScalarOp::div, kU64, -1, -1) == 1);
  CHECK(binary(ScalarOp::div, kU64, 5, 0) == 0);
  CHECK(binary(ScalarOp::rem, kU64, -1, 10) == 5);
  CHECK(binary(ScalarOp::rem, kU64, 5, 0) == 5);
  CHECK(binary(ScalarOp::rem, kU64, kMin64, -1) == kMin64);
  CHECK(binary(ScalarOp::min, kU64, -1, 1) == 1);
  CHECK(binary(ScalarOp::max, kU64, -1, 1) == -1);
  CHECK(binary(ScalarOp::shr, kU64, -1, 63) == 1);
  CHECK(evaluate(ScalarOp::abs, kU64, kU64, -1) == -1);
  CHECK(evaluate(ScalarOp::lt, DType::boolean, kU64, -1, 1) == 0);
  CHECK(evaluate(ScalarOp::le, DType::boolean, kU64, 1, -1) == 1);
  CHECK(to_double(kU64, -1) == 0x1p64);
  CHECK(cast(kU64, DType::f32, kMin64) == bits(0x1p63F));
  CHECK(cast(kU64, DType::bf16, -1) == 0x5f80);
  CHECK(cast(kU64, DType::f16, -1) == 0x7c00);
  // Halfway between two bfloat16 numbers but for the last bit, which a double does not hold.
  CHECK(cast(kU64, DType::bf16, kMin64 + (int64_t{1} << 55) + 1) == 0x5f01);
  CHECK(cast(DType::f64, kU64, bits(0x1p64)) == -1);
  CHECK(cast(DType::f64, kU64, bits(0x1.8p63)) == kMin64 + (int64_t{1} << 62));
  CHECK(cast(DType::f32, kU64, bits(-1.0F)) == 0);
  CHECK(cast(DType::f64, kU64, bits(std::nan(""))) == 0);
  CHECK(cast(DType::i8, kU64, -1) == -1);
  CHECK(cast(kU64, DType::i32, -2) == -2);
  CHECK(cast(DType::u32, DType::i64, 0xffffffff) == 0xffffffff);
  CHECK(cast(DType::u16, DType::i16, 0xffff) == -1);
  CHECK(cast(DType::f64, DType::u16, bits(70000.0)) == 65535);
  CHECK(lowest_integer(DType::i64) == kMin64);
  CHECK(highest_integer(DType::u64) == ~uint64_t{0});
  CHECK(highest_integer(DType::i16) == 32767);
}

TEST_CASE("float minimum and maximum treat NaN and signed zeros as specified") {
  const int64_t nan = bits(std::numeric_limits<float>::quiet_NaN()) | 5;
  const int64_t one = bits(1.0F);
  const int64_t zero = bits(0.0F);
  const int64_t minus_zero = bits(-0.0F);
  for (const ScalarOp op : {ScalarOp::min, ScalarOp::max}) {
    CHECK(binary(op, DType::f32, nan, one) == nan);
    CHECK(binary(op, DType::f32, one, nan) == nan);
    CHECK(binary(op, DType::f32, zero, minus_zero) == minus_zero);
    CHECK(binary(op, DType::f32, minus_zero, zero) == zero);
  }
  CHECK(binary(ScalarOp::max, DType::f32, one, zero) == one);
}

TEST_CASE("float primitives") {
  CHECK(evaluate(ScalarOp::neg, DType::f32, DType::f32, bits(0.0F)) == bits(-0.0F));
  CHECK(evaluate(ScalarOp::abs, DType::f64, DType::f64, bits(-2.5)) == bits(2.5));
  CHECK(evaluate(ScalarOp::round, DType::f64, DType::f64, bits(2.5)) == bits(2.0));
  CHECK(evaluate(ScalarOp::round, DType::f32, DType::f32, bits(-0.5F)) == bits(-0.0F));
  const double x = 1 + 0x1p-30;
  CHECK(evaluate(ScalarOp::fma, DType::f64, DType::f64, bits(x), bits(x), bits(-1 - 0x1p-29)) == bits(0x1p-60));
  const int64_t nan = bits(std::numeric_limits<double>::quiet_NaN());
  for (const ScalarOp op : {ScalarOp::eq, ScalarOp::lt, ScalarOp::le})
    CHECK(evaluate(op, DType::boolean, DType::f64, nan, nan) == 0);
  CHECK(evaluate(ScalarOp::ne, DType::boolean, DType::f64, nan, nan) == 1);
  CHECK(evaluate(ScalarOp::eq, DType::boolean, DType::f64, bits(0.0), bits(-0.0)) == 1);
  CHECK(evaluate(ScalarOp::select, DType::f16, DType::boolean, 0, 1, 2) == 2);
  CHECK_THROWS_AS(binary(ScalarOp::add, DType::f16, 0, 0), InternalError);
  CHECK_THROWS_AS(binary(ScalarOp::fma, DType::i32, 0, 0), InternalError);
}

TEST_CASE("casts truncate, saturate and round once") {
  CHECK(cast(DType::f64, DType::i8, bits(-1e9)) == -128);
  CHECK(cast(DType::f64, DType::i8, bits(127.9)) == 127);
  CHECK(cast(DType::f64, DType::u8, bits(-0.5)) == 0);
  CHECK(cast(DType::f64, DType::u8, bits(kInfinity)) == 255);
  CHECK(cast(DType::f32, DType::i32, bits(-1.9F)) == -1);
  CHECK(cast(DType::f32, DType::i32, bits(0x1p31F)) == std::numeric_limits<int32_t>::max());
  CHECK(cast(DType::f64, DType::i64, bits(0x1p63)) == kMax64);
  CHECK(cast(DType::f64, DType::i64, bits(-0x1p63)) == kMin64);
  CHECK(cast(DType::f64, DType::i64, bits(std::nan(""))) == 0);
  CHECK(cast(DType::f64, DType::boolean, bits(std::nan(""))) == 1);
  CHECK(cast(DType::f32, DType::boolean, bits(-0.0F)) == 0);
  CHECK(cast(DType::boolean, DType::f16, 1) == 0x3c00);
  CHECK(cast(DType::i64, DType::u8, 0x1234) == 0x34);
  CHECK(cast(DType::i32, DType::f32, (1 << 24) + 1) == bits(0x1p24F));
  CHECK(cast(DType::i64, DType::f32, (int64_t{1} << 40) + (1 << 16) + 1) == bits(0x1p40F + 0x1p17F));
  CHECK(cast(DType::f64, DType::f16, bits(1 + 0x1p-11 + 0x1p-40)) == 0x3c01);
  // Halfway between two bfloat16 numbers but for the last bit, which a double does not hold.
  CHECK(cast(DType::i64, DType::bf16, (int64_t{1} << 62) + (int64_t{1} << 54) + 1) == 0x5e81);
  CHECK(cast(DType::i64, DType::bf16, (int64_t{1} << 62) + (int64_t{1} << 54)) == 0x5e80);
  CHECK(cast(DType::i64, DType::bf16, kMin64) == 0xdf00);
  CHECK(cast(DType::f16, DType::bf16, 0x3c00) == 0x3f80);
  CHECK(cast(DType::bf16, DType::f32, 0x7f81) == 0x7f810000);  // a signalling NaN moves as it is
}

TEST_CASE("the builder makes equal nodes once and folds constants") {
  ScalarBuilder builder;
  const Scalar x = builder.emit(ScalarOp::load, DType::f32, -1, -1, -1, 0);
  const Scalar sum = x + x.constant(1.5);
  CHECK((x + x.constant(1.5)).id == sum.id);
  CHECK((x.constant(1.5) + x).id != sum.id);
  CHECK(x.constant(0).id != x.constant(-0.0).id);
  const size_t count = builder.body().size();
  const Scalar folded = fma(x.constant(2), x.constant(3), x.constant(0.5)) < x.constant(7);
  CHECK(builder.body()[static_cast<size_t>(folded.id)] ==
        ScalarNode{ScalarOp::constant, DType::boolean, -1, -1, -1, 1});
  CHECK(builder.body().size() > count);
  const Scalar nan = x.constant(0) / x.constant(0);
  CHECK(builder.body()[static_cast<size_t>(nan.id)].op == ScalarOp::constant);
  CHECK(std::isnan(std::bit_cast<float>(static_cast<uint32_t>(builder.body()[static_cast<size_t>(nan.id)].imm))));
  CHECK(builder.at(sum.id).dtype == DType::f32);
  CHECK(x.cast(DType::f32).id == x.id);
  CHECK(x.cast(DType::f64).dtype == DType::f64);
  CHECK((x < x.constant(0)).dtype == DType::boolean);
}

TEST_CASE("constants have one canonical form") {
  ScalarBuilder builder;
  CHECK(builder.constant_bits(DType::f32, -1).id == builder.constant_bits(DType::f32, 0xffffffff).id);
  CHECK(builder.constant_bits(DType::i8, 255).id == builder.constant(DType::i8, -1).id);
  CHECK(builder.constant(DType::i32, 3.9).id == builder.constant(DType::i32, 3).id);
  CHECK(constant_bits_of(DType::f16, 1) == 0x3c00);
  CHECK(constant_bits_of(DType::f32, -2) == bits(-2.0F));
  CHECK(constant_bits_of(DType::i64, -2.5) == -2);
  CHECK(constant_bits_of(DType::boolean, 0.5) == 1);
}

TEST_CASE("the builder rejects operands that do not fit") {
  ScalarBuilder builder;
  ScalarBuilder other;
  const Scalar x = builder.emit(ScalarOp::load, DType::f32, -1, -1, -1, 0);
  const Scalar n = builder.emit(ScalarOp::index, DType::i64, -1, -1, -1, 0);
  const Scalar foreign = other.emit(ScalarOp::load, DType::f32, -1, -1, -1, 0);
  CHECK_THROWS_AS(x + n, InternalError);
  CHECK_THROWS_AS(x < n, InternalError);
  CHECK_THROWS_AS(x + foreign, InternalError);
  CHECK_THROWS_AS(fma(x, x, n), InternalError);
  CHECK_THROWS_AS(select(x, x, x), InternalError);
  CHECK_THROWS_AS(x.bitcast(DType::i64), InternalError);
  CHECK_THROWS_AS(builder.emit(ScalarOp::neg, DType::f32, 99), InternalError);
}

}  // namespace tandem
