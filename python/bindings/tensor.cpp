#include <cstring>

#include "python/bindings/bindings.h"
#include "runtime/cuda/copy.h"
#include "runtime/cuda/device.h"

namespace tandem {

namespace {

[[noreturn]] void throw_recorded(const Tensor& x, const std::string& what) {
  if (x.recorded->recorder.get() != Recorder::current()) throw_leaked(what, x);
  const SourceLoc& born = x.recorded->born;
  throw_error(
      ErrorKind::capture,
      "{}: got the value of a {} tensor{} while the function is being captured; need code that does not look at "
      "values; try @td.script, which captures if and while on tensors, or td.where",
      what, to_text(x.type()), born.known() ? fmt::format(" (made at {}:{})", born.file, born.line) : "");
}

void single(const Tensor& x, const std::string& what) {
  if (x.recorded) throw_recorded(x, what);
  if (element_count(x.sizes) != 1)
    throw_error(ErrorKind::value, "{}: got a tensor of shape {}; need exactly one element; try .any(), .all() or x[i]",
                what, to_text(x.type().shape));
}

py::object first_element(const Tensor& x, const void* data) {
  const DType part = real_type(x.dtype);
  const int64_t bits = read_element(part, data);
  switch (info(x.dtype).kind) {
    case Kind::boolean: return py::bool_(bits != 0);
    case Kind::integer: return is_unsigned(x.dtype) ? py::int_(static_cast<uint64_t>(bits)) : py::int_(bits);
    case Kind::floating: return py::float_(to_double(x.dtype, bits));
    case Kind::complex: {
      const void* other = static_cast<const char*>(data) + size_of(part);
      return py::cast(std::complex<double>(to_double(part, bits), to_double(part, read_element(part, other))));
    }
  }
  return py::none();
}

py::object nested_list(const Tensor& x, int axis, const char* data) {
  if (axis == x.rank()) return first_element(x, data);
  py::list out;
  for (int64_t i = 0; i < x.sizes[axis]; ++i)
    out.append(nested_list(x, axis + 1, data + i * x.strides[axis] * size_of(x.dtype)));
  return out;
}

TensorRef copy_of(const TensorRef& x) {
  return x->recorded || Recorder::current() || is_tracked(*x) ? call("copy", {x}) : contiguous_copy(x);
}

// x.real = value, x.imag = value.
void set_part(const TensorRef& x, std::string_view part, py::handle value) {
  const bool is_real = part == "real";
  if (!is_complex(x->dtype)) {
    if (!is_real)
      throw_error(ErrorKind::dtype, "imag: got a {} tensor to write to; need a complex one; try x.astype(td.complex64)",
                  info(x->dtype).name);
    return set_item(x, py::ellipsis(), value);
  }
  const TensorRef written = call(part, {x}), kept = call(is_real ? "imag" : "real", {x});
  set_item(written, py::ellipsis(), value);
  set_item(x, py::ellipsis(), wrap(call("complex", {is_real ? written : kept, is_real ? kept : written})));
}

}  // namespace

py::object item_of(const Tensor& x) {
  single(x, "item");
  if (is_cpu(x.device)) [[likely]]
    return first_element(x, x.data);
  alignas(16) char element[16];
  copy_bytes({}, element, x.device, x.data, static_cast<size_t>(size_of(x.dtype)));
  return first_element(x, element);
}

bool is_tensor(py::handle value) { return tensor_pointer(value) != nullptr; }

const TensorRef* tensor_pointer(py::handle value) {
  static PyTypeObject* type = reinterpret_cast<PyTypeObject*>(py::type::of<Tensor>().ptr());
  auto* instance = reinterpret_cast<py::detail::instance*>(value.ptr());
  if (Py_TYPE(value.ptr()) == type) [[likely]]
    return reinterpret_cast<const TensorRef*>(&instance->simple_value_holder[1]);
  if (!PyType_IsSubtype(Py_TYPE(value.ptr()), type)) return nullptr;
  return &instance->get_value_and_holder().holder<TensorRef>();
}

py::tuple shape_of(const Tensor& x) {
  if (x.recorded) {
    const Shape shape = x.type().shape;
    py::tuple out(shape.size());
    for (size_t k = 0; k < out.size(); ++k) out[k] = to_python(shape[k]);
    return out;
  }
  py::tuple out(static_cast<size_t>(x.sizes.size()));
  for (int k = 0; k < x.sizes.size(); ++k) out[static_cast<size_t>(k)] = py::int_(x.sizes[k]);
  return out;
}

void bind_tensor(py::module_& m) {
  py::class_<Tensor, TensorRef> tensor(
      m, "Tensor",
      "A multidimensional array of elements of one dtype, made by td.asarray and other functions.\n\n>>> x = "
      "td.asarray([[1, 2], [3, 4]])\n>>> x.T\ntensor([[1, 3],\n        [2, 4]])\n>>> x[:, 0] + 10\ntensor([11, 13])",
      py::dynamic_attr(), py::buffer_protocol());
  prepare_wrapping(reinterpret_cast<PyTypeObject*>(tensor.ptr()));
  tensor.def_property_readonly(
            "dtype", [](const Tensor& x) { return to_python(x.dtype); }, "Type of the elements.")
      .def_property_readonly("shape", shape_of, "Sizes of the axes.")
      .def_property_readonly(
          "ndim", [](const Tensor& x) { return x.rank(); }, "Number of axes.")
      .def_property_readonly(
          "size", [](const Tensor& x) { return to_python(element_count(x.type().shape)); }, "Number of elements.")
      .def_property_readonly(
          "nbytes", [](const Tensor& x) { return to_python(element_count(x.type().shape) * Dim(size_of(x.dtype))); },
          "Bytes of the elements.")
      .def_property_readonly(
          "itemsize", [](const Tensor& x) { return size_of(x.dtype); }, "Bytes of one element.")
      .def_property_readonly(
          "device", [](const Tensor& x) { return to_text(x.device); }, "Where the elements are.")
      .def_property_readonly(
          "strides",
          [](const Tensor& x) {
            if (x.recorded) throw_recorded(x, "strides");
            py::tuple out(static_cast<size_t>(x.strides.size()));
            for (int k = 0; k < x.strides.size(); ++k)
              out[static_cast<size_t>(k)] = py::int_(x.strides[k] * size_of(x.dtype));
            return out;
          },
          "Bytes from one index to the next, per axis.")
      .def_property_readonly(
          "T", [](const TensorRef& x) { return call("transpose", {x}); }, "The axes in reverse order.")
      .def_property_readonly(
          "mT", [](const TensorRef& x) { return call("matrix_transpose", {x}); }, "The last two axes swapped.")
      .def_property_readonly("_recorded", [](const Tensor& x) { return x.recorded != nullptr; })
      // Of a recorded tensor: its memory, where that was made, and what it holds now, which every write changes, also
      // one that reaches it on some paths only.
      .def_property_readonly("_memory",
                             [](const Tensor& x) {
                               if (!x.recorded) return std::tuple(reinterpret_cast<intptr_t>(&x), -1, -1, -1);
                               const Cell& cell = *x.recorded->cell;
                               return std::tuple(reinterpret_cast<intptr_t>(&cell), cell.home, cell.now.frame,
                                                 cell.uncertain ? -2 : cell.now.value);
                             })
      .def("_overlaps",
           [](const Tensor& x, const Tensor& y) {
             return &x == &y || (x.recorded && y.recorded && may_overlap(*x.recorded, *y.recorded));
           })
      .def_property_readonly("_weak", [](const Tensor& x) { return x.recorded && x.recorded->weak; })
      .def_property_readonly("_type", [](const Tensor& x) { return to_text(x.type()); })
      // What device= is for another tensor beside it: None for the CPU, and while it is decided by a capture.
      .def_property_readonly("_place",
                             [](const Tensor& x) {
                               return x.recorded || is_cpu(x.device) ? std::optional<std::string>()
                                                                     : std::optional(to_text(x.device));
                             })
      .def_property_readonly("_pointer", [](const Tensor& x) { return reinterpret_cast<intptr_t>(x.data); })
      .def_property_readonly("_writable", [](const Tensor& x) { return x.writable; })
      .def("is_contiguous", &Tensor::is_contiguous, "Return whether the elements lie row by row without gaps.")
      .def(
          "item", [](const Tensor& x) { return item_of(x); }, "Return the only element as a Python number.")
      .def(
          "tolist",
          [](const TensorRef& of) {
            if (of->recorded) throw_recorded(*of, "tolist");
            const TensorRef x = on_host(detached(of));
            return nested_list(*x, 0, static_cast<const char*>(x->data));
          },
          "Return the elements as nested lists of Python numbers.")
      .def("copy", copy_of, "Return a contiguous copy.")
      .def(
          "astype",
          [](const TensorRef& x, py::handle dtype, bool copy) {
            const DType to = dtype_from(dtype);
            if (to != x->dtype || (x->recorded && x->recorded->weak)) return call("cast", {x}, {to});
            return copy ? copy_of(x) : x;
          },
          py::arg("dtype"), py::kw_only(), py::arg("copy") = true, "Convert to another dtype; see td.cast.")
      .def(
          "to", [](const TensorRef& x, py::handle device) { return to_device(x, device_from(device, "to")); },
          py::arg("device"), "Return this tensor on a device: itself if it is there, else a copy; see td.device.")
      .def(
          "cpu", [](const TensorRef& x) { return on_host(x); }, "Return this tensor on the CPU; see td.Tensor.to.")
      .def(
          "cuda",
          [](const TensorRef& x, int index) {
            return to_device(x, cuda::device_from("cuda:" + std::to_string(index)));
          },
          py::arg("index") = 0, "Return this tensor on a GPU; see td.Tensor.to.")
      .def(
          "to_device",
          [](const TensorRef& x, py::handle device, py::handle stream) {
            if (!stream.is_none())
              throw_error(ErrorKind::value, "to_device: got stream={}; need None, because each device has one stream",
                          std::string(py::repr(stream)));
            return to_device(x, device_from(device, "to_device"));
          },
          py::arg("device"), py::pos_only(), py::kw_only(), py::arg("stream") = py::none(),
          "Move to a device; the array API's name of td.Tensor.to.")
      .def(
          "fill",
          [](const TensorRef& x, py::handle value) {
            if (!number_kind(value))
              throw_error(ErrorKind::type, "fill: got {}; need a number", std::string(py::repr(value)));
            assign(x, number_tensor(value, x->dtype, "fill"));
          },
          py::arg("value"), "Set every element to one number.")
      .def(
          "reshape",
          [](const TensorRef& x, const py::args& sizes, const py::kwargs& named) {
            std::optional<bool> copy;
            if (named.contains("copy") && !named["copy"].is_none()) copy = named["copy"].cast<bool>();
            if (named.contains("shape")) return reshaped(x, dims_from(named["shape"]), copy);
            const py::object shape =
                sizes.size() == 1 && py::isinstance<py::sequence>(sizes[0]) ? py::object(sizes[0]) : py::object(sizes);
            return reshaped(x, dims_from(shape), copy);
          },
          "Return the same elements under another shape; see td.reshape.")
      .def("__len__",
           [](const Tensor& x) {
             if (x.rank() == 0) throw_error(ErrorKind::type, "len: got a tensor without axes; need at least one");
             const Dim d = x.type().shape[0];
             return d.is_constant() ? d.constant() : Recorder::current()->env().specialize(d);
           })
      .def("__iter__",
           [](const py::object& x) {
             if (x.cast<const Tensor&>().rank() == 0)
               throw_error(ErrorKind::type, "iter: got a tensor without axes; need at least one; try x.item()");
             const py::module_ builtins = py::module_::import("builtins");
             return builtins.attr("map")(x.attr("__getitem__"), builtins.attr("range")(py::len(x)));
           })
      .def("__bool__", [](const Tensor& x) { return single(x, "truth value"), item_of(x).cast<bool>(); })
      .def("__int__", [](const Tensor& x) { return single(x, "int"), py::int_(item_of(x)); })
      .def("__float__", [](const Tensor& x) { return single(x, "float"), py::float_(item_of(x)); })
      .def("__complex__",
           [](const Tensor& x) {
             single(x, "complex");
             return py::module_::import("builtins").attr("complex")(item_of(x));
           })
      .def_property(
          "real", [](const TensorRef& x) { return call("real", {x}); },
          [](const TensorRef& x, py::handle value) { set_part(x, "real", value); },
          "A copy of the real parts; see td.real. What is assigned to it is written.")
      .def_property(
          "imag", [](const TensorRef& x) { return call("imag", {x}); },
          [](const TensorRef& x, py::handle value) { set_part(x, "imag", value); },
          "A copy of the imaginary parts; see td.imag. What is assigned to it is written.")
      .def("__index__",
           [](const Tensor& x) {
             single(x, "index");
             if (!is_integer(x.dtype))
               throw_error(ErrorKind::type, "index: got a {} tensor; need an integer", info(x.dtype).name);
             return py::int_(item_of(x));
           })
      .def("__getitem__", [](const TensorRef& x, py::handle key) { return get_item(x, key); })
      .def("__setitem__", [](const TensorRef& x, py::handle key, py::handle value) { set_item(x, key, value); })
      .def(
          "__array_namespace__",
          [](const Tensor&, py::handle version) {
            py::module_ tandem = py::module_::import("tandem");
            const py::tuple known = tandem.attr("_array_api_info").attr("VERSIONS");
            if (!version.is_none() && !known.contains(version))
              throw_error(ErrorKind::value, "__array_namespace__: got api_version={}; need one of {}",
                          std::string(py::repr(version)), std::string(py::repr(known)));
            return tandem;
          },
          py::kw_only(), py::arg("api_version") = py::none());
  tensor.def_buffer(buffer_of);
  bind_operators(tensor);
  for (const OpDef* op : all_ops())
    if (op->has(Trait::method) && !py::hasattr(tensor, std::string(op->name).c_str()))
      add_method(tensor, *op, method_docstring(*op));
}

}  // namespace tandem
