#include "runtime/sort_network.h"

#include <cstring>

namespace tandem::network {

namespace {

#if defined(__x86_64__)
#define TANDEM_WIDE __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi")))
#define TANDEM_MIDDLE __attribute__((target("avx2")))
const bool kHasWide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi");
const bool kHasMiddle = __builtin_cpu_supports("avx2");
#else
#define TANDEM_WIDE
#define TANDEM_MIDDLE
constexpr bool kHasWide = false, kHasMiddle = false;
#endif

// Entry i of row l, in turn from the rows to the network and back.
template <class U, class Use>
[[gnu::always_inline]] inline void each_entry(int64_t rows, int64_t from, int64_t count, Use&& use) {
  for (int64_t l = 0; l < rows; ++l)
    for (int64_t i = from; i < count; ++i) use(l * count + i, i * Lanes<U>::count + l);
}

// A square of as many vectors as they have lanes is turned by exchanging halves, quarters and so on of pairs of them.
template <class U>
[[gnu::always_inline]] inline void turn_square(typename Lanes<U>::Vector* square) {
  using Vector = typename Lanes<U>::Vector;
  constexpr int kLanes = static_cast<int>(Lanes<U>::count);
#pragma GCC unroll 8
  for (int s = kLanes / 2; s > 0; s /= 2) {
    Vector low, high;
    for (int k = 0; k < kLanes; ++k) {
      low[k] = static_cast<U>((k & s) == 0 ? k : kLanes + k - s);
      high[k] = static_cast<U>((k & s) == 0 ? k + s : kLanes + k);
    }
#pragma GCC unroll 64
    for (int i = 0; i < kLanes; ++i) {
      if ((i & s) != 0) continue;
      const Vector a = square[i], b = square[i + s];
      square[i] = __builtin_shuffle(a, b, low);
      square[i + s] = __builtin_shuffle(a, b, high);
    }
  }
}

// Copies whole squares between rows and network; returns how many entries of each row that were.
template <bool ToNetwork, class U>
[[gnu::always_inline]] inline int64_t copy_squares(U* data, int64_t rows, int64_t count, U* entries) {
  using Vector = typename Lanes<U>::Vector;
  constexpr int64_t kLanes = Lanes<U>::count;
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    Vector square[kLanes] = {};
    auto* network = reinterpret_cast<Vector*>(entries) + i;
    if constexpr (ToNetwork) {
      for (int64_t l = 0; l < rows; ++l) std::memcpy(&square[l], data + l * count + i, sizeof(Vector));
      turn_square<U>(square);
      for (int64_t k = 0; k < kLanes; ++k) network[k] = square[k];
    } else {
      for (int64_t k = 0; k < kLanes; ++k) square[k] = network[k];
      turn_square<U>(square);
      for (int64_t l = 0; l < rows; ++l) std::memcpy(data + l * count + i, &square[l], sizeof(Vector));
    }
  }
  return i;
}

template <bool Squares, class U>
[[gnu::always_inline]] inline void sort_rows_of(U* data, int64_t rows, int64_t count, U* entries) {
  int64_t done = 0;
  if constexpr (Squares) done = copy_squares<true>(data, rows, count, entries);
  if (rows < Lanes<U>::count && done < count)
    std::memset(entries + done * Lanes<U>::count, 0, (count - done) * kVectorBytes);
  each_entry<U>(rows, done, count, [&](int64_t in_row, int64_t entry) { entries[entry] = data[in_row]; });
  exchange_all(entries, count);
  if constexpr (Squares) copy_squares<false>(data, rows, count, entries);
  each_entry<U>(rows, done, count, [&](int64_t in_row, int64_t entry) { data[in_row] = entries[entry]; });
}

template <class U>
TANDEM_WIDE void sort_rows_wide(U* data, int64_t rows, int64_t count, U* entries) {
  sort_rows_of<true>(data, rows, count, entries);
}
template <class U>
TANDEM_MIDDLE void sort_rows_middle(U* data, int64_t rows, int64_t count, U* entries) {
  sort_rows_of<false>(data, rows, count, entries);
}
template <class U>
void sort_rows_any(U* data, int64_t rows, int64_t count, U* entries) {
  if (kHasWide) return sort_rows_wide(data, rows, count, entries);
  if (kHasMiddle) return sort_rows_middle(data, rows, count, entries);
  sort_rows_of<false>(data, rows, count, entries);
}

template <class U>
TANDEM_WIDE void sort_wide(U* entries, int64_t count) {
  exchange_all(entries, count);
}
template <class U>
TANDEM_MIDDLE void sort_middle(U* entries, int64_t count) {
  exchange_all(entries, count);
}
template <class U>
void sort_any(U* entries, int64_t count) {
  if (kHasWide) return sort_wide(entries, count);
  if (kHasMiddle) return sort_middle(entries, count);
  exchange_all(entries, count);
}

}  // namespace

void sort(uint8_t* entries, int64_t count) { sort_any(entries, count); }
void sort(uint16_t* entries, int64_t count) { sort_any(entries, count); }
void sort(uint32_t* entries, int64_t count) { sort_any(entries, count); }
void sort(uint64_t* entries, int64_t count) { sort_any(entries, count); }

void sort_rows(uint8_t* data, int64_t rows, int64_t count, uint8_t* entries) {
  sort_rows_any(data, rows, count, entries);
}
void sort_rows(uint16_t* data, int64_t rows, int64_t count, uint16_t* entries) {
  sort_rows_any(data, rows, count, entries);
}
void sort_rows(uint32_t* data, int64_t rows, int64_t count, uint32_t* entries) {
  sort_rows_any(data, rows, count, entries);
}
void sort_rows(uint64_t* data, int64_t rows, int64_t count, uint64_t* entries) {
  sort_rows_any(data, rows, count, entries);
}

}  // namespace tandem::network
