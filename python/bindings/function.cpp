// CompiledFunction: the call path of an annotated function. Flattens the arguments, finds the specialisation whose
// guards hold, runs it, and puts the outputs into the shape the function returned.
#include <atomic>
#include <cstring>

#include "python/bindings/bindings.h"

namespace tandem {

namespace {

std::atomic<bool>& enabled_flag() {
  static std::atomic<bool> flag{true};
  return flag;
}

struct SlotObject {
  int index;
};

struct Guard {
  enum class Kind { item, cell, attribute } kind;
  py::object container, key, expected;
  bool by_value;
  std::string text;

  // New reference or null, without raising.
  PyObject* now() const {
    switch (kind) {
      case Kind::item: {
        PyObject* value = PyDict_GetItemWithError(container.ptr(), key.ptr());
        if (!value) PyErr_Clear();
        Py_XINCREF(value);
        return value;
      }
      case Kind::cell: {
        PyObject* value = PyCell_GET(container.ptr());
        Py_XINCREF(value);
        return value;
      }
      case Kind::attribute: {
        PyObject* value = PyObject_GetAttr(container.ptr(), key.ptr());
        if (!value) PyErr_Clear();
        return value;
      }
    }
    return nullptr;
  }
};

bool same_value(PyObject* a, PyObject* b) {
  if (a == b) return true;
  if (Py_TYPE(a) != Py_TYPE(b)) return false;
  if (PyFloat_CheckExact(a)) {
    const double x = PyFloat_AS_DOUBLE(a), y = PyFloat_AS_DOUBLE(b);
    return std::memcmp(&x, &y, sizeof x) == 0;  // tells 0.0 from -0.0 and lets NaN be itself
  }
  const int equal = PyObject_RichCompareBool(a, b, Py_EQ);
  if (equal < 0) PyErr_Clear();
  return equal == 1;
}

bool compared_by_value(py::handle value) {
  PyObject* v = value.ptr();
  return PyLong_CheckExact(v) || PyFloat_CheckExact(v) || PyUnicode_CheckExact(v) || PyBytes_CheckExact(v) ||
         PyBool_Check(v) || value.is_none() || py::isinstance<DTypeObject>(value);
}

bool holds(const Guard& guard) {
  PyObject* now = guard.now();
  const bool ok = now && (now == guard.expected.ptr() || (guard.by_value && same_value(now, guard.expected.ptr())));
  Py_XDECREF(now);
  return ok;
}

// Arguments as a list of leaves and a description of the containers around them.
struct Flat {
  std::vector<PyObject*> leaves;  // borrowed
  std::vector<int64_t> structure;

  void add(PyObject* value) {
    if (PyTuple_CheckExact(value) || (PyTuple_Check(value) && PyObject_HasAttrString(value, "_fields"))) {
      const Py_ssize_t n = PyTuple_GET_SIZE(value);
      structure.push_back(-1);
      structure.push_back(reinterpret_cast<int64_t>(Py_TYPE(value)));
      structure.push_back(n);
      for (Py_ssize_t i = 0; i < n; ++i) add(PyTuple_GET_ITEM(value, i));
    } else if (PyList_CheckExact(value)) {
      const Py_ssize_t n = PyList_GET_SIZE(value);
      structure.push_back(-2);
      structure.push_back(n);
      for (Py_ssize_t i = 0; i < n; ++i) add(PyList_GET_ITEM(value, i));
    } else if (PyDict_CheckExact(value)) {
      structure.push_back(-3);
      structure.push_back(PyDict_Size(value));
      PyObject *key, *item;
      Py_ssize_t position = 0;
      while (PyDict_Next(value, &position, &key, &item)) {
        structure.push_back(PyUnicode_CheckExact(key) ? PyObject_Hash(key) : reinterpret_cast<int64_t>(key));
        add(item);
      }
    } else {
      structure.push_back(-4);
      leaves.push_back(value);
    }
  }
};

class Specialization {
 public:
  Specialization(std::shared_ptr<Executable> executable, std::vector<int> input_leaves, py::object output_template,
                 const py::list& guards)
      : executable(std::move(executable)), input_leaves(std::move(input_leaves)), output(std::move(output_template)) {
    for (py::handle item : guards) {
      const auto tuple = py::reinterpret_borrow<py::tuple>(item);
      const std::string kind = tuple[0].cast<std::string>();
      Guard guard;
      guard.container = tuple[1];
      const size_t rest = kind == "cell" ? 2 : 3;
      if (kind != "cell") guard.key = tuple[2];
      guard.kind = kind == "item" ? Guard::Kind::item : kind == "cell" ? Guard::Kind::cell : Guard::Kind::attribute;
      guard.expected = tuple[rest];
      guard.by_value = compared_by_value(guard.expected);
      guard.text = tuple[rest + 1].cast<std::string>();
      this->guards.push_back(std::move(guard));
    }
    if (py::isinstance<SlotObject>(output)) single = output.cast<SlotObject>().index;
  }

