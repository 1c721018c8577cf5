#include "runtime/depthwise_loops.h"

#include <cstring>

#include "runtime/vector_fma.h"

namespace tandem {

namespace {

// A macro, because a function can only be inlined into one for the same instruction set, which is an attribute. As many
// sums at once as keep the units busy and stay in registers.
#define TANDEM_DEPTHWISE_LOOPS(name, Vectors, attribute)                                                             \
  template <class T, int Count>                                                                                      \
  [[gnu::always_inline]] attribute inline void name##_some_chains(                                                   \
      const T* seen, const int64_t* taps, int64_t tap_count, const T* weights, const T* bias, T* out) {              \
    typedef T V __attribute__((vector_size(Vectors::kBytes)));                                                       \
    constexpr int width = Vectors::kBytes / static_cast<int>(sizeof(T));                                             \
    V sum[Count] = {};                                                                                               \
    for (int64_t t = 0; t < tap_count; ++t) {                                                                        \
      const V weight = weights[t] - V{};                                                                             \
      const T* from = seen + taps[t];                                                                                \
      _Pragma("GCC unroll 8") for (int i = 0; i < Count; ++i) {                                                      \
        V value;                                                                                                     \
        std::memcpy(&value, from + i * width, sizeof value);                                                         \
        Vectors::add<T>(value, weight, sum[i]);                                                                      \
      }                                                                                                              \
    }                                                                                                                \
    if (bias) _Pragma("GCC unroll 8") for (int i = 0; i < Count; ++i) sum[i] += *bias - V{};                         \
    std::memcpy(out, sum, sizeof sum);                                                                               \
  }                                                                                                                  \
  template <class T>                                                                                                 \
  attribute void name##_chains(int64_t length, const T* seen, const int64_t* taps, int64_t tap_count,                \
                               const T* weights, const T* bias, T* out) {                                            \
    constexpr int64_t width = Vectors::kBytes / static_cast<int64_t>(sizeof(T));                                     \
    int64_t i = 0;                                                                                                   \
    for (; i + 8 * width <= length; i += 8 * width)                                                                  \
      name##_some_chains<T, 8>(seen + i, taps, tap_count, weights, bias, out + i);                                   \
    for (; i + 4 * width <= length; i += 4 * width)                                                                  \
      name##_some_chains<T, 4>(seen + i, taps, tap_count, weights, bias, out + i);                                   \
    for (; i < length; i += width) name##_some_chains<T, 1>(seen + i, taps, tap_count, weights, bias, out + i);      \
  }                                                                                                                  \
  template <class T, int Count>                                                                                      \
  attribute void name##_some_sums(int64_t length, const T* seen, const int64_t* taps, const T* result, T* lanes) {   \
    typedef T V __attribute__((vector_size(Vectors::kBytes)));                                                       \
    constexpr int width = Vectors::kBytes / static_cast<int>(sizeof(T)), parts = 64 / Vectors::kBytes;               \
    V sum[Count][parts];                                                                                             \
    std::memcpy(sum, lanes, sizeof sum);                                                                             \
    for (int64_t i = 0; i < length; i += kPlaneLanes<T>)                                                             \
      _Pragma("GCC unroll 4") for (int part = 0; part < parts; ++part) {                                             \
        V factor;                                                                                                    \
        std::memcpy(&factor, result + i + part * width, sizeof factor);                                              \
        _Pragma("GCC unroll 8") for (int t = 0; t < Count; ++t) {                                                    \
          V value;                                                                                                   \
          std::memcpy(&value, seen + taps[t] + i + part * width, sizeof value);                                      \
          Vectors::add<T>(value, factor, sum[t][part]);                                                              \
        }                                                                                                            \
      }                                                                                                              \
    std::memcpy(lanes, sum, sizeof sum);                                                                             \
  }                                                                                                                  \
  template <class T>                                                                                                 \
  attribute void name##_sums(int64_t length, const T* seen, const int64_t* taps, int64_t tap_count, const T* result, \
                             T* lanes) {                                                                             \
    constexpr int most = Vectors::kBytes == 64 ? 8 : 4;                                                              \
    int64_t t = 0;                                                                                                   \
    for (; t + most <= tap_count; t += most)                                                                         \
      name##_some_sums<T, most>(length, seen, taps + t, result, lanes + t * kPlaneLanes<T>);                         \
    for (; t + 2 <= tap_count; t += 2)                                                                               \
      name##_some_sums<T, 2>(length, seen, taps + t, result, lanes + t * kPlaneLanes<T>);                            \
    if (t < tap_count) name##_some_sums<T, 1>(length, seen, taps + t, result, lanes + t * kPlaneLanes<T>);           \
  }                                                                                                                  \
  template <class T>                                                                                                 \
  constexpr DepthwiseLoops<T> name{name##_chains<T>, name##_sums<T>};

TANDEM_DEPTHWISE_LOOPS(generic, GenericVectors, )
#if defined(__x86_64__)
TANDEM_DEPTHWISE_LOOPS(avx2, Avx2Vectors, TANDEM_AVX2)
TANDEM_DEPTHWISE_LOOPS(avx512, Avx512Vectors, TANDEM_AVX512)
#endif

}  // namespace

template <class T>
const DepthwiseLoops<T>& depthwise_loops(Isa isa) {
  return TANDEM_LOOPS_OF(isa, T);
}

template const DepthwiseLoops<float>& depthwise_loops(Isa isa);
template const DepthwiseLoops<double>& depthwise_loops(Isa isa);

}  // namespace tandem
