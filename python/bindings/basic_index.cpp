#include "python/bindings/basic_index.h"

#include <optional>
#include <span>

#include "frontend/recorder.h"
#include "frontend/tape.h"
#include "runtime/profile.h"

namespace tandem {

namespace {

bool is_number(PyObject* item) { return PyLong_CheckExact(item) != 0; }

bool is_plain(PyObject* slice) {
  const auto* parts = reinterpret_cast<const PySliceObject*>(slice);
  for (PyObject* part : {parts->start, parts->stop, parts->step})
    if (part != Py_None && !is_number(part)) return false;
  return true;
}

std::optional<int64_t> number_of(PyObject* item) {
  int overflow = 0;
  const int64_t value = PyLong_AsLongLongAndOverflow(item, &overflow);
  if (overflow != 0) return std::nullopt;
  return value;
}

// Takes the axes of x one by one.
class ViewBuilder {
 public:
  explicit ViewBuilder(const Tensor& x) : x_(x) {}

  void whole(int axes) {
    for (; axes > 0; --axes, ++axis_) add(x_.sizes[axis_], x_.strides[axis_]);
  }
  bool element(PyObject* item) {
    const auto given = number_of(item);
    const int64_t size = x_.sizes[axis_];
    if (!given || *given < -size || *given >= size) return false;
    offset_ += (*given < 0 ? *given + size : *given) * x_.strides[axis_++];
    return true;
  }
  bool range(PyObject* item) {
    Py_ssize_t start, stop, step;
    if (PySlice_Unpack(item, &start, &stop, &step) != 0) {
      PyErr_Clear();
      return false;
    }
    const int64_t size = PySlice_AdjustIndices(x_.sizes[axis_], &start, &stop, step);
    int64_t stride = x_.strides[axis_++];
    if (size > 0) {
      offset_ += start * stride;
      if (__builtin_mul_overflow(stride, step, &stride)) return false;
    }
    add(size, stride);
    return true;
  }
  TensorRef finish(const TensorRef& of) const {
    char* data = static_cast<char*>(x_.data) + offset_ * size_of(x_.dtype);
    auto out = std::make_shared<Tensor>(x_.dtype, sizes_, strides_, x_.storage, data);
    out->writable = x_.writable;
    out->base = of->base ? of->base : of;
    out->seen = out->base->writes;
    return out;
  }

 private:
  void add(int64_t size, int64_t stride) {
    sizes_.push_back(size);
    strides_.push_back(stride);
  }

  const Tensor& x_;
  int axis_ = 0;
  int64_t offset_ = 0;
  Sizes sizes_, strides_;
};

}  // namespace

TensorRef basic_view(const TensorRef& of, pybind11::handle key) {
  const Tensor& x = *of;
  if (x.recorded || Recorder::current() || profiling() || is_tracked(x)) return nullptr;
  PyObject* const one = key.ptr();
  const std::span<PyObject* const> items =
      PyTuple_CheckExact(one) ? std::span<PyObject* const>(reinterpret_cast<PyTupleObject*>(one)->ob_item,
                                                           static_cast<size_t>(PyTuple_GET_SIZE(one)))
                              : std::span<PyObject* const>(&one, 1);
  int used = 0, dots = 0;
  for (PyObject* item : items) {
    if (item == Py_Ellipsis)
      ++dots;
    else if (is_number(item) || (PySlice_Check(item) && is_plain(item)))
      ++used;
    else
      return nullptr;
  }
  if (dots > 1 || used > x.rank()) return nullptr;
  ViewBuilder view(x);
  for (PyObject* item : items) {
    if (item == Py_Ellipsis)
      view.whole(x.rank() - used);
    else if (!(is_number(item) ? view.element(item) : view.range(item)))
      return nullptr;
  }
  if (dots == 0) view.whole(x.rank() - used);
  return view.finish(of);
}

}  // namespace tandem
