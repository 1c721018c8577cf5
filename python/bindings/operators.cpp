// Operators of tensors. The slots of the type call operations themselves; the methods that Python looks up by name
// (x.__add__, subclasses, super()) do the same.
#include <array>
#include <utility>

#include "frontend/eager.h"
#include "frontend/recorder.h"
#include "python/bindings/bindings.h"
#include "python/bindings/temporaries.h"

namespace tandem {

namespace {

using Binary = binaryfunc PyNumberMethods::*;

struct BinaryOperator {
  std::string_view op;
  const char *name, *reflected, *in_place;
  Binary slot, in_place_slot;  // null: `pow`, whose slots take three operands
};
constexpr BinaryOperator kBinary[] = {
    {"add", "__add__", "__radd__", "__iadd__", &PyNumberMethods::nb_add, &PyNumberMethods::nb_inplace_add},
    {"subtract", "__sub__", "__rsub__", "__isub__", &PyNumberMethods::nb_subtract,
     &PyNumberMethods::nb_inplace_subtract},
    {"multiply", "__mul__", "__rmul__", "__imul__", &PyNumberMethods::nb_multiply,
     &PyNumberMethods::nb_inplace_multiply},
    {"divide", "__truediv__", "__rtruediv__", "__itruediv__", &PyNumberMethods::nb_true_divide,
     &PyNumberMethods::nb_inplace_true_divide},
    {"floor_divide", "__floordiv__", "__rfloordiv__", "__ifloordiv__", &PyNumberMethods::nb_floor_divide,
     &PyNumberMethods::nb_inplace_floor_divide},
    {"remainder", "__mod__", "__rmod__", "__imod__", &PyNumberMethods::nb_remainder,
     &PyNumberMethods::nb_inplace_remainder},
    {"pow", "__pow__", "__rpow__", "__ipow__", nullptr, nullptr},
    {"matmul", "__matmul__", "__rmatmul__", "__imatmul__", &PyNumberMethods::nb_matrix_multiply,
     &PyNumberMethods::nb_inplace_matrix_multiply},
    {"bitwise_and", "__and__", "__rand__", "__iand__", &PyNumberMethods::nb_and, &PyNumberMethods::nb_inplace_and},
    {"bitwise_or", "__or__", "__ror__", "__ior__", &PyNumberMethods::nb_or, &PyNumberMethods::nb_inplace_or},
    {"bitwise_xor", "__xor__", "__rxor__", "__ixor__", &PyNumberMethods::nb_xor, &PyNumberMethods::nb_inplace_xor},
    {"bitwise_left_shift", "__lshift__", "__rlshift__", "__ilshift__", &PyNumberMethods::nb_lshift,
     &PyNumberMethods::nb_inplace_lshift},
    {"bitwise_right_shift", "__rshift__", "__rrshift__", "__irshift__", &PyNumberMethods::nb_rshift,
     &PyNumberMethods::nb_inplace_rshift},
};

struct Comparison {
  std::string_view op;
  const char* name;
};
constexpr Comparison kComparisons[] = {
    // in the order of Py_LT ... Py_GE
    {"less", "__lt__"},      {"less_equal", "__le__"}, {"equal", "__eq__"},
    {"not_equal", "__ne__"}, {"greater", "__gt__"},    {"greater_equal", "__ge__"},
};

struct UnaryOperator {
  std::string_view op;
  const char* name;
  unaryfunc PyNumberMethods::* slot;
};
constexpr UnaryOperator kUnary[] = {
    {"negative", "__neg__", &PyNumberMethods::nb_negative},
    {"positive", "__pos__", &PyNumberMethods::nb_positive},
    {"abs", "__abs__", &PyNumberMethods::nb_absolute},
    {"bitwise_invert", "__invert__", &PyNumberMethods::nb_invert},
};

template <const auto& table, size_t n>
const OpDef& row() {
  static const OpDef& found = op(table[n].op);
  return found;
}

py::object not_implemented() { return py::reinterpret_borrow<py::object>(Py_NotImplemented); }

bool is_operand(py::handle value) {
  return is_tensor(value) || number_kind(value) || py::hasattr(value, "__array_interface__");
}

// Into the memory of an operand that the expression has just computed and nobody else holds, where that makes no
// difference to the result. `values` are operands of `op`. Null: not possible.
py::object into_temporary(const OpDef& op, std::span<const py::handle> values) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (!may_be_temporary(values[i])) continue;
    if (!called_by_interpreter()) return {};
    std::vector<TensorRef> operands = operands_from(op, values);
    if (run_in_place(op, operands, i, Casting::none)) return py::reinterpret_borrow<py::object>(values[i]);
  }
  return {};
}

py::object binary(const OpDef& op, py::handle a, py::handle b) {
  if (!is_operand(a) || !is_operand(b)) return not_implemented();
  const py::handle both[] = {a, b};
  return wrap(call_operands(op, both));
}

py::object updated(const OpDef& op, py::handle a, py::handle b) {
  if (!is_operand(b)) return not_implemented();
  const TensorRef target = *tensor_pointer(a);
  const py::handle both[] = {a, b};
  const auto operands = operands_from(op, both);
  if (run_in_place(op, operands, 0)) return py::reinterpret_borrow<py::object>(a);
  const TensorRef value = call(op, operands, {});
  if (target->recorded && target->recorded->weak) return wrap(value);  // a Python number: it gets another value
  if (value->tracking) keep_before_write(value, *target);
  assign(target, value);
  return py::reinterpret_borrow<py::object>(a);
}

