// The passes of a forward transform, for one row of numbers (V = T) or several rows side by side (V = a vector of T).
//
// A pass of radix R takes x[i, j, k] (i < ido fastest, j < R, k < l1) to y[i, k, j]: a transform of length R over j, then
// twiddles w(i * j). Going through the factors of n, l1 grows from 1 to n / R and ido falls to 1; two buffers take turns.
#pragma once
#include <algorithm>
#include <cmath>
#include <numbers>
#include <type_traits>
#include <utility>

#include "runtime/fft_plan.h"

namespace tandem::fft {

// All of it is inlined into functions for one instruction set each: no vector is ever passed.
#pragma GCC diagnostic ignored "-Wpsabi"
// Loops over a radix must become registers, whatever the level of optimisation.
#define TANDEM_FFT_UNROLL _Pragma("GCC unroll 8")
#define TANDEM_FFT_INLINE __attribute__((always_inline)) inline

template <class V>
struct Complex {
  V re, im;
};
template <class V>
TANDEM_FFT_INLINE Complex<V> operator+(const Complex<V>& a, const Complex<V>& b) {
  return {a.re + b.re, a.im + b.im};
}
template <class V>
TANDEM_FFT_INLINE Complex<V> operator-(const Complex<V>& a, const Complex<V>& b) {
  return {a.re - b.re, a.im - b.im};
}
// a times w, or times its conjugate when going forward: roots are exp(+i ...).
template <bool forward, class V, class T>
TANDEM_FFT_INLINE Complex<V> turned(const Complex<V>& a, const std::complex<T>& w) {
  if constexpr (forward)
    return {a.re * w.real() + a.im * w.imag(), a.im * w.real() - a.re * w.imag()};
  else
    return {a.re * w.real() - a.im * w.imag(), a.im * w.real() + a.re * w.imag()};
}
// Forward, each lane by a root of its own.
template <class V>
TANDEM_FFT_INLINE Complex<V> turned_by(const Complex<V>& a, const V& re, const V& im) {
  return {a.re * re + a.im * im, a.im * re - a.re * im};
}
template <class V>
TANDEM_FFT_INLINE Complex<V> exchanged(const Complex<V>& a) {
  return {a.im, a.re};
}
// A quarter turn: times -i forward, i backward.
template <bool forward, class V>
TANDEM_FFT_INLINE Complex<V> quarter(const Complex<V>& a) {
  if constexpr (forward)
    return {a.im, -a.re};
  else
    return {-a.im, a.re};
}

// ---- transforms of length R in place -------------------------------------------------------------------------------

template <class V>
TANDEM_FFT_INLINE void small2(Complex<V>& a, Complex<V>& b) {
  const Complex<V> difference = a - b;
  a = a + b;
  b = difference;
}

template <class V>
TANDEM_FFT_INLINE void small4(Complex<V>& a, Complex<V>& b, Complex<V>& c, Complex<V>& d) {
  const Complex<V> ac = a + c, ca = a - c, bd = b + d, db = quarter<true>(b - d);
  a = ac + bd;
  c = ac - bd;
  b = ca + db;
  d = ca - db;
}

template <class T, class V>
TANDEM_FFT_INLINE void small8(Complex<V>* x) {
  constexpr T half = std::numbers::sqrt2_v<T> / 2;
  small4(x[0], x[2], x[4], x[6]);
  small4(x[1], x[3], x[5], x[7]);
  // Eighths of a turn: (1 -+ i) / sqrt 2, -+ i, (-1 -+ i) / sqrt 2.
  const Complex<V> q3 = quarter<true>(x[3]), q7 = quarter<true>(x[7]);
  const Complex<V> o1{(x[3].re + q3.re) * half, (x[3].im + q3.im) * half};
  const Complex<V> o2 = quarter<true>(x[5]);
  const Complex<V> o3{(q7.re - x[7].re) * half, (q7.im - x[7].im) * half};
  const Complex<V> e[] = {x[0], x[2], x[4], x[6]}, o[] = {x[1], o1, o2, o3};
  TANDEM_FFT_UNROLL
  for (int k = 0; k < 4; ++k) {
    x[k] = e[k] + o[k];
    x[k + 4] = e[k] - o[k];
  }
}

// Odd radices by pairs: with s = x[j] + x[R-j] and d = x[j] - x[R-j], the results k and R-k are
// x[0] + sum of cos(jk) s_j  -+  i sum of sin(jk) d_j.
template <int R, class T, class V, class Cos, class Sin>
TANDEM_FFT_INLINE void small_odd(Complex<V>* x, Cos&& cosine, Sin&& sine) {
  constexpr int H = (R - 1) / 2;
  Complex<V> s[H], d[H];
  TANDEM_FFT_UNROLL
  for (int j = 0; j < H; ++j) {
    s[j] = x[j + 1] + x[R - 1 - j];
    d[j] = quarter<true>(x[j + 1] - x[R - 1 - j]);
  }
  const Complex<V> first = x[0];
  TANDEM_FFT_UNROLL
  for (int j = 0; j < H; ++j) x[0] = x[0] + s[j];
  TANDEM_FFT_UNROLL
  for (int k = 1; k <= H; ++k) {
    Complex<V> even = first, odd{};
    TANDEM_FFT_UNROLL
    for (int j = 1; j <= H; ++j) {
      const int m = j * k % R;
      const T c = cosine(m), n = sine(m);
      even = {even.re + s[j - 1].re * c, even.im + s[j - 1].im * c};
      const V re = d[j - 1].re * n, im = d[j - 1].im * n;
      odd = j == 1 ? Complex<V>{re, im} : Complex<V>{odd.re + re, odd.im + im};
    }
    x[k] = even + odd;
    x[R - k] = even - odd;
  }
}

template <int R>
inline constexpr long double kCosines[R] = {};
template <>
inline constexpr long double kCosines<3>[3] = {1, -0.5L, -0.5L};
template <>
inline constexpr long double kCosines<5>[5] = {
    1, 0.309016994374947424102293417182819059L, -0.809016994374947424102293417182819059L,
    -0.809016994374947424102293417182819059L, 0.309016994374947424102293417182819059L};
template <>
inline constexpr long double kCosines<7>[7] = {1,
                                               0.623489801858733530525004884004239811L,
                                               -0.222520933956314404288902564496794759L,
                                               -0.900968867902419126236102319507445051L,
                                               -0.900968867902419126236102319507445051L,
                                               -0.222520933956314404288902564496794759L,
                                               0.623489801858733530525004884004239811L};
template <int R>
inline constexpr long double kSines[R] = {};
template <>
inline constexpr long double kSines<3>[3] = {0, 0.866025403784438646763723170752936183L,
                                             -0.866025403784438646763723170752936183L};
template <>
inline constexpr long double kSines<5>[5] = {
    0, 0.951056516295153572116439333379382143L, 0.587785252292473129168705954639072769L,
    -0.587785252292473129168705954639072769L, -0.951056516295153572116439333379382143L};
template <>
inline constexpr long double kSines<7>[7] = {0,
                                             0.781831482468029808708444526674057751L,
                                             0.974927912181823607018131682993931217L,
                                             0.433883739117558120475768332848358754L,
                                             -0.433883739117558120475768332848358754L,
                                             -0.974927912181823607018131682993931217L,
                                             -0.781831482468029808708444526674057751L};

template <int R, class T, class V>
TANDEM_FFT_INLINE void small(Complex<V>* x) {
  if constexpr (R == 2)
    small2(x[0], x[1]);
  else if constexpr (R == 4)
    small4(x[0], x[1], x[2], x[3]);
  else if constexpr (R == 8)
    small8<T>(x);
  else
    small_odd<R, T>(
        x, [](int m) __attribute__((always_inline)) { return static_cast<T>(kCosines<R>[m]); },
        [](int m) __attribute__((always_inline)) { return static_cast<T>(kSines<R>[m]); });
}

// ---- passes --------------------------------------------------------------------------------------------------------

// Sums of products with numbers. Where a row is alone, its real and imaginary parts are a vector.
template <class V>
struct Terms {
  using Sum = Complex<V>;
  TANDEM_FFT_INLINE static Sum pack(const Complex<V>& x) { return x; }
  TANDEM_FFT_INLINE static Complex<V> unpack(const Sum& x) { return x; }
  template <class T>
  TANDEM_FFT_INLINE static Sum add(const Sum& sum, const Sum& x, T by) {
    return {sum.re + x.re * by, sum.im + x.im * by};
  }
};
template <>
struct Terms<double> {
  using Sum __attribute__((vector_size(16))) = double;
  TANDEM_FFT_INLINE static Sum pack(const Complex<double>& x) { return Sum{x.re, x.im}; }
  TANDEM_FFT_INLINE static Complex<double> unpack(const Sum& x) { return {x[0], x[1]}; }
  TANDEM_FFT_INLINE static Sum add(const Sum& sum, const Sum& x, double by) { return sum + x * by; }
};

// A transform of an odd radix up to kLargestRadix, from load(j) to store(k, y).
template <class T, class V, class Load, class Store>
TANDEM_FFT_INLINE void general(int radix, const std::complex<T>* roots, Load&& load, Store&& store) {
  constexpr int kMost = 32;
  using Sums = Terms<V>;
  using Sum = typename Sums::Sum;
  const int half = (radix - 1) / 2;
  Sum s[kMost], d[kMost];
  const Complex<V> first = load(0);
  Complex<V> total = first;
  for (int j = 0; j < half; ++j) {
    const Complex<V> a = load(j + 1), b = load(radix - 1 - j);
    s[j] = Sums::pack(a + b);
    d[j] = Sums::pack(quarter<true>(a - b));
    total = total + Sums::unpack(s[j]);
  }
  store(0, total);
  for (int m = 1; m <= half; ++m) {
    Sum even = Sums::pack(first), odd{};
    int at = 0;
    for (int j = 0; j < half; ++j) {
      at += m;
      if (at >= radix) at -= radix;
      even = Sums::add(even, s[j], roots[at].real());
      odd = Sums::add(odd, d[j], roots[at].imag());
    }
    const Complex<V> x = Sums::unpack(even), y = Sums::unpack(odd);
    store(m, x + y);
    store(radix - m, x - y);
  }
}

// R: the radix, or 0 for any that has no code of its own.
template <int R, class T, class V, class Load, class Store>
TANDEM_FFT_INLINE void point(int radix, const std::complex<T>* roots, Load&& load, Store&& store) {
  if constexpr (R == 0) {
    general<T, V>(radix, roots, load, store);
  } else {
    Complex<V> x[R];
    TANDEM_FFT_UNROLL
    for (int j = 0; j < R; ++j) x[j] = load(j);
    small<R, T>(x);
    TANDEM_FFT_UNROLL
    for (int j = 0; j < R; ++j) store(j, x[j]);
  }
}

// A row alone is computed four points at a time, as the lanes of W: neighbours in i, or, where there are few of those, in
// k. Every point sees the same operations as without. Lanes are in the order 0, 2, 1, 3, in which re and im come apart,
// and together, by one instruction each.
struct NoLanes {};
inline constexpr int kLanes = 4;
inline constexpr int64_t kLanesFrom = 4 * kLanes + 1;  // i, from which on neighbours are taken in i
inline constexpr int kLaneOrder[kLanes] = {0, 2, 1, 3};

using Half __attribute__((vector_size(16))) = double;
using Quad __attribute__((vector_size(32))) = double;

// Vectors in memory are aligned as numbers are.
template <class V>
TANDEM_FFT_INLINE V read(const void* from) {
  V out;
  __builtin_memcpy(&out, from, sizeof(V));
  return out;
}
TANDEM_FFT_INLINE Complex<Quad> apart(const Quad& a, const Quad& b) {
  return {__builtin_shufflevector(a, b, 0, 4, 2, 6), __builtin_shufflevector(a, b, 1, 5, 3, 7)};
}
TANDEM_FFT_INLINE Complex<Quad> load_lanes(const Complex<double>* x) { return apart(read<Quad>(x), read<Quad>(x + 2)); }
TANDEM_FFT_INLINE Complex<Quad> load_lanes(const Complex<double>* x, int64_t step) {
  return apart(__builtin_shufflevector(read<Half>(x), read<Half>(x + step), 0, 1, 2, 3),
               __builtin_shufflevector(read<Half>(x + 2 * step), read<Half>(x + 3 * step), 0, 1, 2, 3));
}
TANDEM_FFT_INLINE void store_lanes(Complex<double>* x, int64_t step, const Complex<Quad>& y) {
  const Quad a = __builtin_shufflevector(y.re, y.im, 0, 4, 2, 6), b = __builtin_shufflevector(y.re, y.im, 1, 5, 3, 7);
  if (step == 1) {
    __builtin_memcpy(x, &a, sizeof(a));
    __builtin_memcpy(x + 2, &b, sizeof(b));
    return;
  }
  const Half a0 = __builtin_shufflevector(a, a, 0, 1), a1 = __builtin_shufflevector(a, a, 2, 3);
  const Half b0 = __builtin_shufflevector(b, b, 0, 1), b1 = __builtin_shufflevector(b, b, 2, 3);
  __builtin_memcpy(x, &a0, sizeof(a0));
  __builtin_memcpy(x + step, &a1, sizeof(a1));
  __builtin_memcpy(x + 2 * step, &b0, sizeof(b0));
  __builtin_memcpy(x + 3 * step, &b1, sizeof(b1));
}

template <int R, class T, class V, class W>
TANDEM_FFT_INLINE void pass(const Plan<T>& plan, const Factor& factor, int64_t l1, const Complex<V>* in,
                            Complex<V>* out) {
  const int radix = R == 0 ? factor.radix : R;
  const int64_t ido = plan.n / (l1 * radix), stride = l1 * ido;
  const std::complex<T>* w = plan.twiddles.data() + factor.twiddles;
  const std::complex<T>* roots = plan.twiddles.data() + factor.roots;
  int64_t k = 0;
  if constexpr (!std::is_same_v<W, NoLanes>) {
    if (ido < kLanesFrom)
      for (; k + kLanes <= l1; k += kLanes)
        for (int64_t i = 0; i < ido; ++i) {
          const Complex<V>* from = in + k * radix * ido + i;
          Complex<V>* to = out + k * ido + i;
          point<R, T, W>(
              radix, roots,
              [&](int j) __attribute__((always_inline)) { return load_lanes(from + j * ido, radix * ido); },
              [&](int j, const Complex<W>& y) __attribute__((always_inline)) {
                store_lanes(to + j * stride, ido,
                            i == 0 || j == 0 ? y : turned<true>(y, w[(i - 1) * (radix - 1) + j - 1]));
              });
        }
  }
  for (; k < l1; ++k) {
    const Complex<V>* from = in + k * radix * ido;
    Complex<V>* to = out + k * ido;
    point<R, T, V>(
        radix, roots, [&](int j) __attribute__((always_inline)) { return from[j * ido]; },
        [&](int j, const Complex<V>& y) __attribute__((always_inline)) { to[j * stride] = y; });
    int64_t i = 1;
    if constexpr (!std::is_same_v<W, NoLanes>) {
      const T* u = plan.lanes.data() + factor.lanes;
      if (ido >= kLanesFrom)
        for (; i + kLanes <= ido; i += kLanes, u += 2 * kLanes * (radix - 1))
          point<R, T, W>(
              radix, roots, [&](int j) __attribute__((always_inline)) { return load_lanes(from + i + j * ido); },
              [&](int j, const Complex<W>& y) __attribute__((always_inline)) {
                if (j == 0) {
                  store_lanes(to + i, 1, y);
                } else {
                  const W re = read<W>(u + 2 * kLanes * (j - 1)), im = read<W>(u + 2 * kLanes * (j - 1) + kLanes);
                  store_lanes(to + i + j * stride, 1, turned_by(y, re, im));
                }
              });
    }
    for (; i < ido; ++i)
      point<R, T, V>(
          radix, roots, [&](int j) __attribute__((always_inline)) { return from[i + j * ido]; },
          [&](int j, const Complex<V>& y) __attribute__((always_inline)) {
            to[i + j * stride] = j == 0 ? y : turned<true>(y, w[(i - 1) * (radix - 1) + j - 1]);
          });
  }
}

// Of data[0 .. n), in place; `scratch` holds plan.scratch() elements.
template <class T, class V, class W>
TANDEM_FFT_INLINE void transform_by_factors(const Plan<T>& plan, Complex<V>* data, Complex<V>* scratch) {
  Complex<V>*from = data, *to = scratch;
  int64_t l1 = 1;
  for (const Factor& factor : plan.factors) {
    switch (factor.radix) {
      case 2: pass<2, T, V, W>(plan, factor, l1, from, to); break;
      case 3: pass<3, T, V, W>(plan, factor, l1, from, to); break;
      case 4: pass<4, T, V, W>(plan, factor, l1, from, to); break;
      case 5: pass<5, T, V, W>(plan, factor, l1, from, to); break;
      case 7: pass<7, T, V, W>(plan, factor, l1, from, to); break;
      case 8: pass<8, T, V, W>(plan, factor, l1, from, to); break;
      default: pass<0, T, V, W>(plan, factor, l1, from, to);
    }
    l1 *= factor.radix;
    std::swap(from, to);
  }
  if (from != data) std::copy_n(from, plan.n, data);
}

template <class T, class V, class W>
TANDEM_FFT_INLINE void transform(const Plan<T>& plan, Complex<V>* data, Complex<V>* scratch) {
  if (!plan.inner) {
    transform_by_factors<T, V, W>(plan, data, scratch);
    return;
  }
  // With jk = (j^2 + k^2 - (k - j)^2) / 2 the sum is a convolution with the chirp. The way back from the inner transform
  // is that transform, too, with real and imaginary parts exchanged before and after.
  Complex<V>*padded = scratch, *rest = scratch + plan.inner->n;
  for (int64_t k = 0; k < plan.n; ++k) padded[k] = turned<true>(data[k], plan.chirp[static_cast<size_t>(k)]);
  std::fill(padded + plan.n, padded + plan.inner->n, Complex<V>{});
  transform_by_factors<T, V, W>(*plan.inner, padded, rest);
  for (int64_t k = 0; k < plan.inner->n; ++k)
    padded[k] = exchanged(turned<false>(padded[k], plan.filter[static_cast<size_t>(k)]));
  transform_by_factors<T, V, W>(*plan.inner, padded, rest);
  for (int64_t k = 0; k < plan.n; ++k) data[k] = turned<true>(exchanged(padded[k]), plan.chirp[static_cast<size_t>(k)]);
}

}  // namespace tandem::fft
