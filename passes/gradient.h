// Gradients within a graph, by the formulas of its operations in reverse order: the same that the tape applies to eager
// operations, and in the same order, so that both give the same bits.
//
// Branches become branches: each gets the part that runs in it once more, and then its gradient. Loops stay loops: what
// they carry is stacked, iteration by iteration, and a second loop goes through the stacks backwards
// (passes/gradient_loops.cpp). What was computed under `no_grad` is a constant.
// Test: tests/autograd/test_compiled.py, tests/autograd/test_control_flow.py
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "ir/builder.h"

namespace tandem {

// A function whose gradients are not those of its operations.
struct OwnRule {
  size_t position = 0;  // of the nodes, those before this one make its results
  std::vector<ValueId> inputs, outputs;
  // From the gradients of the results to those of the inputs; -1 stands for none. It may add nodes to the graph.
  std::function<std::vector<ValueId>(std::span<const ValueId>)> gradients;
};

// Appends gradients to a graph. First say of what (`aim`), then what is known (`add`), then `run`.
class Reverse {
 public:
  // Through the nodes from number `first` on; what those before it make are constants.
  Reverse(Graph& graph, ShapeEnv& env, size_t first = 0)
      : graph_(graph), env_(env), builder_(graph, env), first_(first) {}

  void aim(ValueId value) { aims_.insert(value); }
  // In the order of their positions.
  void set_rules(std::vector<OwnRule> rules) { rules_ = std::move(rules); }
  // Called when the gradient of a value is complete; what it returns takes its place.
  std::function<ValueId(ValueId value, ValueId gradient)> on_complete;
  // Adds to the gradient of a value, if that leads to what is aimed at; `spread` first.
  void add(ValueId value, ValueId gradient);
  // Finds out which values lead to what is aimed at.
  void spread();
  bool leads(ValueId value) const {
    return static_cast<size_t>(value) < reached_.size() && reached_[static_cast<size_t>(value)];
  }
  void run();
  // -1: none.
  ValueId gradient(ValueId value) const;
  // What is read by rows, each of which adds to the row it came from.
  void gather_rows(ValueId table) { tables_.insert(table); }

 private:
  using Flags = std::vector<bool>;
  static void spread(const Graph& graph, Flags& reached, size_t first, size_t last);
  static Flags through(const Graph& graph, const Node& node, const Flags& reached);
  Value at(ValueId id) { return builder_.at(id); }
  ValueId complete(ValueId value);
  void step(size_t i);
  void apply(const OwnRule& rule);
  // gradient_regions.cpp, gradient_loops.cpp
  void through_if(size_t i);
  void through_while(size_t i);

  Graph& graph_;
  ShapeEnv& env_;
  GraphBuilder builder_;
  size_t first_;
  std::set<ValueId> aims_, tables_, completed_;
  std::vector<OwnRule> rules_;
  Flags reached_;  // by value
  std::map<ValueId, ValueId> gradients_;
};

// The same computation without what it does besides: calls of the host and checks of indices.
Graph without_effects(const Graph& graph);

// The params are those of `graph` and then one for each result in `of_results`, its gradient; the results are the
// gradients of the params in `wanted`, zeros where nothing flows to one. The computation of `graph` is part of it, as
// far as the formulas read its values. Throws Error{autograd} where an operation without a formula would get a gradient.
Graph with_gradient(const Graph& graph, const std::vector<bool>& of_results, const std::vector<bool>& wanted);
// The same without effects, which belong to the program itself.
Graph gradient_graph(const Graph& graph, const std::vector<bool>& of_results, const std::vector<bool>& wanted);

}  // namespace tandem
