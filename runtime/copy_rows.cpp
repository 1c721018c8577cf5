#include "runtime/copy_rows.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "runtime/squares.h"

namespace tandem {

namespace {

// Every second one of the elements from `from` on, as a vector: of two that overlap by an element, so that the second one
// ends at the last element that is wanted.
template <class Vector, class T>
[[gnu::always_inline]] inline void load_every_second(Vector& out, const T* from) {
  constexpr int kLanes = static_cast<int>(sizeof(Vector) / sizeof(T));
  constexpr auto kOrder = [](int k) { return k < kLanes / 2 ? 2 * k : 2 * k + 1; };
  Vector low, high;
  std::memcpy(&low, from, sizeof low);
  std::memcpy(&high, from + kLanes - 1, sizeof high);
  shuffle<kLanes, kOrder>(out, low, high);
}

// By vectors of kBytes bytes; returns how many were copied.
template <int kBytes, class T>
[[gnu::always_inline]] inline int64_t copy_every_second(const T* from, T* to, int64_t count) {
  constexpr int kLanes = kBytes / static_cast<int>(sizeof(T));
  using Vector [[gnu::vector_size(kBytes)]] = T;
  int64_t done = 0;
  for (; done + kLanes <= count; done += kLanes) {
    Vector all;
    load_every_second(all, from + 2 * done);
    std::memcpy(to + done, &all, kBytes);
  }
  return done;
}

// By whole vectors; the last one overlaps the one before.
template <class T>
[[gnu::always_inline]] inline void fill(T* to, int64_t count, T value) {
  if constexpr (std::is_integral_v<T>) {
    using Vector = typename Square<T>::Vector;
    constexpr int64_t kLanes = Square<T>::kSide;
    if (count >= kLanes) {
      const Vector all = value - Vector{};
      for (int64_t i = 0; i + kLanes <= count; i += kLanes) std::memcpy(to + i, &all, sizeof all);
      std::memcpy(to + count - kLanes, &all, sizeof all);
      return;
    }
  }
  std::fill_n(to, count, value);
}

// Whole squares, of elements that are `Step` apart in `from`, 1 or 2.
template <int Step, class T>
[[gnu::always_inline]] inline void copy_squares(const T* from, int64_t from_column, T* to, int64_t to_row, int64_t rows,
                                                int64_t columns) {
  constexpr int kSide = Square<T>::kSide;
  for (int64_t i = 0; i < rows; i += kSide)
    for (int64_t j = 0; j < columns; j += kSide) {
      typename Square<T>::Vector square[kSide];
#pragma GCC unroll 64
      for (int k = 0; k < kSide; ++k) {
        const T* column = from + Step * i + (j + k) * from_column;
        __builtin_prefetch(column + Step * 4 * kSide);  // more streams than the processor sees coming
        if constexpr (Step == 1)
          std::memcpy(&square[k], column, sizeof square[k]);
        else
          load_every_second(square[k], column);
      }
      turn_square<T>(square);
#pragma GCC unroll 64
      for (int k = 0; k < kSide; ++k) std::memcpy(to + (i + k) * to_row + j, &square[k], sizeof square[k]);
    }
}

#if defined(__x86_64__)
const bool kHasWide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi");
const bool kHasMiddle = __builtin_cpu_supports("avx2");

template <class T>
__attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi"))) int64_t copy_wide(const T* from, T* to, int64_t count) {
  return copy_every_second<64>(from, to, count);
}
template <int Step, class T>
__attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi"))) void copy_squares_wide(const T* from,
                                                                                       int64_t from_column, T* to,
                                                                                       int64_t to_row, int64_t rows,
                                                                                       int64_t columns) {
  copy_squares<Step>(from, from_column, to, to_row, rows, columns);
}
template <class T>
__attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi"))) void fill_wide(T* to, int64_t count, T value) {
  fill(to, count, value);
}
template <class T>
__attribute__((target("avx2"))) int64_t copy_middle(const T* from, T* to, int64_t count) {
  return copy_every_second<32>(from, to, count);
}
#else
constexpr bool kHasWide = false, kHasMiddle = false;
template <class T>
int64_t copy_wide(const T*, T*, int64_t) {
  return 0;
}
template <class T>
int64_t copy_middle(const T*, T*, int64_t) {
  return 0;
}
template <int Step, class T>
void copy_squares_wide(const T*, int64_t, T*, int64_t, int64_t, int64_t) {}
template <class T>
void fill_wide(T* to, int64_t count, T value) {
  fill(to, count, value);
}
#endif

}  // namespace

