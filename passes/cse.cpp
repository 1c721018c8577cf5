#include "passes/cse.h"

#include <algorithm>
#include <unordered_map>

#include "ir/symbols.h"
#include "ir/text.h"
#include "passes/fold.h"
#include "passes/rewrite.h"

namespace tandem {

namespace {

// Whether swapping the inputs changes no bit of the result (NaN payloads aside). Among commutative operations only
// zeros of different sign can tell, so those are tried.
bool order_matters(const OpDef& op, const Attrs& attrs, DType dtype) {
  if (!is_floating(dtype)) return false;
  const DType dtypes[] = {dtype, dtype};
  const int64_t zero = constant_bits_of(dtype, 0.0), minus_zero = constant_bits_of(dtype, -0.0);
  const int64_t one_way[] = {zero, minus_zero}, other_way[] = {minus_zero, zero};
  return evaluate_pointwise(op, attrs, dtypes, one_way) != evaluate_pointwise(op, attrs, dtypes, other_way);
}

class Numbering : public Rewriter {
 public:
  using Rewriter::Rewriter;

 private:
  void visit(const Node& node) override {
    std::vector<ValueId> inputs = mapped(node.inputs);
    if (node.op->has(Trait::commutative) && inputs.size() == 2 && inputs[0] > inputs[1] &&
        !order_matters(*node.op, node.attrs, promote(graph_.type(inputs[0]).dtype, graph_.type(inputs[1]).dtype)))
      std::swap(inputs[0], inputs[1]);
    auto regions = rewrite_regions(node);
    std::string region_text;
    for (const auto& region : regions) region_text += to_text(*region, false);
    size_t key = std::hash<const OpDef*>()(node.op) ^ hash(node.attrs) ^ std::hash<std::string>()(region_text);
    for (const ValueId in : inputs) key = key * 31 + static_cast<size_t>(in);

    const auto [first, last] = known_.equal_range(key);
    for (auto it = first; it != last; ++it) {
      const Known& known = it->second;
      if (known.op != node.op || known.inputs != inputs || !identical(*known.attrs, node.attrs) ||
          known.region_text != region_text || !same_types(node, known.outputs))
        continue;
      for (size_t k = 0; k < node.outputs.size(); ++k) map(node.outputs[k], known.outputs[k]);
      return;
    }
    copy(node, node.attrs, std::move(regions));
    known_.emplace(key, Known{node.op, std::move(inputs), &node.attrs, std::move(region_text), mapped(node.outputs)});
  }

  // Sizes that are equal by a guard may be written in two ways; then the nodes are not one.
  bool same_types(const Node& node, const std::vector<ValueId>& outputs) const {
    return std::equal(node.outputs.begin(), node.outputs.end(), outputs.begin(), outputs.end(),
                      [this](ValueId a, ValueId b) { return source_type(a) == graph_.type(b); });
  }

  Graph rewrite_region(const Node& node, size_t index) override { return Numbering(*node.regions[index], env_).run(); }

  struct Known {
    const OpDef* op;
    std::vector<ValueId> inputs;
    const Attrs* attrs;
    std::string region_text;
    std::vector<ValueId> outputs;
  };
  std::unordered_multimap<size_t, Known> known_;
};

}  // namespace

Graph cse(const Graph& graph) { return Numbering(graph, ShapeEnv()).run(); }

}  // namespace tandem
