// Tensors to and from DLPack capsules, of both layouts.
#include "python/bindings/dlpack.h"

#include "runtime/cuda/device.h"

namespace tandem {

namespace {

// What the two layouts differ in, besides the flags and the version.
template <class Managed>
constexpr const char* kName = "dltensor";
template <>
constexpr const char* kName<DLManagedTensorVersioned> = "dltensor_versioned";
template <class Managed>
constexpr const char* kUsedName = "used_dltensor";
template <>
constexpr const char* kUsedName<DLManagedTensorVersioned> = "used_dltensor_versioned";

template <class Managed>
void delete_exported(Managed* managed) {
  delete static_cast<TensorRef*>(managed->manager_ctx);
  delete[] managed->dl_tensor.shape;
  delete managed;
}

DLDevice dlpack_device(const Tensor& x) {
  return is_cpu(x.device) ? DLDevice{kDLCPU, 0} : DLDevice{kDLCUDA, x.device.index};
}

template <class Managed>
Managed* export_tensor(const TensorRef& x, bool copied) {
  lend(*x);
  const int rank = x->rank();
  auto* shape = new int64_t[static_cast<size_t>(2 * rank + 1)];
  std::copy(x->sizes.begin(), x->sizes.end(), shape);
  std::copy(x->strides.begin(), x->strides.end(), shape + rank);
  auto* managed = new Managed;
  managed->manager_ctx = new TensorRef(x);
  managed->deleter = delete_exported<Managed>;
  managed->dl_tensor = {x->data, dlpack_device(*x), rank, dlpack_dtype(x->dtype), shape, shape + rank, 0};
  if constexpr (std::is_same_v<Managed, DLManagedTensorVersioned>) {
    managed->version = {1, 0};
    managed->flags = 0;
    if (!x->writable) managed->flags |= kDLReadOnly;
    if (copied) managed->flags |= kDLIsCopied;
  }
  return managed;
}

template <class Managed>
py::capsule export_capsule(const TensorRef& x, bool copied) {
  return py::capsule(export_tensor<Managed>(x, copied), kName<Managed>, [](PyObject* capsule) {
    if (!PyCapsule_IsValid(capsule, kName<Managed>)) return;  // consumed: the consumer calls the deleter
    auto* unused = static_cast<Managed*>(PyCapsule_GetPointer(capsule, kName<Managed>));
    unused->deleter(unused);
  });
}

py::tuple dlpack_device_tuple(const Tensor& x) {
  const DLDevice device = dlpack_device(x);
  return py::make_tuple(static_cast<int>(device.device_type), device.device_id);
}

// What another library does with the tensor on its stream comes after what Tandem was asked for: the protocol's numbers are
// 1 and 2 for the default streams, 0 for none of them, -1 for "do nothing".
void order_before(const Tensor& x, py::handle stream) {
  const int64_t number = stream.is_none() ? 1 : py::int_(py::reinterpret_borrow<py::object>(stream)).cast<int64_t>();
  if (number == 0 || number < -1)
    throw_error(ErrorKind::value, "__dlpack__: got stream={}; need 1 or 2, the default streams, -1, or a handle",
                number);
  if (number == -1) return;
  cuda::Gpu& gpu = cuda::Gpu::at(x.device.index);
  gpu.enter();
  const cuda::Api& api = cuda::driver();
  cuda::Handle event = nullptr;
  gpu.check(api.event_create(&event, cuda::kEventWithoutTiming), "cuEventCreate");
  cuda::Result result = api.event_record(event, gpu.stream);
  if (result == cuda::Result::success) result = api.stream_wait(reinterpret_cast<cuda::Handle>(number), event, 0);
  api.event_destroy(event);
  gpu.check(result, "cuStreamWaitEvent");
}

py::capsule to_dlpack(const TensorRef& x, py::handle stream, py::handle max_version, py::handle device,
                      std::optional<bool> copy) {
  if (x->recorded) throw_leaked("__dlpack__", *x);
  if (is_cpu(x->device) && !stream.is_none())
    throw_error(ErrorKind::value, "__dlpack__: got stream={}; need None, because the CPU has no streams",
                std::string(py::repr(stream)));
  const py::object own = dlpack_device_tuple(*x), cpu = py::make_tuple(static_cast<int>(kDLCPU), 0);
  if (!device.is_none() && !device.equal(own)) {
    if (device.equal(cpu) && !(copy && !*copy))  // it may be a copy
      return to_dlpack(on_host(detached(x)), py::none(), max_version, py::none(), std::nullopt);
    throw_not_shared(fmt::format(
        "__dlpack__: got dl_device={}; need {}, which is where the tensor is", std::string(py::repr(device)),
        is_cpu(x->device) ? "(1, 0), the CPU" : std::string(py::repr(own)) + ", or (1, 0), the CPU, for a copy"));
  }
  if (!is_cpu(x->device)) order_before(*x, stream);
  const bool versioned = !max_version.is_none() && max_version.cast<py::tuple>()[0].cast<int>() >= 1;
  const bool copied = copy && *copy;
  const TensorRef out = copied ? contiguous_copy(x) : x;
  if (versioned) return export_capsule<DLManagedTensorVersioned>(out, copied);
  if (!out->writable)
    throw_not_shared(
        "__dlpack__: got a read-only tensor, which the protocol before version 1 cannot mark; need "
        "max_version=(1, 0) or a writable tensor; try x.copy()");
  return export_capsule<DLManagedTensor>(out, copied);
}

template <class Managed>
TensorRef import_tensor(const py::object& capsule) {
  auto* managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule.ptr(), kName<Managed>));
  if (!managed) throw py::error_already_set();
  bool writable = true;
  if constexpr (std::is_same_v<Managed, DLManagedTensorVersioned>) {
    if (managed->version.major > 1)
      throw_not_shared(fmt::format("from_dlpack: got DLPack version {}.{}; need 1.x or older", managed->version.major,
                                   managed->version.minor));
    writable = (managed->flags & kDLReadOnly) == 0;
  }
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
  if (reinterpret_cast<intptr_t>(data) % size_of(*dtype) != 0)
    throw_not_shared(
        fmt::format("from_dlpack: got {} elements at an address that is no multiple of {}; need aligned "
                    "memory; try a copy",
                    info(*dtype).name, size_of(*dtype)));
  PyCapsule_SetName(capsule.ptr(), kUsedName<Managed>);
  const auto bytes = static_cast<size_t>(element_count(sizes) * size_of(*dtype));
  StorageRef storage = borrow(data, bytes, writable, managed, [](Storage* s) {
    py::gil_scoped_acquire gil;
    auto* owner = static_cast<Managed*>(s->owner);
    if (owner->deleter) owner->deleter(owner);
  });
  if (t.device.device_type == kDLCUDA) storage->gpu = static_cast<int16_t>(t.device.device_id);
  return std::make_shared<Tensor>(*dtype, sizes, strides, std::move(storage), data);
}

