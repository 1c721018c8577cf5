// Elementary functions of one floating-point argument. The compositions themselves are in ir/math_*.cpp.
#include <cmath>

#include "ir/rules.h"

namespace tandem {

using namespace rules;

namespace {

using Grads = std::vector<Value>;

Scalar sqrt_of(Scalar x) { return sqrt(x); }

}  // namespace

std::vector<OpDef> elementary_ops() {
  const OpDef row{.inputs = {"x"},
                  .traits = static_cast<uint32_t>(Trait::method),
                  .accepts = Accepts::promote_to_float,
                  .infer = same_type,
                  .samples = {"(3, 5)", "()", "(0,)", "(1000,):wide"}};
  const std::vector<std::string_view> positive = {"(3, 5):positive", "():positive", "(0,)", "(1000,):wide_positive"};
  const std::vector<std::string_view> inside = {"(3, 5):fraction", "():fraction", "(0,)", "(1000,):fraction"};
  const std::vector<std::string_view> above = {"(3, 5):above_one", "():above_one", "(0,)", "(1000,):above_one"};
  return with(
      row,
      {{.name = "exp",
        .lower = lift<math::exp>,
        .on_complex = on_parts<math::exp>,
        .grad = holomorphic<[](const GradContext& c) -> Grads { return {c.upstream * c.output}; }>,
        .onnx = "Exp",
        .doc = "Return e to the power x.",
        .example = "td.exp(td.asarray([0., 1.]))  # tensor([1.       , 2.7182817], dtype=float32)"},
       {.name = "exp2",
        .lower = lift<math::exp2>,
        .on_complex = on_parts<math::exp2>,
        .grad = holomorphic<[](const GradContext& c) -> Grads { return {c.upstream * (c.output * M_LN2)}; }>,
        .onnx = "rule: Pow",
        .doc = "Return 2 to the power x.",
        .example = "td.exp2(td.asarray([0., 3.]))  # tensor([1., 8.], dtype=float32)"},
       {.name = "expm1",
        .lower = lift<math::expm1>,
        .on_complex = on_parts<math::expm1>,
        .grad = holomorphic<[](const GradContext& c) -> Grads { return {c.upstream * (c.output + 1.0)}; }>,
        .onnx = "rule: Exp, Tanh",
        .doc = "Return exp(x) - 1, accurate for small x.",
        .example = "td.expm1(td.asarray([0.]))  # tensor([0.], dtype=float32)"},
       {.name = "log",
        .lower = lift<math::log>,
        .on_complex = on_parts<math::log>,
        .grad = holomorphic<[](const GradContext& c) -> Grads { return {c.upstream / c.inputs[0]}; }>,
        .onnx = "Log",
        .doc = "Return the natural logarithm; NaN for negative x, -inf for 0.",
        .example = "td.log(td.asarray([1.]))  # tensor([0.], dtype=float32)",
        .samples = positive},
       {.name = "log2",
        .lower = lift<math::log2>,
        .on_complex = on_parts<math::log2>,
        .grad = holomorphic<[](const GradContext& c) -> Grads { return {c.upstream / (c.inputs[0] * M_LN2)}; }>,
        .onnx = "rule: Log",
        .doc = "Return the logarithm to base 2.",
        .example = "td.log2(td.asarray([8.]))  # tensor([3.], dtype=float32)",
        .samples = positive},
       {.name = "log10",
        .lower = lift<math::log10>,
        .on_complex = on_parts<math::log10>,
        .grad = holomorphic<[](const GradContext& c) -> Grads { return {c.upstream / (c.inputs[0] * M_LN10)}; }>,
        .onnx = "rule: Log",
        .doc = "Return the logarithm to base 10.",
        .example = "td.log10(td.asarray([1000.]))  # tensor([3.], dtype=float32)",
        .samples = positive},
       {.name = "log1p",
        .lower = lift<math::log1p>,
        .on_complex = on_parts<math::log1p>,
        .grad = holomorphic<[](const GradContext& c) -> Grads { return {c.upstream / (c.inputs[0] + 1.0)}; }>,
        .onnx = "rule: Log",
        .doc = "Return log(1 + x), accurate for small x.",
        .example = "td.log1p(td.asarray([0.]))  # tensor([0.], dtype=float32)",
        .samples = positive},
       {.name = "sqrt",
        .traits = static_cast<uint32_t>(Trait::exact),
        .lower = lift<sqrt_of>,
        .on_complex = on_parts<math::sqrt>,
        .grad = holomorphic<[](const GradContext& c) -> Grads { return {c.upstream / (c.output * 2.0)}; }>,
        .onnx = "Sqrt",
        .doc = "Return the square root, correctly rounded.",
        .example = "td.sqrt(td.asarray([4., 9.]))  # tensor([2., 3.], dtype=float32)",
        .samples = positive},
       {.name = "rsqrt",
        .lower = lift<math::rsqrt>,
        .on_complex = on_parts<math::rsqrt>,
        .grad =
            holomorphic<[](const GradContext& c) -> Grads { return {c.upstream * ((c.output / c.inputs[0]) * -0.5)}; }>,
        .onnx = "rule: Reciprocal, Sqrt",
        .doc = "Return 1 / sqrt(x).",
        .example = "td.rsqrt(td.asarray([4.]))  # tensor([0.5], dtype=float32)",
        .samples = positive},
       {.name = "sin",
        .lower = lift<math::sin>,
        .on_complex = on_parts<math::sin>,
        .grad = holomorphic<[](const GradContext& c) -> Grads { return {c.upstream * unary("cos", c.inputs[0])}; }>,
        .onnx = "Sin",
        .doc = "Return the sine of x in radians.",
        .example = "td.sin(td.asarray([0.]))  # tensor([0.], dtype=float32)"},
       {.name = "cos",
        .lower = lift<math::cos>,
        .on_complex = on_parts<math::cos>,
        .grad = holomorphic<[](const GradContext& c) -> Grads { return {-(c.upstream * unary("sin", c.inputs[0]))}; }>,
        .onnx = "Cos",
        .doc = "Return the cosine of x in radians.",
        .example = "td.cos(td.asarray([0.]))  # tensor([1.], dtype=float32)"},
       {.name = "tan",
        .lower = lift<math::tan>,
        .on_complex = on_parts<math::tan>,
        .grad = holomorphic<[](const GradContext& c) -> Grads { return {c.upstream * (c.output * c.output + 1.0)}; }>,
        .onnx = "Tan",
        .doc = "Return the tangent of x in radians.",
        .example = "td.tan(td.asarray([0.]))  # tensor([0.], dtype=float32)"},
       {.name = "asin",
        .lower = lift<math::asin>,
        .on_complex = on_parts<math::asin>,
        .grad = holomorphic<[](const GradContext& c) -> Grads {
          const Value x = c.inputs[0];
          return {c.upstream * unary("rsqrt", 1.0 - x * x)};
        }>,
        .onnx = "Asin",
        .doc = "Return the angle in [-pi/2, pi/2] whose sine is x; NaN outside [-1, 1].",
        .example = "td.asin(td.asarray([0.]))  # tensor([0.], dtype=float32)",
        .samples = inside},
       {.name = "acos",
        .lower = lift<math::acos>,
        .on_complex = on_parts<math::acos>,
        .grad = holomorphic<[](const GradContext& c) -> Grads {
          const Value x = c.inputs[0];
          return {-(c.upstream * unary("rsqrt", 1.0 - x * x))};
        }>,
        .onnx = "Acos",
        .doc = "Return the angle in [0, pi] whose cosine is x; NaN outside [-1, 1].",
        .example = "td.acos(td.asarray([1.]))  # tensor([0.], dtype=float32)",
        .samples = inside},
       {.name = "atan",
        .lower = lift<math::atan>,
        .on_complex = on_parts<math::atan>,
        .grad = holomorphic<[](const GradContext& c) -> Grads {
          const Value x = c.inputs[0];
          return {c.upstream / (x * x + 1.0)};
        }>,
        .onnx = "Atan",
        .doc = "Return the angle in [-pi/2, pi/2] whose tangent is x.",
        .example = "td.atan(td.asarray([0.]))  # tensor([0.], dtype=float32)"},
       {.name = "asinh",
        .lower = lift<math::asinh>,
        .on_complex = on_parts<math::asinh>,
        .grad = holomorphic<[](const GradContext& c) -> Grads {
          const Value x = c.inputs[0];
          return {c.upstream * unary("rsqrt", x * x + 1.0)};
        }>,
        .onnx = "Asinh",
        .doc = "Return the number whose hyperbolic sine is x.",
        .example = "td.asinh(td.asarray([0.]))  # tensor([0.], dtype=float32)"},
       {.name = "acosh",
        .lower = lift<math::acosh>,
        .on_complex = on_parts<math::acosh>,
        .grad = holomorphic<[](const GradContext& c) -> Grads {
          const Value x = c.inputs[0];
          if (!is_complex(x.dtype())) return {c.upstream * unary("rsqrt", x * x - 1.0)};
          return {c.upstream * (unary("rsqrt", x - 1.0) * unary("rsqrt", x + 1.0))};
        }>,
        .onnx = "Acosh",
        .doc = "Return the number of 0 or more whose hyperbolic cosine is x; NaN below 1.",
        .example = "td.acosh(td.asarray([1.]))  # tensor([0.], dtype=float32)",
        .samples = above},
       {.name = "atanh",
        .lower = lift<math::atanh>,
        .on_complex = on_parts<math::atanh>,
        .grad = holomorphic<[](const GradContext& c) -> Grads {
          const Value x = c.inputs[0];
          return {c.upstream / (1.0 - x * x)};
        }>,
        .onnx = "Atanh",
        .doc = "Return the number whose hyperbolic tangent is x; NaN outside [-1, 1].",
        .example = "td.atanh(td.asarray([0.]))  # tensor([0.], dtype=float32)",
        .samples = inside},
       {.name = "tanh",
        .lower = lift<math::tanh>,
        .on_complex = on_parts<math::tanh>,
        .grad = holomorphic<[](const GradContext& c) -> Grads { return {c.upstream * (1.0 - c.output * c.output)}; }>,
        .onnx = "Tanh",
        .doc = "Return the hyperbolic tangent.",
        .example = "td.tanh(td.asarray([0.]))  # tensor([0.], dtype=float32)"},
       {.name = "sinh",
        .lower = lift<math::sinh>,
        .on_complex = on_parts<math::sinh>,
        .grad = holomorphic<[](const GradContext& c) -> Grads { return {c.upstream * unary("cosh", c.inputs[0])}; }>,
        .onnx = "Sinh",
        .doc = "Return the hyperbolic sine.",
        .example = "td.sinh(td.asarray([0.]))  # tensor([0.], dtype=float32)"},
       {.name = "cosh",
        .lower = lift<math::cosh>,
        .on_complex = on_parts<math::cosh>,
        .grad = holomorphic<[](const GradContext& c) -> Grads { return {c.upstream * unary("sinh", c.inputs[0])}; }>,
        .onnx = "Cosh",
        .doc = "Return the hyperbolic cosine.",
        .example = "td.cosh(td.asarray([0.]))  # tensor([1.], dtype=float32)"},
       {.name = "sigmoid",
        .lower = lift<math::sigmoid>,
        .grad = [](const GradContext& c) -> Grads { return {c.upstream * (c.output * (1.0 - c.output))}; },
        .onnx = "Sigmoid",
        .doc = "Return 1 / (1 + exp(-x)).",
        .example = "td.sigmoid(td.asarray([0.]))  # tensor([0.5], dtype=float32)"},
       {.name = "erf",
        .lower = lift<math::erf>,
        .grad = [](const GradContext& c) -> Grads {
          const Value x = c.inputs[0];
          return {c.upstream * (unary("exp", -(x * x)) * M_2_SQRTPI)};
        },
        .onnx = "Erf",
        .doc = "Return the error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x.",
        .example = "td.erf(td.asarray([0.]))  # tensor([0.], dtype=float32)"}});
}

}  // namespace tandem
