// Operations as built-in functions of the module and methods of tensors. Built-ins hand their arguments over as an array
// (vectorcall); that of the module has the module as `self`, as inspect, help and pickle expect, so that there is one C
// function for each operation: the N-th calls the N-th that was added.
#include <algorithm>
#include <array>
#include <deque>
#include <utility>

#include "python/bindings/bindings.h"

namespace tandem {

namespace {

constexpr size_t kMost = 512;

struct Entry {
  const OpDef* op;
  std::string name, doc;
  PyMethodDef def;
};
std::deque<Entry>& entries() {
  static auto* instance = new std::deque<Entry>;
  return *instance;
}

// Exceptions of C++ become Python's.
PyObject* called(const OpDef& op, const Arguments& args) {
  try {
    return call_from_python(op, args).release().ptr();
  } catch (py::error_already_set& error) {
    error.restore();
  } catch (...) {
    py::detail::try_translate_exceptions();
  }
  return nullptr;
}

using Function = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);

template <size_t N>
PyObject* function(PyObject*, PyObject* const* values, Py_ssize_t count, PyObject* names) {
  return called(*entries()[N].op, {values, static_cast<size_t>(count), names});
}

template <size_t N>
PyObject* method(PyObject* self, PyObject* const* values, Py_ssize_t count, PyObject* names) {
  if (count > 1 && !names && takes_integers(*entries()[N].op)) {
    py::tuple together(static_cast<size_t>(count));
    for (Py_ssize_t i = 0; i < count; ++i) together[static_cast<size_t>(i)] = py::handle(values[i]);
    const std::array<PyObject*, 2> two{self, together.ptr()};
    return called(*entries()[N].op, {two.data(), two.size(), nullptr});
  }
  const auto all = static_cast<size_t>(count + (names ? PyTuple_GET_SIZE(names) : 0));
  std::array<PyObject*, 8> few;
  std::vector<PyObject*> many(all < few.size() ? 0 : all + 1);
  PyObject** with_self = many.empty() ? few.data() : many.data();
  with_self[0] = self;
  std::copy_n(values, all, with_self + 1);
  return called(*entries()[N].op, {with_self, static_cast<size_t>(count) + 1, names});
}

template <size_t... N>
constexpr std::array<std::pair<Function, Function>, kMost> tables(std::index_sequence<N...>) {
  return {std::pair<Function, Function>{function<N>, method<N>}...};
}
constexpr auto kFunctions = tables(std::make_index_sequence<kMost>());

PyMethodDef* definition(const OpDef& op, const std::string& name, const std::string& doc, bool is_method) {
  const size_t n = entries().size();
  check_internal(n < kMost, "there are more than {} operations", kMost);
  Entry& entry = entries().emplace_back(Entry{&op, name, doc, {}});
  const Function call = is_method ? kFunctions[n].second : kFunctions[n].first;
  entry.def = {entry.name.c_str(), reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(call)),
               METH_FASTCALL | METH_KEYWORDS, entry.doc.c_str()};
  return &entry.def;
}

}  // namespace

bool takes_integers(const OpDef& op) {
  return op.inputs.size() == 1 && op.attrs.size() == 1 && op.attrs[0].kind == AttrKind::shape;
}

py::handle Arguments::keyword(std::string_view name) const {
  for (size_t i = 0; i < named(); ++i) {
    Py_ssize_t length = 0;
    const char* text = PyUnicode_AsUTF8AndSize(PyTuple_GET_ITEM(names_, static_cast<Py_ssize_t>(i)), &length);
    if (!text) throw py::error_already_set();
    if (name == std::string_view(text, static_cast<size_t>(length))) return values_[count_ + i];
  }
  return {};
}

py::object call_from_python(const OpDef& op, const py::args& args, const py::kwargs& kwargs) {
  std::vector<PyObject*> values;
  for (const py::handle value : args) values.push_back(value.ptr());
  py::list names;
  for (const auto& [name, value] : kwargs) {
    names.append(name);
    values.push_back(value.ptr());
  }
  const py::tuple all_names(names);
  return call_from_python(op, {values.data(), args.size(), all_names.ptr()});
}

void add_operation(py::module_& m, const OpDef& op, const std::string& name, const std::string& doc) {
  const py::str module_name("tandem");
  PyObject* made = PyCFunction_NewEx(definition(op, name, doc, false), m.ptr(), module_name.ptr());
  if (!made) throw py::error_already_set();
  m.attr(name.c_str()) = py::reinterpret_steal<py::object>(made);
}

void add_method(py::handle type, const OpDef& op, const std::string& doc) {
  const std::string name(op.name);
  PyMethodDef* def = definition(op, name, doc, true);
  PyObject* made = PyDescr_NewMethod(reinterpret_cast<PyTypeObject*>(type.ptr()), def);
  if (!made) throw py::error_already_set();
  py::setattr(type, name.c_str(), py::reinterpret_steal<py::object>(made));
}

}  // namespace tandem
