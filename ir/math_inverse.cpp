// asin, acos, atan, atan2.
//
// All end in base + atan t or base + asin t, a polynomial in t^2 beside a multiple of pi/4 in two parts. What t is
// without its rounding error is small beside it, so the remainder of the division or square root that t comes from is
// divided roughly, by a subtraction of bit patterns.
//
// atan2 of coordinates that are zero, infinite or extreme, seldom met, takes a point in the same direction.
#include <cmath>
#include <limits>

#include "ir/math.h"
#include "ir/math_parts.h"
#include "ir/math_tables.h"

namespace tandem::math {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool is_single(Scalar x) { return x.dtype == DType::f32; }
std::span<const double> arcsine_of(Scalar x) {
  return is_single(x) ? std::span<const double>(kAsinF32) : std::span<const double>(kAsinF64);
}

// eighths * pi/8 in two parts; eighths is 6 or a power of two.
Pair multiple_of_pi(Scalar like, int eighths) {
  if (is_single(like)) {
    const auto [hi, lo] = eighths == 6 ? kThreeQuarterPiF32 : kHalfPiF32;
    const double scale = eighths == 6 ? 1 : eighths / 4.0;
    return {like.constant(hi * scale), like.constant(lo * scale)};
  }
  const double scale = eighths / 4.0;
  const double hi = kPi[0] / 2 * scale;
  return {like.constant(hi), like.constant(std::fma(kPi[0] / 2, scale, -hi) + kPi[1] / 2 * scale)};
}

Pair select(Scalar condition, Pair a, Pair b) {
  return {tandem::select(condition, a.hi, b.hi), tandem::select(condition, a.lo, b.lo)};
}

// 1 / x to within 6 %, for a normal x > 0 that is not extreme.
Scalar rough_inverse(Scalar x) {
  const Format& format = format_of(x.dtype);
  const int64_t one = int64_t{1} << format.mantissa;
  const auto bits = 2 * format.bias * one - static_cast<int64_t>(0.101 * static_cast<double>(one));
  return from_bits(integer(bits_of(x), bits) - bits_of(x));
}

// base + t + t z series(z) + low
Scalar summed(Pair base, Scalar t, Scalar z, std::span<const double> series, Scalar low) {
  const Pair sum = fast_two_sum(base.hi, t);
  return sum.hi + (sum.lo + fma(t * z, paired_horner(z, series), base.lo + low));
}

// base + atan(t + low), |t| <= 1/2
Scalar with_arctangent(Pair base, Scalar t, Scalar low) {
  return summed(base, t, t * t, is_single(t) ? std::span<const double>(kAtanF32) : kAtanF64, low);
}

// asin x = pi/2 - 2 asin(sqrt((1 - x) / 2)) from 1/2 on.
struct Leg {
  Scalar large, z, twice, rest;  // twice + rest: 2 sqrt(z)
};

Leg leg_of(Scalar size) {
  const Scalar half = size.constant(0.5);
  const Scalar large = half < size;
  const Scalar z = tandem::select(large, fma(size, -half, half), size * size);
  const Scalar root = sqrt(z);
  return {large, z, root + root, fma(-root, root, z) * rough_inverse(root)};
}

Scalar arctangent(Scalar x) {
  const Scalar one = x.constant(1), zero = x.constant(0);
  const Scalar size = clamp(abs(x), 0, 0x1p60);
  const Scalar shallow = size < x.constant(0.5), steep = x.constant(2) < size;
  const Scalar sum = size + one;
  const Scalar above = tandem::select(shallow, size, tandem::select(steep, -one, size - one));
  const Scalar below = tandem::select(shallow, one, tandem::select(steep, size, sum));
  const Scalar below_low = tandem::select(shallow | steep, zero, size - (sum - one));
  const Scalar t = above / below;
  const Scalar rest = fma(-t, below_low, fma(-t, below, above)) * rough_inverse(below);
  const Pair base = select(shallow, {zero, zero}, select(steep, multiple_of_pi(x, 4), multiple_of_pi(x, 2)));
  return flip_sign(with_arctangent(base, t, rest), sign_of(x));
}

// ---- atan2 ----

Scalar is_negative(Scalar x) {
  const Scalar sign = sign_of(x);
  return sign != integer(sign, 0);
}

// Of a point at this height and width, on the sides that the signs of y and x tell. The quotient of the smaller
// coordinate by the larger is the tangent of an angle from one of the axes, or, above 1/2,
// (smaller - larger) / (larger + smaller) that from a diagonal.
Scalar angle(Scalar height, Scalar width, Scalar y, Scalar x) {
  const Scalar zero = y.constant(0);
  const Scalar steep = width < height, left = is_negative(x);
  const Scalar smaller = tandem::select(steep, width, height), larger = tandem::select(steep, height, width);
  const Scalar turned = tandem::select(steep, sign_of(y.constant(-1)), integer(sign_of(y), 0)) ^ sign_of(x);
  Pair base = select(steep, multiple_of_pi(y, 4), select(left, multiple_of_pi(y, 8), {zero, zero}));
  const Scalar diagonal = larger < smaller + smaller;
  const Scalar sum = larger + smaller;
  const Scalar above = flip_sign(tandem::select(diagonal, smaller - larger, smaller), turned);  // exact
  const Scalar below = tandem::select(diagonal, sum, larger);
  const Scalar below_low = tandem::select(diagonal, smaller - (sum - larger), zero);
  base = select(diagonal, select(left, multiple_of_pi(y, 6), multiple_of_pi(y, 2)), base);
  const Scalar t = above / below;
  const Scalar rest = fma(-t, below_low, fma(-t, below, above)) * rough_inverse(below);
  return flip_sign(with_arctangent(base, t, rest), sign_of(y));
}

// Bounds of the larger coordinate between which nothing overflows, and a remainder is lost only where it does not
// count.
struct Bounds {
  double low, high, up, down;  // and scales for what lies beyond
};
constexpr Bounds kSingleBounds{0x1p-60, 0x1p120, 0x1p100, 0x1p-20};
constexpr Bounds kDoubleBounds{0x1p-400, 0x1p1000, 0x1p600, 0x1p-60};

Scalar special_angle(Scalar y, Scalar x, const Bounds& bounds) {
  const Scalar one = y.constant(1), zero = y.constant(0), infinity = y.constant(kInfinity);
  const Scalar y_endless = abs(y) == infinity, x_endless = abs(x) == infinity;
  const Scalar height = tandem::select(y_endless, one, tandem::select(x_endless, zero, abs(y)));
  const Scalar width = tandem::select(x_endless, one, tandem::select(y_endless, zero, abs(x)));
  const Scalar nothing = (height == zero) & (width == zero);
  const Scalar larger = tandem::select(width < height, height, width);
  const Scalar scale = tandem::select(larger < y.constant(bounds.low), y.constant(bounds.up),
                                      tandem::select(y.constant(bounds.high) < larger, y.constant(bounds.down), one));
  const Scalar value = angle(height * scale, tandem::select(nothing, one, width * scale), y, x);
  return tandem::select((x != x) | (y != y), x + y, value);
}

}  // namespace