// ---- slots ----

template <class Compute>
PyObject* guarded(const Compute& compute) {
  try {
    return compute().release().ptr();
  } catch (py::error_already_set& error) {
    error.restore();
  } catch (...) {
    py::detail::try_translate_exceptions();
  }
  return nullptr;
}

template <size_t n>
PyObject* binary_slot(PyObject* a, PyObject* b) {
  return guarded([&] {
    const py::handle both[] = {a, b};
    if (may_be_temporary(a) || may_be_temporary(b)) [[unlikely]]
      if (is_operand(a) && is_operand(b))
        if (py::object result = into_temporary(row<kBinary, n>(), both)) return result;
    return binary(row<kBinary, n>(), a, b);
  });
}

template <size_t n>
PyObject* in_place_slot(PyObject* a, PyObject* b) {
  return guarded([&] { return updated(row<kBinary, n>(), a, b); });
}

template <size_t n>
PyObject* unary_slot(PyObject* a) {
  return guarded([&] {
    const py::handle one = a;
    if (may_be_temporary(a)) [[unlikely]]
      if (py::object result = into_temporary(row<kUnary, n>(), {&one, 1})) return result;
    return wrap(call_operands(row<kUnary, n>(), {&one, 1}));
  });
}

template <PyObject* (*function)(PyObject*, PyObject*)>
PyObject* without_modulus(PyObject* a, PyObject* b, PyObject* modulus) {
  if (modulus == Py_None) return function(a, b);
  return not_implemented().release().ptr();
}

template <size_t... n>
PyObject* compared(PyObject* a, PyObject* b, int which, std::index_sequence<n...>) {
  const OpDef* const rows[] = {&row<kComparisons, n>()...};
  return guarded([&] { return binary(*rows[which], a, b); });
}

PyObject* compare_slot(PyObject* a, PyObject* b, int which) {
  return compared(a, b, which, std::make_index_sequence<std::size(kComparisons)>());
}

template <size_t n>
void set_binary_slots(PyNumberMethods& number) {
  if constexpr (kBinary[n].slot != nullptr) {
    number.*kBinary[n].slot = binary_slot<n>;
    number.*kBinary[n].in_place_slot = in_place_slot<n>;
  } else {
    number.nb_power = without_modulus<binary_slot<n>>;
    number.nb_inplace_power = without_modulus<in_place_slot<n>>;
  }
}

template <size_t n>
void set_unary_slot(PyNumberMethods& number) {
  number.*kUnary[n].slot = unary_slot<n>;
}

// ---- methods ----

template <class Function>
void set_method(py::handle type, const char* name, Function function) {
  py::setattr(type, name,
              py::cpp_function(std::move(function), py::name(name), py::is_method(type), py::is_operator()));
}

void set_methods(py::handle type) {
  for (const BinaryOperator& o : kBinary) {
    const OpDef* row = &op(o.op);
    set_method(type, o.name, [row](py::handle a, py::handle b) { return binary(*row, a, b); });
    set_method(type, o.reflected, [row](py::handle a, py::handle b) { return binary(*row, b, a); });
    set_method(type, o.in_place, [row](const TensorRef& a, py::handle b) { return updated(*row, wrap(a), b); });
  }
  for (const Comparison& o : kComparisons)
    set_method(type, o.name, [row = &op(o.op)](py::handle a, py::handle b) { return binary(*row, a, b); });
  for (const UnaryOperator& o : kUnary)
    set_method(type, o.name, [row = &op(o.op)](py::handle a) { return wrap(call_operands(*row, {&a, 1})); });
  const auto divided = [](py::handle a, py::handle b) -> py::object {
    py::object quotient = binary(op("floor_divide"), a, b);
    if (quotient.is(not_implemented())) return quotient;
    return py::make_tuple(std::move(quotient), binary(op("remainder"), a, b));
  };
  set_method(type, "__divmod__", divided);
  set_method(type, "__rdivmod__", [divided](py::handle a, py::handle b) { return divided(b, a); });
  py::setattr(
      type, "__round__",
      py::cpp_function([](const TensorRef& x,
                          std::optional<int64_t> decimals) { return wrap(call("round", {x}, {decimals.value_or(0)})); },
                       py::name("__round__"), py::is_method(type), py::arg("ndigits") = py::none()));
  set_method(type, "__hash__", [](py::handle self) { return reinterpret_cast<intptr_t>(self.ptr()) >> 4; });
}

}  // namespace

void bind_operators(py::handle tensor) {
  set_methods(tensor);
  // After the methods: setting one of them puts Python's own function in its slot.
  auto* type = reinterpret_cast<PyTypeObject*>(tensor.ptr());
  const auto set_slots = [&]<size_t... b, size_t... u>(std::index_sequence<b...>, std::index_sequence<u...>) {
    (set_binary_slots<b>(*type->tp_as_number), ...);
    (set_unary_slot<u>(*type->tp_as_number), ...);
  };
  set_slots(std::make_index_sequence<std::size(kBinary)>(), std::make_index_sequence<std::size(kUnary)>());
  type->tp_richcompare = compare_slot;
}

}  // namespace tandem
