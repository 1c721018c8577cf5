#include "runtime/panel_tile.h"

#include <algorithm>
#include <utility>

#include "runtime/copy_rows.h"
#include "runtime/gemm_tile.h"
#include "runtime/squares.h"

namespace tandem {

namespace {

#if defined(__x86_64__)

// Every element is one chain over channels and taps, in order. A macro for the same reason as TANDEM_TILE.
#define TANDEM_PANEL_TILE(name, Ops, attribute)                                                                   \
  template <int Places, int Vectors, int Pitch, bool Fetches = false>                                             \
  attribute void name(const TileArgs& args) {                                                                     \
    typedef float V __attribute__((vector_size(Ops::kBytes)));                                                    \
    constexpr int lanes = Ops::kBytes / 4;                                                                        \
    /* Vectors of a place: side by side in a block of channels, then in the next one. */                          \
    constexpr int per_block = kLanes / lanes;                                                                     \
    const int64_t out_place = args.out_place, out_block = args.out_block;                                         \
    V sum[Places][Vectors];                                                                                       \
    _Pragma("GCC unroll 16") for (int p = 0; p < Places; ++p) {                                                   \
      _Pragma("GCC unroll 2") for (int v = 0; v < Vectors; ++v) {                                                 \
        if (args.more)                                                                                            \
          std::memcpy(&sum[p][v], args.out + (v / per_block) * out_block + p * out_place + v % per_block * lanes, \
                      sizeof(V));                                                                                 \
        else                                                                                                      \
          sum[p][v] = V{};                                                                                        \
      }                                                                                                           \
    }                                                                                                             \
    const float* weights = args.weights;                                                                          \
    const int64_t *const taps = args.taps, *const last_tap = taps + args.tap_count;                               \
    const int64_t weights_row = args.weights_row, later_step = args.later.step;                                   \
    const float* block = args.source;                                                                             \
    [[maybe_unused]] const float* later = args.later.from;                                                        \
    for (int64_t left = args.channels; left > 0; left -= Pitch, block += args.block) {                            \
      const float* const end = block + (left < Pitch ? left : Pitch);                                             \
      for (const float* channel = block; channel < end; ++channel)                                                \
        for (const int64_t* tap = taps; tap < last_tap; ++tap, weights += weights_row) {                          \
          const float* const seen = channel + *tap;                                                               \
          V weight[Vectors];                                                                                      \
          _Pragma("GCC unroll 2") for (int v = 0; v < Vectors; ++v)                                               \
              std::memcpy(&weight[v], weights + v * lanes, sizeof(V));                                            \
          if constexpr (Fetches) {                                                                                \
            _mm_prefetch(later, _MM_HINT_T1);                                                                     \
            later += later_step;                                                                                  \
          }                                                                                                       \
          _Pragma("GCC unroll 16") for (int p = 0; p < Places; ++p) {                                             \
            _Pragma("GCC unroll 2") for (int v = 0; v < Vectors; ++v) sum[p][v] =                                 \
                Ops::madd(seen[p * Pitch], weight[v], sum[p][v]);                                                 \
          }                                                                                                       \
        }                                                                                                         \
    }                                                                                                             \
    if (args.bias) {                                                                                              \
      V bias[Vectors];                                                                                            \
      _Pragma("GCC unroll 2") for (int v = 0; v < Vectors; ++v)                                                   \
          std::memcpy(&bias[v], args.bias + v * lanes, sizeof(V));                                                \
      _Pragma("GCC unroll 16") for (int p = 0; p < Places; ++p) {                                                 \
        _Pragma("GCC unroll 2") for (int v = 0; v < Vectors; ++v) sum[p][v] = sum[p][v] + bias[v];                \
      }                                                                                                           \
    }                                                                                                             \
    _Pragma("GCC unroll 16") for (int p = 0; p < Places; ++p) {                                                   \
      _Pragma("GCC unroll 2") for (int v = 0; v < Vectors; ++v) std::memcpy(                                      \
          args.out + (v / per_block) * out_block + p * out_place + v % per_block * lanes, &sum[p][v], sizeof(V)); \
    }                                                                                                             \
  }                                                                                                               \
  template <int... Places>                                                                                        \
  PanelTiles name##_table(std::integer_sequence<int, Places...>) {                                                \
    constexpr int per_block = kLanes * 4 / Ops::kBytes;                                                           \
    constexpr int most = 2 / per_block;                                                                           \
    PanelTiles tiles{sizeof...(Places), most * kLanes, {}, {}};                                                   \
    ((tiles.of[Places + 1][0][0] = name<Places + 1, per_block, kLanes>,                                           \
      tiles.of[Places + 1][0][1] = name<Places + 1, per_block, kFewLanes>,                                        \
      tiles.of[Places + 1][1][0] = name<Places + 1, 2, kLanes>,                                                   \
      tiles.of[Places + 1][1][1] = name<Places + 1, 2, kFewLanes>,                                                \
      tiles.fetching[Places + 1] = name<Places + 1, 2, kLanes, true>),                                            \
     ...);                                                                                                        \
    return tiles;                                                                                                 \
  }

TANDEM_PANEL_TILE(avx2_panel, Avx2Ops, TANDEM_AVX2)
TANDEM_PANEL_TILE(avx512_panel, Avx512Ops, TANDEM_AVX512)

bool has_wide() { return best_isa() == Isa::avx512; }

using Line = Square<uint32_t>::Vector;
constexpr int kSide = Square<uint32_t>::kSide;
static_assert(kSide == kLanes);

TANDEM_AVX512 void turn_to_places_wide(const float* from, int64_t places, int64_t channels, float* to, int64_t to_row) {
  for (int64_t i = 0; i < places; i += kSide) {
    const int64_t count = std::min<int64_t>(places - i, kSide);
    Line square[kSide];
#pragma GCC unroll 16
    for (int k = 0; k < kSide; ++k)
      square[k] = k < count ? reinterpret_cast<Line>(_mm512_loadu_si512(from + (i + k) * kLanes)) : Line{};
    turn_square<uint32_t>(square);
    const auto mask = static_cast<__mmask16>((1u << count) - 1);
#pragma GCC unroll 16
    for (int k = 0; k < kSide; ++k)
      if (k < channels) _mm512_mask_storeu_epi32(to + k * to_row + i, mask, reinterpret_cast<__m512i>(square[k]));
  }
}

TANDEM_AVX512 void copy_lines_wide(const float* from, int64_t from_row, int64_t rows, int64_t lines, int64_t block,
                                   float* to) {
  for (int64_t i = 0; i < rows; ++i, from += from_row, to += kLanes) {
    const float *line = from, *ahead = from + 2 * rows * from_row;
    float* place = to;
    for (int64_t c = 0; c < lines; ++c, line += kLanes, ahead += kLanes, place += block) {
      _mm_prefetch(ahead, _MM_HINT_T0);
      _mm512_storeu_ps(place, _mm512_loadu_ps(line));
    }
  }
}

// Sixteen rows are more streams than the processor sees coming.
constexpr int64_t kAhead = 64;

template <bool All>
TANDEM_AVX512 void turn_to_lanes_wide(const float* from, int64_t from_row, int64_t places, int64_t channels,
                                      float* to) {
  for (int64_t i = 0; i < places; i += kSide) {
    const int64_t count = std::min<int64_t>(places - i, kSide);
    const auto mask = static_cast<__mmask16>((1u << count) - 1);
    Line square[kSide];
#pragma GCC unroll 16
    for (int k = 0; k < kSide; ++k)
      if (All || k < channels) _mm_prefetch(from + k * from_row + i + kAhead, _MM_HINT_T0);
#pragma GCC unroll 16
    for (int k = 0; k < kSide; ++k)
      square[k] = All || k < channels ? reinterpret_cast<Line>(_mm512_maskz_loadu_epi32(mask, from + k * from_row + i))
                                      : Line{};
    turn_square<uint32_t>(square);
    float* const line = to + i * kLanes;
    if (count == kSide) {
#pragma GCC unroll 16
      for (int k = 0; k < kSide; ++k) _mm512_storeu_si512(line + k * kLanes, reinterpret_cast<__m512i>(square[k]));
    } else {
      for (int k = 0; k < count; ++k) _mm512_storeu_si512(line + k * kLanes, reinterpret_cast<__m512i>(square[k]));
    }
  }
}

#endif

}  // namespace

