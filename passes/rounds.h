// Loops that a kernel runs by itself, with what they carry in registers: all that happens in them happens element by
// element.
//
// A `while` is one if what it carries has one shape, or none at all (0-d), if its condition reads 0-d values only, and if
// both regions consist of pointwise operations whose values lie in that shape as they are, none of which may fail. It is run in portions of
// `kRounds` rounds, one launch for each shape that it carries; between portions the program sees the condition, and can be
// interrupted. Tests: tests/frontend/test_rounds.py, tests/kernels/test_rounds.cpp.
#pragma once
#include <optional>
#include <vector>

#include "passes/index_map.h"

namespace tandem {

inline constexpr int kRounds = 64;

// A parameter of a region, as it is read.
struct ParamRead {
  size_t param;
  IndexMap map;
  bool operator==(const ParamRead&) const = default;
};

// What evaluating `value` at `map` reads, each once. Nothing where something is not computed element by element.
std::optional<std::vector<ParamRead>> reads_of(const Graph& region, ValueId value, const IndexMap& map,
                                               size_t axis_count);

// Where a value lies in axes of its own shape.
IndexMap identity_map(const Shape& shape);

// The carried values that those of the shape `axes` depend on, with the condition; nothing where a kernel over these axes
// cannot run the loop for them.
std::optional<std::vector<bool>> carries_of(const Graph& graph, const Node& loop, const Shape& axes);

bool runs_in_kernel(const Graph& graph, const Node& loop);

}  // namespace tandem
