// Python functions for the rows of the operation table.
#include <algorithm>
#include <array>
#include <limits>

#include "ir/rules.h"
#include "python/bindings/bindings.h"

namespace tandem {

namespace {

[[noreturn]] void throw_argument(const OpDef& op, const AttrSpec& spec, py::handle value, std::string_view need) {
  throw_error(ErrorKind::type, "{}: got {}={}; need {}", op.name, spec.name, std::string(py::repr(value)), need);
}

int64_t integer_from(const OpDef& op, const AttrSpec& spec, py::handle value) {
  if (PyBool_Check(value.ptr()) || !(PyIndex_Check(value.ptr()) || is_size(value)))
    throw_argument(op, spec, value, "an integer");
  const Dim dim = dim_from(value);
  if (dim.is_constant()) return dim.constant();
  return Recorder::current()->env().specialize(dim);
}

// A size or axis: shapes may hold symbolic sizes, axes are plain numbers.
Dim dim_of_argument(const OpDef& op, const AttrSpec& spec, py::handle value) {
  if (PyBool_Check(value.ptr()) || !(PyIndex_Check(value.ptr()) || is_size(value)))
    throw_argument(op, spec, value, "an integer or a tuple of integers");
  return spec.kind == AttrKind::axes ? Dim(integer_from(op, spec, value)) : dim_from(value);
}

Attr attr_from(const OpDef& op, const AttrSpec& spec, py::handle value) {
  if (value.is_none() && spec.fallback && std::holds_alternative<std::monostate>(*spec.fallback)) return {};
  switch (spec.kind) {
    case AttrKind::boolean:
      if (!PyBool_Check(value.ptr())) throw_argument(op, spec, value, "True or False");
      return value.cast<bool>();
    case AttrKind::integer:
    case AttrKind::axis: return integer_from(op, spec, value);
    case AttrKind::real:
      if (!PyFloat_Check(value.ptr()) && !PyLong_Check(value.ptr())) throw_argument(op, spec, value, "a number");
      return value.cast<double>();
    case AttrKind::number:
      if (PyBool_Check(value.ptr())) return value.cast<bool>();
      if (PyFloat_Check(value.ptr())) return value.cast<double>();
      if (const TensorRef* tensor = tensor_pointer(value)) return attr_from(op, spec, item_of(**tensor));
      if (PyIndex_Check(value.ptr())) return integer_from(op, spec, value);
      throw_argument(op, spec, value, "a number");
    case AttrKind::dtype: return dtype_from(value);
    case AttrKind::axes:
    case AttrKind::shape:
    case AttrKind::dims: {
      const bool list = py::isinstance<py::sequence>(value) && !py::isinstance<py::str>(value) && !is_tensor(value);
      if (!list) return std::vector<Dim>{dim_of_argument(op, spec, value)};
      std::vector<Dim> out;
      for (py::handle item : value) out.push_back(dim_of_argument(op, spec, item));
      return out;
    }
  }
  return {};
}

std::string text_of(const Attr& attr) {
  if (const auto* flag = std::get_if<bool>(&attr)) return *flag ? "True" : "False";
  if (std::holds_alternative<std::monostate>(attr)) return "None";
  if (const auto* dtype = std::get_if<DType>(&attr)) return std::string(info(*dtype).name);
  return to_text(attr);
}

std::string signature(const OpDef& op) {
  std::string text = std::string(op.name) + "(";
  bool first = true;
  const auto add = [&](const std::string& part) {
    text += (first ? "" : ", ") + part;
    first = false;
  };
  for (size_t i = 0; i < op.inputs.size(); ++i) {
    const bool optional = i + static_cast<size_t>(op.optional_inputs) >= op.inputs.size();
    add(std::string(op.inputs[i]) + (optional ? "=None" : ""));
  }
  const bool creates = op.inputs.empty();
  for (const AttrSpec& spec : op.attrs) {
    // The dtype of what is created follows from td.set_default_dtype or from the numbers.
    const bool open = creates && spec.kind == AttrKind::dtype;
    add(std::string(spec.name) + (open ? "=None" : spec.fallback ? "=" + text_of(*spec.fallback) : ""));
  }
  if (creates) add("device=None");
  if (op.name == "reshape") add("copy=None");
  bool starred = false;
  for (const AttrSpec& spec : op.attrs) {
    if (spec.also.empty()) continue;
    add(fmt::format("{}{}=None", std::exchange(starred, true) ? "" : "*, ", spec.also));
  }
  return text + ")";
}

std::string docstring(const OpDef& op) {
  // In front of a docstring, a signature of this form is what inspect.signature and help find.
  std::string text = signature(op) + "\n--\n\n" + std::string(op.doc) + "\n";
  if (!op.example.empty()) {
    const size_t cut = op.example.find("  # ");
    text += fmt::format("\n>>> {}\n{}\n", op.example.substr(0, cut), op.example.substr(cut + 4));
  }
  return text;
}

[[noreturn]] void throw_arguments(const OpDef& op, size_t count) {
  throw_error(ErrorKind::type, "{}: got {} arguments, some of which it does not have; need {}", op.name, count,
              signature(op));
}

// "clip" with limits that are None: which operation it is.
py::object clip_from_python(const OpDef& op, std::vector<py::handle> inputs) {
  std::string_view name = op.name;
  if (inputs.size() == 3 && inputs[2].is_none()) inputs.pop_back();
  if (inputs.size() == 3 && inputs[1].is_none()) {
    inputs.erase(inputs.begin() + 1);
    name = "minimum";
  }
  if (inputs.size() == 2 && inputs[1].is_none()) inputs.pop_back();
  const OpDef& row = tandem::op(name);
  const auto operands = operands_from(row, inputs);
  return py::cast(call(row, operands, {}));
}

// The bits of a Python int as an element of a dtype; nothing when an integer dtype does not hold it.
std::optional<int64_t> integer_bits(py::handle value, DType dtype) {
  int overflow = 0;
  const int64_t whole = PyLong_AsLongLongAndOverflow(value.ptr(), &overflow);
  if (dtype == DType::boolean) return overflow != 0 || whole != 0;
  if (overflow == 0) {
    const bool above = whole > 0 && static_cast<uint64_t>(whole) > highest_integer(dtype);
    return above || whole < lowest_integer(dtype) ? std::nullopt : std::optional(whole);
  }
  if (overflow < 0 || dtype != DType::u64) return std::nullopt;
  const uint64_t large = PyLong_AsUnsignedLongLong(value.ptr());
  if (!PyErr_Occurred()) return static_cast<int64_t>(large);
  PyErr_Clear();
  return std::nullopt;
}

// A Python number as it is given to `full`.
Attr number_from(py::handle value, DType dtype, std::string_view what) {
  if (PyFloat_Check(value.ptr())) return value.cast<double>();
  if (PyBool_Check(value.ptr())) return static_cast<int64_t>(value.cast<bool>());
  if (!is_inexact(dtype)) {
    if (const auto bits = integer_bits(value, dtype)) return *bits;
    throw_out_of_range(what, value, dtype);
  }
  if (const auto whole = integer_bits(value, DType::i64)) return *whole;
  const double real = PyLong_AsDouble(value.ptr());
  if (!PyErr_Occurred()) return real;
  PyErr_Clear();
  throw_error(ErrorKind::overflow, "{}: got a number beyond float64; need a smaller one", what);
}

// Dtype of a creation function that was given none: the numbers decide where the row has no opinion.
void default_creation_dtype(const OpDef& op, Attrs& attrs, const std::vector<bool>& given, py::handle fill) {
  for (size_t i = 0; i < op.attrs.size(); ++i) {
    if (op.attrs[i].kind != AttrKind::dtype || given[i] || !op.inputs.empty()) continue;
    if (op.name == "arange") {
      const bool real =
          std::any_of(attrs.begin(), attrs.end(), [](const Attr& a) { return std::holds_alternative<double>(a); });
      attrs[i] = real ? default_dtype() : DType::i64;
    } else if (op.name == "full") {
      const Attr& value = attrs[1];
      attrs[i] = fill && PyComplex_Check(fill.ptr())     ? complex_type(default_dtype())
                 : fill                                  ? integer_dtype(fill)
                 : std::holds_alternative<double>(value) ? default_dtype()
                 : std::holds_alternative<bool>(value)   ? DType::boolean
                                                         : DType::i64;
    } else {
      attrs[i] = default_dtype();
    }
  }
}

}  // namespace

TensorRef reshaped(const TensorRef& x, std::vector<Dim> shape, std::optional<bool> copy) {
  if (copy && !*copy && x->recorded)
    throw_error(
        ErrorKind::capture,
        "reshape: got copy=False while the function is being captured, where it is not known whether memory can "
        "be shared; need copy=None or True");
  TensorRef out = call("reshape", {x}, {std::move(shape)});
  if (!copy) return out;
  const bool shared = out->recorded || out->storage.get() == x->storage.get();
  if (*copy) return shared ? call("copy", {out}) : out;
  if (!shared && element_count(x->sizes) > 0)
    throw_error(ErrorKind::value,
                "reshape: got strides that no view of shape {} has, and copy=False; need copy=None or "
                "True",
                to_text(out->type().shape));
  return out;
}

std::string method_docstring(const OpDef& op) {
  const std::string text = signature(op);
  const size_t first = text.find('(') + 1;
  const std::string_view rest = std::string_view(text).substr(text.find_first_of(",)", first));
  return fmt::format("{}$self{}{}\n--\n\n{} See td.{}.", text.substr(0, first), rest.substr(0, rest.size() - 1),
                     takes_integers(op) ? ", *more)" : ")", op.doc, op.name);
}

void throw_out_of_range(std::string_view what, py::handle number, DType dtype) {
  throw_error(ErrorKind::overflow, "{}: got the number {} for {}; need a number from {} to {}; try another dtype", what,
              std::string(py::repr(number)), info(dtype).name, lowest_integer(dtype), highest_integer(dtype));
}

DType integer_dtype(py::handle value) {
  return integer_bits(value, DType::i64) || !integer_bits(value, DType::u64) ? DType::i64 : DType::u64;
}

TensorRef number_tensor(py::handle value, DType dtype, std::string_view what) {
  if (!number_kind(value)) throw_error(ErrorKind::type, "got {}; need a Python number", std::string(py::repr(value)));
  Recorder* recorder = Recorder::current();
  if (is_size(value)) {
    // That a size fits is a condition of the capture like any other.
    const Dim size = dim_from(value);
    if (is_integer(dtype) && size_of(dtype) < 8 &&
        (recorder->env().decide(size, Relation::lt, lowest_integer(dtype)) ||
         !recorder->env().decide(size, Relation::le, static_cast<int64_t>(highest_integer(dtype)))))
      throw_out_of_range(what, value, dtype);
    return call("cast", {recorder->from_dim(size)}, {dtype});
  }
  if (PyComplex_Check(value.ptr())) {
    if (!is_complex(dtype))
      throw_error(ErrorKind::dtype, "{}: got the number {} for {}; need a complex dtype; try td.complex64", what,
                  std::string(py::repr(value)), info(dtype).name);
    const auto both = value.cast<std::complex<double>>();
    if (!recorder) return scalar_tensor(dtype, both);
    const auto part = [&](double number) { return call("full", {}, {std::vector<Dim>{}, number, real_type(dtype)}); };
    return call("complex", {part(both.real()), part(both.imag())});
  }
  Attr number = number_from(value, dtype, what);
  if (recorder) {
    if (is_inexact(dtype) && std::holds_alternative<int64_t>(number))
      number = static_cast<double>(std::get<int64_t>(number));
    return call("full", {}, {std::vector<Dim>{}, number, dtype});
  }
  if (const auto* real = std::get_if<double>(&number)) return scalar_tensor(dtype, *real);
  return scalar_tensor(dtype, std::get<int64_t>(number));
}

std::optional<Kind> number_kind(py::handle value) {
  if (PyFloat_Check(value.ptr())) return Kind::floating;
  if (PyComplex_Check(value.ptr())) return Kind::complex;
  if (PyBool_Check(value.ptr())) return Kind::boolean;
  if (PyLong_Check(value.ptr()) || is_size(value)) return Kind::integer;
  return std::nullopt;
}

std::vector<TensorRef> operands_from(const OpDef& op, std::span<const py::handle> values) {
  std::vector<TensorRef> out(values.size());
  std::optional<DType> strong;
  bool weak = false;
  const bool choice = op.name == "where";
  // ldexp: the count of a float is an integer.
  const bool unlike = op.has(Trait::mixed) && !op.has(Trait::internal) && !op.checks && !choice;
  for (size_t i = 0; i < values.size(); ++i) {
    if (number_kind(values[i])) {
      weak = true;
      continue;
    }
    out[i] = as_tensor(values[i]);
    if ((choice && i == 0) || (op.checks && static_cast<int>(i) == op.checks->indices)) continue;
    if (out[i]->recorded && out[i]->recorded->weak) continue;
    strong = strong ? promote(*strong, out[i]->dtype) : out[i]->dtype;
  }
  if (!weak) return out;
  Recorder* recorder = Recorder::current();
  for (size_t i = 0; i < values.size(); ++i) {
    if (out[i]) continue;
    const Kind kind = *number_kind(values[i]);
    if (choice && i == 0) {
      out[i] = number_tensor(values[i], DType::boolean, op.name);
    } else if (strong && !unlike) {
      const DType to = weak_result(*strong, kind);
      const bool fits = kind != Kind::integer || !is_integer(to) || is_size(values[i]) || integer_bits(values[i], to);
      if (fits) {
        out[i] = number_tensor(values[i], to, op.name);
      } else if (op.infer == rules::broadcast_compare) {
        // Every element of the tensor is on one side of it.
        const double beyond = std::numeric_limits<double>::infinity();
        const bool below = py::reinterpret_borrow<py::object>(values[i]) < py::int_(0);
        out[i] = number_tensor(py::float_(below ? -beyond : beyond), DType::f64, op.name);
      } else {
        throw_out_of_range(op.name, values[i], to);
      }
    } else if (kind == Kind::complex) {
      out[i] = as_tensor(values[i]);
    } else if (recorder) {
      // Numbers among numbers of the captured function stay numbers.
      if (is_size(values[i]))
        out[i] = recorder->from_dim(dim_from(values[i]));
      else
        out[i] = recorder->lift(kind, kind == Kind::floating ? values[i].cast<double>() : 0,
                                kind == Kind::floating ? 0 : dim_from(values[i]).constant());
    } else {
      out[i] = as_tensor(values[i]);
    }
  }
  return out;
}

TensorRef call_operands(const OpDef& op, std::span<const py::handle> values) {
  std::array<TensorRef, 4> few;
  if (values.size() <= few.size()) {
    size_t found = 0;
    for (; found < values.size(); ++found) {
      const TensorRef* tensor = tensor_pointer(values[found]);
      if (!tensor) break;
      few[found] = *tensor;
    }
    if (found == values.size()) return call(op, {few.data(), found}, {});
  }
  return call(op, operands_from(op, values), {});
}

py::object call_from_python(const OpDef& op, const Arguments& args) {
  if (op.attrs.empty() && args.named() == 0 && args.size() == op.inputs.size() && !op.has(Trait::variadic) &&
      op.name != "clip") {
    std::array<py::handle, 4> few;
    if (args.size() <= few.size() && args.size() > 0) {
      for (size_t i = 0; i < args.size(); ++i) few[i] = args[i];
      return wrap(call_operands(op, {few.data(), args.size()}));
    }
  }
  std::vector<py::handle> inputs;
  std::vector<py::object> kept;
  size_t next = 0;
  const auto keyword = [&](std::string_view name) { return args.keyword(name); };
  size_t used = 0;
  // The next positional argument, else the keyword; null when there is neither.
  const auto argument = [&](std::string_view name) -> py::handle {
    if (next < args.size()) return args[next++];
    const py::handle value = keyword(name);
    if (value) ++used;
    return value;
  };
  if (op.has(Trait::variadic)) {
    py::handle list = args.size() > 0 ? args[0] : keyword(op.inputs[0]);
    if (args.size() > 0)
      next = 1;
    else
      ++used;
    if (!list || !py::isinstance<py::sequence>(list) || is_tensor(list))
      throw_error(ErrorKind::type, "{}: got no list of tensors; need one; try {}([x, y])", op.name, op.name);
    for (py::handle item : list) {
      kept.push_back(py::reinterpret_borrow<py::object>(item));
      inputs.push_back(kept.back());
    }
    if (inputs.empty()) throw_error(ErrorKind::value, "{}: got an empty list; need at least one tensor", op.name);
  } else {
    const size_t least = op.inputs.size() - static_cast<size_t>(op.optional_inputs);
    for (size_t i = 0; i < op.inputs.size(); ++i) {
      const py::handle value = argument(op.inputs[i]);
      if (!value || (value.is_none() && i >= least)) {
        if (i < least)
          throw_error(ErrorKind::type, "{}: got no argument '{}'; need {}", op.name, op.inputs[i], signature(op));
        if (op.name == "clip") inputs.push_back(Py_None);
        continue;
      }
      if (inputs.size() < i)
        throw_error(ErrorKind::type, "{}: got '{}' without '{}'; need the optional tensors in order", op.name,
                    op.inputs[i], op.inputs[inputs.size()]);
      inputs.push_back(value);
    }
  }
  const size_t count = args.size() + args.named();
  const auto all_used = [&] { return next == args.size() && next + used == count; };
  if (op.name == "clip") {
    if (!all_used()) throw_arguments(op, count);
    return clip_from_python(op, inputs);
  }
  if (op.name == "reshape") {
    const py::handle shape = argument("shape"), copy = argument("copy");
    if (!shape) throw_error(ErrorKind::type, "reshape: got no argument 'shape'; need {}", signature(op));
    if (!all_used()) throw_arguments(op, count);
    return py::cast(reshaped(as_tensor(inputs[0]), std::get<std::vector<Dim>>(attr_from(op, op.attrs[0], shape)),
                             !copy || copy.is_none() ? std::nullopt : std::optional(copy.cast<bool>())));
  }
  Attrs attrs(op.attrs.size());
  std::vector<bool> given(op.attrs.size(), false);
  py::handle fill;
  bool flatten = false;
  for (size_t i = 0; i < op.attrs.size(); ++i) {
    py::handle value = argument(op.attrs[i].name);
    if (!value && !op.attrs[i].also.empty()) {
      value = argument(op.attrs[i].also);
      if (value && value.is_none()) value = {};
    }
    // dtype=None is the same as leaving it out.
    const bool left_out = !value || (op.attrs[i].kind == AttrKind::dtype && value.is_none() && op.attrs[i].fallback);
    const bool whole = value && PyLong_Check(value.ptr()) && !PyBool_Check(value.ptr());
    if (!left_out && op.name == "full" && i == 1 && (whole || PyComplex_Check(value.ptr()))) {
      fill = value;  // read below, when the dtype is known
    } else if (op.name == "concat" && value && value.is_none()) {
      flatten = true;
      attrs[i] = int64_t{0};
    } else if (op.name == "arange" && value && is_size(value)) {
      attrs[i] = std::vector<Dim>{dim_from(value)};  // read below
      given[i] = true;
    } else if (!left_out) {
      attrs[i] = attr_from(op, op.attrs[i], value);
      given[i] = op.attrs[i].kind != AttrKind::dtype || !value.is_none();
    } else if (op.attrs[i].fallback) {
      attrs[i] = *op.attrs[i].fallback;
    } else {
      throw_error(ErrorKind::type, "{}: got no argument '{}'; need {}", op.name, op.attrs[i].name, signature(op));
    }
  }
  std::optional<CreationDevice> place;
  // What its inputs have no part in: new tensors, and random numbers, whose inputs are the state of a generator.
  if (op.inputs.empty() || (op.name.starts_with("random_") && op.attrs.front().kind == AttrKind::shape))
    if (const py::handle device = keyword("device")) {
      ++used;
      if (!device.is_none()) {
        place.emplace(device_from(device, op.name));
        if (Recorder* recorder = Recorder::current()) recorder->want_device(CreationDevice::current(), op.name);
      }
    }
  if (!all_used()) throw_arguments(op, count);
  default_creation_dtype(op, attrs, given, fill);
  if (op.name == "arange")
    if (const TensorRef range = range_of_sizes(attrs)) return wrap(range);
  if (fill && PyComplex_Check(fill.ptr())) {
    const TensorRef number = number_tensor(fill, std::get<DType>(attrs[2]), op.name);
    const TensorRef there = number->recorded ? number : to_device(number, CreationDevice::current());
    return py::cast(call("copy", {call("broadcast_to", {there}, {attrs[0]})}));
  }
  if (fill) attrs[1] = number_from(fill, std::get<DType>(attrs[2]), op.name);
  auto operands = operands_from(op, inputs);
  if (place && !Recorder::current())
    for (TensorRef& x : operands) x = to_device(x, CreationDevice::current());
  if (flatten)
    for (TensorRef& x : operands) x = call("reshape", {x}, {std::vector<Dim>{Dim(-1)}});
  return py::cast(call(op, operands, std::move(attrs)));
}

void bind_ops(py::module_& m) {
  py::list names;
  for (const OpDef* op : all_ops()) {
    // What library functions in Python are made of has a name of its own.
    const bool part = op->has(Trait::internal) && std::holds_alternative<Structure>(op->lower) &&
                      std::get<Structure>(op->lower) == Structure::library;
    if (op->has(Trait::internal) && !part) continue;
    const std::string name = (part ? "_" : "") + std::string(op->name);
    add_operation(m, *op, name, docstring(*op));
    if (!part) names.append(name);
  }
  m.attr("_op_names") = names;
  // An operation that has no function of its own, for the Python code that is its interface.
  m.def("_internal", [](const std::string& name, const py::args& args, const py::kwargs& kwargs) {
    return call_from_python(op(name), args, kwargs);
  });
  m.def("_broadcast_shape", [](const std::vector<py::object>& shapes) {
    std::vector<Shape> all;
    all.reserve(shapes.size());
    for (const py::object& shape : shapes) all.push_back(dims_from(shape));
    ShapeEnv none;
    const Shape out =
        broadcast_shapes("broadcast_arrays", all, Recorder::current() ? Recorder::current()->env() : none);
    py::tuple result(out.size());
    for (size_t k = 0; k < out.size(); ++k) result[k] = to_python(out[k]);
    return result;
  });
  m.def("_result_type", [](const py::tuple& values) {
    std::optional<DType> strong;
    std::optional<Kind> weak;
    for (py::handle value : values) {
      if (const auto kind = number_kind(value)) {
        weak = weak ? std::max(*weak, *kind) : *kind;
        continue;
      }
      const DType dtype = is_tensor(value) ? (*tensor_pointer(value))->dtype : dtype_from(value);
      strong = strong ? promote(*strong, dtype) : dtype;
    }
    if (!strong) throw_error(ErrorKind::value, "result_type: got no tensor or dtype; need at least one");
    return to_python(weak ? weak_result(*strong, *weak) : *strong);
  });
  // The table itself, for tests and the reference page.
  m.def("_op_table", [] {
    py::list rows;
    for (const OpDef* op : all_ops()) {
      py::dict row;
      row["name"] = std::string(op->name);
      py::list samples, inputs;
      for (auto s : op->samples) samples.append(std::string(s));
      for (auto s : op->inputs) inputs.append(std::string(s));
      row["samples"] = samples;
      row["inputs"] = inputs;
      row["signature"] = signature(*op);
      row["doc"] = std::string(op->doc);
      row["example"] = std::string(op->example);
      row["onnx"] = std::string(op->onnx);
      row["internal"] = op->has(Trait::internal);
      row["variadic"] = op->has(Trait::variadic);
      row["method"] = op->has(Trait::method);
      row["integers"] = takes_integers(*op);
      row["exact"] = op->has(Trait::exact);
      row["indexed"] = op->checks.has_value();
      row["mixed"] = op->has(Trait::mixed);
      constexpr std::string_view accepts[] = {"any",     "numeric",          "floating", "integral_or_bool",
                                              "boolean", "promote_to_float", "complex"};
      row["complex"] = takes_complex(*op);
      row["accepts"] = std::string(accepts[static_cast<size_t>(op->accepts)]);
      row["differentiable"] = std::holds_alternative<GradRule>(op->grad);
      rows.append(row);
    }
    return rows;
  });
}

}  // namespace tandem
