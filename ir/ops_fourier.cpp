// Discrete Fourier transforms along one axis, computed by a routine of the runtime (runtime/fourier.cpp). td.fft is made
// of this one row; transforms along several axes go one axis at a time.
#include "ir/rules.h"

namespace tandem {

using namespace rules;

namespace {

using Grads = std::vector<Value>;
using Dims = std::vector<Dim>;

const Dim& length_of(const OpDef& op, const Attrs& attrs) { return attr_as<Dims>(op, attrs, "length")[0]; }
Dim half_of(Dim length) { return floor_div(length, Dim(2)) + Dim(1); }

TensorType fourier_type(InferContext& c) {
  const TensorType& x = c.inputs[0];
  const bool from_real = c.get<bool>("real") && !c.get<bool>("inverse"), to_real = c.get<bool>("real") && !from_real;
  const bool is_real = x.dtype == DType::f32 || x.dtype == DType::f64;
  const bool fits = is_real ? !to_real : is_complex(x.dtype) && !from_real;
  if (!fits)
    c.fail(ErrorKind::dtype, "got dtype {}; need {}; try x.astype(...)", info(x.dtype).name,
           from_real ? "float32 or float64"
           : to_real ? "complex64 or complex128"
                     : "float32, float64, complex64 or complex128");
  if (x.rank() == 0) c.fail(ErrorKind::shape, "got a tensor without axes; need at least one axis");
  const int64_t axis = normalize_axis(c.op.name, c.get<int64_t>("axis"), x.rank());
  c.attr("axis") = axis;
  const Dim length = length_of(c.op, c.attrs);
  if (!c.env.decide(Dim(1), Relation::le, length))
    c.fail(ErrorKind::value, "got the length {}; need 1 or more", to_text(length));
  TensorType out{to_real ? real_type(x.dtype) : complex_type(x.dtype), x.shape, x.device};
  out.shape[static_cast<size_t>(axis)] = from_real ? half_of(length) : length;
  return out;
}

// Cuts x to `size` along an axis, or fills it up with zeros.
Value resized(Value x, size_t axis, Dim size) {
  const Dim have = x.shape()[axis];
  if (have == size) return x;
  const size_t rank = x.shape().size();
  const Dims starts(rank, Dim(0)), steps(rank, Dim(1));
  Shape shape = x.shape();
  shape[axis] = size;
  if (x.builder->env().decide(size, Relation::le, have)) return x.builder->emit("slice", {x}, {starts, shape, steps});
  return x.builder->emit("slice_update", {x.builder->full(shape, x.dtype(), 0), x}, {starts, x.shape(), steps});
}

// Half a spectrum stands for the whole one: all of it counts twice but for frequency zero and, of an even length, the
// highest one. Multiplies those two by `ends` and the rest by `rest`.
Value weighted(Value x, size_t axis, Dim length, double ends, double rest) {
  Builder& b = *x.builder;
  Shape along(x.shape().size(), Dim(1));
  along[axis] = x.shape()[axis];
  const Value k = b.emit("iota", {}, {along, static_cast<int64_t>(axis), DType::i64});
  const Value twice = k + k;
  const Value is_end = binary("logical_or", binary("equal", k, b.scalar(DType::i64, 0)),
                              binary("equal", twice, dim_value(b, length, DType::i64)));
  const DType real = real_type(x.dtype());
  return x * where(is_end, b.scalar(real, ends), b.scalar(real, rest));
}

// The adjoint of a linear map: the transform the other way, with the same factor.
Grads fourier_grad(const GradContext& c) {
  const auto axis = static_cast<size_t>(attr_as<int64_t>(c.op, c.attrs, "axis"));
  const bool inverse = attr_as<bool>(c.op, c.attrs, "inverse"), real = attr_as<bool>(c.op, c.attrs, "real");
  const Dim length = length_of(c.op, c.attrs), size = c.inputs[0].shape()[axis];
  Attrs attrs = c.attrs;
  attrs[static_cast<size_t>(c.op.attr_index("inverse"))] = !inverse;
  Value up = c.upstream;
  if (real && !inverse) up = weighted(up, axis, length, 1, 0.5);
  Value out = c.b.emit(c.op, {&up, 1}, attrs);
  if (real && inverse) out = weighted(out, axis, length, 1, 2);
  return {cast(resized(out, axis, size), c.inputs[0].dtype())};
}

}  // namespace

std::vector<OpDef> fourier_ops() {
  return {
      {.name = "fourier",
       .inputs = {"x"},
       .attrs = {{"inverse", AttrKind::boolean, std::nullopt, "with the positive sign in the exponent"},
                 {"real", AttrKind::boolean, std::nullopt, "from real numbers to half a spectrum, or inversely back"},
                 {"axis", AttrKind::axis},
                 {"length", AttrKind::dims, std::nullopt, "one number; x is cut to it, or filled up with zeros"},
                 {"roots", AttrKind::integer, std::nullopt, "so many times divided by the root of the length"},
                 {"conjugate", AttrKind::boolean, Attr{false}, "of half a spectrum: with the other sign"}},
       .traits = Trait::internal | Trait::complex,
       .infer = fourier_type,
       .lower = Structure::library,
       .grad = fourier_grad,
       .onnx = "none: ONNX has no complex operations",
       .doc = "Return the discrete Fourier transform along an axis."}};
}

}  // namespace tandem
