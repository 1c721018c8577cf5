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
constexpr int kTensor = -1, kUnused = -2, kFrozen = -3;  // else the number of a symbol

// The tensors of one class of another library.
class Exchange {
 public:
  explicit Exchange(py::type type) : type_(std::move(type)) {
    const py::object capsule = type_.attr("__dlpack_c_exchange_api__");
    api_ = static_cast<DLPackExchangeAPI*>(PyCapsule_GetPointer(capsule.ptr(), "dlpack_exchange_api"));
    if (!api_) throw py::error_already_set();
    while (api_ && api_->version.major != 1) api_ = api_->prev_api;
    if (!api_ || !api_->dltensor_from_py_object_no_sync)
      throw_error(ErrorKind::backend, "exchange: got tensors of an unknown DLPack version; need version 1");
  }

  // What it is like, without a reference to it.
  DLTensor seen(PyObject* object) const {
    auto* type = reinterpret_cast<PyTypeObject*>(type_.ptr());
    if (!PyObject_TypeCheck(object, type))
      throw_error(ErrorKind::type, "exchange: got {}; need {}", Py_TYPE(object)->tp_name, type->tp_name);
    DLTensor t;
    if (api_->dltensor_from_py_object_no_sync(object, &t) != 0) throw py::error_already_set();
    return t;
  }

  // Shares its memory; the object lives as long as anything does that does so.
  TensorRef taken(PyObject* object) const {
    const DLTensor t = seen(object);
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
    return std::make_shared<Tensor>(*dtype, sizes, strides, borrow(data, bytes, true, Py_NewRef(object), let_go), data);
  }

  PyObject* given(const TensorRef& x) const {
    if (x->recorded) throw_leaked("exchange", *x);
    void* object = nullptr;
    if (api_->managed_tensor_to_py_object_no_sync(managed_tensor(x), &object) != 0) throw py::error_already_set();
    return static_cast<PyObject*>(object);
  }

 private:
  py::type type_;
  DLPackExchangeAPI* api_;
};

// An argument whose elements a program holds as constants: as long as this is the same tensor, of the same memory, and
// the library has counted no write to it.
class FrozenArgument {
 public:
  // `alias`: another tensor of the same memory, so that no other tensor ever lies there.
  FrozenArgument(const Exchange& exchange, py::object tensor, py::object alias)
      : tensor_(std::move(tensor)), alias_(std::move(alias)), version_(version(tensor_.ptr())) {
    const DLTensor t = exchange.seen(alias_.ptr());
    data_ = static_cast<char*>(t.data) + t.byte_offset;
    for (int k = 0; k < t.ndim; ++k) sizes_.push_back(t.shape[k]);
    for (int k = 0; t.strides && k < t.ndim; ++k) strides_.push_back(t.strides[k]);
  }

  bool holds(const Exchange& exchange, PyObject* object) const {
    if (object != tensor_.ptr()) return false;
    const DLTensor t = exchange.seen(object);
    return static_cast<char*>(t.data) + t.byte_offset == data_ && t.ndim == static_cast<int>(sizes_.size()) &&
           std::equal(sizes_.begin(), sizes_.end(), t.shape) &&
           (strides_.empty() || (t.strides && std::equal(strides_.begin(), strides_.end(), t.strides))) &&
           version(object) == version_;
  }

 private:
  static int64_t version(PyObject* object) {
    static PyObject* const name = PyUnicode_InternFromString("_version");
    const py::object found = py::reinterpret_steal<py::object>(PyObject_GetAttr(object, name));
    if (!found) throw py::error_already_set();
    return PyLong_AsLongLong(found.ptr());
  }

  py::object tensor_, alias_;
  int64_t version_;
  char* data_;
  Sizes sizes_, strides_;
};

class ExchangedProgram {
 public:
  ExchangedProgram(std::shared_ptr<Executable> executable, py::type type, std::vector<int> arguments,
                   const std::map<size_t, std::pair<py::object, py::object>>& frozen)
      : executable_(std::move(executable)), exchange_(std::move(type)), arguments_(std::move(arguments)) {
    for (const auto& [index, tensors] : frozen) {
      if (index >= arguments_.size()) throw_error(ErrorKind::index, "exchange: got a frozen argument {}", index);
      arguments_[index] = kFrozen;
      frozen_.emplace_back(index, FrozenArgument(exchange_, tensors.first, tensors.second));
    }
  }

