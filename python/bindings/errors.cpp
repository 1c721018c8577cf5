#include "python/bindings/bindings.h"

namespace tandem {

namespace {

struct ExceptionClasses {
  py::object error, shape, dtype, index, overflow, value, type, capture, compile, serialization, backend, memory,
      nonfinite, linalg, autograd;
};
ExceptionClasses& classes() {
  static ExceptionClasses* instance = new ExceptionClasses;
  return *instance;
}

py::object define(py::module_& m, const char* name, const char* doc, const py::object& base, PyObject* also) {
  py::tuple bases = py::make_tuple(base);
  if (also) bases = py::make_tuple(base, py::reinterpret_borrow<py::object>(also));
  py::object type = py::reinterpret_steal<py::object>(
      PyErr_NewExceptionWithDoc((std::string("tandem.") + name).c_str(), doc, bases.ptr(), nullptr));
  if (!type) throw py::error_already_set();
  m.attr(name) = type;
  return type;
}

const py::object& class_of(ErrorKind kind) {
  ExceptionClasses& c = classes();
  switch (kind) {
    case ErrorKind::error: return c.error;
    case ErrorKind::shape: return c.shape;
    case ErrorKind::dtype: return c.dtype;
    case ErrorKind::index: return c.index;
    case ErrorKind::overflow: return c.overflow;
    case ErrorKind::value: return c.value;
    case ErrorKind::type: return c.type;
    case ErrorKind::capture: return c.capture;
    case ErrorKind::compile: return c.compile;
    case ErrorKind::serialization: return c.serialization;
    case ErrorKind::backend: return c.backend;
    case ErrorKind::memory: return c.memory;
    case ErrorKind::nonfinite: return c.nonfinite;
    case ErrorKind::linalg: return c.linalg;
    case ErrorKind::autograd: return c.autograd;
  }
  return c.error;
}

py::object& share_error() {
  static py::object* instance = new py::object;
  return *instance;
}

// Ends the message of the current Python error with the user's line.
void add_line() {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  try {
    const py::object frame = py::module_::import("sys").attr("_getframe")();
    py::module_::import("tandem.scripting.errors").attr("locate_call")(py::handle(value), frame);
  } catch (py::error_already_set&) {  // NOLINT(bugprone-empty-catch)
    // No Python code is running: the message stays as it is.
  }
  PyErr_Restore(type, value, traceback);
}

}  // namespace

void throw_not_shared(const std::string& message) {
  PyErr_SetString(share_error().ptr(), message.c_str());
  throw py::error_already_set();
}

void bind_errors(py::module_& m) {
  ExceptionClasses& c = classes();
  c.error = define(m, "Error", "Any error that Tandem raises on purpose.",
                   py::reinterpret_borrow<py::object>(PyExc_Exception), nullptr);
  c.shape = define(m, "ShapeError", "Shapes that do not fit together.", c.error, PyExc_ValueError);
  c.dtype = define(m, "DTypeError", "A dtype an operation does not take.", c.error, PyExc_TypeError);
  c.index = define(m, "OutOfBoundsError", "An axis or index outside its range.", c.error, PyExc_IndexError);
  c.overflow =
      define(m, "NumberRangeError", "A Python number that a dtype does not hold.", c.error, PyExc_OverflowError);
  c.value = define(m, "ArgumentError", "An argument with an impossible value.", c.error, PyExc_ValueError);
  c.type = define(m, "ArgumentTypeError", "An argument of the wrong type.", c.error, PyExc_TypeError);
  c.capture = define(m, "CaptureError", "Code that cannot be captured as a graph.", c.error, nullptr);
  c.compile = define(m, "CompileError", "A compilation that failed or was forbidden.", c.error, nullptr);
  c.serialization = define(m, "SerializationError", "A file that cannot be read.", c.error, nullptr);
  c.backend = define(m, "BackendError", "A device or back end that is not available.", c.error, nullptr);
  c.memory = define(m, "OutOfMemoryError", "More memory than there is.", c.error, PyExc_MemoryError);
  c.nonfinite =
      define(m, "NonFiniteError", "A NaN or an infinity that td.debug_nans found.", c.error, PyExc_FloatingPointError);
  share_error() = define(m, "ShareError", "Memory that cannot be shared in the way that was asked for.", c.error,
                         PyExc_BufferError);
  c.autograd = define(m, "AutogradError", "Gradients that cannot be computed.", c.error, PyExc_RuntimeError);
  c.linalg = define(m, "LinAlgError", "A matrix for which there is no result, such as the inverse of a singular one.",
                    c.error, PyExc_ValueError);
  py::register_exception_translator([](std::exception_ptr pointer) {  // NOLINT(performance-unnecessary-value-param)
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const Error& error) {
      PyErr_SetString(class_of(error.kind).ptr(), error.what());
      if (error.kind == ErrorKind::nonfinite) add_line();
    }
  });
}

}  // namespace tandem
