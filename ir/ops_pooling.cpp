// Pooling and resampling, computed by routines of the runtime (runtime/pooling.cpp, runtime/resampling.cpp). What
// td.nn.functional offers follows from these rows and a few sizes.
#include "ir/rules.h"

namespace tandem {

using namespace rules;

namespace {

using Grads = std::vector<Value>;
using Dims = std::vector<Dim>;

Shape planes_of(InferContext& c, std::string_view sizes) {
  const TensorType& x = c.inputs[0];
  const Dims& size = c.get<Dims>(sizes);
  if (x.rank() != static_cast<int>(size.size()) + 2)
    c.fail(ErrorKind::shape, "got the shape {}; need [batch, channels] and {} axes", to_text(x.shape), size.size());
  Shape shape = {x.shape[0], x.shape[1]};
  shape.insert(shape.end(), size.begin(), size.end());
  return shape;
}

TensorType pooled_type(InferContext& c) { return {c.inputs[0].dtype, planes_of(c, "size"), {}}; }
TensorType places_type(InferContext& c) { return {DType::i64, planes_of(c, "size"), {}}; }

void check_places(InferContext& c) {
  if (c.inputs[1].dtype != DType::i64 || c.inputs[1].rank() != c.inputs[0].rank())
    c.fail(ErrorKind::dtype, "got indices {}; need int64 of the shape {}", to_text(c.inputs[1]),
           to_text(c.inputs[0].shape));
  for (size_t i = 0; i < c.inputs[0].shape.size(); ++i)
    if (!c.env.equal(c.inputs[0].shape[i], c.inputs[1].shape[i]))
      c.fail(ErrorKind::shape, "got values of shape {} and indices of shape {}; need the same",
             to_text(c.inputs[0].shape), to_text(c.inputs[1].shape));
}

Dims spatial(const Shape& shape) { return {shape.begin() + 2, shape.end()}; }

// [batch, channels, all places]
Value flat(Value x) {
  const Shape& shape = x.shape();
  return reshape(x, {shape[0], shape[1], element_count(spatial(shape))});
}

Grads max_pool_grad(const GradContext& c) {
  const Value places = c.b.emit(op("max_pool_indices"), c.inputs, c.attrs);
  return {c.b.emit("scatter_planes", {c.upstream, places}, {spatial(c.inputs[0].shape()), true})};
}

Grads scatter_grad(const GradContext& c) {
  const Value taken = c.b.emit("take_along_axis", {flat(c.upstream), flat(c.inputs[1])}, {int64_t{2}});
  return {reshape(taken, c.inputs[0].shape()), {}};
}

Grads avg_pool_grad(const GradContext& c) {
  Attrs attrs = c.attrs;
  attrs.emplace_back(spatial(c.inputs[0].shape()));
  return {c.b.emit(op("avg_pool_source"), {&c.upstream, 1}, attrs)};
}

Grads avg_pool_source_grad(const GradContext& c) {
  Attrs attrs = c.attrs;
  attrs.pop_back();
  return {c.b.emit(op("avg_pool"), {&c.upstream, 1}, attrs)};
}

TensorType resampled_type(InferContext& c) {
  const TensorType &x = c.inputs[0], &taps = c.inputs[1], &weights = c.inputs[2];
  const int64_t axis = normalize_axis(c.op.name, c.get<int64_t>("axis"), x.rank());
  c.attr("axis") = axis;
  if (taps.dtype != DType::i64 || taps.rank() != 2 || weights.rank() != 2 || weights.dtype != compute_type(x.dtype) ||
      !is_floating(x.dtype) || !c.env.equal(taps.shape[0], weights.shape[0]) ||
      !c.env.equal(taps.shape[1], weights.shape[1]))
    c.fail(ErrorKind::dtype, "got {}, taps {} and weights {}; need floating-point numbers, int64[n, k] and {}[n, k]",
           to_text(x), to_text(taps), to_text(weights), info(compute_type(x.dtype)).name);
  TensorType out = x;
  const bool transposed = c.op.name == "resample_source";
  out.shape[static_cast<size_t>(axis)] = transposed ? c.get<Dims>("size")[0] : taps.shape[0];
  return out;
}

Grads resample_grad(const GradContext& c) {
  const int64_t axis = attr_as<int64_t>(c.op, c.attrs, "axis");
  const Dims size = {c.inputs[0].shape()[static_cast<size_t>(axis)]};
  return {c.b.emit("resample_source", {c.upstream, c.inputs[1], c.inputs[2]}, {axis, size}), {}, {}};
}

Grads resample_source_grad(const GradContext& c) {
  return {
      c.b.emit("resample", {c.upstream, c.inputs[1], c.inputs[2]}, {attr_as<int64_t>(c.op, c.attrs, "axis")}), {}, {}};
}

}  // namespace

std::vector<OpDef> pooling_ops() {
  const std::vector<AttrSpec> windows = {
      {"kernel", AttrKind::dims},
      {"stride", AttrKind::dims},
      {"dilation", AttrKind::dims},
      {"before", AttrKind::dims, std::nullopt, "places in front of an axis that windows reach"},
      {"size", AttrKind::dims, std::nullopt, "number of windows along each axis"},
      {"adaptive", AttrKind::boolean, std::nullopt, "nearly equal windows that cover the axis; all else is ignored"},
      {"divisor", AttrKind::integer, std::nullopt,
       "of means: 0: elements inside; -1: those of the border, too; else this"}};
  std::vector<AttrSpec> windows_of = windows;
  windows_of.push_back({"source", AttrKind::dims, std::nullopt, "sizes of what the windows are seen of"});
  const uint32_t mixed = static_cast<uint32_t>(Trait::mixed);
  std::vector<OpDef> rows = with(
      {.inputs = {"x"}, .attrs = windows, .traits = static_cast<uint32_t>(Trait::internal), .infer = pooled_type},
      {{.name = "max_pool",
        .accepts = Accepts::numeric,
        .grad = max_pool_grad,
        .onnx = "rule: MaxPool",
        .doc = "Return the largest element of each window of [batch, channels, ...]."},
       {.name = "max_pool_indices",
        .accepts = Accepts::numeric,
        .infer = places_type,
        .grad = kNotDifferentiable,
        .onnx = "rule: MaxPool",
        .doc = "Return where in its plane the largest element of each window is."},
       {.name = "avg_pool",
        .accepts = Accepts::floating,
        .grad = avg_pool_grad,
        .onnx = "rule: AveragePool",
        .doc = "Return the mean of each window of [batch, channels, ...]."},
       {.name = "avg_pool_source",
        .attrs = windows_of,
        .accepts = Accepts::floating,
        .infer = [](InferContext& c) { return TensorType{c.inputs[0].dtype, planes_of(c, "source"), {}}; },
        .grad = avg_pool_source_grad,
        .onnx = "none: ONNX has no gradients",
        .doc = "Return the transpose of avg_pool: every number shared equally among the elements of its window."},
       {.name = "scatter_planes",
        .inputs = {"values", "indices"},
        .attrs = {{"size", AttrKind::dims, std::nullopt, "of the planes"},
                  {"add", AttrKind::boolean, std::nullopt, "numbers for one place are added; else the last counts"}},
        .traits = mixed | Trait::may_fail,
        .accepts = Accepts::numeric,
        .infer =
            [](InferContext& c) {
              check_places(c);
              return pooled_type(c);
            },
        .grad = scatter_grad,
        .onnx = "rule: ScatterElements",
        .doc = "Return planes of zeros with the values at indices into the plane of their channel."},
       {.name = "resample",
        .inputs = {"x", "taps", "weights"},
        .attrs = {{"axis", AttrKind::axis}},
        .traits = mixed,
        .infer = resampled_type,
        .grad = resample_grad,
        .onnx = "rule: Gather",
        .doc = "Return sums over taps of weights times the elements at them, along an axis."},
       {.name = "resample_source",
        .inputs = {"y", "taps", "weights"},
        .attrs = {{"axis", AttrKind::axis}, {"size", AttrKind::dims, std::nullopt, "one number: that of the axis"}},
        .traits = mixed,
        .infer = resampled_type,
        .grad = resample_source_grad,
        .onnx = "none: ONNX has no gradients",
        .doc = "Return the transpose of resample: every number added to what it was made of."}});
  for (OpDef& row : rows) row.lower = Structure::library;
  return rows;
}

}  // namespace tandem
