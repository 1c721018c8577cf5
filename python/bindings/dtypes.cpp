#include "python/bindings/bindings.h"

namespace tandem {

namespace {

std::array<py::object, kDTypeCount>& objects() {
  static auto* instance = new std::array<py::object, kDTypeCount>;
  return *instance;
}

int compare(const SizeObject& a, py::handle b, Relation relation, bool swap = false) {
  Recorder* recorder = Recorder::current();
  const Dim other = dim_from(b);
  if (!recorder) throw_error(ErrorKind::capture, "size: got a symbolic size outside of capture; need a number");
  return swap ? recorder->env().decide(other, relation, a.dim) : recorder->env().decide(a.dim, relation, other);
}

bool comparable(py::handle b) { return PyLong_Check(b.ptr()) || is_size(b); }

int64_t specialized(const SizeObject& a) {
  Recorder* recorder = Recorder::current();
  if (!recorder) throw_error(ErrorKind::capture, "size: got a symbolic size outside of capture; need a number");
  return recorder->env().specialize(a.dim);
}

using Operator = PyObject* (*)(PyObject*, PyObject*);

PyObject* power(PyObject* a, PyObject* b) { return PyNumber_Power(a, b, Py_None); }

template <int relation>
PyObject* compared(PyObject* a, PyObject* b) {
  return PyObject_RichCompare(a, b, relation);
}

// What the size as a number gives with a number that is no integer, say; from then on it is that size only.
py::object fixed(Operator op, const SizeObject& a, py::handle b, bool swap) {
  if (!PyNumber_Check(b.ptr()) || tensor_pointer(b)) return py::reinterpret_borrow<py::object>(Py_NotImplemented);
  const py::int_ number(specialized(a));
  PyObject* result = swap ? op(b.ptr(), number.ptr()) : op(number.ptr(), b.ptr());
  if (result == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(result);
}

}  // namespace

py::object to_python(DType dtype) { return objects()[static_cast<size_t>(dtype)]; }

bool is_dtype_like(py::handle value) {
  return py::isinstance<DTypeObject>(value) || py::isinstance<py::str>(value) || PyType_Check(value.ptr()) ||
         py::hasattr(value, "itemsize");
}

DType dtype_from(py::handle value) {
  if (py::isinstance<DTypeObject>(value)) return value.cast<const DTypeObject&>().dtype;
  if (value.ptr() == reinterpret_cast<PyObject*>(&PyFloat_Type)) return default_dtype();
  if (value.ptr() == reinterpret_cast<PyObject*>(&PyComplex_Type)) return complex_type(default_dtype());
  if (value.ptr() == reinterpret_cast<PyObject*>(&PyLong_Type)) return DType::i64;
  if (value.ptr() == reinterpret_cast<PyObject*>(&PyBool_Type)) return DType::boolean;
  std::string name;
  if (py::isinstance<py::str>(value))
    name = value.cast<std::string>();
  else if (py::hasattr(value, "name"))
    name = py::str(value.attr("name"));
  else if (py::hasattr(value, "__name__"))
    name = py::str(value.attr("__name__"));
  if (name == "bool_") name = "bool";
  if (const auto dtype = dtype_from_name(name)) return *dtype;
  std::string known;
  for (const DTypeInfo& row : kDTypes) known += (known.empty() ? "" : ", ") + std::string(row.name);
  throw_error(ErrorKind::dtype, "dtype: got {}; need one of {}; try x.astype(...) in NumPy first",
              std::string(py::repr(value)), known);
}

py::object to_python(Dim dim) {
  if (dim.is_constant()) return py::int_(dim.constant());
  return py::cast(SizeObject{dim});
}

bool is_size(py::handle value) {
  static auto* const type = reinterpret_cast<PyTypeObject*>(py::type::of<SizeObject>().ptr());
  return PyObject_TypeCheck(value.ptr(), type) != 0;
}

Dim dim_from(py::handle value) {
  if (is_size(value)) return value.cast<const SizeObject&>().dim;
  if (const TensorRef* tensor = tensor_pointer(value)) return item_of(**tensor).cast<int64_t>();
  PyObject* index = PyNumber_Index(value.ptr());
  if (!index) {
    PyErr_Clear();
    throw_error(ErrorKind::type, "size: got {}; need an integer", std::string(py::repr(value)));
  }
  const auto number = py::reinterpret_steal<py::object>(index);
  const int64_t out = PyLong_AsLongLong(number.ptr());
  if (out == -1 && PyErr_Occurred()) {
    PyErr_Clear();
    throw_error(ErrorKind::value, "size: got {}; need an integer of at most 64 bits", std::string(py::repr(value)));
  }
  return out;
}

std::vector<Dim> dims_from(py::handle value) {
  std::vector<Dim> out;
  if (py::isinstance<py::sequence>(value) && !py::isinstance<py::str>(value)) {
    for (py::handle item : value) out.push_back(dim_from(item));
  } else {
    out.push_back(dim_from(value));
  }
  return out;
}

void bind_dtypes(py::module_& m) {
  py::class_<DTypeObject>(m, "DType",
                          "The type of a tensor's elements: td.float32, td.int64 and so on.\n\n>>> "
                          "td.ones((2,)).dtype, td.float32.itemsize\n(float32, 4)")
      .def_property_readonly("name", [](const DTypeObject& d) { return std::string(info(d.dtype).name); })
      .def_property_readonly("itemsize", [](const DTypeObject& d) { return size_of(d.dtype); })
      .def_property_readonly("kind",
                             [](const DTypeObject& d) {
                               switch (info(d.dtype).kind) {
                                 case Kind::boolean: return "bool";
                                 case Kind::integer: return "int";
                                 case Kind::floating: return "float";
                                 case Kind::complex: return "complex";
                               }
                               return "";
                             })
      .def("__repr__", [](const DTypeObject& d) { return std::string(info(d.dtype).name); })
      .def("__hash__", [](const DTypeObject& d) { return static_cast<int64_t>(d.dtype) + 77001; })
      .def("__eq__",
           [](const DTypeObject& d, py::handle other) {
             return is_dtype_like(other) && [&] {
               if (py::isinstance<DTypeObject>(other)) return other.cast<const DTypeObject&>().dtype == d.dtype;
               return py::hasattr(other, "name") && std::string(py::str(other.attr("name"))) == info(d.dtype).name;
             }();
           })
      .def("__reduce__", [](const DTypeObject& d) {
        return py::make_tuple(py::module_::import("tandem._core").attr("_dtype_by_name"),
                              py::make_tuple(std::string(info(d.dtype).name)));
      });
  m.def("_dtype_by_name", [](const std::string& name) { return to_python(*dtype_from_name(name)); });
  py::list all;
  for (const DTypeInfo& row : kDTypes) {
    objects()[static_cast<size_t>(row.dtype)] = py::cast(DTypeObject{row.dtype});
    m.attr(std::string(row.name).c_str()) = objects()[static_cast<size_t>(row.dtype)];
    all.append(objects()[static_cast<size_t>(row.dtype)]);
  }
  m.attr("_dtypes") = all;
  m.def("_as_dtype", [](py::handle value) { return to_python(dtype_from(value)); });
  // For td.iinfo and td.finfo: (signed, lowest, highest) of an integer dtype, (mantissa, least exponent) of a float.
  m.def("_dtype_limits", [](const DTypeObject& d) -> py::tuple {
    const DTypeInfo& row = info(d.dtype);
    if (is_inexact(d.dtype)) return py::make_tuple(row.mantissa, row.exponent);
    return py::make_tuple(row.is_signed, lowest_integer(d.dtype), highest_integer(d.dtype));
  });
  m.def("_real_dtype", [](const DTypeObject& d) { return to_python(real_type(d.dtype)); });
  m.def(
      "default_dtype", [] { return to_python(default_dtype()); },
      "Return the dtype of Python floats: float32 or float64.\n\n>>> td.default_dtype()\nfloat32");
  m.def(
      "set_default_dtype", [](py::handle dtype) { set_default_dtype(dtype_from(dtype)); }, py::arg("dtype"),
      "Choose float32 or float64 as the dtype of Python floats.\n\n>>> td.set_default_dtype(td.float64)\n"
      ">>> td.asarray(0.5).dtype\nfloat64\n>>> td.set_default_dtype(td.float32)");

  const auto size = py::class_<SizeObject>(
      m, "Size",
      "A size that is known only when the captured function runs; it computes and compares as the int it stands "
      "for.\n\n>>> td.trace(lambda x: x * x.shape[0])(td.ones((3,)))\ntensor([3., 3., 3.], dtype=float32)");
  const auto arithmetic = [&size](const char* name, const char* reflected, Operator op, auto f) {
    const auto apply = [f, op](const SizeObject& a, py::handle b, bool swap) -> py::object {
      if (comparable(b)) return to_python(swap ? f(dim_from(b), a.dim) : f(a.dim, dim_from(b)));
      return fixed(op, a, b, swap);
    };
    size.attr(name) = py::cpp_function([apply](const SizeObject& a, py::handle b) { return apply(a, b, false); },
                                       py::name(name), py::is_method(size), py::is_operator());
    size.attr(reflected) = py::cpp_function([apply](const SizeObject& a, py::handle b) { return apply(a, b, true); },
                                            py::name(reflected), py::is_method(size), py::is_operator());
  };
  arithmetic("__add__", "__radd__", PyNumber_Add, [](Dim a, Dim b) { return a + b; });
  arithmetic("__sub__", "__rsub__", PyNumber_Subtract, [](Dim a, Dim b) { return a - b; });
  arithmetic("__mul__", "__rmul__", PyNumber_Multiply, [](Dim a, Dim b) { return a * b; });
  arithmetic("__floordiv__", "__rfloordiv__", PyNumber_FloorDivide, [](Dim a, Dim b) { return floor_div(a, b); });
  arithmetic("__mod__", "__rmod__", PyNumber_Remainder, [](Dim a, Dim b) { return a - floor_div(a, b) * b; });
  const auto both = [](Dim a, Dim b) {
    const Dim quotient = floor_div(a, b);
    return py::make_tuple(to_python(quotient), to_python(a - quotient * b));
  };
  for (const bool reflected : {false, true}) {
    const char* name = reflected ? "__rdivmod__" : "__divmod__";
    size.attr(name) = py::cpp_function(
        [both, reflected](const SizeObject& a, py::handle b) -> py::object {
          if (!comparable(b)) return fixed(PyNumber_Divmod, a, b, reflected);
          return reflected ? both(dim_from(b), a.dim) : both(a.dim, dim_from(b));
        },
        py::name(name), py::is_method(size), py::is_operator());
  }
  const auto relation = [&size](const char* name, Relation r, bool swap, Operator op) {
    size.attr(name) = py::cpp_function(
        [r, swap, op](const SizeObject& a, py::handle b) -> py::object {
          if (!comparable(b)) return fixed(op, a, b, false);
          return py::bool_(compare(a, b, r, swap) != 0);
        },
        py::name(name), py::is_method(size), py::is_operator());
  };
  relation("__eq__", Relation::eq, false, compared<Py_EQ>);
  relation("__ne__", Relation::ne, false, compared<Py_NE>);
  relation("__lt__", Relation::lt, false, compared<Py_LT>);
  relation("__le__", Relation::le, false, compared<Py_LE>);
  relation("__gt__", Relation::lt, true, compared<Py_GT>);
  relation("__ge__", Relation::le, true, compared<Py_GE>);
  // True division and some powers leave the integers: they work on the number.
  for (const bool reflected : {false, true}) {
    const char* name = reflected ? "__rtruediv__" : "__truediv__";
    size.attr(name) = py::cpp_function(
        [reflected](const SizeObject& a, py::handle b) { return fixed(PyNumber_TrueDivide, a, b, reflected); },
        py::name(name), py::is_method(size), py::is_operator());
  }
  size.attr("__pow__") = py::cpp_function(
      [](const SizeObject& a, py::handle b) -> py::object {
        constexpr long kMostFactors = 8;
        int overflow = 0;
        const long n = PyLong_CheckExact(b.ptr()) ? PyLong_AsLongAndOverflow(b.ptr(), &overflow) : -1;
        if (overflow != 0 || n < 0 || n > kMostFactors) return fixed(power, a, b, false);
        Dim product = 1;
        for (long k = 0; k < n; ++k) product = product * a.dim;
        return to_python(product);
      },
      py::name("__pow__"), py::is_method(size), py::is_operator());
  size.attr("__rpow__") = py::cpp_function([](const SizeObject& a, py::handle b) { return fixed(power, a, b, true); },
                                           py::name("__rpow__"), py::is_method(size), py::is_operator());
  size.attr("__neg__") = py::cpp_function([](const SizeObject& a) { return to_python(Dim(0) - a.dim); },
                                          py::name("__neg__"), py::is_method(size));
  size.attr("__pos__") =
      py::cpp_function([](const SizeObject& a) { return to_python(a.dim); }, py::name("__pos__"), py::is_method(size));
  size.attr("__abs__") = py::cpp_function(
      [](const SizeObject& a) {
        return to_python(compare(a, py::int_(0), Relation::lt) != 0 ? Dim(0) - a.dim : a.dim);
      },
      py::name("__abs__"), py::is_method(size));
  size.attr("__index__") = py::cpp_function(specialized, py::name("__index__"), py::is_method(size));
  size.attr("__int__") = py::cpp_function(specialized, py::name("__int__"), py::is_method(size));
  size.attr("__float__") = py::cpp_function([](const SizeObject& a) { return static_cast<double>(specialized(a)); },
                                            py::name("__float__"), py::is_method(size));
  size.attr("__bool__") =
      py::cpp_function([](const SizeObject& a) { return compare(a, py::int_(0), Relation::ne) != 0; },
                       py::name("__bool__"), py::is_method(size));
  size.attr("__hash__") = py::cpp_function([](const SizeObject& a) { return py::hash(py::int_(specialized(a))); },
                                           py::name("__hash__"), py::is_method(size));
  size.attr("__repr__") =
      py::cpp_function([](const SizeObject& a) { return to_text(a.dim); }, py::name("__repr__"), py::is_method(size));
}

}  // namespace tandem
