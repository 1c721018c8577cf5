#include "ir/graph.h"

#include <algorithm>

namespace tandem {

ValueId Graph::add_value(TensorType type) {
  types.push_back(std::move(type));
  return static_cast<ValueId>(types.size()) - 1;
}

ValueId Graph::add_param(TensorType type, std::string param_name) {
  const ValueId value = add_value(std::move(type));
  params.push_back({value, std::move(param_name), true, {}});
  return value;
}

Node& Graph::add_node(const OpDef& op, std::vector<ValueId> inputs, Attrs attrs, std::span<const TensorType> outputs,
                      SourceLoc loc) {
  Node node{&op, std::move(inputs), std::move(attrs), {}, {}, std::move(loc)};
  for (const TensorType& type : outputs) node.outputs.push_back(add_value(type));
  nodes.push_back(std::move(node));
  return nodes.back();
}

std::vector<int> Graph::producers() const {
  std::vector<int> made(types.size(), -1);
  for (size_t i = 0; i < nodes.size(); ++i)
    for (ValueId out : nodes[i].outputs) made[static_cast<size_t>(out)] = static_cast<int>(i);
  return made;
}

std::vector<int> Graph::use_counts() const {
  std::vector<int> uses(types.size(), 0);
  for (const Node& node : nodes)
    for (ValueId in : node.inputs) ++uses[static_cast<size_t>(in)];
  for (ValueId result : results) ++uses[static_cast<size_t>(result)];
  return uses;
}

int while_carried(const Node& node) { return static_cast<int>(node.outputs.size()); }

bool has_effects(const Node& node) {
  if (node.op->has(Trait::may_fail)) return true;
  if (const auto* structure = std::get_if<Structure>(&node.op->lower))
    if (*structure == Structure::host_call || *structure == Structure::check_index) return true;
  return std::any_of(node.regions.begin(), node.regions.end(), [](const auto& region) {
    return std::any_of(region->nodes.begin(), region->nodes.end(), has_effects);
  });
}

}  // namespace tandem