  // Whether constants of the program are no longer what the arguments hold.
  bool stale(const py::list& args) const {
    return args.size() == arguments_.size() && !std::all_of(frozen_.begin(), frozen_.end(), [&](const auto& each) {
             return each.second.holds(exchange_, PyList_GET_ITEM(args.ptr(), static_cast<Py_ssize_t>(each.first)));
           });
  }

  // The results, or None where the program is made for others.
  py::object call(const py::list& args) const {
    Call call;
    if (stale(args) || !matches(args, call, nullptr)) return py::none();
    std::vector<TensorRef> outputs(executable_->outputs().size());
    if (executable_->brief()) {
      executable_->run(call.tensors, call.symbols.data(), outputs);
    } else {
      py::gil_scoped_release release;
      executable_->run(call.tensors, call.symbols.data(), outputs);
    }
    py::list out(outputs.size());
    for (size_t k = 0; k < outputs.size(); ++k) {
      const auto input = std::find(call.tensors.begin(), call.tensors.end(), outputs[k].get());
      PyObject* same =
          input == call.tensors.end() ? nullptr : call.objects[static_cast<size_t>(input - call.tensors.begin())];
      PyList_SET_ITEM(out.ptr(), static_cast<Py_ssize_t>(k), same ? Py_NewRef(same) : exchange_.given(outputs[k]));
    }
    return out;
  }

  std::string mismatch(const py::list& args) const {
    Call call;
    std::string reason;
    matches(args, call, &reason);
    return reason;
  }
  const std::shared_ptr<Executable>& executable() const { return executable_; }

 private:
  // The inputs of one call.
  struct Call {
    std::vector<TensorRef> made;
    std::vector<Tensor*> tensors;
    std::vector<PyObject*> objects;  // what the tensors are in Python; null for constants
    std::vector<int64_t> symbols;
  };

  bool matches(const py::list& args, Call& call, std::string* reason) const {
    if (args.size() != arguments_.size())
      throw_error(ErrorKind::type, "exchange: got {} arguments; need {}", args.size(), arguments_.size());
    call.symbols.resize(static_cast<size_t>(executable_->symbol_count()) + 1);
    call.made.reserve(arguments_.size());
    call.tensors.reserve(arguments_.size());
    call.objects.reserve(arguments_.size());
    for (size_t i = 0; i < arguments_.size(); ++i) {
      PyObject* object = PyList_GET_ITEM(args.ptr(), static_cast<Py_ssize_t>(i));
      if (arguments_[i] == kTensor) {
        call.made.push_back(exchange_.taken(object));
        call.tensors.push_back(call.made.back().get());
        call.objects.push_back(object);
      } else if (arguments_[i] >= 0) {
        const int64_t size = PyLong_AsLongLong(object);
        if (size == -1 && PyErr_Occurred()) throw py::error_already_set();
        call.symbols[static_cast<size_t>(arguments_[i])] = size;
      }
    }
    for (const TensorRef& constant : executable_->constants()) {
      call.tensors.push_back(constant.get());
      call.objects.push_back(nullptr);
    }
    return executable_->matches(call.tensors, call.symbols.data(), reason);
  }

  std::shared_ptr<Executable> executable_;
  Exchange exchange_;
  std::vector<int> arguments_;
  std::vector<std::pair<size_t, FrozenArgument>> frozen_;
};

}  // namespace

void bind_exchange(py::module_& m) {
  py::class_<Exchange>(m, "Exchange")
      .def(py::init<py::type>(), py::arg("type"))
      .def(
          "taken", [](const Exchange& self, py::handle x) { return self.taken(x.ptr()); }, py::arg("x"))
      .def(
          "given",
          [](const Exchange& self, const TensorRef& x) { return py::reinterpret_steal<py::object>(self.given(x)); },
          py::arg("x"));
  py::class_<ExchangedProgram>(m, "ExchangedProgram")
      .def(py::init<std::shared_ptr<Executable>, py::type, std::vector<int>,
                    const std::map<size_t, std::pair<py::object, py::object>>&>(),
           py::arg("executable"), py::arg("type"), py::arg("arguments"),
           py::arg("frozen") = std::map<size_t, std::pair<py::object, py::object>>())
      .def(
          "__call__", [](const ExchangedProgram& self, const py::list& args) { return self.call(args); },
          py::arg("args"))
      .def("stale", &ExchangedProgram::stale, py::arg("args"),
           "Return whether frozen arguments are no longer what the program holds.")
      .def("mismatch", &ExchangedProgram::mismatch, py::arg("args"),
           "Return why the program is not good for these arguments, or '' if it is.")
      .def_property_readonly("executable", &ExchangedProgram::executable);
}

}  // namespace tandem
