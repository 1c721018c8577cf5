// Steps of a loop over arrays, several at a time, while the rows they work on are in a core's caches: every step follows the
// one before it through the rows, as far behind as it must be. Threads have neighbouring parts; at a border between two of
// them, each step stays further away from it, and what is left there is done afterwards.
#pragma once
#include <cstdint>

namespace tandem {

struct TimeTiles {
  int64_t rows;
  int64_t behind;     // how many rows a step has to be behind the one before it
  int64_t row_bytes;  // of all that is read and written
  double row_cost;    // nanoseconds of a step, roughly
  int64_t parts = 1;  // of the rows, for threads
};

// How many parts are worth it.
int64_t parts_of(const TimeTiles& tiles);
// How many steps are worth doing together, in so many parts. 1: none.
int64_t steps_together(const TimeTiles& tiles);

// For at most as many steps: calls run(context, step, begin, end) for rows [begin, end) of each step, from several threads. Steps are numbered from 0. A
// step may read what the steps before it have made of the same rows and of `behind` rows around them, where what it writes
// is read by none of them any more.
using RunRows = void (*)(void* context, int64_t step, int64_t begin, int64_t end);
void run_tiled(const TimeTiles& tiles, int64_t steps, RunRows run, void* context);

}  // namespace tandem
