// lgamma, digamma and trigamma.
//
// All take the part of a regular function that has their zeros out as factors, lgamma(1 + w) = w (w - 1) R(w) and
// digamma(1 + w) = (1 + w - root) R(w), or their next pole, trigamma(1 + w) = R(w) / (1 + w)^2, and R from polynomials on intervals whose ends double. From 8 on the asymptotic
// series serves; arguments near 0 are moved up by one; negative ones are reflected. All sums keep their rounding errors,
// so that only the last one rounds. Near a zero between two poles the terms of the reflection cancel: the error is then
// small in units of the terms, not of the result.
#include <array>
#include <limits>

#include "ir/math.h"
#include "ir/math_parts.h"
#include "ir/math_special_tables.h"
#include "ir/math_tables.h"

namespace tandem::math {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Pair negated(Pair x) { return {-x.hi, -x.lo}; }
Pair select(Scalar condition, Pair a, Pair b) { return {select(condition, a.hi, b.hi), select(condition, a.lo, b.lo)}; }
Pair exact(Scalar x) { return {x, x.constant(0)}; }
Pair pair(Scalar like, std::array<double, 2> parts) { return {like.constant(parts[0]), like.constant(parts[1])}; }

// 1 / a; an infinite one has no error.
Pair reciprocal_of(Scalar a) {
  const Scalar hi = a.constant(1) / a;
  return {hi, select(hi < a.constant(kInfinity), fma(-hi, a, a.constant(1)) * hi, a.constant(0))};
}

// What the series for a >= 8 are made of.
struct Asymptotic {
  Pair log;
  Scalar inverse, square;  // 1 / a and its square
};

Asymptotic asymptotic(Scalar a) {
  const Scalar inverse = a.constant(1) / a;
  return {log_pair(a, a.constant(0)), inverse, inverse * inverse};
}

// lgamma(1 + w) for -1/2 <= w < 7.
Pair lgamma_near(Scalar w) {
  const Scalar is_low[] = {w < w.constant(0), w < w.constant(1), w < w.constant(3)};
  const auto number = [&](double first, double second, double third, double fourth) {
    return select(is_low[0], w.constant(first),
                  select(is_low[1], w.constant(second), select(is_low[2], w.constant(third), w.constant(fourth))));
  };
  const Scalar t = (w - number(-0.25, 0.5, 2, 5)) * number(4, 2, 1, 0.5);
  const Pair regular = polynomial(exact(t), chosen(is_low, {kLgamma0, kLgamma1, kLgamma2, kLgamma3}));
  return product(product(exact(w), two_sum(w, w.constant(-1))), regular);
}

// (a - 1/2) (log a - 1) + log(2 pi) / 2 - 1/2 + the series in 1/a.
Pair lgamma_far(Scalar a, const Asymptotic& parts) {
  const Pair log = two_sum(parts.log.hi, a.constant(-1));
  const Pair leading = product(fast_two_sum(a, a.constant(-0.5)), {log.hi, log.lo + parts.log.lo});
  const Scalar series = parts.inverse * horner(parts.square, kLgammaSeries);
  Pair value = sum(leading, pair(a, kStirling));
  value.lo = select(value.hi < a.constant(kInfinity), value.lo + series, a.constant(0));
  return value;
}

Scalar lgamma_double(Scalar x) {
  const Scalar zero = x.constant(0), one = x.constant(1);
  const Scalar a = abs(x);
  const Scalar small = a < x.constant(0.5), near = a < x.constant(8);
  const Pair regular = lgamma_near(select(small, a, a - one));
  const Asymptotic parts = asymptotic(a);
  const Pair far = lgamma_far(a, parts);
  const Pair positive = select(near, select(small, sum(negated(parts.log), regular), regular), far);

  // lgamma(-a) = log(pi / (a sin(pi a))) - lgamma(a), where log a cancels if lgamma(a) = lgamma(1 + a) - log a.
  const SinCos angle = sin_cos_pi(a);
  const Scalar odd = (angle.count & integer(angle.count, 1)) != integer(angle.count, 0);
  const Pair part = select(odd, angle.cosine, angle.sine);
  const Pair sine = fast_two_sum(abs(part.hi), select(part.hi < zero, -part.lo, part.lo));
  const Pair argument = ratio(pair(x, {kPi[0], kPi[1]}), select(small, sine, product(exact(a), sine)));
  const Pair reflected = sum(log_pair(argument.hi, argument.lo / argument.hi), negated(select(near, regular, far)));

  const Scalar is_tiny = a < x.constant(0x1p-60);  // -log a
  const Pair value = select((x < zero) & ~is_tiny, reflected, positive);
  const Scalar pole = (a == zero) | ((x < zero) & (trunc(x) == x));
  const Scalar result = select(pole | (a == x.constant(kInfinity)), x.constant(kInfinity), value.hi + value.lo);
  return select(x == x, result, x);
}

// digamma(1 + w) for 0 <= w < 7.
Pair digamma_near(Scalar w) {
  const Scalar is_low[] = {w < w.constant(1), w < w.constant(3)};
  const auto number = [&](double first, double second, double third) {
    return select(is_low[0], w.constant(first), select(is_low[1], w.constant(second), w.constant(third)));
  };
  const Scalar t = (w - number(0.5, 2, 5)) * number(2, 1, 0.5);
  const Pair regular = polynomial(exact(t), chosen(is_low, {kDigamma1, kDigamma2, kDigamma3}));
  return product(sum(exact(w), negated(pair(w, kDigammaRoot))), regular);
}

Scalar digamma_double(Scalar x) {
  const Scalar zero = x.constant(0), one = x.constant(1);
  const Scalar a = abs(x);
  const Scalar small = a < one, near = a < x.constant(8);
  const Pair regular = digamma_near(select(small, a, a - one));
  const Asymptotic parts = asymptotic(a);
  const Scalar series = fma(parts.square, horner(parts.square, kDigammaSeries), parts.inverse * x.constant(0.5));
  const Pair far{parts.log.hi, parts.log.lo - series};
  const Pair reciprocal = reciprocal_of(a);
  const Pair positive = select(near, select(small, sum(regular, negated(reciprocal)), regular), far);

  // digamma(-a) = digamma(1 + a) + pi cot(pi a)
  const Pair above = select(small, regular, sum(positive, reciprocal));
  const SinCos angle = sin_cos_pi(a);
  const Scalar odd = (angle.count & integer(angle.count, 1)) != integer(angle.count, 0);
  const Pair sine = fast_two_sum(angle.sine.hi, angle.sine.lo), cosine = fast_two_sum(angle.cosine.hi, angle.cosine.lo);
  const Pair cotangent = ratio(select(odd, negated(sine), cosine), select(odd, cosine, sine));
  const Pair reflected = sum(above, product(cotangent, pair(x, {kPi[0], kPi[1]})));

  const Pair value = select(x < zero, reflected, positive);
  const Scalar is_tiny = a < x.constant(0x1p-60);
  const Scalar result = select(is_tiny, -(one / x), value.hi + value.lo);
  const Scalar undefined = (x < zero) & (trunc(x) == x);  // also minus infinity
  return select(undefined, x.constant(kNaN), select(a < x.constant(kInfinity), result, x));
}

// trigamma(1 + w) for 0 <= w < 7.
Pair trigamma_near(Scalar w) {
  const Scalar is_low[] = {w < w.constant(1), w < w.constant(3)};
  const auto number = [&](double first, double second, double third) {
    return select(is_low[0], w.constant(first), select(is_low[1], w.constant(second), w.constant(third)));
  };
  const Scalar t = (w - number(0.5, 2, 5)) * number(2, 1, 0.5);
  const Pair a = two_sum(w, w.constant(1));
  return ratio(polynomial(exact(t), chosen(is_low, {kTrigamma1, kTrigamma2, kTrigamma3})), product(a, a));
}

Scalar trigamma_double(Scalar x) {
  const Scalar zero = x.constant(0), one = x.constant(1);
  const Scalar a = abs(x);
  const Scalar small = a < one, near = a < x.constant(8);
  const Pair regular = trigamma_near(select(small, a, a - one));
  const Pair reciprocal = reciprocal_of(a), square = product(reciprocal, reciprocal);
  const Scalar series = fma(square.hi * reciprocal.hi, horner(square.hi, kTrigammaSeries), square.hi * x.constant(0.5));
  const Pair far = sum(reciprocal, exact(series));
  const Pair above = select(near, regular, far);
  const Pair positive = select(small, sum(regular, square), above);

  // trigamma(-a) = (pi / sin(pi a))^2 - trigamma(1 + a), where trigamma(1 + a) = trigamma(a) - 1 / a^2
  const SinCos angle = sin_cos_pi(a);
  const Scalar odd = (angle.count & integer(angle.count, 1)) != integer(angle.count, 0);
  const Pair sine = select(odd, angle.cosine, angle.sine);
  const Pair inverse = ratio(pair(x, {kPi[0], kPi[1]}), fast_two_sum(sine.hi, sine.lo)),
             pole = product(inverse, inverse);
  const Pair reflected = sum(pole, negated(select(small, regular, sum(above, negated(square)))));

  const Pair value = select(x < zero, reflected, positive);
  // Where a square overflows, its own errors are NaN.
  const Scalar finite = select(square.hi < x.constant(kInfinity), value.hi + value.lo, x.constant(kInfinity));
  const Scalar whole = (x < zero) & (trunc(x) == x);
  const Scalar at_infinity = select(x < zero, x.constant(kNaN), zero);
  const Scalar result = select(whole, x.constant(kInfinity), finite);
  return select(x == x, select(a < x.constant(kInfinity), result, at_infinity), x);
}

Scalar widened(Scalar x, Scalar (*function)(Scalar)) {
  return x.dtype == DType::f64 ? function(x) : function(x.cast(DType::f64)).cast(x.dtype);
}

}  // namespace

Scalar lgamma(Scalar x) { return widened(x, lgamma_double); }
Scalar digamma(Scalar x) { return widened(x, digamma_double); }
Scalar trigamma(Scalar x) { return widened(x, trigamma_double); }

}  // namespace tandem::math
