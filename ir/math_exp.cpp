// exp, exp2, expm1, sinh, cosh, tanh, sigmoid.
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
  std::span<const double> exp, exp2, cosh, sinh;
  std::array<double, 2> ln2;
  double log2e;
  double underflow, overflow;  // e^x is 0 below and infinite above
  double half_overflow;        // the same for e^x / 2
  double minus_one;            // expm1 rounds to -1 below
  double tanh_one;             // tanh rounds to 1 above
  double tiny;                 // f(x) = x + O(x^2 or x^3) rounds to x below, for expm1 and sinh
};

const ExpTable& table_of(DType dtype) {
  static constexpr ExpTable kSingle{kExpF32, kExp2F32, kCoshF32, kSinhF32, kLn2F32, kLog2eF32[0],
                                    -104.5,  89,       89.5,     -18,      9.5,     0x1p-26};
  static constexpr ExpTable kDouble{kExpF64, kExp2F64, kCoshF64, kSinhF64, kLn2F64, kLog2eF64[0],
                                    -746,    710,      710.5,    -38,      20,      0x1p-55};
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

// sinh and cosh of x >= 0, both divided by 2^(scale - 1):
//   sinh x = S (2^n + 2^-n) / 2 + C (2^n - 2^-n) / 2, cosh x the same with S and C exchanged,
// where S = sinh r and C = cosh r. The two factors keep their rounding errors, which matter once 2^2n exceeds the
// precision.
struct Hyperbolic {
  Pair sinh, cosh;
};

Hyperbolic hyperbolic(Scalar x, int scale) {
  const Format& format = format_of(x.dtype);
  const ExpTable& table = table_of(x.dtype);
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
  const Scalar sinh_rest = fma(r * z, horner(z, table.sinh), reduced.rest);
  const Scalar cosh_rest = z * horner(z, table.cosh);
  const auto combine = [&](Pair leading, Pair other) {
    const Scalar hi = fma(other.hi, r, leading.hi);
    const Scalar error = fma(other.hi, r, leading.hi - hi) + fma(other.lo, r, leading.lo);
    return fast_two_sum(hi, error + fma(other.hi, sinh_rest, leading.hi * cosh_rest));
  };
  return {combine(odd, even), combine(even, odd)};
}

// For f32 a polynomial serves |x| < 1, and beyond 1 - 2 / (e^2|x| + 1), where the fraction is below 1/4 and its errors
// count little. In f64 the polynomial would be too long.
Scalar tanh_single(Scalar x) {
  const Scalar magnitude = abs(x);
  const Scalar one = x.constant(1);
  const Scalar limited = clamp(magnitude, 0, table_of(x.dtype).tanh_one);
  const Reduced reduced = reduce(limited + limited, format_of(x.dtype).bias);
  const Scalar r = reduced.r;
  const Scalar value = fma(fma(horner(r, kExpF32), r, one), r, one);
  const Scalar denominator = fma(value, exponent_field(reduced.count), one);
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

// 2^n (1 + r + r^2 q(r)) - 1, where 2^n - 1 + 2^n r keeps its rounding errors. In f64 the square is added with its error
// too: after that sum it is the largest term. Where 2^n may overflow, e^x - 1 is e^x.
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
  Scalar value = linear;
  if (x.dtype == DType::f32) {
    const Scalar rest = fma(r * r, horner(r, table.exp), reduced.rest);
    value = linear + fma(power, rest, base_error + linear_error);
  } else {
    const Scalar half = x.constant(0.5);
    const Scalar square = r * r;
    const Scalar square_error = fma(r, r, -square);
    const Pair sum = fast_two_sum(linear, square * (power * half));
    const Scalar cubic = fma(r * square, horner(r, table.exp.subspan(1)), fma(square_error, half, reduced.rest));
    value = sum.hi + (fma(power, cubic, base_error) + (linear_error + sum.lo));
  }
  const Scalar is_signed = from_bits(bits_of(value) | sign_of(x));  // keeps -0
  return select_rare(x.constant(most) < x, exp(x), is_signed);
}

Scalar sinh(Scalar x) {
  const ExpTable& table = table_of(x.dtype);
  const Scalar magnitude = abs(x);
  const Pair value = hyperbolic(clamp(magnitude, 0, table.half_overflow), 2).sinh;
  const Scalar signed_value = flip_sign(value.hi * x.constant(2), sign_of(x));
  return select(magnitude < x.constant(table.tiny), x, signed_value);
}

Scalar cosh(Scalar x) {
  const Pair value = hyperbolic(clamp(abs(x), 0, table_of(x.dtype).half_overflow), 2).cosh;
  return value.hi * x.constant(2);
}

Scalar tanh(Scalar x) { return x.dtype == DType::f32 ? tanh_single(x) : tanh_double(x); }

// e^r = hi + lo of the reduced argument.
Pair exp_mantissa(Scalar r) {
  const Pair sum = fast_two_sum(r.constant(1), r);
  return {sum.hi, fma(r * r, horner(r, table_of(r.dtype).exp), sum.lo)};
}

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

}  // namespace tandem::math
