// What the function families share: polynomials, sums and quotients in two parts, and access to the bits of a float.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "ir/scalar.h"

namespace tandem::math {

// A value as an unevaluated sum; `lo` is small beside `hi`.
struct Pair {
  Scalar hi, lo;
};

// The facts about f32 and f64 that range reductions need.
struct Format {
  DType ints;       // integer type of the same size
  int mantissa;     // stored mantissa bits
  int bias;         // of the exponent field
  int64_t sign;     // the sign bit
  double smallest;  // normal number
};
const Format& format_of(DType dtype);

// Adding `magic(dtype, shift)` to a number below 2^(mantissa-2) rounds it to an integer n and leaves n + shift in the
// low bits of the sum, with no conversion instruction; a mantissa-bit left shift then makes it an exponent field.
double magic(DType dtype, int shift);

Scalar horner(Scalar x, std::span<const double> coefs);  // coefs[0] + coefs[1] x + ...
// The same with even and odd powers apart as long as either is a long sum: where one step waits for the last, a
// processor cannot hold enough of a loop to be busy.
Scalar paired_horner(Scalar x, std::span<const double> coefs);
Pair fast_two_sum(Scalar a, Scalar b);  // exact if |a| >= |b| or a == 0
Pair two_sum(Scalar a, Scalar b);
Scalar quotient(Pair a, Pair b);  // a / b, rounded almost once; b.lo has to be a rounding error of b.hi
Pair sum(Pair a, Pair b);
Pair product(Pair a, Pair b);
Pair ratio(Pair a, Pair b);

// Polynomials by intervals, whose tables have the same length: the coefficients of the first table whose condition
// holds, or else of the last one.
std::vector<Scalar> chosen(std::span<const Scalar> conditions, std::initializer_list<std::span<const double>> tables);
std::vector<Scalar> constants(Scalar like, std::span<const double> table);
// Of coefficients whose constant term is the sum of the first two: the two highest steps keep their rounding errors.
Pair polynomial(Pair t, std::span<const Scalar> coefs);

// sin and cos of an angle less `count` quarter turns, at most pi/4: by those of `count`, they change places and signs.
struct SinCos {
  Pair sine, cosine;
  Scalar count;
};
SinCos sin_cos_pi(Scalar x);  // of pi x for x >= 0, f64

// first * second * a pair, the factors being powers of two, to be multiplied by one after the other.
struct ScaledPair {
  Pair value;
  Scalar first, second;
};
ScaledPair exp_pair(Pair x, double low, double high);  // at the nearer end outside of [low, high]
Pair log_pair(Scalar x, Scalar correction);            // log(x) + correction, x > 0

Scalar bits_of(Scalar x);                         // as an integer
Scalar from_bits(Scalar bits);                    // back to the float of the same size
Scalar sign_of(Scalar x);                         // its sign bit, as an integer
Scalar flip_sign(Scalar x, Scalar sign_bit);      // exclusive or with a sign bit
Scalar exponent_field(Scalar integer);            // shifts the low bits to the exponent; bits above fall off
Scalar clamp(Scalar x, double low, double high);  // a NaN stays
Scalar erfc_tail(Scalar a);                       // erfc for 1 <= a <= 6, f64; at the nearer end outside
Scalar integer(Scalar like, int64_t value);       // constant of the dtype of `like`

}  // namespace tandem::math
