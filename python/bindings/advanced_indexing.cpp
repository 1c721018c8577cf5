#include "python/bindings/advanced_indexing.h"

#include <algorithm>
#include <cstring>

namespace tandem {

namespace {

TensorRef zeros(const Shape& shape, DType dtype) {
  return call("full", {}, {std::vector<Dim>(shape), Attr(int64_t{0}), dtype});
}

// A tensor of its own with the values, dtype and shape that `value` has once it is assigned to such a place.
TensorRef converted(const TensorRef& value, const Shape& shape, DType dtype) {
  TensorRef out = zeros(shape, dtype);
  assign(out, value);
  return out;
}

void check_mask(const TensorRef& mask, const Shape& shape, int64_t axis, ShapeEnv& env) {
  const Shape wanted = mask->type().shape;
  const auto first = static_cast<size_t>(axis);
  bool fits = first + wanted.size() <= shape.size();
  for (size_t k = 0; fits && k < wanted.size(); ++k) fits = env.equal(wanted[k], shape[first + k]);
  if (!fits)
    throw_error(ErrorKind::index, "index: got a mask of shape {} at axis {} of the shape {}; need equal sizes",
                to_text(wanted), axis, to_text(shape));
}

// Where the mask is true, in row-major order.
TensorRef true_places(const TensorRef& mask) {
  if (mask->recorded || Recorder::current())
    throw_error(ErrorKind::capture,
                "index: got a mask in a captured function, where the size of the result would depend on its values; "
                "need sizes that are known without them; try td.where(mask, x, other)");
  const TensorRef dense = mask->is_contiguous() ? mask : contiguous_copy(mask);
  const auto* flags = static_cast<const uint8_t*>(dense->data);
  const int64_t size = element_count(dense->sizes);
  int64_t count = 0;
  for (int64_t i = 0; i < size; ++i) count += flags[i];
  TensorRef out = Tensor::empty(DType::i64, {count});
  auto* places = static_cast<int64_t*>(out->data);
  for (int64_t i = 0, n = 0; n < count; ++i) {
    places[n] = i;
    n += flags[i];
  }
  return out;
}

// In memory: one pass per axis, and errors before anything is read.
TensorRef joined_in_memory(const std::vector<TensorRef>& indices, const Shape& extents,
                           const std::vector<IndexArray>& arrays, const Sizes& sizes) {
  TensorRef out = Tensor::empty(DType::i64, sizes);
  auto* joined = static_cast<int64_t*>(out->data);
  const int64_t count = element_count(sizes);
  for (size_t k = 0; k < indices.size(); ++k) {
    const TensorRef dense = contiguous_copy(indices[k]);
    const auto* index = static_cast<const int64_t*>(dense->data);
    const int64_t extent = extents[k].constant();
    for (int64_t i = 0; i < count; ++i) {
      const int64_t from_start = index[i] < 0 ? index[i] + extent : index[i];
      if (from_start < 0 || from_start >= extent)
        throw_error(ErrorKind::index, "index: got {} for axis {} of size {}; need -{} <= index < {}", index[i],
                    arrays[k].source, extent, extent, extent);
      joined[i] = (k == 0 ? 0 : joined[i] * extent) + from_start;
    }
  }
  return out;
}

TensorRef joined_in_graph(Recorder& recorder, const std::vector<TensorRef>& indices, const Shape& extents,
                          const std::vector<IndexArray>& arrays) {
  TensorRef joined;
  for (size_t k = 0; k < indices.size(); ++k) {
    const TensorRef size = recorder.from_dim(extents[k]);
    const TensorRef index = recorder.checked_index(indices[k], extents[k], arrays[k].source);
    const TensorRef negative = call("less", {index, recorder.lift(Kind::integer, 0, 0)});
    const TensorRef from_start = call("where", {negative, call("add", {index, size}), index});
    joined = joined ? call("add", {call("multiply", {joined, size}), from_start}) : from_start;
  }
  return joined;
}

// Indices of several axes as indices of one axis that stands for them all.
TensorRef join(const std::vector<IndexArray>& arrays, const Shape& extents, ShapeEnv& env) {
  std::vector<Shape> shapes;
  for (const IndexArray& array : arrays) shapes.push_back(array.index->type().shape);
  const Shape common = broadcast_shapes("index", shapes, env);
  std::vector<TensorRef> indices;
  bool recorded = Recorder::current() != nullptr;
  for (const IndexArray& array : arrays) {
    TensorRef index = array.index;
    recorded = recorded || index->recorded;
    if (index->dtype != DType::i64) index = call("cast", {index}, {DType::i64});
    indices.push_back(call("broadcast_to", {index}, {common}));
  }
  if (recorded) return joined_in_graph(*Recorder::current(), indices, extents, arrays);
  return joined_in_memory(indices, extents, arrays, indices[0]->sizes);
}

TensorRef permuted(const TensorRef& x, const std::vector<Dim>& axes) {
  for (size_t k = 0; k < axes.size(); ++k)
    if (!axes[k].is(static_cast<int64_t>(k))) return call("permute_dims", {x}, {axes});
  return x;
}

// Axes [first, first + count) as one.
TensorRef merged(const TensorRef& x, int64_t first, int64_t count) {
  const Shape shape = x->type().shape;
  Shape out(shape.begin(), shape.begin() + first);
  out.push_back(element_count(Shape(shape.begin() + first, shape.begin() + first + count)));
  out.insert(out.end(), shape.begin() + first + count, shape.end());
  return call("reshape", {x}, {out});
}

// The same with axes [from, from + count) before the `to`-th of the others.
TensorRef moved(const TensorRef& x, int64_t from, int64_t count, int64_t to) {
  std::vector<Dim> axes;
  for (int64_t k = 0; k < x->rank(); ++k)
    if (k < from || k >= from + count) axes.emplace_back(k);
  for (int64_t k = 0; k < count; ++k) axes.insert(axes.begin() + to + k, Dim(from + k));
  return permuted(x, axes);
}

}  // namespace

TensorRef pick(const TensorRef& x, std::vector<IndexArray> arrays, int64_t place, ShapeEnv& env) {
  TensorRef table = x;
  int64_t gone = 0;  // axes that masks made one of
  for (IndexArray& array : arrays) {
    array.axis -= gone;
    if (array.index->dtype != DType::boolean) continue;
    const int64_t rank = array.index->rank();
    check_mask(array.index, table->type().shape, array.axis, env);
    array.index = true_places(array.index);
    if (rank > 1) table = merged(table, array.axis, rank);
    gone += rank - 1;
  }
  Recorder* recorder = Recorder::current();
  TensorRef index = arrays[0].index;
  int64_t at = arrays[0].axis;
  if (arrays.size() > 1) {
    const Shape shape = table->type().shape;
    Shape extents;
    std::vector<Dim> axes;
    for (const IndexArray& array : arrays) {
      extents.push_back(shape[static_cast<size_t>(array.axis)]);
      axes.emplace_back(array.axis);
    }
    index = join(arrays, extents, env);
    const auto count = static_cast<int64_t>(arrays.size());
    if (arrays.back().axis - at != count - 1) {
      for (int64_t k = 0; k < table->rank(); ++k)
        if (std::none_of(arrays.begin(), arrays.end(), [k](const IndexArray& array) { return array.axis == k; }))
          axes.emplace_back(k);
      table = permuted(table, axes);
      at = 0;
    }
    table = merged(table, at, count);
  } else if (index->recorded && index->rank() == 0 && recorder) {
    return recorder->element(table, index, at);
  }
  return moved(call("take", {table, index}, {at}), at, index->rank(), place);
}

bool assign_masked(const TensorRef& x, const IndexArray& mask, const TensorRef& value, ShapeEnv& env) {
  const Shape shape = x->type().shape, flags = mask.index->type().shape;
  check_mask(mask.index, shape, mask.axis, env);
  const Shape rest(shape.begin() + mask.axis + static_cast<int64_t>(flags.size()), shape.end());
  if (value->rank() > static_cast<int>(rest.size())) return false;
  check_broadcast(value->type().shape, rest, env);
  Shape aligned = flags;
  aligned.resize(flags.size() + rest.size(), Dim(1));
  const TensorRef chosen = call("reshape", {mask.index}, {aligned});
  assign(x, call("where", {chosen, converted(value, value->type().shape, x->dtype), x}));
  return true;
}

void assign_places(const TensorRef& x, const TensorRef& places, const TensorRef& value, ShapeEnv& env) {
  const Shape shape = places->type().shape;
  const TensorRef values = converted(value, shape, x->dtype);
  const Dim count = element_count(shape);
  Recorder* recorder = Recorder::current();
  if (recorder == nullptr) {
    assign(x, x);  // complains about what cannot be written to
    const TensorRef whole = x->is_contiguous() ? x : contiguous_copy(x);
    const TensorRef dense = places->is_contiguous() ? places : contiguous_copy(places);
    const auto size = static_cast<size_t>(size_of(x->dtype));
    const auto* at = static_cast<const int64_t*>(dense->data);
    const auto* from = static_cast<const char*>(values->data);
    auto* to = static_cast<char*>(whole->data);
    for (int64_t i = 0; i < count.constant(); ++i)
      std::memcpy(to + static_cast<size_t>(at[i]) * size, from + static_cast<size_t>(i) * size, size);
    if (whole != x) assign(x, whole);
    return;
  }
  if (env.decide(count, Relation::eq, 0)) return;
  // In order, one after another: which of several values for one place is the last must not depend on threads.
  const Shape line{element_count(x->type().shape)};
  const TensorRef changed = converted(call("reshape", {x}, {line}), line, x->dtype);
  const TensorRef flat_places = call("reshape", {places}, {Shape{count}});
  const TensorRef flat_values = call("reshape", {values}, {Shape{count}});
  const TensorRef start = recorder->while_begin({zeros({}, DType::i64)}, {"place"})[0];
  const TensorRef k = recorder->while_body(call("less", {start, recorder->from_dim(count)}))[0];
  const TensorRef target = recorder->element(changed, call("take", {flat_places, k}, {int64_t{0}}), 0);
  assign(target, call("take", {flat_values, k}, {int64_t{0}}));
  recorder->while_end({call("add", {k, recorder->lift(Kind::integer, 0, 1)})}, true);
  assign(x, call("reshape", {changed}, {x->type().shape}));
}

}  // namespace tandem
