// Special functions, and the parts of floating-point numbers. The compositions themselves are in ir/math_*.cpp.
#include <cmath>

#include "ir/math_parts.h"
#include "ir/rules.h"

namespace tandem {

using namespace rules;

namespace {

using Grads = std::vector<Value>;

// x2 counts, so it stays an integer whatever x1 is.
TensorType scaled_type(InferContext& c) {
  const DType number = c.inputs[0].dtype, count = c.inputs[1].dtype;
  if (!is_floating(number))
    c.fail(ErrorKind::dtype, "got x1 of dtype {}; need a floating-point dtype; try x1.astype(...)", info(number).name);
  if (!is_integer(count))
    c.fail(ErrorKind::dtype, "got x2 of dtype {}; need an integer dtype; try x2.astype(td.int32)", info(count).name);
  const Shape shapes[] = {c.inputs[0].shape, c.inputs[1].shape};
  return {number, broadcast_shapes(c.op.name, shapes, c.env), {}};
}

TensorType exponent_type(InferContext& c) { return {DType::i32, c.inputs[0].shape, {}}; }

Scalar scaled(std::span<const Scalar> x, const OpDef&, const Attrs&) {
  return math::ldexp(x[0].cast(compute_type(x[0].dtype)), x[1]);
}

// A power, and one step of Newton's, of which twice the precision of f32 makes up for the error.
Scalar cube_root(std::span<const Scalar> inputs, const OpDef&, const Attrs&) {
  const Scalar y = inputs[0].cast(DType::f64), zero = y.constant(0);
  const Scalar usual = (y - y == zero) & (y != zero);
  const Scalar size = select(usual, abs(y), y.constant(1));
  const Scalar near = math::pow(size, y.constant(1.0 / 3));
  const Scalar root = near + (size / (near * near) - near) / y.constant(3);
  return select(usual, math::flip_sign(root, math::sign_of(y)), y).cast(inputs[0].dtype);
}

Value is_zero(const GradContext& c) { return binary("equal", c.inputs[0], c.b.scalar(c.inputs[0].dtype(), 0)); }

Grads sinc_grad(const GradContext& c) {
  const Value x = c.inputs[0], slope = (unary("cos", x * M_PI) - c.output) / x;
  return {c.upstream * where(is_zero(c), c.b.scalar(x.dtype(), 0), slope)};
}

// I1'(x) = I0(x) - I1(x) / x, with 1/2 at 0; the same for the scaled functions, whose factor has a slope of its own.
Grads i1_grad(const GradContext& c) {
  const Value x = c.inputs[0], slope = unary("i0", x) - c.output / x;
  return {c.upstream * where(is_zero(c), c.b.scalar(x.dtype(), 0.5), slope)};
}

Grads i1e_grad(const GradContext& c) {
  const Value x = c.inputs[0], slope = unary("i0e", x) - c.output * (unary("sign", x) + unary("reciprocal", x));
  return {c.upstream * where(is_zero(c), c.b.scalar(x.dtype(), 0.5), slope)};
}

}  // namespace

std::vector<OpDef> special_ops() {
  const OpDef row{.inputs = {"x"},
                  .accepts = Accepts::promote_to_float,
                  .infer = same_type,
                  .onnx = "none: ONNX has no such function",
                  .samples = {"(3, 5)", "()", "(0,)", "(1000,):wide"}};
  return with(
      row,
      {{.name = "erfc",
        .lower = lift<math::erfc>,
        .grad = [](const GradContext& c) -> Grads {
          const Value x = c.inputs[0];
          return {c.upstream * (unary("exp", -(x * x)) * -M_2_SQRTPI)};
        },
        .doc = "Return 1 - erf(x), accurate where that is small.",
        .example = "td.erfc(td.asarray([0., 3.]))  # tensor([1.0000000e+00, 2.2090497e-05], dtype=float32)"},
       {.name = "erfinv",
        .lower = lift<math::erfinv>,
        .grad = [](const GradContext& c) -> Grads {
          return {c.upstream * (unary("exp", c.output * c.output) * (1 / M_2_SQRTPI))};
        },
        .doc = "Return the number whose erf is x; infinite at -1 and 1, NaN beyond.",
        .example = "td.erfinv(td.asarray([0., 1.]))  # tensor([ 0., inf], dtype=float32)",
        .samples = {"(3, 5):fraction", "():fraction", "(0,)", "(1000,):fraction"}},
       {.name = "lgamma",
        .lower = lift<math::lgamma>,
        .grad = [](const GradContext& c) -> Grads { return {c.upstream * unary("digamma", c.inputs[0])}; },
        .doc = "Return the logarithm of the absolute value of the gamma function; inf at 0, -1, -2 ...",
        .example = "td.lgamma(td.asarray([1., 0.5]))  # tensor([0.       , 0.5723649], dtype=float32)"},
       {.name = "digamma",
        .lower = lift<math::digamma>,
        .grad = [](const GradContext& c) -> Grads { return {c.upstream * unary("trigamma", c.inputs[0])}; },
        .doc = "Return the derivative of lgamma; NaN at -1, -2 ..., infinite at 0 with the other sign.",
        .example = "td.digamma(td.asarray([1.]))  # tensor([-0.5772157], dtype=float32)"},
       {.name = "trigamma",
        .lower = lift<math::trigamma>,
        .grad = NoGrad{"its derivative, the polygamma function of order 2, is not an operation"},
        .doc = "Return the derivative of digamma; infinite at 0, -1, -2 ...",
        .example = "td.trigamma(td.asarray([1.]))  # tensor([1.644934], dtype=float32)"},
       {.name = "cube_root",
        .traits = static_cast<uint32_t>(Trait::internal),
        .lower = cube_root,
        .grad = [](const GradContext& c) -> Grads { return {c.upstream / (c.output * c.output * 3.0)}; },
        .onnx = "rule: Pow",
        .doc = "Return cube roots, within 1 ulp; their slope is inf at 0, and 0 at infinities."},
       {.name = "sinc",
        .lower = lift<math::sinc>,
        .grad = sinc_grad,
        .onnx = "rule: Sin, Div",
        .doc = "Return sin(pi x) / (pi x), and 1 at 0.",
        .example = "td.sinc(td.asarray([0., 0.5]))  # tensor([1.       , 0.63661975], dtype=float32)"},
       {.name = "i0",
        .lower = lift<math::bessel_i0>,
        .grad = [](const GradContext& c) -> Grads { return {c.upstream * unary("i1", c.inputs[0])}; },
        .doc = "Return the modified Bessel function of the first kind and order 0.",
        .example = "td.i0(td.asarray([0., 1.]))  # tensor([1.       , 1.2660658], dtype=float32)"},
       {.name = "i0e",
        .lower = lift<math::bessel_i0e>,
        .grad = [](const GradContext& c) -> Grads {
          const Value x = c.inputs[0];
          return {c.upstream * (unary("i1e", x) - unary("sign", x) * c.output)};
        },
        .doc = "Return exp(-|x|) i0(x).",
        .example = "td.i0e(td.asarray([0., 1.]))  # tensor([1.        , 0.4657596], dtype=float32)"},
       {.name = "i1",
        .lower = lift<math::bessel_i1>,
        .grad = i1_grad,
        .doc = "Return the modified Bessel function of the first kind and order 1.",
        .example = "td.i1(td.asarray([0., 1.]))  # tensor([0.       , 0.5651591], dtype=float32)"},
       {.name = "i1e",
        .lower = lift<math::bessel_i1e>,
        .grad = i1e_grad,
        .doc = "Return exp(-|x|) i1(x).",
        .example = "td.i1e(td.asarray([0., 1.]))  # tensor([0.        , 0.20791042], dtype=float32)"},
       {.name = "ldexp",
        .inputs = {"x1", "x2"},
        .traits = Trait::exact | Trait::mixed,
        .accepts = Accepts::floating,
        .infer = scaled_type,
        .lower = scaled,
        .grad = [](const GradContext& c) -> Grads {
          return {unbroadcast(binary("ldexp", c.upstream, c.inputs[1]), c.inputs[0]), {}};
        },
        .doc = "Return x1 times 2 to the power x2, an integer, rounded once.",
        .example = "td.ldexp(td.asarray([1., 3.]), td.asarray([4, -1]))  # tensor([16. ,  1.5], dtype=float32)",
        .samples = {"(3, 5) (3, 5):index9", "(3, 1):wide (4,):index20", "() (2,):index3", "(0, 3) (3,):index3"}},
       {.name = "binary_exponent",
        .traits = static_cast<uint32_t>(Trait::internal),
        .infer = exponent_type,
        .lower = lift<math::binary_exponent>,
        .grad = kNotDifferentiable,
        .doc = "Return the exponent of frexp: the power of two by which a number of at least 1/2 and less than 1 is "
               "multiplied; 0 for 0, inf and NaN.",
        .example = "td.frexp(td.asarray([6.]))[1]  # tensor([3], dtype=int32)"}});
}

}  // namespace tandem
