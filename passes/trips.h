// How often a loop runs, where sizes say it. Gradients make room for so many iterations, and plans count them.
// Test: tests/autograd, tests/frontend/test_loops.py
#pragma once
#include <optional>

#include "ir/graph.h"

namespace tandem {

struct Trips {
  std::optional<Dim> most;
  bool exact = false;  // that often
};

// Of loops over an index that counts from 0 up to a bound.
Trips trips_of(const Graph& graph, const Node& node);

}  // namespace tandem
