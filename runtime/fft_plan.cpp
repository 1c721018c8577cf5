#include "runtime/fft_plan.h"

#include <cmath>
#include <list>
#include <mutex>

#include "runtime/fft_passes.h"

namespace tandem::fft {

namespace {

// exp(2 pi i k / n) from an angle of at most an eighth of the circle, where sine and cosine are most accurate.
template <class Wide>
std::complex<Wide> root(int64_t k, int64_t n) {
  const Wide unit = 2 * std::numbers::pi_v<Wide> / static_cast<Wide>(n);
  // In eighths: 8 k / n.
  const int64_t octant = 8 * k / n;
  const auto at = [&](int64_t steps, int64_t eighths) {
    // The angle (steps - eighths * n / 8) / n, exactly, as eighths of it.
    return unit * static_cast<Wide>(8 * steps - eighths * n) / 8;
  };
  switch (octant) {
    case 0: return {std::cos(at(k, 0)), std::sin(at(k, 0))};
    case 1:
    case 2: return {-std::sin(at(k, 2)), std::cos(at(k, 2))};
    case 3:
    case 4: return {-std::cos(at(k, 4)), -std::sin(at(k, 4))};
    case 5:
    case 6: return {std::sin(at(k, 6)), -std::cos(at(k, 6))};
    default: return {std::cos(at(k, 8)), std::sin(at(k, 8))};
  }
}

constexpr int kPasses[] = {8, 4, 2, 3, 5, 7};  // radices with a pass of their own
constexpr int kLargestRadix = 61;              // by the general pass; beyond, Bluestein

// The factors of n, those with passes of their own first; empty if one is too large.
std::vector<int> factorize(int64_t n) {
  std::vector<int> out;
  for (const int radix : kPasses)
    while (n % radix == 0 && (radix != 8 || n != 16)) {
      out.push_back(radix);
      n /= radix;
    }
  for (int radix = 11; n > 1 && radix <= kLargestRadix; radix += 2)
    while (n % radix == 0) {
      out.push_back(radix);
      n /= radix;
    }
  if (n > 1) out.clear();
  return out;
}

// Rough operations of a transform per element.
double cost_of(const std::vector<int>& factors) {
  double cost = 0;
  for (const int radix : factors) cost += radix <= 8 ? std::log2(radix) : 1.1 * radix / 2;
  return cost;
}

// The best length of at least `least` that has passes of its own only.
int64_t good_length(int64_t least) {
  int64_t best = 1;
  while (best < least) best *= 2;
  for (int64_t odd : {3, 5, 9, 15}) {
    int64_t n = odd;
    while (n < least) n *= 2;
    best = std::min(best, n);
  }
  return best;
}

constexpr size_t kMostPlans = 24;

template <class P>
std::shared_ptr<const P> cached(int64_t n, std::shared_ptr<const P> (*make)(int64_t)) {
  static std::mutex* mutex = new std::mutex;
  static auto* plans = new std::list<std::pair<int64_t, std::shared_ptr<const P>>>;
  {
    const std::lock_guard lock(*mutex);
    for (auto it = plans->begin(); it != plans->end(); ++it)
      if (it->first == n) {
        plans->splice(plans->begin(), *plans, it);
        return it->second;
      }
  }
  auto made = make(n);
  const std::lock_guard lock(*mutex);
  plans->emplace_front(n, made);
  if (plans->size() > kMostPlans) plans->pop_back();
  return made;
}

}  // namespace

template <class T>
Roots<T>::Roots(int64_t n) : n_(n), low_bits_(0) {
  while ((int64_t{1} << (2 * low_bits_)) < n) ++low_bits_;
  const int64_t step = int64_t{1} << low_bits_;
  for (int64_t k = 0; k < std::min(step, n); ++k) low_.push_back(root<Wide>(k, n));
  for (int64_t k = 0; k < n; k += step) high_.push_back(root<Wide>(k, n));
}

template <class T>
std::complex<T> Roots<T>::operator[](int64_t k) const {
  const auto a = low_[static_cast<size_t>(k & ((int64_t{1} << low_bits_) - 1))];
  const auto b = high_[static_cast<size_t>(k >> low_bits_)];
  return {static_cast<T>(a.real() * b.real() - a.imag() * b.imag()),
          static_cast<T>(a.real() * b.imag() + a.imag() * b.real())};
}

template <class T>
Plan<T>::Plan(int64_t length) : n(length) {
  if (n == 1) return;
  const std::vector<int> radices = factorize(n);
  const int64_t padded = good_length(2 * n - 1);
  const double by_bluestein = 2.5 * static_cast<double>(padded) / static_cast<double>(n) * cost_of(factorize(padded));
  if (radices.empty() || cost_of(radices) > by_bluestein) {
    const Roots<T> roots(2 * n);
    int64_t square = 0;  // k^2 mod 2n
    for (int64_t k = 0; k < n; ++k) {
      chirp.push_back(roots[square]);
      square = (square + 2 * k + 1) % (2 * n);
    }
    inner = std::make_shared<const Plan>(padded);
    filter.assign(static_cast<size_t>(padded), {});
    const T unit = T(1) / static_cast<T>(padded);
    for (int64_t k = 0; k < n; ++k) {
      filter[static_cast<size_t>(k)] = chirp[static_cast<size_t>(k)] * unit;
      if (k > 0) filter[static_cast<size_t>(padded - k)] = chirp[static_cast<size_t>(k)] * unit;
    }
    std::vector<std::complex<T>> scratch(static_cast<size_t>(inner->scratch()));
    transform<T, T, NoLanes>(*inner, reinterpret_cast<Complex<T>*>(filter.data()),
                             reinterpret_cast<Complex<T>*>(scratch.data()));
    return;
  }
  const Roots<T> roots(n);
  int64_t done = 1;
  for (const int radix : radices) {
    const int64_t ido = n / (done * radix);
    Factor factor{radix, static_cast<int64_t>(twiddles.size()), static_cast<int64_t>(lanes.size()), 0};
    for (int64_t i = 1; i < ido; ++i)
      for (int64_t j = 1; j < radix; ++j) twiddles.push_back(roots[j * i * done]);
    if (ido >= kLanesFrom)
      for (int64_t i = 0; i + kLanes < ido; i += kLanes)
        for (int64_t j = 0; j < radix - 1; ++j)
          for (const bool imaginary : {false, true})
            for (const int lane : kLaneOrder) {
              const auto at = static_cast<size_t>(factor.twiddles + (i + lane) * (radix - 1) + j);
              lanes.push_back(imaginary ? twiddles[at].imag() : twiddles[at].real());
            }
    factor.roots = static_cast<int64_t>(twiddles.size());
    if (radix > 8)
      for (int64_t j = 0; j < radix; ++j) twiddles.push_back(roots[j * (n / radix)]);
    factors.push_back(factor);
    done *= radix;
  }
}

template <class T>
std::shared_ptr<const Plan<T>> plan_for(int64_t n) {
  return cached<Plan<T>>(n, [](int64_t length) { return std::make_shared<const Plan<T>>(length); });
}

template <class T>
std::shared_ptr<const RealPlan<T>> real_plan_for(int64_t n) {
  return cached<RealPlan<T>>(n, [](int64_t length) {
    auto made = std::make_shared<RealPlan<T>>();
    made->half = plan_for<T>(length / 2);
    const Roots<T> roots(length);
    for (int64_t k = 0; k <= length / 4; ++k) made->roots.push_back(roots[k]);
    return std::shared_ptr<const RealPlan<T>>(std::move(made));
  });
}

template class Roots<double>;
template struct Plan<double>;
template std::shared_ptr<const Plan<double>> plan_for(int64_t);
template std::shared_ptr<const RealPlan<double>> real_plan_for(int64_t);

}  // namespace tandem::fft
