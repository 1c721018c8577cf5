// How a Fourier transform of one length is computed: factors and their twiddles, or, for lengths with large prime
// factors, a convolution (Bluestein). The passes are in fft_passes.h.
#pragma once
#include <complex>
#include <cstdint>
#include <memory>
#include <vector>

namespace tandem::fft {

// exp(2 pi i k / n) for 0 <= k < n, each correctly rounded but for rare ties: computed in a wider type.
template <class T>
class Roots {
 public:
  explicit Roots(int64_t n);
  std::complex<T> operator[](int64_t k) const;

 private:
  using Wide = long double;
  int64_t n_, low_bits_;
  std::vector<std::complex<Wide>> low_, high_;  // of k below, and of multiples of, a power of two
};

struct Factor {
  int radix;
  int64_t twiddles;  // where its twiddles begin: (ido - 1) groups of radix - 1
  int64_t lanes;     // where its twiddles begin, in `lanes`, if there are enough of them
  int64_t roots;     // of an odd prime without a pass of its own: where the roots of unity of `radix` begin
};

template <class T>
struct Plan {
  int64_t n;
  std::vector<Factor> factors;  // empty for n == 1, and for Bluestein
  std::vector<std::complex<T>> twiddles;
  std::vector<T> lanes;  // the twiddles four points at a time: four real parts, four imaginary ones; see kLaneOrder
  // Bluestein: chirp[k] = exp(pi i k^2 / n), and the transform of its padded conjugate, divided by the inner length.
  std::shared_ptr<const Plan> inner;
  std::vector<std::complex<T>> chirp, filter;

  explicit Plan(int64_t n);
  // Elements that a transform needs beside its data.
  int64_t scratch() const { return inner ? 2 * inner->n : n; }
};

// A real transform of an even length is a complex one of half the length; roots[k] = exp(2 pi i k / n), k <= n / 4.
template <class T>
struct RealPlan {
  std::shared_ptr<const Plan<T>> half;
  std::vector<std::complex<T>> roots;
};

// Made once and kept, as long as they are among the latest.
template <class T>
std::shared_ptr<const Plan<T>> plan_for(int64_t n);
template <class T>
std::shared_ptr<const RealPlan<T>> real_plan_for(int64_t n);

}  // namespace tandem::fft
