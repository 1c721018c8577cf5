// The rules of simplify and reassociate, as data: see passes/simplify_rules.cpp.
#pragma once
#include <array>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "ir/graph.h"
#include "passes/pattern.h"

namespace tandem {

// A place where the pattern of a rule fits.
struct Match {
  const Attrs& attrs;      // of the outermost operation
  const TensorType& type;  // of the result
  const Graph& graph;
  std::array<ValueId, kVariables> bound = {-1, -1, -1, -1};
  std::array<std::optional<int64_t>, kVariables> bits = {};  // of variables that are constants
  std::vector<ValueId> literals = {};                        // values that numbers of the pattern stand for
  std::vector<const Node*> inner = {};  // the operations below the outermost one, outside in, left to right

  const TensorType& operator[](char variable) const {
    return graph.type(bound[std::string_view("xyzc").find(variable)]);
  }
};

struct Rule {
  std::string_view name;
  std::string_view pattern;
  std::string_view replacement;
  uint32_t dtypes;                           // of all variables but c, which must agree; one bit per DType
  bool (*guard)(const Match& m) = nullptr;   // what the pattern cannot say
  Attrs (*attrs)(const Match& m) = nullptr;  // of the replacement; else those of the same outermost operation
};

std::span<const Rule> simplify_rules();     // keep every bit
std::span<const Rule> reassociate_rules();  // keep what real numbers have in common

constexpr uint32_t dtype_bit(DType dtype) { return uint32_t{1} << static_cast<int>(dtype); }

// A cast that keeps every value, so that a cast after it could as well start from the original.
bool is_lossless(DType from, DType to);

}  // namespace tandem
