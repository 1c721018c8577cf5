// Annotated functions, their programs and calls with bound arguments, as Python sees them.
#include "frontend/checks.h"
#include "python/bindings/compiled_function.h"

namespace tandem {

namespace {

// A call whose arguments are known: all that looks at them has been done.
class BoundCall {
 public:
  BoundCall(py::object function, py::tuple args, py::dict kwargs)
      : function_(std::move(function)),
        args_(std::move(args)),
        kwargs_(std::move(kwargs)),
        flat_(args_.ptr(), kwargs_.ptr()) {
    for (size_t i = 0; i < flat_.leaves.size(); ++i)
      leaves_.push_back(py::reinterpret_borrow<py::object>(flat_.leaves[i]));
    program_ = function_of(function_.ptr())->bind(function_, flat_, args_, kwargs_, call_);
    call_.flat = &flat_;
    taped_ = std::move(call_.taped);
    call_.tensors.span();  // in one place from now on
    inputs_ = call_.held;
  }
  BoundCall(const BoundCall&) = delete;
  BoundCall& operator=(const BoundCall&) = delete;

  PyObject* run() {
    PyObject* self = function_.ptr();
    try {
      if (!compilation_enabled() || result_checks() != 0 || Recorder::current())
        return PyObject_Call(self, args_.ptr(), kwargs_.ptr());
      if (taped_.empty()) return program_->run(flat_, call_).release().ptr();
      Specialization::Call call = call_;
      call.taped = taped_;
      return program_->run(flat_, call).release().ptr();
    } catch (py::error_already_set& error) {
      error.restore();
    } catch (...) {
      py::detail::try_translate_exceptions();
    }
    return recover(self, args_.ptr(), kwargs_.ptr());
  }

  int visit(visitproc visit, void* arg) const {
    Py_VISIT(function_.ptr());
    Py_VISIT(args_.ptr());
    Py_VISIT(kwargs_.ptr());
    for (const py::object& leaf : leaves_) Py_VISIT(leaf.ptr());
    for (const py::object& input : inputs_) Py_VISIT(input.ptr());
    return 0;
  }

 private:
  py::object function_;
  py::tuple args_;
  py::dict kwargs_;
  std::vector<py::object> leaves_, inputs_;
  Flat flat_;
  SpecializationRef program_;
  Specialization::Call call_;
  std::vector<TensorRef> taped_;
};

BoundCall* bound_of(PyObject* self) {
  auto* instance = reinterpret_cast<py::detail::instance*>(self);
  if (!instance->simple_layout && !instance->nonsimple.values_and_holders) return nullptr;
  return static_cast<BoundCall*>(instance->get_value_and_holder().value_ptr());
}

PyObject* call_bound(PyObject* self, PyObject* args, PyObject* kwargs) {
  if (PyTuple_GET_SIZE(args) > 0 || (kwargs && PyDict_GET_SIZE(kwargs) > 0)) {
    PyErr_SetString(PyExc_TypeError, "bind: got arguments for a call whose arguments are bound; need none; try f(...)");
    return nullptr;
  }
  return bound_of(self)->run();
}

int visit_bound(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  const BoundCall* call = bound_of(self);
  return call ? call->visit(visit, arg) : 0;
}

int visit_compiled(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  auto* instance = reinterpret_cast<py::detail::instance*>(self);
  if (!instance->simple_layout && !instance->nonsimple.values_and_holders) return 0;
  if (auto* function = static_cast<CompiledFunction*>(instance->get_value_and_holder().value_ptr()))
    for (const auto& kept : function->specializations()) Py_VISIT(kept.object.ptr());
  return 0;
}
int clear_compiled(PyObject* self) {
  if (CompiledFunction* function = function_of(self)) function->clear();
  return 0;
}
int visit_specialization(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  auto* instance = reinterpret_cast<py::detail::instance*>(self);
  auto* specialization = static_cast<Specialization*>(instance->get_value_and_holder().value_ptr());
  return specialization ? specialization->visit(visit, arg) : 0;
}

// Compiled functions hold what they guard, which often holds them: the garbage collector has to see through both.
void collected(PyHeapTypeObject* heap_type, traverseproc visit, inquiry clear) {
  heap_type->ht_type.tp_flags |= Py_TPFLAGS_HAVE_GC;
  heap_type->ht_type.tp_traverse = visit;
  heap_type->ht_type.tp_clear = clear;
}

}  // namespace

void bind_function(py::module_& m) {
  m.def("call_containers", running_containers,
        "Return the lists and dicts among the arguments of the compiled call that is running.");
  m.def("enabled", compilation_enabled);
  m.def("set_enabled", enable_compilation);
  py::class_<SlotObject>(m, "Slot").def(py::init<int>()).def_readonly("index", &SlotObject::index);
  py::class_<Specialization, SpecializationRef>(m, "Specialization", py::custom_type_setup([](PyHeapTypeObject* type) {
                                                  collected(type, visit_specialization, nullptr);
                                                }))
      .def(py::init<std::shared_ptr<Executable>, const py::list&, const py::list&, py::object, const py::list&,
                    const py::list&, py::list>(),
           py::arg("executable"), py::arg("inputs"), py::arg("symbols"), py::arg("output"), py::arg("guards"),
           py::arg("effects"), py::arg("failures"))
      .def_property_readonly("executable", &Specialization::executable);
  [[maybe_unused]] const py::class_<BoundCall> bound(m, "BoundCall", py::custom_type_setup([](PyHeapTypeObject* type) {
                                                       type->ht_type.tp_call = call_bound;
                                                       collected(type, visit_bound, nullptr);
                                                     }));
  py::class_<CompiledFunction>(m, "CompiledFunction", py::custom_type_setup([](PyHeapTypeObject* type) {
                                 type->ht_type.tp_call = call_compiled;
                                 collected(type, visit_compiled, clear_compiled);
                               }))
      .def(py::init<>())
      .def("_set_direct", [](CompiledFunction& self, bool direct) { self.direct = direct; })
      .def("_adopt", &CompiledFunction::adopt, py::arg("other"))
      .def(
          "_precompile",
          [](py::object self, const py::tuple& args, const py::dict& kwargs, const py::dict& marks) {
            function_of(self.ptr())->precompile(self, args, kwargs, marks);
          },
          py::arg("args"), py::arg("kwargs"), py::arg("marks"))
      .def(
          "_bind",
          [](py::object self, py::tuple args, py::dict kwargs) {
            return std::make_unique<BoundCall>(std::move(self), std::move(args), std::move(kwargs));
          },
          py::arg("args"), py::arg("kwargs"))
      .def("_wait", [](py::object self) { function_of(self.ptr())->wait(self); })
      .def("_counters", &CompiledFunction::stats)
      .def("_forget", &CompiledFunction::clear)
      .def_property_readonly("specializations", [](const CompiledFunction& self) {
        py::list out;
        for (const auto& kept : self.specializations()) out.append(kept.object);
        return out;
      });
}

}  // namespace tandem
