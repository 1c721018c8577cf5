#include "runtime/time_tiling.h"

#include <algorithm>

#include "runtime/parallel.h"

namespace tandem {

namespace {

constexpr int64_t kWindow = 512 << 10;  // bytes of the rows that are worked on, half of a usual second-level cache
constexpr int64_t kBlock = 32 << 10;    // of those that a step does at a time
constexpr int64_t kMostSteps = 64;
constexpr int64_t kRowsPerStep = 4;    // and for each row that a step is behind: fewer, and little but borders is left
constexpr double kShareFrom = 20'000;  // ns of a step, from where on threads share it
constexpr int64_t kPartsOfThread = 2;  // so that one that is held up need not do half of it

int64_t block_rows(const TimeTiles& tiles) { return std::clamp(kBlock / tiles.row_bytes, int64_t{1}, tiles.rows); }

}  // namespace

int64_t parts_of(const TimeTiles& tiles) {
  const int64_t threads = num_threads();
  const bool alone = threads == 1 || inside_parallel_for();
  if (alone || tiles.row_cost * static_cast<double>(tiles.rows) < kShareFrom) return 1;
  const int64_t most = tiles.rows / (2 * kRowsPerStep * std::max<int64_t>(tiles.behind, 1));
  return std::clamp<int64_t>(most, 1, kPartsOfThread * threads);
}

int64_t steps_together(const TimeTiles& tiles) {
  const int64_t behind = std::max<int64_t>(tiles.behind, 1);
  const int64_t in_window = (kWindow / tiles.row_bytes - block_rows(tiles)) / behind;
  const int64_t in_part = tiles.rows / (tiles.parts * kRowsPerStep * behind);
  return std::clamp<int64_t>(std::min(in_window, in_part), 1, kMostSteps);
}

void run_tiled(const TimeTiles& tiles, int64_t steps, RunRows run, void* context) {
  const int64_t parts = tiles.parts, block = block_rows(tiles), behind = tiles.behind;
  const auto border = [&](int64_t part) { return tiles.rows * part / parts; };
  const auto rows = [&](int64_t step, int64_t begin, int64_t end) {
    if (begin < end) run(context, step, begin, end);
  };
  const double cost = tiles.row_cost * static_cast<double>(tiles.rows) * static_cast<double>(steps);
  parallel_for(parts, 1, cost / static_cast<double>(parts), [&](int64_t first, int64_t last) {
    for (int64_t part = first; part < last; ++part) {
      const int64_t low = border(part), high = border(part + 1);
      const int64_t from_low = part > 0 ? behind : 0, from_high = part + 1 < parts ? behind : 0;
      for (int64_t base = low; base < high + (steps - 1) * behind; base += block)
        for (int64_t step = 0; step < steps; ++step) {
          const int64_t at = base - step * behind;
          rows(step, std::max(at, low + step * from_low), std::min(at + block, high - step * from_high));
        }
    }
  });
  const double at_border = tiles.row_cost * static_cast<double>(behind * steps * steps);
  parallel_for(parts - 1, 1, at_border, [&](int64_t first, int64_t last) {
    for (int64_t part = first; part < last; ++part)
      for (int64_t step = 1; step < steps; ++step)
        rows(step, border(part + 1) - step * behind, border(part + 1) + step * behind);
  });
}

}  // namespace tandem