// Asks for the newest layout; libraries that are older than version 1 know no arguments.
py::object capsule_of(py::handle source, std::optional<bool> copy, py::object stream) {
  const py::object method = source.attr("__dlpack__");
  py::dict options;
  if (!stream.is_none()) options["stream"] = stream;
  options["max_version"] = py::make_tuple(1, 0);
  if (copy) options["copy"] = *copy;
  try {
    return method(**options);
  } catch (py::error_already_set& error) {
    if (!error.matches(PyExc_TypeError)) throw;
    return stream.is_none() ? method() : method(py::arg("stream") = stream);
  }
}

}  // namespace

DLManagedTensorVersioned* managed_tensor(const TensorRef& x) {
  return export_tensor<DLManagedTensorVersioned>(x, false);
}

TensorRef from_dlpack(py::handle source, std::optional<bool> copy) {
  const bool must_copy = copy && *copy;
  if (const TensorRef* same = tensor_pointer(source)) return must_copy ? contiguous_copy(*same) : *same;
  if (!py::hasattr(source, "__dlpack__"))
    throw_error(ErrorKind::type, "from_dlpack: got {}; need an object with __dlpack__", std::string(py::repr(source)));
  py::object stream = py::none();
  if (py::hasattr(source, "__dlpack_device__")) {
    const auto device = source.attr("__dlpack_device__")().cast<py::tuple>();
    const int type = py::int_(device[0]).cast<int>();
    if (type != kDLCPU && type != kDLCUDA)
      throw_error(
          ErrorKind::backend,
          "from_dlpack: got a tensor on a device of kind {}; need one on the CPU or an NVIDIA GPU; try moving it first",
          type);
    // Our stream waits for theirs.
    if (type == kDLCUDA)
      stream = py::int_(reinterpret_cast<uintptr_t>(cuda::Gpu::at(py::int_(device[1]).cast<int>()).stream));
  }
  const py::object capsule = capsule_of(source, copy, stream);
  if (PyCapsule_IsValid(capsule.ptr(), kName<DLManagedTensorVersioned>)) {
    const bool copied =
        must_copy &&
        (static_cast<DLManagedTensorVersioned*>(PyCapsule_GetPointer(capsule.ptr(), kName<DLManagedTensorVersioned>))
             ->flags &
         kDLIsCopied) != 0;
    const TensorRef out = import_tensor<DLManagedTensorVersioned>(capsule);
    return must_copy && !copied ? contiguous_copy(out) : out;
  }
  const TensorRef out = import_tensor<DLManagedTensor>(capsule);  // which cannot say whether it is a copy
  return must_copy ? contiguous_copy(out) : out;
}

void bind_dlpack(py::module_& m) {
  m.def(
      "from_dlpack",
      [](py::handle x, py::handle device, std::optional<bool> copy) {
        const TensorRef made = from_dlpack(x, copy);
        return device.is_none() ? made : to_device(made, device_from(device, "from_dlpack"));
      },
      py::arg("x"), py::pos_only(), py::kw_only(), py::arg("device") = py::none(), py::arg("copy") = py::none(),
      "Return a tensor that shares the memory of a DLPack object, or with copy=True a copy.\n\n"
      ">>> import numpy as np\n>>> td.from_dlpack(np.arange(3))\ntensor([0, 1, 2])");
  py::object tensor = m.attr("Tensor");
  tensor.attr("__dlpack__") = py::cpp_function(to_dlpack, py::name("__dlpack__"), py::is_method(tensor), py::kw_only(),
                                               py::arg("stream") = py::none(), py::arg("max_version") = py::none(),
                                               py::arg("dl_device") = py::none(), py::arg("copy") = py::none());
  tensor.attr("__dlpack_device__") = py::cpp_function([](const Tensor& x) { return dlpack_device_tuple(x); },
                                                      py::name("__dlpack_device__"), py::is_method(tensor));
}

}  // namespace tandem
