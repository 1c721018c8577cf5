#include "ir/scalar.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

namespace tandem {

namespace {

template <class Float>
Float from_bits(int64_t bits) {
  if constexpr (std::is_same_v<Float, float>)
    return std::bit_cast<float>(static_cast<uint32_t>(bits));
  else
    return std::bit_cast<double>(bits);
}

int64_t to_bits(float value) { return std::bit_cast<uint32_t>(value); }
int64_t to_bits(double value) { return std::bit_cast<int64_t>(value); }

[[noreturn]] void unsupported(ScalarOp op, DType dtype) {
  throw InternalError(fmt::format("internal error (please report it): scalar primitive {} has no meaning for {}",
                                  static_cast<int>(op), info(dtype).text));
}

int64_t evaluate_integer(ScalarOp op, DType dtype, int64_t a, int64_t b) {
  const auto ua = static_cast<uint64_t>(a);
  const auto ub = static_cast<uint64_t>(b);
  const auto wrap = [dtype](uint64_t value) { return canonical(dtype, static_cast<int64_t>(value)); };
  const bool is_signed = info(dtype).is_signed;
  const bool less = is_signed ? a < b : ua < ub;
  const auto quotient = [&]() -> uint64_t {
    if (b == 0) return 0;
    if (!is_signed) return ua / ub;
    return b == -1 ? 0 - ua : static_cast<uint64_t>(a / b);  // INT_MIN / -1 wraps instead of trapping
  };
  switch (op) {
    case ScalarOp::add: return wrap(ua + ub);
    case ScalarOp::sub: return wrap(ua - ub);
    case ScalarOp::mul: return wrap(ua * ub);
    case ScalarOp::div: return wrap(quotient());
    case ScalarOp::rem: return wrap(ua - quotient() * ub);
    case ScalarOp::neg: return wrap(0 - ua);
    case ScalarOp::abs: return wrap(is_signed && a < 0 ? 0 - ua : ua);
    case ScalarOp::min: return less ? a : b;
    case ScalarOp::max: return less ? b : a;
    case ScalarOp::bit_and: return a & b;
    case ScalarOp::bit_or: return a | b;
    case ScalarOp::bit_xor: return a ^ b;
    case ScalarOp::bit_not: return wrap(~ua);
    case ScalarOp::shl: return wrap(ua << (b & 63));
    case ScalarOp::shr: return is_signed ? a >> (b & 63) : static_cast<int64_t>(ua >> (b & 63));
    case ScalarOp::shr_logical: {
      return wrap((ua & ~uint64_t{0} >> (64 - bits_of(dtype))) >> (b & 63));
    }
    default: unsupported(op, dtype);
  }
}

template <class Float>
int64_t evaluate_float(ScalarOp op, DType dtype, int64_t a_bits, int64_t b_bits, int64_t c_bits) {
  const int64_t sign = std::is_same_v<Float, float> ? int64_t{0x80000000} : std::numeric_limits<int64_t>::min();
  const auto a = from_bits<Float>(a_bits);
  const auto b = from_bits<Float>(b_bits);
  switch (op) {
    case ScalarOp::add: return to_bits(a + b);
    case ScalarOp::sub: return to_bits(a - b);
    case ScalarOp::mul: return to_bits(a * b);
    case ScalarOp::div: return to_bits(a / b);
    case ScalarOp::rem: return to_bits(std::fmod(a, b));
    case ScalarOp::neg: return canonical(dtype, a_bits ^ sign);
    case ScalarOp::abs: return canonical(dtype, a_bits & ~sign);
    case ScalarOp::min: return canonical(dtype, a != a ? a_bits : (a < b ? a_bits : b_bits));
    case ScalarOp::max: return canonical(dtype, a != a ? a_bits : (a > b ? a_bits : b_bits));
    case ScalarOp::fma: return to_bits(std::fma(a, b, from_bits<Float>(c_bits)));
    case ScalarOp::sqrt: return to_bits(std::sqrt(a));
    case ScalarOp::floor: return to_bits(std::floor(a));
    case ScalarOp::ceil: return to_bits(std::ceil(a));
    case ScalarOp::trunc: return to_bits(std::trunc(a));
    case ScalarOp::round: return to_bits(std::nearbyint(a));
    default: unsupported(op, dtype);
  }
}

template <class Value>
bool compare(ScalarOp op, Value a, Value b) {
  switch (op) {
    case ScalarOp::eq: return a == b;
    case ScalarOp::ne: return a != b;
    case ScalarOp::lt: return a < b;
    default: return a <= b;
  }
}

// float -> int: truncates toward zero and saturates; NaN gives 0.
int64_t saturate(DType dtype, double value) {
  if (std::isnan(value)) return 0;
  const double above =
      std::ldexp(1.0, bits_of(dtype) - (info(dtype).is_signed ? 1 : 0));  // the first that no longer fits
  if (value >= above) return static_cast<int64_t>(highest_integer(dtype));
  if (value <= static_cast<double>(lowest_integer(dtype))) return lowest_integer(dtype);
  return info(dtype).is_signed ? static_cast<int64_t>(value) : static_cast<int64_t>(static_cast<uint64_t>(value));
}

// A double that any 16-bit float rounds from as it would from `value`: bits beyond the 53rd are folded into a sticky
// one ("round to odd"), because rounding twice to nearest is not rounding once.
double sticky_double(int64_t value, bool is_signed) {
  const auto bits = static_cast<uint64_t>(value);
  const bool negative = is_signed && value < 0;
  uint64_t magnitude = negative ? 0 - bits : bits;
  if (magnitude >> 53 != 0) magnitude = (magnitude & ~uint64_t{0x7ff}) | ((magnitude & 0x7ff) != 0 ? 0x800 : 0);
  const auto result = static_cast<double>(magnitude);
  return negative ? -result : result;
}

int64_t from_double(DType to, double value) {
  switch (to) {
    case DType::f16: return double_to_half(value);
    case DType::bf16: return double_to_bfloat(value);
    case DType::f32: return to_bits(static_cast<float>(value));
    case DType::f64: return to_bits(value);
    case DType::boolean: return value != 0 ? 1 : 0;
    default: return saturate(to, value);
  }
}

int64_t evaluate_cast(DType to, DType from, int64_t a) {
  if (to == from) return canonical(to, a);
  switch (from) {
    case DType::f16:
    case DType::bf16: {
      const auto bits = static_cast<uint16_t>(a);
      const float value = from == DType::f16 ? half_to_float(bits) : bfloat_to_float(bits);
      // Not through a double, which would make signalling NaNs quiet: widening is a move of bits.
      return to == DType::f32 ? to_bits(value) : from_double(to, value);
    }
    case DType::f32: return from_double(to, from_bits<float>(a));
    case DType::f64: return from_double(to, from_bits<double>(a));
    default: break;
  }
  const bool is_signed = info(from).is_signed;
  const auto ua = static_cast<uint64_t>(a);
  if (to == DType::boolean) return a != 0 ? 1 : 0;
  if (to == DType::f32) return to_bits(is_signed ? static_cast<float>(a) : static_cast<float>(ua));
  if (to == DType::f64) return to_bits(is_signed ? static_cast<double>(a) : static_cast<double>(ua));
  if (is_half(to)) return from_double(to, sticky_double(a, is_signed));
  return canonical(to, a);
}

bool same_builder(Scalar a, Scalar b) { return a.builder != nullptr && a.builder == b.builder; }

Scalar unary(ScalarOp op, Scalar a) { return a.builder->emit(op, a.dtype, a.id); }

Scalar binary(ScalarOp op, Scalar a, Scalar b) {
  check_internal(same_builder(a, b) && a.dtype == b.dtype, "scalar operands differ: {} and {}", info(a.dtype).text,
                 info(b.dtype).text);
  return a.builder->emit(op, a.dtype, a.id, b.id);
}

Scalar comparison(ScalarOp op, Scalar a, Scalar b) {
  check_internal(same_builder(a, b) && a.dtype == b.dtype, "compared scalars differ: {} and {}", info(a.dtype).text,
                 info(b.dtype).text);
  return a.builder->emit(op, DType::boolean, a.id, b.id);
}

}  // namespace

int64_t canonical(DType dtype, int64_t bits) {
  const int unused = 64 - bits_of(dtype);
  if (is_signed_integer(dtype)) return static_cast<int64_t>(static_cast<uint64_t>(bits) << unused) >> unused;
  return static_cast<int64_t>(static_cast<uint64_t>(bits) << unused >> unused);
}

int64_t read_element(DType dtype, const void* place) {
  int64_t bits = 0;  // little-endian: the low bytes are the element
  std::memcpy(&bits, place, static_cast<size_t>(size_of(dtype)));
  return dtype == DType::boolean ? bits != 0 : canonical(dtype, bits);
}

double to_double(DType dtype, int64_t bits) {
  return std::bit_cast<double>(evaluate(ScalarOp::cast, DType::f64, dtype, bits));
}

int64_t evaluate(ScalarOp op, DType dtype, DType operand, int64_t a, int64_t b, int64_t c) {
  switch (op) {
    case ScalarOp::constant:
    case ScalarOp::bitcast: return canonical(dtype, a);
    case ScalarOp::select: return canonical(dtype, (a & 1) != 0 ? b : c);
    case ScalarOp::cast: return evaluate_cast(dtype, operand, a);
    case ScalarOp::eq:
    case ScalarOp::ne:
    case ScalarOp::lt:
    case ScalarOp::le:
      if (operand == DType::f32) return compare(op, from_bits<float>(a), from_bits<float>(b));
      if (operand == DType::f64) return compare(op, from_bits<double>(a), from_bits<double>(b));
      if (is_half(operand)) unsupported(op, operand);
      if (!info(operand).is_signed) return compare(op, static_cast<uint64_t>(a), static_cast<uint64_t>(b));
      return compare(op, a, b);
    default: break;
  }
  if (dtype == DType::f32) return evaluate_float<float>(op, dtype, a, b, c);
  if (dtype == DType::f64) return evaluate_float<double>(op, dtype, a, b, c);
  if (is_half(dtype)) unsupported(op, dtype);
  return evaluate_integer(op, dtype, a, b);
}

int64_t constant_bits_of(DType dtype, double value) { return from_double(dtype, value); }

size_t ScalarBuilder::Hash::operator()(const ScalarNode& node) const {
  uint64_t hash = 0x9e3779b97f4a7c15;
  const auto mix = [&hash](int64_t word) {
    hash = (hash ^ static_cast<uint64_t>(word)) * 0xff51afd7ed558ccd;
    hash ^= hash >> 32;
  };
  mix(static_cast<int64_t>(node.op) << 8 | static_cast<int64_t>(node.dtype));
  mix(node.a);
  mix(node.b);
  mix(node.c);
  mix(node.imm);
  return static_cast<size_t>(hash);
}

Scalar ScalarBuilder::emit(ScalarOp op, DType dtype, int a, int b, int c, int64_t imm) {
  const int count = static_cast<int>(body_.size());
  check_internal(a < count && b < count && c < count, "scalar operand {} {} {} is not an earlier node (there are {})",
                 a, b, c, count);
  const auto node_of = [this](int id) -> const ScalarNode& { return body_[static_cast<size_t>(id)]; };
  const auto is_constant = [&](int id) { return id < 0 || node_of(id).op == ScalarOp::constant; };
  if (a >= 0 && is_constant(a) && is_constant(b) && is_constant(c)) {
    const auto imm_of = [&](int id) { return id < 0 ? 0 : node_of(id).imm; };
    return constant_bits(dtype, evaluate(op, dtype, node_of(a).dtype, imm_of(a), imm_of(b), imm_of(c)));
  }
  const ScalarNode node{op, dtype, a, b, c, op == ScalarOp::constant ? canonical(dtype, imm) : imm};
  const auto [found, inserted] = known_.try_emplace(node, count);
  if (inserted) body_.push_back(node);
  return {this, found->second, dtype};
}

Scalar ScalarBuilder::carry(DType dtype, int64_t loop) {
  body_.push_back({ScalarOp::carry, dtype, -1, -1, -1, loop});
  return at(static_cast<int>(body_.size()) - 1);
}

void ScalarBuilder::forget(int first) {
  std::erase_if(known_, [first](const auto& entry) { return entry.second >= first; });
}

Scalar ScalarBuilder::constant(DType dtype, double value) {
  return constant_bits(dtype, constant_bits_of(dtype, value));
}

Scalar ScalarBuilder::constant_bits(DType dtype, int64_t bits) {
  return emit(ScalarOp::constant, dtype, -1, -1, -1, bits);
}

Scalar Scalar::constant(double value) const { return builder->constant(dtype, value); }
Scalar Scalar::constant_bits(int64_t bits) const { return builder->constant_bits(dtype, bits); }

Scalar Scalar::cast(DType to) const { return to == dtype ? *this : builder->emit(ScalarOp::cast, to, id); }

Scalar Scalar::bitcast(DType to) const {
  if (to == dtype) return *this;
  check_internal(size_of(to) == size_of(dtype), "bitcast from {} to {}: sizes differ", info(dtype).text, info(to).text);
  return builder->emit(ScalarOp::bitcast, to, id);
}

Scalar operator+(Scalar a, Scalar b) { return binary(ScalarOp::add, a, b); }
Scalar operator-(Scalar a, Scalar b) { return binary(ScalarOp::sub, a, b); }
Scalar operator*(Scalar a, Scalar b) { return binary(ScalarOp::mul, a, b); }
Scalar operator/(Scalar a, Scalar b) { return binary(ScalarOp::div, a, b); }
Scalar operator-(Scalar a) { return unary(ScalarOp::neg, a); }
Scalar operator==(Scalar a, Scalar b) { return comparison(ScalarOp::eq, a, b); }
Scalar operator!=(Scalar a, Scalar b) { return comparison(ScalarOp::ne, a, b); }
Scalar operator<(Scalar a, Scalar b) { return comparison(ScalarOp::lt, a, b); }
Scalar operator<=(Scalar a, Scalar b) { return comparison(ScalarOp::le, a, b); }
Scalar operator&(Scalar a, Scalar b) { return binary(ScalarOp::bit_and, a, b); }
Scalar operator|(Scalar a, Scalar b) { return binary(ScalarOp::bit_or, a, b); }
Scalar operator^(Scalar a, Scalar b) { return binary(ScalarOp::bit_xor, a, b); }
Scalar operator~(Scalar a) { return unary(ScalarOp::bit_not, a); }
Scalar operator<<(Scalar a, Scalar b) { return binary(ScalarOp::shl, a, b); }
Scalar operator>>(Scalar a, Scalar b) { return binary(ScalarOp::shr, a, b); }
Scalar shr_logical(Scalar a, Scalar b) { return binary(ScalarOp::shr_logical, a, b); }
Scalar rem(Scalar a, Scalar b) { return binary(ScalarOp::rem, a, b); }
Scalar abs(Scalar a) { return unary(ScalarOp::abs, a); }
Scalar min(Scalar a, Scalar b) { return binary(ScalarOp::min, a, b); }
Scalar max(Scalar a, Scalar b) { return binary(ScalarOp::max, a, b); }
Scalar sqrt(Scalar a) { return unary(ScalarOp::sqrt, a); }
Scalar floor(Scalar a) { return unary(ScalarOp::floor, a); }
Scalar ceil(Scalar a) { return unary(ScalarOp::ceil, a); }
Scalar trunc(Scalar a) { return unary(ScalarOp::trunc, a); }
Scalar round(Scalar a) { return unary(ScalarOp::round, a); }

Scalar fma(Scalar a, Scalar b, Scalar c) {
  check_internal(same_builder(a, b) && same_builder(a, c) && a.dtype == b.dtype && a.dtype == c.dtype,
                 "fma operands differ: {}, {}, {}", info(a.dtype).text, info(b.dtype).text, info(c.dtype).text);
  return a.builder->emit(ScalarOp::fma, a.dtype, a.id, b.id, c.id);
}

namespace {

Scalar choice(Scalar condition, Scalar a, Scalar b, bool rare) {
  check_internal(
      same_builder(condition, a) && same_builder(a, b) && condition.dtype == DType::boolean && a.dtype == b.dtype,
      "select needs a bool and two equal dtypes, got {}, {}, {}", info(condition.dtype).text, info(a.dtype).text,
      info(b.dtype).text);
  return condition.builder->emit(ScalarOp::select, a.dtype, condition.id, a.id, b.id, rare ? 1 : 0);
}

}  // namespace

Scalar select(Scalar condition, Scalar a, Scalar b) { return choice(condition, a, b, false); }
Scalar select_rare(Scalar condition, Scalar rare, Scalar common) { return choice(condition, rare, common, true); }

}  // namespace tandem
