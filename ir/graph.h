// Graph: typed SSA over immutable tensors. No aliasing and no mutation: the recorder turns in-place writes into new
// values. Control flow is two operations that hold closed sub-graphs ("regions"), `if` and `while`.
//
//   if:    inputs = predicate, captured values...     regions = then, else      params = the captured values
//   while: inputs = carried values..., captured...    regions = condition, body params = all inputs
//          the condition returns one bool[], the body the next carried values; results = the last carried values
#pragma once
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ir/op.h"

namespace tandem {

using ValueId = int;

struct Graph;

struct Node {
  const OpDef* op;
  std::vector<ValueId> inputs;
  Attrs attrs;
  std::vector<ValueId> outputs;
  std::vector<std::shared_ptr<const Graph>> regions;
  SourceLoc loc;
  bool no_grad = false;  // no gradient flows through it; of no account once gradients have been taken
};

// What an input is fed with: where its elements lie relative to its first one. Contiguous unless said otherwise.
struct Param {
  ValueId value;
  std::string name;  // without the leading %
  bool contiguous = true;
  Shape strides;  // when not contiguous: constants or symbols
};

struct Graph {
  std::string name = "graph";
  std::deque<TensorType> types;  // of every value, by id; references stay valid while values are added
  std::vector<Param> params;
  std::vector<Node> nodes;  // in execution order
  std::vector<ValueId> results;

  ValueId add_value(TensorType type);
  ValueId add_param(TensorType type, std::string name);
  // Appends a node whose result types are known.
  Node& add_node(const OpDef& op, std::vector<ValueId> inputs, Attrs attrs, std::span<const TensorType> outputs,
                 SourceLoc loc = {});
  const TensorType& type(ValueId value) const { return types[static_cast<size_t>(value)]; }
  // Index of the node that makes each value; -1 for params.
  std::vector<int> producers() const;
  std::vector<int> use_counts() const;  // results count as uses
};

int while_carried(const Node& node);  // number of carried values of a `while`
// Whether the node does something although nobody may use its results: it calls the host, may fail, or holds such a node.
bool has_effects(const Node& node);

std::string to_text(const Graph& graph, bool with_locations = true);
Graph parse_graph(std::string_view text);  // throws Error{value} with line and column
// Throws InternalError that shows the rule, the node and the user's line.
void verify(const Graph& graph);

}  // namespace tandem
