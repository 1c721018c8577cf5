// Comparisons, logic, tests of single elements, selection, conversion.
#include <limits>

#include "ir/rules.h"

namespace tandem {

using namespace rules;

namespace {

Scalar truth(Scalar x) { return x.dtype == DType::boolean ? x : x != x.constant(0); }

Scalar logical_xor_of(Scalar a, Scalar b) { return truth(a) != truth(b); }
Scalar logical_and_of(Scalar a, Scalar b) { return truth(a) & truth(b); }
Scalar logical_or_of(Scalar a, Scalar b) { return truth(a) | truth(b); }
Scalar logical_not_of(Scalar a) { return ~truth(a); }

Scalar never(Scalar x) { return Scalar{x.builder, -1, DType::boolean}.constant(0); }
Scalar infinity(Scalar x) { return x.constant(std::numeric_limits<double>::infinity()); }
Scalar isnan_of(Scalar x) { return is_floating(x.dtype) ? x != x : never(x); }
Scalar isinf_of(Scalar x) { return is_floating(x.dtype) ? abs(x) == infinity(x) : never(x); }
Scalar isfinite_of(Scalar x) { return is_floating(x.dtype) ? abs(x) < infinity(x) : ~never(x); }

TensorType where_type(InferContext& c) {
  if (c.inputs[0].dtype != DType::boolean)
    c.fail(ErrorKind::dtype, "got a condition of dtype {}; need bool; try comparing first, as in x > 0",
           info(c.inputs[0].dtype).name);
  const Shape shapes[] = {c.inputs[0].shape, c.inputs[1].shape, c.inputs[2].shape};
  return {promote(c.inputs[1].dtype, c.inputs[2].dtype), broadcast_shapes(c.op.name, shapes, c.env), {}};
}

Scalar where_of(std::span<const Scalar> x, const OpDef&, const Attrs&) {
  const DType dtype = promote(x[1].dtype, x[2].dtype);
  return select(x[0], x[1].cast(dtype), x[2].cast(dtype));
}

Complex complex_where(std::span<const Complex> x, const OpDef&, const Attrs&) {
  const DType dtype = promote(x[1].dtype(), x[2].dtype());
  return select(x[0].re, x[1].cast(dtype), x[2].cast(dtype));
}

template <Scalar (*F)(Complex, Complex)>
Complex compared(std::span<const Complex> x, const OpDef&, const Attrs&) {
  return F(x[0], x[1]);
}
template <Scalar (*F)(Scalar, Scalar)>
Complex lift_truth(std::span<const Complex> x, const OpDef&, const Attrs&) {
  return F(x[0].cast(DType::boolean).re, x[1].cast(DType::boolean).re);
}

TensorType cast_type(InferContext& c) {
  const DType from = c.inputs[0].dtype, to = c.get<DType>("dtype");
  if (is_complex(from) && !is_complex(to) && to != DType::boolean)
    c.fail(ErrorKind::dtype, "got dtype {} and the dtype {}; need a complex dtype or bool; try td.real(x)",
           info(from).name, info(to).name);
  return {to, c.inputs[0].shape, {}};
}

}  // namespace

std::vector<OpDef> comparison_ops() {
  const uint32_t exact = static_cast<uint32_t>(Trait::exact);
  const OpDef compare_row{
      .inputs = {"x1", "x2"},
      .traits = exact,
      .infer = broadcast_compare,
      .grad = kNotDifferentiable,
      .samples = {"(3, 5):small (3, 5):small", "(3, 1):small (4,):small", "() (2,)", "(0, 3) (3,)"}};
  OpDef test_row = compare_row;
  test_row.inputs = {"x"};
  test_row.infer = same_shape_bool;
  test_row.samples = {"(3, 5):special", "()", "(0,)"};

  auto rows =
      with(compare_row, {{.name = "equal",
                          .traits = static_cast<uint32_t>(Trait::commutative),
                          .lower = lift2<operator== >,
                          .on_complex = compared<operator== >,
                          .onnx = "Equal",
                          .doc = "Return whether x1 == x2, element by element; NaN equals nothing.",
                          .example = "td.equal(td.asarray([1, 2]), 2)  # tensor([False,  True])"},
                         {.name = "not_equal",
                          .traits = static_cast<uint32_t>(Trait::commutative),
                          .lower = lift2<operator!= >,
                          .on_complex = compared<operator!= >,
                          .onnx = "rule: Equal, Not",
                          .doc = "Return whether x1 != x2, element by element.",
                          .example = "td.not_equal(td.asarray([1, 2]), 2)  # tensor([ True, False])"},
                         {.name = "less",
                          .lower = lift2 < operator<>,
                          .onnx = "Less",
                          .doc = "Return whether x1 < x2, element by element.",
                          .example = "td.less(td.asarray([1, 2]), 2)  # tensor([ True, False])"},
                         {.name = "less_equal",
                          .lower = lift2<operator<= >,
                          .onnx = "LessOrEqual",
                          .doc = "Return whether x1 <= x2, element by element.",
                          .example = "td.less_equal(td.asarray([1, 3]), 2)  # tensor([ True, False])"},
                         {.name = "greater",
                          .lower = [](std::span<const Scalar> x, const OpDef&, const Attrs&) { return x[1] < x[0]; },
                          .onnx = "Greater",
                          .doc = "Return whether x1 > x2, element by element.",
                          .example = "td.greater(td.asarray([1, 3]), 2)  # tensor([False,  True])"},
                         {.name = "greater_equal",
                          .lower = [](std::span<const Scalar> x, const OpDef&, const Attrs&) { return x[1] <= x[0]; },
                          .onnx = "GreaterOrEqual",
                          .doc = "Return whether x1 >= x2, element by element.",
                          .example = "td.greater_equal(td.asarray([1, 3]), 2)  # tensor([False,  True])"},
                         {.name = "logical_and",
                          .traits = static_cast<uint32_t>(Trait::commutative),
                          .lower = lift2<logical_and_of>,
                          .on_complex = lift_truth<logical_and_of>,
                          .onnx = "And",
                          .doc = "Return whether both elements are true (not zero).",
                          .example = "td.logical_and(td.asarray([True, False]), True)  # tensor([ True, False])"},
                         {.name = "logical_or",
                          .traits = static_cast<uint32_t>(Trait::commutative),
                          .lower = lift2<logical_or_of>,
                          .on_complex = lift_truth<logical_or_of>,
                          .onnx = "Or",
                          .doc = "Return whether either element is true (not zero).",
                          .example = "td.logical_or(td.asarray([True, False]), False)  # tensor([ True, False])"},
                         {.name = "logical_xor",
                          .traits = static_cast<uint32_t>(Trait::commutative),
                          .lower = lift2<logical_xor_of>,
                          .on_complex = lift_truth<logical_xor_of>,
                          .onnx = "Xor",
                          .doc = "Return whether exactly one element is true (not zero).",
                          .example = "td.logical_xor(td.asarray([True, False]), True)  # tensor([False,  True])"}});

  for (OpDef& row :
       with(test_row, {{.name = "logical_not",
                        .lower = lift<logical_not_of>,
                        .on_complex = [](std::span<const Complex> x, const OpDef&, const Attrs&) -> Complex {
                          return ~x[0].cast(DType::boolean).re;
                        },
                        .onnx = "Not",
                        .doc = "Return whether the element is false (zero).",
                        .example = "td.logical_not(td.asarray([True, False]))  # tensor([False,  True])"},
                       {.name = "isnan",
                        .lower = lift<isnan_of>,
                        .on_complex = [](std::span<const Complex> x, const OpDef&, const Attrs&) -> Complex {
                          return isnan_of(x[0].re) | isnan_of(x[0].im);
                        },
                        .onnx = "rule: IsNaN",
                        .doc = "Return whether the element is NaN.",
                        .example = "td.isnan(td.asarray([1., float('nan')]))  # tensor([False,  True])"},
                       {.name = "isinf",
                        .lower = lift<isinf_of>,
                        .on_complex = [](std::span<const Complex> x, const OpDef&, const Attrs&) -> Complex {
                          return isinf_of(x[0].re) | isinf_of(x[0].im);
                        },
                        .onnx = "rule: IsInf",
                        .doc = "Return whether the element is plus or minus infinity.",
                        .example = "td.isinf(td.asarray([1., float('inf')]))  # tensor([False,  True])"},
                       {.name = "isfinite",
                        .lower = lift<isfinite_of>,
                        .on_complex = [](std::span<const Complex> x, const OpDef&, const Attrs&) -> Complex {
                          return isfinite_of(x[0].re) & isfinite_of(x[0].im);
                        },
                        .onnx = "rule: IsNaN, IsInf",
                        .doc = "Return whether the element is neither infinite nor NaN.",
                        .example = "td.isfinite(td.asarray([1., float('inf')]))  # tensor([ True, False])"}}))
    rows.push_back(std::move(row));

  rows.push_back({.name = "where",
                  .inputs = {"condition", "x1", "x2"},
                  .traits = Trait::mixed | Trait::exact,
                  .infer = where_type,
                  .lower = where_of,
                  .on_complex = complex_where,
                  .grad = [](const GradContext& c) -> std::vector<Value> {
                    const Value zero = c.b.scalar(c.upstream.dtype(), 0);
                    return {{},
                            unbroadcast(where(c.inputs[0], c.upstream, zero), c.inputs[1]),
                            unbroadcast(where(c.inputs[0], zero, c.upstream), c.inputs[2])};
                  },
                  .onnx = "rule: Where",
                  .doc = "Take elements of x1 where the condition holds and of x2 elsewhere.",
                  .example = "td.where(td.asarray([True, False]), 1, 2)  # tensor([1, 2])",
                  .samples = {"(3, 5):bool (3, 5) (3, 5)", "(3, 1):bool (4,) ()", "(0,):bool (0,) (0,)"}});
  rows.push_back(
      {.name = "cast",
       .inputs = {"x"},
       .attrs = {{"dtype", AttrKind::dtype}},
       .traits = Trait::mixed | Trait::exact,
       .infer = cast_type,
       .lower = [](std::span<const Scalar> x, const OpDef& op,
                   const Attrs& attrs) { return x[0].cast(attr_as<DType>(op, attrs, "dtype")); },
       .on_complex = [](std::span<const Complex> x, const OpDef& op,
                        const Attrs& attrs) { return x[0].cast(attr_as<DType>(op, attrs, "dtype")); },
       .grad = [](const GradContext& c) -> std::vector<Value> { return {cast(c.upstream, c.inputs[0].dtype())}; },
       .onnx = "rule: Cast",
       .doc = "Convert to another dtype. Floats truncate toward zero when converted to integers and "
              "saturate; NaN becomes 0.",
       .example = "td.cast(td.asarray([1.7, -1.7]), td.int32)  # tensor([ 1, -1], dtype=int32)",
       .samples = {"(3, 5) | dtype=td.float32", "(3, 5) | dtype=td.float16", "(5,) | dtype=td.int64",
                   "(5,) | dtype=td.bool", "(0,) | dtype=td.float64", "() | dtype=td.bfloat16"}});
  rows.push_back({.name = "copy",
                  .inputs = {"x"},
                  .traits = Trait::internal | Trait::exact,
                  .infer = same_type,
                  .lower = [](std::span<const Scalar> x, const OpDef&, const Attrs&) { return x[0]; },
                  .on_complex = [](std::span<const Complex> x, const OpDef&, const Attrs&) { return x[0]; },
                  .grad = [](const GradContext& c) -> std::vector<Value> { return {c.upstream}; },
                  .onnx = "rule: Identity",
                  .doc = "Return the elements in a buffer of their own."});
  return rows;
}

}  // namespace tandem
