// Mathematical functions as compositions of scalar primitives: range reduction and polynomials in explicit fused
// multiply-adds, so that every back end returns the same bits. Argument dtype f32 or f64, result the same dtype.
// Accuracy: at most 1 ulp (2 for pow) over the whole range, where lgamma and digamma between negative poles count by a
// larger number; special values as C99 Annex F. Largest errors found are recorded in docs/accuracy.md.
#pragma once
#include "ir/scalar.h"

namespace tandem::math {

Scalar exp(Scalar x);
Scalar exp2(Scalar x);
Scalar expm1(Scalar x);
Scalar log(Scalar x);
Scalar log2(Scalar x);
Scalar log10(Scalar x);
Scalar log1p(Scalar x);
Scalar asinh(Scalar x);
Scalar acosh(Scalar x);
Scalar atanh(Scalar x);
Scalar sin(Scalar x);
Scalar cos(Scalar x);
Scalar tan(Scalar x);
Scalar asin(Scalar x);
Scalar acos(Scalar x);
Scalar atan(Scalar x);
Scalar atan2(Scalar y, Scalar x);
Scalar tanh(Scalar x);
Scalar sinh(Scalar x);
Scalar cosh(Scalar x);
Scalar sigmoid(Scalar x);
Scalar erf(Scalar x);
Scalar pow(Scalar x, Scalar y);
Scalar rsqrt(Scalar x);
Scalar logaddexp(Scalar x, Scalar y);
Scalar hypot(Scalar x, Scalar y);
Scalar erfc(Scalar x);
Scalar erfinv(Scalar x);
Scalar lgamma(Scalar x);
Scalar digamma(Scalar x);
Scalar trigamma(Scalar x);
Scalar sinc(Scalar x);
Scalar bessel_i0(Scalar x);
Scalar bessel_i0e(Scalar x);
Scalar bessel_i1(Scalar x);
Scalar bessel_i1e(Scalar x);
Scalar ldexp(Scalar x, Scalar count);  // count: of any integer dtype
Scalar binary_exponent(Scalar x);      // of frexp, an integer as large as x; 0 for 0, inf and NaN

}  // namespace tandem::math
