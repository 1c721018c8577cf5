// The parts of complex numbers: what leads from real numbers to complex ones and back.
#include "ir/rules.h"

namespace tandem {

using namespace rules;

namespace {

using Grads = std::vector<Value>;

TensorType part_type(InferContext& c) { return {real_type(c.inputs[0].dtype), c.inputs[0].shape, {}}; }

TensorType imaginary_type(InferContext& c) {
  if (!is_complex(c.inputs[0].dtype))
    c.fail(ErrorKind::dtype, "got dtype {}; need complex64 or complex128; try x.astype(...)",
           info(c.inputs[0].dtype).name);
  return part_type(c);
}

TensorType joined_type(InferContext& c) {
  for (const TensorType& input : c.inputs)
    if (input.dtype != DType::f32 && input.dtype != DType::f64)
      c.fail(ErrorKind::dtype, "got dtype {}; need float32 or float64; try x.astype(...)", info(input.dtype).name);
  const TensorType type = broadcast_promote(c);
  return {complex_type(type.dtype), type.shape, {}};
}

Value complex_of(Value re, Value im) { return re.builder->emit("complex", {re, im}); }

}  // namespace

std::vector<OpDef> complex_ops() {
  const std::vector<std::string_view> samples = {"(3, 5)", "()", "(0,)", "(37,)"};
  return {
      {.name = "real",
       .inputs = {"x"},
       .traits = static_cast<uint32_t>(Trait::exact),
       .accepts = Accepts::numeric,
       .infer = part_type,
       .lower = [](std::span<const Scalar> x, const OpDef&, const Attrs&) { return x[0]; },
       .on_complex = [](std::span<const Complex> x, const OpDef&, const Attrs&) -> Complex { return x[0].re; },
       .grad = [](const GradContext& c) -> Grads { return {cast(c.upstream, c.inputs[0].dtype())}; },
       .onnx = "rule: Identity",
       .doc = "Return the real part; of real numbers, the numbers.",
       .example = "td.real(td.asarray([1 + 2j]))  # tensor([1.], dtype=float32)",
       .samples = samples},
      {.name = "imag",
       .inputs = {"x"},
       .traits = static_cast<uint32_t>(Trait::exact),
       .accepts = Accepts::complex,
       .infer = imaginary_type,
       .lower = [](std::span<const Scalar> x, const OpDef&, const Attrs&) { return x[0].constant(0); },
       .on_complex = [](std::span<const Complex> x, const OpDef&, const Attrs&) -> Complex { return x[0].im; },
       .grad = [](const GradContext& c) -> Grads { return {complex_of(c.upstream * 0.0, c.upstream)}; },
       .onnx = "none: ONNX has no complex operations",
       .doc = "Return the imaginary part of complex numbers.",
       .example = "td.imag(td.asarray([1 + 2j]))  # tensor([2.], dtype=float32)",
       .samples = samples},
      {.name = "conj",
       .inputs = {"x"},
       .traits = Trait::exact | Trait::method,
       .accepts = Accepts::numeric,
       .infer = same_type,
       .lower = [](std::span<const Scalar> x, const OpDef&, const Attrs&) { return x[0]; },
       .on_complex = [](std::span<const Complex> x, const OpDef&, const Attrs&) { return math::conj(x[0]); },
       .grad = [](const GradContext& c) -> Grads { return {unary("conj", c.upstream)}; },
       .onnx = "rule: Identity",
       .doc = "Return the complex conjugate; of real numbers, the numbers.",
       .example = "td.conj(td.asarray([1 + 2j]))  # tensor([1.-2.j], dtype=complex64)",
       .samples = samples},
      {.name = "angle",
       .inputs = {"x"},
       .accepts = Accepts::promote_to_float,
       .infer = part_type,
       .lower = [](std::span<const Scalar> x, const OpDef&,
                   const Attrs&) { return math::atan2(x[0].constant(0), x[0]); },
       .on_complex = [](std::span<const Complex> x, const OpDef&, const Attrs&) -> Complex {
         return math::angle(x[0]);
       },
       // d arg(z) = Im(dz / z)
       .grad = [](const GradContext& c) -> Grads {
         const Value x = c.inputs[0];
         if (!is_complex(x.dtype())) return {c.upstream * 0.0};
         const Value size = unary("real", x * unary("conj", x)), scaled = c.upstream / size;
         return {complex_of(-(scaled * unary("imag", x)), scaled * unary("real", x))};
       },
       .onnx = "rule: Less, Where",
       .doc = "Return the angle in [-pi, pi] from the positive real axis to x.",
       .example = "td.angle(td.asarray([2 + 0j]))  # tensor([0.], dtype=float32)",
       .samples = samples},
      {.name = "complex",
       .inputs = {"x1", "x2"},
       .traits = static_cast<uint32_t>(Trait::exact),
       .accepts = Accepts::floating,
       .infer = joined_type,
       // A complex result is made by on_complex alone.
       .lower = [](std::span<const Scalar> x, const OpDef&, const Attrs&) { return x[0]; },
       .on_complex = [](std::span<const Complex> x, const OpDef&, const Attrs&) { return Complex{x[0].re, x[1].re}; },
       .grad = [](const GradContext& c) -> Grads {
         return {unbroadcast(unary("real", c.upstream), c.inputs[0]),
                 unbroadcast(unary("imag", c.upstream), c.inputs[1])};
       },
       .onnx = "none: ONNX has no complex operations",
       .doc = "Return complex numbers with the real parts x1 and the imaginary parts x2.",
       .example = "td.complex(td.asarray([1.]), td.asarray([2.]))  # tensor([1.+2.j], dtype=complex64)",
       .samples = {"(3, 5) (3, 5)", "(3, 1) (4,)", "() (2,)", "(0, 3) (3,)"}},
  };
}

}  // namespace tandem
