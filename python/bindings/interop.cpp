// NumPy and DLPack, in and out, without copies where the memory allows it.
#include <cstring>

#include "python/bindings/bindings.h"
#include "python/bindings/dlpack.h"

namespace tandem {

namespace {

void release_python(Storage* storage) {
  py::gil_scoped_acquire gil;
  Py_DECREF(static_cast<PyObject*>(storage->owner));
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
  // Python floats have the default dtype, not NumPy's.
  if (kind == "f") array = array.attr("astype")(std::string(info(default_dtype()).name));
  if (kind == "c") array = array.attr("astype")(std::string(info(complex_type(default_dtype())).name));
  return from_numpy(array, false, std::nullopt);
}

// ---- DLPack ----

void delete_exported(DLManagedTensor* managed) {
  auto* held = static_cast<TensorRef*>(managed->manager_ctx);
  delete[] managed->dl_tensor.shape;
  delete held;
  delete managed;
}

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

py::capsule to_dlpack(const TensorRef& x) {
  if (x->recorded) throw_leaked("__dlpack__", *x);
  if (!x->writable)
    throw_error(ErrorKind::value,
                "__dlpack__: got a read-only tensor, which this protocol cannot mark; need a writable one; "
                "try x.copy()");
  auto* managed = new DLManagedTensor;
  managed->manager_ctx = new TensorRef(x);
  managed->deleter = delete_exported;
  const int rank = x->rank();
  auto* shape = new int64_t[static_cast<size_t>(2 * rank + 1)];
  std::copy(x->sizes.begin(), x->sizes.end(), shape);
  std::copy(x->strides.begin(), x->strides.end(), shape + rank);
  managed->dl_tensor = {x->data, {kDLCPU, 0}, rank, dlpack_dtype(x->dtype), shape, shape + rank, 0};
  return py::capsule(managed, "dltensor", [](PyObject* capsule) {
    if (!PyCapsule_IsValid(capsule, "dltensor")) return;  // consumed: the consumer calls the deleter
    auto* unused = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule, "dltensor"));
    unused->deleter(unused);
  });
}

void release_imported(Storage* storage) {
  auto* managed = static_cast<DLManagedTensor*>(storage->owner);
  py::gil_scoped_acquire gil;
  if (managed->deleter) managed->deleter(managed);
}

TensorRef from_dlpack(py::handle source) {
  if (const TensorRef* same = tensor_pointer(source)) return *same;
  if (!py::hasattr(source, "__dlpack__"))
    throw_error(ErrorKind::type, "from_dlpack: got {}; need an object with __dlpack__", std::string(py::repr(source)));
  if (py::hasattr(source, "__dlpack_device__")) {
    const auto device = source.attr("__dlpack_device__")().cast<py::tuple>();
    if (py::int_(device[0]).cast<int>() != kDLCPU)
      throw_error(ErrorKind::backend,
                  "from_dlpack: got a tensor on another device; need one on the CPU; try moving it first");
  }
  const py::object capsule = source.attr("__dlpack__")();
  auto* managed = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule.ptr(), "dltensor"));
  if (!managed) throw py::error_already_set();
  const DLTensor& t = managed->dl_tensor;
  const auto dtype = dtype_of_dlpack(t.dtype);
  if (!dtype)
    throw_error(ErrorKind::dtype, "from_dlpack: got type code {} with {} bits; need a dtype Tandem has", t.dtype.code,
                t.dtype.bits);
  Sizes sizes, strides;
  for (int k = 0; k < t.ndim; ++k) sizes.push_back(t.shape[k]);
  if (t.strides)
    for (int k = 0; k < t.ndim; ++k) strides.push_back(t.strides[k]);
  else
    strides = contiguous_strides(sizes);
  char* data = static_cast<char*>(t.data) + t.byte_offset;
  PyCapsule_SetName(capsule.ptr(), "used_dltensor");
  StorageRef storage =
      borrow(data, static_cast<size_t>(element_count(sizes) * size_of(*dtype)), true, managed, release_imported);
  return std::make_shared<Tensor>(*dtype, sizes, strides, std::move(storage), data);
}

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
    out = from_dlpack(value);
  } else {
    out = from_nested(value, wants ? std::optional(dtype_from(dtype)) : std::nullopt);
    fresh = true;
  }
  if (wants && dtype_from(dtype) != out->dtype) {
    if (copy && !*copy)
      throw_error(ErrorKind::value, "asarray: got a {} array, the dtype {} and copy=False; need copy=None or True",
                  info(out->dtype).name, info(dtype_from(dtype)).name);
    return call("cast", {out}, {dtype_from(dtype)});
  }
  if (copy && *copy && !fresh) return out->recorded ? call("copy", {out}) : contiguous_copy(out);
  return out;
}

py::object numpy_view(const TensorRef& x) { return numpy().attr("asarray")(py::cast(x)); }

}  // namespace

TensorRef as_tensor(py::handle value) {
  if (const TensorRef* tensor = tensor_pointer(value)) return *tensor;
  return asarray(value, py::none(), std::nullopt);
}

void bind_interop(py::module_& m) {
  m.def(
      "asarray",
      [](py::handle obj, py::handle dtype, py::handle device, std::optional<bool> copy) {
        if (!device.is_none() && std::string(py::str(device)) != "cpu")
          throw_error(ErrorKind::backend, "asarray: got the device {}; need 'cpu', the only one this build has",
                      std::string(py::repr(device)));
        return asarray(obj, dtype, copy);
      },
      py::arg("obj"), py::kw_only(), py::arg("dtype") = py::none(), py::arg("device") = py::none(),
      py::arg("copy") = py::none(),
      "Return a tensor of numbers, nested lists, a NumPy array or a DLPack object, sharing memory where possible.");
  m.def("from_dlpack", from_dlpack, py::arg("x"), "Return a tensor that shares the memory of a DLPack object.");
  m.def(
      "empty",
      [](py::handle shape, py::handle dtype) {
        const DType type = dtype.is_none() ? default_dtype() : dtype_from(dtype);
        if (Recorder::current()) return call("full", {}, {dims_from(shape), Attr(0.0), type});
        Sizes sizes;
        for (const Dim& d : dims_from(shape)) {
          if (d.constant() < 0) throw_error(ErrorKind::shape, "empty: got the size {}; need 0 or more", d.constant());
          sizes.push_back(d.constant());
        }
        return Tensor::empty(type, sizes);
      },
      py::arg("shape"), py::kw_only(), py::arg("dtype") = py::none(), "Return a tensor of undefined contents.");

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
        py::object out = dtype.is_none() ? own : own.attr("astype")(dtype);
        if (!copy.is_none() && copy.cast<bool>() && out.is(own)) out = out.attr("copy")();
        return out;
      },
      py::arg("dtype") = py::none(), py::arg("copy") = py::none());
  method("__dlpack__", [](const TensorRef& x, const py::args&, const py::kwargs&) { return to_dlpack(x); });
  method("__dlpack_device__", [](const Tensor&) { return py::make_tuple(static_cast<int>(kDLCPU), 0); });
  py::object property = py::module_::import("builtins").attr("property");
  tensor.attr("__array_interface__") = property(py::cpp_function(
      [](const Tensor& x) {
        if (x.recorded && x.recorded->recorder.get() == Recorder::current())
          throw_error(ErrorKind::capture,
                      "numpy: got a {} tensor while the function is being captured; need functions of td; "
                      "try td.sin for np.sin, and the like",
                      to_text(x.type()));
        if (x.recorded) throw_leaked("numpy", x);
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
      },
      py::name("__array_interface__"), py::is_method(tensor)));
}

}  // namespace tandem
