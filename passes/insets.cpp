#include "passes/insets.h"

#include <algorithm>
#include <optional>

#include "ir/rules.h"
#include "ir/symbols.h"
#include "passes/fold.h"
#include "passes/index_map.h"
#include "passes/rewrite.h"

namespace tandem {

namespace {

using Dims = std::vector<Dim>;

constexpr int64_t kShortRow = 16;  // elements: rows that are shorter would be gathered one by one

struct Inset {
  size_t axis;
  Dim start;
  int64_t size, step;
};

class Chooser : public Rewriter {
 public:
  Chooser(const Graph& source, const ShapeEnv& env) : Rewriter(source, env), readers_(source.types.size()) {
    for (const Node& node : source.nodes)
      for (const ValueId in : node.inputs) readers_[static_cast<size_t>(in)].push_back(&node);
  }

 private:
  void visit(const Node& node) override {
    if (const auto inset = inset_of(node))
      map(node.outputs[0], chosen(node, *inset).id);
    else
      copy(node);
  }
  Graph rewrite_region(const Node& node, size_t index) override { return Chooser(*node.regions[index], env_).run(); }

  std::optional<Inset> inset_of(const Node& node) {
    if (node.op->name != "slice_update") return std::nullopt;
    const Node* base = maker(mapped(node.inputs[0]));
    const auto& shape = source_type(node.outputs[0]).shape;
    const auto& sizes = attr_as<Dims>(*node.op, node.attrs, "sizes");
    if (base == nullptr || !is_full(*base->op) || source_type(node.inputs[1]).shape != sizes ||
        source_type(node.inputs[1]).dtype != source_type(node.outputs[0]).dtype || !is_fused(node.outputs[0]))
      return std::nullopt;
    const auto& starts = attr_as<Dims>(*node.op, node.attrs, "starts");
    const auto& steps = attr_as<Dims>(*node.op, node.attrs, "steps");
    std::optional<size_t> axis;
    for (size_t k = 0; k < shape.size(); ++k) {
      if (starts[k].is(0) && sizes[k] == shape[k] && steps[k].is(1)) continue;
      if (axis) return std::nullopt;
      axis = k;
    }
    if (!axis || !sizes[*axis].is_constant() || sizes[*axis].is(0) || !steps[*axis].is_constant() ||
        steps[*axis].constant() < 1 || is_short(shape, *axis))
      return std::nullopt;
    return Inset{*axis, starts[*axis], sizes[*axis].constant(), steps[*axis].constant()};
  }

  static bool is_short(const Shape& shape, size_t axis) {
    const Dim row = element_count(Shape(shape.begin() + static_cast<std::ptrdiff_t>(axis) + 1, shape.end()));
    return row.is_constant() && row.constant() < kShortRow;
  }

  // Whether a value is read, also by way of views, by what fusion computes element by element, and by nothing else.
  bool is_fused(ValueId value) const {
    return std::ranges::find(source_.results, value) == source_.results.end() &&
           std::ranges::all_of(readers_[static_cast<size_t>(value)], [&](const Node* reader) {
             if (is_view(*reader->op)) return is_fused(reader->outputs[0]);
             return is_reduction(*reader->op) || (is_pointwise(*reader->op) && !is_take(*reader->op));
           });
  }

  Value chosen(const Node& node, const Inset& inset) {
    const TensorType& type = source_type(node.outputs[0]);
    const DType index = DType::i64;
    const auto whole = [&](int64_t value) { return builder_.scalar(index, static_cast<double>(value)); };
    const Value from_start = builder_.emit("iota", {}, {Shape{type.shape[inset.axis]}, int64_t{0}, index}) -
                             rules::dim_value(builder_, inset.start, index);
    Value row = from_start;
    if (inset.step != 1) row = binary("floor_divide", from_start, whole(inset.step));
    Value is_set =
        binary("bitwise_and", binary("greater_equal", from_start, whole(0)), binary("less", row, whole(inset.size)));
    if (inset.step != 1) is_set = binary("bitwise_and", is_set, binary("equal", row * whole(inset.step), from_start));
    row = binary("minimum", binary("maximum", row, whole(0)), whole(inset.size - 1));
    const Value taken =
        builder_.emit("take", {builder_.at(mapped(node.inputs[1])), row}, {static_cast<int64_t>(inset.axis)});
    Shape alone(type.shape.size() - inset.axis, Dim(1));
    alone[0] = type.shape[inset.axis];
    const Value rest = builder_.at(constant({type.dtype, {}, type.device}, maker(mapped(node.inputs[0]))->attrs[1]));
    return where(reshape(is_set, alone), taken, rest);
  }

  std::vector<std::vector<const Node*>> readers_;  // by value of the source
};

}  // namespace

Graph insets(const Graph& graph) { return Chooser(graph, assumed_env(graph)).run(); }

}  // namespace tandem
