// Gradients of branches, and what those of loops (passes/gradient_loops.cpp) share with them.
#include "passes/gradient_parts.h"

#include <algorithm>

namespace tandem {

std::vector<ValueId> append(Graph& graph, const Graph& region, std::span<const ValueId> params,
                            std::span<ValueId> watched) {
  std::vector<ValueId> map(region.types.size(), -1);
  for (size_t k = 0; k < params.size(); ++k) map[static_cast<size_t>(region.params[k].value)] = params[k];
  const auto mapped = [&map](ValueId id) { return map[static_cast<size_t>(id)]; };
  for (const Node& node : region.nodes) {
    const auto* structure = std::get_if<Structure>(&node.op->lower);
    const auto is = [structure](Structure wanted) { return structure && *structure == wanted; };
    if (is(Structure::check_index) || is(Structure::failure_point)) {
      map[static_cast<size_t>(node.outputs[0])] = mapped(node.inputs[0]);
      continue;
    }
    std::vector<TensorType> types;
    types.reserve(node.outputs.size());
    for (const ValueId output : node.outputs) types.push_back(region.type(output));
    if (is(Structure::host_call)) {
      const Node& token = graph.add_node(op("full"), {}, {Shape{}, int64_t{0}, DType::boolean}, types, node.loc);
      map[static_cast<size_t>(node.outputs[0])] = token.outputs[0];
      continue;
    }
    std::vector<ValueId> inputs;
    inputs.reserve(node.inputs.size());
    for (const ValueId input : node.inputs) inputs.push_back(mapped(input));
    Node& made = graph.add_node(*node.op, std::move(inputs), node.attrs, types, node.loc);
    made.no_grad = node.no_grad;
    for (const auto& each : node.regions) made.regions.push_back(std::make_shared<Graph>(without_effects(*each)));
    for (size_t k = 0; k < node.outputs.size(); ++k) map[static_cast<size_t>(node.outputs[k])] = made.outputs[k];
  }
  std::vector<ValueId> results;
  results.reserve(region.results.size());
  for (const ValueId result : region.results) results.push_back(mapped(result));
  for (ValueId& value : watched) value = mapped(value);
  return results;
}

Graph without_effects(const Graph& region) {
  Graph out;
  out.name = region.name;
  std::vector<ValueId> params;
  for (const Param& param : region.params) {
    params.push_back(out.add_param(region.type(param.value), param.name));
    out.params.back().contiguous = param.contiguous;
    out.params.back().strides = param.strides;
  }
  out.results = append(out, region, params);
  return out;
}

void Reverse::through_if(size_t i) {
  const Node node = graph_.nodes[i];  // nodes are added
  std::vector<size_t> from, to;       // results with a gradient; captured values that lead on, each once
  for (size_t k = 0; k < node.outputs.size(); ++k)
    if (leads(node.outputs[k]) && complete(node.outputs[k]) >= 0) from.push_back(k);
  std::vector<bool> seeded(node.inputs.size(), false);
  std::vector<ValueId> inputs = node.inputs;
  for (const size_t k : from) inputs.push_back(gradient(node.outputs[k]));
  for (size_t k = 1; k < node.inputs.size(); ++k) {
    if (!leads(node.inputs[k])) continue;
    const auto same = [&](size_t other) { return node.inputs[other] == node.inputs[k]; };
    const ValueId known = gradient(node.inputs[k]);
    if (known >= 0 && std::none_of(to.begin(), to.end(), same)) {
      seeded[k] = true;
      inputs.push_back(known);
    }
    to.push_back(k);
  }
  if (to.empty()) return;
  std::vector<std::shared_ptr<const Graph>> regions;
  for (const auto& branch : node.regions) {
    Graph region = without_effects(*branch);
    const std::vector<ValueId> results = std::exchange(region.results, {});
    for (size_t k = node.inputs.size(); k < inputs.size(); ++k)
      region.add_param(graph_.type(inputs[k]), fmt::format("g{}", k - node.inputs.size()));
    Reverse inner(region, env_);
    for (const size_t k : to) inner.aim(region.params[k - 1].value);
    inner.spread();
    size_t next = node.inputs.size() - 1 + from.size();
    for (const size_t k : to)
      if (seeded[k]) inner.add(region.params[k - 1].value, region.params[next++].value);
    for (size_t k = 0; k < from.size(); ++k)
      inner.add(results[from[k]], region.params[node.inputs.size() - 1 + k].value);
    inner.run();
    GraphBuilder builder(region, env_);
    for (const size_t k : to) {
      const ValueId param = region.params[k - 1].value, found = inner.gradient(param);
      region.results.push_back(found >= 0 ? found : nothing(builder, region.type(param)).id);
    }
    regions.push_back(std::make_shared<Graph>(std::move(region)));
  }
  std::vector<TensorType> types;
  types.reserve(to.size());
  for (const size_t k : to) types.push_back(graph_.type(node.inputs[k]));
  Node& made = graph_.add_node(*node.op, inputs, {}, types, node.loc);
  made.regions = std::move(regions);
  const std::vector<ValueId> outputs = made.outputs;
  for (size_t k = 0; k < to.size(); ++k) {
    if (seeded[to[k]])
      gradients_[node.inputs[to[k]]] = outputs[k];
    else
      add(node.inputs[to[k]], outputs[k]);
  }
}

}  // namespace tandem
