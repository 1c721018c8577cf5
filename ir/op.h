// The operation table: everything known about an operation stands in one row.
#pragma once
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ir/complex.h"
#include "ir/dim.h"
#include "ir/dtype.h"
#include "ir/kernel.h"
#include "ir/scalar.h"

namespace tandem {

struct Device {
  enum class Type : uint8_t { cpu, cuda } type = Type::cpu;
  int index = 0;
  bool operator==(const Device&) const = default;
};
std::string to_text(Device device);

struct TensorType {
  DType dtype = DType::f32;
  Shape shape;
  Device device;
  int rank() const { return static_cast<int>(shape.size()); }
  bool operator==(const TensorType&) const = default;
};
std::string to_text(const TensorType& type);  // "f32[N, 64]"

// ---- Attributes ----------------------------------------------------------------------------------------------------
// Stored in the order of the row's `attrs`; equality and hashing derive from the variant.
using Attr = std::variant<std::monostate, bool, int64_t, double, DType, std::vector<Dim>>;
using Attrs = std::vector<Attr>;
enum class AttrKind : uint8_t { boolean, integer, real, number, dtype, axis, axes, shape, dims };

struct AttrSpec {
  std::string_view name = {};
  AttrKind kind = AttrKind::integer;
  std::optional<Attr> fallback = std::nullopt;  // default; none: required
  std::string_view doc = "";
  std::string_view also = "";  // another name that it may be given by, NumPy's
};
size_t hash(const Attrs& attrs);
std::string to_text(const Attr& attr);

struct OpDef;

// ---- Shape and dtype rules -----------------------------------------------------------------------------------------
struct InferContext {
  const OpDef& op;
  std::span<const TensorType> inputs;
  Attrs& attrs;  // may be normalised (negative axes, missing dtypes)
  ShapeEnv& env;

