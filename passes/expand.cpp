#include "passes/expand.h"

#include "ir/symbols.h"
#include "passes/rewrite.h"

namespace tandem {

namespace {

// The formula may round to another dtype, and name equal sizes by other symbols, than the row's own rule.
Value fit(const OpDef& op, Value made, const TensorType& want, const ShapeEnv& env) {
  made = cast(made, want.dtype);
  check_internal(same_shape(made.shape(), want.shape, env), "the formula of {} gives {}; its row says {}", op.name,
                 to_text(made.type()), to_text(want));
  return reshape(made, want.shape);
}

Value formula_value(Builder& builder, const OpDef& op, ComposeRule formula, std::span<const TensorType> types,
                    std::vector<Value> operands, Attrs attrs) {
  const TensorType want = infer_type(op, types, attrs, builder.env());
  if (op.has(Trait::wide)) {
    DType dtype = operands[0].dtype();
    for (const Value& operand : operands) dtype = promote(dtype, operand.dtype());
    for (Value& operand : operands) operand = cast(operand, compute_type(dtype));
  }
  return fit(op, formula(builder, operands, op, attrs), want, builder.env());
}

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
    return formula_value(*this, op, formula, types, {inputs.begin(), inputs.end()}, std::move(attrs));
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

std::optional<Graph> formula_graph(Graph source, const OpDef& op, const std::vector<ValueId>& inputs, Attrs attrs) {
  attrs = complete_attrs(op, std::move(attrs));
  std::vector<TensorType> types;
  std::vector<DType> dtypes;
  for (const ValueId input : inputs) {
    types.push_back(source.type(input));
    dtypes.push_back(types.back().dtype);
  }
  const ComposeRule formula = formula_of(op, dtypes, attrs);
  if (formula == nullptr) return std::nullopt;
  ShapeEnv env = assumed_env(source);
  GraphBuilder builder(source, env);
  std::vector<Value> operands;
  operands.reserve(inputs.size());
  for (const ValueId input : inputs) operands.push_back(builder.at(input));
  const Value made = formula_value(builder, op, formula, types, std::move(operands), std::move(attrs));
  source.results = {made.id};
  return source;
}

Graph expand(const Graph& graph) { return expand(graph, assumed_env(graph)); }

Graph expand(const Graph& graph, const ShapeEnv& env) { return Expander(graph, env).run(); }

}  // namespace tandem
