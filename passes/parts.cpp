#include "passes/parts.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "ir/symbols.h"
#include "passes/fold.h"
#include "passes/ranges.h"
#include "passes/rewrite.h"

namespace tandem {

namespace {

using Dims = std::vector<Dim>;

struct Part {
  Dims starts, sizes;
  ValueId value;
  bool summed = false;  // +0.0 has been added
};
using Parts = std::vector<Part>;

bool are_apart(const Part& a, const Part& b) {
  for (size_t k = 0; k < a.starts.size(); ++k)
    if (at_most(a.starts[k] + a.sizes[k], b.starts[k]) || at_most(b.starts[k] + b.sizes[k], a.starts[k])) return true;
  return false;
}

// The axis along which the parts follow one another and fill the shape; sorts them.
std::optional<int64_t> axis_filled(Parts& parts, const Shape& shape) {
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    const bool whole = std::all_of(parts.begin(), parts.end(), [&](const Part& part) {
      for (size_t k = 0; k < shape.size(); ++k)
        if (k != axis && (!part.starts[k].is(0) || !(part.sizes[k] == shape[k]))) return false;
      return true;
    });
    if (!whole) continue;
    std::sort(parts.begin(), parts.end(), [axis](const Part& a, const Part& b) {
      return !(a.starts[axis] == b.starts[axis]) && at_most(a.starts[axis], b.starts[axis]);
    });
    Dim end = 0;
    const bool follow = std::all_of(parts.begin(), parts.end(), [&](const Part& part) {
      const bool next = part.starts[axis] == end;
      end = end + part.sizes[axis];
      return next;
    });
    if (follow && end == shape[axis]) return static_cast<int64_t>(axis);
  }
  return std::nullopt;
}

class Joiner : public Rewriter {
 public:
  using Rewriter::Rewriter;

 private:
  void visit(const Node& node) override {
    if (node.op->name == "slice_update") {
      if (auto part = part_of(node)) known_[node.outputs[0]] = {std::move(*part)};
    } else if (node.op->name == "add" && join(node)) {
      return;
    }
    copy(node);
  }
  Graph rewrite_region(const Node& node, size_t index) override { return Joiner(*node.regions[index], env_).run(); }

  std::optional<Part> part_of(const Node& node) {
    const TensorType& type = source_type(node.outputs[0]);
    const Node* base = maker(mapped(node.inputs[0]));
    if (!is_floating(type.dtype) || !base || !is_full(*base->op) || fill_bits(base->attrs) != 0) return std::nullopt;
    const auto& steps = attr_as<Dims>(*node.op, node.attrs, "steps");
    if (!std::all_of(steps.begin(), steps.end(), [](const Dim& step) { return step.is(1); })) return std::nullopt;
    const auto& sizes = attr_as<Dims>(*node.op, node.attrs, "sizes");
    if (source_type(node.inputs[1]).shape != sizes || source_type(node.inputs[1]).dtype != type.dtype)
      return std::nullopt;
    return Part{attr_as<Dims>(*node.op, node.attrs, "starts"), sizes, mapped(node.inputs[1])};
  }

  bool join(const Node& node) {
    const auto left = known_.find(node.inputs[0]), right = known_.find(node.inputs[1]);
    if (left == known_.end() || right == known_.end()) return false;
    const TensorType& type = source_type(node.outputs[0]);
    for (const ValueId input : node.inputs)
      if (source_type(input).shape != type.shape || source_type(input).dtype != type.dtype) return false;
    Parts all = left->second;
    for (const Part& part : right->second) {
      if (!std::all_of(left->second.begin(), left->second.end(),
                       [&](const Part& other) { return are_apart(part, other); }))
        return false;
      all.push_back(part);
    }
    for (Part& part : all) {
      if (!part.summed) part.value = (builder_.at(part.value) + 0.0).id;
      part.summed = true;
    }
    Value whole;
    if (const auto axis = axis_filled(all, type.shape)) {
      std::vector<Value> values;
      for (const Part& part : all) values.push_back(builder_.at(part.value));
      whole = builder_.emit(op("concat"), values, {*axis});
    } else {
      whole = builder_.full(type.shape, type.dtype, 0);
      for (const Part& part : all)
        whole = builder_.emit("slice_update", {whole, builder_.at(part.value)},
                              {part.starts, part.sizes, Dims(part.starts.size(), Dim(1))});
    }
    map(node.outputs[0], whole.id);
    known_[node.outputs[0]] = std::move(all);
    return true;
  }

  std::unordered_map<ValueId, Parts> known_;  // by value of the source
};

}  // namespace

Graph parts(const Graph& graph) { return Joiner(graph, assumed_env(graph)).run(); }

}  // namespace tandem
