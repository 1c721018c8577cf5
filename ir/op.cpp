#include "ir/op.h"

#include <algorithm>
#include <unordered_map>

#include "ir/rules.h"

namespace tandem {

std::string to_text(Device device) {
  return device.type == Device::Type::cpu ? "cpu" : fmt::format("cuda:{}", device.index);
}

std::string to_text(const TensorType& type) {
  std::string text = std::string(info(type.dtype).text) + to_text(type.shape);
  return type.device.type == Device::Type::cpu ? text : text + "@" + to_text(type.device);
}

std::string_view name_of(const OpDef& op) { return op.name; }

int OpDef::attr_index(std::string_view attr) const {
  for (size_t i = 0; i < attrs.size(); ++i)
    if (attrs[i].name == attr) return static_cast<int>(i);
  throw InternalError(fmt::format("{} has no attribute '{}'", name, attr));
}

const Attr& InferContext::attr(std::string_view name) const { return attrs[static_cast<size_t>(op.attr_index(name))]; }
Attr& InferContext::attr(std::string_view name) { return attrs[static_cast<size_t>(op.attr_index(name))]; }

size_t hash(const Attrs& attrs) {
  size_t seed = attrs.size();
  const auto mix = [&seed](size_t value) { seed = (seed ^ value) * 0x9E3779B97F4A7C15ull + (seed >> 29); };
  for (const Attr& attr : attrs) {
    mix(attr.index());
    std::visit(
        [&](const auto& value) {
          using T = std::decay_t<decltype(value)>;
          if constexpr (std::is_same_v<T, std::vector<Dim>>) {
            for (const Dim& dim : value) mix(dim.hash());
          } else if constexpr (std::is_same_v<T, std::monostate>) {
          } else {
            mix(std::hash<T>()(value));
          }
        },
        attr);
  }
  return seed;
}

std::string to_text(const Attr& attr) {
  struct Printer {
    std::string operator()(std::monostate) const { return "none"; }
    std::string operator()(bool value) const { return value ? "true" : "false"; }
    std::string operator()(int64_t value) const { return fmt::format("{}", value); }
    std::string operator()(double value) const {
      std::string text = fmt::format("{}", value);  // shortest text that reads back as the same number
      return text.find_first_of(".einf") == std::string::npos ? text + ".0" : text;
    }
    std::string operator()(DType value) const { return std::string(info(value).text); }
    std::string operator()(const std::vector<Dim>& value) const { return to_text(value); }
  };
  return std::visit(Printer{}, attr);
}

Shape broadcast_shapes(std::string_view what, std::span<const Shape> shapes, ShapeEnv& env) {
  size_t rank = 0;
  for (const Shape& shape : shapes) rank = std::max(rank, shape.size());
  Shape out(rank, Dim(1));
  for (const Shape& shape : shapes)
    for (size_t k = 0; k < shape.size(); ++k) {
      Dim& have = out[rank - shape.size() + k];
      const Dim want = shape[k];
      if (want.is(1) || have == want) continue;
      if (have.is(1)) {
        have = want;
        continue;
      }
      if (env.equal(have, want)) {
        if (want.is_constant()) have = want;
        continue;
      }
      // A symbol may stand for 1 in this call.
      if (!want.is_constant() && env.equal(want, 1)) continue;
      if (!have.is_constant() && env.equal(have, 1)) {
        have = want;
        continue;
      }
      std::string all;
      for (const Shape& s : shapes) all += (all.empty() ? "" : " and ") + to_text(s);
      throw_error(ErrorKind::shape,
                  "{}: got shapes {}; need sizes that are equal or 1 along every axis, counted from "
                  "the last; try reshape or expand_dims",
                  what, all);
    }
  return out;
}

int64_t normalize_axis(std::string_view what, int64_t axis, int rank) {
  if (axis < -rank || axis >= rank)
    throw_error(ErrorKind::index, "{}: got axis {} for a tensor with {} axes; need {} <= axis < {}", what, axis, rank,
                -rank, rank);
  return axis < 0 ? axis + rank : axis;
}

namespace {

struct Registry {
  std::vector<OpDef> rows;
  std::vector<const OpDef*> all;
  std::unordered_map<std::string_view, const OpDef*> by_name;