  const Attr& attr(std::string_view name) const;
  Attr& attr(std::string_view name);
  bool has(std::string_view name) const { return !std::holds_alternative<std::monostate>(attr(name)); }
  template <class T>
  const T& get(std::string_view name) const;
  // "add: got shapes [2, 3] and [4]; need ...": `op: ` is put in front.
  template <class... Args>
  [[noreturn]] void fail(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) const;
};
std::string_view name_of(const OpDef& op);

template <class T>
const T& attr_as(const OpDef& op, const Attrs& attrs, std::string_view name);

template <class T>
const T& InferContext::get(std::string_view name) const {
  return attr_as<T>(op, attrs, name);
}
template <class... Args>
[[noreturn]] void InferContext::fail(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) const {
  throw Error(kind, fmt::format("{}: ", name_of(op)) + fmt::format(format, std::forward<Args>(args)...));
}

// NumPy's broadcasting of `shapes`; `what` names the operation in the error.
Shape broadcast_shapes(std::string_view what, std::span<const Shape> shapes, ShapeEnv& env);
// Normalises a possibly negative axis; throws Error{index}.
int64_t normalize_axis(std::string_view what, int64_t axis, int rank);

// ---- Lowering ------------------------------------------------------------------------------------------------------
// Where each dimension of a tensor lies in memory or in another index space: coordinate = offset + sum of strides.
struct Layout {
  Dim offset = 0;
  Shape strides;  // one per dimension
};

// Element by element on broadcast inputs. Inputs arrive in the compute type of their promoted dtype (or their own
// dtypes where the row has Trait::mixed); the result is cast to the output dtype.
using PointwiseRule = Scalar (*)(std::span<const Scalar> inputs, const OpDef& op, const Attrs& attrs);
// The same where an input or the result is complex: real inputs come as they are, complex ones as two parts.
using ComplexRule = Complex (*)(std::span<const Complex> inputs, const OpDef& op, const Attrs& attrs);
// A view: the layout of the result over the same memory, or nothing when only a copy will do.
using ViewRule = std::optional<Layout> (*)(const TensorType& input, const Layout& layout, const OpDef& op,
                                           const Attrs& attrs, const TensorType& output);
struct ReduceRule {
  ReduceKind kind;
};
// Running results along the attribute `axis`, in order.
struct ScanRule {
  ReduceKind kind;
};
// Special shapes of lowering that the passes know by name.
enum class Structure : uint8_t {
  full,
  from_dim,
  iota,
  take,
  take_along_axis,
  concat,
  view_update,
  index_update,
  matmul,
  control,
  host_call,
  check_index,
  failure_point,
  library
};

class Builder;
struct Value;
// A formula over other operations.
using ComposeRule = Value (*)(Builder& b, std::span<const Value> inputs, const OpDef& op, const Attrs& attrs);
using Lowering = std::variant<std::monostate, PointwiseRule, ViewRule, ReduceRule, ScanRule, Structure, ComposeRule>;

// Gradient of the inputs, given the result and the gradient of the result; an empty Value where there is none.
struct GradContext {
  Builder& b;
  std::span<const Value> inputs;
  const Value& output;
  const Value& upstream;
  const OpDef& op;
  const Attrs& attrs;
};
using GradRule = std::vector<Value> (*)(const GradContext& c);
struct NoGrad {
  std::string_view reason;  // shown to the user
};
using Gradient = std::variant<std::monostate, GradRule, NoGrad>;

// Which input holds indices into an axis of which other one, or of the result. They must lie in [-size, size), whether or
// not anybody uses the result; the axis is the attribute of that name, or else the first.
struct IndexCheck {
  static constexpr int kResult = -1;
  int indices, table;
};

// ---- The row -------------------------------------------------------------------------------------------------------
enum class Trait : uint32_t {
  none = 0,
  commutative = 1,
  mixed = 2,      // inputs keep their own dtypes
  exact = 4,      // result equals NumPy's bit for bit on the same dtype
  method = 8,     // also a method of Tensor
  internal = 16,  // not part of the public namespace
  variadic = 32,
  wide = 64,       // a formula carried out in f32 on 16-bit inputs, rounded once at the end
  may_fail = 128,  // throws for some contents of its inputs, whether or not anybody uses the result
  complex = 256,   // a reduction or formula that takes complex numbers, too; pointwise rows say so by on_complex
};
constexpr uint32_t operator|(Trait a, Trait b) { return static_cast<uint32_t>(a) | static_cast<uint32_t>(b); }
constexpr uint32_t operator|(uint32_t a, Trait b) { return a | static_cast<uint32_t>(b); }

// Which dtypes an operation takes; the frontend promotes ints to the default float where only floats will do.
enum class Accepts : uint8_t { any, numeric, floating, integral_or_bool, boolean, promote_to_float, complex };

struct OpDef {
  std::string_view name = {};
  std::vector<std::string_view> inputs = {};  // names; with Trait::variadic one name for all
  int optional_inputs = 0;                    // so many trailing inputs may be left out
  std::vector<AttrSpec> attrs = {};
  uint32_t traits = 0;
  Accepts accepts = Accepts::any;
  TensorType (*infer)(InferContext& c) = nullptr;
  Lowering lower = {};
  ComplexRule on_complex = nullptr;  // of a pointwise row that takes complex numbers
  // Of a row that complex numbers take apart otherwise than part by part: replaces the node where they occur.
  ComposeRule complex_formula = nullptr;
  std::optional<IndexCheck> checks = std::nullopt;
  Gradient grad = {};
  std::string_view onnx = {};     // operator, "rule: operators" (tandem/onnx), "compose" (its formula), "none: reason"
  std::string_view doc = {};      // first line: one imperative sentence
  std::string_view example = {};  // a doctest-style expression and its printed value
  // Inputs every generated test runs: "(3, 4) (4,):positive | axis=1" = shapes, the domain values are drawn from
  // (normal unless said), attributes as Python keyword arguments. See tests/ops/samples.py.
  std::vector<std::string_view> samples = {};

  bool has(Trait trait) const { return (traits & static_cast<uint32_t>(trait)) != 0; }
  int attr_index(std::string_view attr) const;
};

// Every operation, in the order of its family. Built once, on first use.
const std::vector<const OpDef*>& all_ops();
const OpDef* find_op(std::string_view name);
const OpDef& op(std::string_view name);  // throws InternalError when there is none
// The view that a Structure::view_update writes through; it has the same attributes.
const OpDef& view_of_update(const OpDef& update);

// The axis that the indices of a row with `checks` are of, and its size.
struct CheckedAxis {
  int64_t axis;
  Dim size;
};
CheckedAxis checked_axis(const OpDef& op, std::span<const TensorType> inputs, const TensorType& result,
                         const Attrs& attrs);

// The formula that stands for a node with such inputs; null where the node itself is lowered.
// Throws Error{autograd} for a row without one, with the reason.
GradRule gradient_rule(const OpDef& op);
ComposeRule formula_of(const OpDef& op, std::span<const DType> inputs, const Attrs& attrs);

// Whether inputs may be complex.
bool takes_complex(const OpDef& op);

template <class T>
const T& attr_as(const OpDef& op, const Attrs& attrs, std::string_view name) {
  const T* value = std::get_if<T>(&attrs[static_cast<size_t>(op.attr_index(name))]);
  check_internal(value != nullptr, "attribute '{}' of {} has another type", name, op.name);
  return *value;
}

}  // namespace tandem
