// Philox, and the distributions that need a fixed number of words.
#include "ir/math_random.h"

#include "ir/math.h"
#include "ir/math_parts.h"
#include "ir/math_tables.h"

namespace tandem::random {

using math::horner;
using math::integer;

namespace {

constexpr int64_t kMultiplier[2] = {0xD2511F53, 0xCD9E8D57};
constexpr int64_t kWeyl[2] = {0x9E3779B9, 0xBB67AE85};
constexpr int kRounds = 10;

Scalar low(Scalar x) { return x & integer(x, 0xFFFFFFFF); }
Scalar high(Scalar x) { return shr_logical(x, integer(x, 32)); }
Scalar shifted(Scalar x, int bits) { return shr_logical(x, integer(x, bits)); }

// A word as f64: put into the low bits of 2^52, which no target needs a conversion for.
Scalar real(Scalar word) {
  const Scalar sum = (word | integer(word, 0x4330000000000000)).bitcast(DType::f64);
  return sum - sum.constant(0x1p52);
}

// The most significant bits of one word (f32) or two words (f64), as many as the dtype holds and at most `bits`, over
// 2^bits: in [0, 1).
Scalar fraction(const Words& words, int first, DType dtype, int bits) {
  const Scalar word = words.w[first];
  if (dtype == DType::f32) {
    const Scalar value = shifted(word, 32 - bits).cast(DType::i32).cast(DType::f32);
    return value * value.constant(1.0 / static_cast<double>(uint64_t{1} << bits));
  }
  const Scalar value = real(shifted(words.w[first + 1], 64 - bits));
  return fma(real(word), value.constant(0x1p-32),
             value * value.constant(1.0 / static_cast<double>(uint64_t{1} << bits)));
}

Scalar high_product(Scalar a, Scalar b) {  // the high half of the 128 bits
  const Scalar middle = low(a) * high(b) + high(low(a) * low(b));
  const Scalar other = high(a) * low(b) + low(middle);
  return high(a) * high(b) + high(middle) + high(other);
}

}  // namespace

Words philox(Scalar counter, Scalar key, int64_t stream) {
  Scalar x0 = low(counter), x1 = high(counter);
  Scalar x2 = integer(counter, stream & 0xFFFFFFFF);
  Scalar x3 = integer(counter, static_cast<int64_t>(static_cast<uint64_t>(stream) >> 32));
  Scalar k0 = low(key), k1 = high(key);
  for (int round = 0; round < kRounds; ++round) {
    if (round > 0) {
      k0 = k0 + integer(key, kWeyl[0]);
      k1 = k1 + integer(key, kWeyl[1]);
    }
    const Scalar p0 = x0 * integer(key, kMultiplier[0]);
    const Scalar p1 = x2 * integer(key, kMultiplier[1]);
    x0 = low(high(p1) ^ x1 ^ k0);
    x2 = low(high(p0) ^ x3 ^ k1);
    x1 = p1;  // what stands above the low half is left out with the next `low`
    x3 = p0;
  }
  return {{x0, low(x1), x2, low(x3)}};
}

Scalar joined(Scalar low_word, Scalar high_word) { return low_word | high_word << integer(high_word, 32); }

Scalar uniform(const Words& words, DType dtype, int bits) { return fraction(words, 0, dtype, bits); }

Scalar open_uniform(const Words& words, int first, DType dtype) {
  const Scalar value = real(words.w[first]);
  const Scalar half = value.constant(0.5);
  if (dtype == DType::f32) return ((value + half) * value.constant(0x1p-32)).cast(DType::f32);
  return (fma(real(words.w[first + 1]), value.constant(0x1p32), value) + half) * value.constant(0x1p-64);
}

Scalar normal(const Words& words, DType dtype) {
  const bool single = dtype == DType::f32;
  const Scalar distance = open_uniform(words, 0, dtype);
  const Scalar radius = sqrt(math::log(distance) * distance.constant(-2));
  // The cosine of a whole number of quarter turns plus at most half of one, which is reduced exactly.
  const Scalar quarters = fraction(words, single ? 1 : 2, dtype, info(dtype).mantissa) * distance.constant(4);
  const Scalar whole = round(quarters);
  const Scalar r = (quarters - whole) * quarters.constant(math::kPi[0] / 2);
  const Scalar z = r * r;
  const Scalar sine = single ? fma(r * z, horner(z, math::kSinTan), r) : fma(r * z, horner(z, math::kSinF64), r);
  const Scalar half = fma(z, z.constant(-0.5), z.constant(1));
  const Scalar cosine =
      single ? fma(z * z, horner(z, math::kCosTan), half) : fma(z * z, horner(z, math::kCosF64), half);
  const Scalar count = whole.cast(math::format_of(dtype).ints);
  const Scalar odd = (count & integer(count, 1)) != integer(count, 0);
  // cos, -sin, -cos, sin: the second and third are turned round.
  const Scalar turned = ((count + integer(count, 1)) & integer(count, 2)) != integer(count, 0);
  const Scalar value = select(odd, sine, cosine);
  return radius * select(turned, -value, value);
}

Scalar exponential(const Words& words, DType dtype) { return -math::log(open_uniform(words, 0, dtype)); }

Scalar bounded(const Words& words, Scalar range) {
  const Scalar first = joined(words.w[0], words.w[1]);
  const Scalar second = joined(words.w[2], words.w[3]);
  const Scalar product = first * range;
  const Scalar sum = product + high_product(second, range);
  const Scalar carry = (sum < product).cast(DType::u64);
  return select(range == integer(range, 0), first, high_product(first, range) + carry);
}

}  // namespace tandem::random