const PanelTiles* panel_tiles([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  static const PanelTiles wide = avx512_panel_table(std::make_integer_sequence<int, 14>());
  static const PanelTiles narrow = avx2_panel_table(std::make_integer_sequence<int, 6>());
  if (isa == Isa::avx512) return &wide;
  if (isa == Isa::avx2) return &narrow;
#endif
  return nullptr;
}

void pack_panel(const float* from, int64_t row, int64_t column, int64_t rows, int64_t columns, float* to) {
  if (columns < kPanel)
    for (int64_t i = 0; i < rows; ++i) std::fill_n(to + i * kPanel + columns, kPanel - columns, 0.0f);
  if (column == 1)
    for (int64_t i = 0; i < rows; ++i) std::copy_n(from + i * row, columns, to + i * kPanel);
  else
    copy_turned(reinterpret_cast<const uint32_t*>(from), row, column, reinterpret_cast<uint32_t*>(to), kPanel, rows,
                columns);
}

void copy_lines(const float* from, int64_t from_row, int64_t rows, int64_t lines, int64_t block, float* to) {
#if defined(__x86_64__)
  if (has_wide()) return copy_lines_wide(from, from_row, rows, lines, block, to);
#endif
  for (int64_t i = 0; i < rows; ++i, from += from_row, to += kLanes)
    for (int64_t c = 0; c < lines; ++c) std::memcpy(to + c * block, from + c * kLanes, kLanes * sizeof(float));
}

void turn_to_places(const float* from, int64_t places, int64_t channels, float* to, int64_t to_row) {
#if defined(__x86_64__)
  if (has_wide()) return turn_to_places_wide(from, places, channels, to, to_row);
#endif
  for (int64_t j = 0; j < channels; ++j)
    for (int64_t i = 0; i < places; ++i) to[j * to_row + i] = from[i * kLanes + j];
}

void turn_to_lanes(const float* from, int64_t from_row, int64_t step, int64_t places, int64_t channels, float* to) {
#if defined(__x86_64__)
  if (has_wide() && step == 1)
    return (channels == kLanes ? turn_to_lanes_wide<true> : turn_to_lanes_wide<false>)(from, from_row, places, channels,
                                                                                       to);
#endif
  copy_turned(reinterpret_cast<const uint32_t*>(from), step, from_row, reinterpret_cast<uint32_t*>(to), kLanes, places,
              channels);
}

}  // namespace tandem
