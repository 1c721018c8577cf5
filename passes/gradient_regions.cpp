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
  // What the branches take besides what they took: gradients, and whether these are given.
  struct Known {
    size_t gradient, given;  // numbers of params; 0: none
  };
  std::vector<ValueId> inputs = node.inputs;
  const auto pass = [&](ValueId value) -> Known {
    Known known{0, 0};
    if (gradient(value) < 0) return known;
    inputs.push_back(gradient(value));
    known.gradient = inputs.size() - 2;
    if (given(value) < 0) return known;
    inputs.push_back(given(value));
    known.given = inputs.size() - 2;
    return known;
  };
  std::vector<Known> of_results, before;
  for (const size_t k : from) of_results.push_back(pass(node.outputs[k]));
  for (size_t k = 1; k < node.inputs.size(); ++k) {
    if (!leads(node.inputs[k])) continue;
    const auto same = [&](size_t other) { return node.inputs[other] == node.inputs[k]; };
    before.push_back(std::none_of(to.begin(), to.end(), same) ? pass(node.inputs[k]) : Known{0, 0});
    to.push_back(k);
  }
  if (to.empty()) return;
  // Each branch with the gradients it finds, and whether they are given there.
  struct Branch {
    Graph region;
    std::vector<ValueId> gradients, given;
  };
  std::vector<Branch> branches;
  for (const auto& branch : node.regions) {
    Branch made{without_effects(*branch), {}, {}};
    Graph& region = made.region;
    const std::vector<ValueId> results = std::exchange(region.results, {});
    for (size_t k = node.inputs.size(); k < inputs.size(); ++k)
      region.add_param(graph_.type(inputs[k]), fmt::format("g{}", k - node.inputs.size()));
    Reverse inner(region, env_);
    inner.keep_all();
    for (const size_t k : to) inner.aim(region.params[k - 1].value);
    inner.spread();
    const auto add_known = [&](ValueId value, const Known& known) {
      const auto param = [&](size_t number) { return region.params[number].value; };
      if (known.gradient) inner.add(value, param(known.gradient), known.given ? param(known.given) : -1);
    };
    for (size_t k = 0; k < to.size(); ++k) add_known(region.params[to[k] - 1].value, before[k]);
    for (size_t k = 0; k < from.size(); ++k) add_known(results[from[k]], of_results[k]);
    inner.run();
    for (const size_t k : to) {
      made.gradients.push_back(inner.gradient(region.params[k - 1].value));
      made.given.push_back(inner.given(region.params[k - 1].value));
    }
    branches.push_back(std::move(made));
  }
  // What neither branch has a gradient of stays without.
  std::vector<TensorType> types;
  std::vector<size_t> found, unsure;
  for (size_t k = 0; k < to.size(); ++k) {
    const auto none = [k](const Branch& branch) { return branch.gradients[k] < 0; };
    if (std::all_of(branches.begin(), branches.end(), none)) continue;
    found.push_back(k);
    types.push_back(graph_.type(node.inputs[to[k]]));
    if (std::any_of(branches.begin(), branches.end(),
                    [&](const Branch& each) { return none(each) || each.given[k] >= 0; }))
      unsure.push_back(k);
  }
  if (found.empty()) return;
  types.resize(found.size() + unsure.size(), {DType::boolean, {}, {}});
  std::vector<std::shared_ptr<const Graph>> regions;
  for (Branch& branch : branches) {
    GraphBuilder builder(branch.region, env_);
    for (const size_t k : found) {
      const TensorType type = graph_.type(node.inputs[to[k]]);
      branch.region.results.push_back(branch.gradients[k] >= 0 ? branch.gradients[k] : nothing(builder, type).id);
    }
    for (const size_t k : unsure)
      branch.region.results.push_back(branch.given[k] >= 0 ? branch.given[k]
                                                           : truth(builder, branch.gradients[k] >= 0).id);
    regions.push_back(std::make_shared<Graph>(std::move(branch.region)));
  }
  Node& made = graph_.add_node(*node.op, inputs, {}, types, node.loc);
  made.regions = std::move(regions);
  const std::vector<ValueId> outputs = made.outputs;
  for (size_t n = 0; n < found.size(); ++n) {
    const size_t k = found[n];
    const ValueId value = node.inputs[to[k]];
    const auto place = std::find(unsure.begin(), unsure.end(), k);
    const ValueId is_given =
        place == unsure.end() ? -1 : outputs[found.size() + static_cast<size_t>(place - unsure.begin())];
    if (!before[k].gradient) {
      add(value, outputs[n], is_given);
      continue;
    }
    gradients_[value] = outputs[n];
    given_.erase(value);
    if (is_given >= 0) given_[value] = is_given;
  }
}

}  // namespace tandem
