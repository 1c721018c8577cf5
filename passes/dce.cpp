#include "passes/dce.h"

#include <algorithm>

#include "ir/text.h"

namespace tandem {

namespace {

using Flags = std::vector<bool>;

template <class Item>
std::vector<Item> kept(const std::vector<Item>& items, const Flags& keep) {
  std::vector<Item> all;
  for (size_t k = 0; k < items.size(); ++k)
    if (keep[k]) all.push_back(items[k]);
  return all;
}

struct Needed {
  Flags nodes, values;
};

// What the given results depend on; and, with `effects`, what must happen without anybody's use.
Needed needed_for(const Graph& graph, const std::vector<ValueId>& results, bool effects) {
  Needed found{Flags(graph.nodes.size(), false), Flags(graph.types.size(), false)};
  const auto is_live = [&found](ValueId value) { return found.values[static_cast<size_t>(value)]; };
  for (const ValueId result : results) found.values[static_cast<size_t>(result)] = true;
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    const Node& node = graph.nodes[i];
    found.nodes[i] = (effects && has_effects(node)) || std::any_of(node.outputs.begin(), node.outputs.end(), is_live);
    if (!found.nodes[i]) continue;
    for (const ValueId in : node.inputs) found.values[static_cast<size_t>(in)] = true;
  }
  return found;
}

// The params of a region among them.
Flags params_used(const Graph& region, const std::vector<ValueId>& results, bool effects = true) {
  const Flags live = needed_for(region, results, effects).values;
  Flags used;
  for (const Param& param : region.params) used.push_back(live[static_cast<size_t>(param.value)]);
  return used;
}

// The values of `graph` numbered anew, without those that nothing refers to any more.
Graph compact(const Graph& graph) {
  Graph out;
  out.name = graph.name;
  std::vector<ValueId> map(graph.types.size(), -1);
  const auto renamed = [&map](std::vector<ValueId> values) {
    for (ValueId& value : values) value = map[static_cast<size_t>(value)];
    return values;
  };
  for (const Param& param : graph.params) {
    map[static_cast<size_t>(param.value)] = out.add_param(graph.type(param.value), param.name);
    out.params.back().contiguous = param.contiguous;
    out.params.back().strides = param.strides;
  }
  for (const Node& node : graph.nodes) {
    std::vector<TensorType> types;
    types.reserve(node.outputs.size());
    for (const ValueId value : node.outputs) types.push_back(graph.type(value));
    Node& made = out.add_node(*node.op, renamed(node.inputs), node.attrs, types, node.loc);
    made.regions = node.regions;
    for (size_t k = 0; k < node.outputs.size(); ++k) map[static_cast<size_t>(node.outputs[k])] = made.outputs[k];
  }
  out.results = renamed(graph.results);
  return out;
}

// The params that go must be unused by what stays.
std::shared_ptr<const Graph> pruned_region(const Graph& region, const Flags& keep_results, const Flags& keep_params) {
  Graph out = region;
  out.results = kept(region.results, keep_results);
  out.params = kept(region.params, keep_params);
  return std::make_shared<const Graph>(dce(out));
}

void prune_if(Node& node, const Flags& wanted) {
  Flags used(node.inputs.size() - 1, false);
  std::vector<std::shared_ptr<const Graph>> branches;
  for (const auto& region : node.regions) {
    Graph branch = *region;
    branch.results = kept(branch.results, wanted);
    branches.push_back(std::make_shared<const Graph>(dce(branch)));
    const Flags here = params_used(*branches.back(), branches.back()->results);
    for (size_t k = 0; k < used.size(); ++k) used[k] = used[k] || here[k];
  }
  for (size_t r = 0; r < branches.size(); ++r)
    node.regions[r] = pruned_region(*branches[r], Flags(branches[r]->results.size(), true), used);
  Flags inputs = used;
  inputs.insert(inputs.begin(), true);
  node.inputs = kept(node.inputs, inputs);
  node.outputs = kept(node.outputs, wanted);
}

void prune_while(Node& node, const Flags& wanted) {
  const Graph condition = dce(*node.regions[0]), body = dce(*node.regions[1]);
  Flags used = params_used(condition, condition.results);
  const Flags acts = params_used(body, {});
  for (size_t k = 0; k < used.size(); ++k) used[k] = used[k] || acts[k] || (k < wanted.size() && wanted[k]);
  // A carried value that is needed needs what its next value depends on.
  std::vector<Flags> depends;
  depends.reserve(body.results.size());
  for (const ValueId result : body.results) depends.push_back(params_used(body, {result}, false));
  Flags done(depends.size(), false);
  for (bool more = true; more;) {
    more = false;
    for (size_t k = 0; k < depends.size(); ++k) {
      if (!used[k] || done[k]) continue;
      more = done[k] = true;
      for (size_t p = 0; p < used.size(); ++p) used[p] = used[p] || depends[k][p];
    }
  }
  const Flags carried(used.begin(), used.begin() + static_cast<std::ptrdiff_t>(depends.size()));
  node.regions = {pruned_region(condition, {true}, used), pruned_region(body, carried, used)};
  node.inputs = kept(node.inputs, used);
  node.outputs = kept(node.outputs, carried);
}

}  // namespace

std::vector<bool> needed_nodes(const Graph& graph) { return needed_for(graph, graph.results, true).nodes; }

Graph dce(const Graph& graph) {
  Flags live(graph.types.size(), false);
  for (const ValueId result : graph.results) live[static_cast<size_t>(result)] = true;
  Graph out = graph;
  out.nodes.clear();
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    Node node = graph.nodes[i];
    Flags wanted;
    for (const ValueId value : node.outputs) wanted.push_back(live[static_cast<size_t>(value)]);
    if (std::find(wanted.begin(), wanted.end(), true) == wanted.end() && !has_effects(node)) continue;
    const auto labels = region_labels(*node.op);
    if (!labels.empty()) (labels[0] == "then" ? prune_if : prune_while)(node, wanted);
    for (const ValueId in : node.inputs) live[static_cast<size_t>(in)] = true;
    out.nodes.push_back(std::move(node));
  }
  std::reverse(out.nodes.begin(), out.nodes.end());
  return compact(out);
}

}  // namespace tandem
