// Evenly spaced parts of a tensor, as views of it, and tensors in which such a part is replaced.
#include <algorithm>

#include "ir/rules.h"

namespace tandem {

using namespace rules;

namespace {

using Grads = std::vector<Value>;
using Dims = std::vector<Dim>;

TensorType slice_type(InferContext& c) {
  const auto &starts = c.get<Dims>("starts"), &sizes = c.get<Dims>("sizes"), &steps = c.get<Dims>("steps");
  const TensorType& x = c.inputs[0];
  const auto rank = static_cast<size_t>(x.rank());
  if (starts.size() != rank || sizes.size() != rank || steps.size() != rank)
    c.fail(ErrorKind::value, "got {} starts, {} sizes and {} steps for a tensor with {} axes; need one per axis",
           starts.size(), sizes.size(), steps.size(), rank);
  for (size_t k = 0; k < rank; ++k) {
    if (c.env.decide(sizes[k], Relation::le, 0)) {
      if (!c.env.equal(sizes[k], 0)) c.fail(ErrorKind::value, "got the size {}; need 0 or more", to_text(sizes[k]));
      continue;
    }
    const Dim last = starts[k] + (sizes[k] - Dim(1)) * steps[k];
    const bool inside = c.env.decide(0, Relation::le, starts[k]) && c.env.decide(0, Relation::le, last) &&
                        c.env.decide(starts[k], Relation::lt, x.shape[k]) &&
                        c.env.decide(last, Relation::lt, x.shape[k]);
    if (!inside)
      c.fail(ErrorKind::index, "got elements {} to {} of axis {}; need indices in [0, {})", to_text(starts[k]),
             to_text(last), k, to_text(x.shape[k]));
  }
  return {x.dtype, sizes, {}};
}

std::optional<Layout> slice_view(const TensorType&, const Layout& layout, const OpDef& op, const Attrs& attrs,
                                 const TensorType&) {
  const auto &starts = attr_as<Dims>(op, attrs, "starts"), &steps = attr_as<Dims>(op, attrs, "steps");
  Layout out = layout;
  for (size_t k = 0; k < starts.size(); ++k) {
    out.offset = out.offset + starts[k] * out.strides[k];
    out.strides[k] = out.strides[k] * steps[k];
  }
  return out;
}

// Sizes may be equal by a guard only, so the broadcast shape need not be written as that of the region.
void check_fills(InferContext& c, const Shape& region) {
  const Shape& values = c.inputs[1].shape;
  bool fits = values.size() <= region.size();
  for (size_t k = 0; fits && k < values.size(); ++k) {
    const Dim have = values[k], want = region[region.size() - values.size() + k];
    fits = have.is(1) || c.env.equal(have, want) || (!have.is_constant() && c.env.equal(have, 1));
  }
  if (!fits)
    c.fail(ErrorKind::shape, "got values of shape {} for a region of shape {}; need a shape that broadcasts to it",
           to_text(values), to_text(region));
}

TensorType slice_update_type(InferContext& c) {
  const TensorType base = c.inputs[0];
  const TensorType region = slice_type(c);
  check_fills(c, region.shape);
  return base;
}

TensorType strided_type(InferContext& c) {
  const auto &sizes = c.get<Dims>("sizes"), &strides = c.get<Dims>("strides"), &offset = c.get<Dims>("offset");
  const TensorType& x = c.inputs[0];
  if (x.rank() != 1 || sizes.size() != strides.size() || offset.size() != 1)
    c.fail(ErrorKind::value,
           "got a tensor with {} axes, {} sizes, {} strides and {} offsets; need one axis, a stride "
           "for every size and one offset",
           x.rank(), sizes.size(), strides.size(), offset.size());
  Dim low = offset[0], high = offset[0];
  for (size_t k = 0; k < sizes.size(); ++k) {
    if (sizes[k].is(0)) return {x.dtype, sizes, {}};
    const Dim reach = (sizes[k] - Dim(1)) * strides[k];
    Dim& end = c.env.decide(0, Relation::le, strides[k]) ? high : low;
    end = end + reach;
  }
  if (!c.env.decide(0, Relation::le, low) || !c.env.decide(high, Relation::lt, x.shape[0]))
    c.fail(ErrorKind::index, "got elements {} to {}; need indices in [0, {})", to_text(low), to_text(high),
           to_text(x.shape[0]));
  return {x.dtype, sizes, {}};
}

std::optional<Layout> strided_view(const TensorType&, const Layout& layout, const OpDef& op, const Attrs& attrs,
                                   const TensorType&) {
  Layout out{layout.offset + attr_as<Dims>(op, attrs, "offset")[0] * layout.strides[0], {}};
  for (const Dim& stride : attr_as<Dims>(op, attrs, "strides")) out.strides.push_back(stride * layout.strides[0]);
  return out;
}

// Every place must be written once: counted from the smallest stride on, the elements below one step fit into it.
TensorType strided_update_type(InferContext& c) {
  const TensorType base = c.inputs[0];
  const TensorType region = strided_type(c);
  check_fills(c, region.shape);
  std::vector<std::pair<int64_t, int64_t>> steps;  // stride and size, of axes with more than one element
  for (size_t k = 0; k < region.shape.size(); ++k) {
    const Dim stride = c.get<Dims>("strides")[k];
    if (region.shape[k].is(0)) return base;
    if (region.shape[k].is(1)) continue;
    if (!stride.is_constant() || !region.shape[k].is_constant())
      c.fail(ErrorKind::value, "got sizes or strides that are symbols; need numbers");
    steps.emplace_back(std::abs(stride.constant()), region.shape[k].constant());
  }
  std::sort(steps.begin(), steps.end());
  int64_t reach = 0;
  for (const auto& [stride, size] : steps) {
    if (stride <= reach)
      c.fail(ErrorKind::value, "got a view that has some elements several times; need a place of its own for each");
    reach += stride * (size - 1);
  }
  return base;
}

// Elements that a view repeats (a stride of 0) got a gradient each.
Grads strided_grad(const GradContext& c) {
  Attrs attrs = c.attrs;
  auto& sizes = std::get<Dims>(attrs[0]);
  const auto& strides = std::get<Dims>(attrs[1]);
  Dims repeated;
  for (size_t k = 0; k < sizes.size(); ++k)
    if (strides[k].is(0) && !sizes[k].is(1)) {
      repeated.emplace_back(static_cast<int64_t>(k));
      sizes[k] = 1;
    }
  const Value once = repeated.empty() ? c.upstream : sum(c.upstream, repeated, true);
  const Value zero = c.b.full(c.inputs[0].shape(), c.upstream.dtype(), 0);
  return {c.b.emit("strided_update", {zero, once}, attrs)};
}

Grads strided_update_grad(const GradContext& c) {
  const Value hole = c.b.full(c.inputs[1].shape(), c.upstream.dtype(), 0);
  const Value rest = c.b.emit("strided_update", {c.upstream, hole}, c.attrs);
  return {rest, unbroadcast(c.b.emit("as_strided", {c.upstream}, c.attrs), c.inputs[1])};
}

}  // namespace

std::vector<OpDef> part_ops() {
  const AttrSpec starts{"starts", AttrKind::dims}, sizes{"sizes", AttrKind::dims}, steps{"steps", AttrKind::dims};
  const AttrSpec strides{"strides", AttrKind::dims}, offset{"offset", AttrKind::dims, std::nullopt, "one number"};
  return with(
      {.inputs = {"x"}, .traits = static_cast<uint32_t>(Trait::exact)},
      {{.name = "slice",
        .attrs = {starts, sizes, steps},
        .traits = static_cast<uint32_t>(Trait::internal),
        .infer = slice_type,
        .lower = slice_view,
        .grad = [](const GradContext& c) -> Grads {
          const Value zero = c.b.full(c.inputs[0].shape(), c.upstream.dtype(), 0);
          return {c.b.emit("slice_update", {zero, c.upstream}, c.attrs)};
        },
        .onnx = "rule: Slice",
        .doc = "Return a view of evenly spaced elements: start + step * i for i in [0, size), per axis."},
       {.name = "slice_update",
        .inputs = {"x", "value"},
        .attrs = {starts, sizes, steps},
        .traits = Trait::internal | Trait::mixed,
        .infer = slice_update_type,
        .lower = Structure::view_update,
        .grad = [](const GradContext& c) -> Grads {
          const Value hole = c.b.scalar(c.upstream.dtype(), 0);
          const Value rest = c.b.emit("slice_update", {c.upstream, hole}, c.attrs);
          return {rest, unbroadcast(c.b.emit("slice", {c.upstream}, c.attrs), c.inputs[1])};
        },
        .onnx = "rule: Concat, ScatterND",
        .doc = "Return x with the elements that `slice` would return replaced by value, converted to x's dtype."},
       {.name = "as_strided",
        .attrs = {sizes, strides, offset},
        .traits = static_cast<uint32_t>(Trait::internal),
        .infer = strided_type,
        .lower = strided_view,
        .grad = strided_grad,
        .onnx = "none: it stands for arguments that share memory",
        .doc = "Return a view of a vector: element i is at offset + the sum of strides[k] * i[k]."},
       {.name = "strided_update",
        .inputs = {"x", "value"},
        .attrs = {sizes, strides, offset},
        .traits = Trait::internal | Trait::mixed,
        .infer = strided_update_type,
        .lower = Structure::view_update,
        .grad = strided_update_grad,
        .onnx = "none: it stands for arguments that share memory",
        .doc = "Return x with the elements that `as_strided` would return replaced by value, in x's dtype."}});
}

}  // namespace tandem
