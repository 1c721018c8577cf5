#include "ir/math_parts.h"

#include <limits>

namespace tandem::math {

const Format& format_of(DType dtype) {
  static constexpr Format kSingle{DType::i32, 23, 127, int64_t{1} << 31, 0x1p-126};
  static constexpr Format kDouble{DType::i64, 52, 1023, std::numeric_limits<int64_t>::min(), 0x1p-1022};
  check_internal(dtype == DType::f32 || dtype == DType::f64, "mathematical function of {}", info(dtype).text);
  return dtype == DType::f32 ? kSingle : kDouble;
}

double magic(DType dtype, int shift) { return (dtype == DType::f32 ? 0x1.8p23 : 0x1.8p52) + shift; }

Scalar horner(Scalar x, std::span<const double> coefs) {
  Scalar sum = x.constant(coefs.back());
  for (size_t i = coefs.size() - 1; i-- > 0;) sum = fma(sum, x, x.constant(coefs[i]));
  return sum;
}

namespace {

// Of every `step`-th coefficient from `first` on.
Scalar paired_horner(Scalar x, std::span<const double> coefs, size_t first, size_t step) {
  constexpr size_t kLong = 6;
  const size_t count = (coefs.size() - 1 - first) / step + 1;
  if (count >= kLong) {
    const Scalar square = x * x;
    return fma(paired_horner(square, coefs, first + step, 2 * step), x, paired_horner(square, coefs, first, 2 * step));
  }
  Scalar sum = x.constant(coefs[first + (count - 1) * step]);
  for (size_t i = count - 1; i-- > 0;) sum = fma(sum, x, x.constant(coefs[first + i * step]));
  return sum;
}

}  // namespace

Scalar paired_horner(Scalar x, std::span<const double> coefs) { return paired_horner(x, coefs, 0, 1); }

Pair fast_two_sum(Scalar a, Scalar b) {
  const Scalar hi = a + b;
  return {hi, (a - hi) + b};
}

Pair two_sum(Scalar a, Scalar b) {
  const Scalar hi = a + b;
  const Scalar b_part = hi - a;
  return {hi, (a - (hi - b_part)) + (b - b_part)};
}

Scalar quotient(Pair a, Pair b) {
  const Scalar inverse = b.hi.constant(1) / b.hi;
  const Scalar first = a.hi * inverse;
  const Scalar rest = fma(-first, b.hi, a.hi) + fma(-first, b.lo, a.lo);
  return fma(rest, inverse, first);
}

Pair sum(Pair a, Pair b) {
  const Pair leading = two_sum(a.hi, b.hi);
  return {leading.hi, leading.lo + (a.lo + b.lo)};
}

Pair product(Pair a, Pair b) {
  const Scalar hi = a.hi * b.hi;
  return {hi, fma(a.hi, b.hi, -hi) + fma(a.hi, b.lo, a.lo * b.hi)};
}

Pair ratio(Pair a, Pair b) {
  const Scalar hi = a.hi / b.hi;
  return {hi, (fma(-hi, b.hi, a.hi) + fma(-hi, b.lo, a.lo)) / b.hi};
}

std::vector<Scalar> chosen(std::span<const Scalar> conditions, std::initializer_list<std::span<const double>> tables) {
  ScalarBuilder& builder = *conditions.front().builder;
  std::vector<Scalar> coefs;
  const auto table = [&](size_t k) { return tables.begin()[k]; };
  for (size_t i = 0; i < table(0).size(); ++i) {
    Scalar value = builder.constant(DType::f64, table(conditions.size())[i]);
    for (size_t k = conditions.size(); k-- > 0;)
      value = select(conditions[k], builder.constant(DType::f64, table(k)[i]), value);
    coefs.push_back(value);
  }
  return coefs;
}

std::vector<Scalar> constants(Scalar like, std::span<const double> table) {
  std::vector<Scalar> coefs;
  for (const double coef : table) coefs.push_back(like.constant(coef));
  return coefs;
}

Pair polynomial(Pair t, std::span<const Scalar> coefs) {
  Scalar rest = coefs.back();
  for (size_t i = coefs.size() - 1; i-- > 3;) rest = fma(rest, t.hi, coefs[i]);
  const Scalar slope = fma(t.hi, rest, coefs[2]);
  const Scalar slope_error = fma(t.hi, rest, coefs[2] - slope);
  const Scalar hi = fma(t.hi, slope, coefs[1]);
  const Scalar error = fma(t.hi, slope, coefs[1] - hi);
  const Scalar tangent = fma(t.hi, rest, slope);  // but for the third order
  return {hi, error + fma(t.lo, tangent, fma(t.hi, slope_error, coefs[0]))};
}

Scalar bits_of(Scalar x) { return x.bitcast(format_of(x.dtype).ints); }
Scalar from_bits(Scalar bits) { return bits.bitcast(bits.dtype == DType::i32 ? DType::f32 : DType::f64); }
Scalar integer(Scalar like, int64_t value) { return like.constant_bits(value); }

Scalar sign_of(Scalar x) {
  const Scalar bits = bits_of(x);
  return bits & integer(bits, format_of(x.dtype).sign);
}

Scalar flip_sign(Scalar x, Scalar sign_bit) { return from_bits(bits_of(x) ^ sign_bit); }

Scalar exponent_field(Scalar value) { return from_bits(value << integer(value, value.dtype == DType::i32 ? 23 : 52)); }

// Selects rather than min and max, whose definition for NaN costs more: these are one instruction each on x86.
Scalar clamp(Scalar x, double low, double high) {
  const Scalar least = x.constant(low);
  const Scalar most = x.constant(high);
  const Scalar raised = select(x < least, least, x);
  return select(most < raised, most, raised);
}

}  // namespace tandem::math
