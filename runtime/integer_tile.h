// The innermost loops of products of 8-bit integers: four products of an unsigned and a signed byte are added to each
// 32-bit lane at a time. Sums are exact modulo 2^32, so every instruction set gives the same bits. One body, instantiated
// for each. Test: tests/runtime/test_integer_product.cpp.
#pragma once
#include <array>
#include <cstdint>
#include <cstring>
#include <utility>

#include "ir/error.h"
#include "runtime/integer_product.h"
#include "runtime/vector_width.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tandem {

// c[i, j] = start + sum over quads q of the four products of bytes of a[i, q] and b[q, j], for all columns of a tile.
// a: rows of bytes, a_row apart; b: `quads` rows of `width` times four bytes. `start`: one for each column or, where the
// tile is turned, for each row. The unsigned side is a or, turned, b.
using DotTile = void (*)(int64_t quads, const uint8_t* a, int64_t a_row, const uint8_t* b, const uint32_t* start,
                         uint32_t* c, int64_t c_row);
// c[i, j] = sum over p of ((a[i, p] ^ flip) - offset) * b[j, p]: nothing is packed, for products with few rows.
struct DotRows {
  int64_t depth;
  const uint8_t* a;
  int64_t a_row;
  uint8_t flip;
  const uint8_t* b;  // signed
  int64_t b_row;
  uint32_t offset;
  uint32_t* c;
  int64_t c_row;
};
using DotFunction = void (*)(const DotRows& args);

inline constexpr int kMostDotRows = 12;
inline constexpr int kMostDotWidth = 32;
inline constexpr int kFewRows = 4;     // of one DotFunction
inline constexpr int kFewColumns = 4;  // likewise

struct DotTiles {
  int rows;                                               // of a full tile
  int width;                                              // columns, always full
  std::array<DotTile, kMostDotRows + 1> plain, turned;    // by rows
  std::array<DotFunction, kFewRows + 1> several, single;  // by rows: for kFewColumns columns, and for one
};

#define TANDEM_INLINE __attribute__((always_inline)) static inline

struct GenericDot {
  static constexpr int kBytes = 16;
  static constexpr int kRows = 2;

  template <class V>
  TANDEM_INLINE V add(V sum, V u, V s) {
    for (int shift = 0; shift < 32; shift += 8)
      for (int lane = 0; lane < kBytes / 4; ++lane)
        sum[lane] += (u[lane] >> shift & 0xFF) * static_cast<uint32_t>(static_cast<int8_t>(s[lane] >> shift));
    return sum;
  }
  template <class V>
  TANDEM_INLINE uint32_t total(V sum) {
    return sum[0] + sum[1] + sum[2] + sum[3];
  }
};

#if defined(__x86_64__)
#define TANDEM_AVX2 __attribute__((target("avx2")))
#define TANDEM_VNNI __attribute__((target("avx512f,avx512bw,avx512vnni" TANDEM_WIDEST)))

// The instruction that adds products of bytes in pairs saturates; those of 16-bit integers do not.
struct Avx2Dot {
  static constexpr int kBytes = 32;
  static constexpr int kRows = 4;

  template <class V>
  TANDEM_AVX2 TANDEM_INLINE V add(V sum, V u, V s) {
    const auto left = reinterpret_cast<__m256i>(u), right = reinterpret_cast<__m256i>(s);
    const __m256i even = _mm256_madd_epi16(_mm256_and_si256(left, _mm256_set1_epi16(0xFF)),
                                           _mm256_srai_epi16(_mm256_slli_epi16(right, 8), 8));
    const __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(left, 8), _mm256_srai_epi16(right, 8));
    return sum + reinterpret_cast<V>(even) + reinterpret_cast<V>(odd);
  }
  template <class V>
  TANDEM_AVX2 TANDEM_INLINE uint32_t total(V sum) {
    const auto whole = reinterpret_cast<__m256i>(sum);
    __m128i half = _mm_add_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4E));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xB1));
    return static_cast<uint32_t>(_mm_cvtsi128_si32(half));
  }
};

