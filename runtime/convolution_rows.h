// What places of a kernel see of a source: rows of it. Shared by what makes columns (convolution_columns.cpp,
// integer_convolution.cpp).
#pragma once
#include <algorithm>
#include <cstdint>

#include "runtime/convolution.h"

namespace tandem {

struct Range {
  int64_t begin, end;
  int64_t count() const { return end - begin; }
};

// Three axes; leading ones are of size one.
struct Grid {
  Window axes[kMostWindowAxes];
  explicit Grid(const ConvolutionArgs& args) {
    std::copy_n(args.window, args.axes, axes + kMostWindowAxes - args.axes);
  }
};

// Calls visit(result place counted from tile.begin, source element, how many, step) for the places of a tile that one
// place of the kernel sees inside of the source; they lie in rows.
template <class Visit>
void for_each_row(const Grid& grid, int64_t place, Range tile, Visit&& visit) {
  const auto& [deep, high, wide] = grid.axes;
  const int64_t k = place % wide.kernel, j = place / wide.kernel % high.kernel, i = place / wide.kernel / high.kernel;
  const int64_t offset = k * wide.dilation - wide.before;
  // The columns of the result for which this place is inside.
  const int64_t low = offset >= 0 ? 0 : (-offset + wide.stride - 1) / wide.stride;
  const int64_t top = wide.size - offset <= 0 ? 0 : std::min(wide.result, (wide.size - offset - 1) / wide.stride + 1);
  for (int64_t p = tile.begin; p < tile.end;) {
    const int64_t row = p / wide.result, column = p % wide.result;
    const int64_t count = std::min(wide.result - column, tile.end - p);
    const int64_t d = row / high.result * deep.stride - deep.before + i * deep.dilation;
    const int64_t h = row % high.result * high.stride - high.before + j * high.dilation;
    const int64_t first = std::max(low, column), last = std::min(top, column + count);
    if (d >= 0 && d < deep.size && h >= 0 && h < high.size && first < last)
      visit(p - tile.begin + first - column, (d * high.size + h) * wide.size + first * wide.stride + offset,
            last - first, wide.stride);
    p += count;
  }
}

}  // namespace tandem
