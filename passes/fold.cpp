#include "passes/fold.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "ir/symbols.h"
#include "ir/text.h"

namespace tandem {

namespace {

// The number that result 0 of a graph is filled with.
std::optional<int64_t> result_bits(const Graph& graph) {
  for (const Node& node : graph.nodes)
    if (is_full(*node.op) && node.outputs[0] == graph.results[0]) return fill_bits(node.attrs);
  return std::nullopt;
}

}  // namespace

bool is_full(const OpDef& op) {
  const auto* structure = std::get_if<Structure>(&op.lower);
  return structure != nullptr && *structure == Structure::full;
}

int64_t fill_bits(const Attrs& full) {
  const DType dtype = std::get<DType>(full[2]);
  if (const auto* real = std::get_if<double>(&full[1])) return constant_bits_of(dtype, *real);
  if (const auto* flag = std::get_if<bool>(&full[1])) return evaluate(ScalarOp::cast, dtype, DType::boolean, *flag);
  return evaluate(ScalarOp::cast, dtype, DType::i64, std::get<int64_t>(full[1]));
}

std::optional<Attr> fill_value_of(DType dtype, int64_t bits) {
  if (dtype == DType::boolean) return bits != 0;
  if (is_integer(dtype)) return bits;
  double value = to_double(dtype, bits);
  // The text of a NaN holds its sign and nothing else.
  if (std::isnan(value)) value = std::copysign(std::numeric_limits<double>::quiet_NaN(), value);
  if (constant_bits_of(dtype, value) != bits) return std::nullopt;
  return value;
}

std::optional<Element> evaluate_pointwise(const OpDef& op, const Attrs& attrs, std::span<const DType> dtypes,
                                          std::span<const int64_t> bits) {
  const auto* rule = std::get_if<PointwiseRule>(&op.lower);
  if (rule == nullptr || dtypes.empty() || std::any_of(dtypes.begin(), dtypes.end(), is_complex)) return std::nullopt;
  DType promoted = dtypes[0];
  for (const DType dtype : dtypes) promoted = promote(promoted, dtype);
  ScalarBuilder builder;
  std::vector<Scalar> inputs;
  for (size_t k = 0; k < dtypes.size(); ++k) {
    const Scalar input = builder.constant_bits(dtypes[k], bits[k]);
    inputs.push_back(op.has(Trait::mixed) ? input : input.cast(compute_type(promoted)));
  }
  const Scalar result = (*rule)(inputs, op, attrs);
  const ScalarNode& node = builder.body()[static_cast<size_t>(result.id)];
  check_internal(node.op == ScalarOp::constant, "{} of constants is not a constant", op.name);
  return Element{node.dtype, node.imm};
}

std::optional<int64_t> evaluate_pointwise(const OpDef& op, const Attrs& attrs, std::span<const DType> dtypes,
                                          std::span<const int64_t> bits, DType result) {
  const auto made = evaluate_pointwise(op, attrs, dtypes, bits);
  if (!made) return std::nullopt;
  return made->dtype == result ? made->bits : evaluate(ScalarOp::cast, result, made->dtype, made->bits);
}

void Folder::begin() {
  for (size_t k = 0; k < known_.size(); ++k) {
    if (!known_[k]) continue;
    const Param& param = source_.params[k];
    const TensorType& type = source_type(param.value);
    if (auto value = fill_value_of(type.dtype, *known_[k])) map(param.value, constant(type, std::move(*value)));
  }
}

void Folder::visit(const Node& node) {
  if (!fold_node(node)) copy(node);
}

Graph Folder::fold_region(const Graph& region, std::vector<std::optional<int64_t>> known) {
  return Folder(region, env_, std::move(known)).run();
}

Graph Folder::rewrite_region(const Node& node, size_t index) {
  const Graph& region = *node.regions[index];
  const bool is_if = region_labels(*node.op)[0] == "then";
  std::vector<std::optional<int64_t>> known(region.params.size());
  for (size_t k = is_if ? 0 : node.outputs.size(); k < known.size(); ++k) {
    const ValueId input = mapped(node.inputs[is_if ? k + 1 : k]);
    if (element_count(graph_.type(input).shape).is(1)) known[k] = constant_bits(input);
  }
  return fold_region(region, std::move(known));
}

std::optional<int64_t> Folder::constant_bits(ValueId value) {
  const Node* node = maker(value);
  if (node == nullptr || !is_full(*node->op) || is_complex(graph_.type(value).dtype)) return std::nullopt;
  return fill_bits(node->attrs);
}

std::optional<Attr> Folder::folded(const OpDef& op, const std::vector<ValueId>& inputs, const Attrs& attrs,
                                   DType result) {
  if (is_complex(result)) return std::nullopt;  // constants of two parts have no bits of their own
  const auto* structure = std::get_if<Structure>(&op.lower);
  if (structure != nullptr && *structure == Structure::from_dim) {
    const Dim size = attr_as<std::vector<Dim>>(op, attrs, "size").at(0);
    if (!size.is_constant()) return std::nullopt;
    return fill_value_of(result, evaluate(ScalarOp::cast, result, DType::i64, size.constant()));
  }
  const bool view = std::holds_alternative<ViewRule>(op.lower);
  if (inputs.empty() || !(view || std::holds_alternative<PointwiseRule>(op.lower))) return std::nullopt;
  std::vector<int64_t> bits;
  std::vector<DType> dtypes;
  for (const ValueId input : inputs) {
    const auto known = constant_bits(input);
    if (!known) return std::nullopt;
    bits.push_back(*known);
    dtypes.push_back(graph_.type(input).dtype);
  }
  if (view) return fill_value_of(result, bits[0]);
  return fill_value_of(result, *evaluate_pointwise(op, attrs, dtypes, bits, result));
}

bool Folder::fold_node(const Node& node) {
  const auto labels = region_labels(*node.op);
  if (!labels.empty()) return labels[0] == "then" ? fold_if(node) : fold_while(node);
  if (node.outputs.size() != 1) return false;
  const TensorType& type = source_type(node.outputs[0]);
  // Also a constant itself is brought into its one form.
  if (is_full(*node.op) && is_complex(type.dtype)) return false;
  std::optional<Attr> value = is_full(*node.op) ? fill_value_of(type.dtype, fill_bits(node.attrs))
                                                : folded(*node.op, mapped(node.inputs), node.attrs, type.dtype);
  if (!value) return false;
  map(node.outputs[0], constant(type, std::move(*value)));
  return true;
}

bool Folder::fold_if(const Node& node) {
  const auto predicate = constant_bits(mapped(node.inputs[0]));
  if (!predicate) return false;
  const std::vector<ValueId> inputs = mapped(node.inputs);
  const auto results = splice(*node.regions[*predicate != 0 ? 0 : 1], {inputs.begin() + 1, inputs.end()});
  for (size_t k = 0; k < results.size(); ++k) map(node.outputs[k], results[k]);
  return true;
}

bool Folder::fold_while(const Node& node) {
  const Graph& condition = *node.regions[0];
  if (std::any_of(condition.nodes.begin(), condition.nodes.end(), has_effects)) return false;
  std::vector<std::optional<int64_t>> known;
  for (const ValueId input : node.inputs) {
    const ValueId value = mapped(input);
    known.push_back(element_count(graph_.type(value).shape).is(1) ? constant_bits(value) : std::nullopt);
  }
  if (std::none_of(known.begin(), known.end(), [](const auto& bits) { return bits.has_value(); })) return false;
  if (result_bits(fold_region(condition, std::move(known))) != 0) return false;
  for (size_t k = 0; k < node.outputs.size(); ++k) map(node.outputs[k], mapped(node.inputs[k]));
  return true;
}

Graph fold(const Graph& graph) { return Folder(graph, ShapeEnv()).run(); }

}  // namespace tandem
