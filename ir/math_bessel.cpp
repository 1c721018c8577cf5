// The modified Bessel functions i0, i1 and the same times exp(-|x|), i0e and i1e.
//
// I(a) is a polynomial in a^2 near 0 (for i1 divided by a), and exp(-a) I(a) one in a or 1/a divided by sqrt(a) beyond.
// f32 is computed in f64, from polynomials for exp(-a) I(a) alone; f64 keeps the rounding errors of all steps but the last.
#include <limits>

#include "ir/math.h"
#include "ir/math_parts.h"
#include "ir/math_special_tables.h"

namespace tandem::math {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct BesselTables {
  std::span<const double> near, middle, far, near_single, far_single;
};
constexpr BesselTables kTables[] = {{kBesselI0A, kBesselI0B, kBesselI0C, kBesselI0SmallF32, kBesselI0LargeF32},
                                    {kBesselI1A, kBesselI1B, kBesselI1C, kBesselI1SmallF32, kBesselI1LargeF32}};

// exp(-a) I(a) for an f32 result.
Scalar scaled_single(Scalar a, int order) {
  const BesselTables& tables = kTables[order];
  const Scalar near = a < a.constant(6), is_near[] = {near}, one = a.constant(1);
  const std::vector<Scalar> coefs = chosen(is_near, {tables.near_single, tables.far_single});
  const Scalar t = select(near, a * a.constant(1.0 / 3), a.constant(12) / a) - one;
  Scalar value = coefs.back();
  for (size_t i = coefs.size() - 1; i-- > 0;) value = fma(value, t, coefs[i]);
  return select(near, order == 0 ? value : value * a, value / sqrt(a));
}

// I(a) for a < 3.
Pair near_double(Scalar a, int order) {
  const Scalar square = a * a;
  const Pair value = polynomial({square, fma(a, a, -square)}, constants(a, kTables[order].near));
  return order == 0 ? value : product({a, a.constant(0)}, value);
}

// exp(-a) I(a) for a >= 3.
Pair far_double(Scalar a, int order) {
  const auto number = [&](double value) { return a.constant(value); };
  const Scalar is_low[] = {a < number(8)}, zero = number(0);
  const Scalar inverse = number(16) / a;
  const Pair far = fast_two_sum(number(1), -inverse);  // minus the variable
  const Scalar inverse_error = fma(-inverse, a, number(16)) / a;
  const Pair t{select(is_low[0], a - number(5.5), -far.hi), select(is_low[0], zero, inverse_error - far.lo)};
  const Pair value = polynomial(t, chosen(is_low, {kTables[order].middle, kTables[order].far}));
  const Scalar root = sqrt(a);
  const Pair divided = ratio(value, {root, fma(-root, root, a) / (root + root)});
  // At infinity the corrections are NaN.
  const Scalar finite = a < number(kInfinity);
  return {select(finite, divided.hi, zero), select(finite, divided.lo, zero)};
}

Scalar with_parity(Scalar value, Scalar x, int order) {
  const Scalar result = order == 0 ? value : flip_sign(value, sign_of(x));
  return select(x == x, result, x);
}

Scalar times(Pair value, const ScaledPair& power) {
  const Pair result = product(power.value, value);
  return (result.hi + result.lo) * power.first * power.second;
}

Scalar scaled_bessel(Scalar x, int order) {
  if (x.dtype == DType::f32)
    return with_parity(scaled_single(abs(x).cast(DType::f64), order).cast(DType::f32), x, order);
  const Scalar a = abs(x);
  const Scalar near = times(near_double(a, order), exp_pair({-a, x.constant(0)}, -3, 0));
  const Pair far = far_double(a, order);
  return with_parity(select(a < x.constant(3), near, far.hi + far.lo), x, order);
}

Scalar bessel(Scalar x, int order) {
  if (x.dtype == DType::f32) {
    const Scalar a = clamp(abs(x).cast(DType::f64), 0, 100);
    return with_parity((scaled_single(a, order) * exp(a)).cast(DType::f32), x, order);
  }
  const Scalar a = clamp(abs(x), 0, 720);
  const Pair near = near_double(a, order);
  const Scalar far = times(far_double(a, order), exp_pair({a, x.constant(0)}, 0, 720));
  return with_parity(select(a < x.constant(3), near.hi + near.lo, far), x, order);
}

}  // namespace

Scalar bessel_i0(Scalar x) { return bessel(x, 0); }
Scalar bessel_i0e(Scalar x) { return scaled_bessel(x, 0); }
Scalar bessel_i1(Scalar x) { return bessel(x, 1); }
Scalar bessel_i1e(Scalar x) { return scaled_bessel(x, 1); }

}  // namespace tandem::math
