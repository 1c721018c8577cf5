// fold: what is known now is computed now.
//
// Effect: a pointwise operation or cast whose inputs are all constants (`full`, of any shape) becomes the constant that
//   its own PointwiseRule gives; a view of a constant becomes a constant, and so does `from_dim` of a number. An `if`
//   with a constant predicate is replaced by its branch, a `while` whose condition is false from the start by its
//   initial values. Constants of one element that enter regions are made inside, so that folding goes on there.
// Needs: what expand guarantees.
// Guarantees: bit for bit what would have been computed: 16-bit floats go through f32, -0.0 stays, and a NaN that the
//   attribute cannot hold exactly is left to run time. Reductions of constants stay as they are.
// Test: tests/passes/test_fold.cpp
#pragma once
#include <optional>
#include <span>

#include "ir/graph.h"
#include "passes/rewrite.h"

namespace tandem {

Graph fold(const Graph& graph);

bool is_full(const OpDef& op);
// Bit pattern (as ScalarOp::constant holds it) of the number in a `full`, in its dtype.
int64_t fill_bits(const Attrs& full);
// The attribute that stands for exactly these bits; nothing for a NaN with a payload.
std::optional<Attr> fill_value_of(DType dtype, int64_t bits);
// One element of a pointwise operation on one element of each input; the result is in the dtype the rule gives, which
// for f16 and bf16 inputs is usually f32 (`dtype` says). Nothing when the row has no PointwiseRule.
struct Element {
  DType dtype;
  int64_t bits;
  bool operator==(const Element&) const = default;
};
std::optional<Element> evaluate_pointwise(const OpDef& op, const Attrs& attrs, std::span<const DType> dtypes,
                                          std::span<const int64_t> bits);
// The same rounded to the dtype of the result.
std::optional<int64_t> evaluate_pointwise(const OpDef& op, const Attrs& attrs, std::span<const DType> dtypes,
                                          std::span<const int64_t> bits, DType result);

// Shared with simplify, which folds what its rules make constant.
class Folder : public Rewriter {
 public:
  // `known`: bits of the region's params that are constants.
  Folder(const Graph& source, const ShapeEnv& env, std::vector<std::optional<int64_t>> known = {})
      : Rewriter(source, env), known_(std::move(known)) {}

 protected:
  void visit(const Node& node) override;
  void begin() override;
  Graph rewrite_region(const Node& node, size_t index) override;
  virtual Graph fold_region(const Graph& region, std::vector<std::optional<int64_t>> known);

  // Bits of the number a value of the copy is filled with.
  std::optional<int64_t> constant_bits(ValueId value);
  // The fill value of the result of an operation on values of the copy, when that is constant.
  std::optional<Attr> folded(const OpDef& op, const std::vector<ValueId>& inputs, const Attrs& attrs, DType result);
  // Replaces the node where it folds.
  bool fold_node(const Node& node);

 private:
  bool fold_if(const Node& node);
  bool fold_while(const Node& node);

  std::vector<std::optional<int64_t>> known_;
};

}  // namespace tandem
