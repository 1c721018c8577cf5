// Complex functions: formulas over the two parts, after W. Kahan, "Branch cuts for complex elementary functions" (1987),
// as CPython's cmath arranges them.
#include <cmath>
#include <limits>
#include <numbers>

#include "ir/complex.h"
#include "ir/math.h"
#include "ir/math_parts.h"

namespace tandem {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// From here on squares, or sums of a few numbers, may overflow in f64.
constexpr double kSquareOverflows = 0x1p510, kSumOverflows = 0x1p1021;
// exp() overflows a little later; its square root is then computed instead.
constexpr double kExpOverflows = 700;

using Function = Complex (*)(Complex);

// c64 in c128, rounded once.
template <Function F>
Complex wide(Complex z) {
  return z.re.dtype == DType::f32 ? F(z.cast(DType::c128)).cast(DType::c64) : F(z);
}

Scalar with_sign_of(Scalar x, Scalar y) { return math::flip_sign(x, math::sign_of(x) ^ math::sign_of(y)); }
Scalar is_infinite(Scalar x) { return abs(x) == x.constant(kInfinity); }
Scalar is_finite(Scalar x) { return abs(x) < x.constant(kInfinity); }
Scalar is_nan(Scalar x) { return x != x; }
Scalar zero(Scalar x) { return x.constant(0); }
Scalar one(Scalar x) { return x.constant(1); }

Complex times_i(Complex z) { return {-z.im, z.re}; }
Complex times_minus_i(Complex z) { return {z.im, -z.re}; }

// A power of two that brings the larger of |x| and |y| far away from overflow and underflow, and what undoes it.
struct Scale {
  Scalar up, down, root_down;
};
Scale scale_of(Scalar x, Scalar y) {
  const Scalar large = max(abs(x), abs(y));
  const Scalar huge = large > x.constant(kSquareOverflows), tiny = large < x.constant(0x1p-500);
  const auto pick = [&](double if_huge, double if_tiny) {
    return select(huge, x.constant(if_huge), select(tiny, x.constant(if_tiny), one(x)));
  };
  return {pick(0x1p-600, 0x1p600), pick(0x1p600, 0x1p-600), pick(0x1p300, 0x1p-300)};
}

Complex quotient_of(Complex a, Complex b) {
  const Scalar by_real = abs(b.im) <= abs(b.re);
  const Scalar p = select(by_real, b.re, b.im), q = select(by_real, b.im, b.re);
  const Scalar ratio = q / p, divisor = p + q * ratio;
  const Scalar re = select(by_real, a.re + a.im * ratio, a.re * ratio + a.im);
  const Scalar im = select(by_real, a.im - a.re * ratio, a.im * ratio - a.re);
  const Scalar nothing = p == zero(p), none = abs(p);
  return {select(nothing, a.re / none, re / divisor), select(nothing, a.im / none, im / divisor)};
}

// log |z|; where |z| is near 1 from |z|^2 - 1 in two parts.
Scalar log_abs(Complex z) {
  const Scalar x = abs(z.re), y = abs(z.im), a = max(x, y), b = min(x, y);
  const Scalar a_square = a * a, b_square = b * b;
  const Scalar a_rest = fma(a, a, -a_square), b_rest = fma(b, b, -b_square);
  const math::Pair sum = math::two_sum(a_square - one(a), b_square);
  const Scalar near = math::log1p(sum.hi + (sum.lo + (a_rest + b_rest))) * a.constant(0.5);
  const Scalar ratio = b / a;
  const Scalar far = math::log(a) + math::log1p(ratio * ratio) * a.constant(0.5);
  const Scalar around_one = (a.constant(0.7) < a) & (a < a.constant(1.5));
  const Scalar value = select(around_one, near, far);
  const Scalar infinity = x.constant(kInfinity);
  return select(is_infinite(x) | is_infinite(y), infinity, select((x == zero(x)) & (y == zero(y)), -infinity, value));
}

// power(x) in the direction of the angle y; from `large` on, squares of power(x / 2).
Complex power_at(Scalar x, Scalar y, Scalar (*power)(Scalar), double large) {
  const Scalar big = x.constant(large) < x;
  const Scalar e = power(select(big, x * x.constant(0.5), x)), more = select(big, e, one(x));
  const Scalar undirected = is_infinite(x) & ~is_finite(y), gone = undirected & (x < zero(x));
  const Scalar re = select(gone, zero(x), select(undirected, x, (e * math::cos(y)) * more));
  const Scalar im = select(gone, zero(x), (e * math::sin(y)) * more);
  const Scalar real = y == zero(y);
  return {select(real, e * more, re), select(real, y, im)};
}

Complex exp_of(Complex z) { return power_at(z.re, z.im, math::exp, kExpOverflows); }

Complex exp2_of(Complex z) {
  return power_at(z.re, z.im * z.im.constant(std::numbers::ln2), math::exp2, kExpOverflows * std::numbers::log2e);
}

Complex expm1_of(Complex z) {
  const Complex e = exp_of(z);
  const Scalar x = z.re, y = z.im, half = math::sin(y * y.constant(0.5));
  const Scalar near = math::expm1(x) * math::cos(y) - half * half * x.constant(2) + zero(x);  // never -0
  return {select(abs(x) < one(x), near, e.re - one(x)), e.im};
}

Complex log_of(Complex z) { return {log_abs(z), math::atan2(z.im, z.re)}; }

template <bool Two>
Complex log_to_base(Complex z) {
  const Complex natural = log_of(z);
  const Scalar factor = z.re.constant(Two ? std::numbers::log2e : std::numbers::log10e);
  return {natural.re * factor, natural.im * factor};
}

Complex log1p_of(Complex z) {
  const Scalar x = z.re, y = z.im, half = x.constant(0.5);
  const Scalar near = math::log1p(fma(y, y, x * (x + x.constant(2)))) * half;
  const Complex whole = log_of({x + one(x), y});
  return {select((abs(x) < half) & (abs(y) < half), near, whole.re), whole.im};
}

Complex sqrt_of(Complex z) {
  const Scale scale = scale_of(z.re, z.im);
  const Scalar x = abs(z.re) * scale.up, y = abs(z.im) * scale.up, half = x.constant(0.5);
  const Scalar root = sqrt((x + math::hypot(x, y)) * half);
  const Scalar other = select(root == zero(x), zero(x), y * half / root);
  const Scalar right = z.re < zero(x), infinite = is_infinite(z.im);
  const Scalar re = select(right, other, root) * scale.root_down, im = select(right, root, other) * scale.root_down;
  return {select(infinite, x.constant(kInfinity), re), select(infinite, z.im, with_sign_of(im, z.im))};
}

// sinh(x), cosh(x) without their overflow: to be multiplied by `more` in the end.
struct Hyperbolic {
  Scalar sinh, cosh, more;
};
Hyperbolic hyperbolic_of(Scalar x) {
  const Scalar big = x.constant(kExpOverflows) < abs(x);
  const Scalar e = math::exp(select(big, abs(x) * x.constant(0.5), zero(x))), half = e * x.constant(0.5);
  return {select(big, with_sign_of(half, x), math::sinh(x)), select(big, half, math::cosh(x)), e};
}

Complex sinh_of(Complex z) {
  const Scalar x = z.re, y = z.im, no_angle = ~is_finite(y);
  const Hyperbolic h = hyperbolic_of(x);
  const Scalar re = select(no_angle & ((x == zero(x)) | is_infinite(x)), x, h.sinh * math::cos(y) * h.more);
  return {select(y == zero(y), h.sinh * h.more, re), select(y == zero(y), y, h.cosh * math::sin(y) * h.more)};
}

Complex cosh_of(Complex z) {
  const Scalar x = z.re, y = z.im, no_angle = ~is_finite(y);
  const Hyperbolic h = hyperbolic_of(x);
  const Scalar re = select(no_angle & is_infinite(x), abs(x), h.cosh * math::cos(y) * h.more);
  const Scalar im = select(no_angle & (x == zero(x)), zero(x), h.sinh * math::sin(y) * h.more);
  const Scalar real = y == zero(y);
  return {select(real, h.cosh * h.more, re), select(real, y * with_sign_of(one(x), x), im)};
}

Complex tanh_of(Complex z) {
  const Scalar x = z.re, y = z.im;
  const Scalar t = math::tan(y), s = math::sinh(x), beta = fma(t, t, one(x));
  const Scalar divisor = fma(beta * s, s, one(x));
  const Scalar flat = x.constant(22) < abs(x);
  const Scalar decay = math::exp(abs(x) * x.constant(-2)) * x.constant(4);
  const Scalar limit = select(is_finite(y) | is_infinite(x), with_sign_of(one(x), x), y - y);
  const Scalar re = select(flat, limit, beta * sqrt(fma(s, s, one(x))) * s / divisor);
  const Scalar im = select(flat, decay * math::sin(y) * math::cos(y), t / divisor);
  const Scalar undirected = is_infinite(x) & ~is_finite(y);
  // Of infinite x the zero has the sign of y (array API), not that of sin(2 y) (C99).
  const Scalar at_end = select(is_infinite(x), with_sign_of(zero(y), y), im);
  return {select(x == zero(x), x, re), select(y == zero(y), y, select(undirected, zero(y), at_end))};
}

// log |z| where squares overflow, for numbers that are far from everything else.
Scalar log_far(Complex z) { return log_abs({z.re * z.re.constant(0.5), z.im * z.im.constant(0.5)}); }
Scalar is_far(Complex z) {
  const Scalar most = z.re.constant(kSumOverflows);
  return (most < abs(z.re)) | (most < abs(z.im));
}

Complex asinh_of(Complex z) {
  const Scalar x = z.re, y = z.im, far = is_far(z), ln2 = x.constant(std::numbers::ln2);
  const Complex a = sqrt_of({one(x) + y, -x}), b = sqrt_of({one(x) - y, x});
  const Scalar re = math::asinh(a.re * b.im - b.re * a.im);
  const Scalar im = math::atan2(y, a.re * b.re - a.im * b.im);
  const Scalar far_im = math::atan2(y, abs(x));
  return {select(far, with_sign_of(log_far(z) + (ln2 + ln2), x), re), select(y == zero(y), y, select(far, far_im, im))};
}

Complex acosh_of(Complex z) {
  const Scalar x = z.re, y = z.im, far = is_far(z), ln2 = x.constant(std::numbers::ln2);
  const Complex a = sqrt_of({x - one(x), y}), b = sqrt_of({x + one(x), y});
  const Scalar re = math::asinh(a.re * b.re + a.im * b.im);
  const Scalar im = math::atan2(a.im, b.re) * x.constant(2);
  const Scalar up = (x == zero(x)) & is_nan(y), right_angle = x.constant(std::numbers::pi / 2);
  return {select(far, log_far(z) + (ln2 + ln2), re), select(up, right_angle, select(far, math::atan2(y, x), im))};
}

Complex acos_of(Complex z) {
  const Scalar x = z.re, y = z.im, far = is_far(z), ln2 = x.constant(std::numbers::ln2);
  const Complex a = sqrt_of({one(x) - x, -y}), b = sqrt_of({one(x) + x, y});
  const Scalar re = math::atan2(a.re, b.re) * x.constant(2);
  const Scalar im = math::asinh(b.re * a.im - b.im * a.re);
  const Scalar up = (x == zero(x)) & is_nan(y), right_angle = x.constant(std::numbers::pi / 2);
  return {select(up, right_angle, select(far, math::atan2(abs(y), x), re)),
          select(far, with_sign_of(log_far(z) + (ln2 + ln2), -y), im)};
}

Complex atanh_of(Complex z) {
  const Scalar x = abs(z.re), y = z.im, height = abs(y), right_angle = x.constant(std::numbers::pi / 2);
  const Scalar most = x.constant(kSquareOverflows), far = (most < x) | (most < height);
  const Scalar half = x.constant(0.5), quarter = x.constant(0.25), two = x.constant(2);
  const Scalar distance = math::hypot(x * half, y * half);
  const Scalar far_re = select(is_infinite(x) | is_infinite(y), zero(x), x * quarter / distance / distance);
  const Scalar far_im = select(is_nan(y), y, with_sign_of(right_angle, y));
  // Beside the pole at 1, where the square of the distance underflows.
  const Scalar pole = (x == one(x)) & (height < x.constant(0x1p-511));
  const Scalar pole_re = -math::log(sqrt(height) / sqrt(math::hypot(height, two)));
  const Scalar pole_im = select(height == zero(x), y, with_sign_of(math::atan2(two, -height) * half, y));
  const Scalar gap = one(x) - x;
  const Scalar re = math::log1p(x * x.constant(4) / fma(gap, gap, height * height)) * quarter;
  const Scalar im = math::atan2(y * two, gap * (one(x) + x) - height * height) * half;
  const Scalar size = select(x == zero(x), zero(x), select(far, far_re, select(pole, pole_re, re)));
  return {with_sign_of(size, z.re), select(far, far_im, select(pole, pole_im, im))};
}

Complex direction_of(Complex z) {
  const Scale scale = scale_of(z.re, z.im);
  const Scalar x = z.re * scale.up, y = z.im * scale.up, size = math::hypot(x, y);
  const Scalar none = size == zero(x);
  return {select(none, zero(x), x / size), select(none, zero(x), y / size)};
}

Complex reciprocal_of(Complex z) { return quotient_of({one(z.re), zero(z.re)}, z); }
Complex rsqrt_of(Complex z) { return reciprocal_of(sqrt_of(z)); }

Complex power_of(Complex z, Complex w) {
  const Complex value = exp_of(w * log_of(z)), product = z * z;
  const Scalar nought = zero(z.re), unit = one(z.re), undefined = z.re.constant(std::nan(""));
  const Scalar of_zero = (z.re == nought) & (z.im == nought);
  const Scalar square = (w.re == z.re.constant(2)) & (w.im == nought), none = (w.re == nought) & (w.im == nought);
  const Scalar vanishes = nought < w.re;
  const Complex at_zero{select(vanishes, nought, undefined), select(vanishes, nought, undefined)};
  return select(none, {unit, nought}, select(square, product, select(of_zero, at_zero, value)));
}

}  // namespace