  // What the first call looked like; filled in by the function that keeps this specialisation.
  void remember(const Flat& flat) {
    structure = flat.structure;
    for (PyObject* leaf : flat.leaves) {
      const bool tensor = is_tensor(leaf);
      is_input.push_back(tensor);
      others.push_back(tensor ? py::object() : py::reinterpret_borrow<py::object>(leaf));
      by_value.push_back(!tensor && compared_by_value(leaf));
    }
  }

  bool matches(const Flat& flat, std::vector<TensorRef>& tensors, int64_t* symbols, std::string* reason) const {
    if (flat.structure != structure) {
      if (reason) *reason = "the arguments have another structure";
      return false;
    }
    tensors.clear();
    for (size_t i = 0; i < flat.leaves.size(); ++i) {
      const TensorRef* tensor = tensor_pointer(flat.leaves[i]);
      if (is_input[i]) {
        if (!tensor || (*tensor)->recorded) {
          if (reason) *reason = fmt::format("argument {} was a tensor, is {}", i, Py_TYPE(flat.leaves[i])->tp_name);
          return false;
        }
        tensors.push_back(*tensor);
        continue;
      }
      PyObject* leaf = flat.leaves[i];
      if (leaf == others[i].ptr() || (by_value[i] && same_value(leaf, others[i].ptr()))) continue;
      if (reason)
        *reason =
            fmt::format("argument {} was {}, is {}", i, std::string(py::repr(others[i])), std::string(py::repr(leaf)));
      return false;
    }
    if (!executable->matches(tensors, symbols, reason)) return false;
    for (const Guard& guard : guards)
      if (!holds(guard)) {
        if (reason) {
          PyObject* now = guard.now();
          *reason = fmt::format("{}, is {}", guard.text, now ? std::string(py::repr(now)) : "gone");
          Py_XDECREF(now);
        }
        return false;
      }
    return true;
  }

  py::object unflatten(py::handle node, const std::vector<TensorRef>& outputs) const {
    if (py::isinstance<SlotObject>(node)) return wrapped(node.cast<SlotObject>().index, outputs);
    if (PyTuple_Check(node.ptr())) {
      const auto tuple = py::reinterpret_borrow<py::tuple>(node);
      py::tuple out(tuple.size());
      for (size_t i = 0; i < tuple.size(); ++i) out[i] = unflatten(tuple[i], outputs);
      if (py::hasattr(node, "_fields")) return py::type::of(node)(*out);
      return out;
    }
    if (PyList_CheckExact(node.ptr())) {
      py::list out;
      for (py::handle item : node) out.append(unflatten(item, outputs));
      return out;
    }
    if (PyDict_CheckExact(node.ptr())) {
      py::dict out;
      for (auto [key, value] : py::reinterpret_borrow<py::dict>(node)) out[key] = unflatten(value, outputs);
      return out;
    }
    if (has_fields(node)) {
      py::object copy = py::module_::import("copy").attr("copy")(node);
      for (py::handle field : py::module_::import("dataclasses").attr("fields")(node)) {
        const py::object name = field.attr("name");
        py::module_::import("builtins")
            .attr("object")
            .attr("__setattr__")(copy, name, unflatten(py::getattr(node, name), outputs));
      }
      return copy;
    }
    return py::reinterpret_borrow<py::object>(node);
  }

  py::object wrapped(int index, const std::vector<TensorRef>& outputs) const {
    const auto i = static_cast<size_t>(index);
    if (executable->outputs()[i].weak) return item_of(*outputs[i]);
    return py::cast(outputs[i]);
  }

  static bool has_fields(py::handle node) {
    return !PyType_Check(node.ptr()) && py::hasattr(py::type::handle_of(node), "__dataclass_fields__");
  }

  std::shared_ptr<Executable> executable;
  std::vector<int> input_leaves;
  py::object output;
  std::vector<Guard> guards;
  int single = -1;
  std::vector<int64_t> structure;
  std::vector<bool> is_input, by_value;
  std::vector<py::object> others;
};

using SpecializationRef = std::shared_ptr<Specialization>;

class CompiledFunction {
 public:
  explicit CompiledFunction(py::object callback) : callback_(std::move(callback)) {}

