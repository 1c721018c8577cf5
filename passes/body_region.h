// For body_rounds.cpp and body_recorded.cpp.
#pragma once
#include <unordered_map>
#include <utility>
#include <vector>

#include "passes/body.h"
#include "passes/rounds.h"

namespace tandem {

// A region of a loop or a branch, whose parameters have values.
struct BodyBuilder::Region {
  const Graph& graph;
  const Node& node;      // that has it
  const Region* around;  // in which region the node stands; null: in none
  const std::vector<std::pair<ParamRead, Complex>>& params;
  std::vector<int> producers = graph.producers();
  std::unordered_multimap<ValueId, std::pair<IndexMap, Complex>> known = {};

  // Of a tensor that is read by address: a param, or a view of one.
  Place place(ValueId value, const LowerContext& outside) const {
    const int made_by = producers[static_cast<size_t>(value)];
    if (made_by < 0) {
      size_t param = 0;
      while (graph.params[param].value != value) ++param;
      const ValueId from = node.inputs[first_param(node) + param];
      return around ? around->place(from, outside) : outside.place(from);
    }
    const Node& view = graph.nodes[static_cast<size_t>(made_by)];
    const Place from = place(view.inputs[0], outside);
    auto layout = std::get<ViewRule>(view.op->lower)(graph.type(view.inputs[0]), from.layout, *view.op, view.attrs,
                                                     graph.type(value));
    check_internal(layout.has_value(), "a loop in a kernel reads from a view that is none");
    return {from.slot, std::move(*layout)};
  }
};

}  // namespace tandem
