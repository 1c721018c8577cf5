// x[key]: integers, slices with steps, None, Ellipsis, index arrays and masks.
#include <algorithm>

#include "python/bindings/advanced_indexing.h"
#include "python/bindings/basic_index.h"
#include "python/bindings/bindings.h"

namespace tandem {

namespace {

struct Range {
  Dim start, size, step;
};

// NumPy's rules for one slice, with decisions about symbolic sizes becoming guards.
Range slice_range(py::handle slice, Dim extent, ShapeEnv& env) {
  const py::object first = slice.attr("start"), last = slice.attr("stop"), by = slice.attr("step");
  const Dim step = by.is_none() ? Dim(1) : dim_from(by);
  if (!step.is_constant() || step.is(0))
    throw_error(ErrorKind::value, "index: got the slice step {}; need a number other than 0", to_text(step));
  const bool forward = step.constant() > 0;
  const auto bound = [&](const py::object& value, Dim fallback) {
    if (value.is_none()) return fallback;
    Dim d = dim_from(value);
    if (env.decide(d, Relation::lt, 0)) {
      d = d + extent;
      if (env.decide(d, Relation::lt, 0)) return forward ? Dim(0) : Dim(-1);
      return d;
    }
    const Dim top = forward ? extent : extent - Dim(1);
    return env.decide(top, Relation::lt, d) ? top : d;
  };
  const Dim start = bound(first, forward ? Dim(0) : extent - Dim(1));
  const Dim stop = bound(last, forward ? extent : Dim(-1));
  const Dim span = forward ? stop - start : start - stop;
  if (env.decide(span, Relation::le, 0)) return {0, 0, 1};
  return {start, ceil_div(span, Dim(forward ? step.constant() : -step.constant())), step};
}

struct IndexPlan {
  std::vector<Dim> starts, sizes, steps;
  std::vector<int64_t> dropped;  // axes taken away by integers
  std::vector<int64_t> added;    // new axes, by their place in the result without the axes of index arrays
  std::vector<IndexArray> arrays;
  int64_t arrays_at = 0;  // where their axes go in the result
  bool whole = true;      // no slice needed

