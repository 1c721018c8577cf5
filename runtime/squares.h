// Shuffles of vectors of 64 bytes, and squares of elements turned without a detour through memory. For functions that may
// use the instructions of AVX-512 with VBMI; elsewhere a compiler makes something slow of it.
#pragma once
#include <cstdint>
#include <utility>

namespace tandem {

template <auto Lane, class Vector, int... K>
[[gnu::always_inline]] inline void shuffle(Vector& out, const Vector& a, const Vector& b,
                                           std::integer_sequence<int, K...>) {
  out = __builtin_shufflevector(a, b, Lane(K)...);
}
// Lane k of `out`, which is neither a nor b, becomes lane Lane(k) of a and b side by side.
template <int Lanes, auto Lane, class Vector>
[[gnu::always_inline]] inline void shuffle(Vector& out, const Vector& a, const Vector& b) {
  shuffle<Lane>(out, a, b, std::make_integer_sequence<int, Lanes>());
}

template <class U>
struct Square {
  using Vector [[gnu::vector_size(64)]] = U;
  static constexpr int kSide = 64 / static_cast<int>(sizeof(U));
};

// Exchanges the halves of runs of 2 * S lanes between rows that are S apart, then shorter ones.
template <class U, int S = Square<U>::kSide / 2>
[[gnu::always_inline]] inline void turn_square(typename Square<U>::Vector* rows) {
  using Vector = typename Square<U>::Vector;
  constexpr int kSide = Square<U>::kSide;
  constexpr auto kLow = [](int k) { return (k & S) == 0 ? k : kSide + k - S; };
  constexpr auto kHigh = [](int k) { return (k & S) == 0 ? k + S : kSide + k; };
#pragma GCC unroll 64
  for (int i = 0; i < kSide; ++i) {
    if ((i & S) != 0) continue;
    const Vector a = rows[i], b = rows[i + S];
    shuffle<kSide, kLow>(rows[i], a, b);
    shuffle<kSide, kHigh>(rows[i + S], a, b);
  }
  if constexpr (S > 1) turn_square<U, S / 2>(rows);
}

}  // namespace tandem