struct VnniDot {
  static constexpr int kBytes = 64;
  static constexpr int kRows = 12;

  template <class V>
  TANDEM_VNNI TANDEM_INLINE V add(V sum, V u, V s) {
    return reinterpret_cast<V>(_mm512_dpbusd_epi32(reinterpret_cast<__m512i>(sum), reinterpret_cast<__m512i>(u),
                                                   reinterpret_cast<__m512i>(s)));
  }
  template <class V>
  TANDEM_VNNI TANDEM_INLINE uint32_t total(V sum) {
    const auto whole = reinterpret_cast<__m512i>(sum);
    const __m256i high = _mm512_maskz_extracti64x4_epi64(0xF, whole, 1);
    const __m256i low = _mm512_maskz_extracti64x4_epi64(0xF, whole, 0);
    return Avx2Dot::total(_mm256_add_epi32(low, high));
  }
};
#endif

// A macro, because a function can only be inlined into one for the same instruction set, which is an attribute.
#define TANDEM_DOTS(name, Ops, attribute)                                                                             \
  template <bool Turned, int Rows>                                                                                    \
  attribute void name##_tile(int64_t quads, const uint8_t* a, int64_t a_row, const uint8_t* b, const uint32_t* start, \
                             uint32_t* c, int64_t c_row) {                                                            \
    typedef uint32_t V __attribute__((vector_size(Ops::kBytes)));                                                     \
    constexpr int lanes = Ops::kBytes / 4;                                                                            \
    V sum[Rows][2];                                                                                                   \
    _Pragma("GCC unroll 12") for (int i = 0; i < Rows; ++i) {                                                         \
      _Pragma("GCC unroll 2") for (int j = 0; j < 2; ++j) {                                                           \
        if constexpr (Turned)                                                                                         \
          sum[i][j] = V{} + start[i];                                                                                 \
        else                                                                                                          \
          std::memcpy(&sum[i][j], start + j * lanes, sizeof(V));                                                      \
      }                                                                                                               \
    }                                                                                                                 \
    for (int64_t q = 0; q < quads; ++q, a += 4, b += 2 * sizeof(V)) {                                                 \
      V right[2];                                                                                                     \
      _Pragma("GCC unroll 2") for (int j = 0; j < 2; ++j) std::memcpy(&right[j], b + j * sizeof(V), sizeof(V));       \
      _Pragma("GCC unroll 12") for (int i = 0; i < Rows; ++i) {                                                       \
        uint32_t four;                                                                                                \
        std::memcpy(&four, a + i * a_row, 4);                                                                         \
        const V left = V{} + four;                                                                                    \
        _Pragma("GCC unroll 2") for (int j = 0; j < 2; ++j) sum[i][j] =                                               \
            Turned ? Ops::add(sum[i][j], right[j], left) : Ops::add(sum[i][j], left, right[j]);                       \
      }                                                                                                               \
    }                                                                                                                 \
    _Pragma("GCC unroll 12") for (int i = 0; i < Rows; ++i) {                                                         \
      _Pragma("GCC unroll 2") for (int j = 0; j < 2; ++j)                                                             \
          std::memcpy(c + i * c_row + j * lanes, &sum[i][j], sizeof(V));                                              \
    }                                                                                                                 \
  }                                                                                                                   \
  template <int Columns, int Rows>                                                                                    \
  attribute void name##_rows(const DotRows& args) {                                                                   \
    typedef uint32_t V __attribute__((vector_size(Ops::kBytes)));                                                     \
    const V flips = V{} + 0x01010101u * args.flip, ones = V{} + 0x01010101u;                                          \
    V sum[Rows][Columns], total[Columns];                                                                             \
    _Pragma("GCC unroll 4") for (int j = 0; j < Columns; ++j) {                                                       \
      total[j] = V{};                                                                                                 \
      _Pragma("GCC unroll 4") for (int i = 0; i < Rows; ++i) sum[i][j] = V{};                                         \
    }                                                                                                                 \
    alignas(64) uint8_t ends[Rows + Columns][Ops::kBytes] = {};                                                       \
    for (int64_t p = 0; p < args.depth; p += Ops::kBytes) {                                                           \
      const uint8_t *a = args.a + p, *b = args.b + p;                                                                 \
      int64_t a_row = args.a_row, b_row = args.b_row;                                                                 \
      if (const int64_t rest = args.depth - p; rest < Ops::kBytes) {                                                  \
        for (int i = 0; i < Rows; ++i) std::memcpy(ends[i], a + i * a_row, static_cast<size_t>(rest));                \
        for (int j = 0; j < Columns; ++j) std::memcpy(ends[Rows + j], b + j * b_row, static_cast<size_t>(rest));      \
        a = ends[0], b = ends[Rows], a_row = b_row = Ops::kBytes;                                                     \
      }                                                                                                               \
      V right[Columns];                                                                                               \
      _Pragma("GCC unroll 4") for (int j = 0; j < Columns; ++j) {                                                     \
        std::memcpy(&right[j], b + j * b_row, sizeof(V));                                                             \
        total[j] = Ops::add(total[j], ones, right[j]);                                                                \
      }                                                                                                               \
      _Pragma("GCC unroll 4") for (int i = 0; i < Rows; ++i) {                                                        \
        V left;                                                                                                       \
        std::memcpy(&left, a + i * a_row, sizeof(V));                                                                 \
        left ^= flips;                                                                                                \
        _Pragma("GCC unroll 4") for (int j = 0; j < Columns; ++j) sum[i][j] = Ops::add(sum[i][j], left, right[j]);    \
      }                                                                                                               \
    }                                                                                                                 \
    _Pragma("GCC unroll 4") for (int j = 0; j < Columns; ++j) {                                                       \
      const uint32_t taken = args.offset * Ops::total(total[j]);                                                      \
      _Pragma("GCC unroll 4") for (int i = 0; i < Rows; ++i) args.c[i * args.c_row + j] =                             \
          Ops::total(sum[i][j]) - taken;                                                                              \
    }                                                                                                                 \
  }                                                                                                                   \
  template <int... Rows, int... Few>                                                                                  \
  DotTiles name##_table(std::integer_sequence<int, Rows...>, std::integer_sequence<int, Few...>) {                    \
    return {Ops::kRows,                                                                                               \
            2 * Ops::kBytes / 4,                                                                                      \
            {nullptr, name##_tile<false, Rows + 1>...},                                                               \
            {nullptr, name##_tile<true, Rows + 1>...},                                                                \
            {nullptr, name##_rows<kFewColumns, Few + 1>...},                                                          \
            {nullptr, name##_rows<1, Few + 1>...}};                                                                   \
  }                                                                                                                   \
  inline const DotTiles& name##_tiles() {                                                                             \
    static const DotTiles tiles =                                                                                     \
        name##_table(std::make_integer_sequence<int, Ops::kRows>(), std::make_integer_sequence<int, kFewRows>());     \
    return tiles;                                                                                                     \
  }

TANDEM_DOTS(generic_dot, GenericDot, )
#if defined(__x86_64__)
TANDEM_DOTS(avx2_dot, Avx2Dot, TANDEM_AVX2)
TANDEM_DOTS(vnni_dot, VnniDot, TANDEM_VNNI)
#endif

inline const DotTiles& dot_tiles(DotIsa isa) {
  switch (isa) {
    case DotIsa::generic: return generic_dot_tiles();
#if defined(__x86_64__)
    case DotIsa::avx2: return avx2_dot_tiles();
    case DotIsa::vnni: return vnni_dot_tiles();
#else
    case DotIsa::avx2:
    case DotIsa::vnni: break;
#endif
  }
  throw InternalError("integer product: an instruction set this machine does not have");
}

}  // namespace tandem
