// The distributions that are drawn by rejection, and the truncated normal one.
//
// A body has no loop, and may not need one: every attempt has a stream of its own (the high half of the counter), all are
// made, and the first that is accepted is selected. So many are made that all fail less often than once in 10^9 draws,
// in which case the last one stands.
#include <span>
#include <vector>

#include "ir/math.h"
#include "ir/math_parts.h"
#include "ir/math_random.h"

namespace tandem::random {

using math::horner;

namespace {

// log(Gamma(z)) for z >= 1 in f64: Stirling's series from z = 8 on, reached by the recurrence below.
Scalar log_gamma(Scalar z) {
  static constexpr double kStirling[] = {1.0 / 12,   -1.0 / 360,        1.0 / 1260, -1.0 / 1680,
                                         1.0 / 1188, -691.0 / 360360.0, 1.0 / 156};
  const Scalar small = z < z.constant(8);
  Scalar product = z;
  for (int k = 1; k < 8; ++k) product = product * (z + z.constant(k));
  const Scalar x = select(small, z + z.constant(8), z);
  const Scalar inverse = x.constant(1) / x;
  const Scalar series = horner(inverse * inverse, kStirling) * inverse;
  const Scalar value = (x - x.constant(0.5)) * math::log(x) - x + x.constant(0.91893853320467274178) + series;
  return select(small, value - math::log(product), value);
}

}  // namespace

Scalar gamma(Scalar counter, Scalar key, Scalar a) {
  constexpr int kAttempts = 8;  // each fails with a probability below 0.05
  const bool single = a.dtype == DType::f32;
  const Scalar one = a.constant(1);
  const Scalar small = a < one;  // drawn for a + 1, then multiplied by a power of another number
  const Scalar d = select(small, a + one, a) - a.constant(1.0 / 3);
  const Scalar c = one / sqrt(d * a.constant(9));
  Scalar value = d;
  for (int attempt = kAttempts; attempt-- > 0;) {
    const Words words = philox(counter, key, 2 * attempt);
    const Scalar x = normal(words, a.dtype);
    // f32 has words left over; f64 needs more.
    const Scalar u =
        single ? open_uniform(words, 2, a.dtype) : open_uniform(philox(counter, key, 2 * attempt + 1), 0, a.dtype);
    const Scalar t = fma(c, x, one);
    const Scalar v = t * t * t;
    const Scalar bound = fma(d, one - v + math::log(v), x * x * a.constant(0.5));
    const Scalar accepted = select(t > a.constant(0), math::log(u) < bound, counter != counter);
    value = attempt == kAttempts - 1 ? d * v : select(accepted, d * v, value);
  }
  const Scalar u = open_uniform(philox(counter, key, 2 * kAttempts), 0, a.dtype);
  value = select(small, value * math::pow(u, one / a), value);
  return select(a >= a.constant(0), value, a.constant(0) / a.constant(0));
}

namespace {

// Sequential search, for means below kLargeMean: the number of k whose cumulated probability is below u.
constexpr double kLargeMean = 10;
Scalar small_poisson(const Words& words, Scalar mean) {
  constexpr int kMost = 50;  // P(X > 50) < 1e-18
  const Scalar u = open_uniform(words, 0, DType::f64);
  Scalar term = math::exp(-mean), sum = term, count = mean.constant(0);
  const Scalar zero = mean.constant(0), one = mean.constant(1);
  for (int k = 1; k <= kMost; ++k) {
    count = count + select(sum < u, one, zero);
    term = term * mean * mean.constant(1.0 / k);
    sum = sum + term;
  }
  return count;
}

// PTRS (Hoermann, "The transformed rejection method for generating Poisson random variables", 1993).
Scalar large_poisson(Scalar counter, Scalar key, Scalar mean) {
  constexpr int kAttempts = 10;  // each fails with a probability below 0.12
  const auto number = [&](double value) { return mean.constant(value); };
  const Scalar b = fma(sqrt(mean), number(2.53), number(0.931));
  const Scalar a = fma(b, number(0.02483), number(-0.059));
  const Scalar scale = number(1.1239) + number(1.1328) / (b - number(3.4));
  const Scalar ratio = number(0.9277) - number(3.6224) / (b - number(2));
  const Scalar log_mean = math::log(mean);
  Scalar value = mean;
  for (int attempt = kAttempts; attempt-- > 0;) {
    const Words words = philox(counter, key, attempt + 1);
    const Scalar u = open_uniform(words, 0, DType::f64) - number(0.5);
    const Scalar v = open_uniform(words, 2, DType::f64);
    const Scalar us = number(0.5) - abs(u);
    const Scalar k = floor(fma(number(2) * a / us + b, u, mean + number(0.43)));
    const Scalar quick = (us >= number(0.07)) & (v <= ratio);
    const Scalar possible = (k >= number(0)) & ((us >= number(0.013)) | (v <= us));
    const Scalar safe = select(k >= number(0), k, number(0));
    const Scalar left = math::log(v * scale / (a / (us * us) + b));
    const Scalar right = fma(safe, log_mean, -mean) - log_gamma(safe + number(1));
    const Scalar accepted = quick | (possible & (left <= right));
    value = attempt == kAttempts - 1 ? safe : select(accepted, safe, value);
  }
  return value;
}

// The number below which a standard normal one lies with probability p <= 1/2 (Wichura, AS 241).
Scalar normal_quantile(Scalar p) {
  static constexpr double kA[] = {3.3871328727963666080,   1.3314166789178437745e2, 1.9715909503065514427e3,
                                  1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
                                  3.3430575583588128105e4, 2.5090809287301226727e3};
  static constexpr double kB[] = {1.0,
                                  4.2313330701600911252e1,
                                  6.8718700749205790830e2,
                                  5.3941960214247511077e3,
                                  2.1213794301586595867e4,
                                  3.9307895800092710610e4,
                                  2.8729085735721942674e4,
                                  5.2264952788528545610e3};
  static constexpr double kC[] = {1.42343711074968357734,    4.63033784615654529590,   5.76949722146069140550,
                                  3.64784832476320460504,    1.27045825245236838258,   2.41780725177450611770e-1,
                                  2.27238449892691845833e-2, 7.74545014278341407640e-4};
  static constexpr double kD[] = {1.0,
                                  2.05319162663775882187,
                                  1.67638483018380384940,
                                  6.89767334985100004550e-1,
                                  1.48103976427480074590e-1,
                                  1.51986665636164571966e-2,
                                  5.47593808499534494600e-4,
                                  1.05075007164441684324e-9};
  static constexpr double kE[] = {6.65790464350110377720,    5.46378491116411436990,    1.78482653991729133580,
                                  2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                  2.71155556874348757815e-5, 2.01033439929228813265e-7};
  static constexpr double kF[] = {1.0,
                                  5.99832206555887937690e-1,
                                  1.36929880922735805310e-1,
                                  1.48753612908506148525e-2,
                                  7.86869131145613259100e-4,
                                  1.84631831751005468180e-5,
                                  1.42151175831644588870e-7,
                                  2.04426310338993978564e-15};
  const Scalar q = p - p.constant(0.5);
  const Scalar central = abs(q) <= p.constant(0.425);
  const Scalar square = p.constant(0.180625) - q * q;
  const Scalar r = sqrt(-math::log(p));
  const Scalar near = r - p.constant(1.6), far = r - p.constant(5);
  const Scalar tail =
      select(r <= p.constant(5), -(horner(near, kC) / horner(near, kD)), -(horner(far, kE) / horner(far, kF)));
  return select(central, q * (horner(square, kA) / horner(square, kB)), tail);
}

}  // namespace

Scalar poisson(Scalar counter, Scalar key, Scalar mean) {
  const Scalar large = mean >= mean.constant(kLargeMean);
  const Scalar low = select(large, mean.constant(1), mean), high = select(large, mean, mean.constant(kLargeMean));
  return select(large, large_poisson(counter, key, high), small_poisson(philox(counter, key, 0), low));
}

Scalar truncated_normal(Scalar counter, Scalar key, Scalar lower, Scalar upper) {
  const Scalar zero = lower.constant(0), half = lower.constant(0.5), one = lower.constant(1);
  // Where all of the interval lies above 0 its mirror image is used, whose probabilities have all their digits.
  const Scalar mirrored = lower > zero;
  const Scalar from = select(mirrored, -upper, lower), to = select(mirrored, -lower, upper);
  const auto below = [&](Scalar x) {
    const Scalar a = abs(x) * x.constant(0.70710678118654752440);
    const Scalar tail = half * select(a < one, one - math::erf(a), math::erfc_tail(a));
    return select(x > zero, one - tail, tail);
  };
  const Scalar first = below(from);
  const Scalar p = fma(below(to) - first, open_uniform(philox(counter, key, 0), 0, DType::f64), first);
  const Scalar upside = p > half;
  const Scalar x = normal_quantile(select(upside, one - p, p));
  const Scalar value = select(mirrored != upside, -x, x);
  return min(max(value, lower), upper);
}

}  // namespace tandem::random
