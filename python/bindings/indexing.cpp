// x[key]: integers, slices with steps, None, Ellipsis, and one integer tensor.
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
  std::vector<int64_t> added;    // new axes, by their place in the result
  TensorRef indices;             // the integer tensor, if any
  int64_t index_axis = -1;       // of the result before the take
  bool whole = true;             // no slice needed
};

IndexPlan plan_index(const TensorRef& x, py::handle key, ShapeEnv& env) {
  std::vector<py::object> items;
  if (PyTuple_Check(key.ptr()))
    for (py::handle item : key) items.push_back(py::reinterpret_borrow<py::object>(item));
  else
    items.push_back(py::reinterpret_borrow<py::object>(key));
  const TensorType type = x->type();
  const auto consumes = [](const py::object& item) { return !item.is_none() && item.ptr() != Py_Ellipsis; };
  int used = 0, dots = 0;
  for (const py::object& item : items) {
    used += consumes(item);
    dots += item.ptr() == Py_Ellipsis;
  }
  if (dots > 1) throw_error(ErrorKind::index, "index: got several '...'; need at most one");
  if (used > type.rank())
    throw_error(ErrorKind::index, "index: got {} indices for a tensor with {} axes; need at most {}", used, type.rank(),
                type.rank());
  if (dots == 0) items.push_back(py::reinterpret_borrow<py::object>(Py_Ellipsis));
  IndexPlan plan;
  int axis = 0;
  int64_t out_axis = 0;
  const auto keep = [&](Dim start, Dim size, Dim step) {
    plan.starts.push_back(start);
    plan.sizes.push_back(size);
    plan.steps.push_back(step);
    ++axis;
  };
  for (const py::object& item : items) {
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
    } else if (const TensorRef* tensor = tensor_pointer(item);
               tensor && ((*tensor)->recorded || (*tensor)->rank() > 0)) {
      if (!is_integer((*tensor)->dtype))
        throw_error(ErrorKind::index, "index: got a {} tensor; need integers; try td.where for masks",
                    info((*tensor)->dtype).name);
      if (plan.indices)
        throw_error(ErrorKind::index, "index: got several index tensors; need at most one; try td.take");
      plan.indices = *tensor;
      plan.index_axis = out_axis;
      out_axis += (*tensor)->rank();
      keep(0, extent, 1);
    } else if (PyIndex_Check(item.ptr()) && !PyBool_Check(item.ptr())) {
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
      throw_error(ErrorKind::index, "index: got {}; need integers, slices, None, '...' or an integer tensor",
                  std::string(py::repr(item)));
    }
  }
  return plan;
}

TensorRef view_of(const TensorRef& x, const IndexPlan& plan) {
  TensorRef out = x;
  if (!plan.whole) out = call("slice", {out}, {plan.starts, plan.sizes, plan.steps});
  if (!plan.dropped.empty()) out = call("squeeze", {out}, {std::vector<Dim>(plan.dropped.begin(), plan.dropped.end())});
  // The take comes before new axes are put in, so its axis counts only those that exist by then.
  if (plan.indices) {
    int64_t axis = plan.index_axis;
    for (int64_t added : plan.added) axis -= added < plan.index_axis;
    const bool single = plan.indices->recorded && plan.indices->rank() == 0 && Recorder::current();
    out = single ? Recorder::current()->element(out, plan.indices, axis) : call("take", {out, plan.indices}, {axis});
  }
  for (int64_t axis : plan.added) out = call("expand_dims", {out}, {axis});
  return out;
}

ShapeEnv& environment(ShapeEnv& none) { return Recorder::current() ? Recorder::current()->env() : none; }

}  // namespace

TensorRef get_item(const TensorRef& x, py::handle key) {
  ShapeEnv none;
  const IndexPlan plan = plan_index(x, key, environment(none));
  TensorRef out = view_of(x, plan);
  // x[...] and x[:] are views of their own, not x itself.
  if (out == x && !x->recorded) return call("slice", {x}, {plan.starts, plan.sizes, plan.steps});
  return out;
}

void set_item(const TensorRef& x, py::handle key, py::handle value) {
  ShapeEnv none;
  const IndexPlan plan = plan_index(x, key, environment(none));
  if (plan.indices && plan.indices->rank() != 0)
    throw_error(ErrorKind::index,
                "index: got an assignment through an index tensor; need integers and slices; try td.where");
  const TensorRef target = view_of(x, plan);
  assign(target,
         number_kind(value)
             ? number_tensor(
                   value,
                   [&] {
                     const Kind kind = *number_kind(value);
                     if (kind > info(x->dtype).kind && kind >= Kind::floating)
                       throw_error(
                           ErrorKind::dtype,
                           "assignment: got the number {} for a {} tensor; need a number of its kind; try int(...)",
                           std::string(py::repr(value)), info(x->dtype).name);
                     return x->dtype;
                   }(),
                   "assignment")
             : as_tensor(value));
}

}  // namespace tandem
