// asin, acos, atan, atan2.
//
// All are the angle of a point: atan2(y, x), with asin x = atan2(x, sqrt(1 - x^2)), acos x = atan2(sqrt(1 - x^2), x). The
// smaller of the two coordinates is divided by the larger, and the quotient q, from 0 to 1, reduced by
// atan q = atan c + atan((q - c) / (1 + c q)) with c = 0, 1/2 or 1. In f64 every step keeps its rounding error, so that only
// the last sum rounds; f32 is computed in f64 and needs none of that.
#include <limits>

#include "ir/math.h"
#include "ir/math_parts.h"
#include "ir/math_tables.h"

namespace tandem::math {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Scalar choose(Scalar low, Scalar middle, double first, double second, double third) {
  return select(low, low.builder->constant(DType::f64, first),
                select(middle, low.builder->constant(DType::f64, second), low.builder->constant(DType::f64, third)));
}

// atan(q) of a quotient in [0, 1].
Pair angle_of(Pair q, bool exact) {
  const Scalar low = q.hi < q.hi.constant(0.4375), middle = q.hi < q.hi.constant(0.6875);
  const Scalar c = choose(low, middle, 0, 0.5, 1), one = q.hi.constant(1);
  const Scalar numerator = q.hi - c;  // exact
  const Scalar denominator = fma(c, q.hi, one);
  const Scalar t = numerator / denominator;
  const Scalar z = t * t;
  const Scalar hi = choose(low, middle, 0, kAtanHalf[0], kPi[0] / 4);
  if (!exact) return {hi + fma(t * z, horner(z, kAtanSingle), t), q.hi.constant(0)};
  const Scalar error = fma(c, q.hi, one - denominator) + c * q.lo;  // of the denominator
  const Scalar rest = fma(-t, error, fma(-t, denominator, numerator) + q.lo) / denominator;
  const Scalar small = fma(t * z, horner(z, kAtanF64), rest + choose(low, middle, 0, kAtanHalf[1], kPi[1] / 4));
  const Pair sum = fast_two_sum(hi, t);
  return {sum.hi, sum.lo + small};
}

// The angle of a point from its two coordinates, neither negative nor both zero or infinite; `left`: the first one is
// really negative.
Scalar angle(Pair y, Pair x, Scalar left, bool exact) {
  const Scalar steep = x.hi < y.hi;
  const Pair smaller{select(steep, x.hi, y.hi), select(steep, x.lo, y.lo)};
  const Pair larger{select(steep, y.hi, x.hi), select(steep, y.lo, x.lo)};
  Pair q{smaller.hi / larger.hi, smaller.lo};
  if (exact) q.lo = fma(-q.hi, larger.lo, fma(-q.hi, larger.hi, smaller.hi) + smaller.lo) / larger.hi;
  const Pair part = angle_of(q, exact);
  // Steep angles are measured from the vertical, left ones from the other side: at most one of 0, pi/2, pi is added.
  const Scalar turned = steep ^ left;
  const Scalar zero = part.hi.constant(0);
  const auto quarter_turns = [&](double half_pi, double pi) {
    return select(steep, zero.constant(half_pi), select(left, zero.constant(pi), zero));
  };
  const Scalar hi = select(turned, -part.hi, part.hi), lo = select(turned, -part.lo, part.lo);
  const Scalar base = quarter_turns(kPi[0] / 2, kPi[0]);
  if (!exact) return base + hi;
  const Pair sum = fast_two_sum(base, hi);
  const Scalar value = sum.hi + (sum.lo + (lo + quarter_turns(kPi[1] / 2, kPi[1])));
  return select(steep | left, value, part.hi + part.lo);
}

Scalar is_negative(Scalar x) {
  const Scalar sign = sign_of(x);
  return sign != integer(sign, 0);
}

// sqrt(1 - x^2)
Pair other_leg(Scalar x, bool exact) {
  const Scalar one = x.constant(1), zero = x.constant(0);
  const Scalar square = x * x;
  if (!exact) return {sqrt(one - square), zero};  // f32 has an exact square
  const Pair rest = fast_two_sum(one, -square);
  const Scalar low = rest.lo - fma(x, x, -square);
  const Scalar root = sqrt(rest.hi);
  const Scalar correction = (fma(-root, root, rest.hi) + low) / (root + root);
  return {root, select(root == zero, zero, correction)};
}

Scalar arcsine(Scalar x, bool exact) {
  const Scalar size = abs(x), right = x.builder->constant(DType::boolean, 0);
  return flip_sign(angle({size, x.constant(0)}, other_leg(size, exact), right, exact), sign_of(x));
}

Scalar arccosine(Scalar x, bool exact) {
  const Scalar size = abs(x);
  return angle(other_leg(size, exact), {size, x.constant(0)}, is_negative(x), exact);
}

Scalar arctangent(Scalar y, Scalar x, bool exact) {
  const Scalar one = y.constant(1), zero = y.constant(0), infinity = y.constant(kInfinity);
  const Scalar is_nan = (x != x) | (y != y);
  const Scalar y_endless = abs(y) == infinity, x_endless = abs(x) == infinity;
  const Scalar height = select(y_endless, one, select(x_endless, zero, abs(y)));
  const Scalar width = select(x_endless, one, select(y_endless, zero, abs(x)));
  const Scalar nothing = (height == zero) & (width == zero);
  Scalar rise = height, run = select(nothing, one, width);
  if (exact) {  // residuals of small coordinates would underflow
    const Scalar most = y.constant(0x1p800);
    const Scalar scale = select((rise < most) & (run < most), y.constant(0x1p150), one);
    rise = rise * scale, run = run * scale;
  }
  const Scalar value = angle({rise, zero}, {run, zero}, is_negative(x), exact);
  return select(is_nan, x + y, flip_sign(value, sign_of(y)));
}

// f32 in f64.
template <class Function>
Scalar widened(Scalar x, Function function) {
  if (x.dtype == DType::f64) return function(x, true);
  return function(x.cast(DType::f64), false).cast(DType::f32);
}

}  // namespace

Scalar asin(Scalar x) { return widened(x, arcsine); }
Scalar acos(Scalar x) { return widened(x, arccosine); }
Scalar atan(Scalar x) {
  return widened(x, [](Scalar y, bool exact) { return arctangent(y, y.constant(1), exact); });
}
Scalar atan2(Scalar y, Scalar x) {
  if (y.dtype == DType::f64) return arctangent(y, x, true);
  return arctangent(y.cast(DType::f64), x.cast(DType::f64), false).cast(DType::f32);
}

}  // namespace tandem::math
