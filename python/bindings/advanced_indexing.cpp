#include "python/bindings/advanced_indexing.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "frontend/eager.h"
#include "frontend/tape.h"
#include "runtime/copy.h"
#include "runtime/put.h"

namespace tandem {

namespace {

// What is beyond int64 is beyond any axis and stays so.
TensorRef as_int64(const TensorRef& index) {
  if (index->dtype == DType::i64) return index;
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  if (index->dtype != DType::u64) return call("cast", {index}, {DType::i64});
  const TensorRef most = call("full", {}, {std::vector<Dim>{}, kMost, DType::u64});
  return call("cast", {call("minimum", {index, most})}, {DType::i64});
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

TensorRef dense(const TensorRef& x) { return x->is_contiguous() ? x : contiguous_copy(x); }
// In memory of the host, where indices and masks are looked at.
TensorRef dense_on_host(const TensorRef& x) { return dense(on_host(detached(x))); }
// Indices and masks follow the tensor that they are for, and so do numbers.
TensorRef beside(const TensorRef& x, const TensorRef& other) {
  return other->recorded || x->recorded || other->device == x->device ? other : to_device(detached(other), x->device);
}
TensorRef number_beside(const TensorRef& x, const TensorRef& value) {
  return !value->recorded && value->rank() == 0 ? beside(x, value) : value;
}

int64_t count_true(const uint8_t* flags, int64_t size) {
  constexpr int64_t kRun = 255;  // of sums that fit a byte, as vectors want it
  int64_t count = 0;
  for (int64_t i = 0; i < size; i += kRun) {
    uint8_t run = 0;
    for (int64_t k = i; k < std::min(size, i + kRun); ++k) run = static_cast<uint8_t>(run + flags[k]);
    count += run;
  }
  return count;
}

// x[mask] where the mask has the shape of x.
TensorRef selected(const TensorRef& x, const TensorRef& mask) {
  const TensorRef from = dense_on_host(x), where = dense_on_host(mask);
  const auto* flags = static_cast<const uint8_t*>(where->data);
  const int64_t count = count_true(flags, element_count(where->sizes));
  TensorRef out = Tensor::empty(x->dtype, {count});
  copy_selected(size_of(x->dtype), from->data, flags, count, out->data);
  return beside(x, out);
}

// Where the mask is true, in row-major order.
TensorRef true_places(const TensorRef& mask) {
  if (!mask->recorded && mask->rank() == 0) {  // x[True]
    const int64_t count = *static_cast<const uint8_t*>(dense_on_host(mask)->data);
    return call("full", {}, {std::vector<Dim>{count}, int64_t{0}, DType::i64});
  }
  if (mask->recorded || Recorder::current())
    throw_error(
        ErrorKind::capture,
        "index: got a mask among other indices in a captured function, where the size of the result would depend "
        "on its values; need sizes that are known without them; try td.where(mask, x, other)");
  const TensorRef where = dense_on_host(mask);
  const auto* flags = static_cast<const uint8_t*>(where->data);
  const int64_t count = count_true(flags, element_count(where->sizes));
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
    const TensorRef plain = dense_on_host(contiguous_copy(indices[k]));
    const auto* index = static_cast<const int64_t*>(plain->data);
    const int64_t extent = extents[k].constant();
    for (int64_t i = 0; i < count; ++i) {
      const int64_t from_start = index[i] < 0 ? index[i] + extent : index[i];
      if (from_start < 0 || from_start >= extent) throw_out_of_bounds(index[i], arrays[k].source, extent);
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

// Indices of several axes, each of the common shape, as indices of one axis that stands for them all.
TensorRef join(const std::vector<IndexArray>& arrays, const Shape& extents) {
  std::vector<TensorRef> indices;
  bool recorded = Recorder::current() != nullptr;
  for (const IndexArray& array : arrays) {
    recorded = recorded || array.index->recorded;
    indices.push_back(array.index);
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

// Index arrays of one shape, and x with the axes they are of side by side.
struct Picked {
  TensorRef view;
  int64_t at = 0, count = 0;       // those axes of `view`
  std::vector<IndexArray> arrays;  // int64, each of the `common` shape; `axis` is that of `view`
  std::vector<int64_t> covered;    // so many axes each; none: of x[True]
  Shape common;

  Shape extents() const {
    Shape out;
    const Shape shape = view->type().shape;
    for (size_t k = 0; k < arrays.size(); ++k) {
      const auto first = shape.begin() + arrays[k].axis;
      out.push_back(element_count(Shape(first, first + covered[k])));
    }
    return out;
  }
  // With the axes made one, and their indices.
  TensorRef table() const { return count == 1 ? view : merged(view, at, count); }
  TensorRef index() const { return arrays.size() == 1 ? arrays[0].index : join(arrays, extents()); }
};

Picked picked(const TensorRef& x, std::vector<IndexArray> arrays, ShapeEnv& env) {
  Picked out{x, arrays[0].axis, 0, {}, {}, {}};
  std::vector<Shape> shapes;
  for (IndexArray& array : arrays) {
    const bool mask = array.index->dtype == DType::boolean;
    out.covered.push_back(mask ? array.index->rank() : 1);
    out.count += out.covered.back();
    if (mask) {
      check_mask(array.index, x->type().shape, array.axis, env);
      array.index = true_places(array.index);
    }
    shapes.push_back(array.index->type().shape);
  }
  out.common = arrays.size() == 1 ? shapes[0] : broadcast_shapes("index", shapes, env);
  std::vector<Dim> axes;
  for (size_t k = 0; k < arrays.size(); ++k) {
    TensorRef& index = arrays[k].index;
    if (arrays.size() > 1) index = as_int64(index);
    if (shapes[k] != out.common) index = call("broadcast_to", {index}, {out.common});
    for (int64_t n = 0; n < out.covered[k]; ++n) axes.emplace_back(arrays[k].axis + n);
  }
  const bool adjacent =
      axes.empty() || axes.back().constant() - axes.front().constant() == static_cast<int64_t>(axes.size()) - 1;
  if (!adjacent) {
    const std::vector<Dim> first = axes;
    for (int64_t k = 0; k < x->rank(); ++k)
      if (std::find(first.begin(), first.end(), Dim(k)) == first.end()) axes.emplace_back(k);
    out.view = permuted(x, axes);
    out.at = 0;
  }
  for (size_t k = 0, next = static_cast<size_t>(out.at); k < arrays.size(); ++k) {
    arrays[k].axis = static_cast<int64_t>(next);
    next += static_cast<size_t>(out.covered[k]);
  }
  out.arrays = std::move(arrays);
  return out;
}

TensorRef taken(const TensorRef& table, const TensorRef& index, int64_t at, const Picked& from) {
  const bool single = from.arrays.size() == 1 && from.covered[0] == 1;
  if (!(table->device == index->device)) return taken(table, beside(table, index), at, from);
  if (!single) return call("take", {table, index}, {at});
  const int64_t source = from.arrays[0].source;
  if (Recorder* recorder = Recorder::current())
    return call("take", {table, recorder->checked_index(index, table->type().shape[static_cast<size_t>(at)], source)},
                {at});
  try {
    return call("take", {table, index}, {at});
  } catch (const Error& error) {
    if (error.kind != ErrorKind::index || source == at) throw;
    // The same message, with the axis that it is of x.
    const TensorRef wide = dense_on_host(as_int64(index));
    const int64_t size = table->sizes[static_cast<int>(at)];
    const auto bad = first_outside(static_cast<const int64_t*>(wide->data), element_count(wide->sizes), size);
    if (!bad) throw;
    throw_out_of_bounds(*bad, source, size);
  }
}

// ---- writing ----

// Indices as offsets in memory, from the least one that there is.
struct Offsets {
  TensorRef index;     // contiguous int64
  int64_t extent = 1;  // all of them are below
  int64_t step = 1;    // elements for each
  int64_t first = 0;   // elements from the view's first to the one at offset 0
};

Offsets offsets_of(const Picked& to) {
  const Tensor& view = *to.view;
  Offsets out;
  if (to.arrays.size() == 1 && to.covered[0] == 1) {
    const int axis = static_cast<int>(to.arrays[0].axis);
    out = {dense(as_int64(to.arrays[0].index)), view.sizes[axis], view.strides[axis], 0};
    if (const auto bad =
            first_outside(static_cast<const int64_t*>(out.index->data), element_count(out.index->sizes), out.extent))
      throw_out_of_bounds(*bad, to.arrays[0].source, out.extent);
    return out;
  }
  out.index = Tensor::empty(DType::i64, to.arrays[0].index->sizes);
  auto* const offsets = static_cast<int64_t*>(out.index->data);
  const int64_t count = element_count(out.index->sizes);
  std::fill_n(offsets, count, 0);
  for (size_t k = 0; k < to.arrays.size(); ++k) {
    const TensorRef index = dense(as_int64(to.arrays[k].index));
    const auto* const given = static_cast<const int64_t*>(index->data);
    int64_t whole = 1;  // places of the axes that the array covers
    for (int64_t n = 0; n < to.covered[k]; ++n) whole *= view.sizes[static_cast<int>(to.arrays[k].axis + n)];
    if (const auto bad = first_outside(given, count, whole)) throw_out_of_bounds(*bad, to.arrays[k].source, whole);
    int64_t below = 1;  // places of the axes further in
    for (int64_t n = to.covered[k]; n-- > 0;) {
      const int axis = static_cast<int>(to.arrays[k].axis + n);
      const int64_t size = view.sizes[axis], stride = view.strides[axis], back = stride < 0 ? size - 1 : 0;
      const auto add = [&](const auto& place) {
        for (int64_t i = 0; i < count; ++i) {
          const int64_t at = place(given[i] < 0 ? given[i] + whole : given[i]);
          offsets[i] += (stride < 0 ? back - at : at) * std::abs(stride);
        }
      };
      if (to.covered[k] == 1)
        add([](int64_t flat) { return flat; });
      else
        add([&](int64_t flat) { return flat / below % size; });
      out.first += back * stride;
      out.extent += (size - 1) * std::abs(stride);
      below *= size;
    }
  }
  return out;
}

void write_in_memory(const TensorRef& x, const Picked& to, const TensorRef& values, int64_t place) {
  if (element_count(values->sizes) == 0 && element_count(to.arrays[0].index->sizes) == 0) return;
  const Offsets offsets = offsets_of(to);
  const auto shared = [&](const TensorRef& read) {
    return extent_of(*read).overlaps(extent_of(*x)) ? contiguous_copy(read) : read;
  };
  const TensorRef from = shared(values), index = shared(offsets.index);
  std::vector<PutAxis> axes, index_axes;
  const int picked_rank = static_cast<int>(to.common.size());
  for (int k = 0, n = 0; k < to.view->rank(); ++k) {
    if (k >= to.at && k < to.at + to.count) continue;
    axes.push_back({to.view->sizes[k], to.view->strides[k], from->strides[n < place ? n : n + picked_rank]});
    ++n;
  }
  for (int k = 0; k < picked_rank; ++k)
    index_axes.push_back({from->sizes[static_cast<int>(place) + k], 0, from->strides[static_cast<int>(place) + k]});
  const int64_t bytes = size_of(x->dtype);
  changed(*x);
  put({.dtype = x->dtype,
       .axes = axes,
       .index_axes = index_axes,
       .indices = static_cast<const int64_t*>(index->data),
       .extent = offsets.extent,
       .step = offsets.step,
       .to = static_cast<char*>(to.view->data) + offsets.first * bytes,
       .from = from->data});
}

// As an operation: for a capture, and for the tape, where the indices are checked as ever.
void write_as_operation(Recorder* recorder, const Picked& to, const TensorRef& values, int64_t place) {
  const TensorRef table = to.table();
  TensorRef index = beside(table, to.index());
  if (recorder && to.arrays.size() == 1)
    index = recorder->checked_index(index, table->type().shape[static_cast<size_t>(to.at)], to.arrays[0].source);
  const TensorRef ordered = moved(values, place, static_cast<int64_t>(to.common.size()), to.at);
  const TensorRef made =
      call("index_update", {table, index, ordered}, {to.at, static_cast<int64_t>(PutMode::set), true});
  assign(to.view, to.count == 1 ? made : call("reshape", {made}, {to.view->type().shape}));
}

// Which one of `count` values is for which element under a mask; fails when the program runs unless there are as many.
TensorRef places_under(const TensorRef& mask, Dim count) {
  const Shape flags = mask->type().shape;
  const TensorRef flat = call("reshape", {mask}, {Shape{element_count(flags)}});
  return call("reshape", {call("places_under_mask", {flat}, {std::vector<Dim>{count}})}, {flags});
}

}  // namespace

TensorRef pick(const TensorRef& x, const std::vector<IndexArray>& arrays, int64_t place, ShapeEnv& env) {
  Recorder* recorder = Recorder::current();
  const IndexArray& first = arrays[0];
  if (recorder && arrays.size() == 1) {
    const bool unknown = first.index->recorded || first.index->rank() > 0;
    if (first.index->dtype == DType::boolean && unknown && place == first.axis) {
      check_mask(first.index, x->type().shape, first.axis, env);
      return recorder->selection(x, first.index, first.axis);
    }
    if (first.index->recorded && first.index->rank() == 0) return recorder->element(x, first.index, first.axis);
  }
  if (!recorder && !is_tracked(*x) && arrays.size() == 1 && first.index->dtype == DType::boolean &&
      first.index->rank() == x->rank() && x->rank() > 0) {
    check_mask(first.index, x->type().shape, first.axis, env);
    return selected(x, first.index);
  }
  const Picked from = picked(x, arrays, env);
  const TensorRef out = taken(from.table(), from.index(), from.at, from);
  return moved(out, from.at, static_cast<int64_t>(from.common.size()), place);
}

bool assign_masked(const TensorRef& x, const IndexArray& mask_given, const TensorRef& values, ShapeEnv& env) {
  Recorder* recorder = Recorder::current();
  IndexArray mask = mask_given;
  mask.index = beside(x, mask.index);
  const TensorRef given = number_beside(x, values);
  if (is_selection(*given)) {
    recorder->assign_where(x, mask.index, mask.axis, given);
    return true;
  }
  const Shape shape = x->type().shape, flags = mask.index->type().shape;
  check_mask(mask.index, shape, mask.axis, env);
  const Shape rest(shape.begin() + mask.axis + static_cast<int64_t>(flags.size()), shape.end());
  const auto inner = static_cast<int64_t>(rest.size());
  TensorRef value = assignable(x, given);
  if (value->rank() > inner) {
    // An axis of as many values as the mask is true.
    const int64_t axis = value->rank() - inner - 1;
    Shape one = value->type().shape;
    if (env.equal(one[static_cast<size_t>(axis)], 1)) {
      one.erase(one.begin() + axis);
      one.insert(one.begin() + axis, flags.size(), Dim(1));
      value = call("reshape", {value}, {one});
    } else if (recorder) {
      const auto places = places_under(mask.index, one[static_cast<size_t>(axis)]);
      if (env.equal(one[static_cast<size_t>(axis)], 0)) return true;
      value = call("take", {value, places}, {axis});
    } else {
      return false;
    }
  }
  check_broadcast(value->type().shape, shape, env);
  Shape aligned = flags;
  aligned.resize(flags.size() + rest.size(), Dim(1));
  while (value->rank() > x->rank()) value = call("squeeze", {value}, {std::vector<Dim>{Dim(0)}});
  const std::array<TensorRef, 3> chosen{call("reshape", {mask.index}, {aligned}), value, x};
  if (!run_in_place(op("where"), chosen, 2)) assign(x, call(op("where"), chosen, {}));
  return true;
}

void assign_picked(const TensorRef& x, const std::vector<IndexArray>& arrays, int64_t place, const NewAxes& added,
                   const TensorRef& given, ShapeEnv& env) {
  const Picked to = picked(x, arrays, env);
  TensorRef values = assignable(x, number_beside(x, given));
  // As x[key] is: the axes that are not picked from, those of the index arrays among them, and new ones.
  const Shape all = to.view->type().shape;
  Shape shape;
  for (int64_t k = 0; k < to.view->rank(); ++k)
    if (k < to.at || k >= to.at + to.count) shape.push_back(all[static_cast<size_t>(k)]);
  shape.insert(shape.begin() + place, to.common.begin(), to.common.end());
  std::vector<Dim> dropped;
  for (int64_t axis : added.axes) {
    if (axis >= added.arrays_at) axis += static_cast<int64_t>(to.common.size());
    shape.insert(shape.begin() + axis, Dim(1));
    dropped.emplace_back(axis);
  }
  check_broadcast(values->type().shape, shape, env);
  while (values->rank() > static_cast<int>(shape.size()))
    values = call("squeeze", {values}, {std::vector<Dim>{Dim(0)}});
  if (values->type().shape != shape) values = call("broadcast_to", {values}, {shape});
  if (!dropped.empty()) values = call("squeeze", {values}, {dropped});
  Recorder* recorder = Recorder::current();
  if (recorder || !is_cpu(x->device) || needs_tape(x, values))
    write_as_operation(recorder, to, values, place);
  else
    write_in_memory(x, to, values, place);
}

}  // namespace tandem
