#include "codegen/cuda/ops.h"

#include <bit>
#include <cmath>
#include <limits>

#include "ir/scalar.h"

namespace tandem::cuda {

namespace {

// Integers are computed without a sign, in at least 32 bits, and cut to size: all overflow wraps.
std::string_view wide_type(DType dtype) { return size_of(dtype) == 8 ? "u64" : "u32"; }

bool is_signed(DType dtype) { return info(dtype).is_signed; }

std::string number(double value, int digits, std::string_view suffix) {
  std::string text = fmt::format("{:.{}g}", value, digits);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text + std::string(suffix);
}

std::string boolean_operation(ScalarOp op, const std::string& a, const std::string& b) {
  switch (op) {
    case ScalarOp::add:
    case ScalarOp::sub:
    case ScalarOp::bit_xor: return fmt::format("{} != {}", a, b);
    case ScalarOp::mul:
    case ScalarOp::div:
    case ScalarOp::min:
    case ScalarOp::bit_and: return fmt::format("{} & {}", a, b);
    case ScalarOp::max:
    case ScalarOp::bit_or: return fmt::format("{} | {}", a, b);
    case ScalarOp::bit_not: return fmt::format("!{}", a);
    default: return a;  // neg, abs
  }
}

std::string integer_operation(ScalarOp op, DType dtype, const std::string& a, const std::string& b) {
  const std::string_view type = register_type(dtype), wide = wide_type(dtype);
  const auto binary = [&](std::string_view sign) {
    return fmt::format("({0})(({1}){2} {3} ({1}){4})", type, wide, a, sign, b);
  };
  const std::string amount = fmt::format("((int){} & {})", b, 8 * size_of(dtype) - 1);
  switch (op) {
    case ScalarOp::add: return binary("+");
    case ScalarOp::sub: return binary("-");
    case ScalarOp::mul: return binary("*");
    case ScalarOp::div: return fmt::format("int_div<{}, {}>({}, {})", type, wide, a, b);
    case ScalarOp::rem: return fmt::format("int_rem<{}, {}>({}, {})", type, wide, a, b);
    case ScalarOp::neg: return fmt::format("({})(({})0 - ({}){})", type, wide, wide, a);
    case ScalarOp::abs:
      return is_signed(dtype) ? fmt::format("({0})({1} < 0 ? ({2})0 - ({2}){1} : ({2}){1})", type, a, wide) : a;
    case ScalarOp::min: return fmt::format("{0} < {1} ? {0} : {1}", a, b);
    case ScalarOp::max: return fmt::format("{0} < {1} ? {1} : {0}", a, b);
    case ScalarOp::bit_and: return fmt::format("({})({} & {})", type, a, b);
    case ScalarOp::bit_or: return fmt::format("({})({} | {})", type, a, b);
    case ScalarOp::bit_xor: return fmt::format("({})({} ^ {})", type, a, b);
    case ScalarOp::bit_not: return fmt::format("({})~{}", type, a);
    case ScalarOp::shl: return fmt::format("({})(({}){} << {})", type, wide, a, amount);
    case ScalarOp::shr: return fmt::format("({})({} >> {})", type, a, amount);
    default:  // shr_logical
      return fmt::format("({})((u{}){} >> {})", type, bits_of(dtype), a, amount);
  }
}

std::string float_operation(ScalarOp op, DType dtype, const std::string& a, const std::string& b,
                            const std::string& c) {
  const bool single = dtype == DType::f32;
  const auto call = [&](std::string_view name) { return fmt::format("{}{}({})", name, single ? "f" : "", a); };
  switch (op) {
    case ScalarOp::add: return fmt::format("{} + {}", a, b);
    case ScalarOp::sub: return fmt::format("{} - {}", a, b);
    case ScalarOp::mul: return fmt::format("{} * {}", a, b);
    case ScalarOp::div: return fmt::format("{} / {}", a, b);
    case ScalarOp::rem: return fmt::format("fmod{}({}, {})", single ? "f" : "", a, b);
    case ScalarOp::neg: return fmt::format("-{}", a);
    case ScalarOp::abs: return call("fabs");
    case ScalarOp::min: return fmt::format("{0} != {0} || {0} < {1} ? {0} : {1}", a, b);
    case ScalarOp::max: return fmt::format("{0} != {0} || {0} > {1} ? {0} : {1}", a, b);
    case ScalarOp::fma: return fmt::format("{}({}, {}, {})", single ? "__fmaf_rn" : "__fma_rn", a, b, c);
    case ScalarOp::sqrt: return fmt::format("{}({})", single ? "__fsqrt_rn" : "__dsqrt_rn", a);
    case ScalarOp::floor: return call("floor");
    case ScalarOp::ceil: return call("ceil");
    case ScalarOp::trunc: return call("trunc");
    default: return call("rint");  // round
  }
}

std::string_view comparison_sign(ScalarOp op) {
  return op == ScalarOp::eq ? "==" : op == ScalarOp::ne ? "!=" : op == ScalarOp::lt ? "<" : "<=";
}

// Rounded once, which a detour over f32 would not do for what it does not hold.
std::string narrow(DType to, DType from, const std::string& a) {
  const std::string_view convert = to == DType::f16 ? "float_to_half" : "float_to_bfloat";
  if (from == DType::f64) return fmt::format("{}(round_to_odd({}))", convert, a);
  if (is_integer(from) && size_of(from) == 8)
    return fmt::format("{}(round_to_odd(sticky_{}({})))", convert, info(from).text, a);
  if (is_integer(from) && size_of(from) == 4) return fmt::format("{}(round_to_odd((f64){}))", convert, a);
  return fmt::format("{}((f32){})", convert, a);
}

std::string cast(DType to, DType from, const std::string& a) {
  if (to == from) return a;
  const std::string_view type = register_type(to);
  if (is_half(from)) {
    if (to == DType::boolean) return fmt::format("({} & 0x7fff) != 0", a);
    return cast(to, DType::f32, fmt::format("{}({})", from == DType::f16 ? "half_to_float" : "bfloat_to_float", a));
  }
  if (is_half(to)) return narrow(to, from, a);
  if (to == DType::boolean) return fmt::format("{} != 0", a);
  if (is_integer(to) && is_floating(from)) {
    // The first value that is too large.
    const std::string above =
        number(std::ldexp(1.0, bits_of(to) - (is_signed(to) ? 1 : 0)), 17, from == DType::f32 ? "f" : "");
    return fmt::format("saturate<{}>({}, {}, {}, {})", type, a, above, literal(to, lowest_integer(to)),
                       literal(to, static_cast<int64_t>(highest_integer(to))));
  }
  return fmt::format("({}){}", type, a);
}

}  // namespace

std::string_view register_type(DType dtype) { return info(dtype).text; }
std::string_view memory_type(DType dtype) { return dtype == DType::boolean ? "u8" : register_type(dtype); }

std::string literal(DType dtype, int64_t bits) {
  switch (dtype) {
    case DType::boolean: return (bits & 1) != 0 ? "true" : "false";
    case DType::f32: {
      const auto value = std::bit_cast<float>(static_cast<uint32_t>(bits));
      if (!std::isnormal(value) && value != 0)
        return fmt::format("__int_as_float(0x{:08x})", static_cast<uint32_t>(bits));
      return number(value, 9, "f");
    }
    case DType::f64: {
      const auto value = std::bit_cast<double>(bits);
      if (!std::isnormal(value) && value != 0)
        return fmt::format("__longlong_as_double(0x{:016x}ll)", static_cast<uint64_t>(bits));
      return number(value, 17, "");
    }
    case DType::i64:
      if (bits == std::numeric_limits<int64_t>::min()) return "(i64)0x8000000000000000ull";
      return bits < 0 ? fmt::format("({}ll)", bits) : fmt::format("{}ll", bits);
    case DType::u64: return fmt::format("{}ull", static_cast<uint64_t>(bits));
    case DType::u32: return fmt::format("{}u", static_cast<uint32_t>(bits));
    case DType::i32:
      if (static_cast<int32_t>(bits) == std::numeric_limits<int32_t>::min()) return "(i32)0x80000000u";
      return bits < 0 ? fmt::format("({})", bits) : fmt::format("{}", bits);
    default: return fmt::format("({}){}", register_type(dtype), canonical(dtype, bits));
  }
}

std::string operation(ScalarOp op, DType dtype, DType operand, const std::string& a, const std::string& b,
                      const std::string& c) {
  switch (op) {
    case ScalarOp::eq:
    case ScalarOp::ne:
    case ScalarOp::lt:
    case ScalarOp::le: return fmt::format("{} {} {}", a, comparison_sign(op), b);
    case ScalarOp::select: return fmt::format("{} ? {} : {}", a, b, c);
    case ScalarOp::cast: return cast(dtype, operand, a);
    case ScalarOp::bitcast:
      if (dtype == operand) return a;
      if (dtype == DType::f32) return fmt::format("__int_as_float((i32){})", a);
      if (dtype == DType::f64) return fmt::format("__longlong_as_double((i64){})", a);
      if (operand == DType::f32) return fmt::format("({})__float_as_int({})", register_type(dtype), a);
      if (operand == DType::f64) return fmt::format("({})__double_as_longlong({})", register_type(dtype), a);
      return fmt::format("({}){}", register_type(dtype), a);
    case ScalarOp::constant:
    case ScalarOp::index:
    case ScalarOp::extent:
    case ScalarOp::load:
    case ScalarOp::result:
    case ScalarOp::carry:
      throw InternalError("internal error (please report it): a leaf node was emitted as an operation");
    default: break;
  }
  if (dtype == DType::boolean) return boolean_operation(op, a, b);
  return is_floating(dtype) ? float_operation(op, dtype, a, b, c) : integer_operation(op, dtype, a, b);
}

std::string combination(ReduceKind kind, DType dtype, const std::string& earlier, const std::string& later) {
  switch (kind) {
    case ReduceKind::sum: return operation(ScalarOp::add, dtype, dtype, earlier, later, {});
    case ReduceKind::prod: return operation(ScalarOp::mul, dtype, dtype, earlier, later, {});
    case ReduceKind::max: return operation(ScalarOp::max, dtype, dtype, later, earlier, {});
    case ReduceKind::min: return operation(ScalarOp::min, dtype, dtype, later, earlier, {});
    case ReduceKind::argmax:
    case ReduceKind::argmin: break;
  }
  throw InternalError("internal error (please report it): an index is not combined like a value");
}

// Of argmax and argmin: of the value.
std::string identity(ReduceKind kind, DType dtype) {
  const double infinity = std::numeric_limits<double>::infinity();
  switch (kind) {
    case ReduceKind::sum: return literal(dtype, 0);
    case ReduceKind::prod: return literal(dtype, constant_bits_of(dtype, 1));
    case ReduceKind::max:
    case ReduceKind::argmax: return literal(dtype, dtype == DType::boolean ? 0 : constant_bits_of(dtype, -infinity));
    case ReduceKind::min:
    case ReduceKind::argmin: return literal(dtype, constant_bits_of(dtype, infinity));
  }
  return {};
}

}  // namespace tandem::cuda