  // The number of axes that are neither new nor picked from before those of the index arrays.
  int64_t place() const {
    return arrays_at - std::count_if(added.begin(), added.end(), [this](int64_t axis) { return axis < arrays_at; });
  }
  bool is_view() const {
    if (arrays.empty()) return true;
    const Tensor& index = *arrays[0].index;
    return arrays.size() == 1 && index.recorded && index.rank() == 0 && index.dtype != DType::boolean;
  }
};

// The index array that an item of a key is, if it is one.
TensorRef index_array(const py::object& item) {
  const TensorRef* tensor = tensor_pointer(item);
  if (tensor && !(*tensor)->recorded && (*tensor)->rank() == 0 && (*tensor)->dtype != DType::boolean)
    return nullptr;  // as a number
  if (PyBool_Check(item.ptr())) return scalar_tensor(DType::boolean, int64_t{item.is(py::bool_(true))});
  const bool array = !tensor && py::hasattr(item, "__array_interface__") &&
                     (item.attr("ndim").cast<int>() > 0 || item.attr("dtype").attr("kind").cast<std::string>() == "b");
  if (!tensor && !array && !PyList_Check(item.ptr())) return nullptr;
  TensorRef out = as_tensor(item);
  // NumPy's rule for x[[]].
  if (!tensor && !array && !out->recorded && element_count(out->sizes) == 0) out = call("cast", {out}, {DType::i64});
  if (!is_integer(out->dtype) && out->dtype != DType::boolean)
    throw_error(ErrorKind::index, "index: got a {} tensor of shape {}; need integers or a mask", info(out->dtype).name,
                to_text(out->type().shape));
  return out;
}

IndexPlan plan_index(const TensorRef& x, py::handle key, ShapeEnv& env) {
  std::vector<py::object> items;
  if (PyTuple_Check(key.ptr()))
    for (py::handle item : key) items.push_back(py::reinterpret_borrow<py::object>(item));
  else
    items.push_back(py::reinterpret_borrow<py::object>(key));
  const TensorType type = x->type();
  int used = 0, dots = 0;
  std::vector<TensorRef> arrays;
  for (const py::object& item : items) {
    arrays.push_back(index_array(item));
    dots += item.ptr() == Py_Ellipsis;
    if (item.is_none() || item.ptr() == Py_Ellipsis) continue;
    used += arrays.back() && arrays.back()->dtype == DType::boolean ? arrays.back()->rank() : 1;
  }
  if (dots > 1) throw_error(ErrorKind::index, "index: got several '...'; need at most one");
  if (used > type.rank())
    throw_error(ErrorKind::index, "index: got {} indices for a tensor with {} axes; need at most {}", used, type.rank(),
                type.rank());
  if (dots == 0) {
    items.push_back(py::reinterpret_borrow<py::object>(Py_Ellipsis));
    arrays.push_back(nullptr);
  }
  IndexPlan plan;
  int runs = 0;  // of integers and index arrays without anything between them
  bool running = false;
  int axis = 0;
  int64_t out_axis = 0;
  const auto keep = [&](Dim start, Dim size, Dim step) {
    plan.starts.push_back(start);
    plan.sizes.push_back(size);
    plan.steps.push_back(step);
    ++axis;
  };
  for (size_t i = 0; i < items.size(); ++i) {
    const py::object& item = items[i];
    const bool number = PyIndex_Check(item.ptr()) && !PyBool_Check(item.ptr());
    const bool picks = arrays[i] || number;
    if (picks && !running && runs++ == 0) plan.arrays_at = out_axis;
    running = picks;
    const Dim extent = axis < type.rank() ? type.shape[static_cast<size_t>(axis)] : Dim(0);
    if (item.is_none()) {
      plan.added.push_back(out_axis++);
    } else if (item.ptr() == Py_Ellipsis) {
      for (int k = type.rank() - used; k > 0; --k, ++out_axis) keep(0, type.shape[static_cast<size_t>(axis)], 1);
    } else if (PySlice_Check(item.ptr())) {
      const Range range = slice_range(item, extent, env);
      plan.whole = plan.whole && range.start.is(0) && range.size == extent && range.step.is(1);
      keep(range.start, range.size, range.step);
      ++out_axis;
    } else if (arrays[i]) {
      plan.arrays.push_back({arrays[i], axis - static_cast<int64_t>(plan.dropped.size()), axis});
      for (int k = arrays[i]->dtype == DType::boolean ? arrays[i]->rank() : 1; k > 0; --k)
        keep(0, type.shape[static_cast<size_t>(axis)], 1);
    } else if (number) {
      Dim index = dim_from(item);
      const bool negative = env.decide(index, Relation::lt, 0);
      const Dim from_start = negative ? index + extent : index;
      if (env.decide(from_start, Relation::lt, 0) || !env.decide(from_start, Relation::lt, extent))
        throw_error(ErrorKind::index, "index: got {} for axis {} of size {}; need -{} <= index < {}", to_text(index),
                    axis, to_text(extent), to_text(extent), to_text(extent));
      plan.whole = false;
      plan.dropped.push_back(axis);
      keep(from_start, 1, 1);
    } else {
      throw_error(ErrorKind::index, "index: got {}; need integers, slices, None, '...' or index arrays",
                  std::string(py::repr(item)));
    }
  }
  if (runs > 1) plan.arrays_at = 0;  // NumPy's rule for index arrays that something separates
  return plan;
}

TensorRef sliced(const TensorRef& x, const IndexPlan& plan) {
  TensorRef out = x;
  if (!plan.whole) out = call("slice", {out}, {plan.starts, plan.sizes, plan.steps});
  if (!plan.dropped.empty()) out = call("squeeze", {out}, {std::vector<Dim>(plan.dropped.begin(), plan.dropped.end())});
  return out;
}

int picked_axes(const IndexPlan& plan) {
  int axes = 0;
  for (const IndexArray& array : plan.arrays) axes += array.index->dtype == DType::boolean ? array.index->rank() : 1;
  return axes;
}

TensorRef indexed(const TensorRef& x, const IndexPlan& plan, ShapeEnv& env) {
  TensorRef out = sliced(x, plan);
  int64_t shift = 0;
  if (!plan.arrays.empty()) {
    const int others = out->rank() - picked_axes(plan);
    out = pick(out, plan.arrays, plan.place(), env);
    if (!plan.added.empty()) shift = out->rank() - others;
  }
  // New axes come last, because their places count those of the arrays.
  for (int64_t axis : plan.added) out = call("expand_dims", {out}, {axis >= plan.arrays_at ? axis + shift : axis});
  return out;
}

ShapeEnv& environment(ShapeEnv& none) { return Recorder::current() ? Recorder::current()->env() : none; }

}  // namespace

TensorRef get_item(const TensorRef& x, py::handle key) {
  if (TensorRef view = basic_view(x, key)) return view;
  ShapeEnv none;
  ShapeEnv& env = environment(none);
  const IndexPlan plan = plan_index(x, key, env);
  TensorRef out = indexed(x, plan, env);
  // x[...] and x[:] are views of their own, not x itself.
  if (out == x && !x->recorded) return call("slice", {x}, {plan.starts, plan.sizes, plan.steps});
  return out;
}

void set_item(const TensorRef& x, py::handle key, py::handle value) {
  const auto number = [&] {
    const Kind kind = *number_kind(value);
    if (kind > info(x->dtype).kind && kind >= Kind::floating)
      throw_error(ErrorKind::dtype,
                  "assignment: got the number {} for a {} tensor; need a number of its kind; try int(...)",
                  std::string(py::repr(value)), info(x->dtype).name);
    return number_tensor(value, x->dtype, "assignment");
  };
  const auto given = [&] { return number_kind(value) ? number() : as_tensor(value); };
  if (const TensorRef view = basic_view(x, key)) return assign(view, given());
  ShapeEnv none;
  ShapeEnv& env = environment(none);
  const IndexPlan plan = plan_index(x, key, env);
  const TensorRef values = given();
  if (plan.is_view()) return assign(indexed(x, plan, env), values);
  const IndexArray& first = plan.arrays[0];
  const bool mask = plan.arrays.size() == 1 && first.index->dtype == DType::boolean;
  if (mask && plan.added.empty() && plan.place() == first.axis && assign_masked(sliced(x, plan), first, values, env))
    return;
  assign_picked(sliced(x, plan), plan.arrays, plan.place(), {plan.added, plan.arrays_at}, values, env);
}

}  // namespace tandem
