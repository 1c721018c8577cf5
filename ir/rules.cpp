#include "ir/rules.h"

#include <algorithm>

namespace tandem::rules {

namespace {

Shape broadcast_inputs(InferContext& c) {
  std::vector<Shape> shapes;
  for (const TensorType& input : c.inputs) shapes.push_back(input.shape);
  return broadcast_shapes(c.op.name, shapes, c.env);
}

DType promoted(InferContext& c) {
  DType dtype = c.inputs[0].dtype;
  for (const TensorType& input : c.inputs.subspan(1)) dtype = promote(dtype, input.dtype);
  return dtype;
}

Shape reduced_shape(InferContext& c, const std::vector<Dim>& axes) {
  const bool keep = c.get<bool>("keepdims");
  Shape shape;
  for (int k = 0; k < c.inputs[0].rank(); ++k) {
    const bool gone = std::find(axes.begin(), axes.end(), Dim(k)) != axes.end();
    if (!gone) shape.push_back(c.inputs[0].shape[static_cast<size_t>(k)]);
    if (gone && keep) shape.emplace_back(1);
  }
  return shape;
}

}  // namespace

TensorType broadcast_promote(InferContext& c) {
  const DType dtype = promoted(c);
  if (c.op.accepts == Accepts::integral_or_bool && is_floating(dtype))
    c.fail(ErrorKind::dtype,
           "got dtypes uint64 and a signed integer; need dtypes that one integer dtype holds; try x.astype(...)");
  return {dtype, broadcast_inputs(c), {}};
}
TensorType broadcast_compare(InferContext& c) { return {DType::boolean, broadcast_inputs(c), {}}; }
TensorType same_type(InferContext& c) { return c.inputs[0]; }
TensorType same_shape_bool(InferContext& c) { return {DType::boolean, c.inputs[0].shape, {}}; }

std::vector<Dim> normalized_axes(InferContext& c) {
  const int rank = c.inputs[0].rank();
  std::vector<Dim> axes;
  Attr& attr = c.attr("axis");
  if (const auto* one = std::get_if<int64_t>(&attr)) {
    axes = {normalize_axis(c.op.name, *one, rank)};
  } else if (const auto* many = std::get_if<std::vector<Dim>>(&attr)) {
    for (const Dim& axis : *many) axes.emplace_back(normalize_axis(c.op.name, axis.constant(), rank));
    std::sort(axes.begin(), axes.end(), [](Dim a, Dim b) { return a.constant() < b.constant(); });
    if (std::adjacent_find(axes.begin(), axes.end()) != axes.end())
      c.fail(ErrorKind::value, "got the axes {} with one axis twice; need each axis once", to_text(*many));
  } else {
    for (int k = 0; k < rank; ++k) axes.emplace_back(k);
  }
  attr = axes;
  return axes;
}

DType sum_dtype(DType dtype) {
  if (is_inexact(dtype)) return dtype;
  return is_unsigned(dtype) ? DType::u64 : DType::i64;
}

TensorType reduced(InferContext& c) {
  const auto axes = normalized_axes(c);
  return {c.inputs[0].dtype, reduced_shape(c, axes), {}};
}

TensorType reduced_sum(InferContext& c) {
  TensorType type = reduced(c);
  if (!c.has("dtype")) c.attr("dtype") = sum_dtype(type.dtype);
  type.dtype = c.get<DType>("dtype");
  return type;
}

TensorType reduced_index(InferContext& c) {
  TensorType type = reduced(c);
  type.dtype = DType::i64;
  return type;
}

TensorType reduced_bool(InferContext& c) {
  TensorType type = reduced(c);
  type.dtype = DType::boolean;
  return type;
}

Value conj(Value x) { return is_complex(x.dtype()) ? unary("conj", x) : x; }
Value real_part(Value x) { return is_complex(x.dtype()) ? unary("real", x) : x; }

std::vector<OpDef> with(const OpDef& defaults, std::vector<OpDef> rows) {
  for (OpDef& row : rows) {
    if (row.inputs.empty()) row.inputs = defaults.inputs;
    if (row.attrs.empty()) row.attrs = defaults.attrs;
    if (row.infer == nullptr) row.infer = defaults.infer;
    if (row.grad.index() == 0) row.grad = defaults.grad;
    if (!row.checks) row.checks = defaults.checks;
    if (row.onnx.empty()) row.onnx = defaults.onnx;
    if (row.samples.empty()) row.samples = defaults.samples;
    if (row.accepts == Accepts::any) row.accepts = defaults.accepts;
    row.traits |= defaults.traits;
  }
  return rows;
}

Value dim_value(Builder& b, Dim dim, DType dtype) {
  if (dim.is_constant()) return b.scalar(dtype, static_cast<double>(dim.constant()));
  return b.emit("from_dim", {}, {std::vector<Dim>{dim}, dtype});
}

std::vector<Value> zero_gradients(const GradContext& c) {
  std::vector<Value> grads;
  for (const Value& input : c.inputs) grads.push_back(c.b.full(input.shape(), input.dtype(), 0));
  return grads;
}

Value count_along(Value x, const std::vector<Dim>& axes, DType dtype) {
  Dim count = 1;
  for (const Dim& axis : axes) count = count * x.shape()[static_cast<size_t>(axis.constant())];
  return dim_value(*x.builder, count, dtype);
}

std::vector<Dim> axes_of(const OpDef& op, const Attrs& attrs) { return attr_as<std::vector<Dim>>(op, attrs, "axis"); }

Value restore_axes(Value reduced, const Value& input, const std::vector<Dim>& axes, bool kept) {
  if (kept) return reduced;
  Shape shape = input.shape();
  for (const Dim& axis : axes) shape[static_cast<size_t>(axis.constant())] = 1;
  return reshape(reduced, shape);
}

}  // namespace tandem::rules
