// The graph-level passes, in order, and what runs them.
//
// Each pass is a pure function and runs once: the order is such that no pass makes work for an earlier one.
//   expand    leaves no composite operation, and attributes in normal form
//   fold      leaves no operation on constants only
//   simplify  applies algebraic rules, folding what they make constant, and so keeps what fold guarantees
//   reassociate  only under `numerics="fast"`: rules that keep results up to rounding; folds, too
//   cse       leaves no two equal nodes in one graph; makes no node
//   dce       leaves no unused node, carried value or capture; makes no node
//   checks    leaves no check of indices that a kernel makes anyway; makes no node
// After them come fusion and lowering, which make kernels.
//
// TANDEM_VERIFY=1 checks the graph before the first and after every pass; builds without NDEBUG always do.
// Test: tests/passes/test_pipeline.cpp
#pragma once
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "ir/graph.h"

namespace tandem {

// strict: the same bits as eager code. fast: contraction and reassociation are allowed.
enum class Numerics : uint8_t { strict, fast };

struct GraphPass {
  std::string_view name;
  Graph (*run)(const Graph& graph);
  bool fast_only = false;
};

const std::vector<GraphPass>& graph_passes();

// Told about every pass: its name, the graph after it, whether it changed anything, and how long it took.
using PassObserver = std::function<void(std::string_view pass, const Graph& graph, bool changed, double seconds)>;

Graph optimize(const Graph& graph, const PassObserver& observer = {}, Numerics numerics = Numerics::strict);

}  // namespace tandem
