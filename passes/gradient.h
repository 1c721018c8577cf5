// Gradients within a graph, by the formulas of its operations in reverse order: the same that the tape applies to eager
// operations, and in the same order, so that both give the same bits.
//
// Branches become branches: each gets the part that runs in it once more, and then its gradient. Loops stay loops: what
// they carry is stacked, iteration by iteration, and a second loop goes through the stacks backwards
// (passes/gradient_loops.cpp). What was computed under `no_grad` is a constant. What lies between two marks (the
// operation `segment`) is computed once more where its gradients are (passes/gradient_again.cpp), so that nothing in there
// has to be kept.
//
// A gradient may exist on some paths only: of what one branch reads, or a loop that may not run. Where it does not, its
// value is one that sums do not show, and a truth value beside it says so. It is gone through no formula there, which
// would make zeros or NaNs of it.
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
  // Adds to the gradient of a value, if that leads to what is aimed at; `spread` first. `given`: whether there is one,
  // where that is not certain; then the gradient is nothing (gradient_parts.h) where it is false.
  void add(ValueId value, ValueId gradient, ValueId given = -1);
  // Finds out which values lead to what is aimed at.
  void spread();
  bool leads(ValueId value) const {
    return static_cast<size_t>(value) < reached_.size() && reached_[static_cast<size_t>(value)];
  }
  void run();
  // -1: none.
  ValueId gradient(ValueId value) const;
  // Whether there is that gradient; -1: for certain.
  ValueId given(ValueId value) const;
  // Keep what lies between marks: it has just been computed again.
  void keep_all() { keeps_all_ = true; }
  // What is read by rows, each of which adds to the row it came from.
  void gather_rows(ValueId table) { tables_.insert(table); }

 private:
  using Flags = std::vector<bool>;
  static void spread(const Graph& graph, Flags& reached, size_t first, size_t last);
  static Flags through(const Graph& graph, const Node& node, const Flags& reached);
  Value at(ValueId id) { return builder_.at(id); }
  ValueId complete(ValueId value);
  void visit(size_t i);
  void step(size_t i);
  void apply(const OwnRule& rule);
  // gradient_regions.cpp, gradient_loops.cpp
  void through_if(size_t i);
  void through_while(size_t i);
  struct Backwards;
  bool go_back(Backwards& loop);
  void note_given(ValueId value, ValueId given);
  // gradient_again.cpp
  std::optional<size_t> begin_of_segment(size_t end) const;
  void through_segment(size_t begin, size_t end);

  Graph& graph_;
  ShapeEnv& env_;
  GraphBuilder builder_;
  size_t first_;
  std::set<ValueId> aims_, tables_, completed_;
  std::vector<OwnRule> rules_;
  Flags reached_;  // by value
  std::map<ValueId, ValueId> gradients_, given_;
  std::map<ValueId, ValueId> originals_;  // of what was computed again
  bool keeps_all_ = false;
};

// The same computation without what it does besides: calls of the host and checks of indices.
Graph without_effects(const Graph& graph);

// Where a gradient is found among the results of a graph.
struct GradientResult {
  int index = -1;  // -1: there is none
  int given = -1;  // the result that says whether there is one; -1: there is
};

struct GradientGraph {
  Graph graph;
  std::vector<GradientResult> found;  // by param of the given graph
};

// The params are those of `graph` and then one for each result in `of_results`, its gradient; the results are the
// gradients of the params in `wanted`. The computation of `graph` is part of it, as far as the formulas read its values.
// Throws Error{autograd} where an operation without a formula would get a gradient.
GradientGraph with_gradient(const Graph& graph, const std::vector<bool>& of_results, const std::vector<bool>& wanted);
// The same without effects, which belong to the program itself.
GradientGraph gradient_graph(const Graph& graph, const std::vector<bool>& of_results, const std::vector<bool>& wanted);

}  // namespace tandem
