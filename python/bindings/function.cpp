// CompiledFunction: the call path of an annotated function. Flattens the arguments, finds the specialisation whose
// guards hold, runs it, and puts the outputs into the shape the function returned. `td.script` and `td.trace` make
// objects of a Python class derived from it, whose methods do what is not worth hurrying.
#include <algorithm>
#include <atomic>

#include "python/bindings/specialization.h"

namespace tandem {

namespace {

std::atomic<bool>& enabled_flag() {
  static std::atomic<bool> flag{true};
  return flag;
}

// More specialisations than this are a sign that something differs in every call; the least recently used go.
constexpr size_t kMostSpecializations = 64;

class CompiledFunction {
 public:
  py::object call(py::handle self, py::handle args, py::handle kwargs) {
    ++calls_;
    const Flat flat(args.ptr(), kwargs.ptr());
    if (py::object result = run_known(flat)) return result;
    // One thread captures, the others wait and then find what it made.
    const int64_t before = captures_;
    const py::object lock = self.attr("_lock");
    lock.attr("acquire")();
    const std::unique_ptr<const py::object, void (*)(const py::object*)> held(
        &lock, [](const py::object* l) { l->attr("release")(); });
    if (captures_ != before)
      if (py::object result = run_known(flat)) return result;
    const SpecializationRef made = capture(self, args, kwargs, flat);
    Specialization::Call call;
    std::string reason;
    if (!made->matches(flat, call, &reason))
      throw_error(ErrorKind::capture,
                  "call: got arguments that the program just captured for them does not accept ({}); "
                  "need arguments that do not share memory with one that is written to, and state that does not change "
                  "during capture",
                  reason);
    return made->run(flat, call);
  }

  py::dict stats() const {
    py::dict out;
    out["captures"] = captures_;
    out["cache_hits"] = hits_;
    out["calls"] = calls_;
    out["guard_failures"] = failures_;
    return out;
  }
  struct Kept {
    py::object object;  // what the garbage collector sees
    SpecializationRef made;
  };
  const std::vector<Kept>& specializations() const { return specializations_; }
  void clear() {
    std::vector<Kept> gone;
    gone.swap(specializations_);  // destructors may run Python code
  }
  // Another annotation of the same code: what was compiled for it is good for this one.
  void adopt(const CompiledFunction& other) { *this = other; }
  bool direct = true;  // calls go to the compiled program; false: to the Python method `_uncompiled`

 private:
  // The result of a specialisation that fits; null when none does.
  py::object run_known(const Flat& flat) {
    for (size_t i = 0; i < specializations_.size(); ++i) {
      Specialization::Call call;
      const SpecializationRef found = specializations_[i].made;
      if (!found->matches(flat, call, nullptr)) continue;
      use_first(i, found);
      ++hits_;
      return found->run(flat, call);
    }
    return {};
  }

  // Guards may run Python code, and with it other threads, so the place is looked at again.
  void use_first(size_t place, const SpecializationRef& used) {
    if (place == 0 || place >= specializations_.size() || specializations_[place].made != used) return;
    const auto first = specializations_.begin(), at = first + static_cast<std::ptrdiff_t>(place);
    std::rotate(first, at, at + 1);
  }

  SpecializationRef capture(py::handle self, py::handle args, py::handle kwargs, const Flat& flat) {
    py::list leaves, dynamic, reasons;
    const std::vector<Kept> now = specializations_;
    for (const auto& [object, s] : now) {
      std::string reason;
      Specialization::Call call;
      if (s->matches(flat, call, &reason)) continue;
      reasons.append(reason);
    }
    if (!reasons.empty()) failures_.push_back(reasons[0].cast<std::string>());
    for (size_t i = 0; i < flat.leaves.size(); ++i) {
      leaves.append(py::reinterpret_borrow<py::object>(flat.leaves[i]));
      dynamic.append(dynamic_part(flat, i));
    }
    const py::object keywords = kwargs ? py::reinterpret_borrow<py::object>(kwargs) : py::dict();
    const py::object object = self.attr("_capture")(args, keywords, leaves, dynamic, reasons);
    const auto made = object.cast<SpecializationRef>();
    made->remember(flat);
    ++captures_;
    if (specializations_.size() == kMostSpecializations) {
      specializations_.pop_back();
      if (!warned_) self.attr("_too_many")(kMostSpecializations, reasons);
      warned_ = true;
    }
    specializations_.insert(specializations_.begin(), {object, made});
    return made;
  }

  // What earlier specialisations saw otherwise: of a tensor, a tuple that says so for every size (1 never is a symbol, as
  // it broadcasts); of an int or float, whether its value differed; else None.
  py::object dynamic_part(const Flat& flat, size_t leaf) const {
    PyObject* object = flat.leaves[leaf];
    if (const TensorRef* tensor = tensor_pointer(object))
      return py::tuple(py::cast(dynamic_sizes(flat, leaf, **tensor)));
    if (!PyLong_CheckExact(object) && !PyFloat_CheckExact(object)) return py::none();
    for (const auto& [object_of, s] : specializations_) {
      if (!s->has_structure(flat)) continue;
      const py::object& before = s->constant(leaf);
      if (!before || (Py_TYPE(before.ptr()) == Py_TYPE(object) && !same_value(before.ptr(), object)))
        return py::bool_(true);
    }
    return py::bool_(false);
  }

