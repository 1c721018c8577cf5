// Joining tensors, moving their elements, and picking them by index tensors.
#include "ir/put_mode.h"
#include "ir/rules.h"

namespace tandem {

using namespace rules;

namespace {

using Grads = std::vector<Value>;

TensorType concat_type(InferContext& c) {
  const TensorType& first = c.inputs[0];
  if (first.rank() == 0) c.fail(ErrorKind::shape, "got tensors without axes; need at least one axis; try td.stack");
  const int64_t axis = normalize_axis(c.op.name, c.get<int64_t>("axis"), first.rank());
  c.attr("axis") = axis;
  TensorType out{first.dtype, first.shape, {}};
  for (const TensorType& input : c.inputs.subspan(1)) {
    bool fits = input.rank() == first.rank();
    for (size_t k = 0; fits && k < first.shape.size(); ++k)
      fits = static_cast<int64_t>(k) == axis || c.env.equal(first.shape[k], input.shape[k]);
    if (!fits)
      c.fail(ErrorKind::shape, "got shapes {} and {}; need shapes that agree everywhere but along axis {}",
             to_text(first.shape), to_text(input.shape), axis);
    out.dtype = promote(out.dtype, input.dtype);
    out.shape[static_cast<size_t>(axis)] =
        out.shape[static_cast<size_t>(axis)] + input.shape[static_cast<size_t>(axis)];
  }
  return out;
}

Grads concat_grad(const GradContext& c) {
  const int64_t axis = attr_as<int64_t>(c.op, c.attrs, "axis");
  Grads grads;
  Dim start = 0;
  for (const Value& input : c.inputs) {
    std::vector<Dim> starts(input.shape().size(), Dim(0)), steps(input.shape().size(), Dim(1));
    starts[static_cast<size_t>(axis)] = start;
    start = start + input.shape()[static_cast<size_t>(axis)];
    grads.push_back(cast(c.b.emit("slice", {c.upstream}, {starts, input.shape(), steps}), input.dtype()));
  }
  return grads;
}

TensorType stack_type(InferContext& c) {
  const TensorType& first = c.inputs[0];
  const int64_t axis = normalize_axis(c.op.name, c.get<int64_t>("axis"), first.rank() + 1);
  c.attr("axis") = axis;
  TensorType out{first.dtype, first.shape, {}};
  for (const TensorType& input : c.inputs.subspan(1)) {
    bool fits = input.rank() == first.rank();
    for (size_t k = 0; fits && k < first.shape.size(); ++k) fits = c.env.equal(first.shape[k], input.shape[k]);
    if (!fits)
      c.fail(ErrorKind::shape, "got shapes {} and {}; need equal shapes", to_text(first.shape), to_text(input.shape));
    out.dtype = promote(out.dtype, input.dtype);
  }
  out.shape.insert(out.shape.begin() + axis, Dim(static_cast<int64_t>(c.inputs.size())));
  return out;
}

Value stack_formula(Builder& b, std::span<const Value> x, const OpDef& row, const Attrs& attrs) {
  const int64_t axis = attr_as<int64_t>(row, attrs, "axis");
  std::vector<Value> parts;
  for (const Value& value : x) parts.push_back(expand_dims(value, axis));
  return b.emit(op("concat"), parts, {axis});
}

Grads stack_grad(const GradContext& c) {
  const int64_t axis = attr_as<int64_t>(c.op, c.attrs, "axis");
  Grads grads;
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    Shape sizes = c.output.shape();
    sizes[static_cast<size_t>(axis)] = 1;
    std::vector<Dim> starts(sizes.size(), Dim(0)), steps(sizes.size(), Dim(1));
    starts[static_cast<size_t>(axis)] = static_cast<int64_t>(i);
    const Value part = c.b.emit("slice", {c.upstream}, {starts, sizes, steps});
    grads.push_back(cast(reshape(part, c.inputs[i].shape()), c.inputs[i].dtype()));
  }
  return grads;
}

void check_indices(InferContext& c) {
  if (!is_integer(c.inputs[1].dtype))
    c.fail(ErrorKind::dtype, "got indices of dtype {}; need an integer dtype; try indices.astype(td.int64)",
           info(c.inputs[1].dtype).name);
}

// There is nothing to pick from an axis of size 0; kernels rely on element 0 being there.
void check_table(InferContext& c, const TensorType& x, const TensorType& indices, int64_t axis) {
  if (c.env.equal(x.shape[static_cast<size_t>(axis)], 0) && !c.env.equal(element_count(indices.shape), 0))
    c.fail(ErrorKind::index, "got indices for axis {} of a tensor of shape {}; need an axis with elements", axis,
           to_text(x.shape));
}

TensorType take_type(InferContext& c) {
  check_indices(c);
  const TensorType &x = c.inputs[0], &indices = c.inputs[1];
  if (!c.has("axis")) {
    if (x.rank() != 1) c.fail(ErrorKind::value, "got a tensor with {} axes and no axis; need axis=...", x.rank());
    c.attr("axis") = int64_t{0};
  }
  const int64_t axis = normalize_axis(c.op.name, c.get<int64_t>("axis"), x.rank());
  c.attr("axis") = axis;
  check_table(c, x, indices, axis);
  TensorType out{x.dtype, x.shape, {}};
  out.shape.erase(out.shape.begin() + axis);
  out.shape.insert(out.shape.begin() + axis, indices.shape.begin(), indices.shape.end());
  return out;
}

TensorType take_along_type(InferContext& c) {
  check_indices(c);
  const TensorType &x = c.inputs[0], &indices = c.inputs[1];
  const int64_t axis = normalize_axis(c.op.name, c.get<int64_t>("axis"), x.rank());
  c.attr("axis") = axis;
  bool fits = x.rank() == indices.rank();
  for (size_t k = 0; fits && k < x.shape.size(); ++k)
    fits = static_cast<int64_t>(k) == axis || c.env.equal(x.shape[k], indices.shape[k]);
  if (fits) check_table(c, x, indices, axis);
  if (!fits)
    c.fail(ErrorKind::shape, "got shapes {} and {}; need shapes that agree everywhere but along axis {}",
           to_text(x.shape), to_text(indices.shape), axis);
  return {x.dtype, indices.shape, {}};
}

// Every element that was taken adds its gradient to where it came from.
Value taken_grad(const GradContext& c, const Value& table, const Value& indices, int64_t axis) {
  const Value zeros = c.b.full(table.shape(), c.upstream.dtype(), 0);
  return c.b.emit("index_update", {zeros, indices, c.upstream}, {axis, static_cast<int64_t>(PutMode::add)});
}

Grads take_grad(const GradContext& c) {
  return {taken_grad(c, c.inputs[0], c.inputs[1], attr_as<int64_t>(c.op, c.attrs, "axis")), {}};
}

Grads take_along_grad(const GradContext& c) {
  const Value zeros = c.b.full(c.inputs[0].shape(), c.upstream.dtype(), 0);
  return {c.b.emit("scatter_add", {zeros, c.inputs[1], c.upstream}, c.attrs), {}};
}

Grads embedding_grad(const GradContext& c) { return {{}, taken_grad(c, c.inputs[1], c.inputs[0], 0)}; }

TensorType embedding_type(InferContext& c) {
  const TensorType &indices = c.inputs[0], &weight = c.inputs[1];
  if (weight.rank() != 2)
    c.fail(ErrorKind::shape, "got a weight of shape {}; need [entries, features]", to_text(weight.shape));
  if (!is_integer(indices.dtype))
    c.fail(ErrorKind::dtype, "got indices of dtype {}; need an integer dtype; try indices.astype(td.int64)",
           info(indices.dtype).name);
  check_table(c, weight, indices, 0);
  TensorType out{weight.dtype, indices.shape, {}};
  out.shape.push_back(weight.shape[1]);
  return out;
}

TensorType triangle_type(InferContext& c) {
  if (c.inputs[0].rank() < 2)
    c.fail(ErrorKind::shape, "got the shape {}; need at least two axes", to_text(c.inputs[0].shape));
  return c.inputs[0];
}

// Keeps what lies at most k to the right of the diagonal, or at least.
template <bool Lower>
Value triangle_formula(Builder& b, std::span<const Value> x, const OpDef& op, const Attrs& attrs) {
  const Shape shape(x[0].shape().end() - 2, x[0].shape().end());
  const auto places = [&](int64_t axis) { return b.emit("iota", {}, {shape, axis, DType::i64}); };
  const Value k = b.emit("full", {}, {Shape{}, attr_as<int64_t>(op, attrs, "k"), DType::i64});
  const Value kept = binary(Lower ? "less_equal" : "greater_equal", places(1) - places(0), k);
  return where(kept, x[0], b.scalar(x[0].dtype(), 0));
}

Grads triangle_grad(const GradContext& c) { return {c.b.emit(c.op, {&c.upstream, 1}, c.attrs)}; }

// ---- what td.roll and td.pad are made of ----

Value part(const Value& x, size_t axis, const Dim& start, const Dim& size) {
  Shape starts(x.shape().size(), Dim(0)), sizes = x.shape(), steps(x.shape().size(), Dim(1));
  starts[axis] = start;
  sizes[axis] = size;
  return x.builder->emit("slice", {x}, {starts, sizes, steps});
}

Value rotate_formula(Builder& b, std::span<const Value> x, const OpDef& op, const Attrs& attrs) {
  const auto& firsts = attr_as<std::vector<Dim>>(op, attrs, "firsts");
  Value out = x[0];
  for (size_t axis = 0; axis < firsts.size(); ++axis) {
    const Dim& first = firsts[axis];
    if (first.is(0)) continue;
    const Dim size = out.shape()[axis];
    const Value parts[] = {part(out, axis, first, size - first), part(out, axis, 0, first)};
    out = b.emit(tandem::op("concat"), parts, {static_cast<int64_t>(axis)});
  }
  return out;
}

Grads rotate_grad(const GradContext& c) {
  Shape back = attr_as<std::vector<Dim>>(c.op, c.attrs, "firsts");
  for (size_t axis = 0; axis < back.size(); ++axis)
    if (!back[axis].is(0)) back[axis] = c.upstream.shape()[axis] - back[axis];
  return {c.b.emit(c.op, {&c.upstream, 1}, {back})};
}

// One number for each axis.
const std::vector<Dim>& each_axis(InferContext& c, std::string_view name) {
  const auto& values = c.get<std::vector<Dim>>(name);
  if (values.size() != c.inputs[0].shape.size())
    c.fail(ErrorKind::shape, "got {} numbers as '{}' for the shape {}; need one per axis", values.size(), name,
           to_text(c.inputs[0].shape));
  return values;
}

TensorType rotated_type(InferContext& c) {
  each_axis(c, "firsts");
  return c.inputs[0];
}

TensorType framed_type(InferContext& c) {
  const auto &before = each_axis(c, "before"), &behind = each_axis(c, "behind");
  if (c.inputs[1].rank() != 0)
    c.fail(ErrorKind::shape, "got a value of shape {}; need one element without axes", to_text(c.inputs[1].shape));
  TensorType out{c.inputs[0].dtype, c.inputs[0].shape, {}};
  for (size_t axis = 0; axis < out.shape.size(); ++axis)
    out.shape[axis] = before[axis] + out.shape[axis] + behind[axis];
  return out;
}

Value framed_formula(Builder& b, std::span<const Value> x, const OpDef& op, const Attrs& attrs) {
  const auto &before = attr_as<std::vector<Dim>>(op, attrs, "before"),
             &behind = attr_as<std::vector<Dim>>(op, attrs, "behind");
  Shape shape = x[0].shape();
  for (size_t axis = 0; axis < shape.size(); ++axis) shape[axis] = before[axis] + shape[axis] + behind[axis];
  const Value frame = b.emit("broadcast_to", {cast(x[1], x[0].dtype())}, {shape});
  return b.emit("slice_update", {frame, x[0]}, {before, x[0].shape(), Shape(shape.size(), Dim(1))});
}

Grads framed_grad(const GradContext& c) {
  const Shape& shape = c.inputs[0].shape();
  const Attrs inside{attr_as<std::vector<Dim>>(c.op, c.attrs, "before"), shape, Shape(shape.size(), Dim(1))};
  const Value rest = c.b.emit("slice_update", {c.upstream, c.b.scalar(c.upstream.dtype(), 0)}, inside);
  return {c.b.emit("slice", {c.upstream}, inside), unbroadcast(rest, c.inputs[1])};
}

}  // namespace

