// The innermost loop of the matrix product: a tile of `Rows` rows by two vectors, held in registers while k runs.
// One body, instantiated for each element type and instruction set.
#pragma once
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "ir/error.h"
#include "runtime/gemm.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tandem {

// a: `depth` groups of Rows elements; b: `depth` rows, b_row elements apart, of at least `width` elements; c likewise.
// Adds to c, or starts from zero when `first`.
template <class T>
using TileFunction = void (*)(int64_t depth, const T* a, const T* b, int64_t b_row, T* c, int64_t c_row, bool first);

inline constexpr int kMostTileRows = 12;
inline constexpr int kMostTileWidth = 32;

template <class T>
struct Tiles {
  int rows;                                                // of a full tile
  int width;                                               // columns, always full
  std::array<TileFunction<T>, kMostTileRows + 1> by_rows;  // entries 1 .. rows
};

#define TANDEM_INLINE __attribute__((always_inline)) static inline

struct GenericOps {
  static constexpr int kBytes = 16;
  static constexpr int kRows = 4;

  template <class T, class V>
  TANDEM_INLINE V madd(T a, const V& b, const V& c) {
    V result;
    for (int lane = 0; lane < kBytes / static_cast<int>(sizeof(T)); ++lane) {
      if constexpr (std::is_floating_point_v<T>)
        result[lane] = std::fma(a, b[lane], c[lane]);
      else
        result[lane] = a * b[lane] + c[lane];
    }
    return result;
  }
};

#if defined(__x86_64__)
#define TANDEM_AVX2 __attribute__((target("avx2,fma")))
#define TANDEM_AVX512 __attribute__((target("avx512f,avx512dq,avx2,fma")))

struct Avx2Ops {
  static constexpr int kBytes = 32;
  static constexpr int kRows = 6;

  template <class V>
  TANDEM_AVX2 TANDEM_INLINE V madd(float a, const V& b, const V& c) {
    return _mm256_fmadd_ps(_mm256_set1_ps(a), b, c);
  }
  template <class V>
  TANDEM_AVX2 TANDEM_INLINE V madd(double a, const V& b, const V& c) {
    return _mm256_fmadd_pd(_mm256_set1_pd(a), b, c);
  }
  template <class V>
  TANDEM_AVX2 TANDEM_INLINE V madd(uint32_t a, const V& b, const V& c) {
    return a * b + c;
  }
  template <class V>
  TANDEM_AVX2 TANDEM_INLINE V madd(uint64_t a, const V& b, const V& c) {
    return a * b + c;
  }
};

struct Avx512Ops {
  static constexpr int kBytes = 64;
  static constexpr int kRows = 12;

  template <class V>
  TANDEM_AVX512 TANDEM_INLINE V madd(float a, const V& b, const V& c) {
    return _mm512_fmadd_ps(_mm512_set1_ps(a), b, c);
  }
  template <class V>
  TANDEM_AVX512 TANDEM_INLINE V madd(double a, const V& b, const V& c) {
    return _mm512_fmadd_pd(_mm512_set1_pd(a), b, c);
  }
  template <class V>
  TANDEM_AVX512 TANDEM_INLINE V madd(uint32_t a, const V& b, const V& c) {
    return a * b + c;
  }
  template <class V>
  TANDEM_AVX512 TANDEM_INLINE V madd(uint64_t a, const V& b, const V& c) {
    return a * b + c;
  }
};
#endif

// A macro, because a function can only be inlined into one for the same instruction set, which is an attribute.
#define TANDEM_TILE(name, Ops, attribute)                                                                      \
  template <class T, int Rows>                                                                                 \
  attribute void name(int64_t depth, const T* a, const T* b, int64_t b_row, T* c, int64_t c_row, bool first) { \
    typedef T V __attribute__((vector_size(Ops::kBytes)));                                                     \
    constexpr int lanes = Ops::kBytes / static_cast<int>(sizeof(T));                                           \
    V sum[Rows][2];                                                                                            \
    _Pragma("GCC unroll 12") for (int i = 0; i < Rows; ++i) {                                                  \
      _Pragma("GCC unroll 2") for (int j = 0; j < 2; ++j) {                                                    \
        if (first)                                                                                             \
          sum[i][j] = V{};                                                                                     \
        else                                                                                                   \
          std::memcpy(&sum[i][j], c + i * c_row + j * lanes, sizeof(V));                                       \
      }                                                                                                        \
    }                                                                                                          \
    for (int64_t p = 0; p < depth; ++p, a += Rows, b += b_row) {                                               \
      V right[2];                                                                                              \
      _Pragma("GCC unroll 2") for (int j = 0; j < 2; ++j) std::memcpy(&right[j], b + j * lanes, sizeof(V));    \
      _Pragma("GCC unroll 12") for (int i = 0; i < Rows; ++i) {                                                \
        _Pragma("GCC unroll 2") for (int j = 0; j < 2; ++j) sum[i][j] = Ops::madd(a[i], right[j], sum[i][j]);  \
      }                                                                                                        \
    }                                                                                                          \
    _Pragma("GCC unroll 12") for (int i = 0; i < Rows; ++i) {                                                  \
      _Pragma("GCC unroll 2") for (int j = 0; j < 2; ++j)                                                      \
          std::memcpy(c + i * c_row + j * lanes, &sum[i][j], sizeof(V));                                       \
    }                                                                                                          \
  }                                                                                                            \
  template <class T, int... Rows>                                                                              \
  Tiles<T> name##_table(std::integer_sequence<int, Rows...>) {                                                 \
    return {Ops::kRows, 2 * Ops::kBytes / static_cast<int>(sizeof(T)), {nullptr, name<T, Rows + 1>...}};       \
  }                                                                                                            \
  template <class T>                                                                                           \
  const Tiles<T>& name##s() {                                                                                  \
    static const Tiles<T> tiles = name##_table<T>(std::make_integer_sequence<int, Ops::kRows>());              \
    return tiles;                                                                                              \
  }

TANDEM_TILE(generic_tile, GenericOps, )
#if defined(__x86_64__)
TANDEM_TILE(avx2_tile, Avx2Ops, TANDEM_AVX2)
TANDEM_TILE(avx512_tile, Avx512Ops, TANDEM_AVX512)
#endif

template <class T>
const Tiles<T>& tiles_for(Isa isa) {
  switch (isa) {
    case Isa::generic: return generic_tiles<T>();
#if defined(__x86_64__)
    case Isa::avx2: return avx2_tiles<T>();
    case Isa::avx512: return avx512_tiles<T>();
#else
    case Isa::avx2:
    case Isa::avx512: break;
#endif
  }
  throw InternalError("gemm: an instruction set this machine does not have");
}

}  // namespace tandem
