// The innermost loops of convolutions (convolution_direct.cpp) and matrix products (gemm_panels.cpp) of float32: a few
// places, or rows, of the result by 16 or 32 of its channels, or columns, in registers. Weights lie in panels of 32 columns.
#pragma once
#include <cstdint>

#include "runtime/gemm.h"

namespace tandem {

// Channels lie in blocks of this many next to each other, or of kFewLanes where there are no more.
inline constexpr int64_t kLanes = 16, kFewLanes = 4;
inline constexpr int64_t kPanel = 32;

// What will be wanted in the second-level cache. So much of it is fetched with every row of weights, where that is done.
struct Later {
  const float* from = nullptr;
  int64_t step = 0;
};

struct TileArgs {
  // What the first place sees at the first place of the kernel; neighbours in the result are neighbours here, too.
  const float* source;
  int64_t block;        // from a block of channels to the next
  int64_t channels;     // of the source
  const int64_t* taps;  // where each place of the kernel sees, counted from `source`
  int64_t tap_count;
  const float* weights;  // a row for each channel and tap, in this order
  int64_t weights_row;
  const float* bias;  // null: none
  bool more;          // what is there in `out` is added to; else it starts from zero
  float* out;         // kLanes channels of each place
  int64_t out_place;  // from one place to the next
  int64_t out_block;  // from kLanes channels of the result to the next
  Later later;
};

struct PanelTiles {
  using Function = void (*)(const TileArgs& args);
  static constexpr int kMostPlaces = 14;
  int places;  // of the largest tile
  int lanes;   // of the result's channels in a tile: 32, or 16 where there are few registers
  // [number of places][blocks of kLanes - 1][1 where the source has blocks of kFewLanes]
  Function of[kMostPlaces + 1][2][2];
  Function fetching[kMostPlaces + 1];  // of the widest tile, kLanes; fetches what is wanted later
};

// Null for an instruction set that has none.
const PanelTiles* panel_tiles(Isa isa);

// to[i * kPanel + j] = from[i * row + j * column] for columns below `columns`, zero for the others.
void pack_panel(const float* from, int64_t row, int64_t column, int64_t rows, int64_t columns, float* to);

// to[c * block + i * kLanes] = from[i * from_row + c * kLanes], kLanes at a time, c < lines, i < rows. As many rows, twice
// as far down, are fetched ahead.
void copy_lines(const float* from, int64_t from_row, int64_t rows, int64_t lines, int64_t block, float* to);
// to[j * to_row + i] = from[i * kLanes + j], i < places, j < channels <= kLanes.
void turn_to_places(const float* from, int64_t places, int64_t channels, float* to, int64_t to_row);
// to[i * kLanes + j] = from[j * from_row + i * step]. Lanes from `channels` on are left as they are, or become anything.
void turn_to_lanes(const float* from, int64_t from_row, int64_t step, int64_t places, int64_t channels, float* to);

}  // namespace tandem
