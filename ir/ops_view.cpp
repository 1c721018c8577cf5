// Views: the same elements under another index. In eager code they alias as in NumPy; in a Graph they are values.
#include <algorithm>
#include <numeric>

#include "ir/rules.h"

namespace tandem {

using namespace rules;

namespace {

using Grads = std::vector<Value>;
using Dims = std::vector<Dim>;

size_t at(const Dim& axis) { return static_cast<size_t>(axis.constant()); }

// ---- reshape ----

TensorType reshape_type(InferContext& c) {
  Shape shape = c.get<Dims>("shape");
  const Dim count = element_count(c.inputs[0].shape);
  int unknown = -1;
  Shape known;
  for (size_t k = 0; k < shape.size(); ++k) {
    if (shape[k].is(-1)) {
      if (unknown >= 0) c.fail(ErrorKind::shape, "got the shape {} with several -1; need at most one", to_text(shape));
      unknown = static_cast<int>(k);
    } else {
      if (shape[k].is_constant() && shape[k].constant() < 0)
        c.fail(ErrorKind::shape, "got the shape {}; need sizes of 0 or more, or one -1", to_text(shape));
      known.push_back(shape[k]);
    }
  }
  const Dim rest = element_count(known);
  if (unknown >= 0) {
    const bool possible = !c.env.equal(rest, 0) && c.env.equal(floor_div(count, rest) * rest, count);
    if (!possible)
      c.fail(ErrorKind::shape, "got a tensor of shape {} and the shape {}; need sizes whose product divides {}",
             to_text(c.inputs[0].shape), to_text(shape), to_text(count));
    shape[static_cast<size_t>(unknown)] = floor_div(count, rest);
  } else if (!c.env.equal(rest, count)) {
    c.fail(ErrorKind::shape,
           "got a tensor of shape {} ({} elements) and the shape {} ({} elements); need equal numbers",
           to_text(c.inputs[0].shape), to_text(count), to_text(shape), to_text(rest));
  }
  c.attr("shape") = shape;
  return {c.inputs[0].dtype, shape, {}};
}

// Splits and merges axes while the strides allow it, group by group of equal element counts.
std::optional<Layout> reshape_view(const TensorType& input, const Layout& layout, const OpDef&, const Attrs&,
                                   const TensorType& output) {
  const Shape plain = contiguous_strides(input.shape);
  bool contiguous = true;  // then it is whatever the shapes look like: symbolic ones need not be seen to fit
  for (size_t k = 0; k < input.shape.size(); ++k)
    contiguous = contiguous && (input.shape[k].is(1) || layout.strides[k] == plain[k]);
  if (contiguous || element_count(input.shape).is(0)) return Layout{layout.offset, contiguous_strides(output.shape)};
  struct Part {
    Dim size, stride;
  };
  std::vector<Part> from;
  for (size_t k = 0; k < input.shape.size(); ++k)
    if (!input.shape[k].is(1)) from.push_back({input.shape[k], layout.strides[k]});
  // Neighbouring axes that lie one behind the other in memory are one axis.
  for (size_t k = from.size(); k-- > 1;)
    if (from[k - 1].stride == from[k].size * from[k].stride) {
      from[k - 1] = {from[k - 1].size * from[k].size, from[k].stride};
      from.erase(from.begin() + static_cast<long>(k));
    }
  Layout out{layout.offset, Shape(output.shape.size(), Dim(1))};
  size_t next = 0;
  for (const Part& part : from) {
    // Take axes of the output until they fill this part.
    Dim filled = 1;
    const size_t first = next;
    while (next < output.shape.size() && !(filled == part.size)) filled = filled * output.shape[next++];
    if (!(filled == part.size)) return std::nullopt;
    Dim stride = part.stride;
    for (size_t k = next; k-- > first;) {
      out.strides[k] = stride;
      stride = stride * output.shape[k];
    }
  }
  for (; next < output.shape.size(); ++next)
    if (!output.shape[next].is(1)) return std::nullopt;
  return out;
}

// ---- permutations ----

TensorType permute_type(InferContext& c) {
  const TensorType& x = c.inputs[0];
  Dims axes = c.get<Dims>("axes");
  if (static_cast<int>(axes.size()) != x.rank())
    c.fail(ErrorKind::value, "got {} axes for a tensor with {}; need each axis once", axes.size(), x.rank());
  std::vector<bool> seen(axes.size());
  TensorType out{x.dtype, {}, {}};
  for (Dim& axis : axes) {
    axis = normalize_axis(c.op.name, axis.constant(), x.rank());
    if (seen[at(axis)]) c.fail(ErrorKind::value, "got the axes {}; need each axis once", to_text(c.get<Dims>("axes")));
    seen[at(axis)] = true;
    out.shape.push_back(x.shape[at(axis)]);
  }
  c.attr("axes") = axes;
  return out;
}

std::optional<Layout> permute_view(const TensorType&, const Layout& layout, const OpDef&, const Attrs& attrs,
                                   const TensorType&) {
  Layout out{layout.offset, {}};
  for (const Dim& axis : std::get<Dims>(attrs[0])) out.strides.push_back(layout.strides[at(axis)]);
  return out;
}

Value permute(Value x, const std::vector<int64_t>& axes) {
  return x.builder->emit("permute_dims", {x}, {Dims(axes.begin(), axes.end())});
}

std::vector<int64_t> iota_axes(int rank) {
  std::vector<int64_t> axes(static_cast<size_t>(rank));
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

TensorType transposed_type(InferContext& c) {
  if (!c.has("axes")) {
    auto axes = iota_axes(c.inputs[0].rank());
    std::reverse(axes.begin(), axes.end());
    c.attr("axes") = Dims(axes.begin(), axes.end());
  }
  return permute_type(c);
}

Grads permute_grad(const GradContext& c) {
  const auto& axes = attr_as<Dims>(c.op, c.attrs, "axes");
  std::vector<int64_t> inverse(axes.size());
  for (size_t k = 0; k < axes.size(); ++k) inverse[at(axes[k])] = static_cast<int64_t>(k);
  return {permute(c.upstream, inverse)};
}

TensorType matrix_transposed_type(InferContext& c) {
  TensorType out = c.inputs[0];
  if (out.rank() < 2) c.fail(ErrorKind::shape, "got the shape {}; need at least two axes", to_text(out.shape));
  std::swap(out.shape[out.shape.size() - 1], out.shape[out.shape.size() - 2]);
  return out;
}

// ---- broadcast ----

TensorType broadcast_type(InferContext& c) {
  const Shape& shape = c.get<Dims>("shape");
  const Shape shapes[] = {c.inputs[0].shape, shape};
  const auto misfit = [&] {
    c.fail(ErrorKind::shape, "got a tensor of shape {} and the shape {}; need sizes that are equal or 1",
           to_text(c.inputs[0].shape), to_text(shape));
  };
  if (c.inputs[0].shape.size() > shape.size()) misfit();
  for (const Dim& size : shape)
    if (size.is_constant() && size.constant() < 0) misfit();
  const Shape out = broadcast_shapes(c.op.name, shapes, c.env);
  for (size_t k = 0; k < shape.size(); ++k)
    if (!c.env.equal(out[k], shape[k])) misfit();
  return {c.inputs[0].dtype, shape, {}};
}

std::optional<Layout> broadcast_view(const TensorType& input, const Layout& layout, const OpDef&, const Attrs&,
                                     const TensorType& output) {
  const size_t extra = output.shape.size() - input.shape.size();
  Layout out{layout.offset, Shape(output.shape.size(), Dim(0))};
  for (size_t k = 0; k < input.shape.size(); ++k)
    if (!input.shape[k].is(1)) out.strides[k + extra] = layout.strides[k];
  return out;
}

// ---- axes of size one ----

TensorType expand_type(InferContext& c) {
  TensorType out{c.inputs[0].dtype, c.inputs[0].shape, {}};
  const int64_t axis = normalize_axis(c.op.name, c.get<int64_t>("axis"), out.rank() + 1);
  c.attr("axis") = axis;
  out.shape.insert(out.shape.begin() + axis, Dim(1));
  return out;
}

std::optional<Layout> expand_view(const TensorType&, const Layout& layout, const OpDef& op, const Attrs& attrs,
                                  const TensorType&) {
  Layout out = layout;
  out.strides.insert(out.strides.begin() + attr_as<int64_t>(op, attrs, "axis"), Dim(0));
  return out;
}

TensorType squeeze_type(InferContext& c) {
  const TensorType& x = c.inputs[0];
  Dims axes;
  if (c.has("axis")) {
    axes = normalized_axes(c);
    for (const Dim& axis : axes)
      if (!c.env.equal(x.shape[at(axis)], 1))
        c.fail(ErrorKind::value, "got axis {} of a tensor of shape {}; need an axis of size 1", axis.constant(),
               to_text(x.shape));
  } else {
    for (int k = 0; k < x.rank(); ++k)
      if (c.env.equal(x.shape[static_cast<size_t>(k)], 1)) axes.emplace_back(k);
    c.attr("axis") = axes;
  }
  TensorType out{x.dtype, {}, {}};
  for (int k = 0; k < x.rank(); ++k)
    if (std::find(axes.begin(), axes.end(), Dim(k)) == axes.end()) out.shape.push_back(x.shape[static_cast<size_t>(k)]);
  return out;
}

std::optional<Layout> squeeze_view(const TensorType& input, const Layout& layout, const OpDef& op, const Attrs& attrs,
                                   const TensorType&) {
  const auto axes = axes_of(op, attrs);
  Layout out{layout.offset, {}};
  for (int k = 0; k < input.rank(); ++k)
    if (std::find(axes.begin(), axes.end(), Dim(k)) == axes.end())
      out.strides.push_back(layout.strides[static_cast<size_t>(k)]);
  return out;
}

// ---- flip, slice ----

TensorType flip_type(InferContext& c) {
  normalized_axes(c);
  return {c.inputs[0].dtype, c.inputs[0].shape, {}};
}

std::optional<Layout> flip_view(const TensorType& input, const Layout& layout, const OpDef& op, const Attrs& attrs,
                                const TensorType&) {
  Layout out = layout;
  for (const Dim& axis : axes_of(op, attrs)) {
    out.offset = out.offset + (input.shape[at(axis)] - Dim(1)) * out.strides[at(axis)];
    out.strides[at(axis)] = out.strides[at(axis)] * Dim(-1);
  }
  return out;
}

}  // namespace

std::vector<OpDef> view_ops() {
  const AttrSpec axis_or_all{"axis", AttrKind::axes, Attr{}};
  return with(
      {.inputs = {"x"}, .traits = static_cast<uint32_t>(Trait::exact)},
      {{.name = "reshape",
        .attrs = {{"shape", AttrKind::shape, std::nullopt, "one size may be -1"}},
        .traits = static_cast<uint32_t>(Trait::method),
        .infer = reshape_type,
        .lower = reshape_view,
        .grad = [](const GradContext& c) -> Grads { return {reshape(c.upstream, c.inputs[0].shape())}; },
        .onnx = "rule: Reshape",
        .doc = "Return the same elements in row-major order under another shape; a view where strides allow it.",
        .example = "td.reshape(td.arange(4), (2, 2))  # tensor([[0, 1], [2, 3]])",
        .samples = {"(3, 4) | shape=(2, 6)", "(3, 4) | shape=(-1,)", "() | shape=(1, 1)", "(0, 3) | shape=(3, 0)"}},
       {.name = "permute_dims",
        .attrs = {{"axes", AttrKind::shape}},
        .traits = static_cast<uint32_t>(Trait::method),
        .infer = permute_type,
        .lower = permute_view,
        .grad = permute_grad,
        .onnx = "rule: Transpose",
        .doc = "Return a view with the axes in another order.",
        .example = "td.permute_dims(td.asarray([[1, 2]]), (1, 0))  # tensor([[1], [2]])",
        .samples = {"(2, 3, 4) | axes=(2, 0, 1)", "(3, 5) | axes=(1, 0)", "(2, 0) | axes=(1, 0)"}},
       {.name = "transpose",
        .attrs = {{"axes", AttrKind::shape, Attr{}, "the order, or None for the reverse"}},
        .traits = static_cast<uint32_t>(Trait::method),
        .infer = transposed_type,
        .lower = ComposeRule([](Builder& b, std::span<const Value> x, const OpDef&, const Attrs& attrs) {
          return b.emit("permute_dims", {x[0]}, {attrs[0]});
        }),
        .grad = permute_grad,
        .onnx = "rule: Transpose",
        .doc = "Return a view with the axes in the order given, or in reverse order.",
        .example = "td.transpose(td.asarray([[1, 2]]))  # tensor([[1], [2]])",
        .samples = {"(2, 3)", "(2, 3, 4)", "(2, 3, 4) | axes=(1, 0, 2)", "(5,)", "()"}},
       {.name = "matrix_transpose",
        .infer = matrix_transposed_type,
        .lower = ComposeRule([](Builder&, std::span<const Value> x, const OpDef&, const Attrs&) {
          auto axes = iota_axes(x[0].type().rank());
          std::swap(axes[axes.size() - 1], axes[axes.size() - 2]);
          return permute(x[0], axes);
        }),
        .grad = [](const GradContext& c) -> Grads { return {unary("matrix_transpose", c.upstream)}; },
        .onnx = "rule: Transpose",
        .doc = "Return a view with the last two axes swapped.",
        .example = "td.matrix_transpose(td.asarray([[1, 2]]))  # tensor([[1], [2]])",
        .samples = {"(2, 3)", "(2, 3, 4)"}},
       {.name = "broadcast_to",
        .attrs = {{"shape", AttrKind::shape}},
        .infer = broadcast_type,
        .lower = broadcast_view,
        .grad = [](const GradContext& c) -> Grads { return {unbroadcast(c.upstream, c.inputs[0])}; },
        .onnx = "rule: Expand",
        .doc = "Return a read-only view repeated along axes of size 1 and new leading axes.",
        .example = "td.broadcast_to(td.asarray([1, 2]), (2, 2))  # tensor([[1, 2], [1, 2]])",
        .samples = {"(3, 1) | shape=(2, 3, 4)", "() | shape=(3,)", "(1,) | shape=(0,)"}},
       {.name = "expand_dims",
        .attrs = {{"axis", AttrKind::axis, Attr{int64_t{0}}}},
        .infer = expand_type,
        .lower = expand_view,
        .grad = [](const GradContext& c) -> Grads { return {reshape(c.upstream, c.inputs[0].shape())}; },
        .onnx = "rule: Unsqueeze",
        .doc = "Return a view with a new axis of size 1 at the given place.",
        .example = "td.expand_dims(td.asarray([1, 2]), axis=1)  # tensor([[1], [2]])",
        .samples = {"(3, 4) | axis=1", "(3,) | axis=-1", "() | axis=0"}},
       {.name = "squeeze",
        .attrs = {axis_or_all},
        .traits = static_cast<uint32_t>(Trait::method),
        .infer = squeeze_type,
        .lower = squeeze_view,
        .grad = [](const GradContext& c) -> Grads { return {reshape(c.upstream, c.inputs[0].shape())}; },
        .onnx = "rule: Squeeze",
        .doc = "Return a view without the given axes of size 1.",
        .example = "td.squeeze(td.asarray([[1, 2]]), axis=0)  # tensor([1, 2])",
        .samples = {"(3, 1, 4) | axis=1", "(1, 3, 1) | axis=(0, 2)"}},
       {.name = "stop_gradient",
        .traits = static_cast<uint32_t>(Trait::internal),
        .infer = [](InferContext& c) { return c.inputs[0]; },
        .lower = [](const TensorType&, const Layout& layout, const OpDef&, const Attrs&,
                    const TensorType&) -> std::optional<Layout> { return layout; },
        .grad = [](const GradContext&) -> Grads { return {Value{}}; },
        .onnx = "rule: Identity",
        .doc = "Return a view of all elements that no gradient flows through."},
       {.name = "again",
        .traits = static_cast<uint32_t>(Trait::internal),
        .infer = [](InferContext& c) { return c.inputs[0]; },
        .lower = [](const TensorType&, const Layout& layout, const OpDef&, const Attrs&,
                    const TensorType&) -> std::optional<Layout> { return layout; },
        .grad = [](const GradContext& c) -> Grads { return {c.upstream}; },
        .onnx = "rule: Identity",
        .doc =
            "Return a view of all elements, of which nothing is computed that was computed from the original: the same "
            "computation is done a second time, so that its first results need not be kept."},
       {.name = "flip",
        .attrs = {axis_or_all},
        .infer = flip_type,
        .lower = flip_view,
        .grad = [](const GradContext& c) -> Grads { return {c.b.emit(c.op, {&c.upstream, 1}, c.attrs)}; },
        .onnx = "rule: Slice",
        .doc = "Return a view with the elements in reverse order along axes (all by default).",
        .example = "td.flip(td.asarray([1, 2, 3]))  # tensor([3, 2, 1])",
        .samples = {"(3, 4)", "(3, 4) | axis=1", "(0, 2) | axis=0"}}});
}

}  // namespace tandem
