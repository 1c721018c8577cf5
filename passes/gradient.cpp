#include "passes/gradient.h"

#include <algorithm>
#include <map>

#include "ir/builder.h"
#include "ir/symbols.h"

namespace tandem {

namespace {

class Reverse {
 public:
  Reverse(const Graph& source, const std::vector<bool>& wanted)
      : source_(source), graph_(source), env_(assumed_env(source)), builder_(graph_, env_) {
    reached_.assign(source.types.size(), false);
    for (size_t k = 0; k < wanted.size(); ++k) reached_[static_cast<size_t>(source.params[k].value)] = wanted[k];
    for (const Node& node : source.nodes) {
      const bool any =
          std::any_of(node.inputs.begin(), node.inputs.end(), [this](ValueId id) { return is_reached(id); });
      for (const ValueId out : node.outputs)
        reached_[static_cast<size_t>(out)] = any && is_inexact(source.type(out).dtype);
    }
  }

  Graph run(const std::vector<bool>& of_results, const std::vector<bool>& wanted) {
    graph_.results.clear();
    for (size_t k = 0; k < of_results.size(); ++k) {
      if (!of_results[k]) continue;
      const ValueId result = source_.results[k];
      const Value upstream = builder_.at(graph_.add_param(source_.type(result), fmt::format("upstream{}", k)));
      if (is_reached(result)) add(result, upstream);
    }
    for (size_t i = source_.nodes.size(); i-- > 0;) step(source_.nodes[i]);
    for (size_t k = 0; k < wanted.size(); ++k) {
      if (!wanted[k]) continue;
      const ValueId param = source_.params[k].value;
      const auto found = gradients_.find(param);
      const TensorType& type = source_.type(param);
      graph_.results.push_back(
          (found != gradients_.end() ? found->second : builder_.full(type.shape, type.dtype, 0)).id);
    }
    return std::move(graph_);
  }

 private:
  bool is_reached(ValueId id) const { return reached_[static_cast<size_t>(id)]; }

  void add(ValueId id, Value gradient) {
    const auto [known, first] = gradients_.try_emplace(id, gradient);
    if (!first) known->second = known->second + gradient;
  }

  void step(const Node& node) {
    const auto found = gradients_.find(node.outputs[0]);
    if (found == gradients_.end()) return;
    const Value upstream = found->second;
    const GradRule rule = gradient_rule(*node.op);
    builder_.set_location(node.loc);
    std::vector<Value> inputs;
    inputs.reserve(node.inputs.size());
    for (const ValueId input : node.inputs) inputs.push_back(builder_.at(input));
    const Value output = builder_.at(node.outputs[0]);
    const std::vector<Value> grads = rule({builder_, inputs, output, upstream, *node.op, node.attrs});
    for (size_t k = 0; k < grads.size(); ++k)
      if (grads[k] && is_reached(node.inputs[k])) add(node.inputs[k], cast(grads[k], inputs[k].dtype()));
  }

  const Graph& source_;
  Graph graph_;
  ShapeEnv env_;
  GraphBuilder builder_;
  std::vector<bool> reached_;  // by value: gradients flow from it to a wanted param
  std::map<ValueId, Value> gradients_;
};

}  // namespace

Graph gradient(const Graph& graph, const std::vector<bool>& of_results, const std::vector<bool>& wanted) {
  for (const Node& node : graph.nodes)
    check_internal(node.regions.empty() && node.outputs.size() == 1, "the gradient of '{}' was asked for",
                   node.op->name);
  return Reverse(graph, wanted).run(of_results, wanted);
}

}  // namespace tandem
