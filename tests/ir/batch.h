// Two ways to run a scalar body: `Batch` for many inputs at once, node by node over blocks with native loops, and
// `evaluate_body` for one input by `evaluate`, the definition. test_math.cpp checks that both agree.
#pragma once
#include <bit>
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "ir/scalar.h"

namespace tandem::testing {

// Compiled once per instruction set, chosen when the program starts; a library call for every fma would be slow.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define TANDEM_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), optimize("O3")))
#else
#define TANDEM_CLONES
#endif

class Batch {
 public:
  static constexpr int kBlock = 2048;

  // `body` reads its inputs with ScalarOp::load, imm = number of the input; `result` is the node asked for.
  Batch(std::vector<ScalarNode> body, int result) : body_(std::move(body)), result_(result), slots_(body_.size()) {
    for (size_t i = 0; i < body_.size(); ++i) {
      slots_[i].resize(kBlock);
      if (body_[i].op == ScalarOp::constant) fill(i);
    }
  }

  // Runs over kBlock elements of each input; returns kBlock results of the dtype of the result node.
  const void* run(const void* const* inputs) {
    for (size_t i = 0; i < body_.size(); ++i) {
      const ScalarNode& node = body_[i];
      if (node.op == ScalarOp::constant) continue;
      if (node.op == ScalarOp::load)
        std::memcpy(slots_[i].data(), inputs[node.imm], static_cast<size_t>(kBlock * size_of(node.dtype)));
      else
        step(node, slots_[i].data());
    }
    return slots_[static_cast<size_t>(result_)].data();
  }

 private:
  void fill(size_t i) {
    const ScalarNode& node = body_[i];
    auto* to = reinterpret_cast<char*>(slots_[i].data());
    const int size = size_of(node.dtype);
    for (int k = 0; k < kBlock; ++k) std::memcpy(to + k * size, &node.imm, static_cast<size_t>(size));
  }

  const void* operand(int id) const { return id < 0 ? nullptr : slots_[static_cast<size_t>(id)].data(); }

  void step(const ScalarNode& node, void* to) const {
    const DType from = body_[static_cast<size_t>(node.a)].dtype;
    const void* a = operand(node.a);
    const void* b = operand(node.b);
    const void* c = operand(node.c);
    bool done = false;
    if (node.op == ScalarOp::bitcast) {
      std::memcpy(to, a, static_cast<size_t>(kBlock * size_of(node.dtype)));
      done = true;
    } else if (node.op == ScalarOp::select) {
      done = size_of(node.dtype) == 4   ? choose<int32_t>(to, a, b, c)
             : size_of(node.dtype) == 8 ? choose<int64_t>(to, a, b, c)
                                        : choose<uint8_t>(to, a, b, c);
    } else if (node.op == ScalarOp::cast) {
      done = convert(node.dtype, from, to, a);
    } else if (from == DType::f32) {
      done = floats<float>(node.op, to, a, b, c);
    } else if (from == DType::f64) {
      done = floats<double>(node.op, to, a, b, c);
    } else if (from == DType::i32) {
      done = integers<int32_t, uint32_t>(node.op, to, a, b);
    } else if (from == DType::i64) {
      done = integers<int64_t, uint64_t>(node.op, to, a, b);
    } else if (from == DType::boolean) {
      done = booleans(node.op, to, a, b);
    }
    check_internal(done, "batch evaluation of scalar primitive {} on {}", static_cast<int>(node.op), info(from).text);
  }

#define TANDEM_LOOP(type, expression)                                        \
  {                                                                          \
    auto* out = static_cast<type*>(to);                                      \
    for (int i = 0; i < kBlock; ++i) out[i] = static_cast<type>(expression); \
    return true;                                                             \
  }

  template <class T>
  static bool choose(void* to, const void* pa, const void* pb, const void* pc) {
    const auto* a = static_cast<const uint8_t*>(pa);
    const auto* b = static_cast<const T*>(pb);
    const auto* c = static_cast<const T*>(pc);
    TANDEM_LOOP(T, a[i] != 0 ? b[i] : c[i])
  }

  static bool booleans(ScalarOp op, void* to, const void* pa, const void* pb) {
    const auto* a = static_cast<const uint8_t*>(pa);
    const auto* b = static_cast<const uint8_t*>(pb);
    if (op == ScalarOp::bit_and) TANDEM_LOOP(uint8_t, a[i] & b[i])
    if (op == ScalarOp::bit_or) TANDEM_LOOP(uint8_t, a[i] | b[i])
    if (op == ScalarOp::bit_xor) TANDEM_LOOP(uint8_t, a[i] ^ b[i])
    if (op == ScalarOp::bit_not) TANDEM_LOOP(uint8_t, a[i] ^ 1)
    return false;
  }

  static bool convert(DType dtype, DType from, void* to, const void* pa) {
    if (dtype == DType::f64 && from == DType::f32) {
      const auto* a = static_cast<const float*>(pa);
      TANDEM_LOOP(double, a[i])
    }
    if (dtype == DType::f32 && from == DType::f64) {
      const auto* a = static_cast<const double*>(pa);
      TANDEM_LOOP(float, a[i])
    }
    if (is_integer(from) && size_of(from) == 4 && dtype != DType::f64) {
      const auto* a = static_cast<const int32_t*>(pa);
      if (dtype == DType::i64) TANDEM_LOOP(int64_t, a[i])
      if (dtype == DType::f32) TANDEM_LOOP(float, a[i])
    }
    if (from == DType::i64) {
      const auto* a = static_cast<const int64_t*>(pa);
      if (dtype == DType::f64) TANDEM_LOOP(double, a[i])
      if (dtype == DType::i32) TANDEM_LOOP(int32_t, a[i])
    }
    return false;
  }

