// Text in, text out: what the tests of single passes share.
#pragma once
#include <catch2/catch.hpp>

#include <functional>

#include "ir/graph.h"

namespace tandem::testing {

// The same nodes, each behind what it uses and otherwise in the order in which results and inputs ask for them: for
// formulas whose C++ leaves open which of two operands is made first.
inline Graph in_order_of_use(const Graph& graph) {
  Graph out = graph;
  out.nodes.clear();
  const auto producers = graph.producers();
  std::vector<bool> done(graph.nodes.size(), false);
  const std::function<void(ValueId)> place = [&](ValueId value) {
    const int index = producers[static_cast<size_t>(value)];
    if (index < 0 || done[static_cast<size_t>(index)]) return;
    done[static_cast<size_t>(index)] = true;
    const Node& node = graph.nodes[static_cast<size_t>(index)];
    for (const ValueId in : node.inputs) place(in);
    out.nodes.push_back(node);
  };
  for (const ValueId result : graph.results) place(result);
  return out;
}

// Runs a pass on a graph given as text and compares with the text that should come out; both sides are verified.
inline void check_pass(Graph (*pass)(const Graph&), std::string_view before, std::string_view after) {
  const Graph graph = parse_graph(before);
  verify(graph);
  const Graph made = pass(graph);
  verify(made);
  CHECK(to_text(made) == to_text(parse_graph(after)));
}

inline void check_nothing_to_do(Graph (*pass)(const Graph&), std::string_view text) { check_pass(pass, text, text); }

}  // namespace tandem::testing
