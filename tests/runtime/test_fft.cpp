// Fourier transforms against sums in long double, and against themselves: other threads, other rows, there and back.
#include <catch2/catch.hpp>

#include <atomic>
#include <cmath>
#include <complex>
#include <cstring>
#include <numbers>
#include <random>
#include <thread>
#include <vector>

#include "runtime/fft.h"
#include "runtime/parallel.h"

using namespace tandem;

namespace {

using Wide = std::complex<long double>;

template <class T>
constexpr DType kDType = std::is_same_v<T, float> ? DType::f32 : DType::f64;

template <class T>
std::vector<T> numbers(size_t count, unsigned seed = 1) {
  std::mt19937 bits(seed);
  std::normal_distribution<double> normal;
  std::vector<T> out(count);
  for (T& x : out) x = static_cast<T>(normal(bits));
  return out;
}

// By definition; sign -1 is forward.
std::vector<Wide> sums(const std::vector<Wide>& x, int sign) {
  const size_t n = x.size();
  std::vector<Wide> roots(n), out(n);
  for (size_t k = 0; k < n; ++k) {
    const long double angle = 2 * std::numbers::pi_v<long double> * static_cast<long double>(k) / n;
    roots[k] = {std::cos(angle), sign * std::sin(angle)};
  }
  for (size_t k = 0; k < n; ++k)
    for (size_t j = 0; j < n; ++j) out[k] += x[j] * roots[j * k % n];
  return out;
}

template <class T>
std::vector<T> run(FftKind kind, int64_t outer, int64_t in_length, int64_t length, int64_t inner,
                   const std::vector<T>& in, double scale = 1) {
  const int64_t out_length = kind == FftKind::real_to_complex ? length / 2 + 1 : length;
  const int64_t each = kind == FftKind::complex_to_real ? 1 : 2;
  std::vector<T> out(static_cast<size_t>(outer * out_length * inner * each), T(77));
  fourier_transform({kind, kDType<T>, outer, inner, in_length, length, scale, in.data(), out.data()});
  return out;
}

// Root of the mean square of the error, over that of the exact values, in units of the precision.
template <class T>
double error(const std::vector<Wide>& want, const std::vector<T>& got, bool real = false) {
  long double off = 0, all = 0;
  for (size_t k = 0; k < want.size(); ++k) {
    const Wide value = real ? Wide(got[k], 0) : Wide(got[2 * k], got[2 * k + 1]);
    off += std::norm(want[k] - value);
    all += std::norm(want[k]);
  }
  if (all == 0) return off == 0 ? 0 : 1e9;
  return static_cast<double>(std::sqrt(off / all) / std::numeric_limits<T>::epsilon());
}

std::vector<int64_t> lengths() {
  std::vector<int64_t> out;
  for (int64_t n = 1; n <= 130; ++n) out.push_back(n);
  // Powers, every radix with twiddles, products of large primes, Bluestein.
  for (const int64_t n : {243, 256, 343, 512, 625, 720, 961, 1009, 1024, 1155, 1331, 2021, 2048}) out.push_back(n);
  return out;
}

// Large prime factors go through three transforms of more than twice the length. Of float only the results are rounded.
template <class T>
constexpr double kBound = std::is_same_v<T, float> ? 0.45 : 2.1;

}  // namespace

TEMPLATE_TEST_CASE("complex transforms of any length are accurate", "[fft]", float, double) {
  for (const int64_t n : lengths()) {
    INFO("length " << n);
    const auto in = numbers<TestType>(static_cast<size_t>(2 * n));
    std::vector<Wide> exact;
    for (size_t k = 0; k < static_cast<size_t>(n); ++k) exact.emplace_back(in[2 * k], in[2 * k + 1]);
    CHECK(error(sums(exact, -1), run(FftKind::forward, 1, n, n, 1, in)) < kBound<TestType>);
    CHECK(error(sums(exact, 1), run(FftKind::backward, 1, n, n, 1, in)) < kBound<TestType>);
  }
}

TEMPLATE_TEST_CASE("real transforms of any length are accurate", "[fft]", float, double) {
  for (const int64_t n : lengths()) {
    INFO("length " << n);
    const size_t half = static_cast<size_t>(n / 2) + 1;
    const auto in = numbers<TestType>(static_cast<size_t>(n));
    std::vector<Wide> want = sums({in.begin(), in.end()}, -1);
    want.resize(half);
    CHECK(error(want, run(FftKind::real_to_complex, 1, n, n, 1, in)) < kBound<TestType>);
    // Back: imaginary parts of what stands for itself do not count.
    const auto spectrum = numbers<TestType>(2 * half);
    std::vector<Wide> whole(static_cast<size_t>(n));
    for (size_t k = 0; k < half; ++k) {
      const bool own = k == 0 || 2 * k == static_cast<size_t>(n);
      whole[k] = {spectrum[2 * k], own ? 0 : spectrum[2 * k + 1]};
      if (!own) whole[static_cast<size_t>(n) - k] = std::conj(whole[k]);
    }
    CHECK(error(sums(whole, 1), run(FftKind::complex_to_real, 1, n / 2 + 1, n, 1, spectrum), true) < kBound<TestType>);
  }
}