  std::vector<bool> dynamic_sizes(const Flat& flat, size_t leaf, const Tensor& x) const {
    std::vector<bool> out(static_cast<size_t>(x.rank()), false);
    for (const auto& [object_of, s] : specializations_) {
      if (!s->has_structure(flat) || s->input_of(leaf) < 0) continue;
      const TensorType& type = s->executable()->input_type(s->input_of(leaf));
      if (type.rank() != x.rank() || type.dtype != x.dtype) continue;
      for (int k = 0; k < x.rank(); ++k) {
        const Dim d = type.shape[static_cast<size_t>(k)];
        if (x.sizes[k] > 1 && !d.is(0) && !d.is(1) && !d.is(x.sizes[k])) out[static_cast<size_t>(k)] = true;
      }
    }
    return out;
  }

  std::vector<Kept> specializations_;  // the one used last comes first
  int64_t calls_ = 0, hits_ = 0, captures_ = 0;
  std::vector<std::string> failures_;
  bool warned_ = false;
};

// The instance behind a Python object of the class or one derived from it.
CompiledFunction* function_of(PyObject* self) {
  auto* instance = reinterpret_cast<py::detail::instance*>(self);
  return static_cast<CompiledFunction*>(instance->get_value_and_holder().value_ptr());
}

// tp_call. Whatever goes wrong is handed to `_failed`, which knows about fall-backs and the user's lines.
PyObject* call_compiled(PyObject* self, PyObject* args, PyObject* kwargs) {
  CompiledFunction* function = function_of(self);
  const py::handle given = kwargs;
  try {
    if (!function->direct || !enabled_flag().load(std::memory_order_relaxed) || Recorder::current()) {
      const py::object keywords = kwargs ? py::reinterpret_borrow<py::object>(kwargs) : py::dict();
      return py::handle(self).attr("_uncompiled")(py::handle(args), keywords).release().ptr();
    }
    return function->call(self, args, given).release().ptr();
  } catch (py::error_already_set& error) {
    error.restore();
  } catch (...) {
    // The translators of pybind11 turn it into the current Python error.
    py::detail::try_translate_exceptions();
  }
  // `_failed` returns (True, result) or (False, exception): so no frame of its own is left in the traceback.
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  if (traceback) PyException_SetTraceback(value, traceback);
  const auto failure = py::reinterpret_steal<py::object>(value);
  Py_XDECREF(type), Py_XDECREF(traceback);
  try {
    const py::object keywords = kwargs ? py::reinterpret_borrow<py::object>(kwargs) : py::dict();
    const auto answer = py::handle(self).attr("_failed")(failure, py::handle(args), keywords).cast<py::tuple>();
    if (answer[0].cast<bool>()) return py::object(answer[1]).release().ptr();
    const py::object error = answer[1];
    PyErr_Restore(py::type::of(error).release().ptr(), py::object(error).release().ptr(),
                  PyException_GetTraceback(error.ptr()));
  } catch (py::error_already_set& error) {
    error.restore();
  }
  return nullptr;
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
  m.def("enabled", [] { return enabled_flag().load(std::memory_order_relaxed); });
  m.def("set_enabled", [](bool on) { enabled_flag() = on; });
  py::class_<SlotObject>(m, "Slot").def(py::init<int>()).def_readonly("index", &SlotObject::index);
  py::class_<Specialization, SpecializationRef>(m, "Specialization", py::custom_type_setup([](PyHeapTypeObject* type) {
                                                  collected(type, visit_specialization, nullptr);
                                                }))
      .def(py::init<std::shared_ptr<Executable>, const py::list&, const py::list&, py::object, const py::list&,
                    const py::list&, py::list>(),
           py::arg("executable"), py::arg("inputs"), py::arg("symbols"), py::arg("output"), py::arg("guards"),
           py::arg("effects"), py::arg("failures"))
      .def_property_readonly("executable", &Specialization::executable);
  py::class_<CompiledFunction>(m, "CompiledFunction", py::custom_type_setup([](PyHeapTypeObject* type) {
                                 type->ht_type.tp_call = call_compiled;
                                 collected(type, visit_compiled, clear_compiled);
                               }))
      .def(py::init<>())
      .def("_set_direct", [](CompiledFunction& self, bool direct) { self.direct = direct; })
      .def("_adopt", &CompiledFunction::adopt, py::arg("other"))
      .def("_counters", &CompiledFunction::stats)
      .def("_forget", &CompiledFunction::clear)
      .def_property_readonly("specializations", [](const CompiledFunction& self) {
        py::list out;
        for (const auto& kept : self.specializations()) out.append(kept.object);
        return out;
      });
}

}  // namespace tandem
