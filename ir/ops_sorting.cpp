// Sorting, searching and running results along an axis. Sorting and searching are routines of the runtime.
#include "ir/rules.h"

namespace tandem {

using namespace rules;

namespace {

using Grads = std::vector<Value>;

const AttrSpec kLast{"axis", AttrKind::axis, Attr{int64_t{-1}}};
const AttrSpec kDescending{"descending", AttrKind::boolean, Attr{false}, "from the largest to the smallest"};
const AttrSpec kStable{"stable", AttrKind::boolean, Attr{true}, "of no effect: the order of equal elements is kept"};

int64_t along(InferContext& c) {
  const TensorType& x = c.inputs[0];
  if (x.rank() == 0) c.fail(ErrorKind::shape, "got a tensor without axes; need at least one axis");
  const int64_t axis = normalize_axis(c.op.name, c.get<int64_t>("axis"), x.rank());
  c.attr("axis") = axis;
  return axis;
}

TensorType sort_type(InferContext& c) {
  along(c);
  return {c.inputs[0].dtype, c.inputs[0].shape, c.inputs[0].device};
}

TensorType argsort_type(InferContext& c) {
  along(c);
  return {DType::i64, c.inputs[0].shape, c.inputs[0].device};
}

// A sorted element's gradient goes to where it came from: the sorting order of the order is its inverse.
Grads sort_grad(const GradContext& c) {
  const Value order = c.b.emit(op("argsort"), {&c.inputs[0], 1}, c.attrs);
  const Attr axis = attr_as<int64_t>(c.op, c.attrs, "axis");
  const Value inverse = c.b.emit("argsort", {order}, {axis, false, true});
  return {c.b.emit("take_along_axis", {c.upstream, inverse}, {axis})};
}

TensorType topk_type(InferContext& c) {
  const TensorType& x = c.inputs[0];
  const auto axis = static_cast<size_t>(along(c));
  const int64_t k = c.get<int64_t>("k");
  if (k < 0 || !c.env.decide(k, Relation::le, x.shape[axis]))
    c.fail(ErrorKind::value, "got k={} for axis {} of a tensor of shape {}; need 0 <= k <= its size", k, axis,
           to_text(x.shape));
  TensorType out{DType::i64, x.shape, x.device};
  out.shape[axis] = k;
  return out;
}

TensorType lexsort_type(InferContext& c) {
  along(c);
  for (const TensorType& key : c.inputs)
    if (key.shape != c.inputs[0].shape)
      c.fail(ErrorKind::shape, "got keys of shapes {} and {}; need equal shapes", to_text(c.inputs[0].shape),
             to_text(key.shape));
  return {DType::i64, c.inputs[0].shape, c.inputs[0].device};
}

Value complex_order(Builder& b, const Value& x, const Attr& axis, const Attr& descending) {
  return b.emit("lexsort", {x}, {axis, descending});
}

Value complex_argsort(Builder& b, std::span<const Value> x, const OpDef&, const Attrs& attrs) {
  return complex_order(b, x[0], attrs[0], attrs[1]);
}

Value complex_sort(Builder& b, std::span<const Value> x, const OpDef&, const Attrs& attrs) {
  return b.emit("take_along_axis", {x[0], complex_order(b, x[0], attrs[0], attrs[1])}, {attrs[0]});
}

Value complex_topk(Builder& b, std::span<const Value> x, const OpDef&, const Attrs& attrs) {
  const Value order = complex_order(b, x[0], attrs[1], attrs[2]);
  const size_t rank = order.shape().size();
  std::vector<Dim> starts(rank, Dim(0)), sizes = order.shape(), steps(rank, Dim(1));
  sizes[static_cast<size_t>(std::get<int64_t>(attrs[1]))] = std::get<int64_t>(attrs[0]);
  return b.emit("slice", {order}, {starts, sizes, steps});
}

TensorType places_type(InferContext& c) {
  const TensorType& sorted = c.inputs[0];
  if (sorted.rank() != 1) c.fail(ErrorKind::shape, "got a table of shape {}; need one axis", to_text(sorted.shape));
  if (sorted.dtype != c.inputs[1].dtype)
    c.fail(ErrorKind::dtype, "got the dtypes {} and {}; need equal ones", info(sorted.dtype).name,
           info(c.inputs[1].dtype).name);
  return {DType::i64, c.inputs[1].shape, c.inputs[1].device};
}

TensorType counted_type(InferContext& c, DType input, DType output) {
  const TensorType& x = c.inputs[0];
  if (x.rank() != 1 || x.dtype != input)
    c.fail(ErrorKind::dtype, "got {}; need a vector of {}", to_text(x), info(input).name);
  const Dim& length = c.get<std::vector<Dim>>("length")[0];
  return {output, {length}, x.device};
}

// Sorted edges, values that are of their dtype or, for edges in f64, real.
TensorType bins_type(InferContext& c, DType output) {
  const TensorType &edges = c.inputs[0], &values = c.inputs[1];
  if (edges.rank() != 1 || values.rank() != 1)
    c.fail(ErrorKind::shape, "got shapes {} and {}; need vectors", to_text(edges.shape), to_text(values.shape));
  if (edges.dtype != values.dtype && edges.dtype != DType::f64)
    c.fail(ErrorKind::dtype, "got the dtypes {} and {}; need equal ones", info(edges.dtype).name,
           info(values.dtype).name);
  return {output, {edges.shape[0] - Dim(1)}, values.device};
}

TensorType weighted_bins_type(InferContext& c) {
  const TensorType &values = c.inputs[1], &weights = c.inputs[2];
  if (weights.dtype != DType::f64 || weights.shape != values.shape)
    c.fail(ErrorKind::dtype, "got weights {} for values {}; need as many in f64", to_text(weights), to_text(values));
  return bins_type(c, DType::f64);
}

// A weight's gradient is that of the sum of its bin; of what lies in none, 0.
Grads weights_grad(const GradContext& c) {
  const Value edges = c.inputs[0], values = cast(c.inputs[1], edges.dtype());
  const Dim bins = c.output.shape()[0];
  const Value count = dim_value(c.b, bins, DType::i64), one = c.b.scalar(DType::i64, 1);
  const Value last =
      reshape(c.b.emit("slice", {edges}, {std::vector<Dim>{bins}, std::vector<Dim>{1}, std::vector<Dim>{1}}), {});
  Value place = c.b.emit("places_in_sorted", {edges, values}, {true}) - one;
  place = where(binary("equal", values, last), count - one, place);
  const Value none = c.b.scalar(DType::i64, 0);
  const Value inside = binary("logical_and", binary("less_equal", none, place), binary("less", place, count));
  const Value sums = c.b.emit("take", {c.upstream, where(inside, place, none)}, {int64_t{0}});
  return {{}, {}, where(inside, sums, c.b.scalar(DType::f64, 0))};
}

TensorType running_type(InferContext& c, bool widened) {
  const TensorType& x = c.inputs[0];
  if (!c.has("axis")) {
    if (x.rank() != 1) c.fail(ErrorKind::value, "got a tensor with {} axes and no axis; need axis=...", x.rank());
    c.attr("axis") = int64_t{0};
  }
  along(c);
  if (!widened) return {x.dtype, x.shape, x.device};
  if (!c.has("dtype")) c.attr("dtype") = sum_dtype(x.dtype);
  return {c.get<DType>("dtype"), x.shape, x.device};
}

// To the element that is the extreme so far, of equal ones the last, as in PyTorch.
Grads running_extreme_grad(const GradContext& c) {
  const Value x = c.inputs[0];
  const int64_t axis = attr_as<int64_t>(c.op, c.attrs, "axis");
  Value is_new = binary("equal", x, c.output);
  if (is_floating(x.dtype())) is_new = binary("logical_or", is_new, unary("isnan", x));
  const Value places = c.b.emit("iota", {}, {x.shape(), axis, DType::i64});
  const Value source = c.b.emit("cummax", {where(is_new, places, c.b.scalar(DType::i64, 0))}, {axis});
  return {c.b.emit("scatter_add", {c.b.full(x.shape(), x.dtype(), 0), source, c.upstream}, {axis})};
}

// Before the first zero along the axis, what depends on an element is divided by it; the first zero is left out of the
// products that follow it, up to the next zero; behind it there is nothing but zeros.
Grads running_product_grad(const GradContext& c) {
  const int64_t axis = attr_as<int64_t>(c.op, c.attrs, "axis");
  const DType dtype = c.output.dtype();
  const std::vector<Dim> axes{Dim(axis)};
  const auto running = [&](std::string_view of, const Value& x) { return c.b.emit(of, {x}, {axis, Attr{}}); };
  const auto flipped = [&](const Value& x) { return c.b.emit("flip", {x}, {axes}); };
  const auto from_here = [&](const Value& x) { return flipped(running("cumsum", flipped(x))); };
  const Value x = cast(c.inputs[0], dtype), zero = c.b.scalar(dtype, 0), one = c.b.scalar(dtype, 1);
  const Value is_zero = binary("equal", x, zero), zeros = running("cumsum", cast(is_zero, DType::i64));
  const auto after = [&](int64_t count) { return binary("equal", zeros, c.b.scalar(DType::i64, count)); };
  const Value is_first = binary("logical_and", is_zero, after(1));
  const Value without = where(is_first, one, x);
  const Value at_first = from_here(c.upstream * running("cumprod", without));
  const Value before = from_here(c.upstream * c.output) / where(is_zero, one, x);
  return {cast(where(is_first, at_first, where(after(0), before, zero)), c.inputs[0].dtype())};
}

std::vector<OpDef> running_ops() {
  const AttrSpec axis{"axis", AttrKind::axis, Attr{}, "may be left out of a vector"};
  const std::vector<std::string_view> samples = {"(7,)", "(3, 5) | axis=0", "(3, 5) | axis=-1", "(2, 0) | axis=1",
                                                 "(2, 3, 40) | axis=1"};
  const OpDef extreme{.inputs = {"x"},
                      .attrs = {axis},
                      .traits = Trait::method | Trait::exact,
                      .infer = [](InferContext& c) { return running_type(c, false); },
                      .grad = running_extreme_grad,
                      .onnx = "rule: Scan",
                      .samples = samples};
  auto rows = with(extreme, {{.name = "cummax",
                              .lower = ScanRule{ReduceKind::max},
                              .doc = "Return the largest element so far along an axis; NaN from the first NaN on.",
                              .example = "td.cummax(td.asarray([1, 3, 2]))  # tensor([1, 3, 3])"},
                             {.name = "cummin",
                              .lower = ScanRule{ReduceKind::min},
                              .doc = "Return the smallest element so far along an axis; NaN from the first NaN on.",
                              .example = "td.cummin(td.asarray([2, 1, 3]))  # tensor([2, 1, 1])"}});
  rows.push_back({.name = "cumprod",
                  .inputs = {"x"},
                  .attrs = {axis, {"dtype", AttrKind::dtype, Attr{}}},
                  .traits = static_cast<uint32_t>(Trait::method),
                  .infer = [](InferContext& c) { return running_type(c, true); },
                  .lower = ScanRule{ReduceKind::prod},
                  .grad = holomorphic<running_product_grad>,
                  .onnx = "rule: Scan",
                  .doc =
                      "Return running products along an axis, multiplied in order; 16-bit floats are rounded once per "
                      "result.",
                  .example = "td.cumprod(td.asarray([1, 2, 3]))  # tensor([1, 2, 6])",
                  .samples = {"(7,):unit", "(3, 5):unit | axis=0", "(3, 5):unit | axis=-1", "(2, 0) | axis=1",
                              "(2, 3, 9):unit | axis=1"}});
  return rows;
}

}  // namespace

std::vector<OpDef> sorting_ops() {
  const AttrSpec length{"length", AttrKind::dims, std::nullopt, "one number"};
  const std::vector<std::string_view> samples = {"(3, 5):small | axis=0, descending=True",
                                                 "(3, 5):small",
                                                 "(70, 3) | axis=0",
                                                 "(2, 300) | descending=True",
                                                 "(0,)",
                                                 "(2, 0, 3) | axis=1",
                                                 "(5000,):wide",
                                                 "(40, 7):special"};
  std::vector<OpDef> rows = {
      {.name = "sort",
       .inputs = {"x"},
       .attrs = {kLast, kDescending, kStable},
       .traits = Trait::method | Trait::exact,
       .infer = sort_type,
       .lower = Structure::library,
       .complex_formula = complex_sort,
       .grad = sort_grad,
       .onnx = "rule: TopK",
       .doc = "Return the elements in order along an axis, equal ones in the order they had, NaNs last either way; "
              "complex "
              "ones by their real parts, then by their imaginary parts.",
       .example = "td.sort(td.asarray([3, 1, 2]))  # tensor([1, 2, 3])",
       .samples = samples},
      {.name = "argsort",
       .inputs = {"x"},
       .attrs = {kLast, kDescending, kStable},
       .traits = Trait::method | Trait::exact,
       .infer = argsort_type,
       .lower = Structure::library,
       .complex_formula = complex_argsort,
       .grad = kNotDifferentiable,
       .onnx = "rule: TopK",
       .doc = "Return the int64 indices that sort a tensor along an axis, in the order of `sort`.",
       .example = "td.argsort(td.asarray([3, 1, 2]))  # tensor([1, 2, 0])",
       .samples = samples},
      {.name = "lexsort",
       .inputs = {"keys"},
       .attrs = {kLast, kDescending},
       .traits = Trait::internal | Trait::mixed | Trait::variadic | Trait::complex,
       .infer = lexsort_type,
       .lower = Structure::library,
       .grad = kNotDifferentiable,
       .onnx = "rule: TopK",
       .doc = "Return the int64 indices that sort along an axis by the last key, in the order of `sort`; where it is "
              "equal by the one before it, and so on. Complex numbers with a NaN come last: first where only the "
              "imaginary part is one, then where only the real part is."},
      {.name = "topk_indices",
       .inputs = {"x"},
       .attrs = {{"k", AttrKind::integer}, kLast, {"largest", AttrKind::boolean, Attr{true}}},
       .traits = static_cast<uint32_t>(Trait::internal),
       .infer = topk_type,
       .lower = Structure::library,
       .complex_formula = complex_topk,
       .grad = kNotDifferentiable,
       .onnx = "rule: TopK",
       .doc = "Return the int64 indices of the k first elements along an axis in the order of `sort`."},
      {.name = "places_in_sorted",
       .inputs = {"sorted", "values"},
       .attrs = {{"right", AttrKind::boolean, Attr{false}}},
       .traits = Trait::internal | Trait::mixed,
       .infer = places_type,
       .lower = Structure::library,
       .grad = kNotDifferentiable,
       .onnx = "rule: LessOrEqual",
       .doc = "Return how many elements of a sorted vector lie before (with right: not after) each value."},
      {.name = "places_of_nonzero",
       .inputs = {"x"},
       .attrs = {length},
       .traits = static_cast<uint32_t>(Trait::internal),
       .infer = [](InferContext& c) { return counted_type(c, DType::boolean, DType::i64); },
       .lower = Structure::library,
       .grad = kNotDifferentiable,
       .onnx = "none: the size of its result is known only when it runs",
       .doc = "Return the places of true elements, of which there are `length`."},
      {.name = "counts_of_places",
       .inputs = {"x"},
       .attrs = {length},
       .traits = static_cast<uint32_t>(Trait::internal),
       .infer = [](InferContext& c) { return counted_type(c, DType::i64, DType::i64); },
       .lower = Structure::library,
       .grad = kNotDifferentiable,
       .onnx = "none: there is no such operator",
       .doc = "Return how often each of the first `length` numbers occurs."},
      {.name = "weights_of_places",
       .inputs = {"x", "weights"},
       .attrs = {length},
       .traits = Trait::internal | Trait::mixed,
       .infer = [](InferContext& c) { return counted_type(c, DType::i64, DType::f64); },
       .lower = Structure::library,
       .grad = [](const GradContext& c) -> Grads {
         return {{}, c.b.emit("take", {c.upstream, c.inputs[0]}, {int64_t{0}})};
       },
       .onnx = "none: there is no such operator",
       .doc = "Return the sum of the weights of each of the first `length` numbers, added in order."},
      {.name = "counts_in_bins",
       .inputs = {"edges", "values"},
       .traits = Trait::internal | Trait::mixed,
       .infer = [](InferContext& c) { return bins_type(c, DType::i64); },
       .lower = Structure::library,
       .grad = kNotDifferentiable,
       .onnx = "none: there is no such operator",
       .doc = "Return how many values lie between neighbouring edges: at or above one and below the next, or at the "
              "last."},
      {.name = "weights_in_bins",
       .inputs = {"edges", "values", "weights"},
       .traits = Trait::internal | Trait::mixed,
       .infer = weighted_bins_type,
       .lower = Structure::library,
       .grad = weights_grad,
       .onnx = "none: there is no such operator",
       .doc = "Return the sums of the weights of values between neighbouring edges, added in order."}};
  for (OpDef& row : running_ops()) rows.push_back(std::move(row));
  return rows;
}

}  // namespace tandem
