// erfc, erfinv, sinc.
//
// erfc(a) = exp(-a^2) P / (1 + 2a) for a >= 0, P a polynomial in (a - k) / (a + k) that is nearly constant; then
// erfc(-a) = 2 - erfc(a). erfinv(x) is x P(w) with w = -log(1 - x^2) < 4, and sqrt(w) + U(sqrt(w)) beyond, where U is small
// (M. Giles, "Approximating the erfinv function", 2011, has the variables). In f64 every step but the last keeps its
// rounding error; f32 is computed in f64.
#include <cmath>
#include <limits>

#include "ir/math.h"
#include "ir/math_parts.h"
#include "ir/math_special_tables.h"
#include "ir/math_tables.h"

namespace tandem::math {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Pair sum_with(Scalar a, double b) { return two_sum(a, a.constant(b)); }
Pair product_with(Pair a, double b) { return {a.hi * a.hi.constant(b), a.lo * a.hi.constant(b)}; }

Scalar erfc_single(Scalar x) {
  const Scalar wide = x.cast(DType::f64), one = wide.constant(1), two = wide.constant(2), middle = wide.constant(3);
  const Scalar a = clamp(abs(wide), 0, 10.2);
  const Scalar scaled = horner((a - middle) / (a + middle), kErfcScaledF32) / fma(a, two, one);
  const Scalar value = exp(-(a * a)) * scaled;
  return select(wide < wide.constant(0), two - value, value).cast(DType::f32);
}

Scalar erfc_double(Scalar x) {
  const Scalar one = x.constant(1), two = x.constant(2);
  const Scalar a = clamp(abs(x), 0, 28);
  const Pair t = ratio(sum_with(a, -4), sum_with(a, 4));
  const Pair scaled = ratio(polynomial(t, constants(x, kErfcScaled)), two_sum(a + a, one));
  const Scalar square = a * a;
  const ScaledPair power = exp_pair({-square, -fma(a, a, -square)}, -800, 0);
  const Pair value = product(power.value, scaled);
  const Scalar right = (value.hi + value.lo) * power.first * power.second;
  // Around 0, 1 - (x + x P), the series of erf.
  const Pair leading = two_sum(one, -x);
  const Scalar middle = leading.hi + fma(-x, horner(fma(x, x, x.constant(-0.5)), kErfF64), leading.lo);
  return select(a < x.constant(0.75), middle, select(x < x.constant(0), two - right, right));
}

// An odd function's value at x, given that at |x| < 1, with its poles at 1.
Scalar inside_unit(Scalar value, Scalar x) {
  const Scalar a = abs(x), one = x.constant(1);
  const Scalar beyond = select(a == one, x.constant(kInfinity), x.constant(kNaN));
  return flip_sign(select(a < one, value, beyond), sign_of(x));
}

Scalar erfinv_single(Scalar x) {
  const Scalar a = abs(x.cast(DType::f64)), one = a.constant(1);
  const Scalar w = -log(clamp((one - a) * (one + a), 0x1p-24, 1));
  const Scalar root = sqrt(w), central = w < a.constant(4);
  const Scalar is_central[] = {central};
  const std::vector<Scalar> coefs = chosen(is_central, {kErfinvF32, kErfinvTailF32});
  const Scalar t = select(central, fma(w, a.constant(0.5), -one), root - a.constant(3));
  Scalar value = coefs.back();
  for (size_t i = coefs.size() - 1; i-- > 0;) value = fma(value, t, coefs[i]);
  return inside_unit(select(central, value * a, root + value).cast(DType::f32), x);
}

Scalar erfinv_double(Scalar x) {
  const Scalar a = clamp(abs(x), 0, 1 - 0x1p-53), one = x.constant(1);
  const Scalar square = a * a;
  const Pair rest = fast_two_sum(one, -square);
  const Scalar low = rest.lo - fma(a, a, -square);
  const Pair log = log_pair(rest.hi, low / rest.hi), w{-log.hi, -log.lo};
  const Scalar root = sqrt(w.hi);
  // At 0, where w and its root vanish, the root is not used.
  const Pair s{root, (fma(-root, root, w.hi) + w.lo) / (root + root)};
  const Scalar is_central[] = {w.hi < x.constant(4), root < x.constant(3.5)};
  const Scalar central = is_central[0], middle = is_central[1];
  const auto moved = [&](Pair variable, double by, double scale) {
    const Pair difference = sum_with(variable.hi, -by);
    return product_with({difference.hi, difference.lo + variable.lo}, scale);
  };
  const Pair t0 = moved(w, 2, 0.5), t1 = moved(s, 2.75, 1), t2 = moved(s, 4.75, 0.5);
  const auto pick = [&](Scalar first, Scalar second, Scalar third) {
    return select(central, first, select(middle, second, third));
  };
  const Pair value = polynomial({pick(t0.hi, t1.hi, t2.hi), pick(t0.lo, t1.lo, t2.lo)},
                                chosen(is_central, {kErfinv0, kErfinv1, kErfinv2}));
  const Pair slope = product({a, x.constant(0)}, value), tail = sum(s, value);
  return inside_unit(select(central, slope.hi + slope.lo, tail.hi + tail.lo), x);
}

// sin(pi x) / (pi x) of x >= 0, f64.
Scalar sinc_of(Scalar a) {
  const SinCos angle = sin_cos_pi(a);
  const Scalar odd = (angle.count & integer(angle.count, 1)) != integer(angle.count, 0);
  const Pair sine{select(odd, angle.cosine.hi, angle.sine.hi), select(odd, angle.cosine.lo, angle.sine.lo)};
  const Scalar size = a * a.constant(kPi[0]);
  const Pair divisor{size, fma(a, a.constant(kPi[1]), fma(a, a.constant(kPi[0]), -size))};
  const Scalar value = quotient(fast_two_sum(sine.hi, sine.lo), divisor);
  const Scalar half_turns = shr_logical(angle.count, integer(angle.count, 1));
  const Scalar signed_value = flip_sign(value, half_turns << integer(half_turns, 63));
  const Scalar whole = select(a < a.constant(kInfinity), a.constant(0), a - a);  // beyond 2^52; NaN for infinity
  const Scalar finite = select(a < a.constant(0x1p52), signed_value, whole);
  return select(a < a.constant(0x1p-30), a.constant(1), finite);
}

}  // namespace

Scalar erfc(Scalar x) { return x.dtype == DType::f32 ? erfc_single(x) : erfc_double(x); }
Scalar erfinv(Scalar x) { return x.dtype == DType::f32 ? erfinv_single(x) : erfinv_double(x); }
Scalar sinc(Scalar x) { return sinc_of(abs(x.cast(DType::f64))).cast(x.dtype); }

}  // namespace tandem::math
