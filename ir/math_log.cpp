// log, log2, log10, log1p, asinh, acosh, atanh, pow.
//
// All write x = 2^k (1 + f) with 1 + f in [2/3, 4/3), so that k = 0 around 1 and nothing cancels, and
// log(1 + f) = f + f^2 q(f). The sum k ln 2 + f keeps its rounding error.
#include <limits>

#include "ir/math.h"
#include "ir/math_parts.h"
#include "ir/math_tables.h"

namespace tandem::math {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

struct LogTable {
  std::span<const double> log, log2;
  std::array<double, 2> ln2, log2e;
  int64_t two_thirds;  // bit pattern
  double up;           // makes subnormals normal ...
  double up_log2;      // ... adding this to their exponent
  double tiny;         // log1p(x) rounds to x below
};

const LogTable& table_of(DType dtype) {
  static constexpr LogTable kSingle{kLogF32, kLog2F32, kLn2F32, kLog2eF32, 0x3f2aaaab, 0x1p24, 24, 0x1p-26};
  static constexpr LogTable kDouble{kLogF64, kLog2F64, kLn2F64, kLog2eF64, 0x3fe5555555555555, 0x1p54, 54, 0x1p-55};
  return dtype == DType::f32 ? kSingle : kDouble;
}

struct Split {
  Scalar k, f;  // k as a float
};

// Of a positive normal number. `low`: bit pattern of the smallest 1 + f.
Split split(Scalar x, int64_t low) {
  const Format& format = format_of(x.dtype);
  const Scalar bits = bits_of(x);
  const Scalar above = bits - integer(bits, low);
  const Scalar shift = integer(bits, format.mantissa);
  const Scalar mantissa = above & integer(bits, (int64_t{1} << format.mantissa) - 1);
  const Scalar f = from_bits(mantissa + integer(bits, low)) - x.constant(1);
  if (x.dtype == DType::f32) return {(above >> shift).cast(DType::f32), f};
  // Vector units without a 64-bit conversion: the biased exponent becomes the low bits of 2^52 + k + 1024.
  const Scalar biased = shr_logical(above + integer(bits, int64_t{1} << 62), shift);
  const Scalar k = from_bits(biased | bits_of(x.constant(0x1p52))) - x.constant(0x1p52 + 1024);
  return {k, f};
}

Split split(Scalar x) { return split(x, table_of(x.dtype).two_thirds); }

// Of any positive number.
Split split_any(Scalar x, int64_t low) {
  const LogTable& table = table_of(x.dtype);
  const Scalar subnormal = x < x.constant(format_of(x.dtype).smallest);
  const Split normal = split(select(subnormal, x * x.constant(table.up), x), low);
  return {normal.k - select(subnormal, x.constant(table.up_log2), x.constant(0)), normal.f};
}

Split split_any(Scalar x) { return split_any(x, table_of(x.dtype).two_thirds); }

// log of 2^k (1 + f) plus a small correction, as a sum still to be rounded.
Pair log_parts(Split x, Scalar correction) {
  const LogTable& table = table_of(x.f.dtype);
  const Scalar ln2 = x.f.constant(table.ln2[0]);
  const Scalar hi = fma(x.k, ln2, x.f);
  const Scalar error = fma(x.k, ln2, -hi) + x.f + correction;
  const Scalar rest = fma(x.k, x.f.constant(table.ln2[1]), error);
  return {hi, fma(x.f * x.f, horner(x.f, table.log), rest)};
}

Scalar log_of(Split x, Scalar correction) {
  const Pair parts = log_parts(x, correction);
  return parts.hi + parts.lo;
}

// What a logarithm of `argument` that is -inf at `zero` is outside the finite positive numbers.
Scalar with_special_values(Scalar value, Scalar x, double zero) {
  const Scalar lowest = x.constant(zero);
  Scalar result = select(x < x.constant(kInfinity), value, x);  // inf and NaN
  result = select(x < lowest, x.constant(kNaN), result);
  return select(x == lowest, x.constant(-kInfinity), result);
}

// The sign and the special cases of x^y (C99 F.9.4.4), given |x|^y. Those of a magnitude that comes out right by itself
// (zero, infinite x) are not repeated here.
Scalar with_power_rules(Scalar magnitude, Scalar x, Scalar y) {
  const Scalar one = x.constant(1);
  const Scalar zero = x.constant(0);
  const Scalar size = abs(x);
  const Scalar half_y = y * x.constant(0.5);
  const Scalar whole = trunc(y) == y;
  const Scalar odd = whole & (trunc(half_y) != half_y);
  Scalar result = select(size == one, one, magnitude);  // for infinite y
  result = flip_sign(result, select(odd, sign_of(x), integer(sign_of(x), 0)));
  const Scalar undefined = (x < zero) & ~whole & (size < x.constant(kInfinity));
  result = select(undefined, x.constant(kNaN), result);
  result = select((x != x) | (y != y), x + y, result);
  return select((x == one) | (y == zero), one, result);
}

// log2 of the magnitude of x in two parts, to about 2^-64: 2 atanh(s) with s = f / (2 + f) and |s| as small as it gets,
// which is with 1 + f from sqrt(1/2) to sqrt(2).
Pair log2_pair(Scalar size) {
  const Split x = split_any(size, 0x3fe6a09e667f3bcd);
  const Scalar two = size.constant(2);
  const Pair denominator = fast_two_sum(two, x.f);
  const Scalar inverse = size.constant(1) / denominator.hi;
  const Scalar s = x.f * inverse;
  const Scalar s_low = fma(-s, denominator.lo, fma(-s, denominator.hi, x.f)) * inverse;
  const Scalar z = s * s;
  const Scalar z_low = fma(s + s, s_low, fma(s, s, -z));
  // 3 atanh(s) / s = 3 + z + z^2 A(z), whose slope in z is near 1 + 1.2 z
  const Pair leading = fast_two_sum(size.constant(3), z);
  const Scalar z_effect = fma(z_low * size.constant(1.2), z, z_low);
  const Scalar w_low = leading.lo + fma(z * z, horner(z, kAtanh), z_effect);
  const Scalar p = s * leading.hi;
  const Scalar p_low = fma(s, leading.hi, -p) + fma(s, w_low, s_low * leading.hi);
  const Scalar scale = size.constant(kPowScale[0]);
  const Scalar l = p * scale;
  const Scalar l_low = fma(p, scale, -l) + fma(p, size.constant(kPowScale[1]), p_low * scale);
  const Pair fraction = fast_two_sum(l, l_low);
  const Pair total = fast_two_sum(x.k, fraction.hi);
  return {total.hi, total.lo + fraction.lo};
}

// log2 extended to 0 and infinity, for which it is a limit.
Scalar at_limits(Scalar log2, Scalar size) {
  const Scalar finite = select(size < size.constant(kInfinity), log2, size);
  return select(size == size.constant(0), size.constant(-kInfinity), finite);
}

Scalar pow_double(Scalar x, Scalar y) {
  constexpr double kLimit = 1100;  // 2^kLimit overflows and 2^-kLimit vanishes
  const Scalar size = abs(x);
  const Pair log2 = log2_pair(size);
  const Scalar log2_hi = at_limits(log2.hi, size);
  const Scalar product = y * log2_hi;
  const Scalar error = fma(y, log2_hi, -product) + y * log2.lo;
  const Scalar inside = abs(product) < x.constant(kLimit);
  const Scalar e = clamp(product, -kLimit, kLimit);
  const Format& format = format_of(DType::f64);
  const Scalar offset = x.constant(magic(DType::f64, 2 * format.bias));
  const Scalar sum = e + offset;
  const Scalar r = (e - (sum - offset)) + select(inside, error, x.constant(0));
  const Scalar count = bits_of(sum);
  const Scalar half = shr_logical(count, integer(count, 1));
  const Scalar value = fma(horner(r, kExp2F64), r, x.constant(1));
  return with_power_rules(value * exponent_field(half) * exponent_field(count - half), x, y);
}

// Everything in f64, where neither subnormals nor overflow need care and one cast rounds.
Scalar pow_single(Scalar x, Scalar y) {
  constexpr double kLimit = 300;
  const Scalar size = abs(x).cast(DType::f64);
  const auto [k, f] = split(size);
  const Scalar log_mantissa = fma(f * f, horner(f, kLogPow), f);
  const Scalar log2 = at_limits(fma(log_mantissa, size.constant(kLog2eF64[0]), k), size);
  const Scalar e = clamp(y.cast(DType::f64) * log2, -kLimit, kLimit);
  const Scalar offset = size.constant(magic(DType::f64, format_of(DType::f64).bias));
  const Scalar sum = e + offset;
  const Scalar r = e - (sum - offset);
  const Scalar value = fma(horner(r, kExp2Pow), r, size.constant(1));
  return with_power_rules((value * exponent_field(bits_of(sum))).cast(DType::f32), x, y);
}

// ---- inverse hyperbolic functions: logarithms of sums that keep their rounding error ----

constexpr double kHuge = 0x1p500;         // its square is finite
constexpr double kTinyInverse = 0x1p-28;  // f(x) = x + O(x^3) rounds to x below, in f64

Scalar log_of(Pair sum) { return log_of(split(sum.hi), sum.lo / sum.hi); }

// log(x + sqrt(x^2 + one)) of a positive x, where one is 1 or -1.
Scalar log_with_root(Scalar x, double one) {
  const Scalar huge = x.constant(kHuge) < x;
  const Scalar limited = select(huge, x.constant(2), x);
  const Scalar square = limited * limited;
  const Pair total = two_sum(square, x.constant(one));
  const Scalar low = total.lo + fma(limited, limited, -square);
  const Scalar root = sqrt(total.hi), zero = x.constant(0);
  const Scalar correction = (fma(-root, root, total.hi) + low) / (root + root);
  const Pair sum = two_sum(limited, root);
  const Scalar hi = select(huge, x, sum.hi);
  const Scalar lo = select(huge | (root == zero), zero, sum.lo + correction);
  const Split parts = split(hi);
  return log_of({select(huge, parts.k + x.constant(1), parts.k), parts.f}, lo / hi);
}

// The same of an x that was an f32, for a result in f32.
Scalar log_with_root_single(Scalar x, double one) {
  return log_of(split(x + sqrt(fma(x, x, x.constant(one)))), x.constant(0));
}

// Below 2^-14 the first two terms of the series give an f32, where the logarithm has lost too much.
Scalar or_series(Scalar value, Scalar x, double cubic) {
  return select(x < x.constant(0x1p-14), fma(x * x * x, x.constant(cubic), x), value);
}

}  // namespace

