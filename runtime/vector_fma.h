// Vectors of each instruction set, as their loops use them: how wide they are, and multiply-adds that round once; and the
// choice among tables of such loops.
#pragma once
#include <cmath>
#include <type_traits>

#include "ir/error.h"
#include "runtime/gemm.h"
#include "runtime/vector_width.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tandem {

struct GenericVectors {
  static constexpr int kBytes = 16;
  template <class T, class V>
  [[gnu::always_inline]] static inline void add(const V& a, const V& b, V& sum) {
    if constexpr (std::is_floating_point_v<T>)
      for (int lane = 0; lane < kBytes / static_cast<int>(sizeof(T)); ++lane)
        sum[lane] = std::fma(a[lane], b[lane], sum[lane]);
    else
      sum += a * b;
  }
};

#if defined(__x86_64__)
#define TANDEM_AVX2 __attribute__((target("avx2,fma")))
#define TANDEM_AVX512 __attribute__((target("avx512f,avx512dq,avx2,fma" TANDEM_WIDEST)))

struct Avx2Vectors {
  static constexpr int kBytes = 32;
  template <class T, class V>
  [[gnu::always_inline]] TANDEM_AVX2 static inline void add(const V& a, const V& b, V& sum) {
    if constexpr (std::is_same_v<T, float>)
      sum = _mm256_fmadd_ps(a, b, sum);
    else if constexpr (std::is_same_v<T, double>)
      sum = _mm256_fmadd_pd(a, b, sum);
    else
      sum += a * b;
  }
};

struct Avx512Vectors {
  static constexpr int kBytes = 64;
  template <class T, class V>
  [[gnu::always_inline]] TANDEM_AVX512 static inline void add(const V& a, const V& b, V& sum) {
    if constexpr (std::is_same_v<T, float>)
      sum = _mm512_fmadd_ps(a, b, sum);
    else if constexpr (std::is_same_v<T, double>)
      sum = _mm512_fmadd_pd(a, b, sum);
    else
      sum += a * b;
  }
};
#endif

// Of tables that are named after instruction sets, the one that is asked for.
template <class Loops>
const Loops& loops_of(Isa isa, const Loops& generic, const Loops* avx2 = nullptr, const Loops* avx512 = nullptr) {
  const Loops* const found = isa == Isa::generic ? &generic : isa == Isa::avx2 ? avx2 : avx512;
  check_internal(found != nullptr, "loops for an instruction set this machine does not have");
  return *found;
}
#if defined(__x86_64__)
#define TANDEM_LOOPS_OF(isa, T) loops_of(isa, generic<T>, &avx2<T>, &avx512<T>)
#else
#define TANDEM_LOOPS_OF(isa, T) loops_of(isa, generic<T>)
#endif

}  // namespace tandem
