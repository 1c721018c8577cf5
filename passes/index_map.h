// Index maps: where the elements a loop over some axes needs lie in each value it reads.
#pragma once
#include <optional>
#include <vector>

#include "ir/graph.h"

namespace tandem {

// One coordinate as a linear function of the axes of a group.
struct Linear {
  Dim offset = 0;
  std::vector<Dim> coefficients;  // per axis
  bool operator==(const Linear&) const = default;
};
using IndexMap = std::vector<Linear>;  // one per dimension of a value

// The index map of input `k` of a node whose result has the given map; nothing when it is not linear.
// Reductions need the axes that stand for the reduced dimensions.
std::optional<IndexMap> input_map(const Graph& graph, const Node& node, size_t k, const IndexMap& map,
                                  const std::vector<int>& reduced_axes, size_t axis_count);

bool is(const OpDef& op, Structure structure);
bool is_view(const OpDef& op);
bool is_pointwise(const OpDef& op);  // including `take`, `iota` ... : one element of the result at a time
bool is_reduction(const OpDef& op);
// The axes a reduction node reduces, as booleans per dimension of its input.
std::vector<bool> reduced_dims(const Graph& graph, const Node& node);
// Scalar primitives per element of a pointwise operation, constants not counted.
int scalar_cost(const OpDef& op, DType dtype);

// Cumulative sums: they walk their axis in order.
bool is_scan(const OpDef& op);
// Made from attributes alone: evaluated wherever they are read.
bool is_source(const OpDef& op);
// take and take_along_axis: their first input is read by address.
bool is_take(const OpDef& op);

}  // namespace tandem
