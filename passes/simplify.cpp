#include "passes/simplify.h"

#include <algorithm>
#include <unordered_map>

#include "ir/symbols.h"
#include "ir/text.h"
#include "passes/fold.h"
#include "passes/simplify_rules.h"

namespace tandem {

namespace {

struct Variant {
  const Rule* rule;
  Pattern pattern;
  Pattern replacement;
};

// Rules by outermost operation, with every order of commutative operands.
using RuleTable = std::unordered_map<const OpDef*, std::vector<Variant>>;

RuleTable table_of(std::span<const Rule> rules) {
  RuleTable by_op;
  for (const Rule& rule : rules)
    for (Pattern& pattern : commuted(parse_pattern(rule.pattern)))
      by_op[pattern.op].push_back({&rule, std::move(pattern), parse_pattern(rule.replacement)});
  return by_op;
}

class Simplifier : public Folder {
 public:
  Simplifier(const Graph& source, const ShapeEnv& env, const RuleTable& rules,
             std::vector<std::optional<int64_t>> known = {})
      : Folder(source, env, std::move(known)), rules_(rules) {}

 private:
  void visit(const Node& node) override {
    if (fold_node(node)) return;
    if (node.regions.empty() && node.outputs.size() == 1)
      if (const auto value = rewritten(*node.op, mapped(node.inputs), node.attrs, source_type(node.outputs[0]))) {
        map(node.outputs[0], *value);
        return;
      }
    copy(node);
  }

  Graph fold_region(const Graph& region, std::vector<std::optional<int64_t>> known) override {
    return Simplifier(region, env_, rules_, std::move(known)).run();
  }

  // ---- matching ----
  bool same_value(ValueId a, ValueId b, int depth = 4) {
    if (a == b) return true;
    const Node *left = maker(a), *right = maker(b);
    if (depth == 0 || left == nullptr || right == nullptr || left->op != right->op || !left->regions.empty() ||
        !identical(left->attrs, right->attrs) || graph_.type(a) != graph_.type(b))
      return false;
    return std::equal(left->inputs.begin(), left->inputs.end(), right->inputs.begin(), right->inputs.end(),
                      [&](ValueId x, ValueId y) { return same_value(x, y, depth - 1); });
  }

  bool matches(const Pattern& pattern, ValueId value, Match& m) {
    switch (pattern.kind) {
      case Pattern::Kind::variable: {
        ValueId& bound = m.bound[static_cast<size_t>(pattern.variable)];
        if (bound >= 0) return same_value(bound, value);
        bound = value;
        return true;
      }
      case Pattern::Kind::number:
        m.literals.push_back(value);
        return !is_complex(graph_.type(value).dtype) &&
               constant_bits(value) == constant_bits_of(graph_.type(value).dtype, pattern.number);
      case Pattern::Kind::truth:
        return graph_.type(value).dtype == DType::boolean &&
               constant_bits(value) == static_cast<int64_t>(pattern.number);
      case Pattern::Kind::call: {
        const Node* node = maker(value);
        if (node == nullptr || node->op != pattern.op) return false;
        m.inner.push_back(node);
        return matches_args(pattern, node->inputs, m);
      }
    }
    return false;
  }
  bool matches_args(const Pattern& pattern, const std::vector<ValueId>& inputs, Match& m) {
    if (inputs.size() != pattern.args.size()) return false;
    for (size_t k = 0; k < inputs.size(); ++k)
      if (!matches(pattern.args[k], inputs[k], m)) return false;
    return true;
  }

  // Rules are about values of one dtype; promotion would bring in roundings and wraps that they know nothing of.
  bool dtypes_agree(const Rule& rule, const Match& m) const {
    const DType dtype = m['x'].dtype;
    if ((rule.dtypes & dtype_bit(dtype)) == 0) return false;
    for (int k = 0; k < kCondition; ++k) {
      const ValueId value = m.bound[static_cast<size_t>(k)];
      if (value >= 0 && graph_.type(value).dtype != dtype) return false;
    }
    return std::all_of(m.literals.begin(), m.literals.end(),
                       [&](ValueId literal) { return graph_.type(literal).dtype == dtype; });
  }

