// Every row of every round reads what the round before wrote, whatever the threads do.
#include <atomic>
#include <catch2/catch.hpp>
#include <vector>

#include "runtime/parallel.h"
#include "runtime/time_tiling.h"

using namespace tandem;

namespace {

// Two places for every row, with the number of rounds that what is there has seen.
struct Plate {
  Plate(int64_t rows, int64_t behind)
      : behind(behind), seen{Rows(static_cast<size_t>(rows)), Rows(static_cast<size_t>(rows))} {
    for (auto& round : seen[1]) round = -1;
  }
  using Rows = std::vector<std::atomic<int64_t>>;

  static void run(void* self, int64_t round, int64_t begin, int64_t end) {
    static_cast<Plate*>(self)->step(round, begin, end);
  }
  void step(int64_t round, int64_t begin, int64_t end) {
    const auto rows = static_cast<int64_t>(seen[0].size());
    const Rows& from = seen[static_cast<size_t>((done + round) % 2)];
    Rows& to = seen[static_cast<size_t>((done + round + 1) % 2)];
    if (begin < 0 || end > rows || begin >= end) wrong = true;
    for (int64_t row = std::max<int64_t>(begin - behind, 0); row < std::min(end + behind, rows); ++row)
      if (from[static_cast<size_t>(row)] != done + round) wrong = true;
    for (int64_t row = begin; row < end; ++row) {
      if (to[static_cast<size_t>(row)] != done + round - 1) wrong = true;  // each row once in a round
      to[static_cast<size_t>(row)] = done + round + 1;
    }
  }

  int64_t behind, done = 0;
  Rows seen[2];
  std::atomic<bool> wrong = false;
};

}  // namespace

TEST_CASE("rounds are done together as if one after the other") {
  const int before = num_threads();
  for (const int threads : {1, 2, 3, 8})
    for (const int64_t rows : {1, 7, 64, 1000, 5000})
      for (const int64_t behind : {0, 1, 2, 5})
        for (const int64_t row_bytes : {8, 4096, 100'000}) {
          set_num_threads(threads);
          TimeTiles tiles{rows, behind, row_bytes, 1000.0};
          tiles.parts = parts_of(tiles);
          const int64_t most = steps_together(tiles);
          Plate plate(rows, behind);
          for (const int64_t rounds : {most, int64_t{1}, most - 1, most}) {
            if (rounds < 1) continue;
            run_tiled(tiles, rounds, Plate::run, &plate);
            plate.done += rounds;
            INFO(threads << " threads, " << rows << " rows, " << behind << " behind, " << rounds << " rounds");
            REQUIRE_FALSE(plate.wrong);
            for (const auto& round : plate.seen[plate.done % 2]) REQUIRE(round == plate.done);
          }
        }
  set_num_threads(before);
}
