// Complex numbers in a Kernel body: pairs of real scalars. There are no complex primitives; every operation on complex
// numbers is a formula over its parts (ir/math_complex.cpp).
#pragma once
#include "ir/scalar.h"

namespace tandem {

// A number of any dtype: of a real one, there is no imaginary part.
struct Complex {
  Scalar re, im;

  Complex() = default;
  Complex(Scalar real) : re(real) {}  // NOLINT(google-explicit-constructor): every real number is one
  Complex(Scalar real, Scalar imaginary) : re(real), im(imaginary) {}

  bool has_imaginary() const { return im.builder != nullptr; }
  DType dtype() const { return has_imaginary() ? complex_type(re.dtype) : re.dtype; }
  // Complex numbers become bool, whether they are not zero, and complex numbers.
  Complex cast(DType to) const;
};

// The arithmetic of C: products and quotients in the dtype itself. Both operands are of one complex dtype.
Complex operator+(Complex a, Complex b);
Complex operator-(Complex a, Complex b);
Complex operator*(Complex a, Complex b);
Complex operator/(Complex a, Complex b);
Complex operator-(Complex a);
Scalar operator==(Complex a, Complex b);
Scalar operator!=(Complex a, Complex b);
Complex select(Scalar condition, Complex a, Complex b);

// Functions with the branch cuts and special values of C99 Annex G. Those of c64 are computed in f64 and rounded once.
namespace math {

Complex conj(Complex z);
Scalar abs(Complex z);
Scalar angle(Complex z);
Complex sign(Complex z);  // z / |z|, 0 of 0
Complex square(Complex z);
Complex reciprocal(Complex z);
Complex exp(Complex z);
Complex exp2(Complex z);
Complex expm1(Complex z);
Complex log(Complex z);
Complex log2(Complex z);
Complex log10(Complex z);
Complex log1p(Complex z);
Complex sqrt(Complex z);
Complex rsqrt(Complex z);
Complex sin(Complex z);
Complex cos(Complex z);
Complex tan(Complex z);
Complex sinh(Complex z);
Complex cosh(Complex z);
Complex tanh(Complex z);
Complex asin(Complex z);
Complex acos(Complex z);
Complex atan(Complex z);
Complex asinh(Complex z);
Complex acosh(Complex z);
Complex atanh(Complex z);
Complex pow(Complex z, Complex w);

}  // namespace math

}  // namespace tandem