  // ---- replacing ----
  std::optional<ValueId> rewritten(const OpDef& op, const std::vector<ValueId>& inputs, const Attrs& attrs,
                                   const TensorType& type) {
    const auto found = rules_.find(&op);
    if (found == rules_.end()) return std::nullopt;
    for (const Variant& variant : found->second) {
      Match m{attrs, type, graph_};
      if (!matches_args(variant.pattern, inputs, m) || !dtypes_agree(*variant.rule, m)) continue;
      for (size_t k = 0; k < m.bits.size(); ++k)
        if (m.bound[k] >= 0) m.bits[k] = constant_bits(m.bound[k]);
      if (variant.rule->guard != nullptr && !variant.rule->guard(m)) continue;
      const Pattern& replacement = variant.replacement;
      Attrs replacement_attrs;
      if (variant.rule->attrs != nullptr) {
        replacement_attrs = variant.rule->attrs(m);
      } else if (replacement.op == &op) {
        replacement_attrs = attrs;
      }
      if (const auto value = build(replacement, m, type, std::move(replacement_attrs))) return value;
    }
    return std::nullopt;
  }

  // The replacement as a value of exactly this type; nothing when it would have another one, as where `x + 0` also
  // broadcasts x.
  std::optional<ValueId> build(const Pattern& pattern, const Match& m, const TensorType& type, Attrs attrs) {
    switch (pattern.kind) {
      case Pattern::Kind::variable: {
        const ValueId value = m.bound[static_cast<size_t>(pattern.variable)];
        return graph_.type(value) == type ? std::optional(value) : std::nullopt;
      }
      case Pattern::Kind::number:
      case Pattern::Kind::truth: {
        auto fill = fill_value_of(type.dtype, constant_bits_of(type.dtype, pattern.number));
        return constant(type, std::move(*fill));
      }
      case Pattern::Kind::call: return call(pattern, m, std::move(attrs), &type);
    }
    return std::nullopt;
  }

  // `want`: the type the result must have, if that matters.
  std::optional<ValueId> call(const Pattern& pattern, const Match& m, Attrs attrs, const TensorType* want) {
    std::vector<ValueId> inputs;
    std::vector<TensorType> types;
    for (const Pattern& arg : pattern.args) {
      const auto input =
          arg.kind == Pattern::Kind::variable ? m.bound[static_cast<size_t>(arg.variable)] : call(arg, m, {}, nullptr);
      if (!input) return std::nullopt;
      inputs.push_back(*input);
      types.push_back(graph_.type(*input));
    }
    attrs = complete_attrs(*pattern.op, std::move(attrs));
    TensorType type;
    try {
      type = infer_type(*pattern.op, types, attrs, env_);
    } catch (const Error&) {
      return std::nullopt;  // rests on an inequality between symbols that only capture could decide
    }
    if (want != nullptr && type != *want) return std::nullopt;
    return make(*pattern.op, std::move(inputs), std::move(attrs), type);
  }

  ValueId make(const OpDef& op, std::vector<ValueId> inputs, Attrs attrs, const TensorType& type) {
    if (auto value = folded(op, inputs, attrs, type.dtype)) return constant(type, std::move(*value));
    if (const auto value = rewritten(op, inputs, attrs, type)) return *value;
    return graph_.add_node(op, std::move(inputs), std::move(attrs), {&type, 1}, loc_).outputs[0];
  }

  const RuleTable& rules_;
};

}  // namespace

Graph simplify(const Graph& graph) {
  static const RuleTable rules = table_of(simplify_rules());
  return Simplifier(graph, assumed_env(graph), rules).run();
}

Graph reassociate(const Graph& graph) {
  static const RuleTable rules = table_of(reassociate_rules());
  return Simplifier(graph, assumed_env(graph), rules).run();
}

}  // namespace tandem
