#include "runtime/gemv_loops.h"

#include <cmath>
#include <cstring>
#include <type_traits>

#include "runtime/vector_fma.h"

namespace tandem {

namespace {

// out[j] += a[0] * b[0, j], then a[1] * b[1, j] and so on.
template <int Rows, class T>
[[gnu::always_inline]] inline void add_few_rows(int64_t columns, const T* a, int64_t a_step, const T* b, int64_t b_row,
                                                T* __restrict out) {
  T factors[Rows];
#pragma GCC unroll 8
  for (int i = 0; i < Rows; ++i) factors[i] = a[i * a_step];
  for (int64_t j = 0; j < columns; ++j) {
    T sum = out[j];
#pragma GCC unroll 8
    for (int i = 0; i < Rows; ++i) {
      if constexpr (std::is_floating_point_v<T>)
        sum = std::fma(factors[i], b[i * b_row + j], sum);
      else
        sum += factors[i] * b[i * b_row + j];
    }
    out[j] = sum;
  }
}

template <class T>
[[gnu::always_inline]] inline void add_all_rows(int64_t columns, int64_t depth, const T* a, int64_t a_step, const T* b,
                                                int64_t b_row, T* out) {
  int64_t p = 0;
  for (; p + 8 <= depth; p += 8) add_few_rows<8>(columns, a + p * a_step, a_step, b + p * b_row, b_row, out);
  for (; p + 4 <= depth; p += 4) add_few_rows<4>(columns, a + p * a_step, a_step, b + p * b_row, b_row, out);
  for (; p + 2 <= depth; p += 2) add_few_rows<2>(columns, a + p * a_step, a_step, b + p * b_row, b_row, out);
  if (p < depth) add_few_rows<1>(columns, a + p * a_step, a_step, b + p * b_row, b_row, out);
}

template <class T>
[[gnu::always_inline]] inline void combine_lanes(int64_t columns, T* __restrict lanes, int64_t lane_row,
                                                 T* __restrict out) {
  constexpr int kLanes = kProductLanes<T>;
  for (int64_t j = 0; j < columns; ++j) {
    T all[kLanes];
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) all[i] = lanes[i * lane_row + j];
#pragma GCC unroll 4
    for (int half = kLanes / 2; half > 0; half /= 2)
#pragma GCC unroll 8
      for (int i = 0; i < half; ++i) all[i] += all[i + half];
    out[j] = all[0];
  }
}

// A macro, because a function can only be inlined into one for the same instruction set, which is an attribute.
#define TANDEM_GEMV_LOOPS(name, Vectors, attribute)                                                                 \
  template <class T>                                                                                                \
  attribute void name##_rows(int64_t columns, int64_t depth, const T* a, int64_t a_step, const T* b, int64_t b_row, \
                             T* out) {                                                                              \
    add_all_rows(columns, depth, a, a_step, b, b_row, out);                                                         \
  }                                                                                                                 \
  template <class T>                                                                                                \
  attribute void name##_combine(int64_t columns, T* lanes, int64_t lane_row, T* out) {                              \
    combine_lanes(columns, lanes, lane_row, out);                                                                   \
  }                                                                                                                 \
  template <class T, int Columns, int Lanes>                                                                        \
  attribute void name##_columns(int64_t depth, const T* a, const T* b, int64_t b_column, T* lanes) {                \
    typedef T V __attribute__((vector_size(Vectors::kBytes)));                                                      \
    constexpr int width = Vectors::kBytes / static_cast<int>(sizeof(T)), parts = Lanes / width;                     \
    V sum[Columns][parts];                                                                                          \
    std::memcpy(sum, lanes, sizeof sum);                                                                            \
    for (int64_t p = 0; p + Lanes <= depth; p += Lanes) {                                                           \
      _Pragma("GCC unroll 16") for (int i = 0; i < parts; ++i) {                                                    \
        V left;                                                                                                     \
        std::memcpy(&left, a + p + i * width, sizeof left);                                                         \
        _Pragma("GCC unroll 4") for (int j = 0; j < Columns; ++j) {                                                 \
          V right;                                                                                                  \
          std::memcpy(&right, b + j * b_column + p + i * width, sizeof right);                                      \
          Vectors::add<T>(left, right, sum[j][i]);                                                                  \
        }                                                                                                           \
      }                                                                                                             \
    }                                                                                                               \
    std::memcpy(lanes, sum, sizeof sum);                                                                            \
  }                                                                                                                 \
  template <class T>                                                                                                \
  attribute void name##_block(int64_t depth, const T* a, const T* b, T* lanes) {                                    \
    name##_columns<T, 1, kBlockOrder.lanes>(depth, a, b, 0, lanes);                                                 \
  }                                                                                                                 \
  template <class T>                                                                                                \
  constexpr GemvLoops<T> name{name##_rows<T>,                                                                       \
                                                                                                                    \
                              name##_combine<T>, name##_columns<T, kProductColumns, kProductLanes<T>>,              \
                              name##_columns<T, 1, kProductLanes<T>>, name##_block<T>};

TANDEM_GEMV_LOOPS(generic, GenericVectors, )
#if defined(__x86_64__)
TANDEM_GEMV_LOOPS(avx2, Avx2Vectors, TANDEM_AVX2)
TANDEM_GEMV_LOOPS(avx512, Avx512Vectors, TANDEM_AVX512)
#endif

}  // namespace

template <class T>
const GemvLoops<T>& gemv_loops(Isa isa) {
  return TANDEM_LOOPS_OF(isa, T);
}

template const GemvLoops<uint32_t>& gemv_loops(Isa isa);
template const GemvLoops<uint64_t>& gemv_loops(Isa isa);
template const GemvLoops<float>& gemv_loops(Isa isa);
template const GemvLoops<double>& gemv_loops(Isa isa);

}  // namespace tandem
