// Between which bounds the 0-d indices of a graph lie: what loops count, and what is computed from that.
//
// A range is a promise for every value there will be. Loops are known by what they carry: a value to which something is
// added in every round, and which the condition compares with something that does not change.
// Test: tests/passes/test_checks.cpp
#pragma once
#include <optional>
#include <unordered_map>
#include <vector>

#include "ir/graph.h"

namespace tandem {

struct IndexRange {
  std::optional<Dim> low, high;  // low <= index < high
};

class Ranges {
 public:
  // `params`: of the graph's; nothing is known of those that are missing.
  explicit Ranges(const Graph& graph, std::vector<IndexRange> params = {});
  IndexRange of(ValueId value);
  // Of the params of a region of a node of the graph, where the region runs.
  std::vector<IndexRange> params_of(const Node& node, size_t region);

 private:
  IndexRange computed(const Node& node);
  IndexRange sum(const IndexRange& a, const IndexRange& b) const;
  const Node* maker(ValueId value) const;
  struct Bound {
    ValueId value;
    IndexRange range;
  };
  void bounds_of(ValueId condition, std::vector<Bound>& out);
  void narrow_by_condition(const Node& loop, std::vector<IndexRange>& params);

  const Graph& graph_;
  std::vector<IndexRange> params_;
  std::vector<int> producers_;
  std::unordered_map<ValueId, IndexRange> known_;
};

// Whether a <= b, as far as can be said without knowing the sizes.
bool at_most(const Dim& a, const Dim& b);
// Whether such an index is one of an axis of that size, counted from its start or its end.
bool is_index_of(const IndexRange& range, Dim size);

}  // namespace tandem
