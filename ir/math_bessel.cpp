// The modified Bessel functions i0, i1 and the same times exp(-|x|), i0e and i1e.
//
// exp(-a) I(a) is a polynomial in a near 0 (for i1 divided by a), and one in a or 1/a divided by sqrt(a) beyond. f32 is
// computed in f64; f64 keeps the rounding errors of all steps but the last.
#include <limits>

#include "ir/math.h"
#include "ir/math_parts.h"
#include "ir/math_special_tables.h"

namespace tandem::math {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct BesselTables {
  std::span<const double> first, second, third, small, large;
};
constexpr BesselTables kTables[] = {{kBesselI0A, kBesselI0B, kBesselI0C, kBesselI0SmallF32, kBesselI0LargeF32},
                                    {kBesselI1A, kBesselI1B, kBesselI1C, kBesselI1SmallF32, kBesselI1LargeF32}};

// exp(-a) I(a) for an f32 result.
Scalar scaled_single(Scalar a, int order) {
  const BesselTables& tables = kTables[order];
  const Scalar near = a < a.constant(6), is_near[] = {near}, one = a.constant(1);
  const std::vector<Scalar> coefs = chosen(is_near, {tables.small, tables.large});
  const Scalar t = select(near, a * a.constant(1.0 / 3), a.constant(12) / a) - one;
  Scalar value = coefs.back();
  for (size_t i = coefs.size() - 1; i-- > 0;) value = fma(value, t, coefs[i]);
  return select(near, order == 0 ? value : value * a, value / sqrt(a));
}

Pair scaled_double(Scalar a, int order) {
  const BesselTables& tables = kTables[order];
  const auto number = [&](double value) { return a.constant(value); };
  const Scalar is_low[] = {a < number(4), a < number(8)};
  const Scalar near = is_low[0], middle = is_low[1], zero = number(0), one = number(1);
  const Scalar inverse = number(16) / a;
  const Pair far = fast_two_sum(one, -inverse);  // minus the variable
  const Scalar inverse_error = fma(-inverse, a, number(16)) / a;
  const Pair t{select(middle, (a - select(near, number(2), number(6))) * number(0.5), -far.hi),
               select(middle, zero, inverse_error - far.lo)};
  const Pair value = polynomial(t, chosen(is_low, {tables.first, tables.second, tables.third}));
  const Scalar root = sqrt(a);
  const Pair divided = ratio(value, {root, fma(-root, root, a) / (root + root)});
  const Pair multiplied = order == 0 ? value : product({a, zero}, value);
  // At infinity the corrections are NaN.
  const Scalar finite = a < number(kInfinity);
  return {select(near, multiplied.hi, select(finite, divided.hi, zero)),
          select(near, multiplied.lo, select(finite, divided.lo, zero))};
}

Scalar with_parity(Scalar value, Scalar x, int order) {
  const Scalar result = order == 0 ? value : flip_sign(value, sign_of(x));
  return select(x == x, result, x);
}

Scalar scaled_bessel(Scalar x, int order) {
  if (x.dtype == DType::f32)
    return with_parity(scaled_single(abs(x).cast(DType::f64), order).cast(DType::f32), x, order);
  const Pair value = scaled_double(abs(x), order);
  return with_parity(value.hi + value.lo, x, order);
}

Scalar bessel(Scalar x, int order) {
  if (x.dtype == DType::f32) {
    const Scalar a = clamp(abs(x).cast(DType::f64), 0, 100);
    return with_parity((scaled_single(a, order) * exp(a)).cast(DType::f32), x, order);
  }
  const Scalar a = clamp(abs(x), 0, 720), zero = x.constant(0);
  const ScaledPair power = exp_pair({a, zero}, 0, 720);
  const Pair value = product(power.value, scaled_double(a, order));
  return with_parity((value.hi + value.lo) * power.first * power.second, x, order);
}

}  // namespace

Scalar bessel_i0(Scalar x) { return bessel(x, 0); }
Scalar bessel_i0e(Scalar x) { return scaled_bessel(x, 0); }
Scalar bessel_i1(Scalar x) { return bessel(x, 1); }
Scalar bessel_i1e(Scalar x) { return scaled_bessel(x, 1); }

}  // namespace tandem::math
