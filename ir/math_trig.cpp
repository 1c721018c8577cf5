// sin, cos, tan.
//
// Arguments are reduced by subtracting n times pi/2 or pi in parts of 53 bits, which is exact enough up to 2^32 for f32
// and 2^39 for f64. Larger ones, seldom met, multiply the integer mantissa by the binary digits of 2/pi that matter for
// their exponent (Payne and Hanek); the digits come from constants chosen by selects. That way also ends with NaN for
// infinite and NaN arguments.
//
// f32 works in f64: sin and cos then need a single polynomial over [-pi/2, pi/2], tan a quotient of two short ones.
#include <bit>
#include <limits>
#include <vector>

#include "ir/math.h"
#include "ir/math_parts.h"
#include "ir/math_tables.h"

namespace tandem::math {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kTwoOverPiValue = 0x1.45f306dc9c883p-1;
constexpr double kSingleLimit = 0x1p32;  // from here on digits of 2/pi are used
constexpr double kDoubleLimit = 0x1p39;

// 64 binary digits of 2/pi starting `offset` digits after the point; digits before the point are zero.
int64_t digits(int offset) {
  uint64_t word = 0;
  for (int i = 0; i < 64; ++i) {
    const int position = offset + i;
    if (position < 0) continue;
    const uint64_t bit = kTwoOverPi[static_cast<size_t>(position / 64)] >> (63 - position % 64) & 1;
    word |= bit << (63 - i);
  }
  return std::bit_cast<int64_t>(word);
}

Scalar shl(Scalar a, int count) { return a << integer(a, count); }
Scalar shr(Scalar a, int count) { return shr_logical(a, integer(a, count)); }
Scalar low_bits(Scalar a, int count) { return a & integer(a, (int64_t{1} << count) - 1); }
Scalar is_set(Scalar a, int64_t mask) { return (a & integer(a, mask)) != integer(a, 0); }

// The top 64 bits of the 128 bits high:low shifted left by `count` < 64.
Scalar funnel(Scalar high, Scalar low, Scalar count) {
  return (high << count) | shr_logical(shr(low, 1), integer(count, 63) - count);
}

// ---- f32 ----

// |x| * 2/pi modulo 4, in units of 2^-62, for float |x| >= kSingleLimit (otherwise some number).
Scalar large_quadrants_single(Scalar x) {
  const Scalar bits = bits_of(abs(x)).cast(DType::i64);
  const Scalar mantissa = low_bits(bits, 23) | integer(bits, 1 << 23);
  // |x| = mantissa * 2^e; digits worth 4 or more times the mantissa's unit do not matter.
  const Scalar skipped = shr(bits, 23) - integer(bits, 127 + 23 + 2);
  const Scalar late = integer(bits, 63) < skipped;
  const auto word = [&](int i) {
    return select(late, integer(bits, digits(64 * (i + 1))), integer(bits, digits(64 * i)));
  };
  const Scalar count = low_bits(skipped, 6);
  const Scalar high = funnel(word(0), word(1), count);
  const Scalar low = funnel(word(1), word(2), count);
  return mantissa * high + shr(mantissa * shr(low, 32), 32);
}

// NaN for infinite and NaN arguments.
Scalar finite_only(Scalar value, Scalar x) { return select(abs(x) < x.constant(kInfinity), value, x - x); }

// Of an f32 or f64: not below the limit, or NaN.
Scalar is_far(Scalar x, double limit) { return ~(abs(x) < x.constant(limit)); }

// sin(x), or for the cosine sin(x + pi/2), of x = n pi + r.
Scalar near_half_turns(Scalar x, bool cosine) {
  const Scalar wide = x.cast(DType::f64);
  const auto number = [&](double value) { return wide.constant(value); };
  const Scalar offset = number(magic(DType::f64, 0));
  const Scalar sum = cosine ? fma(wide, number(kTwoOverPiValue / 2), number(0.5)) + offset
                            : fma(wide, number(kTwoOverPiValue / 2), offset);
  const Scalar n = sum - offset;
  const Scalar multiple = cosine ? n - number(0.5) : n;
  const Scalar r = fma(multiple, number(-kPi[1]), fma(multiple, number(-kPi[0]), wide));
  const Scalar z = r * r;
  const Scalar sine = r * fma(paired_horner(z, kSinHalf), z, number(1));
  return flip_sign(sine, shl(bits_of(sum), 63)).cast(DType::f32);
}

Scalar far_half_turns(Scalar x, bool cosine) {
  Scalar quadrants = large_quadrants_single(x);
  const Scalar quarter = integer(quadrants, int64_t{1} << 62);
  if (cosine) quadrants = quadrants + quarter;
  const Scalar fraction = shl(quadrants, 1).cast(DType::f64);  // signed: from the nearest multiple
  const Scalar r = fraction * fraction.constant(kPi[0] * 0x1p-64);
  const Scalar z = r * r;
  const Scalar sine = r * fma(paired_horner(z, kSinHalf), z, r.constant(1));
  const Scalar parity = (quadrants + quarter) & integer(quadrants, std::numeric_limits<int64_t>::min());
  const Scalar value = flip_sign(sine, parity).cast(DType::f32);
  return finite_only(cosine ? value : flip_sign(value, sign_of(x)), x);
}

Scalar half_turns_single(Scalar x, bool cosine) {
  return select_rare(is_far(x, kSingleLimit), far_half_turns(x, cosine), near_half_turns(x, cosine));
}

// tan(r), or where `odd` is set -1 / tan(r), for |r| <= pi/4: r P(z) / Q(z) or its inverse.
Scalar tangent_of(Scalar r, Scalar odd) {
  const Scalar z = r * r;
  const Scalar above = r * paired_horner(z, kTanAbove), below = paired_horner(z, kTanBelow);
  return (select(odd, -below, above) / select(odd, above, below)).cast(DType::f32);
}

Scalar near_tangent(Scalar x) {
  const Scalar wide = x.cast(DType::f64);
  const auto number = [&](double value) { return wide.constant(value); };
  const Scalar sum = fma(wide, number(kTwoOverPiValue), number(magic(DType::f64, 0)));
  const Scalar n = sum - number(magic(DType::f64, 0));
  return tangent_of(fma(n, number(-kPi[1] / 2), fma(n, number(-kPi[0] / 2), wide)), is_set(bits_of(sum), 1));
}

Scalar far_tangent(Scalar x) {
  const Scalar quadrants = large_quadrants_single(x);
  const Scalar fraction = shl(quadrants, 2).cast(DType::f64);
  const Scalar count = shr(quadrants + integer(quadrants, int64_t{1} << 61), 62);
  const Scalar value = tangent_of(fraction * fraction.constant(kPi[0] * 0x1p-65), is_set(count, 1));
  return finite_only(flip_sign(value, sign_of(x)), x);
}

Scalar tan_single(Scalar x) { return select_rare(is_far(x, kSingleLimit), far_tangent(x), near_tangent(x)); }

// ---- f64 ----

// |x| = n pi/2 + hi + lo with |hi| <= pi/4; the two lowest bits of `count` are those of n.
struct Quadrant {
  Scalar count, hi, lo;
};

Quadrant near_quadrant(Scalar size) {
  const auto number = [&](double value) { return size.constant(value); };
  const Scalar sum = fma(size, number(kTwoOverPiValue), number(magic(DType::f64, 0)));
  const Scalar n = sum - number(magic(DType::f64, 0));
  const Scalar coarse = fma(n, number(-kPi[0] / 2), size);  // exact
  const Scalar product = n * number(kPi[1] / 2);
  const Scalar product_error = fma(n, number(kPi[1] / 2), -product);
  const Pair difference = two_sum(coarse, -product);
  return {bits_of(sum), difference.hi, fma(n, number(-kPi[2] / 2), difference.lo - product_error)};
}

// The 192 digits of 2/pi that matter for an argument of this biased exponent, as 32-bit limbs, lowest first.
std::vector<Scalar> relevant_digits(Scalar exponent) {
  constexpr int kLeading = 32;  // zero digits put before the point, so that no exponent needs a negative offset
  constexpr int kWords = 19;
  const Scalar skipped = exponent - integer(exponent, 1023 + 52 + 2 - kLeading);
  std::vector<Scalar> words;
  for (int i = 0; i < kWords; ++i) words.push_back(integer(exponent, digits(64 * i - kLeading)));
  // Shift the sequence of words left by skipped / 64, one binary digit of that number at a time.
  for (int step = 8; step > 0; step /= 2) {
    const Scalar move = is_set(skipped, 64 * step);
    const size_t kept = static_cast<size_t>(4 + step - 1);
    for (size_t i = 0; i < kept; ++i) words[i] = select(move, words[i + static_cast<size_t>(step)], words[i]);
  }
  const Scalar count = low_bits(skipped, 6);
  std::vector<Scalar> limbs;
  for (size_t i = 3; i-- > 0;) {
    const Scalar word = funnel(words[i], words[i + 1], count);
    limbs.push_back(low_bits(word, 32));
    limbs.push_back(shr(word, 32));
  }
  return limbs;
}

// For |x| >= kDoubleLimit; otherwise some number.
Quadrant far_quadrant(Scalar size) {
  const Scalar bits = bits_of(size);
  const Scalar mantissa = low_bits(bits, 52) | integer(bits, int64_t{1} << 52);
  const Scalar m0 = low_bits(mantissa, 32);
  const Scalar m1 = shr(mantissa, 32);
  const std::vector<Scalar> digit = relevant_digits(shr(bits, 52));
  // The product modulo 2^192, of which the two lowest limbs are not kept.
  std::vector<Scalar> limb;
  Scalar carry = integer(bits, 0);
  for (size_t i = 1; i < 6; ++i) {
    const Scalar first = m0 * digit[i] + carry;
    const Scalar second = m1 * digit[i - 1] + low_bits(first, 32);
    limb.push_back(low_bits(second, 32));
    carry = shr(first, 32) + shr(second, 32);
  }
  // |x| * 2/pi modulo 4, in units of 2^-126.
  const Scalar high = shl(limb[4], 32) | limb[3];
  const Scalar low = shl(limb[2], 32) | limb[1];
  const Scalar count = shr(high + integer(high, int64_t{1} << 61), 62);
  // Its distance to the nearest integer, cut into three parts of 42 bits that are exact as floats.
  const Scalar fraction = shl(high, 2) | shr(low, 62);
  const Scalar rest = shl(low, 2);
  const auto to_float = [](Scalar part, double unit) {
    const Scalar offset = part.builder->constant(DType::f64, magic(DType::f64, 0));
    return (from_bits(part + bits_of(offset)) - offset) * offset.constant(unit);
  };
  const Scalar top = to_float(fraction >> integer(fraction, 22), 0x1p-42);
  const Scalar middle = to_float(shl(low_bits(fraction, 22), 20) | shr(rest, 44), 0x1p-84);
  const Scalar bottom = to_float(low_bits(shr(rest, 2), 42), 0x1p-126);
  const Pair sum = fast_two_sum(top, middle);
  const Scalar lo = sum.lo + bottom;
  const Scalar half_pi = size.constant(kPi[0] / 2);
  const Scalar hi = sum.hi * half_pi;
  const Scalar error = fma(sum.hi, half_pi, -hi);
  return {count, hi, fma(sum.hi, size.constant(kPi[1] / 2), fma(lo, half_pi, error))};
}

// Of an angle of at most pi/4 away from `count` quarter turns.
SinCos sin_cos_of(const Pair& r, const Scalar& count) {
  const Scalar z = r.hi * r.hi;
  const Scalar half_z = z * z.constant(0.5);
  const Scalar one = z.constant(1);
  const Scalar w = one - half_z;
  const Scalar sine_rest = fma(r.hi * z, paired_horner(z, kSinF64), r.lo * w);
  const Scalar cosine_rest = fma(z * z, paired_horner(z, kCosF64), ((one - w) - half_z) - r.hi * r.lo);
  return {{r.hi, sine_rest}, {w, cosine_rest}, count};
}

// Adds to the cosine of r what the square of r lost.
void add_square_error(SinCos& value, Scalar r) {
  value.cosine.lo = fma(fma(r, r, -(r * r)), r.constant(-0.5), value.cosine.lo);
}

Scalar sine_of(const Quadrant& angle, bool cosine) {
  const SinCos value = sin_cos_of(fast_two_sum(angle.hi, angle.lo), angle.count);
  const Scalar count = cosine ? angle.count + integer(angle.count, 1) : angle.count;
  const Scalar odd = is_set(count, 1);
  const Scalar result = select(odd, value.cosine.hi, value.sine.hi) + select(odd, value.cosine.lo, value.sine.lo);
  return flip_sign(result, shl(shr(count, 1), 63));
}

Scalar tangent_of(const Quadrant& angle) {
  const Pair r = fast_two_sum(angle.hi, angle.lo);
  SinCos value = sin_cos_of(r, angle.count);
  add_square_error(value, r.hi);
  const Pair sine = fast_two_sum(value.sine.hi, value.sine.lo);
  const Pair cosine = fast_two_sum(value.cosine.hi, value.cosine.lo);
  const Scalar odd = is_set(angle.count, 1);
  const Pair numerator{select(odd, -cosine.hi, sine.hi), select(odd, -cosine.lo, sine.lo)};
  const Pair denominator{select(odd, sine.hi, cosine.hi), select(odd, sine.lo, cosine.lo)};
  return quotient(numerator, denominator);
}

template <class Function>
Scalar of_quadrant(Scalar x, Function function) {
  const Scalar size = abs(x);
  const Scalar far = finite_only(function(far_quadrant(size)), x);
  return select_rare(is_far(x, kDoubleLimit), far, function(near_quadrant(size)));
}

}  // namespace