Pair log_pair(Scalar x, Scalar correction) {
  const Pair parts = log_parts(split_any(x), correction);
  return fast_two_sum(parts.hi, parts.lo);
}

Scalar log10(Scalar x) {
  if (x.dtype == DType::f32) {
    const Scalar wide = x.cast(DType::f64);
    const Scalar value = log_of(split(wide), wide.constant(0)) * wide.constant(kLog10e[0]);
    return with_special_values(value.cast(DType::f32), x, 0);
  }
  const auto [k, f] = split_any(x);
  const Scalar scale = x.constant(kLog10e[0]);
  const Scalar scaled = f * scale;
  const Scalar scaled_error = fma(f, x.constant(kLog10e[1]), fma(f, scale, -scaled));
  const Pair total = fast_two_sum(k * x.constant(kLog10Of2[0]), scaled);  // an exact product
  const Scalar rest = fma(f * f * scale, horner(f, kLogF64), fma(k, x.constant(kLog10Of2[1]), scaled_error));
  return with_special_values(total.hi + (total.lo + rest), x, 0);
}

Scalar asinh(Scalar x) {
  const Scalar size = abs(x);
  Scalar value = size;
  if (x.dtype == DType::f32) {
    const Scalar wide = size.cast(DType::f64);
    value = or_series(log_with_root_single(wide, 1), wide, -1.0 / 6).cast(DType::f32);
  } else {
    value = select(size < x.constant(kTinyInverse), size, log_with_root(size, 1));
  }
  return flip_sign(select(size < x.constant(kInfinity), value, size), sign_of(x));
}

