// NumPy and DLPack, in and out, without copies where the memory allows it.
#include <algorithm>
#include <cstring>

#include "python/bindings/bindings.h"
#include "python/bindings/dlpack.h"
#include "runtime/cuda/device.h"

namespace tandem {

namespace {

void release_python(Storage* storage) {
  py::gil_scoped_acquire gil;
  Py_DECREF(static_cast<PyObject*>(storage->owner));
}

void release_buffer(Storage* storage) {
  py::gil_scoped_acquire gil;
  auto* view = static_cast<Py_buffer*>(storage->owner);
  PyBuffer_Release(view);
  delete view;
}

// A contiguous tensor in the memory of an object with the buffer protocol: read-only where that is.
TensorRef from_buffer(py::handle object, DType dtype, const std::vector<int64_t>& shape) {
  auto view = std::make_unique<Py_buffer>();
  if (PyObject_GetBuffer(object.ptr(), view.get(), PyBUF_WRITABLE) != 0) {
    PyErr_Clear();
    if (PyObject_GetBuffer(object.ptr(), view.get(), PyBUF_SIMPLE) != 0) throw py::error_already_set();
  }
  Sizes sizes;
  for (const int64_t s : shape) sizes.push_back(s);
  const auto bytes = element_count(sizes) * size_of(dtype);
  const bool fits = bytes == view->len, aligned = reinterpret_cast<intptr_t>(view->buf) % size_of(dtype) == 0;
  if (!fits) {
    const int64_t have = view->len;
    PyBuffer_Release(view.get());
    throw_error(ErrorKind::value, "from_buffer: got {} bytes; need {} for {} of shape {}", have, bytes,
                info(dtype).name, std::string(py::str(py::cast(shape))));
  }
  if (!aligned) {
    const TensorRef out = Tensor::empty(dtype, sizes);
    std::memcpy(out->data, view->buf, static_cast<size_t>(bytes));
    PyBuffer_Release(view.get());
    return out;
  }
  void* data = view->buf;
  const bool writable = view->readonly == 0;
  StorageRef storage = borrow(data, static_cast<size_t>(bytes), writable, view.release(), release_buffer);
  return std::make_shared<Tensor>(dtype, sizes, contiguous_strides(sizes), std::move(storage), data);
}

// The bytes of a contiguous tensor, as a tensor of uint8.
TensorRef bytes_of(const TensorRef& x, bool writable) {
  if (x->recorded) throw_leaked("bytes", *x);
  check_internal(x->is_contiguous(), "bytes of a tensor with gaps");
  const TensorRef there = on_host(detached(x));
  const Sizes sizes{element_count(x->sizes) * size_of(x->dtype)};
  auto out = std::make_shared<Tensor>(DType::u8, sizes, Sizes{1}, there->storage, there->data);
  out->writable = writable && x->writable;
  return out;
}

// NumPy's code of a dtype ("<f4"); empty for bfloat16, which NumPy lacks.
std::string typestr(DType dtype) {
  const DTypeInfo& row = info(dtype);
  if (dtype == DType::bf16) return {};
  const char kind = row.kind == Kind::boolean    ? 'b'
                    : row.kind == Kind::floating ? 'f'
                    : row.kind == Kind::complex  ? 'c'
                    : row.is_signed              ? 'i'
                                                 : 'u';
  return fmt::format("{}{}{}", row.size == 1 ? '|' : '<', kind, row.size);
}

std::optional<DType> dtype_of_typestr(const std::string& code) {
  for (const DTypeInfo& row : kDTypes)
    if (!code.empty() && typestr(row.dtype) == code) return row.dtype;
  return std::nullopt;
}

std::string typestr_of(DType dtype) {
  if (std::string code = typestr(dtype); !code.empty()) return code;
  throw_error(ErrorKind::dtype, "numpy: got a bfloat16 tensor; need a dtype that NumPy has; try x.astype(td.float32)");
}

py::module_ numpy() { return py::module_::import("numpy"); }

// The array's own memory where it can be used as it is, else a copy that NumPy makes.
TensorRef from_numpy(py::object array, bool must_copy, std::optional<bool> copy) {
  // The interface of a NumPy scalar describes a temporary array.
  if (!py::isinstance(array, numpy().attr("ndarray"))) array = numpy().attr("asarray")(array);
  const auto interface = [](const py::object& a) { return py::dict(a.attr("__array_interface__")); };
  py::dict facts = interface(array);
  auto dtype = dtype_of_typestr(facts["typestr"].cast<std::string>());
  if (!dtype) {
    const std::string name = py::str(array.attr("dtype"));
    throw_error(ErrorKind::dtype, "asarray: got a NumPy array of dtype {}; need one of {}; try array.astype(...)", name,
                [] {
                  std::string known;
                  for (const DTypeInfo& row : kDTypes)
                    if (!typestr(row.dtype).empty()) known += (known.empty() ? "" : ", ") + std::string(row.name);
                  return known;
                }());
  }
  const int64_t item = size_of(*dtype);
  const auto usable = [&](const py::dict& f) {
    const auto address = f["data"].cast<py::tuple>()[0].cast<intptr_t>();
    if (address % size_of(real_type(*dtype)) != 0) return false;
    if (f["strides"].is_none()) return true;
    for (py::handle s : f["strides"])
      if (s.cast<int64_t>() % item != 0) return false;
    return true;
  };
  if (must_copy || !usable(facts)) {
    if (copy && !*copy)
      throw_error(ErrorKind::value,
                  "asarray: got an array that cannot be shared as it is and copy=False; need copy=None or True");
    array = numpy().attr("array")(array, py::arg("order") = "C", py::arg("copy") = true);
    facts = interface(array);
  }
  Sizes sizes, strides;
  for (py::handle s : facts["shape"]) sizes.push_back(s.cast<int64_t>());
  if (facts["strides"].is_none())
    strides = contiguous_strides(sizes);
  else
    for (py::handle s : facts["strides"]) strides.push_back(s.cast<int64_t>() / item);
  const py::tuple data = facts["data"];
  auto* address = reinterpret_cast<void*>(data[0].cast<intptr_t>());
  const bool writable = !data[1].cast<bool>();
  array.inc_ref();
  StorageRef storage =
      borrow(address, static_cast<size_t>(element_count(sizes) * item), writable, array.ptr(), release_python);
  return std::make_shared<Tensor>(*dtype, sizes, strides, std::move(storage), address);
}

// `dtype`: what the elements will become, if that is said. Numbers that it does not hold are an error.
TensorRef from_nested(py::handle value, std::optional<DType> dtype) {
  if (py::isinstance<py::sequence>(value)) {
    // Tensors inside a list are stacked.
    for (py::handle item : value)
      if (is_tensor(item) && (*tensor_pointer(item))->recorded) {
        std::vector<TensorRef> parts;
        for (py::handle part : value) parts.push_back(as_tensor(part));
        return call(op("stack"), parts, {int64_t{0}});
      }
  }
  py::object array;
  try {
    array = numpy().attr("asarray")(value);
  } catch (py::error_already_set& error) {
    throw_error(ErrorKind::type, "asarray: got {}; need numbers, nested lists of equal lengths, or an array",
                std::string(py::repr(value)));
  }
  const std::string kind = array.attr("dtype").attr("kind").cast<std::string>();
  if (dtype && is_integer(*dtype) && (kind == "i" || kind == "u") && array.attr("size").cast<int64_t>() > 0) {
    const py::int_ least = array.attr("min")().attr("item")(), most = array.attr("max")().attr("item")();
    if (least < py::int_(lowest_integer(*dtype))) throw_out_of_range("asarray", least, *dtype);
    if (most > py::int_(highest_integer(*dtype))) throw_out_of_range("asarray", most, *dtype);
  }
  if (kind == "O" || kind == "U" || kind == "S")
    throw_error(ErrorKind::type, "asarray: got {}; need numbers, nested lists of equal lengths, or an array",
                std::string(py::repr(value)));
  // Python numbers have the default dtype, not NumPy's, and are rounded once.
  if (kind == "f" && !(dtype && is_floating(*dtype)))
    array = array.attr("astype")(std::string(info(default_dtype()).name));
  if (kind == "c" && !(dtype && is_complex(*dtype)))
    array = array.attr("astype")(std::string(info(complex_type(default_dtype())).name));
  return from_numpy(array, false, std::nullopt);
}

}  // namespace

// ---- DLPack ----

DLDataType dlpack_dtype(DType dtype) {
  const auto bits = static_cast<uint8_t>(size_of(dtype) * 8);
  if (dtype == DType::bf16) return {kDLBfloat, bits, 1};
  switch (info(dtype).kind) {
    case Kind::boolean: return {kDLBool, bits, 1};
    case Kind::integer: return {static_cast<uint8_t>(is_unsigned(dtype) ? kDLUInt : kDLInt), bits, 1};
    case Kind::floating: return {kDLFloat, bits, 1};
    case Kind::complex: return {kDLComplex, bits, 1};
  }
  return {};
}

std::optional<DType> dtype_of_dlpack(DLDataType type) {
  if (type.lanes != 1) return std::nullopt;
  for (const DTypeInfo& row : kDTypes) {
    const DLDataType have = dlpack_dtype(row.dtype);
    if (have.code == type.code && have.bits == type.bits) return row.dtype;
  }
  return std::nullopt;
}

namespace {

TensorRef asarray(py::handle value, py::handle dtype, std::optional<bool> copy) {
  TensorRef out;
  bool fresh = false;
  const bool wants = !dtype.is_none();
  if (const TensorRef* tensor = tensor_pointer(value)) {
    out = *tensor;
  } else if (const auto kind = number_kind(value); kind && !is_size(value)) {
    const DType to = wants                     ? dtype_from(dtype)
                     : *kind == Kind::floating ? default_dtype()
                     : *kind == Kind::complex  ? complex_type(default_dtype())
                     : *kind == Kind::integer  ? integer_dtype(value)
                                               : DType::boolean;
    return number_tensor(value, to, "asarray");
  } else if (is_size(value)) {
    out = Recorder::current()->from_dim(dim_from(value));
    out = call("cast", {out}, {DType::i64});
  } else if (py::hasattr(value, "__array_interface__")) {
    out = from_numpy(py::reinterpret_borrow<py::object>(value), false, copy);
    fresh = out->storage->owner != value.ptr();
  } else if (py::hasattr(value, "__dlpack__")) {
    out = from_dlpack(value, std::nullopt);
  } else if (PyObject_CheckBuffer(value.ptr()) && !py::isinstance<py::bytes>(value)) {
    out = from_numpy(numpy().attr("asarray")(value), false, copy);
  } else {
    if (copy && !*copy)
      throw_error(ErrorKind::value,
                  "asarray: got {}, whose memory cannot be shared, and copy=False; need copy=None or "
                  "True",
                  std::string(py::repr(py::type::of(value))));
    out = from_nested(value, wants ? std::optional(dtype_from(dtype)) : std::nullopt);
    fresh = true;
  }
  if (wants && dtype_from(dtype) != out->dtype) {
    if (copy && !*copy)
      throw_error(ErrorKind::value, "asarray: got a {} array, the dtype {} and copy=False; need copy=None or True",
                  info(out->dtype).name, info(dtype_from(dtype)).name);
    return call("cast", {out}, {dtype_from(dtype)});
  }
  if (copy && *copy && !fresh) return out->recorded || is_tracked(*out) ? call("copy", {out}) : contiguous_copy(out);
  return out;
}

py::object numpy_view(const TensorRef& x) {
  if (!x->recorded && !is_cpu(x->device))
    throw_error(ErrorKind::backend,
                "numpy: got a tensor on {}; need one on the CPU, where NumPy works; try x.cpu().numpy()",
                to_text(x->device));
  return numpy().attr("asarray")(py::cast(x));
}

}  // namespace

TensorRef as_tensor(py::handle value) {
  if (const TensorRef* tensor = tensor_pointer(value)) return *tensor;
  return asarray(value, py::none(), std::nullopt);
}

Device device_from(py::handle device, std::string_view what) {
  if (device.is_none()) return {};
  if (!PyUnicode_Check(device.ptr()))
    throw_error(ErrorKind::type, "{}: got the device {}; need 'cpu', 'cuda' or the number of a GPU, as in 'cuda:1'",
                what, std::string(py::repr(device)));
  return cuda::device_from(device.cast<std::string>());
}

namespace {

[[noreturn]] void throw_elsewhere(const Tensor& x, const char* what) {
  throw_error(ErrorKind::backend, "{}: got a tensor on {}; need one on the CPU, where NumPy works; try x.cpu()", what,
              to_text(x.device));
}

// What NumPy's array interface and CUDA's say of a tensor's memory.
py::dict memory_facts(const Tensor& x) {
  py::dict facts;
  facts["version"] = 3;
  facts["shape"] = shape_of(x);
  facts["typestr"] = typestr_of(x.dtype);
  facts["data"] = py::make_tuple(reinterpret_cast<intptr_t>(x.data), !x.writable);
  py::tuple strides(static_cast<size_t>(x.strides.size()));
  for (int k = 0; k < x.strides.size(); ++k)
    strides[static_cast<size_t>(k)] = py::int_(x.strides[k] * size_of(x.dtype));
  facts["strides"] = strides;
  return facts;
}

}  // namespace

py::buffer_info buffer_of(const Tensor& x) {
  if (x.recorded) throw_leaked("buffer", x);
  if (!is_cpu(x.device)) throw_elsewhere(x, "buffer");
  // The struct module's letter for NumPy's code.
  constexpr std::pair<std::string_view, const char*> letters[] = {
      {"b1", "?"}, {"i1", "b"}, {"u1", "B"}, {"i2", "h"}, {"u2", "H"}, {"i4", "i"},  {"u4", "I"},
      {"i8", "l"}, {"u8", "L"}, {"f2", "e"}, {"f4", "f"}, {"f8", "d"}, {"c8", "Zf"}, {"c16", "Zd"}};
  const std::string code = typestr_of(x.dtype).substr(1);
  const auto* row =
      std::find_if(std::begin(letters), std::end(letters), [&](const auto& l) { return l.first == code; });
  check_internal(row != std::end(letters), "no buffer format for {}", code);
  std::vector<py::ssize_t> sizes(x.sizes.begin(), x.sizes.end()), strides;
  for (const int64_t s : x.strides) strides.push_back(s * size_of(x.dtype));
  lend(x);
  return {x.data, size_of(x.dtype), row->second, x.rank(), std::move(sizes), std::move(strides), !x.writable};
}

void bind_interop(py::module_& m) {
  m.def(
      "asarray",
      [](py::handle obj, py::handle dtype, py::handle device, std::optional<bool> copy) {
        const TensorRef made = asarray(obj, dtype, copy);
        return device.is_none() ? made : to_device(made, device_from(device, "asarray"));
      },
      py::arg("obj"), py::kw_only(), py::arg("dtype") = py::none(), py::arg("device") = py::none(),
      py::arg("copy") = py::none(),
      "Return a tensor of numbers, nested lists, a NumPy array or a DLPack object, sharing memory where possible.\n\n"
      "copy=True never shares; copy=False raises where memory cannot be shared.\n\n"
      ">>> td.asarray([[1, 2], [3, 4]], dtype=td.float32)\ntensor([[1., 2.],\n        [3., 4.]], dtype=float32)");
  m.def(
      "empty",
      [](py::handle shape, py::handle dtype, py::handle device) {
        const Device place = device_from(device, "empty");
        const DType type = dtype.is_none() ? default_dtype() : dtype_from(dtype);
        if (Recorder* recorder = Recorder::current()) {
          if (!device.is_none()) recorder->want_device(place, "empty");
          return call("full", {}, {dims_from(shape), Attr(0.0), type});
        }
        Sizes sizes;
        for (const Dim& d : dims_from(shape)) {
          if (d.constant() < 0) throw_error(ErrorKind::shape, "empty: got the size {}; need 0 or more", d.constant());
          sizes.push_back(d.constant());
        }
        return Tensor::empty(type, sizes, place);
      },
      py::arg("shape"), py::kw_only(), py::arg("dtype") = py::none(), py::arg("device") = py::none(),
      "Return a tensor of undefined contents.\n\n>>> td.empty((2, 3)).shape\n(2, 3)");

  m.attr("_max_dimensions") = kMaxRank;
  m.def("_device", [](py::handle device) { return to_text(device_from(device, "device")); });
  m.def("_from_buffer", [](py::handle object, py::handle dtype, const std::vector<int64_t>& shape) {
    return from_buffer(object, dtype_from(dtype), shape);
  });
  m.def("_bytes_of", bytes_of, py::arg("x"), py::arg("writable") = true);

  py::object tensor = m.attr("Tensor");
  const auto method = [&tensor](const char* name, auto f, auto&&... extra) {
    tensor.attr(name) =
        py::cpp_function(f, py::name(name), py::is_method(tensor), std::forward<decltype(extra)>(extra)...);
  };
  method("numpy", numpy_view, py::doc("Return a NumPy array that shares the memory."));
  method(
      "__array__",
      [](const TensorRef& x, py::handle dtype, py::handle copy) -> py::object {
        if (x->recorded) throw_leaked("__array__", *x);
        const py::object own = numpy_view(x);
        py::object out = dtype.is_none() ? own : own.attr("astype")(dtype, py::arg("copy") = false);
        if (copy.is_none()) return out;
        if (copy.cast<bool>()) return out.is(own) ? out.attr("copy")() : out;
        if (!out.is(own))
          throw_error(ErrorKind::value,
                      "__array__: got a {} tensor, the dtype {} and copy=False; need copy=None or True",
                      info(x->dtype).name, std::string(py::str(dtype)));
        return out;
      },
      py::arg("dtype") = py::none(), py::arg("copy") = py::none());
  py::object property = py::module_::import("builtins").attr("property");
  tensor.attr("__cuda_array_interface__") = property(py::cpp_function(
      [](const Tensor& x) {
        if (x.recorded || is_cpu(x.device)) throw py::attribute_error("__cuda_array_interface__");
        if (x.dtype == DType::bf16)
          throw_error(ErrorKind::dtype,
                      "__cuda_array_interface__: got a bfloat16 tensor; need a dtype of NumPy; try DLPack");
        py::dict facts = memory_facts(x);
        facts["stream"] = py::int_(reinterpret_cast<uintptr_t>(cuda::Gpu::at(x.device.index).stream));
        return facts;
      },
      py::name("__cuda_array_interface__"), py::is_method(tensor)));
  tensor.attr("__array_interface__") = property(py::cpp_function(
      [](const Tensor& x) {
        if (x.recorded && x.recorded->recorder.get() == Recorder::current())
          throw_error(ErrorKind::capture,
                      "numpy: got a {} tensor while the function is being captured; need functions of td; "
                      "try td.sin for np.sin, and the like",
                      to_text(x.type()));
        if (x.recorded) throw_leaked("numpy", x);
        if (!is_cpu(x.device)) throw_elsewhere(x, "numpy");
        lend(x);
        return memory_facts(x);
      },
      py::name("__array_interface__"), py::is_method(tensor)));
}

}  // namespace tandem
