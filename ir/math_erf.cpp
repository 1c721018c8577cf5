// erf and rsqrt.
//
// erf(x) = x + x P(x^2 - 1/2) up to |x| = 1; beyond, 1 - erfc(|x|), where erfc is small enough that its own error
// hardly counts: 2^(-a Q(a)) for f32, exp(-a^2) times a polynomial in (a - 2) / (a + 2) for f64.
#include "ir/math.h"
#include "ir/math_parts.h"
#include "ir/math_tables.h"

namespace tandem::math {

namespace {

Scalar one_minus_erfc_single(Scalar a) {
  const Scalar limited = clamp(a, 0, 4);  // erf(4) rounds to 1
  const Scalar slope = -horner(limited, kErfcF32);
  const Scalar offset = a.constant(magic(DType::f32, format_of(DType::f32).bias));
  const Scalar sum = fma(limited, slope, offset);
  const Scalar r = fma(limited, slope, -(sum - offset));
  const Scalar value = fma(horner(r, kExp2F32), r, a.constant(1));
  return fma(-value, exponent_field(bits_of(sum)), a.constant(1));
}

// erfc(a) as a product of two.
Pair erfc_factors(Scalar a) {
  const Scalar limited = clamp(a, 0, 6);
  const Scalar two = a.constant(2);
  const Scalar one = a.constant(1);
  const Scalar scaled = horner((limited - two) / (limited + two), kErfcF64);
  const Scalar square = limited * limited;
  const Scalar square_error = fma(limited, limited, -square);
  const Scalar offset = a.constant(magic(DType::f64, format_of(DType::f64).bias));
  const Scalar sum = fma(square, a.constant(-kLog2eF64[0]), offset);
  const Scalar n = sum - offset;
  const Scalar coarse = fma(n, a.constant(-kLn2F64[0]), -square);
  const Scalar r = fma(n, a.constant(-kLn2F64[1]), coarse - square_error);
  const Scalar value = fma(fma(horner(r, kExpF64), r, one), r, one);
  return {value * exponent_field(bits_of(sum)), scaled};
}

Scalar one_minus_erfc_double(Scalar a) {
  const Pair factors = erfc_factors(a);
  return fma(-factors.hi, factors.lo, a.constant(1));
}

}  // namespace

Scalar erfc_tail(Scalar a) {
  const Pair factors = erfc_factors(a);
  return factors.hi * factors.lo;
}

Scalar erf(Scalar x) {
  const bool single = x.dtype == DType::f32;
  const Scalar a = abs(x);
  const Scalar large = single ? one_minus_erfc_single(a) : one_minus_erfc_double(a);
  const Scalar u = fma(x, x, x.constant(-0.5));
  const Scalar small = fma(x, single ? horner(u, kErfF32) : horner(u, kErfF64), x);
  return select(a < x.constant(1), small, flip_sign(large, sign_of(x)));
}

// 1 / sqrt(x) with one correction for the errors of both operations.
Scalar rsqrt(Scalar x) {
  const bool single = x.dtype == DType::f32;
  // For small x the residual of the square root would underflow.
  const Scalar small = x < x.constant(single ? 0x1p-96 : 0x1p-960);
  const Scalar scaled = select(small, x * x.constant(single ? 0x1p48 : 0x1p480), x);
  const Scalar root = sqrt(scaled);
  const Scalar inverse = x.constant(1) / root;
  const Scalar root_error = fma(-root, root, scaled);
  const Scalar inverse_error = fma(-root, inverse, x.constant(1));
  const Scalar correction = fma(root_error * inverse, inverse * x.constant(-0.5), inverse_error);
  const Scalar value = select(correction == correction, fma(inverse, correction, inverse), inverse);  // NaN at 0, inf
  return value * select(small, x.constant(single ? 0x1p24 : 0x1p240), x.constant(1));
}

}  // namespace tandem::math
