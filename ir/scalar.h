// Builder of Kernel bodies: `Scalar` values with ordinary C++ operators. Equal nodes are made once (hash-consing).
//
//   Scalar y = fma(x, x, x.constant(1.0));       // same dtype as x
//   return select(x < x.constant(0), -y, y);
#pragma once
#include <cstddef>
#include <unordered_map>
#include <vector>

#include "ir/kernel.h"

namespace tandem {

class ScalarBuilder;

struct Scalar {
  ScalarBuilder* builder = nullptr;
  int id = -1;
  DType dtype = DType::f32;

  Scalar constant(double value) const;       // of this dtype; integers are truncated
  Scalar constant_bits(int64_t bits) const;  // raw bit pattern of this dtype (integers: the value)
  Scalar cast(DType to) const;               // no-op when the dtype is the same
  Scalar bitcast(DType to) const;
};

class ScalarBuilder {
 public:
  Scalar emit(ScalarOp op, DType dtype, int a = -1, int b = -1, int c = -1, int64_t imm = 0);
  Scalar constant(DType dtype, double value);
  Scalar constant_bits(DType dtype, int64_t bits);
  Scalar carry(DType dtype, int64_t loop);  // one of its own
  // Nodes from `first` on are made again where they are wanted again.
  void forget(int first);
  Scalar at(int id) { return {this, id, body_[static_cast<size_t>(id)].dtype}; }
  const std::vector<ScalarNode>& body() const { return body_; }
  std::vector<ScalarNode> take() { return std::move(body_); }

 private:
  struct Hash {
    size_t operator()(const ScalarNode& node) const;
  };
  std::vector<ScalarNode> body_;
  std::unordered_map<ScalarNode, int, Hash> known_;
};

Scalar operator+(Scalar a, Scalar b);
Scalar operator-(Scalar a, Scalar b);
Scalar operator*(Scalar a, Scalar b);
Scalar operator/(Scalar a, Scalar b);
Scalar operator-(Scalar a);
Scalar operator==(Scalar a, Scalar b);  // comparisons yield bool
Scalar operator!=(Scalar a, Scalar b);
Scalar operator<(Scalar a, Scalar b);
Scalar operator<=(Scalar a, Scalar b);
inline Scalar operator>(Scalar a, Scalar b) { return b < a; }
inline Scalar operator>=(Scalar a, Scalar b) { return b <= a; }
Scalar operator&(Scalar a, Scalar b);
Scalar operator|(Scalar a, Scalar b);
Scalar operator^(Scalar a, Scalar b);
Scalar operator~(Scalar a);
Scalar operator<<(Scalar a, Scalar b);
Scalar operator>>(Scalar a, Scalar b);  // arithmetic on signed integers
Scalar shr_logical(Scalar a, Scalar b);
Scalar rem(Scalar a, Scalar b);
Scalar abs(Scalar a);
Scalar min(Scalar a, Scalar b);
Scalar max(Scalar a, Scalar b);
Scalar fma(Scalar a, Scalar b, Scalar c);
Scalar sqrt(Scalar a);
Scalar floor(Scalar a);
Scalar ceil(Scalar a);
Scalar trunc(Scalar a);
Scalar round(Scalar a);
Scalar select(Scalar condition, Scalar a, Scalar b);
// The same where `condition` is seldom true: what is needed for `rare` alone is computed only if some lane needs it.
Scalar select_rare(Scalar condition, Scalar rare, Scalar common);

// The one form in which a value of `dtype` is held in an int64: integers by value (u64 by its bits), floats
// zero-extended. Hash-consing relies on it.
int64_t canonical(DType dtype, int64_t bits);
int64_t read_element(DType dtype, const void* place);  // from memory, where a bool may be any byte
double to_double(DType dtype, int64_t bits);           // the value, rounded where a double does not hold it

// Bit pattern of `value` in `dtype`, as ScalarOp::constant holds it.
int64_t constant_bits_of(DType dtype, double value);

// What one node computes, on canonical bit patterns. Defines the scalar primitives; the
// interpreter and constant folding call it. `index`, `extent`, `load` and `result` are not handled here.
int64_t evaluate(ScalarOp op, DType dtype, DType operand, int64_t a, int64_t b = 0, int64_t c = 0);

}  // namespace tandem
