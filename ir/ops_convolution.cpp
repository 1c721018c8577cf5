// Convolution and its two transposes, computed by routines of the runtime (runtime/convolution.cpp). The three are closed
// under differentiation: each is linear in both inputs, and the gradients of one are the two others.
//
// Quantised layers (python/tandem/precision) multiply 8-bit integers, exactly; those rows are here, too
// (runtime/integer_product.h).
#include "ir/rules.h"

#include <utility>

namespace tandem {

using namespace rules;

namespace {

using Grads = std::vector<Value>;
using Dims = std::vector<Dim>;

const Dims& numbers(const OpDef& op, const Attrs& attrs, std::string_view name) {
  return attr_as<Dims>(op, attrs, name);
}

// The first two inputs: [batch, channels, axes ...] or weights [out, in / groups, axes ...].
size_t check_ranks(InferContext& c) {
  const size_t axes = c.get<Dims>("stride").size();
  for (const TensorType& x : c.inputs.first(2))
    if (static_cast<size_t>(x.rank()) != axes + 2)
      c.fail(ErrorKind::shape, "got the shape {}; need two axes and {} more", to_text(x.shape), axes);
  return axes;
}

void check_operands(InferContext& c) {
  const DType first = c.inputs[0].dtype, second = c.inputs[1].dtype;
  if (first != second)
    c.fail(ErrorKind::dtype, "got dtypes {} and {}; need the same", info(first).name, info(second).name);
  check_ranks(c);
}

void check_channels(InferContext& c, const Dim& source, const Dim& result, const Shape& weights) {
  const Dim groups(c.get<int64_t>("groups"));
  if (!c.env.equal(source, weights[1] * groups) || !c.env.equal(result, weights[0]))
    c.fail(ErrorKind::shape,
           "got {} channels on the side of the input, {} on that of the result, {} groups and weights {}",
           to_text(source), to_text(result), to_text(groups), to_text(weights));
}

void check_bias(InferContext& c, const Dim& channels) {
  if (c.inputs.size() < 3) return;
  const TensorType& bias = c.inputs[2];
  if (bias.rank() != 1 || !c.env.equal(bias.shape[0], channels) || bias.dtype != c.inputs[0].dtype)
    c.fail(ErrorKind::shape, "got bias {}; need {}[{}]", to_text(bias), info(c.inputs[0].dtype).text,
           to_text(channels));
}

// ---- products of 8-bit integers ----

constexpr NoGrad kNoIntegerGradient{"its inputs are integers"};

void check_integers(InferContext& c) {
  const TensorType &x = c.inputs[0], &weight = c.inputs[1], &zero = c.inputs[2];
  if ((x.dtype != DType::i8 && x.dtype != DType::u8) || weight.dtype != DType::i8 || zero.dtype != x.dtype)
    c.fail(ErrorKind::dtype, "got dtypes {}, {} and {}; need int8 or uint8, int8, and that of the first again",
           info(x.dtype).name, info(weight.dtype).name, info(zero.dtype).name);
  if (zero.rank() != 0) c.fail(ErrorKind::shape, "got a zero point of shape {}; need one number", to_text(zero.shape));
}

TensorType integer_linear_type(InferContext& c) {
  check_integers(c);
  const Shape &x = c.inputs[0].shape, &weight = c.inputs[1].shape;
  if (x.empty() || weight.size() != 2 || !c.env.equal(x.back(), weight[1]))
    c.fail(ErrorKind::shape, "got x of shape {} and weight of shape {}; need [..., in] and [out, in]", to_text(x),
           to_text(weight));
  TensorType out{DType::i32, x, {}};
  out.shape.back() = weight[0];
  return out;
}

// What integers stand for: (x - zero_point) * step, and a step for each channel of a weight.

TensorType quantize_type(InferContext& c) {
  const TensorType &x = c.inputs[0], &step = c.inputs[1], &zero = c.inputs[2];
  if (x.dtype != DType::f32 || step.dtype != DType::f32 || (zero.dtype != DType::i8 && zero.dtype != DType::u8))
    c.fail(ErrorKind::dtype, "got dtypes {}, {} and {}; need float32, float32, and int8 or uint8", info(x.dtype).name,
           info(step.dtype).name, info(zero.dtype).name);
  if (step.rank() != 0 || zero.rank() != 0)
    c.fail(ErrorKind::shape, "got a step of shape {} and a zero point of shape {}; need one number each",
           to_text(step.shape), to_text(zero.shape));
  return {zero.dtype, x.shape, {}};
}

Value quantize_formula(Builder& b, std::span<const Value> x, const OpDef&, const Attrs&) {
  const bool is_signed = x[2].dtype() == DType::i8;
  const Value level = unary("round", x[0] / x[1]) + cast(x[2], DType::f32);
  const Value least = b.scalar(DType::f32, is_signed ? -128 : 0), most = b.scalar(DType::f32, is_signed ? 127 : 255);
  return cast(b.emit("clip", {level, least, most}), x[2].dtype());
}

TensorType scaled_type(InferContext& c, TensorType sums, const Dim& channels) {
  const TensorType &step = c.inputs[3], &steps = c.inputs[4];
  if (step.dtype != DType::f32 || steps.dtype != DType::f32 || c.inputs.back().dtype != DType::f32)
    c.fail(ErrorKind::dtype, "got steps and bias {}, {} and {}; need float32", to_text(step), to_text(steps),
           to_text(c.inputs.back()));
  if (step.rank() != 0) c.fail(ErrorKind::shape, "got a step of shape {}; need one number", to_text(step.shape));
  for (const TensorType& each : c.inputs.subspan(4))
    if (each.rank() != 1 || !c.env.equal(each.shape[0], channels))
      c.fail(ErrorKind::shape, "got steps or bias of shape {}; need [{}]", to_text(each.shape), to_text(channels));
  sums.dtype = DType::f32;
  return sums;
}

TensorType quantized_linear_type(InferContext& c) {
  TensorType sums = integer_linear_type(c);
  return scaled_type(c, std::move(sums), c.inputs[1].shape[0]);
}

// The exact sums times both steps, plus the bias, for channels that are followed by so many axes.
Value scaled(std::span<const Value> x, Value sums, size_t axes) {
  Shape channels = {x[1].shape()[0]};
  channels.insert(channels.end(), axes, Dim(1));
  const Value out = cast(sums, DType::f32) * reshape(x[4] * x[3], channels);
  return x.size() > 5 ? out + reshape(x[5], channels) : out;
}

// Of the steps and the bias, from the integer sums; channels are along this axis.
Grads scaled_grad(const GradContext& c, Value sums, int64_t axis) {
  Dims others;
  for (int64_t i = 0; i < sums.type().rank(); ++i)
    if (i != axis) others.emplace_back(i);
  const Value per_channel = sum(c.upstream * cast(sums, DType::f32), others, false);
  Grads out = {{}, {}, {}, sum(per_channel * c.inputs[4], {Dim(0)}, false), per_channel * c.inputs[3]};
  if (c.inputs.size() > 5) out.push_back(sum(c.upstream, others, false));
  return out;
}

Grads quantized_linear_grad(const GradContext& c) {
  const Value sums = c.b.emit("integer_linear", {c.inputs[0], c.inputs[1], c.inputs[2]});
  return scaled_grad(c, sums, sums.type().rank() - 1);
}

Grads quantized_convolution_grad(const GradContext& c) {
  return scaled_grad(c, c.b.emit("integer_convolution", {c.inputs[0], c.inputs[1], c.inputs[2]}, c.attrs), 1);
}

Value quantized_linear_formula(Builder& b, std::span<const Value> x, const OpDef&, const Attrs&) {
  return scaled(x, b.emit("integer_linear", {x[0], x[1], x[2]}), 0);
}

// ---- convolution ----

Dim span_of(Dim kernel, Dim dilation) { return dilation * (kernel - Dim(1)) + Dim(1); }

TensorType correlation_type(InferContext& c, DType dtype) {
  const size_t axes = check_ranks(c);
  const Shape &x = c.inputs[0].shape, &weights = c.inputs[1].shape;
  check_channels(c, x[1], weights[0], weights);
  TensorType out{dtype, {x[0], weights[0]}, {}};
  const Dims &stride = c.get<Dims>("stride"), &dilation = c.get<Dims>("dilation");
  const Dims &before = c.get<Dims>("before"), &after = c.get<Dims>("after");
  for (size_t i = 0; i < axes; ++i) {
    const Dim seen = x[2 + i] + before[i] + after[i], span = span_of(weights[2 + i], dilation[i]);
    if (!c.env.decide(span, Relation::le, seen))
      c.fail(ErrorKind::shape, "got the padded size {} and a window of {} along axis {}; need it to fit", to_text(seen),
             to_text(span), 2 + i);
    out.shape.push_back(floor_div(seen - span, stride[i]) + Dim(1));
  }
  return out;
}

TensorType convolution_type(InferContext& c) {
  check_operands(c);
  check_bias(c, c.inputs[1].shape[0]);
  return correlation_type(c, c.inputs[0].dtype);
}

TensorType integer_convolution_type(InferContext& c) {
  check_integers(c);
  return correlation_type(c, DType::i32);
}

TensorType quantized_convolution_type(InferContext& c) {
  TensorType sums = integer_convolution_type(c);
  return scaled_type(c, std::move(sums), c.inputs[1].shape[0]);
}

Value quantized_convolution_formula(Builder& b, std::span<const Value> x, const OpDef&, const Attrs& attrs) {
  return scaled(x, b.emit("integer_convolution", {x[0], x[1], x[2]}, attrs), x[0].shape().size() - 2);
}

TensorType source_type(InferContext& c) {
  check_operands(c);
  const Shape &y = c.inputs[0].shape, &weights = c.inputs[1].shape;
  const Dim channels = weights[1] * Dim(c.get<int64_t>("groups"));
  check_channels(c, channels, y[1], weights);
  check_bias(c, channels);
  TensorType out{c.inputs[0].dtype, {y[0], channels}, {}};
  for (const Dim& size : c.get<Dims>("size")) out.shape.push_back(size);
  return out;
}

TensorType weights_type(InferContext& c) {
  check_operands(c);
  const Shape &x = c.inputs[0].shape, &y = c.inputs[1].shape;
  TensorType out{c.inputs[0].dtype, {y[1], floor_div(x[1], Dim(c.get<int64_t>("groups")))}, {}};
  for (const Dim& size : c.get<Dims>("kernel")) out.shape.push_back(size);
  return out;
}

Dims spatial(const Shape& shape) { return {shape.begin() + 2, shape.end()}; }

// The attributes all three have, and the last one, which differs.
Value emit_with(const GradContext& c, std::string_view name, Value first, Value second, Dims last) {
  return c.b.emit(name, {first, second},
                  {numbers(c.op, c.attrs, "stride"), numbers(c.op, c.attrs, "dilation"),
                   numbers(c.op, c.attrs, "before"), attr_as<int64_t>(c.op, c.attrs, "groups"), std::move(last)});
}

// The convolution whose result has the given size: what it sees behind the source follows.
Value convolved(const GradContext& c, Value source, Value weights, const Shape& result) {
  const Dims &stride = numbers(c.op, c.attrs, "stride"), &dilation = numbers(c.op, c.attrs, "dilation");
  const Dims& before = numbers(c.op, c.attrs, "before");
  Dims after;
  for (size_t i = 0; i < stride.size(); ++i)
    after.push_back((result[2 + i] - Dim(1)) * stride[i] + span_of(weights.shape()[2 + i], dilation[i]) -
                    source.shape()[2 + i] - before[i]);
  return emit_with(c, "convolution", source, weights, std::move(after));
}

Value over_channels(Value upstream) {
  Dims axes = {Dim(0)};
  for (int64_t i = 2; i < upstream.type().rank(); ++i) axes.emplace_back(i);
  return sum(upstream, axes, false);
}

Grads convolution_grad(const GradContext& c) {
  const Value x = c.inputs[0], weights = c.inputs[1], up = c.upstream;
  Grads out = {emit_with(c, "convolution_source", up, weights, spatial(x.shape())),
               emit_with(c, "convolution_weights", x, up, spatial(weights.shape()))};
  if (c.inputs.size() > 2) out.push_back(over_channels(up));
  return out;
}

Grads source_grad(const GradContext& c) {
  const Value y = c.inputs[0], weights = c.inputs[1], up = c.upstream;
  Grads out = {convolved(c, up, weights, y.shape()),
               emit_with(c, "convolution_weights", up, y, spatial(weights.shape()))};
  if (c.inputs.size() > 2) out.push_back(over_channels(up));
  return out;
}

Grads weights_grad(const GradContext& c) {
  const Value x = c.inputs[0], y = c.inputs[1], up = c.upstream;
  return {emit_with(c, "convolution_source", y, up, spatial(x.shape())), convolved(c, x, up, y.shape())};
}

}  // namespace

std::vector<OpDef> convolution_ops() {
  const auto attrs = [](AttrSpec last) -> std::vector<AttrSpec> {
    return {{"stride", AttrKind::dims},
            {"dilation", AttrKind::dims},
            {"before", AttrKind::dims, std::nullopt, "zeros in front of the source, per axis"},
            {"groups", AttrKind::integer},
            std::move(last)};
  };
  std::vector<OpDef> rows =
      with({.traits = static_cast<uint32_t>(Trait::internal), .accepts = Accepts::numeric},
           {{.name = "convolution",
             .inputs = {"x", "weight", "bias"},
             .optional_inputs = 1,
             .attrs = attrs({"after", AttrKind::dims, std::nullopt, "zeros behind; negative: so much is not seen"}),
             .infer = convolution_type,
             .grad = convolution_grad,
             .onnx = "rule: Conv",
             .doc = "Correlate [batch, channels, ...] with weight [out, channels / groups, ...] and add bias [out]."},
            {.name = "convolution_source",
             .inputs = {"y", "weight", "bias"},
             .optional_inputs = 1,
             .attrs = attrs({"size", AttrKind::dims, std::nullopt, "of the result, per axis"}),
             .infer = source_type,
             .grad = source_grad,
             .onnx = "rule: ConvTranspose",
             .doc = "Return the transpose, in its input, of the convolution with weight, of y, and add bias."},
            {.name = "convolution_weights",
             .inputs = {"x", "y"},
             .attrs = attrs({"kernel", AttrKind::dims, std::nullopt, "sizes of the weights, per axis"}),
             .infer = weights_type,
             .grad = weights_grad,
             .onnx = "none: ONNX has no gradients",
             .doc = "Return the transpose, in its weights, of the convolution of x, of y."},
            {.name = "integer_linear",
             .inputs = {"x", "weight", "zero_point"},
             .traits = Trait::internal | Trait::mixed,
             .infer = integer_linear_type,
             .grad = kNoIntegerGradient,
             .onnx = "rule: MatMulInteger",
             .doc = "Return (x - zero_point) @ weight.T of 8-bit integers and an int8 weight, exactly modulo 2^32."},
            {.name = "integer_convolution",
             .inputs = {"x", "weight", "zero_point"},
             .attrs = attrs({"after", AttrKind::dims, std::nullopt, "like before, behind"}),
             .traits = Trait::internal | Trait::mixed,
             .infer = integer_convolution_type,
             .grad = kNoIntegerGradient,
             .onnx = "rule: ConvInteger",
             .doc = "Correlate x - zero_point, 8-bit integers, with an int8 weight, exactly modulo 2^32, as int32."}});
  for (OpDef& row : rows) row.lower = Structure::library;
  std::vector<OpDef> formulas = with(
      {.traits = Trait::internal | Trait::mixed},
      {{.name = "quantized_linear",
        .inputs = {"x", "weight", "zero_point", "step", "weight_step", "bias"},
        .optional_inputs = 1,
        .infer = quantized_linear_type,
        .lower = quantized_linear_formula,
        .grad = quantized_linear_grad,
        .onnx = "rule: DequantizeLinear",
        .doc = "Return integer_linear of x, weight and zero_point, times both steps, plus bias, as float32."},
       {.name = "quantized_convolution",
        .inputs = {"x", "weight", "zero_point", "step", "weight_step", "bias"},
        .optional_inputs = 1,
        .attrs = attrs({"after", AttrKind::dims, std::nullopt, "like before, behind"}),
        .infer = quantized_convolution_type,
        .lower = quantized_convolution_formula,
        .grad = quantized_convolution_grad,
        .onnx = "rule: DequantizeLinear",
        .doc = "Return integer_convolution of x, weight and zero_point, times both steps, plus bias, as float32."}});
  formulas.push_back({.name = "quantize",
                      .inputs = {"x", "step", "zero_point"},
                      .traits = Trait::internal | Trait::mixed,
                      .infer = quantize_type,
                      .lower = quantize_formula,
                      .grad = kNotDifferentiable,
                      .onnx = "rule: QuantizeLinear",
                      .doc = "Return x / step + zero_point, rounded to the integers of zero_point's dtype."});
  rows.insert(rows.end(), formulas.begin(), formulas.end());
  return rows;
}

}  // namespace tandem
