// Loops that count their rounds and write, in each of them, to the next place of some arrays: the trajectory of a
// simulation. A kernel runs all rounds, one after the other, as the steps of a scan: what is carried stays in registers.
//
// A `while` is one if it ends after a number of rounds that is known before, if each array is written to at an index that
// goes up or down by some number in every round and is one of its axis, and if all else is as in other loops that kernels run
// (passes/rounds.h). Of an array it may read, too, what lies where it writes, and what the last rounds wrote, which then is
// carried.
// Tests: tests/frontend/test_recorded.py, tests/passes/test_recorded.cpp.
#pragma once
#include <optional>
#include <vector>

#include "passes/rounds.h"

namespace tandem {

struct Recorded {
  // `value` goes to index `at` of an axis of `part`, a view of an array.
  struct Write {
    size_t array;     // number of the carried value
    ValueId version;  // of which `part` is a view: the parameter, or what the write before made of it
    ValueId part;
    size_t axis;
    Linear at;  // of the rounds, numbered from 0
    ValueId value;
  };
  // `value` of the body is what a write wrote in this round; what it wrote some rounds `ago`, or, in the first ones, what was
  // there; or what is there until this round writes.
  struct Read {
    enum class Of : uint8_t { this_round, earlier, old } of;
    ValueId value;
    size_t write;
    int64_t ago = 0;
  };
  static constexpr int64_t kMostAgo = 8;
  size_t counter;  // of the rounds: a carried value, from 0
  Dim rounds;
  std::vector<bool> is_array;  // per carried value
  std::vector<Write> writes;   // in order
  std::vector<Read> reads;
  Shape shape;  // of what is written
};
std::optional<Recorded> recorded_of(const Graph& graph, const Node& loop);

// As `rounds_of` says, in a kernel whose first axis is that of the rounds and whose others are `shape`.
std::optional<Rounds> recorded_rounds(const Graph& graph, const Node& loop, const Recorded& recorded,
                                      const std::vector<bool>& wanted, const Shape& shape);
// The map of something of that shape in such a kernel.
IndexMap recorded_map(const Shape& shape);

}  // namespace tandem
