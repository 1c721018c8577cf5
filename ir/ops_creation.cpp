// Operations that make tensors from nothing but attributes.
#include <algorithm>
#include <cmath>

#include "ir/rules.h"

namespace tandem {

using namespace rules;

namespace {

Shape checked_shape(InferContext& c) {
  const auto& shape = c.get<std::vector<Dim>>("shape");
  for (const Dim& d : shape)
    if (d.is_constant() && d.constant() < 0)
      c.fail(ErrorKind::shape, "got the shape {}; need sizes of 0 or more", to_text(shape));
  return shape;
}

TensorType shaped(InferContext& c) { return {c.get<DType>("dtype"), checked_shape(c), {}}; }

double number(const Attr& attr) {
  if (const auto* real = std::get_if<double>(&attr)) return *real;
  if (const auto* flag = std::get_if<bool>(&attr)) return *flag ? 1.0 : 0.0;
  return static_cast<double>(std::get<int64_t>(attr));
}

bool is_real(const Attr& attr) { return std::holds_alternative<double>(attr); }

TensorType arange_type(InferContext& c) {
  Attr &start = c.attr("start"), &stop = c.attr("stop");
  if (std::holds_alternative<std::monostate>(stop)) {  // arange(n)
    stop = start;
    start = int64_t{0};
  }
  const Attr& step = c.attr("step");
  if (number(step) == 0) c.fail(ErrorKind::value, "got step 0; need a step other than 0");
  const bool real = is_real(start) || is_real(stop) || is_real(step);
  if (!c.has("dtype")) c.attr("dtype") = real ? DType::f32 : DType::i64;
  double count = 0;
  if (real) {
    count = std::ceil((number(stop) - number(start)) / number(step));
  } else {
    const int64_t a = std::get<int64_t>(start), b = std::get<int64_t>(stop), s = std::get<int64_t>(step);
    count = std::ceil((static_cast<double>(b) - static_cast<double>(a)) / static_cast<double>(s));
    if (std::abs(count) < 9e15) {  // the numbers are small enough for exact arithmetic
      const int64_t span = s > 0 ? b - a : a - b, size = s > 0 ? s : -s;
      const int64_t steps = span / size + (span % size > 0);
      count = static_cast<double>(steps);
    }
  }
  if (!(count < 9e15)) c.fail(ErrorKind::value, "got a range of {} elements; need a finite, smaller one", count);
  return {c.get<DType>("dtype"), {Dim(static_cast<int64_t>(std::max(count, 0.0)))}, {}};
}

TensorType linspace_type(InferContext& c) {
  const int64_t num = c.get<int64_t>("num");
  if (num < 0) c.fail(ErrorKind::value, "got num={}; need 0 or more", num);
  return {c.get<DType>("dtype"), {Dim(num)}, {}};
}

TensorType eye_type(InferContext& c) {
  const int64_t rows = c.get<int64_t>("n_rows");
  if (!c.has("n_cols")) c.attr("n_cols") = rows;
  const int64_t cols = c.get<int64_t>("n_cols");
  if (rows < 0 || cols < 0) c.fail(ErrorKind::shape, "got the shape [{}, {}]; need sizes of 0 or more", rows, cols);
  return {c.get<DType>("dtype"), {Dim(rows), Dim(cols)}, {}};
}

Value iota(Builder& b, const Shape& shape, int64_t axis, DType dtype) {
  return b.emit("iota", {}, {shape, axis, dtype});
}

// start + i * step, where step is (start + step) - start as NumPy rounds it.
Value arange_formula(Builder& b, std::span<const Value>, const OpDef& op, const Attrs& attrs) {
  const DType dtype = attr_as<DType>(op, attrs, "dtype");
  const double start = number(attrs[0]), step = number(attrs[2]);
  Attrs copy = attrs;
  ShapeEnv none;
  InferContext c{op, {}, copy, none};
  const Shape shape = arange_type(c).shape;
  const DType wide = is_floating(dtype) ? DType::f64 : DType::i64;
  Value i = iota(b, shape, 0, wide);
  if (is_floating(dtype)) return cast(b.scalar(wide, start) + i * b.scalar(wide, (start + step) - start), dtype);
  const auto whole = [](const Attr& attr) {
    return std::holds_alternative<int64_t>(attr) ? std::get<int64_t>(attr) : static_cast<int64_t>(number(attr));
  };
  Value first = b.emit("full", {}, {Shape{}, whole(attrs[0]), wide});
  Value stride = b.emit("full", {}, {Shape{}, whole(attrs[2]), wide});
  return cast(first + i * stride, dtype);
}

Value linspace_formula(Builder& b, std::span<const Value>, const OpDef& op, const Attrs& attrs) {
  const double start = number(attrs[0]), stop = number(attrs[1]);
  const int64_t num = attr_as<int64_t>(op, attrs, "num");
  const bool endpoint = attr_as<bool>(op, attrs, "endpoint");
  const DType dtype = attr_as<DType>(op, attrs, "dtype");
  const int64_t parts = endpoint ? num - 1 : num;
  Value i = iota(b, {Dim(num)}, 0, DType::f64);
  const double step = parts > 0 ? (stop - start) / static_cast<double>(parts) : 0.0;
  Value x = i * step + start;
  if (endpoint && num > 1)
    x = where(binary("equal", i, b.scalar(DType::f64, static_cast<double>(num - 1))), b.scalar(DType::f64, stop), x);
  return cast(is_integer(dtype) ? unary("floor", x) : x, dtype);
}

Value eye_formula(Builder& b, std::span<const Value>, const OpDef& op, const Attrs& attrs) {
  const Shape shape{Dim(attr_as<int64_t>(op, attrs, "n_rows")), Dim(attr_as<int64_t>(op, attrs, "n_cols"))};
  Value row = iota(b, shape, 0, DType::i64), col = iota(b, shape, 1, DType::i64);
  Value k = b.emit("full", {}, {Shape{}, attr_as<int64_t>(op, attrs, "k"), DType::i64});
  return cast(binary("equal", row + k, col), attr_as<DType>(op, attrs, "dtype"));
}

template <int V>
Value filled(Builder& b, std::span<const Value>, const OpDef& op, const Attrs& attrs) {
  return b.full(attr_as<std::vector<Dim>>(op, attrs, "shape"), attr_as<DType>(op, attrs, "dtype"), V);
}

const AttrSpec kShape{"shape", AttrKind::shape};
const AttrSpec kDType{"dtype", AttrKind::dtype, Attr{DType::f32}};

}  // namespace

std::vector<OpDef> creation_ops() {
  return with(
      {.infer = shaped, .grad = kNoInputs},
      {{.name = "full",
        .attrs = {kShape, {"fill_value", AttrKind::number}, kDType},
        .lower = Structure::full,
        .onnx = "rule: Expand",
        .doc = "Return a tensor of the given shape filled with one number.",
        .example = "td.full((2,), 7, dtype=td.int32)  # tensor([7, 7], dtype=int32)",
        .samples = {"| shape=(2, 3), fill_value=1.5", "| shape=(), fill_value=3"}},
       {.name = "zeros",
        .attrs = {kShape, kDType},
        .lower = filled<0>,
        .onnx = "compose",
        .doc = "Return a tensor of zeros.",
        .example = "td.zeros((2,))  # tensor([0., 0.], dtype=float32)",
        .samples = {"| shape=(2, 3)", "| shape=(0,)"}},
       {.name = "ones",
        .attrs = {kShape, kDType},
        .lower = filled<1>,
        .onnx = "compose",
        .doc = "Return a tensor of ones.",
        .example = "td.ones((2,))  # tensor([1., 1.], dtype=float32)",
        .samples = {"| shape=(2, 3)", "| shape=(0,)"}},
       {.name = "segment",
        .attrs = {{"begins", AttrKind::boolean, std::nullopt, "or ends"}},
        .traits = static_cast<uint32_t>(Trait::internal),
        .infer = [](InferContext&) { return TensorType{DType::boolean, {}, {}}; },
        .lower = [](Builder& b, std::span<const Value>, const OpDef&,
                    const Attrs&) { return b.emit("full", {}, {Shape{}, int64_t{0}, DType::boolean}); },
        .onnx = "none: nothing reads its value, so that it is never part of what is exported",
        .doc = "Mark where the operations begin, or end, that gradients compute again rather than keep. The value "
               "is of no use."},
       {.name = "from_dim",
        .attrs = {{"size", AttrKind::dims}, kDType},
        .traits = static_cast<uint32_t>(Trait::internal),
        .infer = [](InferContext& c) { return TensorType{c.get<DType>("dtype"), {}, {}}; },
        .lower = Structure::from_dim,
        .onnx = "rule: Shape",
        .doc = "Return a size that is known at run time as a 0-d tensor."},
       {.name = "iota",
        .attrs = {kShape, {"axis", AttrKind::integer}, kDType},
        .traits = static_cast<uint32_t>(Trait::internal),
        .infer =
            [](InferContext& c) {
              const TensorType type = shaped(c);
              c.attr("axis") = normalize_axis(c.op.name, c.get<int64_t>("axis"), type.rank());
              return type;
            },
        .lower = Structure::iota,
        .onnx = "rule: Range",
        .doc = "Return a tensor whose elements are their own index along one axis."},
       {.name = "arange",
        .attrs = {{"start", AttrKind::number},
                  {"stop", AttrKind::number, Attr{}},
                  {"step", AttrKind::number, Attr{int64_t{1}}},
                  {"dtype", AttrKind::dtype, Attr{}}},
        .infer = arange_type,
        .lower = arange_formula,
        .onnx = "compose",
        .doc = "Return evenly spaced numbers in [start, stop), or in [0, start) when stop is left out.",
        .example = "td.arange(3)  # tensor([0, 1, 2])",
        .samples = {"| start=5", "| start=1, stop=8, step=3", "| start=5, stop=0, step=-2"}},
       {.name = "linspace",
        .attrs = {{"start", AttrKind::real},
                  {"stop", AttrKind::real},
                  {"num", AttrKind::integer},
                  {"endpoint", AttrKind::boolean, Attr{true}},
                  kDType},
        .infer = linspace_type,
        .lower = linspace_formula,
        .onnx = "compose",
        .doc = "Return `num` evenly spaced numbers from start to stop.",
        .example = "td.linspace(0, 1, 3)  # tensor([0. , 0.5, 1. ], dtype=float32)",
        .samples = {"| start=0.0, stop=1.0, num=7", "| start=-2.0, stop=3.0, num=4, endpoint=False"}},
       {.name = "eye",
        .attrs = {{"n_rows", AttrKind::integer},
                  {"n_cols", AttrKind::integer, Attr{}},
                  {"k", AttrKind::integer, Attr{int64_t{0}}},
                  kDType},
        .infer = eye_type,
        .lower = eye_formula,
        .onnx = "rule: EyeLike",
        .doc = "Return a matrix with ones on the k-th diagonal and zeros elsewhere.",
        .example = "td.eye(2)  # tensor([[1., 0.], [0., 1.]], dtype=float32)",
        .samples = {"| n_rows=3", "| n_rows=3, n_cols=5, k=1", "| n_rows=3, n_cols=2, k=-1"}}});
}

}  // namespace tandem
