#include "passes/gradient.h"

#include <algorithm>

#include "ir/put_mode.h"
#include "ir/symbols.h"
#include "passes/gradient_parts.h"

namespace tandem {

// ---- Which values lead to others -----------------------------------------------------------------------------------

void Reverse::spread(const Graph& graph, Flags& reached, size_t first, size_t last) {
  for (size_t i = first; i < last; ++i) {
    const Node& node = graph.nodes[i];
    if (node.no_grad) continue;
    const Flags outputs = through(graph, node, reached);
    for (size_t k = 0; k < outputs.size(); ++k)
      if (outputs[k] && is_inexact(graph.type(node.outputs[k]).dtype))
        reached[static_cast<size_t>(node.outputs[k])] = true;
  }
}

// Of the results of a node, those that the given values lead to.
Reverse::Flags Reverse::through(const Graph& graph, const Node& node, const Flags& reached) {
  Flags inputs;
  for (const ValueId id : node.inputs) inputs.push_back(reached[static_cast<size_t>(id)]);
  const bool any = std::find(inputs.begin(), inputs.end(), true) != inputs.end();
  if (!any || node.regions.empty()) return Flags(node.outputs.size(), any);
  const auto of_region = [](const Graph& region, const auto& is_param_reached) {
    Flags values(region.types.size(), false);
    for (size_t k = 0; k < region.params.size(); ++k)
      values[static_cast<size_t>(region.params[k].value)] = is_param_reached(k);
    spread(region, values, 0, region.nodes.size());
    Flags results;
    for (const ValueId result : region.results) results.push_back(values[static_cast<size_t>(result)]);
    return results;
  };
  Flags outputs(node.outputs.size(), false);
  if (node.op->name == "if") {
    for (const auto& region : node.regions) {
      const Flags results = of_region(*region, [&](size_t k) { return inputs[k + 1]; });
      for (size_t k = 0; k < outputs.size(); ++k) outputs[k] = outputs[k] || results[k];
    }
    return outputs;
  }
  for (bool more = true; more;) {
    more = false;
    const Flags results = of_region(*node.regions[1], [&](size_t k) { return inputs[k]; });
    for (size_t k = 0; k < outputs.size(); ++k) {
      more = more || (results[k] && !inputs[k]);
      inputs[k] = outputs[k] = inputs[k] || (results[k] && is_inexact(graph.type(node.outputs[k]).dtype));
    }
  }
  return outputs;
}

void Reverse::spread() {
  reached_.assign(graph_.types.size(), false);
  for (const ValueId aim : aims_) reached_[static_cast<size_t>(aim)] = true;
  // In the order in which things were made.
  size_t next = first_;
  for (const OwnRule& rule : rules_) {
    if (rule.position < next) continue;
    spread(graph_, reached_, std::exchange(next, rule.position), rule.position);
    const bool any =
        std::any_of(rule.inputs.begin(), rule.inputs.end(), [this](ValueId id) { return id >= 0 && leads(id); });
    for (const ValueId output : rule.outputs)
      if (any && output >= 0 && is_inexact(graph_.type(output).dtype)) reached_[static_cast<size_t>(output)] = true;
  }
  spread(graph_, reached_, next, graph_.nodes.size());
}

// ---- From the last node to the first -------------------------------------------------------------------------------

void Reverse::add(ValueId value, ValueId gradient, ValueId given) {
  if (!leads(value)) return;
  gradient = cast(at(gradient), graph_.type(value).dtype).id;
  const auto [known, first] = gradients_.try_emplace(value, gradient);
  if (first) {
    if (given >= 0) given_[value] = given;
    return;
  }
  known->second = (at(known->second) + at(gradient)).id;
  note_given(value, given);
}

// One more gradient of a value that has one.
void Reverse::note_given(ValueId value, ValueId given) {
  const auto known = given_.find(value);
  if (known == given_.end() || known->second == given) return;
  if (given < 0)
    given_.erase(known);
  else
    known->second = binary("logical_or", at(known->second), at(given)).id;
}

ValueId Reverse::gradient(ValueId value) const {
  const auto found = gradients_.find(value);
  return found != gradients_.end() ? found->second : -1;
}

ValueId Reverse::given(ValueId value) const {
  const auto found = given_.find(value);
  return found != given_.end() ? found->second : -1;
}

ValueId Reverse::complete(ValueId value) {
  const auto found = gradients_.find(value);
  if (found == gradients_.end()) return -1;
  const auto original = originals_.find(value);
  const ValueId known = original != originals_.end() ? original->second : value;
  if (on_complete && completed_.insert(known).second) found->second = on_complete(known, found->second);
  return found->second;
}

void Reverse::run() {
  const size_t count = graph_.nodes.size();
  for (size_t i = count; i-- > first_;) {
    while (!rules_.empty() && rules_.back().position > i) {
      const OwnRule rule = std::move(rules_.back());
      rules_.pop_back();
      apply(rule);
    }
    // Rules of their own hold the first results.
    const std::optional<size_t> begin = begin_of_segment(i);
    if (begin && (rules_.empty() || rules_.back().position <= *begin)) {
      through_segment(*begin, i);
      i = *begin;
    } else {
      visit(i);
    }
  }
  for (const ValueId aim : aims_) complete(aim);
}

void Reverse::visit(size_t i) {
  const Node& node = graph_.nodes[i];
  if (node.no_grad) return;
  const auto is_wanted = [this](ValueId id) { return leads(id) && gradients_.contains(id); };
  if (std::none_of(node.outputs.begin(), node.outputs.end(), is_wanted)) return;
  if (std::none_of(node.inputs.begin(), node.inputs.end(), [this](ValueId id) { return leads(id); })) return;
  builder_.set_location(node.loc);
  if (node.regions.empty())
    step(i);
  else if (node.op->name == "if")
    through_if(i);
  else
    through_while(i);
}

void Reverse::step(size_t i) {
  const Node node = graph_.nodes[i];  // nodes are added
  check_internal(node.outputs.size() == 1, "the gradient of '{}' was asked for", node.op->name);
  const Value upstream = at(complete(node.outputs[0]));
  const ValueId given = this->given(node.outputs[0]);
  if (tables_.contains(node.inputs[0])) {
    const ValueId table = node.inputs[0];
    const Attr axis = node.attrs[0];
    gradients_[table] = builder_
                            .emit("index_update", {at(gradient(table)), at(node.inputs[1]), upstream},
                                  {axis, static_cast<int64_t>(PutMode::add)})
                            .id;
    note_given(table, given);
    return;
  }
  const GradRule rule = gradient_rule(*node.op);
  std::vector<Value> inputs;
  inputs.reserve(node.inputs.size());
  for (const ValueId input : node.inputs) inputs.push_back(at(input));
  const Value output = at(node.outputs[0]);
  const std::vector<Value> grads = rule({builder_, inputs, output, upstream, *node.op, node.attrs});
  for (size_t k = 0; k < grads.size(); ++k)
    if (grads[k] && leads(node.inputs[k])) add(node.inputs[k], only_where(builder_, given, grads[k]).id, given);
}

void Reverse::apply(const OwnRule& rule) {
  std::vector<ValueId> upstream;
  bool any = false, certain = false;
  ValueId given = -1;
  for (const ValueId output : rule.outputs) {
    upstream.push_back(output >= 0 && leads(output) ? complete(output) : -1);
    if (upstream.back() < 0) continue;
    any = true;
    const ValueId here = this->given(output);
    certain = certain || here < 0;
    if (here >= 0) given = given < 0 ? here : binary("logical_or", at(given), at(here)).id;
  }
  if (certain) given = -1;
  const auto counts = [this](ValueId id) { return id >= 0 && leads(id); };
  if (!any || std::none_of(rule.inputs.begin(), rule.inputs.end(), counts)) return;
  const std::vector<ValueId> grads = rule.gradients(upstream);
  for (size_t k = 0; k < grads.size(); ++k)
    if (grads[k] >= 0 && rule.inputs[k] >= 0) add(rule.inputs[k], only_where(builder_, given, at(grads[k])).id, given);
}

GradientGraph gradient_graph(const Graph& graph, const std::vector<bool>& of_results, const std::vector<bool>& wanted) {
  return with_gradient(without_effects(graph), of_results, wanted);
}

GradientGraph with_gradient(const Graph& graph, const std::vector<bool>& of_results, const std::vector<bool>& wanted) {
  GradientGraph made{graph, std::vector<GradientResult>(graph.params.size())};
  Graph& out = made.graph;
  const std::vector<Param> params = out.params;
  const std::vector<ValueId> results = std::exchange(out.results, {});
  ShapeEnv env = assumed_env(graph);
  Reverse reverse(out, env);
  for (size_t k = 0; k < wanted.size(); ++k)
    if (wanted[k]) reverse.aim(params[k].value);
  std::vector<std::pair<ValueId, ValueId>> upstream;
  for (size_t k = 0; k < of_results.size(); ++k)
    if (of_results[k])
      upstream.emplace_back(results[k], out.add_param(out.type(results[k]), fmt::format("upstream{}", k)));
  reverse.spread();
  for (const auto& [result, gradient] : upstream) reverse.add(result, gradient);
  reverse.run();
  for (size_t k = 0; k < wanted.size(); ++k) {
    const auto append = [&out](ValueId value) {
      if (value < 0) return -1;
      out.results.push_back(value);
      return static_cast<int>(out.results.size()) - 1;
    };
    const ValueId param = params[k].value;
    if (wanted[k]) made.found[k] = {append(reverse.gradient(param)), append(reverse.given(param))};
  }
  return made;
}

}  // namespace tandem