  py::object operator()(const py::args& args, const py::kwargs& kwargs) {
    ++calls_;
    Flat flat;
    flat.add(args.ptr());
    flat.add(kwargs.ptr());
    std::vector<TensorRef> tensors;
    std::array<int64_t, 64> symbols;
    std::shared_ptr<Specialization> found;
    for (size_t i = 0; i < specializations_.size(); ++i) {
      if (!fits(*specializations_[i], symbols) || !specializations_[i]->matches(flat, tensors, symbols.data(), nullptr))
        continue;
      found = specializations_[i];
      if (i > 0) std::swap(specializations_[i], specializations_[0]);
      ++hits_;
      break;
    }
    if (!found) {
      found = capture(args, kwargs, flat);
      if (!found->matches(flat, tensors, symbols.data(), nullptr)) {
        std::string reason;
        found->matches(flat, tensors, symbols.data(), &reason);
        throw_error(
            ErrorKind::capture,
            "call: got arguments that the program just captured for them does not accept ({}); "
            "need arguments that do not share memory with one that is written to, and state that does not change "
            "during capture",
            reason);
      }
    }
    const Executable& executable = *found->executable;
    std::vector<TensorRef> outputs;
    {
      py::gil_scoped_release release;
      outputs = executable.run(tensors, symbols.data());
    }
    if (found->single >= 0) return found->wrapped(found->single, outputs);
    return found->unflatten(found->output, outputs);
  }

  py::dict stats() const {
    py::dict out;
    out["captures"] = captures_;
    out["compiles"] = captures_;
    out["cache_hits"] = hits_;
    out["calls"] = calls_;
    out["fallbacks"] = 0;
    out["guard_failures"] = failures_;
    return out;
  }
  const std::vector<SpecializationRef>& specializations() const { return specializations_; }
  void clear() { specializations_.clear(); }

 private:
  static bool fits(const Specialization& s, const std::array<int64_t, 64>& symbols) {
    return s.executable->symbol_count() <= static_cast<int>(symbols.size());
  }

  SpecializationRef capture(const py::args& args, const py::kwargs& kwargs, const Flat& flat) {
    py::list leaves, dynamic, reasons;
    std::array<int64_t, 64> symbols;
    std::vector<TensorRef> tensors;
    for (const auto& s : specializations_) {
      std::string reason;
      if (!s->matches(flat, tensors, symbols.data(), &reason)) {
        reasons.append(reason);
        failures_.push_back(reason);
      }
    }
    for (size_t i = 0; i < flat.leaves.size(); ++i) {
      leaves.append(py::reinterpret_borrow<py::object>(flat.leaves[i]));
      const TensorRef* tensor = tensor_pointer(flat.leaves[i]);
      if (!tensor)
        dynamic.append(py::none());
      else
        dynamic.append(py::tuple(py::cast(dynamic_dims(flat, i, **tensor))));
    }
    auto made = callback_(args, kwargs, leaves, dynamic, reasons).cast<SpecializationRef>();
    made->remember(flat);
    ++captures_;
    specializations_.insert(specializations_.begin(), made);
    return made;
  }

  // Dimensions that earlier specialisations saw with another size are symbols now; size 1 never is (it broadcasts).
  std::vector<bool> dynamic_dims(const Flat& flat, size_t leaf, const Tensor& x) const {
    std::vector<bool> out(static_cast<size_t>(x.rank()), false);
    for (const auto& s : specializations_) {
      if (s->structure != flat.structure || !s->is_input[leaf]) continue;
      int input = 0;
      for (size_t i = 0; i < leaf; ++i) input += s->is_input[i];
      const TensorType& type = s->executable->argument_type(input);
      if (type.rank() != x.rank() || type.dtype != x.dtype) continue;
      for (int k = 0; k < x.rank(); ++k) {
        const Dim d = type.shape[static_cast<size_t>(k)];
        if (x.sizes[k] != 1 && !d.is(1) && !d.is(x.sizes[k])) out[static_cast<size_t>(k)] = true;
      }
    }
    return out;
  }

  py::object callback_;
  std::vector<SpecializationRef> specializations_;
  int64_t calls_ = 0, hits_ = 0, captures_ = 0;
  std::vector<std::string> failures_;
};

}  // namespace

void bind_function(py::module_& m) {
  m.def("enabled", [] { return enabled_flag().load(std::memory_order_relaxed); });
  m.def("set_enabled", [](bool on) { enabled_flag() = on; });
  py::class_<SlotObject>(m, "Slot").def(py::init<int>()).def_readonly("index", &SlotObject::index);
  py::class_<Specialization, SpecializationRef>(m, "Specialization")
      .def(py::init<std::shared_ptr<Executable>, std::vector<int>, py::object, py::list>(), py::arg("executable"),
           py::arg("input_leaves"), py::arg("output_template"), py::arg("guards"))
      .def_readonly("executable", &Specialization::executable);
  py::class_<CompiledFunction>(m, "CompiledFunction")
      .def(py::init<py::object>())
      .def("__call__", &CompiledFunction::operator())
      .def("stats", &CompiledFunction::stats)
      .def("clear", &CompiledFunction::clear)
      .def_property_readonly("specializations", &CompiledFunction::specializations);
}

}  // namespace tandem
