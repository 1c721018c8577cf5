// Loops that a kernel runs by itself, with what they carry in registers: all that happens in them happens element by
// element.
//
// A `while` is one if what it carries has one shape, or none at all (0-d), if its condition reads 0-d values only, and if
// both regions consist of pointwise operations whose values lie in that shape as they are, none of which may fail; of
// branches; and of other loops of this kind. It is run in portions of some rounds, one launch for each shape that it carries;
// between portions the program sees the condition, and can be interrupted. Loops within it run to their ends.
// Tests: tests/frontend/test_rounds.py, tests/frontend/test_nested_rounds.py, tests/kernels/test_rounds.cpp.
#pragma once
#include <optional>
#include <vector>

#include "passes/index_map.h"

namespace tandem {

// A parameter of a region, as it is read.
struct ParamRead {
  size_t param;
  IndexMap map;
  bool operator==(const ParamRead&) const = default;
};

// What evaluating something reads, each once, but for the params that are read by address: at indices that it computes.
struct Reads {
  std::vector<ParamRead> params;
  std::vector<size_t> tables;
};
// Whether a param of a loop, or of a branch, is read by address.
bool is_table(const Node& node, size_t param);

// Where a value lies in axes of its own shape.
IndexMap identity_map(const Shape& shape);

// Where it lies if others lie at `map`, which values without axes do not.
IndexMap map_of(const Graph& graph, ValueId value, const IndexMap& map);
// The first input of a loop or a branch that is a param of its regions.
size_t first_param(const Node& node);

// Which results of a loop or a branch in `graph` are computed together with one of the shape `shape`.
std::vector<bool> together(const Graph& graph, const Node& node, const Shape& shape);

// Values of the body that are wanted in every round, and those that are there already, at `map`.
struct OfRound {
  std::vector<ValueId> wanted, known;
};
// How a kernel runs a loop for those of its results that are `wanted`, whose elements lie at `map` of its axes.
struct Rounds {
  std::optional<size_t>
      mask;  // the carried value by which elements end by themselves; none: by a condition that they share
  std::vector<bool> needed;  // carried values that the wanted ones and the condition depend on
  Reads reads;               // of params that are not carried
};
std::optional<Rounds> rounds_of(const Graph& graph, const Node& loop, const std::vector<bool>& wanted,
                                const Shape& shape, const IndexMap& map, size_t axis_count, const OfRound& values = {});
// What the wanted results of a branch read of one of its sides.
std::optional<Reads> side_reads(const Node& node, size_t side, const std::vector<bool>& wanted, const IndexMap& map,
                                size_t axis_count);
// Whether it has few enough primitives for a kernel that is compiled in no time.
bool is_small(const Graph& region);
// Whether both sides of a branch may as well be computed: they are cheap, and read nothing at indices that are checked.
bool is_light(const Graph& side);

// Of the shape `axes`: the carried values that a kernel over these axes computes.
std::vector<bool> carried_along(const Graph& graph, const Node& loop, const Shape& axes);
// How many rounds a launch does.
int portion_of(const Graph& graph, const Node& loop);
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
