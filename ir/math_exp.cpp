// exp, exp2, expm1, sinh, cosh, tanh, sigmoid, logaddexp.
//
// All write x = n ln 2 + r with |r| <= (ln 2) / 2 and n an integer, so that e^x = 2^n e^r. Powers of two are made by
// integer shifts; where the result may be subnormal, 2^n is applied as two factors of which the first is exact, so that
// only the second rounds. Functions that subtract (expm1, sinh ...) keep the leading part of e^r as 1 + r and add the
// rest of the series to the rounding error of that sum.
#include <array>

#include "ir/math.h"
#include "ir/math_parts.h"
#include "ir/math_tables.h"

namespace tandem::math {

namespace {

struct ExpTable {
  std::span<const double> exp, exp2;
  std::array<double, 2> ln2;
  double log2e;
  double underflow, overflow;  // e^x is 0 below and infinite above
  double half_overflow;        // the same for e^x / 2
  double minus_one;            // expm1 rounds to -1 below
  double tanh_one;             // tanh rounds to 1 above
};

const ExpTable& table_of(DType dtype) {
  static constexpr ExpTable kSingle{kExpF32, kExp2F32, kLn2F32, kLog2eF32[0], -104.5, 89, 89.5, -18, 9.5};
  static constexpr ExpTable kDouble{kExpF64, kExp2F64, kLn2F64, kLog2eF64[0], -746, 710, 710.5, -38, 20};
  return dtype == DType::f32 ? kSingle : kDouble;
}

// x = n ln 2 + r + rest; the low bits of `count` hold n + shift.
struct Reduced {
  Scalar count, r, rest;
};

Reduced reduce(Scalar x, int shift) {
  const ExpTable& table = table_of(x.dtype);
  const Scalar offset = x.constant(magic(x.dtype, shift));
  const Scalar sum = fma(x, x.constant(table.log2e), offset);
  const Scalar n = sum - offset;
  const Scalar coarse = fma(n, x.constant(-table.ln2[0]), x);
  const Scalar low = x.constant(-table.ln2[1]);
  const Scalar r = fma(n, low, coarse);
  return {bits_of(sum), r, fma(n, low, coarse - r)};
}

// Two powers of two whose product is 2^n, from n + 2 * bias in the low bits of `count`.
std::array<Scalar, 2> halved_power(Scalar count) {
  const Scalar half = shr_logical(count, integer(count, 1));
  return {exponent_field(half), exponent_field(count - half)};
}

// e^r = hi + lo of the reduced argument.
Pair exp_mantissa(Scalar r) {
  const Pair sum = fast_two_sum(r.constant(1), r);
  return {sum.hi, fma(r * r, paired_horner(r, table_of(r.dtype).exp), sum.lo)};
}

// A quarter of e^x and of e^-x for x >= 0, which do not overflow where cosh x is finite.
struct Quarters {
  Pair up;
  Scalar down;
};

Quarters quarters(Scalar x) {
  const Reduced reduced = reduce(x, format_of(x.dtype).bias - 2);
  const Pair mantissa = exp_mantissa(reduced.r);
  const Scalar power = exponent_field(reduced.count);
  const Pair up{power * mantissa.hi, power * (x.dtype == DType::f32 ? mantissa.lo : mantissa.lo + reduced.rest)};
  return {up, x.constant(1.0 / 16) / (power * (mantissa.hi + mantissa.lo))};
}

// sinh and cosh of x >= 0, both divided by 2^(scale - 1):
//   sinh x = S (2^n + 2^-n) / 2 + C (2^n - 2^-n) / 2, cosh x the same with S and C exchanged,
// where S = sinh r and C = cosh r, in f64. The two factors keep their rounding errors, which matter once 2^2n exceeds
// the precision.
struct Hyperbolic {
  Pair sinh, cosh;
};

Hyperbolic hyperbolic(Scalar x, int scale) {
  const Format& format = format_of(x.dtype);
  const Reduced reduced = reduce(x, format.bias - scale);
  const Scalar count = reduced.count;
  const Scalar zero = bits_of(x.constant(magic(x.dtype, 0)));
  const Scalar inverse = zero + integer(count, 2 * (format.bias - scale)) - count;  // -n + bias - scale
  const Scalar up = exponent_field(count);
  const Scalar down = exponent_field(max(inverse, integer(count, 0)));
  const Pair even = fast_two_sum(up, down);
  const Pair odd = fast_two_sum(up, -down);
  const Scalar r = reduced.r;
  const Scalar z = r * r;
  const Scalar sinh_rest = fma(r * z, paired_horner(z, kSinhF64), reduced.rest);
  const Scalar cosh_rest = z * paired_horner(z, kCoshF64);
  const auto combine = [&](Pair leading, Pair other) {
    const Scalar hi = fma(other.hi, r, leading.hi);
    const Scalar error = fma(other.hi, r, leading.hi - hi) + fma(other.lo, r, leading.lo);
    return fast_two_sum(hi, error + fma(other.hi, sinh_rest, leading.hi * cosh_rest));
  };
  return {combine(odd, even), combine(even, odd)};
}

// For f32 a polynomial serves |x| < 1, and beyond 1 - 2 / (e^2|x| + 1), where the fraction is below 1/4 and its errors
// count little: the exponential may do without the second part of ln 2. In f64 the polynomial would be too long.
Scalar tanh_single(Scalar x) {
  const Scalar magnitude = abs(x);
  const Scalar one = x.constant(1);
  const Scalar limited = clamp(magnitude, 0, table_of(x.dtype).tanh_one);
  const Scalar offset = x.constant(magic(x.dtype, format_of(x.dtype).bias));
  const Scalar sum = fma(limited, x.constant(2 * kLog2eF32[0]), offset);
  const Scalar r = fma(sum - offset, x.constant(-(kLn2F32[0] + kLn2F32[1]) / 2), limited);  // half of the exponent's
  const Scalar value = horner(r, kExpTanh);
  const Scalar denominator = fma(value, exponent_field(bits_of(sum)), one);
  const Scalar large = one - x.constant(2) / denominator;
  const Scalar z = x * x;
  const Scalar small = fma(magnitude * z, horner(z, kTanhF32), magnitude);
  return flip_sign(select(magnitude < one, small, large), sign_of(x));
}

Scalar tanh_double(Scalar x) {
  const Hyperbolic value = hyperbolic(clamp(abs(x), 0, table_of(x.dtype).tanh_one), 1);
  return flip_sign(quotient(value.sinh, value.cosh), sign_of(x));
}

}  // namespace

ScaledPair exp_pair(Pair x, double low, double high) {
  const Reduced reduced = reduce(clamp(x.hi, low, high), 2 * format_of(x.hi.dtype).bias);
  const auto [first, second] = halved_power(reduced.count);
  const Scalar r = reduced.r;
  const Pair sum = fast_two_sum(r.constant(1), r);
  const Scalar curved = r * r * horner(r, table_of(r.dtype).exp);
  return {{sum.hi, fma(reduced.rest + x.lo, sum.hi + curved, sum.lo + curved)}, first, second};
}

Scalar exp(Scalar x) {
  const ExpTable& table = table_of(x.dtype);
  const Reduced reduced = reduce(clamp(x, table.underflow, table.overflow), 2 * format_of(x.dtype).bias);
  const Scalar one = x.constant(1);
  const Scalar r = reduced.r;
  const Scalar value = fma(fma(horner(r, table.exp), r, one), r, one);
  const auto [first, second] = halved_power(reduced.count);
  return value * first * second;
}

Scalar exp2(Scalar x) {
  const Format& format = format_of(x.dtype);
  const Scalar limited = clamp(x, -(format.bias + format.mantissa + 2), format.bias + 2);
  const Scalar offset = x.constant(magic(x.dtype, 2 * format.bias));
  const Scalar sum = limited + offset;
  const Scalar r = limited - (sum - offset);
  const Scalar value = fma(horner(r, table_of(x.dtype).exp2), r, x.constant(1));
  const auto [first, second] = halved_power(bits_of(sum));
  return value * first * second;
}

// 2^n (1 + r + r^2 q(r)) - 1, where 2^n - 1 + 2^n r keeps its rounding errors. The square counts with its error: after
// that sum it is the largest term, which f64 adds with the error of the sum, too. Where 2^n may overflow, 1 is lost.
Scalar expm1(Scalar x) {
  const ExpTable& table = table_of(x.dtype);
  const double most = x.dtype == DType::f32 ? 88 : 709;
  const Reduced reduced = reduce(clamp(x, table.minus_one, most), format_of(x.dtype).bias);
  const Scalar r = reduced.r, one = x.constant(1);
  const Scalar power = exponent_field(reduced.count);
  const Scalar base = power - one;
  const Scalar base_error = (power - base) - one;
  const Scalar linear = fma(power, r, base);
  const Scalar linear_error = fma(power, r, base - linear);
  const Scalar half = x.constant(0.5);
  const Scalar square = r * r;
  const Scalar low = fma(fma(r, r, -square), half, reduced.rest);
  Scalar value = linear;
  if (x.dtype == DType::f32) {
    value = linear + fma(power, fma(square, paired_horner(r, table.exp), low), base_error + linear_error);
  } else {
    const Pair sum = fast_two_sum(linear, square * (power * half));
    const Scalar cubic = fma(r * square, paired_horner(r, table.exp.subspan(1)), low);
    value = sum.hi + (fma(power, cubic, base_error) + (linear_error + sum.lo));
  }
  const Scalar is_signed = from_bits(bits_of(value) | sign_of(x));  // keeps -0
  return select_rare(x.constant(most) < x, exp(x), is_signed);
}

Scalar sinh(Scalar x) {
  const ExpTable& table = table_of(x.dtype);
  const Scalar size = abs(x);
  const Scalar limited = clamp(size, 0, table.half_overflow);
  if (x.dtype == DType::f64) {
    const Scalar value = flip_sign(hyperbolic(limited, 2).sinh.hi * x.constant(2), sign_of(x));
    return select(size < x.constant(0x1p-55), x, value);
  }
  const Quarters parts = quarters(limited);
  const Scalar large = (parts.up.hi + (parts.up.lo - parts.down)) * x.constant(2);
  const Scalar z = x * x;
  const Scalar small = fma(x * z, paired_horner(z, kSinhF32), x);
  return select(size < x.constant(1), small, flip_sign(large, sign_of(x)));
}

Scalar cosh(Scalar x) {
  const Quarters parts = quarters(clamp(abs(x), 0, table_of(x.dtype).half_overflow));
  return (parts.up.hi + (parts.up.lo + parts.down)) * x.constant(2);
}

Scalar tanh(Scalar x) { return x.dtype == DType::f32 ? tanh_single(x) : tanh_double(x); }

// With x = n ln 2 + r: 2^n / (2^n + e^-r), so that small results keep their precision. From the point on where e^x is
// subnormal it is e^x to the last bit.
Scalar sigmoid(Scalar x) {
  const ExpTable& table = table_of(x.dtype);
  const double limit = x.dtype == DType::f32 ? 87 : 708;
  const Scalar capped = select(x.constant(limit) < x, x.constant(limit), x);
  const Scalar offset = x.constant(magic(x.dtype, format_of(x.dtype).bias));
  const Scalar sum = fma(capped, x.constant(table.log2e), offset);
  const Scalar n = sum - offset;
  const Scalar r = fma(n, x.constant(table.ln2[1]), fma(n, x.constant(table.ln2[0]), -capped));
  const Pair mantissa = exp_mantissa(r);
  const Scalar power = exponent_field(bits_of(sum));
  const Scalar is_larger = power < mantissa.hi;
  const Scalar larger = select(is_larger, mantissa.hi, power), smaller = select(is_larger, power, mantissa.hi);
  const Pair leading = fast_two_sum(larger, smaller);
  const Pair total = fast_two_sum(leading.hi, leading.lo + mantissa.lo);
  const Scalar inverse = x.constant(1) / total.hi;
  const Scalar rest = fma(-inverse, total.lo, fma(-inverse, total.hi, x.constant(1)));
  const Scalar value = fma(inverse, rest, inverse) * power;
  return select_rare(x < x.constant(-limit), exp(x), value);
}

// larger + log(1 + e) with e = exp(-|x - y|) and, as s = e / (2 + e) is at most 1/3,
// log(1 + e) = e - s (e - z R(z)), z = s^2. f32 is exact enough in f64. Equal infinities have no difference.
Scalar logaddexp(Scalar x, Scalar y) {
  if (x.dtype == DType::f32) return logaddexp(x.cast(DType::f64), y.cast(DType::f64)).cast(DType::f32);
  const Scalar distance = abs(x - y), one = x.constant(1);
  const Scalar larger = select(x < y, y, x);
  const Reduced reduced = reduce(-distance, format_of(x.dtype).bias);
  const Scalar r = reduced.r;
  const Scalar e = fma(fma(paired_horner(r, kExpF64), r, one), r, one) * exponent_field(reduced.count);
  const Scalar s = e / (e + x.constant(2));
  const Scalar z = s * s;
  const Scalar value = larger + fma(-s, fma(-z, paired_horner(z, kLogOfSum), e), e);
  const Scalar special = select(x == y, x, max(x, y) + log1p(exp(-distance)));
  return select_rare(~(distance < x.constant(708)), special, value);
}

}  // namespace tandem::math
