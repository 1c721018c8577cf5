// log, log2, log10, log1p, asinh, acosh, atanh, pow.
//
// All write x = 2^k (1 + f) so that k = 0 around 1 and nothing cancels. In f32, 1 + f is in [2/3, 4/3) and
// log(1 + f) = f + f^2 q(f). In f64, 1 + f is in [sqrt(1/2), sqrt(2)) and, with s = f / (2 + f),
// log(1 + f) = f - f^2 / 2 + s (f^2 / 2 + z R(z)), z = s^2 (as in Sun's fdlibm). The sum k ln 2 + f keeps its rounding
// error. What is not a normal positive number is seldom met and takes a way of its own.
#include <limits>

#include "ir/math.h"
#include "ir/math_parts.h"
#include "ir/math_tables.h"

namespace tandem::math {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

struct LogTable {
  std::array<double, 2> ln2, log2e;
  int64_t low;     // bit pattern of the smallest 1 + f
  double up;       // makes subnormals normal ...
  double up_log2;  // ... adding this to their exponent
  double huge;     // 1 + x is x from here on
};

const LogTable& table_of(DType dtype) {
  static constexpr LogTable kSingle{kLn2F32, kLog2eF32, 0x3f2aaaab, 0x1p24, 24, 0x1p100};
  static constexpr LogTable kDouble{kLn2F64, kLog2eF64, 0x3fe6a09e667f3bcd, 0x1p54, 54, 0x1p1000};
  return dtype == DType::f32 ? kSingle : kDouble;
}

struct Split {
  Scalar k, f;  // k as a float
};

Scalar mantissa_mask(Scalar bits, DType dtype) { return integer(bits, (int64_t{1} << format_of(dtype).mantissa) - 1); }

// The bits of a positive normal number less those of the smallest 1 + f: k above the mantissa.
Scalar above_low(Scalar x) {
  const Scalar bits = bits_of(x);
  return bits - integer(bits, table_of(x.dtype).low);
}

Scalar exponent_of(Scalar above) {
  if (above.dtype == DType::i32) return (above >> integer(above, 23)).cast(DType::f32);
  // Vector units without a 64-bit conversion: the biased exponent becomes the low bits of 2^52 + k + 1024.
  const Scalar biased = shr_logical(above + integer(above, int64_t{1} << 62), integer(above, 52));
  const Scalar base = above.builder->constant(DType::f64, 0x1p52);
  return from_bits(biased | bits_of(base)) - base.constant(0x1p52 + 1024);
}

// Of a positive normal number.
Split split(Scalar x) {
  const Scalar above = above_low(x);
  const Scalar mantissa = above & mantissa_mask(above, x.dtype);
  const Scalar f = from_bits(mantissa + integer(above, table_of(x.dtype).low)) - x.constant(1);
  return {exponent_of(above), f};
}

// Of any positive number.
Split split_any(Scalar x) {
  const LogTable& table = table_of(x.dtype);
  const Scalar subnormal = x < x.constant(format_of(x.dtype).smallest);
  const Split normal = split(select(subnormal, x * x.constant(table.up), x));
  return {normal.k - select(subnormal, x.constant(table.up_log2), x.constant(0)), normal.f};
}

Scalar is_usual(Scalar x) { return (x.constant(format_of(x.dtype).smallest) <= x) & (x < x.constant(kInfinity)); }

// log(1 + f) - f + low
Scalar log_rest(Scalar f, Scalar low) {
  if (f.dtype == DType::f32) return fma(f * f, horner(f, kLogF32), low);
  const Scalar s = f / (f + f.constant(2));
  const Scalar z = s * s;
  const Scalar half_square = f * f * f.constant(0.5);
  return fma(s, fma(z, paired_horner(z, kLogF64), half_square), low) - half_square;
}

// The same by ln 2, without `low` being divided.
Scalar log2_rest(Scalar f, Scalar low) {
  if (f.dtype == DType::f32) return fma(f * f, horner(f, kLog2F32), low);
  const Scalar square_error = fma(f, f, -(f * f));
  return fma(log_rest(f, square_error * f.constant(-0.5)), f.constant(kLog2eF64[0]), low);
}

// log of 2^k (1 + f) plus a small correction, as a sum still to be rounded.
Pair log_parts(Split x, Scalar correction) {
  const LogTable& table = table_of(x.f.dtype);
  const Scalar ln2 = x.f.constant(table.ln2[0]);
  const Scalar hi = fma(x.k, ln2, x.f);
  const Scalar error = fma(x.k, ln2, -hi) + x.f + correction;
  return {hi, log_rest(x.f, fma(x.k, x.f.constant(table.ln2[1]), error))};
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

// function(split(x)) extended to what is not positive, normal and finite.
template <class Function>
Scalar of_positive(Scalar x, Function function) {
  const Scalar special = with_special_values(function(split_any(x)), x, 0);
  return select_rare(~is_usual(x), special, function(split(x)));
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

struct PowTable {
  std::span<const double> atanh, exp2;
  std::array<double, 2> scale;
  double usual;  // 2^e is a normal number for |e| below
  double limit;  // and infinite or 0 from here on
};

const PowTable& pow_table_of(DType dtype) {
  static constexpr PowTable kSingle{kAtanhF32, kExp2F32, kPowScaleF32, 125, 200};
  static constexpr PowTable kDouble{kAtanhF64, kExp2F64, kPowScaleF64, 1021, 1100};
  return dtype == DType::f32 ? kSingle : kDouble;
}

// log2 of 2^k (1 + f) in two parts, the second up to 2^-11 of the first: 2 atanh(s) / ln 2, s = f / (2 + f), to about
// 2^-63 in f64 and 2^-34 in f32. Its product with the largest exponent is exact to half a unit of the power.
Pair log2_pair(Split x) {
  const PowTable& table = pow_table_of(x.f.dtype);
  const auto number = [&x](double value) { return x.f.constant(value); };
  const Pair denominator = fast_two_sum(number(2), x.f);
  const Scalar inverse = number(1) / denominator.hi;
  const Scalar s = x.f * inverse;
  const Scalar s_low = fma(-s, denominator.lo, fma(-s, denominator.hi, x.f)) * inverse;
  const Scalar z = s * s;
  const Scalar z_low = fma(s + s, s_low, fma(s, s, -z));
  const Pair leading = fast_two_sum(number(3), z);  // 3 atanh(s) / s = 3 + z + z^2 A(z)
  // The slope of that in z is near 1 + 1.2 z, which f32 need not know.
  const Scalar z_effect = x.f.dtype == DType::f64 ? fma(z_low * number(1.2), z, z_low) : z_low;
  const Scalar leading_low = leading.lo + fma(z * z, paired_horner(z, table.atanh), z_effect);
  const Scalar p = s * leading.hi;
  const Scalar p_low = fma(s, leading.hi, -p) + fma(s, leading_low, s_low * leading.hi);
  const Scalar scale = number(table.scale[0]);
  const Scalar l = p * scale;
  const Scalar l_low = fma(p, scale, -l) + fma(p, number(table.scale[1]), p_low * scale);
  const Pair total = fast_two_sum(x.k, l);
  return {total.hi, total.lo + l_low};
}

// log2 extended to 0 and infinity, for which it is a limit.
Scalar at_limits(Scalar log2, Scalar size) {
  const Scalar finite = select(size < size.constant(kInfinity), log2, size);
  return select(size == size.constant(0), size.constant(-kInfinity), finite);
}

// size^y of a size > 0 or one of its limits, whatever comes out.
Scalar any_power(Scalar size, Scalar y) {
  const PowTable& table = pow_table_of(y.dtype);
  const Pair log2 = log2_pair(split_any(size));
  const Scalar log2_hi = at_limits(log2.hi, size);
  const Scalar product = y * log2_hi;
  const Scalar error = fma(y, log2_hi, -product) + y * log2.lo;
  const Scalar inside = abs(product) < y.constant(table.limit);
  const Scalar e = clamp(product, -table.limit, table.limit);
  const Scalar offset = y.constant(magic(y.dtype, 2 * format_of(y.dtype).bias));
  const Scalar e_low = select(inside, error, y.constant(0));
  const Scalar sum = (e + e_low) + offset;
  const Scalar r = (e - (sum - offset)) + e_low;
  const Scalar count = bits_of(sum);
  const Scalar half = shr_logical(count, integer(count, 1));
  const Scalar value = fma(paired_horner(r, table.exp2), r, y.constant(1));
  return value * exponent_field(half) * exponent_field(count - half);
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
    const Scalar value = (log_of(split(wide), wide.constant(0)) * wide.constant(kLog10e[0])).cast(DType::f32);
    return select_rare(~is_usual(x), with_special_values(value, x, 0), value);
  }
  const auto log10_of = [&x](Split parts) {
    const auto [k, f] = parts;
    const Scalar scale = x.constant(kLog10e[0]);
    const Scalar scaled = f * scale;
    const Scalar scaled_error = fma(f, x.constant(kLog10e[1]), fma(f, scale, -scaled));
    const Pair total = fast_two_sum(k * x.constant(kLog10Of2[0]), scaled);  // an exact product
    const Scalar rest = fma(log_rest(f, f.constant(0)), scale, fma(k, x.constant(kLog10Of2[1]), scaled_error));
    return total.hi + (total.lo + rest);
  };
  return of_positive(x, log10_of);
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

Scalar log(Scalar x) {
  return of_positive(x, [](Split parts) { return log_of(parts, parts.f.constant(0)); });
}

Scalar log2(Scalar x) {
  return of_positive(x, [&x](Split parts) {
    const LogTable& table = table_of(x.dtype);
    const Scalar scale = x.constant(table.log2e[0]);
    const Scalar scaled = parts.f * scale;
    const Scalar scaled_error = fma(parts.f, x.constant(table.log2e[1]), fma(parts.f, scale, -scaled));
    const Pair total = fast_two_sum(parts.k, scaled);
    return total.hi + (total.lo + log2_rest(parts.f, scaled_error));
  });
}

// 1 + x = 2^k (1 + f) with f = 2^-k x + (2^-k - 1) in two parts.
Scalar log1p(Scalar x) {
  const LogTable& table = table_of(x.dtype);
  const Scalar one = x.constant(1), sum = one + x;
  const Scalar above = above_low(sum);
  const Scalar inverse = from_bits(bits_of(one) - (above & ~mantissa_mask(above, x.dtype)));  // 2^-k
  const Scalar shift = inverse - one;
  const Scalar f = fma(x, inverse, shift);
  const Scalar f_low = fma(x, inverse, shift - f);
  const Scalar value = log_of({exponent_of(above), f}, fma(-f, f_low, f_low));
  const Scalar is_signed = from_bits(bits_of(value) | sign_of(x));  // keeps -0
  const Scalar usual = (-one < x) & (x < x.constant(table.huge));
  return select_rare(~usual, with_special_values(log_of(split(x), x.constant(0)), x, -1), is_signed);
}

Scalar pow(Scalar x, Scalar y) {
  check_internal(x.dtype == y.dtype, "pow of {} and {}", info(x.dtype).text, info(y.dtype).text);
  const PowTable& table = pow_table_of(x.dtype);
  const Scalar size = abs(x);
  const Pair log2 = log2_pair(split(size));
  const Scalar e = y * log2.hi;
  const Scalar error = fma(y, log2.hi, -e) + y * log2.lo;
  const Scalar offset = y.constant(magic(y.dtype, format_of(y.dtype).bias));
  const Scalar sum = (e + error) + offset;
  const Scalar r = (e - (sum - offset)) + error;
  const Scalar value = fma(paired_horner(r, table.exp2), r, y.constant(1)) * exponent_field(bits_of(sum));
  const Scalar usual = is_usual(size) & (abs(e) < y.constant(table.usual));
  const Scalar magnitude = select_rare(~usual, any_power(size, y), value);
  return select_rare(~usual | (x < x.constant(0)), with_power_rules(magnitude, x, y), magnitude);
}

}  // namespace tandem::math
