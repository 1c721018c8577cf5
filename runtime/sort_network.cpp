#include "runtime/sort_network.h"

#include <cstring>
#include <iterator>
#include <utility>

#include "runtime/squares.h"

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

// Exchanges among the vectors of a block, which all fit registers.
constexpr int kBlock = 16;
struct Pair {
  int low, high;
};
template <int Count>
struct Exchanges {
  Pair pairs[Count];
};

// Batcher's merge exchange of a block.
constexpr auto kSortBlock = [] {
  Exchanges<63> out{};
  int n = 0;
  for (int p = 1; p < kBlock; p *= 2)
    for (int k = p; k >= 1; k /= 2)
      for (int j = k % p; j + k < kBlock; j += 2 * k)
        for (int i = j; i < j + k && i + k < kBlock; ++i)
          if (i / (2 * p) == (i + k) / (2 * p)) out.pairs[n++] = {i, i + k};
  return n == 63 ? out : throw n;
}();
// Sorts a block whose values rise and then fall, or the other way round.
constexpr auto kCleanBlock = [] {
  Exchanges<32> out{};
  int n = 0;
  for (int d = kBlock / 2; d >= 1; d /= 2)
    for (int i = 0; i < kBlock; ++i)
      if ((i & d) == 0) out.pairs[n++] = {i, i + d};
  return out;
}();

template <class Vector>
[[gnu::always_inline]] inline void exchange(Vector& x, Vector& y) {
  const Vector a = x, b = y;
  x = a < b ? a : b;
  y = a < b ? b : a;
}

template <const auto& Order, class Vector>
[[gnu::always_inline]] inline void exchange_block(Vector* x) {
  Vector block[kBlock];
#pragma GCC unroll 16
  for (int i = 0; i < kBlock; ++i) block[i] = x[i];
  // Inline, or it would be compiled for processors that have narrower vectors.
  [&]<size_t... K>(std::index_sequence<K...>) __attribute__((always_inline)) {
    (exchange(block[Order.pairs[K].low], block[Order.pairs[K].high]), ...);
  }(std::make_index_sequence<std::size(Order.pairs)>());
#pragma GCC unroll 16
  for (int i = 0; i < kBlock; ++i) x[i] = block[i];
}

// Sorted blocks are merged two and two (bitonic merges), as many steps as possible in registers.
template <class U>
[[gnu::always_inline]] inline void merge_blocks(U* entries, int64_t count) {
  auto* x = reinterpret_cast<typename Lanes<U>::Vector*>(entries);
  for (int64_t b = 0; b < count; b += kBlock) exchange_block<kSortBlock>(x + b);
  for (int64_t m = kBlock; m < count; m *= 2) {
    for (int64_t b = 0; b < count; b += 2 * m)
      for (int64_t i = 0; i < m; ++i) exchange(x[b + i], x[b + 2 * m - 1 - i]);
    int64_t d = m / 2;
    for (; d >= 2 * kBlock; d /= 4)
      for (int64_t b = 0; b < count; b += 2 * d)
        for (int64_t i = b; i < b + d / 2; ++i) {
          exchange(x[i], x[i + d]);
          exchange(x[i + d / 2], x[i + d + d / 2]);
          exchange(x[i], x[i + d / 2]);
          exchange(x[i + d], x[i + d + d / 2]);
        }
    if (d >= kBlock)
      for (int64_t b = 0; b < count; b += 2 * d)
        for (int64_t i = b; i < b + d; ++i) exchange(x[i], x[i + d]);
    for (int64_t b = 0; b < count; b += kBlock) exchange_block<kCleanBlock>(x + b);
  }
}

template <class U>
[[gnu::always_inline]] inline void sort_blocks(U* entries, int64_t count) {
  const int64_t all = places(count);
  if (all < kBlock || (all & (all - 1)) != 0) return exchange_all(entries, count);
  std::memset(entries + count * Lanes<U>::count, 0xFF, static_cast<size_t>((all - count) * kVectorBytes));
  merge_blocks(entries, all);
}

// Entry i of row l, in turn from the rows to the network and back.
template <class U, class Use>
[[gnu::always_inline]] inline void each_entry(int64_t rows, int64_t from, int64_t count, Use&& use) {
  for (int64_t l = 0; l < rows; ++l)
    for (int64_t i = from; i < count; ++i) use(l * count + i, i * Lanes<U>::count + l);
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
  if constexpr (Squares)
    sort_blocks(entries, count);
  else
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
  sort_blocks(entries, count);
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
