#include "codegen/llvm/ops.h"

#include <bit>
#include <cmath>
#include <limits>

namespace tandem::llvm {

namespace {

// LLVM writes a float as the bits of the double of the same value; that form loses the payload of a NaN.
std::string scalar_literal(DType dtype, int64_t bits) {
  switch (dtype) {
    case DType::boolean: return (bits & 1) != 0 ? "true" : "false";
    case DType::f32: {
      const auto value = std::bit_cast<float>(static_cast<uint32_t>(bits));
      if (std::isnan(value)) return fmt::format("bitcast (i32 {} to float)", static_cast<int32_t>(bits));
      return fmt::format("0x{:016X}", std::bit_cast<uint64_t>(static_cast<double>(value)));
    }
    case DType::f64: return fmt::format("0x{:016X}", static_cast<uint64_t>(bits));
    default: {  // integers of either sign, and the bits of 16-bit floats
      const int unused = 64 - bits_of(dtype);
      return fmt::format("{}", static_cast<int64_t>(static_cast<uint64_t>(bits) << unused) >> unused);
    }
  }
}

std::string_view suffix_of(DType dtype) {
  return dtype == DType::f32 ? "f32" : dtype == DType::f64 ? "f64" : register_type(dtype);
}

std::string suffix_of(DType dtype, int width) {
  return width == 1 ? std::string(suffix_of(dtype)) : fmt::format("v{}{}", width, suffix_of(dtype));
}

bool is_signed(DType dtype) { return info(dtype).is_signed; }

}  // namespace

// Integers of either sign are the same in LLVM, and 16-bit floats are their bits.
std::string_view register_type(DType dtype) {
  if (dtype == DType::boolean) return "i1";
  if (dtype == DType::f32) return "float";
  if (dtype == DType::f64) return "double";
  switch (size_of(dtype)) {
    case 1: return "i8";
    case 2: return "i16";
    case 4: return "i32";
    default: return "i64";
  }
}
std::string_view memory_type(DType dtype) { return dtype == DType::boolean ? "i8" : register_type(dtype); }

std::string vector_of(std::string_view type, int width) {
  return width == 1 ? std::string(type) : fmt::format("<{} x {}>", width, type);
}

std::string suffix_of(std::string_view type, int width) {
  return fmt::format("v{}{}", width, type == "float" ? "f32" : type == "double" ? "f64" : type);
}

Value literal(DType dtype, int64_t bits, int width) {
  const std::string scalar = scalar_literal(dtype, bits);
  return width == 1 ? scalar : fmt::format("splat ({} {})", register_type(dtype), scalar);
}

Value Ops::splat(std::string_view type, int width, const Value& scalar) {
  if (width == 1) return scalar;
  if (is_literal(scalar)) return fmt::format("splat ({} {})", type, scalar);
  const std::string vector = vector_of(type, width);
  const Value one = t_.def("insertelement {} poison, {} {}, i32 0", vector, type, scalar);
  return t_.def("shufflevector {0} {1}, {0} poison, <{2} x i32> zeroinitializer", vector, one, width);
}

Value Ops::from_memory(DType dtype, int width, const Value& loaded) {
  if (dtype != DType::boolean) return loaded;
  return t_.def("icmp ne {} {}, {}", vector_of("i8", width), loaded, literal(DType::i8, 0, width));
}

Value Ops::to_memory(DType dtype, int width, const Value& value) {
  if (dtype != DType::boolean) return value;
  return t_.def("zext {} {} to {}", vector_of("i1", width), value, vector_of("i8", width));
}

Value Ops::call(std::string_view intrinsic, DType dtype, int width, const Value& arguments) {
  return t_.def("call {} @llvm.{}.{}({})", type_of(dtype, width), intrinsic, suffix_of(dtype, width), arguments);
}

Value Ops::divide(DType dtype, int width, const Value& a, const Value& b, bool safe_divisor) {
  if (dtype == DType::boolean) return t_.def("and {} {}, {}", type_of(dtype, width), a, b);
  const std::string type = type_of(dtype, width);
  const std::string_view op = is_signed(dtype) ? "sdiv" : "udiv";
  if (safe_divisor) return t_.def("{} {} {}, {}", op, type, a, b);
  const std::string mask = vector_of("i1", width);
  const Value zero = literal(dtype, 0, width);
  const Value one = literal(dtype, 1, width);
  const Value by_zero = t_.def("icmp eq {} {}, {}", type, b, zero);
  Value divisor = t_.def("select {} {}, {} {}, {} {}", mask, by_zero, type, one, type, b);
  if (!is_signed(dtype)) {
    const Value quotient = t_.def("udiv {} {}, {}", type, a, divisor);
    return t_.def("select {} {}, {} {}, {} {}", mask, by_zero, type, zero, type, quotient);
  }
  // The one overflowing quotient traps: divide by 1 instead and negate, which wraps.
  const Value by_minus_one = t_.def("icmp eq {} {}, {}", type, b, literal(dtype, -1, width));
  divisor = t_.def("select {} {}, {} {}, {} {}", mask, by_minus_one, type, one, type, divisor);
  const Value quotient = t_.def("sdiv {} {}, {}", type, a, divisor);
  const Value negated = t_.def("sub {} {}, {}", type, zero, quotient);
  const Value signed_quotient = t_.def("select {} {}, {} {}, {} {}", mask, by_minus_one, type, negated, type, quotient);
  return t_.def("select {} {}, {} {}, {} {}", mask, by_zero, type, zero, type, signed_quotient);
}

// The remainder of a division is exact, whatever the quotient: a is reduced by multiples of b, where the quotient has more
// than 48 bits in a loop, by those that are scaled up by powers of 2. Lanes that are done stay as they are.
Value Ops::remainder(DType dtype, int width, const Value& a, const Value& b) {
  if (dtype != DType::f64) {
    const auto wide = [&](const Value& x) {
      return t_.def("fpext {} {} to {}", type_of(dtype, width), x, type_of(DType::f64, width));
    };
    const Value result = remainder(DType::f64, width, wide(a), wide(b));
    return t_.def("fptrunc {} {} to {}", type_of(DType::f64, width), result, type_of(dtype, width));
  }
  const std::string real = type_of(DType::f64, width), whole = type_of(DType::i64, width);
  const std::string mask = vector_of("i1", width);
  const auto number = [&](double x) { return literal(DType::f64, std::bit_cast<int64_t>(x), width); };
  const auto integer = [&](int64_t x) { return literal(DType::i64, x, width); };
  const auto choose = [&](const Value& when, const Value& yes, const Value& no) {
    return t_.def("select {} {}, {} {}, {} {}", mask, when, real, yes, real, no);
  };
  const auto is = [&](std::string_view how, const Value& x, const Value& y) {
    return t_.def("fcmp {} {} {}, {}", how, real, x, y);
  };
  const auto least = [&](const Value& x, const Value& y) {
    return call("smin", DType::i64, width, fmt::format("{0} {1}, {0} {2}", whole, x, y));
  };
  // The exponent, also of subnormal numbers.
  const auto exponent = [&](const Value& x) {
    const Value small = is("olt", x, number(0x1p-1022));
    const Value normal = choose(small, t_.def("fmul {} {}, {}", real, x, number(0x1p53)), x);
    const Value field =
        t_.def("lshr {} {}, {}", whole, t_.def("bitcast {} {} to {}", real, normal, whole), integer(52));
    return t_.def("select {0} {1}, {2} {3}, {2} {4}", mask, small, whole,
                  t_.def("sub {} {}, {}", whole, field, integer(53)), field);
  };
  const auto magnitude = [&](const Value& x) { return call("fabs", DType::f64, width, fmt::format("{} {}", real, x)); };
  const auto times = [&](const Value& x, const Value& y) { return t_.def("fmul {} {}, {}", real, x, y); };

  // Lanes without meaning must not decide how often the loop runs.
  const Value dividend = t_.def("freeze {} {}", real, a), divisor = t_.def("freeze {} {}", real, b);
  const Value infinity = number(std::numeric_limits<double>::infinity());
  const Value is_nan = is("uno", dividend, divisor);
  const Value endless = is("oeq", magnitude(dividend), infinity), by_zero = is("oeq", divisor, number(0));
  const Value invalid = t_.def("or {} {}, {}", mask, endless, by_zero);
  const Value whole_range = is("oeq", magnitude(divisor), infinity);
  const Value special = t_.def("or {} {}, {}", mask, t_.def("or {} {}, {}", mask, is_nan, invalid), whole_range);
  const Value step = choose(special, number(1), magnitude(divisor));
  const auto divided = [&](const Value& x, const Value& y) { return t_.def("fdiv {} {}, {}", real, x, y); };
  const auto reduced = [&](const Value& x, const Value& quotient, const Value& y) {
    const Value times_y = call("trunc", DType::f64, width, fmt::format("{} {}", real, quotient));
    const Value less = call("fma", DType::f64, width,
                            fmt::format("{0} {1}, {0} {2}, {0} {3}", real, t_.def("fneg {} {}", real, times_y), y, x));
    // The rounded quotient may be 1 too large.
    return choose(is("olt", less, number(0)), t_.def("fadd {} {}, {}", real, less, y), less);
  };
  const Value first = choose(special, number(0), magnitude(dividend)), first_quotient = divided(first, step);
  const Value once = is("olt", first_quotient, number(0x1p48));
  Loop loop(t_, {{real, choose(once, reduced(first, first_quotient, step), first)}});
  const Value rest = loop[0];
  Value more = is("oge", rest, step);
  if (width > 1) more = t_.def("icmp ne i{0} {1}, 0", width, t_.def("bitcast {} {} to i{}", mask, more, width));
  loop.enter(more);
  const Value apart = t_.def("sub {} {}, {}", whole, exponent(rest), exponent(step));
  Value scale = t_.def("sub {} {}, {}", whole, apart, integer(48));
  scale = call("smax", DType::i64, width, fmt::format("{0} {1}, {0} {2}", whole, scale, integer(0)));
  Value scaled = step;
  for (int part = 0; part < 3; ++part) {  // the exponents of two numbers may be 2100 apart
    const Value by = least(scale, integer(1000));
    const Value biased = t_.def("add {} {}, {}", whole, by, integer(1023));
    const Value bits = t_.def("shl {} {}, {}", whole, biased, integer(52));
    scaled = times(scaled, t_.def("bitcast {} {} to {}", whole, bits, real));
    scale = t_.def("sub {} {}, {}", whole, scale, by);
  }
  loop.close({reduced(rest, divided(rest, scaled), scaled)});
  Value result = call("copysign", DType::f64, width, fmt::format("{0} {1}, {0} {2}", real, loop[0], dividend));
  result = choose(whole_range, dividend, result);
  // The sign of a NaN is that of x86's, as from C's fmod.
  const Value none = literal(DType::f64, static_cast<int64_t>(0xfff8000000000000), width);
  result = choose(invalid, none, result);
  return choose(is_nan, t_.def("fadd {} {}, {}", real, dividend, divisor), result);
}

Value Ops::extremum(ScalarOp op, DType dtype, int width, const Value& a, const Value& b) {
  const bool is_min = op == ScalarOp::min;
  const std::string type = type_of(dtype, width);
  if (dtype == DType::boolean) return t_.def("{} {} {}, {}", is_min ? "and" : "or", type, a, b);
  if (!is_floating(dtype)) {
    const std::string_view intrinsic = is_signed(dtype) ? (is_min ? "smin" : "smax") : (is_min ? "umin" : "umax");
    return call(intrinsic, dtype, width, fmt::format("{0} {1}, {0} {2}", type, a, b));
  }
  const std::string mask = vector_of("i1", width);
  const Value better = t_.def("fcmp {} {} {}, {}", is_min ? "olt" : "ogt", type, a, b);
  const Value chosen = t_.def("select {} {}, {} {}, {} {}", mask, better, type, a, type, b);
  const Value is_nan = t_.def("fcmp uno {} {}, {}", type, a, a);
  return t_.def("select {} {}, {} {}, {} {}", mask, is_nan, type, a, type, chosen);
}

Value Ops::compare(ScalarOp op, DType operand, int width, const Value& a, const Value& b) {
  const bool is_float = is_floating(operand);
  std::string_view predicate;
  switch (op) {
    case ScalarOp::eq: predicate = is_float ? "oeq" : "eq"; break;
    case ScalarOp::ne: predicate = is_float ? "une" : "ne"; break;
    case ScalarOp::lt: predicate = is_float ? "olt" : is_signed(operand) ? "slt" : "ult"; break;
    default: predicate = is_float ? "ole" : is_signed(operand) ? "sle" : "ule"; break;
  }
  return t_.def("{} {} {} {}, {}", is_float ? "fcmp" : "icmp", predicate, type_of(operand, width), a, b);
}

Value Ops::emit(ScalarOp op, DType dtype, DType operand, int width, const Value& a, const Value& b, const Value& c,
                bool safe_divisor) {
  const std::string type = type_of(dtype, width);
  const bool is_float = is_floating(dtype);
  const auto binary = [&](std::string_view name) { return t_.def("{} {} {}, {}", name, type, a, b); };
  // An amount of a whole word or more is excluded by the contract, but must not become undefined behaviour.
  const auto shift = [&](std::string_view name) {
    const Value amount =
        is_literal(b) ? b : t_.def("and {} {}, {}", type, b, literal(dtype, 8 * size_of(dtype) - 1, width));
    return t_.def("{} {} {}, {}", name, type, a, amount);
  };
  switch (op) {
    case ScalarOp::add: return binary(is_float ? "fadd" : "add");
    case ScalarOp::sub: return binary(is_float ? "fsub" : "sub");
    case ScalarOp::mul: return binary(is_float ? "fmul" : "mul");
    case ScalarOp::div: return is_float ? binary("fdiv") : divide(dtype, width, a, b, safe_divisor);
    case ScalarOp::rem: {
      if (is_float) return remainder(dtype, width, a, b);
      if (safe_divisor) return binary(is_signed(dtype) ? "srem" : "urem");
      const Value product = t_.def("mul {} {}, {}", type, divide(dtype, width, a, b, false), b);
      return t_.def("sub {} {}, {}", type, a, product);
    }
    case ScalarOp::neg:
      return is_float ? t_.def("fneg {} {}", type, a) : t_.def("sub {} {}, {}", type, literal(dtype, 0, width), a);
    case ScalarOp::abs:
      if (is_float) return call("fabs", dtype, width, fmt::format("{} {}", type, a));
      return is_signed(dtype) ? call("abs", dtype, width, fmt::format("{} {}, i1 false", type, a)) : a;
    case ScalarOp::min:
    case ScalarOp::max: return extremum(op, dtype, width, a, b);
    case ScalarOp::fma: return call("fma", dtype, width, fmt::format("{0} {1}, {0} {2}, {0} {3}", type, a, b, c));
    case ScalarOp::sqrt: return call("sqrt", dtype, width, fmt::format("{} {}", type, a));
    case ScalarOp::floor: return call("floor", dtype, width, fmt::format("{} {}", type, a));
    case ScalarOp::ceil: return call("ceil", dtype, width, fmt::format("{} {}", type, a));
    case ScalarOp::trunc: return call("trunc", dtype, width, fmt::format("{} {}", type, a));
    case ScalarOp::round: return call("roundeven", dtype, width, fmt::format("{} {}", type, a));
    case ScalarOp::eq:
    case ScalarOp::ne:
    case ScalarOp::lt:
    case ScalarOp::le: return compare(op, operand, width, a, b);
    case ScalarOp::bit_and: return binary("and");
    case ScalarOp::bit_or: return binary("or");
    case ScalarOp::bit_xor: return binary("xor");
    case ScalarOp::bit_not: return t_.def("xor {} {}, {}", type, a, literal(dtype, -1, width));
    case ScalarOp::shl: return shift("shl");
    case ScalarOp::shr: return shift(is_signed(dtype) ? "ashr" : "lshr");
    case ScalarOp::shr_logical: return shift("lshr");
    case ScalarOp::select: return t_.def("select {} {}, {} {}, {} {}", vector_of("i1", width), a, type, b, type, c);
    case ScalarOp::cast: return cast(dtype, operand, width, a);
    case ScalarOp::bitcast:
      if (register_type(dtype) == register_type(operand)) return a;
      return t_.def("bitcast {} {} to {}", type_of(operand, width), a, type);
    case ScalarOp::constant:
    case ScalarOp::index:
    case ScalarOp::extent:
    case ScalarOp::load:
    case ScalarOp::result:
    case ScalarOp::carry: break;
  }
  throw InternalError("internal error (please report it): a leaf node was emitted as an operation");
}

Value Ops::cast(DType to, DType from, int width, const Value& a) {
  if (to == from) return a;
  const std::string source = type_of(from, width);
  const std::string result = type_of(to, width);
  if (to == DType::boolean) {
    if (is_half(from))
      return t_.def("icmp ne {} {}, {}", source, bits("and", "i16", width, a, 0x7fff), literal(from, 0, width));
    const std::string_view op = is_floating(from) ? "fcmp une" : "icmp ne";
    return t_.def("{} {} {}, {}", op, source, a, literal(from, 0, width));
  }
  if (from == DType::boolean) {
    if (!is_floating(to)) return t_.def("zext {} {} to {}", source, a, result);
    const int64_t one = to == DType::f64    ? int64_t{0x3ff0000000000000}
                        : to == DType::f32  ? 0x3f800000
                        : to == DType::bf16 ? 0x3f80
                                            : 0x3c00;
    return t_.def("select {} {}, {} {}, {} {}", source, a, result, literal(to, one, width), result,
                  literal(to, 0, width));
  }
  if (is_half(from)) {
    const Value wide = from == DType::f16 ? half_to_float(width, a) : bfloat_to_float(width, a);
    return cast(to, DType::f32, width, wide);
  }
  if (is_half(to)) return narrow(to, from, width, a);
  if (is_floating(from) && is_floating(to))
    return t_.def("{} {} {} to {}", to == DType::f64 ? "fpext" : "fptrunc", source, a, result);
  if (is_floating(from)) {
    const std::string_view intrinsic = is_signed(to) ? "fptosi.sat" : "fptoui.sat";
    return t_.def("call {} @llvm.{}.{}.{}({} {})", result, intrinsic, suffix_of(to, width), suffix_of(from, width),
                  source, a);
  }
  if (is_floating(to)) return t_.def("{} {} {} to {}", is_signed(from) ? "sitofp" : "uitofp", source, a, result);
  if (size_of(from) == size_of(to)) return a;
  const std::string_view op = size_of(to) < size_of(from) ? "trunc" : is_signed(from) ? "sext" : "zext";
  return t_.def("{} {} {} to {}", op, source, a, result);
}

}  // namespace tandem::llvm