TEMPLATE_TEST_CASE("what is too short is filled up with zeros, what is too long is cut", "[fft]", float, double) {
  for (const int64_t n : {8, 15, 22, 67})
    for (const int64_t given : {n - 3, n + 4}) {
      INFO("length " << n << " of " << given);
      const auto in = numbers<TestType>(static_cast<size_t>(2 * given));
      std::vector<TestType> fitted = in;
      fitted.resize(static_cast<size_t>(2 * n));
      CHECK(run(FftKind::forward, 1, given, n, 1, in) == run(FftKind::forward, 1, n, n, 1, fitted));
      fitted = {in.begin(), in.begin() + given};
      fitted.resize(static_cast<size_t>(n));
      CHECK(run(FftKind::real_to_complex, 1, given, n, 1, in) == run(FftKind::real_to_complex, 1, n, n, 1, fitted));
      fitted = in;
      fitted.resize(static_cast<size_t>(2 * (n / 2 + 1)));
      CHECK(run(FftKind::complex_to_real, 1, given, n, 1, in) ==
            run(FftKind::complex_to_real, 1, n / 2 + 1, n, 1, fitted));
    }
}

// Rows in vectors, rows alone, rows that lie next to one another, and any number of threads.
TEMPLATE_TEST_CASE("every row has the bits it has alone", "[fft]", float, double) {
  for (const int64_t n : {1, 12, 13, 64, 67, 134, 210})
    for (const FftKind kind : {FftKind::forward, FftKind::backward, FftKind::real_to_complex, FftKind::complex_to_real})
      for (const int64_t inner : {1, 5}) {
        INFO("length " << n << " inner " << inner << " kind " << static_cast<int>(kind));
        const int64_t outer = 7, in_length = kind == FftKind::complex_to_real ? n / 2 + 1 : n;
        const int64_t out_length = kind == FftKind::real_to_complex ? n / 2 + 1 : n;
        const int64_t in_each = kind == FftKind::real_to_complex ? 1 : 2;
        const int64_t out_each = kind == FftKind::complex_to_real ? 1 : 2;
        const auto in = numbers<TestType>(static_cast<size_t>(outer * in_length * inner * in_each));
        const auto all = run(kind, outer, in_length, n, inner, in, 0.3);
        for (int64_t o = 0; o < outer; ++o)
          for (int64_t i = 0; i < inner; ++i) {
            std::vector<TestType> row;
            for (int64_t k = 0; k < in_length; ++k)
              for (int64_t e = 0; e < in_each; ++e)
                row.push_back(in[static_cast<size_t>(((o * in_length + k) * inner + i) * in_each + e)]);
            const auto alone = run(kind, 1, in_length, n, 1, row, 0.3);
            bool same = true;
            for (int64_t k = 0; k < out_length; ++k)
              for (int64_t e = 0; e < out_each; ++e)
                same = same && std::memcmp(&alone[static_cast<size_t>(k * out_each + e)],
                                           &all[static_cast<size_t>(((o * out_length + k) * inner + i) * out_each + e)],
                                           sizeof(TestType)) == 0;
            CHECK(same);
          }
      }
}

TEST_CASE("there and back again, also in place and for a million points", "[fft]") {
  for (const int64_t n : {1000, 65536, 65537, 1 << 20}) {
    INFO("length " << n);
    const auto in = numbers<double>(static_cast<size_t>(2 * n));
    auto data = in;
    const auto transform = [&](FftKind kind, double scale) {
      fourier_transform({kind, DType::f64, 1, 1, n, n, scale, data.data(), data.data()});
    };
    transform(FftKind::forward, 1);
    transform(FftKind::backward, 1.0 / static_cast<double>(n));
    double worst = 0;
    for (size_t k = 0; k < data.size(); ++k) worst = std::max(worst, std::abs(data[k] - in[k]));
    CHECK(worst < 1e-14);
  }
}

TEST_CASE("many threads share the plans", "[fft]") {
  const auto in = numbers<double>(2 * 4096);
  std::vector<std::vector<double>> want;
  for (int64_t n = 1; n <= 64; ++n) want.push_back(run(FftKind::forward, 1, n, n, 1, in));
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int64_t n = 64; n >= 1; --n)
        if (run(FftKind::forward, 1, n, n, 1, in) != want[static_cast<size_t>(n - 1)]) ++wrong;
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("nothing to transform", "[fft]") {
  CHECK(run(FftKind::forward, 0, 8, 8, 3, std::vector<double>{}).empty());
  CHECK(run(FftKind::forward, 2, 0, 2, 1, std::vector<double>{}) == std::vector<double>(8, 0.0));
}
