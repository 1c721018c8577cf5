#include "python/bindings/guards.h"

#include <bit>

namespace tandem {

namespace {

#if PY_VERSION_HEX < 0x030C0000
uint64_t dict_version(PyObject* dict) { return reinterpret_cast<PyDictObject*>(dict)->ma_version_tag; }
#else
uint64_t dict_version(PyObject*) { return 0; }  // no longer kept by every CPython: the guards are looked at
#endif

uint64_t type_version(PyObject* type) {
  auto* t = reinterpret_cast<PyTypeObject*>(type);
  return PyType_HasFeature(t, Py_TPFLAGS_VALID_VERSION_TAG) ? t->tp_version_tag : 0;
}

// The object's own dict when `name` is in there and no data descriptor of its class comes first; else null.
py::object dict_with(py::handle owner, py::handle name) {
  if (PyType_Check(owner.ptr()) || PyModule_Check(owner.ptr()) ||
      Py_TYPE(owner.ptr())->tp_getattro != PyObject_GenericGetAttr)
    return {};
  PyObject* in_class = _PyType_Lookup(Py_TYPE(owner.ptr()), name.ptr());  // borrowed
  if (in_class && Py_TYPE(in_class)->tp_descr_set) return {};
  PyObject* dict = PyObject_GenericGetDict(owner.ptr(), nullptr);
  if (!dict) {
    PyErr_Clear();
    return {};
  }
  auto found = py::reinterpret_steal<py::object>(dict);
  return PyDict_Contains(dict, name.ptr()) == 1 ? found : py::object();
}

// Null when there is none; never raises.
py::object attribute_of(const py::object& owner, const py::object& name) {
  PyObject* value = PyObject_GetAttr(owner.ptr(), name.ptr());
  if (!value) PyErr_Clear();
  return py::reinterpret_steal<py::object>(value);
}

bool matches(PyObject* now, const py::object& expected, bool by_value) {
  return now && (now == expected.ptr() || (by_value && same_value(now, expected.ptr())));
}

}  // namespace

bool same_value(PyObject* a, PyObject* b) {
  if (a == b) return true;
  if (Py_TYPE(a) != Py_TYPE(b)) return false;
  // Tells 0.0 from -0.0 and lets NaN be itself.
  const auto same_bits = [](double x, double y) { return std::bit_cast<uint64_t>(x) == std::bit_cast<uint64_t>(y); };
  if (PyFloat_CheckExact(a)) return same_bits(PyFloat_AS_DOUBLE(a), PyFloat_AS_DOUBLE(b));
  if (PyComplex_CheckExact(a)) {
    const Py_complex x = PyComplex_AsCComplex(a), y = PyComplex_AsCComplex(b);
    return same_bits(x.real, y.real) && same_bits(x.imag, y.imag);
  }
  const int equal = PyObject_RichCompareBool(a, b, Py_EQ);
  if (equal < 0) PyErr_Clear();
  return equal == 1;
}

bool compared_by_value(py::handle value) {
  PyObject* v = value.ptr();
  return PyLong_CheckExact(v) || PyFloat_CheckExact(v) || PyUnicode_CheckExact(v) || PyBytes_CheckExact(v) ||
         PyComplex_CheckExact(v) || PyBool_Check(v) || value.is_none() || py::isinstance<DTypeObject>(value);
}

Origin::Origin(const py::tuple& description)
    : owner_(description[1]), text_(description[description.size() - 1].cast<std::string>()) {
  const auto kind = description[0].cast<std::string>();
  if (kind == "cell") {
    kind_ = Kind::cell;
    return;
  }
  key_ = description[2];
  kind_ = kind == "attr" ? Kind::attribute : PyList_CheckExact(owner_.ptr()) ? Kind::element : Kind::item;
}

py::object Origin::now() const {
  PyObject* value = nullptr;
  switch (kind_) {
    case Kind::item:
      value = PyDict_GetItemWithError(owner_.ptr(), key_.ptr());
      Py_XINCREF(value);
      break;
    case Kind::element: {
      const Py_ssize_t index = PyLong_AsSsize_t(key_.ptr());
      if (index < PyList_GET_SIZE(owner_.ptr())) value = PyList_GET_ITEM(owner_.ptr(), index);
      Py_XINCREF(value);
      break;
    }
    case Kind::cell:
      value = PyCell_GET(owner_.ptr());
      Py_XINCREF(value);
      break;
    case Kind::attribute: return attribute_of(owner_, key_);
  }
  if (!value) PyErr_Clear();
  return py::reinterpret_steal<py::object>(value);
}

bool GuardSet::Guard::holds() const {
  // The hot cases without reference counts.
  if (place.kind_ == Origin::Kind::item)
    return matches(PyDict_GetItemWithError(place.owner_.ptr(), place.key_.ptr()), expected, by_value);
  if (place.kind_ == Origin::Kind::cell) return matches(PyCell_GET(place.owner_.ptr()), expected, by_value);
  return matches(place.now().ptr(), expected, by_value);
}

bool GuardSet::Contents::holds() const {
  switch (kind) {
    case Kind::list: {
      const Py_ssize_t n = PyList_GET_SIZE(expected.ptr());
      if (PyList_GET_SIZE(container.ptr()) != n) return false;
      for (Py_ssize_t i = 0; i < n; ++i) {
        const auto at = static_cast<size_t>(i);
        if (skipped[at]) continue;
        PyObject *a = PyList_GET_ITEM(container.ptr(), i), *b = PyList_GET_ITEM(expected.ptr(), i);
        if (a != b && !(by_value[at] && same_value(a, b))) return false;
      }
      return true;
    }
    case Kind::dict: {
      if (PyDict_Size(container.ptr()) != PyDict_Size(expected.ptr())) return false;
      PyObject *key, *value, *other_key, *other;
      Py_ssize_t position = 0, other_position = 0;
      for (size_t at = 0; PyDict_Next(container.ptr(), &position, &key, &value); ++at) {
        PyDict_Next(expected.ptr(), &other_position, &other_key, &other);
        if (key != other_key && !(compared_by_value(other_key) && same_value(key, other_key))) return false;
        if (!skipped[at] && value != other && !(by_value[at] && same_value(value, other))) return false;
      }
      return true;
    }
    case Kind::set: break;
  }
  const int equal = PyObject_RichCompareBool(container.ptr(), expected.ptr(), Py_EQ);
  if (equal < 0) PyErr_Clear();
  return equal == 1;
}

uint64_t GuardSet::Group::current() const {
  if (PyType_Check(owner.ptr())) return type_version(owner.ptr());
  if (owner.ptr() != dict.ptr()) {
    PyObject* now = PyObject_GenericGetDict(owner.ptr(), nullptr);
    Py_XDECREF(now);  // the object holds it
    if (now != dict.ptr()) return 0;
  }
  return dict_version(dict.ptr());
}

// Says, where it is wanted, what does not hold any more.
bool GuardSet::failed(const Guard& guard, std::string* reason) {
  if (reason) {
    const py::object value = guard.place.now();
    *reason = fmt::format("{}, is {}", guard.place.text(), value ? std::string(py::repr(value)) : "gone");
  }
  return false;
}

bool GuardSet::all_hold(const std::vector<Contents>& contents, std::string* reason) {
  for (const Contents& c : contents) {
    if (c.holds()) continue;
    if (reason) *reason = c.text;
    return false;
  }
  return true;
}

bool GuardSet::Group::hold(std::string* reason) const {
  const uint64_t now = current();
  if (now != 0 && now == version && !reason) return true;
  for (const Guard& guard : guards) {
    // Another dict may have taken the place of the one that was seen.
    const bool moved = owner.ptr() != dict.ptr() && !PyType_Check(owner.ptr()) && now == 0;
    const bool ok =
        moved ? matches(attribute_of(owner, guard.place.key_).ptr(), guard.expected, guard.by_value) : guard.holds();
    if (!ok) return failed(guard, reason);
  }
  if (!all_hold(contents, reason)) return false;
  version = now;
  return true;
}

GuardSet::Group& GuardSet::group_of(py::handle owner, py::handle dict) {
  for (Group& group : groups_)
    if (group.owner.ptr() == owner.ptr() && group.dict.ptr() == dict.ptr()) return group;
  Group group;
  group.owner = py::reinterpret_borrow<py::object>(owner);
  group.dict = py::reinterpret_borrow<py::object>(dict);
  return groups_.emplace_back(std::move(group));
}

GuardSet::GuardSet(const py::list& guards, const std::function<bool(py::handle)>& lifted) {
  for (py::handle item : guards) {
    const auto description = py::reinterpret_borrow<py::tuple>(item);
    const auto kind = description[0].cast<std::string>();
    const py::object expected = description[description.size() - 2];
    if (kind == "list" || kind == "dict" || kind == "set") {
      Contents c;
      c.kind = kind == "list" ? Contents::Kind::list : kind == "dict" ? Contents::Kind::dict : Contents::Kind::set;
      c.container = description[1];
      c.expected = expected;
      c.text = description[description.size() - 1].cast<std::string>();
      const auto note = [&](py::handle value) {
        c.by_value.push_back(compared_by_value(value));
        c.skipped.push_back(lifted(value));
      };
      if (kind == "list")
        for (py::handle value : expected) note(value);
      if (kind == "dict")
        for (auto [key, value] : py::reinterpret_borrow<py::dict>(expected)) note(value);
      if (kind == "dict")
        group_of(c.container, c.container).contents.push_back(std::move(c));
      else
        contents_.push_back(std::move(c));
      continue;
    }
    if (lifted(expected)) continue;
    Guard guard{Origin(description), expected, compared_by_value(expected)};
    if (guard.place.kind_ == Origin::Kind::item) {
      group_of(guard.place.owner_, guard.place.owner_).guards.push_back(std::move(guard));
    } else if (guard.place.kind_ == Origin::Kind::attribute && PyType_Check(guard.place.owner_.ptr())) {
      group_of(guard.place.owner_, guard.place.owner_).guards.push_back(std::move(guard));
    } else if (guard.place.kind_ == Origin::Kind::attribute) {
      const py::object owner = guard.place.owner_, dict = dict_with(owner, guard.place.key_);
      if (!dict) {
        others_.push_back(std::move(guard));
        continue;
      }
      guard.place.kind_ = Origin::Kind::item;
      guard.place.owner_ = dict;
      group_of(owner, dict).guards.push_back(std::move(guard));
    } else {
      others_.push_back(std::move(guard));
    }
  }
}

bool GuardSet::hold(std::string* reason) const {
  for (const Group& group : groups_)
    if (!group.hold(reason)) return false;
  for (const Guard& guard : others_)
    if (!guard.holds()) return failed(guard, reason);
  return all_hold(contents_, reason);
}

int Origin::visit(visitproc visit, void* arg) const {
  Py_VISIT(owner_.ptr());
  Py_VISIT(key_.ptr());
  return 0;
}

int GuardSet::visit(visitproc visit, void* arg) const {
  const auto visit_guard = [&](const Guard& guard) -> int {
    Py_VISIT(guard.expected.ptr());
    return guard.place.visit(visit, arg);
  };
  const auto visit_contents = [&](const Contents& c) -> int {
    Py_VISIT(c.container.ptr());
    Py_VISIT(c.expected.ptr());
    return 0;
  };
  for (const Group& group : groups_) {
    Py_VISIT(group.owner.ptr());
    Py_VISIT(group.dict.ptr());
    for (const Guard& guard : group.guards)
      if (const int stop = visit_guard(guard)) return stop;
    for (const Contents& c : group.contents)
      if (const int stop = visit_contents(c)) return stop;
  }
  for (const Guard& guard : others_)
    if (const int stop = visit_guard(guard)) return stop;
  for (const Contents& c : contents_)
    if (const int stop = visit_contents(c)) return stop;
  return 0;
}

}  // namespace tandem
