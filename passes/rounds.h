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

// What evaluating `value` at `map` reads, each once, but for what is read by address. Nothing where something is not computed
// element by element, or one of the first `carried` params is read by address.
std::optional<std::vector<ParamRead>> reads_of(const Graph& region, ValueId value, const IndexMap& map,
                                               size_t axis_count, size_t carried);
// Whether a param of a loop is read by address: at indices that a round computes.
bool is_table(const Node& loop, size_t param);

// Where a value lies in axes of its own shape.
IndexMap identity_map(const Shape& shape);

// The carried values that those of the shape `axes` depend on, with the condition; nothing where a kernel over these axes
// cannot run the loop for them.
std::optional<std::vector<bool>> carries_of(const Graph& graph, const Node& loop, const Shape& axes);

bool runs_in_kernel(const Graph& graph, const Node& loop);

// A `while` that goes on while any element of a mask that it carries is true, and in which the others keep what they have:
// as many loops as there are elements (passes/lanes.h makes such ones, and so may users). Which carried value is the mask;
// its shape is that of all elements, and that of all carried values but those without axes, which nobody reads afterwards.
std::optional<size_t> mask_of(const Graph& graph, const Node& loop);
// What a carried value becomes in an element that is left.
ValueId next_of(const Node& loop, size_t carried);
// Whether it is one whose elements a kernel can run each by itself, as any pointwise operation.
bool runs_by_element(const Graph& graph, const Node& loop);
// Shape of the elements of such a loop.
const Shape& element_shape(const Graph& graph, const Node& loop);

}  // namespace tandem
