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
#include <unordered_map>
#include <vector>

#include "passes/index_map.h"

namespace tandem {

struct Group {
  std::vector<Dim> axes;
  std::vector<bool> reduced;               // per axis: walked by reductions (or by the scan)
  std::vector<int> members;                // nodes, in no particular order
  std::unordered_map<int, IndexMap> maps;  // where each member's result lies in the axes
  std::vector<ValueId> outputs;            // values that must be stored
  bool records = false;                    // the only member is a loop (passes/recorded.h), the first axis its rounds
  bool has_reduction() const;
};

struct Fusion {
  std::vector<Group> groups;
  std::vector<int> group_of;  // per node; -1: no group
  std::vector<bool> inlined;  // per node: evaluated where it is read
};

Fusion fuse(const Graph& graph, std::span<const int64_t> hints);

}  // namespace tandem