  template <class T>
  TANDEM_CLONES static bool floats(ScalarOp op, void* to, const void* pa, const void* pb, const void* pc) {
    const auto* a = static_cast<const T*>(pa);
    const auto* b = static_cast<const T*>(pb);
    const auto* c = static_cast<const T*>(pc);
    switch (op) {
      case ScalarOp::add: TANDEM_LOOP(T, a[i] + b[i])
      case ScalarOp::sub: TANDEM_LOOP(T, a[i] - b[i])
      case ScalarOp::mul: TANDEM_LOOP(T, a[i] * b[i])
      case ScalarOp::div: TANDEM_LOOP(T, a[i] / b[i])
      case ScalarOp::neg: TANDEM_LOOP(T, -a[i])
      case ScalarOp::abs: TANDEM_LOOP(T, std::fabs(a[i]))
      case ScalarOp::sqrt: TANDEM_LOOP(T, std::sqrt(a[i]))
      case ScalarOp::trunc: TANDEM_LOOP(T, std::trunc(a[i]))
      case ScalarOp::floor: TANDEM_LOOP(T, std::floor(a[i]))
      case ScalarOp::ceil: TANDEM_LOOP(T, std::ceil(a[i]))
      case ScalarOp::round: TANDEM_LOOP(T, std::nearbyint(a[i]))
      case ScalarOp::min: TANDEM_LOOP(T, a[i] != a[i] || a[i] < b[i] ? a[i] : b[i])
      case ScalarOp::max: TANDEM_LOOP(T, a[i] != a[i] || a[i] > b[i] ? a[i] : b[i])
      case ScalarOp::fma: TANDEM_LOOP(T, std::fma(a[i], b[i], c[i]))
      case ScalarOp::eq: TANDEM_LOOP(uint8_t, a[i] == b[i])
      case ScalarOp::ne: TANDEM_LOOP(uint8_t, a[i] != b[i])
      case ScalarOp::lt: TANDEM_LOOP(uint8_t, a[i] < b[i])
      case ScalarOp::le: TANDEM_LOOP(uint8_t, a[i] <= b[i])
      default: return false;
    }
  }

  template <class T, class U>
  TANDEM_CLONES static bool integers(ScalarOp op, void* to, const void* pa, const void* pb) {
    const auto* a = static_cast<const T*>(pa);
    const auto* b = static_cast<const T*>(pb);
    const auto* ua = static_cast<const U*>(pa);
    const auto* ub = static_cast<const U*>(pb);
    constexpr U kMask = 8 * sizeof(T) - 1;
    switch (op) {
      case ScalarOp::add: TANDEM_LOOP(U, ua[i] + ub[i])
      case ScalarOp::sub: TANDEM_LOOP(U, ua[i] - ub[i])
      case ScalarOp::mul: TANDEM_LOOP(U, ua[i] * ub[i])
      case ScalarOp::max: TANDEM_LOOP(T, a[i] < b[i] ? b[i] : a[i])
      case ScalarOp::bit_and: TANDEM_LOOP(T, a[i] & b[i])
      case ScalarOp::bit_or: TANDEM_LOOP(T, a[i] | b[i])
      case ScalarOp::bit_xor: TANDEM_LOOP(T, a[i] ^ b[i])
      case ScalarOp::shl: TANDEM_LOOP(U, ua[i] << (ub[i] & kMask))
      case ScalarOp::shr: TANDEM_LOOP(T, a[i] >> (ub[i] & kMask))
      case ScalarOp::shr_logical: TANDEM_LOOP(U, ua[i] >> (ub[i] & kMask))
      case ScalarOp::eq: TANDEM_LOOP(uint8_t, a[i] == b[i])
      case ScalarOp::ne: TANDEM_LOOP(uint8_t, a[i] != b[i])
      case ScalarOp::lt: TANDEM_LOOP(uint8_t, a[i] < b[i])
      default: return false;
    }
  }
#undef TANDEM_LOOP

  std::vector<ScalarNode> body_;
  int result_;
  std::vector<std::vector<int64_t>> slots_;  // kBlock elements of up to eight bytes each
};

// One input through the definition of the primitives.
template <class Float>
Float evaluate_body(const std::vector<ScalarNode>& body, int result, Float x, Float y = 0) {
  const auto to_bits = [](Float value) -> int64_t {
    if constexpr (sizeof(Float) == 4)
      return std::bit_cast<uint32_t>(value);
    else
      return std::bit_cast<int64_t>(value);
  };
  std::vector<int64_t> values;
  const auto at = [&](int id) { return id < 0 ? 0 : values[static_cast<size_t>(id)]; };
  for (const ScalarNode& node : body) {
    if (node.op == ScalarOp::load) {
      values.push_back(to_bits(node.imm == 0 ? x : y));
    } else if (node.op == ScalarOp::constant) {
      values.push_back(node.imm);
    } else {
      const DType operand = body[static_cast<size_t>(node.a)].dtype;
      values.push_back(evaluate(node.op, node.dtype, operand, at(node.a), at(node.b), at(node.c)));
    }
  }
  if constexpr (sizeof(Float) == 4)
    return std::bit_cast<float>(static_cast<uint32_t>(at(result)));
  else
    return std::bit_cast<double>(at(result));
}

// Whether `a` is `expected` in Float, telling zeros apart but not NaNs.
template <class Float>
bool same(Float a, double expected) {
  const auto b = static_cast<Float>(expected);
  if (std::isnan(b)) return std::isnan(a);
  return a == b && std::signbit(a) == std::signbit(b);
}

}  // namespace tandem::testing
