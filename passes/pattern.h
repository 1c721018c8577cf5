// Text patterns over graphs, for rewrite rules: `add(x, 0)`, `where(c, x, x)`.
//
//   variable  x, y, z: any value; the same letter again means the same value. c: a bool that selects
//   number    a constant of exactly this value (0 and -0.0 differ) in the dtype of x
//   true      a bool constant; likewise false
//   call      an operation of the table; its attributes are for the guard of the rule to look at
//
// Test: tests/passes/test_simplify.cpp
#pragma once
#include <string_view>
#include <vector>

#include "ir/op.h"

namespace tandem {

struct Pattern {
  enum class Kind : uint8_t { variable, number, truth, call } kind = Kind::variable;
  int variable = 0;   // 0, 1, 2: x, y, z; 3: c
  double number = 0;  // of a number; of a truth 0 or 1
  const OpDef* op = nullptr;
  std::vector<Pattern> args = {};
};

inline constexpr int kVariables = 4;
inline constexpr int kCondition = 3;

Pattern parse_pattern(std::string_view text);  // throws InternalError
// The pattern with the operands of its commutative operations in every order.
std::vector<Pattern> commuted(const Pattern& pattern);

}  // namespace tandem