Scalar acosh(Scalar x) {
  const Scalar value =
      x.dtype == DType::f32 ? log_with_root_single(x.cast(DType::f64), -1).cast(DType::f32) : log_with_root(x, -1);
  const Scalar finite = select(x < x.constant(kInfinity), value, x);
  return select(x.constant(1) <= x, finite, x.constant(kNaN));
}

Scalar atanh(Scalar x) {
  const Scalar size = abs(x), unit = x.constant(1);
  Scalar value = size;
  if (x.dtype == DType::f32) {
    const Scalar wide = size.cast(DType::f64), one = wide.constant(1);
    const Scalar half_log = log_of(split((one + wide) / (one - wide)), wide.constant(0)) * wide.constant(0.5);
    value = or_series(half_log, wide, 1.0 / 3).cast(DType::f32);
  } else {
    const Pair above = fast_two_sum(unit, size), below = fast_two_sum(unit, -size);
    const Scalar ratio = above.hi / below.hi;
    const Scalar rest = fma(-ratio, below.hi, above.hi) + fma(-ratio, below.lo, above.lo);
    const Scalar half_log = log_of({ratio, rest / below.hi}) * x.constant(0.5);
    value = select(size < x.constant(kTinyInverse), size, half_log);
  }
  const Scalar beyond = select(size == unit, x.constant(kInfinity), x.constant(kNaN));
  return flip_sign(select(size < unit, value, beyond), sign_of(x));
}

Scalar log(Scalar x) { return with_special_values(log_of(split_any(x), x.constant(0)), x, 0); }

Scalar log2(Scalar x) {
  const LogTable& table = table_of(x.dtype);
  const auto [k, f] = split_any(x);
  const Scalar scale = x.constant(table.log2e[0]);
  const Scalar scaled = f * scale;
  const Scalar scaled_error = fma(f, x.constant(table.log2e[1]), fma(f, scale, -scaled));
  const Pair total = fast_two_sum(k, scaled);
  const Scalar rest = fma(f * f, horner(f, table.log2), scaled_error);
  return with_special_values(total.hi + (total.lo + rest), x, 0);
}

Scalar log1p(Scalar x) {
  const Pair sum = two_sum(x.constant(1), x);
  const Scalar value = with_special_values(log_of(split(sum.hi), sum.lo / sum.hi), x, -1);
  return select(abs(x) < x.constant(table_of(x.dtype).tiny), x, value);  // keeps -0
}

Scalar pow(Scalar x, Scalar y) {
  check_internal(x.dtype == y.dtype, "pow of {} and {}", info(x.dtype).text, info(y.dtype).text);
  return x.dtype == DType::f32 ? pow_single(x, y) : pow_double(x, y);
}

}  // namespace tandem::math