std::vector<OpDef> indexing_ops() {
  return with({.traits = static_cast<uint32_t>(Trait::exact)},
              {{.name = "concat",
                .inputs = {"arrays"},
                .attrs = {{"axis", AttrKind::axis, Attr{int64_t{0}}}},
                .traits = static_cast<uint32_t>(Trait::variadic),
                .infer = concat_type,
                .lower = Structure::concat,
                .grad = concat_grad,
                .onnx = "rule: Concat",
                .doc = "Join tensors along an existing axis.",
                .example = "td.concat([td.asarray([1]), td.asarray([2, 3])])  # tensor([1, 2, 3])",
                .samples = {"(3, 4) (2, 4)", "(3, 4) (3, 1) (3, 2) | axis=-1", "(0, 2) (1, 2)"}},
               {.name = "rotate",
                .inputs = {"x"},
                .attrs = {{"firsts", AttrKind::dims}},
                .traits = static_cast<uint32_t>(Trait::internal),
                .infer = rotated_type,
                .lower = rotate_formula,
                .grad = rotate_grad,
                .onnx = "compose",
                .doc = "Return the elements along each axis from the given one on, and then those before it."},
               {.name = "frame",
                .inputs = {"x", "value"},
                .attrs = {{"before", AttrKind::dims}, {"behind", AttrKind::dims}},
                .traits = Trait::internal | Trait::mixed,
                .infer = framed_type,
                .lower = framed_formula,
                .grad = framed_grad,
                .onnx = "compose",
                .doc = "Return x with so many elements of a value before and behind it along each axis."},
               {.name = "stack",
                .inputs = {"arrays"},
                .attrs = {{"axis", AttrKind::axis, Attr{int64_t{0}}}},
                .traits = static_cast<uint32_t>(Trait::variadic),
                .infer = stack_type,
                .lower = stack_formula,
                .grad = stack_grad,
                .onnx = "compose",
                .doc = "Join tensors of one shape along a new axis.",
                .example = "td.stack([td.asarray([1]), td.asarray([2])])  # tensor([[1], [2]])",
                .samples = {"(3, 4) (3, 4)", "(3,) (3,) (3,) | axis=-1", "() ()"}},
               {.name = "take",
                .inputs = {"x", "indices"},
                .attrs = {{"axis", AttrKind::axis, Attr{}}},
                .traits = Trait::mixed | Trait::method,
                .infer = take_type,
                .lower = Structure::take,
                .checks = IndexCheck{1, 0},
                .grad = take_grad,
                .onnx = "rule: Gather",
                .doc = "Return the elements at given indices along an axis; an index outside [-size, size) raises "
                       "IndexError.",
                .example = "td.take(td.asarray([5, 6, 7]), td.asarray([2, 0]))  # tensor([7, 5])",
                .samples = {"(6,) (4,):index6", "(3, 6) (2, 2):index3 | axis=0", "(3, 6) (5,):index6 | axis=1"}},
               {.name = "take_along_axis",
                .inputs = {"x", "indices"},
                .attrs = {{"axis", AttrKind::axis, Attr{int64_t{-1}}}},
                .traits = static_cast<uint32_t>(Trait::mixed),
                .infer = take_along_type,
                .lower = Structure::take_along_axis,
                .checks = IndexCheck{1, 0},
                .grad = take_along_grad,
                .onnx = "rule: GatherElements",
                .doc = "Return, for every position, the element of x at the given index along an axis.",
                .example = "td.take_along_axis(td.asarray([[5, 6]]), td.asarray([[1]]))  # tensor([[6]])",
                .samples = {"(3, 6) (3, 2):index6", "(6, 3) (2, 3):index6 | axis=0"}},
               {.name = "tril",
                .inputs = {"x"},
                .attrs = {{"k", AttrKind::integer, Attr{int64_t{0}}, "the diagonal, counted to the right"}},
                .traits = static_cast<uint32_t>(Trait::exact),
                .infer = triangle_type,
                .lower = triangle_formula<true>,
                .grad = triangle_grad,
                .onnx = "rule: Trilu",
                .doc = "Return matrices with zeros above the k-th diagonal.",
                .example = "td.tril(td.ones((2, 2)))  # tensor([[1., 0.], [1., 1.]], dtype=float32)",
                .samples = {"(3, 5)", "(4, 3) | k=1", "(2, 3, 3) | k=-1", "(0, 3)"}},
               {.name = "triu",
                .inputs = {"x"},
                .attrs = {{"k", AttrKind::integer, Attr{int64_t{0}}, "the diagonal, counted to the right"}},
                .traits = static_cast<uint32_t>(Trait::exact),
                .infer = triangle_type,
                .lower = triangle_formula<false>,
                .grad = triangle_grad,
                .onnx = "rule: Trilu",
                .doc = "Return matrices with zeros below the k-th diagonal.",
                .example = "td.triu(td.ones((2, 2)))  # tensor([[1., 1.], [0., 1.]], dtype=float32)",
                .samples = {"(3, 5)", "(4, 3) | k=1", "(2, 3, 3) | k=-1", "(0, 3)"}},
               {.name = "embedding",
                .inputs = {"indices", "weight"},
                .traits = static_cast<uint32_t>(Trait::mixed),
                .infer = embedding_type,
                .lower = [](Builder& b, std::span<const Value> x, const OpDef&,
                            const Attrs&) { return b.emit("take", {x[1], x[0]}, {int64_t{0}}); },
                .checks = IndexCheck{0, 1},
                .grad = embedding_grad,
                .onnx = "rule: Gather",
                .doc = "Return the rows of weight [entries, features] at the given indices.",
                .example = "td.embedding(td.asarray([1]), td.asarray([[1., 2.], [3., 4.]]))  "
                           "# tensor([[3., 4.]], dtype=float32)",
                .samples = {"(4,):index5 (5, 3)", "(2, 2):index5 (5, 3)"}}});
}

}  // namespace tandem
