// What graph passes are made of: a copy of a graph that is built node by node.
//
// A pass derives from Rewriter and says in `visit` what becomes of a node; by default it is copied, its regions
// rewritten by the same pass. Types are taken over, not inferred again, except for what a pass emits through
// `builder_`. New nodes carry the location of the node that is being visited.
//
// Test: tests/passes/test_rewrite.cpp
#pragma once
#include <memory>
#include <utility>
#include <vector>

#include "ir/builder.h"

namespace tandem {

class Rewriter {
 public:
  // `env` gives values to the graph's symbols (ir/symbols.h); regions share that of the whole graph.
  Rewriter(const Graph& source, const ShapeEnv& env);
  Rewriter(const Rewriter&) = delete;
  Rewriter& operator=(const Rewriter&) = delete;
  virtual ~Rewriter() = default;

  // The rewritten graph; once.
  Graph run();

 protected:
  // Called when the params are there and no node is.
  virtual void begin() {}
  virtual void visit(const Node& node) { copy(node); }
  // Rewrites region `index` of `node`, which is still a node of the source.
  virtual Graph rewrite_region(const Node& node, size_t index) = 0;

  // The value of the copy that stands for one of the source.
  ValueId mapped(ValueId value) const { return scope_->map[static_cast<size_t>(value)]; }
  std::vector<ValueId> mapped(const std::vector<ValueId>& values) const;
  void map(ValueId from, ValueId to) { scope_->map[static_cast<size_t>(from)] = to; }
  // Type in the source.
  const TensorType& source_type(ValueId value) const { return scope_->graph->type(value); }

  void copy(const Node& node);
  void copy(const Node& node, Attrs attrs, std::vector<std::shared_ptr<const Graph>> regions);
  std::vector<std::shared_ptr<const Graph>> rewrite_regions(const Node& node);
  // Visits the nodes of a region as if they stood in the source at this place; returns its results in the copy.
  std::vector<ValueId> splice(const Graph& region, const std::vector<ValueId>& arguments);
  // A `full` of the given type.
  ValueId constant(const TensorType& type, Attr fill_value);
  // The node of the copy that makes a value; null for a param. Valid until the next node is added.
  const Node* maker(ValueId value);

  const Graph& source_;
  Graph graph_;
  ShapeEnv env_;
  GraphBuilder builder_;
  SourceLoc loc_;

 private:
  struct Scope {
    const Graph* graph;
    std::vector<ValueId> map;
  };
  void visit_all(const Graph& graph);

  Scope* scope_ = nullptr;
  std::vector<int> makers_;
  size_t makers_known_ = 0;
};

}  // namespace tandem