Complex Complex::cast(DType to) const {
  if (!has_imaginary()) {
    if (!is_complex(to)) return re.cast(to);
    const Scalar part = re.cast(real_type(to));
    return {part, part.constant(0)};
  }
  if (is_complex(to)) return {re.cast(real_type(to)), im.cast(real_type(to))};
  check_internal(to == DType::boolean, "a complex number becomes {}", info(to).text);
  return (re != re.constant(0)) | (im != im.constant(0));
}

Complex operator+(Complex a, Complex b) { return {a.re + b.re, a.im + b.im}; }
Complex operator-(Complex a, Complex b) { return {a.re - b.re, a.im - b.im}; }
Complex operator*(Complex a, Complex b) { return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re}; }
Complex operator/(Complex a, Complex b) {
  if (a.re.dtype != DType::f32) return quotient_of(a, b);
  return quotient_of(a.cast(DType::c128), b.cast(DType::c128)).cast(DType::c64);
}
Complex operator-(Complex a) { return {-a.re, -a.im}; }
Scalar operator==(Complex a, Complex b) { return (a.re == b.re) & (a.im == b.im); }
Scalar operator!=(Complex a, Complex b) { return (a.re != b.re) | (a.im != b.im); }
Complex select(Scalar condition, Complex a, Complex b) {
  return {select(condition, a.re, b.re), select(condition, a.im, b.im)};
}

