#include "ir/builder.h"

#include <algorithm>

namespace tandem {

Attrs complete_attrs(const OpDef& op, Attrs attrs) {
  check_internal(attrs.size() <= op.attrs.size(), "{}: got {} attributes; need {}", op.name, attrs.size(),
                 op.attrs.size());
  for (size_t i = attrs.size(); i < op.attrs.size(); ++i) {
    check_internal(op.attrs[i].fallback.has_value(), "{}: attribute '{}' is missing", op.name, op.attrs[i].name);
    attrs.push_back(*op.attrs[i].fallback);
  }
  return attrs;
}

namespace {

std::string accepted_text(Accepts accepts) {
  switch (accepts) {
    case Accepts::any: return "any dtype";
    case Accepts::numeric: return "a numeric dtype";
    case Accepts::floating:
    case Accepts::promote_to_float: return "a floating-point dtype";
    case Accepts::integral_or_bool: return "an integer or bool dtype";
    case Accepts::complex: return "a complex dtype";
    case Accepts::boolean: return "bool";
  }
  return {};
}

bool accepted(Accepts accepts, DType dtype) {
  switch (accepts) {
    case Accepts::any: return true;
    case Accepts::numeric: return dtype != DType::boolean;
    case Accepts::floating: return is_floating(dtype);
    case Accepts::promote_to_float: return is_inexact(dtype);
    case Accepts::complex: return is_complex(dtype);
    case Accepts::integral_or_bool: return !is_inexact(dtype);
    case Accepts::boolean: return dtype == DType::boolean;
  }
  return false;
}

}  // namespace

TensorType infer_type(const OpDef& op, std::span<const TensorType> inputs, Attrs& attrs, ShapeEnv& env) {
  const bool variadic = op.has(Trait::variadic);
  const size_t least = op.inputs.size() - static_cast<size_t>(op.optional_inputs);
  if (variadic ? inputs.empty() : inputs.size() < least || inputs.size() > op.inputs.size())
    throw_error(ErrorKind::type, "{}: got {} tensors; need {}", op.name, inputs.size(),
                variadic ? "at least one" : std::to_string(op.inputs.size()));
  if (!op.has(Trait::mixed))
    for (const TensorType& input : inputs) {
      if (!accepted(op.accepts, input.dtype))
        throw_error(ErrorKind::dtype, "{}: got dtype {}; need {}; try x.astype(...)", op.name, info(input.dtype).name,
                    accepted_text(op.accepts));
      if (is_complex(input.dtype) && !takes_complex(op))
        throw_error(ErrorKind::dtype, "{}: got dtype {}; need a real dtype; try td.real(x) or td.abs(x)", op.name,
                    info(input.dtype).name);
    }
  for (const TensorType& input : inputs)
    if (input.device != inputs[0].device)
      throw_error(ErrorKind::backend, "{}: got tensors on {} and {}; need one device; try x.to(device)", op.name,
                  to_text(inputs[0].device), to_text(input.device));
  InferContext context{op, inputs, attrs, env};
  TensorType type = op.infer(context);
  element_count(type.shape);  // throws on overflow
  if (!inputs.empty()) type.device = inputs[0].device;
  return type;
}

Value Builder::emit(std::string_view name, std::initializer_list<Value> inputs, Attrs attrs) {
  return emit(op(name), std::span<const Value>(inputs.begin(), inputs.size()), std::move(attrs));
}

Value Builder::scalar(DType dtype, double value) { return full({}, dtype, value); }

Value Builder::full(const Shape& shape, DType dtype, double value) {
  Attr number = is_inexact(dtype) ? Attr(value) : Attr(static_cast<int64_t>(value));
  return emit("full", {}, {shape, number, dtype});
}

Value GraphBuilder::emit(const OpDef& op, std::span<const Value> inputs, Attrs attrs) {
  attrs = complete_attrs(op, std::move(attrs));
  std::vector<TensorType> types;
  std::vector<ValueId> ids;
  for (const Value& input : inputs) {
    types.push_back(input.type());
    ids.push_back(input.id);
  }
  const TensorType result = infer_type(op, types, attrs, env_);
  const Node& node = graph_.add_node(op, std::move(ids), std::move(attrs), {&result, 1}, loc_);
  return {this, node.outputs[0]};
}

Value unary(std::string_view name, Value a) { return a.builder->emit(name, {a}); }
Value binary(std::string_view name, Value a, Value b) { return a.builder->emit(name, {a, b}); }
Value operator+(Value a, Value b) { return binary("add", a, b); }
Value operator-(Value a, Value b) { return binary("subtract", a, b); }
Value operator*(Value a, Value b) { return binary("multiply", a, b); }
Value operator/(Value a, Value b) { return binary("divide", a, b); }
Value operator-(Value a) { return unary("negative", a); }
Value operator+(Value a, double b) { return a + a.builder->scalar(a.dtype(), b); }
Value operator-(Value a, double b) { return a - a.builder->scalar(a.dtype(), b); }
Value operator-(double a, Value b) { return b.builder->scalar(b.dtype(), a) - b; }
Value operator*(Value a, double b) { return a * a.builder->scalar(a.dtype(), b); }
Value operator/(Value a, double b) { return a / a.builder->scalar(a.dtype(), b); }

Value cast(Value a, DType to) {
  if (is_complex(a.dtype()) && !is_complex(to) && to != DType::boolean) a = unary("real", a);
  return a.dtype() == to ? a : a.builder->emit("cast", {a}, {to});
}
Value broadcast_to(Value a, const Shape& shape) {
  return a.shape() == shape ? a : a.builder->emit("broadcast_to", {a}, {shape});
}
Value reshape(Value a, const Shape& shape) { return a.shape() == shape ? a : a.builder->emit("reshape", {a}, {shape}); }
Value expand_dims(Value a, int64_t axis) { return a.builder->emit("expand_dims", {a}, {axis}); }
Value sum(Value a, const std::vector<Dim>& axes, bool keepdims) {
  return a.builder->emit("sum", {a}, {axes, std::monostate{}, keepdims});
}
Value where(Value condition, Value a, Value b) { return condition.builder->emit("where", {condition, a, b}); }

Value unbroadcast(Value gradient, Value like) {
  const Shape& from = gradient.shape();
  const Shape& to = like.shape();
  const size_t extra = from.size() - to.size();
  std::vector<Dim> axes;
  for (size_t k = 0; k < from.size(); ++k)
    if (k < extra || (to[k - extra].is(1) && !from[k].is(1))) axes.emplace_back(static_cast<int64_t>(k));
  if (!axes.empty()) gradient = reshape(sum(gradient, axes, true), to);
  return cast(gradient, like.dtype());
}

}  // namespace tandem
