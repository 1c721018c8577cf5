#include "tests/passes/evaluate.h"

#include <algorithm>
#include <limits>

#include "ir/put_mode.h"
#include "passes/fold.h"

namespace tandem::testing {

namespace {

std::vector<int64_t> numbers(const Shape& shape) {
  std::vector<int64_t> sizes;
  for (const Dim& size : shape) sizes.push_back(size.constant());
  return sizes;
}

int64_t count(const std::vector<int64_t>& shape) {
  int64_t all = 1;
  for (const int64_t size : shape) all *= size;
  return all;
}

// The indices of element `flat` of a row-major tensor.
std::vector<int64_t> indices_of(int64_t flat, const std::vector<int64_t>& shape) {
  std::vector<int64_t> indices(shape.size());
  for (size_t k = shape.size(); k-- > 0;) {
    indices[k] = flat % shape[k];
    flat /= shape[k];
  }
  return indices;
}

int64_t flat_of(const std::vector<int64_t>& indices, const std::vector<int64_t>& shape) {
  int64_t flat = 0;
  for (size_t k = 0; k < shape.size(); ++k) flat = flat * shape[k] + indices[k];
  return flat;
}

int64_t broadcast_element(const Tensor& tensor, const std::vector<int64_t>& indices) {
  std::vector<int64_t> own(indices.end() - static_cast<std::ptrdiff_t>(tensor.shape.size()), indices.end());
  for (size_t k = 0; k < own.size(); ++k)
    if (tensor.shape[k] == 1) own[k] = 0;
  return tensor.bits[static_cast<size_t>(flat_of(own, tensor.shape))];
}

Tensor pointwise(const Node& node, const std::vector<Tensor>& inputs, Tensor out) {
  std::vector<DType> dtypes;
  for (const Tensor& input : inputs) dtypes.push_back(input.dtype);
  for (int64_t flat = 0; flat < count(out.shape); ++flat) {
    const auto indices = indices_of(flat, out.shape);
    std::vector<int64_t> bits;
    for (const Tensor& input : inputs) bits.push_back(broadcast_element(input, indices));
    out.bits.push_back(*evaluate_pointwise(*node.op, node.attrs, dtypes, bits, out.dtype));
  }
  return out;
}

Tensor view(const Graph& graph, const Node& node, const Tensor& input, Tensor out) {
  const TensorType& type = graph.type(node.inputs[0]);
  const auto layout = std::get<ViewRule>(node.op->lower)(type, {0, contiguous_strides(type.shape)}, *node.op,
                                                         node.attrs, graph.type(node.outputs[0]));
  for (int64_t flat = 0; flat < count(out.shape); ++flat) {
    int64_t place = flat;
    if (layout) {
      place = layout->offset.constant();
      const auto indices = indices_of(flat, out.shape);
      for (size_t k = 0; k < indices.size(); ++k) place += indices[k] * layout->strides[k].constant();
    }
    out.bits.push_back(input.bits.at(static_cast<size_t>(place)));
  }
  return out;
}

ScalarOp step_of(ReduceKind kind, DType dtype) {
  if (dtype == DType::boolean)
    return kind == ReduceKind::max || kind == ReduceKind::sum ? ScalarOp::bit_or : ScalarOp::bit_and;
  return kind == ReduceKind::sum    ? ScalarOp::add
         : kind == ReduceKind::prod ? ScalarOp::mul
         : kind == ReduceKind::max  ? ScalarOp::max
                                    : ScalarOp::min;
}

// One element after the other, in f32 for the 16-bit floats.
Tensor reduce(const Node& node, const Tensor& input, Tensor out) {
  const ReduceKind kind = std::get<ReduceRule>(node.op->lower).kind;
  const DType dtype = compute_type(out.dtype);
  const double inf = std::numeric_limits<double>::infinity();
  const double identity = kind == ReduceKind::sum    ? 0
                          : kind == ReduceKind::prod ? 1
                          : kind == ReduceKind::max  ? -inf
                                                     : inf;
  const ScalarOp step = step_of(kind, dtype);
  const bool first = dtype == DType::boolean && (kind == ReduceKind::prod || kind == ReduceKind::min);
  const auto& axes = std::get<std::vector<Dim>>(node.attrs[0]);
  std::vector<int64_t> kept = input.shape;
  for (const Dim& axis : axes) kept[static_cast<size_t>(axis.constant())] = 1;
  out.bits.assign(static_cast<size_t>(count(kept)),
                  dtype == DType::boolean ? (first ? 1 : 0) : constant_bits_of(dtype, identity));
  for (int64_t flat = 0; flat < count(input.shape); ++flat) {
    auto indices = indices_of(flat, input.shape);
    for (const Dim& axis : axes) indices[static_cast<size_t>(axis.constant())] = 0;
    int64_t& total = out.bits[static_cast<size_t>(flat_of(indices, kept))];
    const int64_t next = evaluate(ScalarOp::cast, dtype, input.dtype, input.bits[static_cast<size_t>(flat)]);
    const bool extreme = kind == ReduceKind::max || kind == ReduceKind::min;  // combine(later, earlier)
    total = extreme ? evaluate(step, dtype, dtype, next, total) : evaluate(step, dtype, dtype, total, next);
  }
  for (int64_t& bits : out.bits) bits = evaluate(ScalarOp::cast, out.dtype, dtype, bits);
  return out;
}

Tensor concat(const Node& node, const std::vector<Tensor>& inputs, Tensor out) {
  const auto axis = static_cast<size_t>(attr_as<int64_t>(*node.op, node.attrs, "axis"));
  out.bits.resize(static_cast<size_t>(count(out.shape)));
  int64_t start = 0;
  for (const Tensor& input : inputs) {
    for (int64_t flat = 0; flat < count(input.shape); ++flat) {
      auto indices = indices_of(flat, input.shape);
      indices[axis] += start;
      out.bits[static_cast<size_t>(flat_of(indices, out.shape))] =
          evaluate(ScalarOp::cast, out.dtype, input.dtype, input.bits[static_cast<size_t>(flat)]);
    }
    start += input.shape[axis];
  }
  return out;
}

// The elements that a view would return are replaced.
Tensor view_update(const Node& node, const std::vector<Tensor>& inputs, Tensor out) {
  const auto of = [&](std::string_view name) { return numbers(attr_as<std::vector<Dim>>(*node.op, node.attrs, name)); };
  const auto sizes = of("sizes");
  const bool slice = node.op->name == "slice_update";
  const auto starts = slice ? of("starts") : of("offset"), steps = slice ? of("steps") : of("strides");
  out.bits = inputs[0].bits;
  for (int64_t flat = 0; flat < count(sizes); ++flat) {
    auto indices = indices_of(flat, sizes);
    const int64_t bits = evaluate(ScalarOp::cast, out.dtype, inputs[1].dtype, broadcast_element(inputs[1], indices));
    int64_t place = slice ? 0 : starts[0];
    for (size_t k = 0; k < indices.size(); ++k) {
      place += slice ? 0 : steps[k] * indices[k];
      indices[k] = slice ? starts[k] + steps[k] * indices[k] : 0;
    }
    out.bits[static_cast<size_t>(slice ? flat_of(indices, out.shape) : place)] = bits;
  }
  return out;
}

// The elements that `take` would return are replaced, or combined with the values, in row-major order.
Tensor index_update(const Node& node, const std::vector<Tensor>& inputs, Tensor out) {
  const auto axis = static_cast<std::ptrdiff_t>(attr_as<int64_t>(*node.op, node.attrs, "axis"));
  const auto mode = static_cast<PutMode>(attr_as<int64_t>(*node.op, node.attrs, "mode"));
  const int64_t size = out.shape[static_cast<size_t>(axis)];
  const std::vector<int64_t>& picked = inputs[1].shape;
  std::vector<int64_t> place = out.shape;
  place.insert(place.erase(place.begin() + axis), picked.begin(), picked.end());
  out.bits = inputs[0].bits;
  const DType dtype = compute_type(out.dtype);
  const auto widened = [&](int64_t bits) { return evaluate(ScalarOp::cast, dtype, out.dtype, bits); };
  const ScalarOp step = mode == PutMode::add        ? ScalarOp::add
                        : mode == PutMode::multiply ? ScalarOp::mul
                        : mode == PutMode::maximum  ? ScalarOp::max
                                                    : ScalarOp::min;
  for (int64_t flat = 0; flat < count(place); ++flat) {
    auto indices = indices_of(flat, place);
    const auto first = indices.begin() + axis, last = first + static_cast<std::ptrdiff_t>(picked.size());
    const int64_t given = inputs[1].bits[static_cast<size_t>(flat_of({first, last}, picked))];
    const int64_t bits = evaluate(ScalarOp::cast, out.dtype, inputs[2].dtype, broadcast_element(inputs[2], indices));
    indices.insert(indices.erase(first, last), given < 0 ? given + size : given);
    int64_t& there = out.bits.at(static_cast<size_t>(flat_of(indices, out.shape)));
    there = mode == PutMode::set ? bits
                                 : evaluate(ScalarOp::cast, out.dtype, dtype,
                                            evaluate(step, dtype, dtype, widened(there), widened(bits)));
  }
  return out;
}

// Of two matrices.
Tensor matmul(const std::vector<Tensor>& inputs, Tensor out) {
  const DType dtype = compute_type(out.dtype);
  const auto element = [&](const Tensor& x, int64_t i, int64_t j) {
    return evaluate(ScalarOp::cast, dtype, x.dtype, x.bits[static_cast<size_t>(i * x.shape[1] + j)]);
  };
  for (int64_t i = 0; i < out.shape[0]; ++i)
    for (int64_t j = 0; j < out.shape[1]; ++j) {
      int64_t sum = 0;
      for (int64_t k = 0; k < inputs[0].shape[1]; ++k)
        sum = evaluate(ScalarOp::add, dtype, dtype, sum,
                       evaluate(ScalarOp::mul, dtype, dtype, element(inputs[0], i, k), element(inputs[1], k, j)));
      out.bits.push_back(evaluate(ScalarOp::cast, out.dtype, dtype, sum));
    }
  return out;
}

Tensor take(const Node& node, const std::vector<Tensor>& inputs, Tensor out) {
  const auto axis = static_cast<size_t>(attr_as<int64_t>(*node.op, node.attrs, "axis"));
  const size_t rank = inputs[1].shape.size();
  for (int64_t flat = 0; flat < count(out.shape); ++flat) {
    const auto at = indices_of(flat, out.shape);
    const auto first = at.begin() + static_cast<std::ptrdiff_t>(axis), last = first + static_cast<std::ptrdiff_t>(rank);
    const int64_t index = inputs[1].bits[static_cast<size_t>(flat_of({first, last}, inputs[1].shape))];
    std::vector<int64_t> from(at.begin(), first);
    from.push_back(index < 0 ? index + inputs[0].shape[axis] : index);
    from.insert(from.end(), last, at.end());
    out.bits.push_back(inputs[0].bits.at(static_cast<size_t>(flat_of(from, inputs[0].shape))));
  }
  return out;
}

Tensor scan(const Node& node, const Tensor& input, Tensor out) {
  const ReduceKind kind = std::get<ScanRule>(node.op->lower).kind;
  const auto axis = static_cast<size_t>(attr_as<int64_t>(*node.op, node.attrs, "axis"));
  const DType dtype = compute_type(out.dtype);
  const bool extreme = kind == ReduceKind::max || kind == ReduceKind::min;  // combine(later, earlier)
  std::vector<int64_t> results(input.bits.size());
  for (int64_t flat = 0; flat < count(input.shape); ++flat) {
    auto indices = indices_of(flat, input.shape);
    int64_t value = evaluate(ScalarOp::cast, dtype, input.dtype, input.bits[static_cast<size_t>(flat)]);
    if (indices[axis]-- > 0) {
      const int64_t before = results[static_cast<size_t>(flat_of(indices, input.shape))];
      const ScalarOp step = step_of(kind, dtype);
      value = extreme ? evaluate(step, dtype, dtype, value, before) : evaluate(step, dtype, dtype, before, value);
    }
    results[static_cast<size_t>(flat)] = value;
  }
  for (const int64_t value : results) out.bits.push_back(evaluate(ScalarOp::cast, out.dtype, dtype, value));
  return out;
}

Tensor structure(const Node& node, const std::vector<Tensor>& inputs, Tensor out) {
  const auto size = static_cast<size_t>(count(out.shape));
  switch (std::get<Structure>(node.op->lower)) {
    case Structure::host_call:  // nothing but its order matters
      out.bits.assign(size, 0);
      return out;
    case Structure::check_index:
    case Structure::failure_point: return inputs[0];
    case Structure::full: out.bits.assign(size, fill_bits(node.attrs)); return out;
    case Structure::from_dim:
      out.bits = {
          evaluate(ScalarOp::cast, out.dtype, DType::i64, std::get<std::vector<Dim>>(node.attrs[0])[0].constant())};
      return out;
    case Structure::iota: {
      const auto axis = static_cast<size_t>(attr_as<int64_t>(*node.op, node.attrs, "axis"));
      for (size_t flat = 0; flat < size; ++flat)
        out.bits.push_back(evaluate(ScalarOp::cast, out.dtype, DType::i64,
                                    indices_of(static_cast<int64_t>(flat), out.shape).at(axis)));
      return out;
    }
    case Structure::concat: return concat(node, inputs, std::move(out));
    case Structure::view_update: return view_update(node, inputs, std::move(out));
    case Structure::index_update: return index_update(node, inputs, std::move(out));
    case Structure::matmul: return matmul(inputs, std::move(out));
    case Structure::take: return take(node, inputs, std::move(out));
    default: throw InternalError(fmt::format("evaluate_graph does not know {}", node.op->name));
  }
}

std::vector<Tensor> control(const Node& node, std::vector<Tensor> inputs) {
  if (node.op->name == "if") {
    const Graph& branch = *node.regions[inputs[0].bits[0] != 0 ? 0 : 1];
    return evaluate_graph(branch, {inputs.begin() + 1, inputs.end()});
  }
  for (int round = 0; evaluate_graph(*node.regions[0], inputs)[0].bits[0] != 0; ++round) {
    check_internal(round < 100, "a loop does not end");
    auto next = evaluate_graph(*node.regions[1], inputs);
    std::move(next.begin(), next.end(), inputs.begin());
  }
  inputs.resize(node.outputs.size());
  return inputs;
}

}  // namespace

std::vector<Tensor> evaluate_graph(const Graph& graph, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> values(graph.types.size());
  const auto at = [&values](ValueId value) -> Tensor& { return values.at(static_cast<size_t>(value)); };
  for (size_t k = 0; k < graph.params.size(); ++k) at(graph.params[k].value) = inputs.at(k);
  for (const Node& node : graph.nodes) {
    std::vector<Tensor> operands;
    for (const ValueId in : node.inputs) operands.push_back(at(in));
    if (!node.regions.empty()) {
      auto made = control(node, operands);
      for (size_t k = 0; k < made.size(); ++k) at(node.outputs[k]) = std::move(made[k]);
      continue;
    }
    const TensorType& type = graph.type(node.outputs[0]);
    Tensor out{type.dtype, numbers(type.shape), {}};
    if (std::holds_alternative<PointwiseRule>(node.op->lower)) {
      out = pointwise(node, operands, std::move(out));
    } else if (std::holds_alternative<ViewRule>(node.op->lower)) {
      out = view(graph, node, operands[0], std::move(out));
    } else if (std::holds_alternative<ReduceRule>(node.op->lower)) {
      out = reduce(node, operands[0], std::move(out));
    } else if (std::holds_alternative<ScanRule>(node.op->lower)) {
      out = scan(node, operands[0], std::move(out));
    } else {
      out = structure(node, operands, std::move(out));
    }
    at(node.outputs[0]) = std::move(out);
  }
  std::vector<Tensor> results;
  for (const ValueId result : graph.results) results.push_back(at(result));
  return results;
}

std::vector<int64_t> special_bits(DType dtype) {
  std::vector<int64_t> all;
  if (is_floating(dtype)) {
    const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
    for (const double value :
         {0.0, -0.0, 1.0, -1.0, 0.5, 3.7, -2.5, 1e-4, -1e-4, 6e4, 1e30, -1e300, 3e-310, inf, -inf, nan, -nan})
      all.push_back(constant_bits_of(dtype, value));
    all.push_back(1);  // the smallest subnormal number
    all.push_back(dtype == DType::f16    ? 0x03ff
                  : dtype == DType::bf16 ? 0x007f
                  : dtype == DType::f32  ? 0x807fffff
                                         : 0xfffff);
    return all;
  }
  for (const int64_t value :
       {int64_t{0}, int64_t{1}, int64_t{-1}, int64_t{2}, int64_t{5}, int64_t{-7}, int64_t{127}, int64_t{-128},
        int64_t{255}, std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min(),
        int64_t{std::numeric_limits<int32_t>::min()}, int64_t{std::numeric_limits<int32_t>::max()}})
    all.push_back(evaluate(ScalarOp::cast, dtype, DType::i64, value));
  return all;
}

}  // namespace tandem::testing
