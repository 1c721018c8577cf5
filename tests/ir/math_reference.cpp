// The special functions that the C library lacks are sums of series: slow, but of terms of one sign wherever a relative
// error counts, so that as many digits are right as the type has, but for a few units.
#include "tests/ir/math_reference.h"

#include <cmath>
#include <limits>
#include <numbers>
#include <type_traits>
#include <unordered_map>

namespace tandem::testing {
namespace {

template <class F>
constexpr F kInf = std::numeric_limits<F>::infinity();
template <class F>
constexpr F kNan = std::numeric_limits<F>::quiet_NaN();
template <class F>
constexpr F kPi = std::numbers::pi_v<F>;

template <class F>
F sigmoid(F x) {
  return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
}

template <class F>
F gelu(F x) {
  return std::isinf(x) && x < 0 ? kNan<F> : x / 2 * std::erfc(-x / std::numbers::sqrt2_v<F>);
}

// sin and cos of pi x; the argument is reduced exactly.
template <class F>
F sin_pi(F x) {
  const F turn = x - 2 * std::nearbyint(x / 2);  // from -1 to 1
  const F size = std::fabs(turn), r = size > F(0.5) ? 1 - size : size;
  return std::copysign(r > F(0.25) ? std::cos(kPi<F> * (F(0.5) - r)) : std::sin(kPi<F> * r), turn);
}
template <class F>
F cos_pi(F x) {
  const F size = std::fabs(x - 2 * std::nearbyint(x / 2));
  return sin_pi(F(0.5) - size);
}

template <class F>
F sinc(F x) {
  return x == 0 ? 1 : std::isinf(x) ? kNan<F> : sin_pi(x) / (kPi<F> * x);
}

// Newton steps on the smaller one of erf and erfc, from a value that is right to a few digits.
template <class F>
F erfinv(F x) {
  const F a = std::fabs(x);
  if (!(a < 1)) return a == 1 ? std::copysign(kInf<F>, x) : kNan<F>;
  if (a < F(1e-12)) return x * std::sqrt(kPi<F>) / 2;
  const F log = std::log((1 - a) * (1 + a)), first = 2 / (kPi<F> * F(0.147)) + log / 2;
  F y = std::sqrt(std::sqrt(first * first - log / F(0.147)) - first);
  for (int step = 0; step < 4; ++step) {
    const F error = a < F(0.5) ? std::erf(y) - a : (1 - a) - std::erfc(y);
    const F newton = error * std::exp(y * y) * std::sqrt(kPi<F>) / 2;
    y -= newton / (1 + y * newton);
  }
  return std::copysign(y, x);
}

// B_2k for k = 1, 2 ...
template <class F>
constexpr F kBernoulli[] = {F(1) / 6,       F(-1) / 30,       F(1) / 42,       F(-1) / 30,
                            F(5) / 66,      F(-691) / 2730,   F(7) / 6,        F(-3617) / 510,
                            F(43867) / 798, F(-174611) / 330, F(854513) / 138, F(-236364091) / 2730};
constexpr int kFar = 14;  // from where on the asymptotic series have all digits

// Of x > 0. The difference to the value 0 at the root: digamma(x) is the sum of (x - root) / ((k + x) (k + root)) over
// all k >= 0, whose rest from `kFar` on is a difference of asymptotic series, taken term by term.
long double digamma_positive(long double x) {
  using F = long double;
  if (x >= kFar) {
    const F u = 1 / (x * x);
    F power = 1, sum = 0;
    for (int k = 1; k <= 12; ++k) sum += kBernoulli<F>[k - 1] / (2 * k) * (power *= u);
    return std::log(x) - 1 / (2 * x) - sum;
  }
  constexpr F kRoot[] = {0x1.762d86356be3fp0, 9.5499954299656977152e-17L};
  const F root = kRoot[0] + kRoot[1], d = (x - kRoot[0]) - kRoot[1];
  F sum = 0;
  for (int k = 0; k < kFar; ++k) sum += 1 / ((k + x) * (k + root));
  const F a = x + kFar, b = root + kFar, u = 1 / (a * a), v = 1 / (b * b);
  const F step = -(a + b) * u * v;  // (u - v) / d
  F difference = 0, power = 1, rest = 0;
  for (int k = 1; k <= 12; ++k) {
    difference = difference * u + power * step;  // (u^k - v^k) / d
    power *= v;
    rest += kBernoulli<F>[k - 1] / (2 * k) * difference;
  }
  return std::log1p(d / b) + d * (sum + 1 / (2 * a * b) - rest);
}

long double digamma(long double x) {
  if (x == 0) return std::copysign(kInf<long double>, -x);
  if (std::fabs(x) < 1e-12L) return -1 / x - std::numbers::egamma_v<long double>;
  if (!(x < 0)) return std::isinf(x) ? x : digamma_positive(x);
  if (std::nearbyint(x) == x) return kNan<long double>;  // also minus infinity
  return digamma_positive(1 - x) - kPi<long double> * cos_pi(x) / sin_pi(x);
}

template <class F>
F trigamma_positive(F x) {
  F sum = 0;
  while (x < kFar) {
    sum += 1 / (x * x);
    x += 1;
  }
  const F u = 1 / (x * x);
  F power = 1 / x;
  sum += power + u / 2;
  for (int k = 1; k <= 12; ++k) sum += kBernoulli<F>[k - 1] * (power *= u);
  return sum;
}

template <class F>
F trigamma(F x) {
  if (std::isnan(x)) return x;
  if (x > 0) return std::isinf(x) ? 0 : trigamma_positive(x);
  if (std::isinf(x)) return kNan<F>;
  if (std::nearbyint(x) == x) return kInf<F>;
  const F sine = sin_pi(x) / kPi<F>;
  return 1 / (sine * sine) - trigamma_positive(1 - x);
}

// exp(-|x|) I(x), and I(x) where `scaled` is false.
template <class F>
F bessel(F x, int order, bool scaled) {
  if (std::isnan(x)) return x;
  const F a = std::fabs(x);
  F value;
  if (a < 40) {
    const F quarter = a * a / 4;
    F term = order == 0 ? 1 : a / 2, sum = term;
    for (int k = 1; term > sum * std::numeric_limits<F>::epsilon() / 64; ++k)
      sum += term *= quarter / (F(k) * F(k + order));
    value = scaled ? sum * std::exp(-a) : sum;
  } else {
    F term = 1, sum = 1;
    for (int k = 1; std::fabs(term) > std::numeric_limits<F>::epsilon() / 64; ++k) {
      const F odd = 2 * k - 1;
      sum += term *= (odd * odd - 4 * order) / (8 * k * a);
    }
    const F root = std::sqrt(2 * kPi<F> * a);
    value = scaled ? sum / root : std::exp(a / 2) * (sum / root) * std::exp(a / 2);
    if (std::isinf(a)) value = scaled ? 0 : a;
  }
  return order == 0 ? value : std::copysign(value, x);
}

// The functions of the C library that give the sign elsewhere: lgamma sets a global variable.
double log_gamma(double x) {
  int sign;
  return lgamma_r(x, &sign);
}
long double log_gamma(long double x) {
  int sign;
  return lgammal_r(x, &sign);
}

using Table = std::unordered_map<std::string_view, Reference>;

#define TANDEM_SAME(expression) \
  [](double x) -> double { return expression; }, [](long double x) -> long double { return expression; }
#define TANDEM_LIBM(name) TANDEM_SAME(std::name(x))

const Table& table() {
  static const Table rows{
      // Exact, or rounded once.
      {"negative", {TANDEM_SAME(-x), 0, 0}},
      {"positive", {TANDEM_SAME(x), 0, 0}},
      {"real", {TANDEM_SAME(x), 0, 0}},
      {"conj", {TANDEM_SAME(x), 0, 0}},
      {"abs", {TANDEM_SAME(std::fabs(x)), 0, 0}},
      {"sign", {TANDEM_SAME(std::isnan(x) ? x : (x > 0) - (x < 0)), 0, 0}},
      {"relu", {TANDEM_SAME(x < 0 ? 0 : x), 0, 0}},
      {"floor", {TANDEM_LIBM(floor), 0, 0}},
      {"ceil", {TANDEM_LIBM(ceil), 0, 0}},
      {"round", {TANDEM_LIBM(nearbyint), 0, 0}},
      {"trunc", {TANDEM_LIBM(trunc), 0, 0}},
      {"square", {TANDEM_SAME(x * x), 0.5, 0.5}},
      {"sqrt", {TANDEM_LIBM(sqrt), 0.5, 0.501}},
      {"reciprocal", {TANDEM_SAME(1 / x), 0.5, 0.501}},
      {"cube_root", {TANDEM_LIBM(cbrt), 1, 1}},
      {"copy", {TANDEM_SAME(x), 0, 0}},
      {"angle", {TANDEM_SAME(std::atan2(decltype(x)(0), x))}},
      {"gelu", {TANDEM_SAME(gelu(x)), 2, 2, 40, 1, 1}},
      // Within a unit.
      {"exp", {TANDEM_LIBM(exp), 1, 1, 750}},
      {"exp2", {TANDEM_LIBM(exp2), 1, 1, 1080}},
      {"expm1", {TANDEM_LIBM(expm1), 1, 1, 750}},
      {"log", {TANDEM_LIBM(log)}},
      {"log2", {TANDEM_LIBM(log2)}},
      {"log10", {TANDEM_LIBM(log10)}},
      {"log1p", {TANDEM_LIBM(log1p)}},
      {"sin", {TANDEM_LIBM(sin), 1, 1, 1e4}},
      {"cos", {TANDEM_LIBM(cos), 1, 1, 1e4}},
      {"tan", {TANDEM_LIBM(tan), 1, 1, 1e4}},
      {"asin", {TANDEM_LIBM(asin), 1, 1, 1}},
      {"acos", {TANDEM_LIBM(acos), 1, 1, 1}},
      {"atan", {TANDEM_LIBM(atan), 1, 1, 10}},
      {"asinh", {TANDEM_LIBM(asinh), 1, 1, 100}},
      {"acosh", {TANDEM_LIBM(acosh), 1, 1, 100}},
      {"atanh", {TANDEM_LIBM(atanh), 1, 1, 1}},
      {"tanh", {TANDEM_LIBM(tanh), 1, 1, 20}},
      {"sinh", {TANDEM_LIBM(sinh), 1, 1, 715}},
      {"cosh", {TANDEM_LIBM(cosh), 1, 1, 715}},
      {"sigmoid", {TANDEM_SAME(sigmoid(x)), 1, 1, 750}},
      {"erf", {TANDEM_LIBM(erf), 1, 1, 6}},
      {"rsqrt", {TANDEM_SAME(1 / std::sqrt(x))}},
      {"erfc", {TANDEM_LIBM(erfc), 1, 1, 28}},
      {"erfinv", {TANDEM_SAME(erfinv(x)), 1, 1, 1}},
      {"sinc", {TANDEM_SAME(sinc(x)), 1, 1, 100}},
      {"i0", {TANDEM_SAME(bessel(x, 0, false)), 1, 1, 720}},
      {"i0e", {TANDEM_SAME(bessel(x, 0, true)), 1, 1, 50}},
      {"i1", {TANDEM_SAME(bessel(x, 1, false)), 1, 1, 720}},
      {"i1e", {TANDEM_SAME(bessel(x, 1, true)), 1, 1, 50}},
      {"lgamma", {TANDEM_SAME(log_gamma(x)), 1, 1.5, 50, 0, 0.25}},
      {"trigamma", {TANDEM_SAME(trigamma(x)), 1, 1, 50}},
      {"digamma", {TANDEM_SAME(static_cast<decltype(x)>(digamma(x))), 1, 1.25, 50, 0, 1}},
  };
  return rows;
}

#undef TANDEM_LIBM
#undef TANDEM_SAME

}  // namespace

const Reference* reference_of(std::string_view name) {
  const auto found = table().find(name);
  return found == table().end() ? nullptr : &found->second;
}

}  // namespace tandem::testing
