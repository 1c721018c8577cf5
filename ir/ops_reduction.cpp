// Reductions. The order of combination is part of their meaning: see ReduceOrder in ir/kernel.h.
#include <algorithm>
#include <limits>

#include "ir/rules.h"

namespace tandem {

using namespace rules;

namespace {

using Grads = std::vector<Value>;

const AttrSpec kAxis{"axis", AttrKind::axes, Attr{}, "axis, several, or None for all"};
const AttrSpec kKeep{"keepdims", AttrKind::boolean, Attr{false}, "keep reduced axes with size 1"};
const AttrSpec kDType{"dtype", AttrKind::dtype, Attr{}};

// Extremes of nothing do not exist.
template <TensorType (*Infer)(InferContext&)>
TensorType nonempty(InferContext& c) {
  TensorType type = Infer(c);
  for (const Dim& axis : axes_of(c.op, c.attrs)) {
    const Dim size = c.inputs[0].shape[static_cast<size_t>(axis.constant())];
    if (c.env.equal(size, 0))
      c.fail(ErrorKind::value, "got the shape {}, which has no elements along axis {}; need at least one",
             to_text(c.inputs[0].shape), axis.constant());
  }
  return type;
}

Grads extreme_grad(const GradContext& c) {
  const auto axes = axes_of(c.op, c.attrs);
  const bool kept = attr_as<bool>(c.op, c.attrs, "keepdims");
  const Value x = c.inputs[0];
  const Value best = restore_axes(c.output, x, axes, kept), up = restore_axes(c.upstream, x, axes, kept);
  const Value hit = cast(binary("equal", x, best), x.dtype());
  return {up * (hit / sum(hit, axes, true))};
}

Value mean_formula(Builder&, std::span<const Value> x, const OpDef& op, const Attrs& attrs) {
  const auto axes = axes_of(op, attrs);
  return sum(x[0], axes, attr_as<bool>(op, attrs, "keepdims")) / count_along(x[0], axes, x[0].dtype());
}

// Products of complex numbers are no two reductions of their parts: the last of the running products.
Value complex_product(Builder& b, std::span<const Value> inputs, const OpDef& op, const Attrs& attrs) {
  const auto axes = axes_of(op, attrs);
  Value x = cast(inputs[0], attr_as<DType>(op, attrs, "dtype"));
  const auto is_reduced = [&axes](size_t k) {
    return std::find(axes.begin(), axes.end(), Dim(static_cast<int64_t>(k))) != axes.end();
  };
  std::vector<Dim> order;
  Shape rest, kept;
  Dim count = 1;
  for (size_t k = 0; k < x.shape().size(); ++k) {
    const Dim size = x.shape()[k];
    kept.push_back(is_reduced(k) ? Dim(1) : size);
    if (is_reduced(k)) {
      count = count * size;
    } else {
      order.emplace_back(static_cast<int64_t>(k));
      rest.push_back(size);
    }
  }
  const Shape& out = attr_as<bool>(op, attrs, "keepdims") ? kept : rest;
  if (axes.empty()) return reshape(x, out);
  if (count.is(0)) return b.full(out, x.dtype(), 1);
  order.insert(order.end(), axes.begin(), axes.end());
  Shape rows = rest;
  rows.push_back(count);
  x = reshape(b.emit("permute_dims", {x}, {order}), rows);
  if (!count.is_constant()) {  // and may be 0: a one in front
    rows.back() = 1;
    x = b.emit(tandem::op("concat"), std::vector<Value>{b.full(rows, x.dtype(), 1), x}, {int64_t{-1}});
    count = count + Dim(1);
    rows.back() = count;
  }
  x = b.emit("cumprod", {x}, {int64_t{-1}});
  std::vector<Dim> starts(rest.size(), Dim(0));
  const std::vector<Dim> steps(rows.size(), Dim(1));
  starts.push_back(count - Dim(1));
  rows.back() = 1;
  return reshape(b.emit("slice", {x}, {starts, rows, steps}), out);
}

// Sums over axes of the shape that both inputs broadcast to.
TensorType products_type(InferContext& c) {
  const TensorType both = broadcast_promote(c);
  InferContext of_both{c.op, {&both, 1}, c.attrs, c.env};
  return reduced(of_both);
}

Value products_formula(Builder& b, std::span<const Value> x, const OpDef& op, const Attrs& attrs) {
  const Value first = attr_as<bool>(op, attrs, "conjugated") ? conj(x[0]) : x[0];
  const Value products = first * x[1];
  return b.emit("sum", {products}, {axes_of(op, attrs), products.dtype(), attr_as<bool>(op, attrs, "keepdims")});
}

Grads products_grad(const GradContext& c) {
  const Value x1 = c.inputs[0], x2 = c.inputs[1];
  const bool conjugated = attr_as<bool>(c.op, c.attrs, "conjugated");
  const Value like = x1 * x2;  // for its shape alone
  const Value up = restore_axes(c.upstream, like, axes_of(c.op, c.attrs), attr_as<bool>(c.op, c.attrs, "keepdims"));
  const Value first = conjugated ? conj(up) * x2 : up * conj(x2);
  return {unbroadcast(first, x1), unbroadcast(up * (conjugated ? x1 : conj(x1)), x2)};
}

TensorType moment_type(InferContext& c) {
  TensorType type = reduced(c);
  type.dtype = real_type(type.dtype);
  return type;
}

// |x|^2
Value squares_of(Value x) {
  if (!is_complex(x.dtype())) return x * x;
  const Value re = unary("real", x), im = unary("imag", x);
  return re * re + im * im;
}

Value variance_formula(Builder& b, std::span<const Value> x, const OpDef& op, const Attrs& attrs) {
  const auto axes = axes_of(op, attrs);
  const DType real = real_type(x[0].dtype());
  const Value count = count_along(x[0], axes, real);
  const Value deviation = x[0] - sum(x[0], axes, true) / cast(count, x[0].dtype());
  const Value squares = sum(squares_of(deviation), axes, attr_as<bool>(op, attrs, "keepdims"));
  const double correction = attr_as<double>(op, attrs, "correction");
  if (correction == 0) return squares / count;
  return squares / binary("maximum", count - correction, b.scalar(real, 0));
}

Value squares_formula(Builder&, std::span<const Value> x, const OpDef& op, const Attrs& attrs) {
  return sum(squares_of(x[0]), axes_of(op, attrs), attr_as<bool>(op, attrs, "keepdims"));
}

Value count_formula(Builder& b, std::span<const Value> x, const OpDef& op, const Attrs& attrs) {
  const Value there = binary("not_equal", x[0], b.scalar(x[0].dtype(), 0));
  return b.emit("sum", {there}, {axes_of(op, attrs), DType::i64, attr_as<bool>(op, attrs, "keepdims")});
}

Value std_formula(Builder& b, std::span<const Value> x, const OpDef& op, const Attrs& attrs) {
  return unary("sqrt", variance_formula(b, x, op, attrs));
}

// max + log(sum(exp(x - max))), with an infinite max left out of the difference.
Value logsumexp_formula(Builder& b, std::span<const Value> x, const OpDef& op, const Attrs& attrs) {
  const auto axes = axes_of(op, attrs);
  const bool keep = attr_as<bool>(op, attrs, "keepdims");
  Value top = b.emit("max", {x[0]}, {axes, true});
  top = where(unary("isfinite", top), top, b.scalar(x[0].dtype(), 0));
  const Value total = sum(unary("exp", x[0] - top), axes, keep);
  return unary("log", total) + (keep ? top : reshape(top, total.shape()));
}

TensorType cumulative_type(InferContext& c) {
  const TensorType& x = c.inputs[0];
  if (!c.has("axis")) {
    if (x.rank() != 1) c.fail(ErrorKind::value, "got a tensor with {} axes and no axis; need axis=...", x.rank());
    c.attr("axis") = int64_t{0};
  }
  if (x.rank() == 0) c.fail(ErrorKind::shape, "got a tensor without axes; need at least one axis");
  c.attr("axis") = normalize_axis(c.op.name, c.get<int64_t>("axis"), x.rank());
  if (!c.has("dtype")) c.attr("dtype") = sum_dtype(x.dtype);
  return {c.get<DType>("dtype"), x.shape, {}};
}

Value moment_grad_scale(const GradContext& c, Value& centered, Value& up) {
  const auto axes = axes_of(c.op, c.attrs);
  const bool kept = attr_as<bool>(c.op, c.attrs, "keepdims");
  const Value x = c.inputs[0];
  const Value count = count_along(x, axes, real_type(x.dtype()));
  centered = x - sum(x, axes, true) / count;
  up = restore_axes(c.upstream, x, axes, kept);
  return count - attr_as<double>(c.op, c.attrs, "correction");
}

// The product of the other elements: where there is a zero, only its own is not zero.
Grads product_grad(const GradContext& c) {
  const auto axes = axes_of(c.op, c.attrs);
  const DType dtype = c.output.dtype();
  const Value x = cast(c.inputs[0], dtype), zero = c.b.scalar(dtype, 0);
  const Value is_zero = binary("equal", x, zero), zeros = sum(cast(is_zero, DType::i64), axes, true);
  const auto there_are = [&](int64_t count) { return binary("equal", zeros, c.b.scalar(DType::i64, count)); };
  const Value others = where(is_zero, c.b.scalar(dtype, 1), x);
  const Value product = c.b.emit("prod", {others}, {axes, dtype, true});
  const Value of_zeros = where(binary("logical_and", is_zero, there_are(1)), product, zero);
  const Value slope = where(there_are(0), product / others, of_zeros);
  const Value up = restore_axes(c.upstream, x, axes, attr_as<bool>(c.op, c.attrs, "keepdims"));
  return {cast(up * slope, c.inputs[0].dtype())};
}

}  // namespace

std::vector<OpDef> reduction_ops() {
  const std::vector<std::string_view> samples = {"(3, 5)",
                                                 "(3, 5) | axis=0",
                                                 "(3, 5) | axis=-1, keepdims=True",
                                                 "(2, 3, 4) | axis=(0, 2)",
                                                 "()",
                                                 "(70, 3) | axis=0",
                                                 "(3, 200)  | axis=1",
                                                 "(5000,)"};
  std::vector<std::string_view> with_empty = samples;
  with_empty.push_back("(0, 3) | axis=0");
  const OpDef row{
      .inputs = {"x"}, .attrs = {kAxis, kKeep}, .traits = static_cast<uint32_t>(Trait::method), .samples = samples};
  const std::vector<AttrSpec> sum_attrs = {kAxis, kDType, kKeep};
  const std::vector<AttrSpec> moment_attrs = {kAxis, {"correction", AttrKind::real, Attr{0.0}, "", "ddof"}, kKeep};
  auto rows = with(
      row,
      {{.name = "sum",
        .attrs = sum_attrs,
        .traits = static_cast<uint32_t>(Trait::complex),
        .infer = reduced_sum,
        .lower = ReduceRule{ReduceKind::sum},
        .grad = [](const GradContext& c) -> Grads {
          const auto axes = axes_of(c.op, c.attrs);
          const Value up = restore_axes(c.upstream, c.inputs[0], axes, attr_as<bool>(c.op, c.attrs, "keepdims"));
          return {cast(broadcast_to(up, c.inputs[0].shape()), c.inputs[0].dtype())};
        },
        .onnx = "rule: ReduceSum",
        .doc = "Sum over axes, blockwise and pairwise; 16-bit floats accumulate in float32, small integers in int64.",
        .example = "td.sum(td.asarray([[1, 2], [3, 4]]), axis=0)  # tensor([4, 6])",
        .samples = with_empty},
       {.name = "prod",
        .attrs = sum_attrs,
        .traits = static_cast<uint32_t>(Trait::complex),
        .infer = reduced_sum,
        .lower = ReduceRule{ReduceKind::prod},
        .complex_formula = complex_product,
        .grad = holomorphic<product_grad>,
        .onnx = "rule: ReduceProd",
        .doc = "Multiply over axes; complex numbers in order. Second derivatives are wrong where elements are 0.",
        .example = "td.prod(td.asarray([2, 3, 4]))  # tensor(24)",
        .samples = {"(3, 5):unit", "(3, 5):unit | axis=0", "(3, 4):unit | axis=1, keepdims=True", "(0,)"}},
       {.name = "max",
        .traits = static_cast<uint32_t>(Trait::exact),
        .infer = nonempty<reduced>,
        .lower = ReduceRule{ReduceKind::max},
        .grad = extreme_grad,
        .onnx = "rule: ReduceMax",
        .doc = "Return the largest element over axes; NaN if there is one.",
        .example = "td.max(td.asarray([1, 3, 2]))  # tensor(3)"},
       {.name = "min",
        .traits = static_cast<uint32_t>(Trait::exact),
        .infer = nonempty<reduced>,
        .lower = ReduceRule{ReduceKind::min},
        .grad = extreme_grad,
        .onnx = "rule: ReduceMin",
        .doc = "Return the smallest element over axes; NaN if there is one.",
        .example = "td.min(td.asarray([1, 3, 2]))  # tensor(1)"},
       {.name = "any",
        .traits = Trait::exact | Trait::complex,
        .infer = reduced_bool,
        .lower = ReduceRule{ReduceKind::max},
        .grad = kNotDifferentiable,
        .onnx = "rule: ReduceSum",
        .doc = "Return whether any element over axes is true (not zero).",
        .example = "td.any(td.asarray([False, True]))  # tensor(True)",
        .samples = with_empty},
       {.name = "all",
        .traits = Trait::exact | Trait::complex,
        .infer = reduced_bool,
        .lower = ReduceRule{ReduceKind::min},
        .grad = kNotDifferentiable,
        .onnx = "rule: ReduceSum",
        .doc = "Return whether all elements over axes are true (not zero).",
        .example = "td.all(td.asarray([False, True]))  # tensor(False)",
        .samples = with_empty},
       {.name = "argmax",
        .traits = static_cast<uint32_t>(Trait::exact),
        .accepts = Accepts::numeric,
        .infer = nonempty<reduced_index>,
        .lower = ReduceRule{ReduceKind::argmax},
        .grad = kNotDifferentiable,
        .onnx = "rule: ArgMax",
        .doc = "Return the index of the first largest element along an axis, or of the flattened tensor.",
        .example = "td.argmax(td.asarray([1, 3, 2]))  # tensor(1)",
        .samples = {"(3, 5):small", "(3, 5):small | axis=0", "(3, 5) | axis=-1, keepdims=True", "(5000,)"}},
       {.name = "argmin",
        .traits = static_cast<uint32_t>(Trait::exact),
        .accepts = Accepts::numeric,
        .infer = nonempty<reduced_index>,
        .lower = ReduceRule{ReduceKind::argmin},
        .grad = kNotDifferentiable,
        .onnx = "rule: ArgMin",
        .doc = "Return the index of the first smallest element along an axis, or of the flattened tensor.",
        .example = "td.argmin(td.asarray([1, 3, 0]))  # tensor(2)",
        .samples = {"(3, 5):small", "(3, 5):small | axis=0", "(3, 5) | axis=-1, keepdims=True", "(5000,)"}},
       {.name = "mean",
        .traits = Trait::wide | Trait::complex,
        .accepts = Accepts::promote_to_float,
        .infer = reduced,
        .lower = mean_formula,
        .grad = [](const GradContext& c) -> Grads {
          const auto axes = axes_of(c.op, c.attrs);
          const Value x = c.inputs[0];
          const Value up = restore_axes(c.upstream, x, axes, attr_as<bool>(c.op, c.attrs, "keepdims"));
          return {broadcast_to(up / count_along(x, axes, x.dtype()), x.shape())};
        },
        .onnx = "rule: ReduceMean",
        .doc = "Return the arithmetic mean over axes; NaN over nothing.",
        .example = "td.mean(td.asarray([1., 2., 6.]))  # tensor(3., dtype=float32)",
        .samples = with_empty},
       {.name = "var",
        .attrs = moment_attrs,
        .traits = Trait::wide | Trait::complex,
        .accepts = Accepts::promote_to_float,
        .infer = moment_type,
        .lower = variance_formula,
        .grad = [](const GradContext& c) -> Grads {
          Value centered, up;
          const Value count = moment_grad_scale(c, centered, up);
          return {up * (centered * 2.0 / count)};
        },
        .onnx = "compose",
        .doc = "Return the mean squared deviation from the mean, in two passes, divided by (count - correction); of "
               "complex "
               "numbers that of the absolute value.",
        .example = "td.var(td.asarray([1., 3.]))  # tensor(1., dtype=float32)"},
       {.name = "std",
        .attrs = moment_attrs,
        .traits = Trait::wide | Trait::complex,
        .accepts = Accepts::promote_to_float,
        .infer = moment_type,
        .lower = std_formula,
        .grad = [](const GradContext& c) -> Grads {
          Value centered, up;
          const Value count = moment_grad_scale(c, centered, up);
          const auto axes = axes_of(c.op, c.attrs);
          const Value out = restore_axes(c.output, c.inputs[0], axes, attr_as<bool>(c.op, c.attrs, "keepdims"));
          // Where all elements are equal, 0, as in PyTorch.
          const Value same = binary("equal", out, c.b.scalar(out.dtype(), 0));
          return {up * (centered / (count * where(same, c.b.scalar(out.dtype(), 1), out)))};
        },
        .onnx = "compose",
        .doc = "Return the square root of `var`.",
        .example = "td.std(td.asarray([1., 3.]))  # tensor(1., dtype=float32)"},
       {.name = "logsumexp",
        .traits = static_cast<uint32_t>(Trait::wide),
        .accepts = Accepts::promote_to_float,
        .infer = nonempty<reduced>,
        .lower = logsumexp_formula,
        .grad = [](const GradContext& c) -> Grads {
          const auto axes = axes_of(c.op, c.attrs);
          const bool kept = attr_as<bool>(c.op, c.attrs, "keepdims");
          const Value x = c.inputs[0];
          return {restore_axes(c.upstream, x, axes, kept) * unary("exp", x - restore_axes(c.output, x, axes, kept))};
        },
        .onnx = "rule: ReduceLogSumExp",
        .doc = "Return log(sum(exp(x))) over axes without overflow.",
        .example = "td.logsumexp(td.asarray([1000., 1000.]))  # tensor(1000.6932, dtype=float32)"}});
  rows.push_back(
      {.name = "cumsum",
       .inputs = {"x"},
       .attrs = {{"axis", AttrKind::axis, Attr{}}, kDType},
       .traits = static_cast<uint32_t>(Trait::method),
       .infer = cumulative_type,
       .lower = ScanRule{ReduceKind::sum},
       .grad = [](const GradContext& c) -> Grads {
         const Attr axis = attr_as<int64_t>(c.op, c.attrs, "axis");
         const Attr axes = std::vector<Dim>{Dim(std::get<int64_t>(axis))};
         const Value turned = c.b.emit("flip", {c.upstream}, {axes});
         return {c.b.emit("flip", {c.b.emit("cumsum", {turned}, {axis})}, {axes})};
       },
       .onnx = "rule: CumSum",
       .doc = "Return running sums along an axis, added in order; 16-bit floats accumulate in float32.",
       .example = "td.cumsum(td.asarray([1, 2, 3]))  # tensor([1, 3, 6])",
       .samples = {"(7,)", "(3, 5) | axis=0", "(3, 5) | axis=-1", "(2, 0) | axis=1", "(2, 3, 40) | axis=1"}});
  rows.push_back({.name = "sum_of_squares",
                  .inputs = {"x"},
                  .attrs = {kAxis, kKeep},
                  .traits = Trait::internal | Trait::complex,
                  .accepts = Accepts::promote_to_float,
                  .infer = moment_type,
                  .lower = squares_formula,
                  .grad = [](const GradContext& c) -> Grads {
                    const Value x = c.inputs[0];
                    const bool kept = attr_as<bool>(c.op, c.attrs, "keepdims");
                    return {x * 2.0 * cast(restore_axes(c.upstream, x, axes_of(c.op, c.attrs), kept), x.dtype())};
                  },
                  .onnx = "compose",
                  .doc = "Return sums over axes of squares, of complex numbers those of their sizes.",
                  .samples = with_empty});
  rows.push_back({.name = "count_nonzero",
                  .inputs = {"x"},
                  .attrs = {kAxis, kKeep},
                  .traits = Trait::internal | Trait::complex,
                  .infer =
                      [](InferContext& c) {
                        TensorType type = reduced(c);
                        type.dtype = DType::i64;
                        return type;
                      },
                  .lower = count_formula,
                  .grad = kNotDifferentiable,
                  .onnx = "compose",
                  .doc = "Return how many elements over axes are not zero.",
                  .samples = with_empty});
  rows.push_back({.name = "mean_of_integers",
                  .inputs = {"x"},
                  .attrs = {kAxis, kKeep, {"dtype", AttrKind::dtype, Attr{DType::f32}}},
                  .traits = static_cast<uint32_t>(Trait::internal),
                  .infer =
                      [](InferContext& c) {
                        TensorType type = reduced(c);
                        type.dtype = c.get<DType>("dtype");
                        if (!is_inexact(type.dtype))
                          c.fail(ErrorKind::dtype, "got dtype {}; need one of floats", info(type.dtype).name);
                        return type;
                      },
                  .lower = [](Builder& b, std::span<const Value> x, const OpDef&, const Attrs& attrs) -> Value {
                    return b.emit("mean", {cast(x[0], std::get<DType>(attrs[2]))}, {attrs[0], attrs[1]});
                  },
                  .grad = kNotDifferentiable,
                  .onnx = "compose",
                  .doc = "Return the arithmetic mean over axes of integers, computed in a dtype of floats.",
                  .samples = with_empty});
  rows.push_back({.name = "sum_of_products",
                  .inputs = {"x1", "x2"},
                  .attrs = {kAxis, kKeep, {"conjugated", AttrKind::boolean, Attr{false}, "takes the conjugates of x1"}},
                  .traits = Trait::internal | Trait::complex,
                  .infer = products_type,
                  .lower = products_formula,
                  .grad = products_grad,
                  .onnx = "compose",
                  .doc = "Return sums over axes of products, in the promoted dtype.",
                  .samples = {"(7,) (7,)", "(3, 5) (3, 5) | axis=1", "(2, 3, 4) (3, 4) | axis=(0, 2)",
                              "(3, 1) (1, 4) | axis=0, keepdims=True", "(0,) (0,)"}});
  return rows;
}

}  // namespace tandem
