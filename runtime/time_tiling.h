// Rounds of a loop over arrays, several at a time, while the rows they work on are in a core's caches: every round follows
// the one before it through the rows, as far behind as it must be. Threads have neighbouring parts; at a border between two
// of them, each round stays further away from it, and what is left there is done afterwards.
#pragma once
#include <cstdint>
#include <limits>
#include <optional>

namespace tandem {

// What the rows touch of an array: row r the elements from begin + r * step to end + r * step at most.
struct Touched {
  int64_t begin = std::numeric_limits<int64_t>::max(), end = std::numeric_limits<int64_t>::min(), step = 0;
};

// How many rows a round has to be behind the one before it, if that reads of the array and writes to another one what
// `reads` and `writes` say, and the next round the other way round. Nothing: the rows are not in such an order.
std::optional<int64_t> rows_behind(const Touched& reads, const Touched& writes);

struct TimeTiles {
  int64_t rows;
  int64_t behind;
  int64_t row_bytes;  // of all arrays, both of each pair
  double row_cost;    // nanoseconds, roughly
};

// How many rounds are worth doing together. 1: none.
int64_t rounds_together(const TimeTiles& tiles);

// Calls run(context, round, begin, end) for rows [begin, end) of each round, from several threads. Rounds are numbered from
// 0; they read what the round before wrote, of the same rows and of `behind` rows around them, from one of two places, and
// write to the other one.
using RunRows = void (*)(void* context, int64_t round, int64_t begin, int64_t end);
void run_tiled(const TimeTiles& tiles, int64_t rounds, RunRows run, void* context);

}  // namespace tandem
