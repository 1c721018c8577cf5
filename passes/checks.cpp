#include "passes/checks.h"

#include <algorithm>
#include <unordered_map>

#include "passes/fold.h"
#include "passes/index_map.h"
#include "passes/ranges.h"
#include "passes/rewrite.h"

namespace tandem {

namespace {

bool has_elements(const TensorType& type) {
  return std::none_of(type.shape.begin(), type.shape.end(), [](const Dim& size) { return size.is(0); });
}

// The values of which every element is computed. A kernel evaluates only what its readers ask for.
std::vector<bool> complete_values(const Graph& graph) {
  std::vector<bool> complete(graph.types.size(), false);
  const auto mark = [&complete](ValueId value) { complete[static_cast<size_t>(value)] = true; };
  for (const ValueId result : graph.results) mark(result);
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    const Node& node = graph.nodes[i];
    const bool evaluated = is_view(*node.op) || is_pointwise(*node.op) || is_reduction(*node.op) || is_scan(*node.op);
    if (!evaluated) {
      for (const ValueId input : node.inputs) mark(input);
      continue;
    }
    if (!complete[static_cast<size_t>(node.outputs[0])] || !has_elements(graph.type(node.outputs[0])) ||
        node.op->name == "slice")
      continue;
    for (size_t k = is_take(*node.op) ? 1 : 0; k < node.inputs.size(); ++k) mark(node.inputs[k]);
  }
  return complete;
}

class Dropper : public Rewriter {
 public:
  Dropper(const Graph& source, const ShapeEnv& env, std::vector<IndexRange> params = {})
      : Rewriter(source, env), complete_(complete_values(source)), ranges_(source, std::move(params)) {
    for (const Node& node : source.nodes)
      if (node.op->checks) readers_.emplace(node.inputs[static_cast<size_t>(node.op->checks->indices)], &node);
  }

 private:
  void visit(const Node& node) override {
    if (is(*node.op, Structure::check_index) && (within(node) || checked_before(node) || checked_by_readers(node)))
      map(node.outputs[0], mapped(node.inputs[0]));
    else
      copy(node);
  }
  Graph rewrite_region(const Node& node, size_t index) override {
    return Dropper(*node.regions[index], env_, ranges_.params_of(node, index)).run();
  }

  bool within(const Node& node) {
    const Node* made_by = maker(mapped(node.inputs[0]));
    const Dim size = attr_as<std::vector<Dim>>(*node.op, node.attrs, "size")[0];
    if (is_index_of(ranges_.of(node.inputs[0]), size)) return true;
    if (made_by == nullptr || !is(*made_by->op, Structure::full) || !size.is_constant()) return false;
    const int64_t index = fill_bits(made_by->attrs);
    return -size.constant() <= index && index < size.constant();
  }

  bool checked_before(const Node& node) {
    const Node* made_by = maker(mapped(node.inputs[0]));
    return made_by != nullptr && is(*made_by->op, Structure::check_index) && node.inputs.size() == 1 &&
           attr_as<std::vector<Dim>>(*node.op, node.attrs, "size") ==
               attr_as<std::vector<Dim>>(*made_by->op, made_by->attrs, "size");
  }

  // Numbers beyond int64 are converted before an update looks at them.
  bool checks_itself(const Node& update) const {
    return !attr_as<bool>(*update.op, update.attrs, "checked") && source_type(update.inputs[1]).dtype != DType::u64;
  }

  bool checked_by_readers(const Node& node) const {
    if (attr_as<bool>(*node.op, node.attrs, "ordered")) return false;
    const Dim size = attr_as<std::vector<Dim>>(*node.op, node.attrs, "size")[0];
    const auto [first, last] = readers_.equal_range(node.outputs[0]);
    return std::any_of(first, last, [&](const auto& entry) {
      const Node& reader = *entry.second;
      std::vector<TensorType> types;
      types.reserve(reader.inputs.size());
      for (const ValueId input : reader.inputs) types.push_back(source_type(input));
      const TensorType& result = source_type(reader.outputs[0]);
      const CheckedAxis looked_at = checked_axis(*reader.op, types, result, reader.attrs);
      // The message is to name the axis of what the user's program indexes.
      if (looked_at.size != size || looked_at.axis != attr_as<int64_t>(*node.op, node.attrs, "axis")) return false;
      return has_elements(result) &&
             (is(*reader.op, Structure::index_update) ? checks_itself(reader)
                                                      : complete_[static_cast<size_t>(reader.outputs[0])]);
    });
  }

  std::vector<bool> complete_;
  Ranges ranges_;
  std::unordered_multimap<ValueId, const Node*> readers_;  // of indices, by which they check them
};

}  // namespace

Graph checks(const Graph& graph) { return Dropper(graph, ShapeEnv()).run(); }

}  // namespace tandem
