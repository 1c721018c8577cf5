// Many short rows are sorted side by side: a network of exchanges, each of which is a minimum and a maximum of vectors
// that hold one entry of every row.
#pragma once
#include <cstdint>

namespace tandem::network {

constexpr int kVectorBytes = 64;
template <class U>
struct Lanes {
  static constexpr int64_t count = kVectorBytes / static_cast<int64_t>(sizeof(U));
  using Vector [[gnu::vector_size(kVectorBytes)]] = U;
};

// Batcher's merge exchange (Knuth, The Art of Computer Programming 3, algorithm 5.2.2M) for any number of rows.
template <class U>
[[gnu::always_inline]] inline void exchange_all(U* entries, int64_t count) {
  using Vector = typename Lanes<U>::Vector;
  auto* x = reinterpret_cast<Vector*>(entries);
  int64_t top = 1;
  while (2 * top < count) top *= 2;
  for (int64_t p = top; p > 0; p /= 2) {
    int64_t q = top, r = 0;
    for (int64_t d = p;; d = q - p, q /= 2, r = p) {
      for (int64_t run = r; run < count - d; run += 2 * p) {  // entries whose number has the bit p as r has it
        const int64_t end = run + p < count - d ? run + p : count - d;
        for (int64_t i = run; i < end; ++i) {
          const Vector a = x[i], b = x[i + d];
          x[i] = a < b ? a : b;
          x[i + d] = a < b ? b : a;
        }
      }
      if (q == p) break;
    }
  }
}

// Vectors of memory that sorting `count` entries of each row takes: it may be quicker for a round number of them.
constexpr int64_t places(int64_t count) {
  int64_t round = 16;
  while (round < count) round *= 2;
  return 4 * count >= 3 * round ? round : count;
}

// Sorts `count` entries of each of Lanes<U>::count rows; entry i of row l is at [i * lanes + l], aligned to a vector, with
// memory for `places(count)` vectors.
void sort(uint8_t* entries, int64_t count);
void sort(uint16_t* entries, int64_t count);
void sort(uint32_t* entries, int64_t count);
void sort(uint64_t* entries, int64_t count);

// Sorts `rows` <= Lanes<U>::count rows of `count` entries, one behind the other, with the help of `places(count)` vectors at
// `entries`, aligned to one.
void sort_rows(uint8_t* data, int64_t rows, int64_t count, uint8_t* entries);
void sort_rows(uint16_t* data, int64_t rows, int64_t count, uint16_t* entries);
void sort_rows(uint32_t* data, int64_t rows, int64_t count, uint32_t* entries);
void sort_rows(uint64_t* data, int64_t rows, int64_t count, uint64_t* entries);

}  // namespace tandem::network