template <class T>
void copy_row(const T* from, int64_t from_stride, T* to, int64_t to_stride, int64_t count) {
  if (from_stride == 1 && to_stride == 1) {
    std::memcpy(to, from, static_cast<size_t>(count) * sizeof(T));
    return;
  }
  if (from_stride == 0 && to_stride == 1) {
    if (kHasWide)
      fill_wide(to, count, *from);
    else
      std::fill_n(to, count, *from);
    return;
  }
  int64_t done = 0;
  if constexpr (std::is_integral_v<T>) {
    if (from_stride == 2 && to_stride == 1 && (kHasWide || kHasMiddle))
      done = kHasWide ? copy_wide(from, to, count) : copy_middle(from, to, count);
  }
  for (int64_t i = done; i < count; ++i) to[i * to_stride] = from[i * from_stride];
}

template <class T>
void copy_turned(const T* from, int64_t from_row, int64_t from_column, T* to, int64_t to_row, int64_t rows,
                 int64_t columns) {
  constexpr int64_t kBlock = 16;  // that many rows and columns share their cache lines
  const auto copy_block = [&](int64_t i0, int64_t i1, int64_t j0, int64_t j1) {
    for (int64_t i = i0; i < i1; ++i)
      for (int64_t j = j0; j < j1; ++j) to[i * to_row + j] = from[i * from_row + j * from_column];
  };
  int64_t square_rows = 0, square_columns = 0;
  if constexpr (std::is_integral_v<T>) {
    constexpr int64_t kSide = Square<T>::kSide;
    if (kHasWide && (from_row == 1 || from_row == 2) && rows >= kSide && columns >= kSide) {
      square_rows = rows / kSide * kSide;
      square_columns = columns / kSide * kSide;
      const auto squares = from_row == 1 ? copy_squares_wide<1, T> : copy_squares_wide<2, T>;
      squares(from, from_column, to, to_row, square_rows, square_columns);
      copy_block(0, square_rows, square_columns, columns);
    }
  }
  for (int64_t i = square_rows; i < rows; i += kBlock)
    for (int64_t j = 0; j < columns; j += kBlock)
      copy_block(i, std::min(rows, i + kBlock), j, std::min(columns, j + kBlock));
}

template void copy_row(const uint8_t*, int64_t, uint8_t*, int64_t, int64_t);
template void copy_row(const uint16_t*, int64_t, uint16_t*, int64_t, int64_t);
template void copy_row(const uint32_t*, int64_t, uint32_t*, int64_t, int64_t);
template void copy_row(const uint64_t*, int64_t, uint64_t*, int64_t, int64_t);
template void copy_row(const Sixteen*, int64_t, Sixteen*, int64_t, int64_t);

template void copy_turned(const uint8_t*, int64_t, int64_t, uint8_t*, int64_t, int64_t, int64_t);
template void copy_turned(const uint16_t*, int64_t, int64_t, uint16_t*, int64_t, int64_t, int64_t);
template void copy_turned(const uint32_t*, int64_t, int64_t, uint32_t*, int64_t, int64_t, int64_t);
template void copy_turned(const uint64_t*, int64_t, int64_t, uint64_t*, int64_t, int64_t, int64_t);
template void copy_turned(const Sixteen*, int64_t, int64_t, Sixteen*, int64_t, int64_t, int64_t);

}  // namespace tandem