namespace math {

Complex conj(Complex z) { return {z.re, -z.im}; }
Scalar abs(Complex z) { return hypot(z.re, z.im); }
Scalar angle(Complex z) { return atan2(z.im, z.re); }
Complex square(Complex z) { return z * z; }
Complex sign(Complex z) { return wide<direction_of>(z); }
Complex reciprocal(Complex z) { return wide<reciprocal_of>(z); }
Complex exp(Complex z) { return wide<exp_of>(z); }
Complex exp2(Complex z) { return wide<exp2_of>(z); }
Complex expm1(Complex z) { return wide<expm1_of>(z); }
Complex log(Complex z) { return wide<log_of>(z); }
Complex log2(Complex z) { return wide<log_to_base<true>>(z); }
Complex log10(Complex z) { return wide<log_to_base<false>>(z); }
Complex log1p(Complex z) { return wide<log1p_of>(z); }
Complex sqrt(Complex z) { return wide<sqrt_of>(z); }
Complex rsqrt(Complex z) { return wide<rsqrt_of>(z); }
Complex sinh(Complex z) { return wide<sinh_of>(z); }
Complex cosh(Complex z) { return wide<cosh_of>(z); }
Complex tanh(Complex z) { return wide<tanh_of>(z); }
Complex asinh(Complex z) { return wide<asinh_of>(z); }
Complex acosh(Complex z) { return wide<acosh_of>(z); }
Complex atanh(Complex z) { return wide<atanh_of>(z); }
Complex acos(Complex z) { return wide<acos_of>(z); }
// What is a function of i z.
Complex sin(Complex z) { return times_minus_i(sinh(times_i(z))); }
Complex cos(Complex z) { return cosh(times_i(z)); }
Complex tan(Complex z) { return times_minus_i(tanh(times_i(z))); }
Complex asin(Complex z) { return times_minus_i(asinh(times_i(z))); }
Complex atan(Complex z) { return times_minus_i(atanh(times_i(z))); }
Complex pow(Complex z, Complex w) {
  if (z.re.dtype != DType::f32) return power_of(z, w);
  return power_of(z.cast(DType::c128), w.cast(DType::c128)).cast(DType::c64);
}

}  // namespace math

}  // namespace tandem
