#include "passes/expand.h"

#include "ir/symbols.h"
#include "passes/rewrite.h"

namespace tandem {

namespace {

// Emits formulas in place of composite operations, also of those that formulas are made of.
class FormulaBuilder : public GraphBuilder {
 public:
  using GraphBuilder::emit;
  using GraphBuilder::GraphBuilder;

  Value emit(const OpDef& op, std::span<const Value> inputs, Attrs attrs) override {
    attrs = complete_attrs(op, std::move(attrs));
    std::vector<DType> dtypes;
    dtypes.reserve(inputs.size());
    for (const Value& input : inputs) dtypes.push_back(input.dtype());
    const ComposeRule formula = formula_of(op, dtypes, attrs);
    if (formula == nullptr) return GraphBuilder::emit(op, inputs, std::move(attrs));
    std::vector<TensorType> types;
    for (const Value& input : inputs) types.push_back(input.type());
    const TensorType want = infer_type(op, types, attrs, env());
    std::vector<Value> operands(inputs.begin(), inputs.end());
    if (op.has(Trait::wide)) widen(operands);
    return fit(op, formula(*this, operands, op, attrs), want);
  }

 private:
  static void widen(std::vector<Value>& operands) {
    DType dtype = operands[0].dtype();
    for (const Value& operand : operands) dtype = promote(dtype, operand.dtype());
    for (Value& operand : operands) operand = cast(operand, compute_type(dtype));
  }

  // The formula may round to another dtype, and name equal sizes by other symbols, than the row's own rule.
  Value fit(const OpDef& op, Value made, const TensorType& want) {
    made = cast(made, want.dtype);
    check_internal(same_shape(made.shape(), want.shape, env()), "the formula of {} gives {}; its row says {}", op.name,
                   to_text(made.type()), to_text(want));
    return reshape(made, want.shape);
  }
};

class Expander : public Rewriter {
 public:
  Expander(const Graph& source, const ShapeEnv& env) : Rewriter(source, env), formulas_(graph_, env_) {}

 private:
  void visit(const Node& node) override {
    std::vector<DType> dtypes;
    dtypes.reserve(node.inputs.size());
    for (const ValueId in : node.inputs) dtypes.push_back(source_type(in).dtype);
    if (formula_of(*node.op, dtypes, node.attrs) == nullptr) {
      copy(node, normalized(node), rewrite_regions(node));
      return;
    }
    formulas_.set_location(node.loc);
    std::vector<Value> inputs;
    inputs.reserve(node.inputs.size());
    for (const ValueId in : node.inputs) inputs.push_back(formulas_.at(mapped(in)));
    map(node.outputs[0], formulas_.emit(*node.op, inputs, node.attrs).id);
  }

  Graph rewrite_region(const Node& node, size_t index) override { return Expander(*node.regions[index], env_).run(); }

  Attrs normalized(const Node& node) {
    Attrs attrs = node.attrs;
    if (attrs.empty() || !node.regions.empty()) return attrs;
    std::vector<TensorType> types;
    types.reserve(node.inputs.size());
    for (const ValueId in : node.inputs) types.push_back(source_type(in));
    try {
      infer_type(*node.op, types, attrs, env_);
      return attrs;
    } catch (const Error&) {
      return node.attrs;  // rests on an inequality between symbols; then capture has inferred it, with their values
    }
  }

  FormulaBuilder formulas_;
};

}  // namespace

Graph expand(const Graph& graph) { return Expander(graph, assumed_env(graph)).run(); }

}  // namespace tandem
