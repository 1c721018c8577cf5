#include "passes/gradient_split.h"

#include <algorithm>

#include "passes/cost.h"

namespace tandem {

namespace {

// Whether it costs so little that it is not worth keeping: what kernels compute element by element.
bool is_cheap(const Node& node) {
  if (!node.regions.empty() || has_effects(node) || node.outputs.size() != 1) return false;
  if (std::holds_alternative<ViewRule>(node.op->lower) || std::holds_alternative<PointwiseRule>(node.op->lower))
    return true;
  const auto* structure = std::get_if<Structure>(&node.op->lower);
  return structure &&
         (*structure == Structure::full || *structure == Structure::from_dim || *structure == Structure::iota);
}

class Splitter {
 public:
  Splitter(GradientGraph joint, const Graph& graph, std::optional<std::span<const int64_t>> hints)
      : hints_(hints),
        joint_(std::move(joint.graph)),
        found_(std::move(joint.found)),
        graph_(graph),
        makers_(joint_.producers()) {
    // Nodes that come before any gradient.
    std::vector<bool> late(joint_.types.size(), false);
    for (size_t k = graph.params.size(); k < joint_.params.size(); ++k)
      late[static_cast<size_t>(joint_.params[k].value)] = true;
    for (const Node& node : joint_.nodes) {
      // What is computed again is computed where the gradients are; in the graph itself it is like any other.
      const bool again = node.op->name == "again" && node.outputs[0] >= static_cast<ValueId>(graph.types.size());
      const bool is_late = again || std::any_of(node.inputs.begin(), node.inputs.end(),
                                                [&](ValueId id) { return late[static_cast<size_t>(id)]; });
      for (const ValueId output : node.outputs) late[static_cast<size_t>(output)] = is_late;
      early_.push_back(!is_late);
    }
    needed_.assign(joint_.nodes.size(), false);
    seen_.assign(joint_.types.size(), false);
    for (const ValueId result : joint_.results) need(result);
  }

  SplitGradient split(size_t hidden) {
    SplitGradient out{joint_, joint_, kept_.size(), {}, found_};
    out.forward.params.resize(graph_.params.size());
    out.forward.nodes.clear();
    for (size_t i = 0; i < joint_.nodes.size(); ++i)
      if (early_[i]) out.forward.nodes.push_back(joint_.nodes[i]);
    out.forward.results = graph_.results;
    out.forward.results.insert(out.forward.results.end() - static_cast<std::ptrdiff_t>(hidden), kept_.begin(),
                               kept_.end());
    out.backward.nodes.clear();
    std::vector<ValueId> now(joint_.types.size());
    for (size_t k = 0; k < now.size(); ++k) now[k] = static_cast<ValueId>(k);
    for (const ValueId value : kept_)
      now[static_cast<size_t>(value)] =
          out.backward.add_param(joint_.type(value), fmt::format("kept{}", out.backward.params.size()));
    const auto rename = [&](std::vector<ValueId>& values) {
      for (ValueId& value : values) value = now[static_cast<size_t>(value)];
    };
    for (size_t i = 0; i < joint_.nodes.size(); ++i) {
      if (!needed_[i]) continue;
      out.backward.nodes.push_back(joint_.nodes[i]);
      rename(out.backward.nodes.back().inputs);
    }
    rename(out.backward.results);
    for (const Param& param : graph_.params) out.reads.push_back(seen_[static_cast<size_t>(param.value)]);
    return out;
  }

 private:
  void need(ValueId first) {
    std::vector<ValueId> open = {first};  // without recursion: graphs are deep
    while (!open.empty()) {
      const auto value = static_cast<size_t>(open.back());
      open.pop_back();
      if (seen_[value]) continue;
      seen_[value] = true;
      if (makers_[value] < 0) continue;
      const auto i = static_cast<size_t>(makers_[value]);
      const Node& node = joint_.nodes[i];
      if (early_[i] && !is_cheap(node) && !is_dear_to_keep(node)) {
        kept_.push_back(static_cast<ValueId>(value));
        continue;
      }
      needed_[i] = true;
      open.insert(open.end(), node.inputs.begin(), node.inputs.end());
    }
  }

  // What had better not be kept: a product that is large and short, and what formulas, as that of softmax, make of it.
  bool is_dear_to_keep(const Node& node) const {
    if (!hints_ || node.outputs.size() != 1 || has_effects(node)) return false;
    const auto* structure = std::get_if<Structure>(&node.op->lower);
    if (structure && *structure == Structure::matmul) return is_dear_product(node);
    if (!std::holds_alternative<ComposeRule>(node.op->lower)) return false;
    for (ValueId value = node.outputs[0];;) {
      const int made_by = makers_[static_cast<size_t>(value)];
      if (made_by < 0) return false;
      const Node& maker = joint_.nodes[static_cast<size_t>(made_by)];
      if (const auto* own = std::get_if<Structure>(&maker.op->lower); own && *own == Structure::matmul)
        return is_dear_product(maker);
      if (!is_cheap(maker) && !std::holds_alternative<ComposeRule>(maker.op->lower)) return false;
      const auto as_large = std::ranges::find_if(maker.inputs, [&](ValueId input) {
        return joint_.type(input).dtype == DType::f32 && joint_.type(input).shape == joint_.type(value).shape;
      });
      if (as_large == maker.inputs.end()) return false;
      value = *as_large;
    }
  }
  bool is_dear_product(const Node& node) const {
    const TensorType& out = joint_.type(node.outputs[0]);
    const Shape &left = joint_.type(node.inputs[0]).shape, &right = joint_.type(node.inputs[1]).shape;
    const size_t rank = out.shape.size();
    if (out.dtype != DType::f32 || rank < 3 || left.size() != rank || right.size() != rank) return false;
    const auto hint = [&](Dim size) { return size.evaluate(hints_->data()); };
    return is_computed_again(hint(element_count(out.shape)), hint(left.back()));
  }

  const std::optional<std::span<const int64_t>> hints_;
  const Graph joint_;
  const std::vector<GradientResult> found_;
  const Graph& graph_;
  const std::vector<int> makers_;
  std::vector<bool> early_, needed_;  // by node
  std::vector<bool> seen_;            // by value
  std::vector<ValueId> kept_;
};

}  // namespace

SplitGradient split_gradient(const Graph& graph, size_t hidden, const std::vector<bool>& of_results,
                             const std::vector<bool>& wanted, std::optional<std::span<const int64_t>> hints) {
  return Splitter(with_gradient(graph, of_results, wanted), graph, hints).split(hidden);
}

}  // namespace tandem
