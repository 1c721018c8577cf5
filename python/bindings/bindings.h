// Python bindings of the core: one file per group of names, all in the module `tandem._core`.
#pragma once
#include <pybind11/complex.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "frontend/executable.h"
#include "frontend/tape.h"
#include "frontend/tensor.h"

namespace py = pybind11;

namespace tandem {

// What a Python call passes: values in order, of which the last have names.
class Arguments {
 public:
  Arguments(PyObject* const* values, size_t count, PyObject* names) : values_(values), count_(count), names_(names) {}
  size_t size() const { return count_; }
  size_t named() const { return names_ ? static_cast<size_t>(PyTuple_GET_SIZE(names_)) : 0; }
  py::handle operator[](size_t i) const { return values_[i]; }
  py::handle keyword(std::string_view name) const;  // null when there is none

 private:
  PyObject* const* values_;
  size_t count_;  // without names
  PyObject* names_;
};

void bind_errors(py::module_& m);
void bind_dtypes(py::module_& m);
void bind_tensor(py::module_& m);
void bind_operators(py::handle tensor);
void bind_ops(py::module_& m);
void bind_interop(py::module_& m);
void bind_dlpack(py::module_& m);
void bind_exchange(py::module_& m);
void bind_capture(py::module_& m);
void bind_function(py::module_& m);
void bind_profile(py::module_& m);
void bind_graphs(py::module_& m);
void bind_linalg(py::module_& m);
void bind_autograd(py::module_& m);
void bind_deploy(py::module_& m);
void bind_cuda(py::module_& m);

// The innermost frame outside of the tandem package: a new reference, null when there is none.
PyFrameObject* user_frame();

// A dtype as Python sees it: one object per row of the table.
struct DTypeObject {
  DType dtype;
};
py::object to_python(DType dtype);
DType dtype_from(py::handle value);  // td.float32, "float32", numpy dtype, float/int/bool
bool is_dtype_like(py::handle value);

// Sizes that may be symbolic: Python ints, or td.Size while capturing.
struct SizeObject {
  Dim dim;
};
py::object to_python(Dim dim);
Dim dim_from(py::handle value);
bool is_size(py::handle value);
std::vector<Dim> dims_from(py::handle value);  // an int or a sequence
py::tuple shape_of(const Tensor& x);

// "cpu", "cuda", "cuda:1", or None, the CPU. Throws Error{backend} when it is not there.
Device device_from(py::handle device, std::string_view what);
// td.ShareError, a BufferError: memory that cannot be handed over as asked.
[[noreturn]] void throw_not_shared(const std::string& message);
// For the buffer protocol.
py::buffer_info buffer_of(const Tensor& x);

// The tensor's object in Python, made if there is none. All tensors reach Python through it (see the caster below).
py::object wrap(const TensorRef& x);
void prepare_wrapping(PyTypeObject* type);  // of tensors
// Anything that can stand for a tensor: tensors, NumPy arrays, Python numbers and nested sequences of them.
TensorRef as_tensor(py::handle value);
bool is_tensor(py::handle value);
const TensorRef* tensor_pointer(py::handle value);  // null when it is none
std::optional<Kind> number_kind(py::handle value);  // of Python bool, int, float and symbolic sizes
// A Python number as a 0-d tensor of the given dtype, recorded while capturing.
// A Python number as a 0-d tensor; NumberRangeError, which names `what`, when an integer dtype does not hold it.
TensorRef number_tensor(py::handle value, DType dtype, std::string_view what);
[[noreturn]] void throw_out_of_range(std::string_view what, py::handle number, DType dtype);
DType integer_dtype(py::handle value);  // int64, or uint64 for what only that holds
// Operands of one operation: Python numbers adapt to the tensors among them.
std::vector<TensorRef> operands_from(const OpDef& op, std::span<const py::handle> values);
// An operation without attributes, of what Python passes.
TensorRef call_operands(const OpDef& op, std::span<const py::handle> values);
py::object item_of(const Tensor& x);
// x[key], and the place x[key] = value writes to.
TensorRef get_item(const TensorRef& x, py::handle key);
void set_item(const TensorRef& x, py::handle key, py::handle value);
// What `arange` gives where its attributes hold symbolic sizes, as lists of one; null, with numbers in their places, where
// they hold none, or these have to be numbers.
TensorRef range_of_sizes(Attrs& attrs);
// copy: whether the result may (nullopt), must or must not be a copy.
TensorRef reshaped(const TensorRef& x, std::vector<Dim> shape, std::optional<bool> copy);
std::string method_docstring(const OpDef& op);
py::object call_from_python(const OpDef& op, const Arguments& args);
py::object call_from_python(const OpDef& op, const py::args& args, const py::kwargs& kwargs);

// Built-in functions and methods that call operations, without the cost of pybind11's own.
void add_operation(py::module_& m, const OpDef& op, const std::string& name, const std::string& doc);
// Whether the method may be given sizes or axes one by one: x.permute_dims(1, 0).
bool takes_integers(const OpDef& op);
void add_method(py::handle type, const OpDef& op, const std::string& doc);

}  // namespace tandem

template <>
struct pybind11::detail::type_caster<tandem::TensorRef> : copyable_holder_caster<tandem::Tensor, tandem::TensorRef> {
  static handle cast(const tandem::TensorRef& x, return_value_policy, handle) { return tandem::wrap(x).release(); }
};