SinCos sin_cos_pi(Scalar x) {
  const auto number = [&](double value) { return x.constant(value); };
  const Scalar turn = fma(trunc(x * number(0.5)), number(-2), x);  // exact, from 0 to 2
  const Scalar sum = fma(turn, number(2), number(magic(DType::f64, 0)));
  const Scalar r = fma(sum - number(magic(DType::f64, 0)), number(-0.5), turn);
  const Scalar angle = r * number(kPi[0]);
  SinCos value = sin_cos_of({angle, fma(r, number(kPi[1]), fma(r, number(kPi[0]), -angle))}, bits_of(sum));
  add_square_error(value, angle);
  return value;
}

Scalar sin(Scalar x) {
  if (x.dtype == DType::f32) return half_turns_single(x, false);
  return flip_sign(of_quadrant(x, [](const Quadrant& angle) { return sine_of(angle, false); }), sign_of(x));
}

Scalar cos(Scalar x) {
  if (x.dtype == DType::f32) return half_turns_single(x, true);
  return of_quadrant(x, [](const Quadrant& angle) { return sine_of(angle, true); });
}

Scalar tan(Scalar x) {
  if (x.dtype == DType::f32) return tan_single(x);
  return flip_sign(of_quadrant(x, [](const Quadrant& angle) { return tangent_of(angle); }), sign_of(x));
}

}  // namespace tandem::math
