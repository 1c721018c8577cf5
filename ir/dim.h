// Sizes that may be known only at run time. A Dim is an integer or a canonical polynomial over symbols (plus floor
// divisions, minima and maxima of such), interned, so that equal expressions are equal pointers.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ir/error.h"

namespace tandem {

struct DimExpr;

class Dim {
 public:
  Dim() = default;
  Dim(int64_t value) : value_(value) {}  // NOLINT: implicit by design, sizes are mostly numbers
  static Dim symbol(int id);

  bool is_constant() const { return expr_ == nullptr; }
  bool is(int64_t value) const { return is_constant() && value_ == value; }
  int64_t constant() const;
  int64_t evaluate(const int64_t* symbols) const { return expr_ ? evaluate_expr(symbols) : value_; }
  // Largest symbol id plus one; 0 for a constant.
  int symbol_count() const;
  bool operator==(const Dim&) const = default;
  size_t hash() const { return std::hash<const void*>()(expr_) * 31 + std::hash<int64_t>()(value_); }

 private:
  struct FromExpr {};
  Dim(FromExpr, const DimExpr* expr) : expr_(expr) {}
  int64_t evaluate_expr(const int64_t* symbols) const;
  friend struct DimExpr;

  int64_t value_ = 0;
  const DimExpr* expr_ = nullptr;
};

// Checked arithmetic: a constant result outside int64 throws Error{shape}.
Dim operator+(Dim a, Dim b);
Dim operator-(Dim a, Dim b);
Dim operator*(Dim a, Dim b);
Dim floor_div(Dim a, Dim b);
Dim dim_min(Dim a, Dim b);
Dim dim_max(Dim a, Dim b);
inline Dim ceil_div(Dim a, Dim b) { return floor_div(a + b - Dim(1), b); }

using Shape = std::vector<Dim>;
Dim element_count(const Shape& shape);
Shape contiguous_strides(const Shape& shape);  // in elements; an axis of size 1 has the stride its place gives it

// Symbols are written N, M, K, P, Q, R, S, T, then S8, S9 ...
std::string symbol_name(int id);
std::string to_text(Dim dim);
std::string to_text(const Shape& shape);  // "[N, 64]"
Dim parse_dim(std::string_view text);     // throws Error{value}

enum class Relation : uint8_t { eq, ne, lt, le };

// A fact about symbols that capture relied on: it must hold for the compiled code to be used again.
struct ShapeGuard {
  Dim left;
  Relation relation;
  Dim right;
  bool holds(const int64_t* symbols) const;
  bool operator==(const ShapeGuard&) const = default;
};
std::string to_text(const ShapeGuard& guard);

// Symbols of one capture: their values in the present call, and what was decided by looking at them.
class ShapeEnv {
 public:
  Dim add_symbol(int64_t hint);
  // Truth of `a relation b`. When that depends on symbols, the hints decide and the outcome becomes a guard.
  bool decide(Dim a, Relation relation, Dim b);
  bool equal(Dim a, Dim b) { return decide(a, Relation::eq, b); }
  // The number a Dim stands for, with a guard that it stays so.
  int64_t specialize(Dim dim);
  int64_t hint(Dim dim) const { return dim.evaluate(hints_.data()); }
  const std::vector<int64_t>& hints() const { return hints_; }
  const std::vector<ShapeGuard>& guards() const { return guards_; }

 private:
  std::vector<int64_t> hints_;
  std::vector<ShapeGuard> guards_;
};

}  // namespace tandem
