// Matrix products and the common functions of neural networks, as formulas over smaller operations.
#include <algorithm>
#include <cmath>

#include "ir/rules.h"

namespace tandem {

using namespace rules;

namespace {

using Grads = std::vector<Value>;

TensorType matmul_type(InferContext& c) {
  const TensorType &a = c.inputs[0], &b = c.inputs[1];
  const auto misfit = [&](std::string_view need) {
    c.fail(ErrorKind::shape, "got shapes {} and {}; need {}", to_text(a.shape), to_text(b.shape), need);
  };
  if (a.rank() == 0 || b.rank() == 0) misfit("at least one axis on both sides; try multiply for scalars");
  const Dim inner_a = a.shape.back(), inner_b = b.rank() == 1 ? b.shape[0] : b.shape[b.shape.size() - 2];
  if (!c.env.equal(inner_a, inner_b)) misfit("[..., m, k] and [..., k, n] with the same k; try transposing one");
  const auto batch_of = [](const TensorType& t) {
    return Shape(t.shape.begin(), t.shape.end() - std::min<long>(2, t.rank()));
  };
  const Shape batches[] = {batch_of(a), batch_of(b)};
  TensorType out{promote(a.dtype, b.dtype), broadcast_shapes(c.op.name, batches, c.env), {}};
  if (a.rank() > 1) out.shape.push_back(a.shape[a.shape.size() - 2]);
  if (b.rank() > 1) out.shape.push_back(b.shape.back());
  return out;
}

Value transposed(Value x) { return unary("matrix_transpose", x); }

Grads matmul_grad(const GradContext& c) {
  Value a = c.inputs[0], b = c.inputs[1], up = c.upstream;
  const bool row = a.type().rank() == 1, column = b.type().rank() == 1;
  if (row) a = expand_dims(a, 0), up = expand_dims(up, column ? -1 : -2);
  if (column) b = expand_dims(b, 1), up = row ? expand_dims(up, -1) : expand_dims(up, -1);
  const Value da = unbroadcast(binary("matmul", up, transposed(b)), a);
  const Value db = unbroadcast(binary("matmul", transposed(a), up), b);
  return {reshape(da, c.inputs[0].shape()), reshape(db, c.inputs[1].shape())};
}

TensorType linear_type(InferContext& c) {
  const TensorType &x = c.inputs[0], &weight = c.inputs[1];
  if (x.rank() == 0 || weight.rank() != 2 || !c.env.equal(x.shape.back(), weight.shape[1]))
    c.fail(ErrorKind::shape, "got x of shape {} and weight of shape {}; need [..., in] and [out, in]", to_text(x.shape),
           to_text(weight.shape));
  TensorType out{promote(x.dtype, weight.dtype), x.shape, {}};
  out.shape.back() = weight.shape[0];
  if (c.inputs.size() == 3) {
    if (c.inputs[2].rank() != 1 || !c.env.equal(c.inputs[2].shape[0], weight.shape[0]))
      c.fail(ErrorKind::shape, "got bias of shape {}; need [{}]", to_text(c.inputs[2].shape), to_text(weight.shape[0]));
    out.dtype = promote(out.dtype, c.inputs[2].dtype);
  }
  return out;
}

Value linear_formula(Builder&, std::span<const Value> x, const OpDef&, const Attrs&) {
  const Value product = binary("matmul", x[0], transposed(x[1]));
  return x.size() == 3 ? product + x[2] : product;
}

Grads linear_grad(const GradContext& c) {
  const Value x = c.inputs[0], weight = c.inputs[1], up = c.upstream;
  const Dim in = weight.shape()[1], out = weight.shape()[0];
  const Shape& shape = x.shape();
  const Dim rows = element_count(Shape(shape.begin(), shape.end() - 1));
  const Value flat_up = reshape(up, {rows, out}), flat_x = reshape(x, {rows, in});
  Grads grads = {reshape(binary("matmul", flat_up, weight), x.shape()), binary("matmul", transposed(flat_up), flat_x)};
  if (c.inputs.size() == 3) grads.push_back(sum(flat_up, {Dim(0)}, false));
  return grads;
}

TensorType along_axis_type(InferContext& c) {
  const int rank = c.inputs[0].rank();
  c.attr("axis") = rank == 0 ? int64_t{0} : normalize_axis(c.op.name, c.get<int64_t>("axis"), rank);
  if (rank == 0) c.fail(ErrorKind::shape, "got a tensor without axes; need at least one");
  return c.inputs[0];
}

std::vector<Dim> axis_list(const OpDef& op, const Attrs& attrs) { return {Dim(attr_as<int64_t>(op, attrs, "axis"))}; }

Value shifted_by_max(Value x, const std::vector<Dim>& axes) {
  if (x.shape()[static_cast<size_t>(axes[0].constant())].is(0)) return x;
  return x - x.builder->emit("max", {x}, {axes, true});
}

Value softmax_formula(Builder& b, std::span<const Value> x, const OpDef& op, const Attrs& attrs) {
  const auto axes = axis_list(op, attrs);
  const Value e = unary("exp", shifted_by_max(x[0], axes));
  return e * (b.scalar(e.dtype(), 1) / sum(e, axes, true));
}

Value log_softmax_formula(Builder&, std::span<const Value> x, const OpDef& op, const Attrs& attrs) {
  const auto axes = axis_list(op, attrs);
  const Value shifted = shifted_by_max(x[0], axes);
  return shifted - unary("log", sum(unary("exp", shifted), axes, true));
}

TensorType layer_norm_type(InferContext& c) {
  const TensorType& x = c.inputs[0];
  if (x.rank() == 0) c.fail(ErrorKind::shape, "got a tensor without axes; need at least one");
  TensorType out = x;
  for (const TensorType& extra : c.inputs.subspan(1)) {
    if (extra.rank() != 1 || !c.env.equal(extra.shape[0], x.shape.back()))
      c.fail(ErrorKind::shape, "got x of shape {} and a weight or bias of shape {}; need [{}]", to_text(x.shape),
             to_text(extra.shape), to_text(x.shape.back()));
    out.dtype = promote(out.dtype, extra.dtype);
  }
  return out;
}

// (x - mean) / sqrt(var + eps) over the last axis.
Value normalized(Value x, double eps) {
  const std::vector<Dim> axes = {Dim(x.type().rank() - 1)};
  const Value count = count_along(x, axes, x.dtype());
  const Value centered = x - sum(x, axes, true) / count;
  const Value variance = sum(centered * centered, axes, true) / count;
  return centered * unary("rsqrt", variance + eps);
}

Value layer_norm_formula(Builder&, std::span<const Value> x, const OpDef& op, const Attrs& attrs) {
  Value y = normalized(x[0], attr_as<double>(op, attrs, "eps"));
  if (x.size() > 1) y = y * x[1];
  if (x.size() > 2) y = y + x[2];
  return y;
}

Grads layer_norm_grad(const GradContext& c) {
  const Value x = c.inputs[0], up = c.upstream;
  const double eps = attr_as<double>(c.op, c.attrs, "eps");
  const std::vector<Dim> last = {Dim(x.type().rank() - 1)};
  const Value count = count_along(x, last, x.dtype());
  const Value centered = x - sum(x, last, true) / count;
  const Value scale = unary("rsqrt", sum(centered * centered, last, true) / count + eps);
  const Value y = centered * scale;
  const Value dy = c.inputs.size() > 1 ? up * c.inputs[1] : up;
  const Value dx = scale * (dy - sum(dy, last, true) / count - y * (sum(dy * y, last, true) / count));
  Grads grads = {dx};
  if (c.inputs.size() > 1) grads.push_back(unbroadcast(up * y, c.inputs[1]));
  if (c.inputs.size() > 2) grads.push_back(unbroadcast(up, c.inputs[2]));
  return grads;
}

}  // namespace

std::vector<OpDef> nn_ops() {
  const AttrSpec axis{"axis", AttrKind::axis, Attr{int64_t{-1}}};
  const uint32_t wide = static_cast<uint32_t>(Trait::wide);
  return {{.name = "matmul",
           .inputs = {"x1", "x2"},
           .traits = static_cast<uint32_t>(Trait::method),
           .accepts = Accepts::numeric,
           .infer = matmul_type,
           .lower = Structure::matmul,
           .grad = holomorphic<matmul_grad>,
           .onnx = "rule: MatMul",
           .doc = "Multiply matrices [..., m, k] and [..., k, n] with broadcast leading axes; vectors as in NumPy.",
           .example = "td.matmul(td.asarray([[1., 2.]]), td.asarray([[3.], [4.]]))  # tensor([[11.]], dtype=float32)",
           .samples = {"(3, 4) (4, 5)", "(4,) (4,)", "(3, 4) (4,)", "(4,) (4, 5)", "(2, 3, 4) (4, 5)",
                       "(2, 1, 3, 4) (5, 4, 2)", "(0, 4) (4, 5)", "(3, 0) (0, 5)", "(70, 65) (65, 33)"}},
          {.name = "linear",
           .inputs = {"x", "weight", "bias"},
           .optional_inputs = 1,
           .accepts = Accepts::floating,
           .infer = linear_type,
           .lower = linear_formula,
           .grad = linear_grad,
           .onnx = "rule: Gemm",
           .doc = "Return x @ weight.T + bias for x [..., in], weight [out, in], bias [out].",
           .example = "td.linear(td.asarray([1., 2.]), td.asarray([[3., 4.]]))  # tensor([11.], dtype=float32)",
           .samples = {"(3, 4) (5, 4) (5,)", "(2, 3, 4) (5, 4)", "(4,) (5, 4) (5,)"}},
          {.name = "softmax",
           .inputs = {"x"},
           .attrs = {axis},
           .traits = wide,
           .accepts = Accepts::promote_to_float,
           .infer = along_axis_type,
           .lower = softmax_formula,
           .grad = [](const GradContext& c) -> Grads {
             const Value weighted = c.upstream * c.output;
             return {weighted - c.output * sum(weighted, axis_list(c.op, c.attrs), true)};
           },
           .onnx = "rule: Softmax",
           .doc = "Return exp(x) divided by its sum along an axis, without overflow.",
           .example = "td.softmax(td.asarray([0., 0.]))  # tensor([0.5, 0.5], dtype=float32)",
           .samples = {"(3, 5)", "(3, 5) | axis=0", "(2, 300)", "(2, 3, 4) | axis=1", "(5, 1)"}},
          {.name = "log_softmax",
           .inputs = {"x"},
           .attrs = {axis},
           .traits = wide,
           .accepts = Accepts::promote_to_float,
           .infer = along_axis_type,
           .lower = log_softmax_formula,
           .grad = [](const GradContext& c) -> Grads {
             return {c.upstream - unary("exp", c.output) * sum(c.upstream, axis_list(c.op, c.attrs), true)};
           },
           .onnx = "rule: LogSoftmax",
           .doc = "Return the logarithm of softmax along an axis, without overflow.",
           .example = "td.log_softmax(td.asarray([0.]))  # tensor([0.], dtype=float32)",
           .samples = {"(3, 5)", "(3, 5) | axis=0", "(2, 300)"}},
          {.name = "relu",
           .inputs = {"x"},
           .traits = static_cast<uint32_t>(Trait::exact),
           .accepts = Accepts::numeric,
           .infer = same_type,
           .lower = [](std::span<const Scalar> x, const OpDef&, const Attrs&) { return max(x[0], x[0].constant(0)); },
           .grad = [](const GradContext& c) -> Grads {
             const Value zero = c.b.scalar(c.output.dtype(), 0);
             return {where(binary("greater", c.output, zero), c.upstream, zero)};
           },
           .onnx = "Relu",
           .doc = "Return max(x, 0).",
           .example = "td.relu(td.asarray([-1., 2.]))  # tensor([0., 2.], dtype=float32)",
           .samples = {"(3, 5)", "()", "(0,)"}},
          {.name = "gelu",
           .inputs = {"x"},
           .accepts = Accepts::promote_to_float,
           .infer = same_type,
           .lower =
               [](std::span<const Scalar> x, const OpDef&, const Attrs&) {
                 return x[0] * x[0].constant(0.5) * (math::erf(x[0] * x[0].constant(M_SQRT1_2)) + x[0].constant(1));
               },
           .grad = [](const GradContext& c) -> Grads {
             const Value x = c.inputs[0];
             const Value cdf = (unary("erf", x * M_SQRT1_2) + 1.0) * 0.5;
             const Value pdf = unary("exp", x * x * -0.5) * (M_2_SQRTPI * M_SQRT1_2 * 0.5);
             return {c.upstream * (cdf + x * pdf)};
           },
           .onnx = "rule: Gelu",
           .doc = "Return x times the normal distribution function of x: x/2 (1 + erf(x / sqrt(2))).",
           .example = "td.gelu(td.asarray([0.]))  # tensor([0.], dtype=float32)",
           .samples = {"(3, 5)", "()", "(0,)"}},
          {.name = "layer_norm",
           .inputs = {"x", "weight", "bias"},
           .optional_inputs = 2,
           .attrs = {{"eps", AttrKind::real, Attr{1e-5}}},
           .traits = wide,
           .accepts = Accepts::floating,
           .infer = layer_norm_type,
           .lower = layer_norm_formula,
           .grad = layer_norm_grad,
           .onnx = "rule: LayerNormalization",
           .doc = "Normalise the last axis to mean 0 and variance 1, then scale by weight and shift by bias.",
           .example = "td.layer_norm(td.asarray([1., 1.]))  # tensor([0., 0.], dtype=float32)",
           .samples = {"(3, 5) (5,) (5,)", "(3, 200)", "(2, 3, 7) (7,)"}}};
}

}  // namespace tandem
