// Fusion: decides which operations share a kernel.
//
// Effect: partitions the fusable nodes of a graph (pointwise, reductions, cumulative sums, gathers) into groups. Each
// group becomes one kernel over one set of axes. Views and cheap values used in several places belong to no group:
// they are evaluated wherever they are read, through index maps.
// Precondition: `expand` and `normalize_layout` have run. Guarantee: the groups and the remaining nodes (library calls,
// control flow, concat, slice_update) form an acyclic graph; a value read outside its group is in its `outputs`.
// Consumers choose: nodes are visited from the results backwards and join the group of their consumers when the result
// of the group's kernel would not have to be computed more often for it. Test: tests/passes/test_fuse.cpp.
#pragma once
#include <optional>
#include <unordered_map>
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

struct Group {
  std::vector<Dim> axes;
  std::vector<bool> reduced;                  // per axis: walked by reductions (or by the scan)
  std::vector<int> members;                   // nodes, in no particular order
  std::unordered_map<int, IndexMap> maps;     // where each member's result lies in the axes
  std::vector<ValueId> outputs;               // values that must be stored
  bool has_reduction() const;
};

struct Fusion {
  std::vector<Group> groups;
  std::vector<int> group_of;     // per node; -1: no group
  std::vector<bool> inlined;     // per node: evaluated where it is read
};

Fusion fuse(const Graph& graph, std::span<const int64_t> hints);

// The index map of input `k` of a node whose result has the given map; nothing when it is not linear.
// Reductions need the axes that stand for the reduced dimensions.
std::optional<IndexMap> input_map(const Graph& graph, const Node& node, size_t k, const IndexMap& map,
                                  const std::vector<int>& reduced_axes, size_t axis_count);

bool is_view(const OpDef& op);
bool is_pointwise(const OpDef& op);   // including `take`, `iota` ... : one element of the result at a time
bool is_reduction(const OpDef& op);
// The axes a reduction node reduces, as booleans per dimension of its input.
std::vector<bool> reduced_dims(const Graph& graph, const Node& node);
// Scalar primitives per element of a pointwise operation, constants not counted.
int scalar_cost(const OpDef& op, DType dtype);

}  // namespace tandem