  Registry() {
    for (auto family : {creation_ops,    arithmetic_ops, extreme_ops,   rounding_ops,    comparison_ops, elementary_ops,
                        exponential_ops, special_ops,    reduction_ops, view_ops,        part_ops,       indexing_ops,
                        scatter_ops,     nn_ops,         linalg_ops,    convolution_ops, pooling_ops,    fourier_ops,
                        sorting_ops,     random_ops,     control_ops,   complex_ops})
      for (OpDef& row : family()) rows.push_back(std::move(row));
    for (const OpDef& row : rows) {
      all.push_back(&row);
      by_name[row.name] = &row;
    }
  }
};

const Registry& registry() {
  static const Registry* instance = new Registry;  // rows are referred to for the life of the process
  return *instance;
}

}  // namespace

const std::vector<const OpDef*>& all_ops() { return registry().all; }

const OpDef* find_op(std::string_view name) {
  const auto& by_name = registry().by_name;
  const auto it = by_name.find(name);
  return it == by_name.end() ? nullptr : it->second;
}

const OpDef& op(std::string_view name) {
  const OpDef* row = find_op(name);
  check_internal(row != nullptr, "there is no operation '{}'", name);
  return *row;
}

CheckedAxis checked_axis(const OpDef& op, std::span<const TensorType> inputs, const TensorType& result,
                         const Attrs& attrs) {
  const int table = op.checks->table;
  const bool along = std::any_of(op.attrs.begin(), op.attrs.end(), [](const auto& a) { return a.name == "axis"; });
  const int64_t axis = along ? attr_as<int64_t>(op, attrs, "axis") : 0;
  const TensorType& type = table == IndexCheck::kResult ? result : inputs[static_cast<size_t>(table)];
  return {axis, type.shape[static_cast<size_t>(axis)]};
}

GradRule gradient_rule(const OpDef& op) {
  if (const auto* rule = std::get_if<GradRule>(&op.grad)) return *rule;
  const auto* none = std::get_if<NoGrad>(&op.grad);
  throw_error(ErrorKind::autograd, "backward: got a result of '{}'; need an operation with a gradient: {}", op.name,
              none ? none->reason : "it has no formula");
}

ComposeRule formula_of(const OpDef& op, std::span<const DType> inputs, const Attrs& attrs) {
  if (const auto* formula = std::get_if<ComposeRule>(&op.lower)) return *formula;
  if (op.complex_formula == nullptr) return nullptr;
  const bool takes = std::any_of(inputs.begin(), inputs.end(), is_complex);
  const bool gives = std::any_of(attrs.begin(), attrs.end(), [](const Attr& attr) {
    const auto* dtype = std::get_if<DType>(&attr);
    return dtype != nullptr && is_complex(*dtype);
  });
  return takes || gives ? op.complex_formula : nullptr;
}

bool takes_complex(const OpDef& op) {
  if (std::holds_alternative<PointwiseRule>(op.lower)) return op.on_complex != nullptr;
  if (std::holds_alternative<ReduceRule>(op.lower)) return op.has(Trait::complex);
  if (std::holds_alternative<ComposeRule>(op.lower)) return op.accepts == Accepts::any || op.has(Trait::complex);
  if (const auto* scan = std::get_if<ScanRule>(&op.lower))
    return scan->kind == ReduceKind::sum || scan->kind == ReduceKind::prod;
  if (std::get_if<Structure>(&op.lower) && std::get<Structure>(op.lower) == Structure::library)
    return (op.accepts != Accepts::any && op.accepts != Accepts::numeric) || op.has(Trait::complex) ||
           op.complex_formula != nullptr;
  return true;  // moves elements, or is done part by part
}

const OpDef& view_of_update(const OpDef& update) { return op(update.name == "slice_update" ? "slice" : "as_strided"); }

}  // namespace tandem