Scalar asin(Scalar x) {
  const Scalar size = abs(x), zero = x.constant(0);
  const Leg leg = leg_of(size);
  const Pair base = select(leg.large, multiple_of_pi(x, 4), {zero, zero});
  const Scalar t = tandem::select(leg.large, -leg.twice, size);
  return flip_sign(summed(base, t, leg.z, arcsine_of(x), tandem::select(leg.large, -leg.rest, zero)), sign_of(x));
}

Scalar acos(Scalar x) {
  const Scalar size = abs(x), zero = x.constant(0), sign = sign_of(x);
  const Leg leg = leg_of(size);
  const Pair far = select(x < zero, multiple_of_pi(x, 8), {zero, zero});
  const Pair base = select(leg.large, far, multiple_of_pi(x, 4));
  const Scalar t = flip_sign(tandem::select(leg.large, leg.twice, -size), sign);
  return summed(base, t, leg.z, arcsine_of(x), tandem::select(leg.large, flip_sign(leg.rest, sign), zero));
}

Scalar atan(Scalar x) { return arctangent(x); }

Scalar atan2(Scalar y, Scalar x) {
  const Bounds& bounds = is_single(y) ? kSingleBounds : kDoubleBounds;
  const Scalar height = abs(y), width = abs(x);
  const Scalar larger = tandem::select(width < height, height, width);
  const Scalar usual = (y.constant(bounds.low) < larger) & (larger < y.constant(bounds.high));
  return select_rare(~usual, special_angle(y, x, bounds), angle(height, width, y, x));
}

}  // namespace tandem::math
