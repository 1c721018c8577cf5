// Captured programs that take and return the tensors of another library, which shows a C table of functions as DLPack
// 1.3 describes. Nothing of that library is linked, and a tensor costs some tens of nanoseconds either way.
#include "python/bindings/dlpack.h"

// The names are those of the protocol.
// NOLINTBEGIN(readability-identifier-naming)
extern "C" {

struct DLPackExchangeAPI {
  DLPackVersion version;
  DLPackExchangeAPI* prev_api;
  void* managed_tensor_allocator;
  int (*managed_tensor_from_py_object_no_sync)(void* object, DLManagedTensorVersioned** out);
  int (*managed_tensor_to_py_object_no_sync)(DLManagedTensorVersioned* tensor, void** out);
  int (*dltensor_from_py_object_no_sync)(void* object, DLTensor* out);
  void* current_work_stream;
};
}
// NOLINTEND(readability-identifier-naming)

namespace tandem {

namespace {

void let_go(Storage* storage) {
  py::gil_scoped_acquire gil;
  Py_DECREF(static_cast<PyObject*>(storage->owner));
}

// What an argument of a program is.
constexpr int kTensor = -1, kUnused = -2;  // else the number of a symbol

class ExchangedProgram {
 public:
  ExchangedProgram(std::shared_ptr<Executable> executable, py::type type, std::vector<int> arguments)
      : executable_(std::move(executable)), type_(std::move(type)), arguments_(std::move(arguments)) {
    const py::object capsule = type_.attr("__dlpack_c_exchange_api__");
    api_ = static_cast<DLPackExchangeAPI*>(PyCapsule_GetPointer(capsule.ptr(), "dlpack_exchange_api"));
    if (!api_) throw py::error_already_set();
    while (api_ && api_->version.major != 1) api_ = api_->prev_api;
    if (!api_) throw_error(ErrorKind::backend, "exchange: got tensors of an unknown DLPack version; need version 1");
  }

  // The results, or None where the program is made for others.
  py::object call(const py::list& args, std::string* reason) const {
    std::vector<std::unique_ptr<Tensor>> made;
    std::vector<Tensor*> tensors;
    std::vector<PyObject*> objects;
    std::vector<int64_t> symbols(static_cast<size_t>(executable_->symbol_count()) + 1);
    if (args.size() != arguments_.size())
      throw_error(ErrorKind::type, "exchange: got {} arguments; need {}", args.size(), arguments_.size());
    made.reserve(arguments_.size());
    for (size_t i = 0; i < arguments_.size(); ++i) {
      PyObject* object = PyList_GET_ITEM(args.ptr(), static_cast<Py_ssize_t>(i));
      if (arguments_[i] == kUnused) continue;
      if (arguments_[i] >= 0) {
        const int64_t size = PyLong_AsLongLong(object);
        if (size == -1 && PyErr_Occurred()) throw py::error_already_set();
        symbols[static_cast<size_t>(arguments_[i])] = size;
        continue;
      }
      made.push_back(taken(object));
      tensors.push_back(made.back().get());
      objects.push_back(object);
    }
    for (const TensorRef& constant : executable_->constants()) {
      tensors.push_back(constant.get());
      objects.push_back(nullptr);
    }
    if (!executable_->matches(tensors, symbols.data(), reason)) return py::none();
    std::vector<TensorRef> outputs(executable_->outputs().size());
    if (executable_->brief()) {
      executable_->run(tensors, symbols.data(), outputs);
    } else {
      py::gil_scoped_release release;
      executable_->run(tensors, symbols.data(), outputs);
    }
    py::list out(outputs.size());
    for (size_t k = 0; k < outputs.size(); ++k) {
      const auto input = std::find(tensors.begin(), tensors.end(), outputs[k].get());
      PyObject* same = input == tensors.end() ? nullptr : objects[static_cast<size_t>(input - tensors.begin())];
      PyList_SET_ITEM(out.ptr(), static_cast<Py_ssize_t>(k), same ? Py_NewRef(same) : given(outputs[k]));
    }
    return out;
  }

  std::string mismatch(const py::list& args) const {
    std::string reason;
    call(args, &reason);
    return reason;
  }
  const std::shared_ptr<Executable>& executable() const { return executable_; }

 private:
  // Shares its memory; the object lives as long as anything does that does so.
  std::unique_ptr<Tensor> taken(PyObject* object) const {
    if (!PyObject_TypeCheck(object, reinterpret_cast<PyTypeObject*>(type_.ptr())))
      throw_error(ErrorKind::type, "exchange: got {}; need {}", Py_TYPE(object)->tp_name,
                  reinterpret_cast<PyTypeObject*>(type_.ptr())->tp_name);
    DLTensor t;
    if (api_->dltensor_from_py_object_no_sync(object, &t) != 0) throw py::error_already_set();
    const auto dtype = dtype_of_dlpack(t.dtype);
    if (!dtype || t.device.device_type != kDLCPU)
      throw_error(ErrorKind::backend, "exchange: got a tensor of another device or dtype; need one on the CPU");
    Sizes sizes, strides;
    for (int k = 0; k < t.ndim; ++k) sizes.push_back(t.shape[k]);
    if (t.strides)
      for (int k = 0; k < t.ndim; ++k) strides.push_back(t.strides[k]);
    else
      strides = contiguous_strides(sizes);
    char* data = static_cast<char*>(t.data) + t.byte_offset;
    const auto bytes = static_cast<size_t>(element_count(sizes) * size_of(*dtype));
    return std::make_unique<Tensor>(*dtype, sizes, strides, borrow(data, bytes, true, Py_NewRef(object), let_go), data);
  }

  PyObject* given(const TensorRef& x) const {
    DLManagedTensorVersioned* managed = managed_tensor(x);
    void* object = nullptr;
    if (api_->managed_tensor_to_py_object_no_sync(managed, &object) != 0) throw py::error_already_set();
    return static_cast<PyObject*>(object);
  }

  std::shared_ptr<Executable> executable_;
  py::type type_;
  std::vector<int> arguments_;
  DLPackExchangeAPI* api_;
};

}  // namespace

void bind_exchange(py::module_& m) {
  py::class_<ExchangedProgram>(m, "ExchangedProgram")
      .def(py::init<std::shared_ptr<Executable>, py::type, std::vector<int>>(), py::arg("executable"),
           py::arg("type"), py::arg("arguments"))
      .def(
          "__call__", [](const ExchangedProgram& self, const py::list& args) { return self.call(args, nullptr); },
          py::arg("args"))
      .def("mismatch", &ExchangedProgram::mismatch, py::arg("args"),
           "Return why the program is not good for these arguments, or '' if it is.")
      .def_property_readonly("executable", &ExchangedProgram::executable);
}

}  // namespace tandem
