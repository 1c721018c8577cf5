// Checks a Graph against the rules named below. A broken rule is Tandem's own fault, hence InternalError.
//
//   params      each param is a value of its own; strides are given per axis, and only when not contiguous
//   values      value ids exist and every value is made once
//   order       a value is made before it is used
//   attributes  as many as the row of the operation declares, each of the declared kind
//   arity       the operation takes this number of inputs and makes this number of values
//   type        the row's own rule gives the types that are written
//   sizes       no size is negative
//   regions     control flow has its regions, with params and results of the right types; nothing else has any
//   results     results exist
#include <algorithm>
#include <exception>

#include "ir/symbols.h"
#include "ir/text.h"

namespace tandem {

namespace {

class Verifier {
 public:
  Verifier(const Graph& graph, const ShapeEnv* env, std::string where)
      : graph_(graph), env_(env), where_(std::move(where)), made_(graph.types.size(), false) {}

  // What must hold before types can be looked at, regions included.
  void check_form() {
    for (const Param& param : graph_.params) {
      define(param.value);
      const auto rank = static_cast<size_t>(graph_.type(param.value).rank());
      require(param.contiguous ? param.strides.empty() : param.strides.size() == rank, "params",
              "got strides {} for param %{} with {} axes", to_text(param.strides), param.name, rank);
    }
    for (const TensorType& type : graph_.types)
      for (const Dim& size : type.shape)
        require(!size.is_constant() || size.constant() >= 0, "sizes", "got the shape {}", to_text(type.shape));
    for (at_ = 0; at_ < graph_.nodes.size(); ++at_) {
      const Node& node = graph_.nodes[at_];
      require(node.op != nullptr, "arity", "got a node without an operation");
      for (const ValueId in : node.inputs) check_use(in);
      check_attributes(node);
      for (const ValueId out : node.outputs) define(out);
      check_regions(node);
    }
    for (const ValueId result : graph_.results)
      require(exists(result) && made_[static_cast<size_t>(result)], "results", "got a result that is never made");
  }

  void check_types() {
    for (at_ = 0; at_ < graph_.nodes.size(); ++at_) {
      const Node& node = graph_.nodes[at_];
      if (node.op->name == "if") {
        check_if(node);
      } else if (node.op->name == "while") {
        check_while(node);
      } else {
        check_inferred(node);
      }
      const auto labels = region_labels(*node.op);
      for (size_t r = 0; r < node.regions.size(); ++r)
        Verifier(*node.regions[r], env_, region_path(labels[r])).check_types();
    }
  }

 private:
  template <class... Args>
  void require(bool ok, std::string_view rule, fmt::format_string<Args...> format, Args&&... args) const {
    if (!ok) [[unlikely]]
      fail(rule, fmt::format(format, std::forward<Args>(args)...));
  }

  [[noreturn]] void fail(std::string_view rule, const std::string& problem) const {
    std::string message =
        fmt::format("internal error (please report it): graph @{} breaks the rule '{}': {}", where_, rule, problem);
    if (at_ < graph_.nodes.size()) {
      const SourceLoc& loc = graph_.nodes[at_].loc;
      if (loc.known()) message += fmt::format("\n  in {}:{}", loc.file, loc.line);
      const auto names = value_names(graph_);
      const size_t first = at_ - std::min<size_t>(at_, 2), last = std::min(at_ + 3, graph_.nodes.size());
      for (size_t i = first; i < last; ++i)
        if (graph_.nodes[i].op != nullptr)
          message += fmt::format("\n  {} {}", i == at_ ? ">" : " ", node_text(graph_, i, names));
    }
    throw InternalError(message);
  }

  std::string region_path(std::string_view label) const { return fmt::format("{}, {} of node {}", where_, label, at_); }

  bool exists(ValueId value) const { return value >= 0 && static_cast<size_t>(value) < graph_.types.size(); }
  void define(ValueId value) {
    require(exists(value), "values", "got the value id {}; there are {}", value, graph_.types.size());
    require(!made_[static_cast<size_t>(value)], "values", "got a value that is made twice");
    made_[static_cast<size_t>(value)] = true;
  }
  void check_use(ValueId value) const {
    require(exists(value), "values", "got the value id {}; there are {}", value, graph_.types.size());
    require(made_[static_cast<size_t>(value)], "order", "got an input that is not made before it is used");
  }

  void check_attributes(const Node& node) const {
    const auto& specs = node.op->attrs;
    require(node.attrs.size() == specs.size(), "attributes", "got {} attributes; {} has {}", node.attrs.size(),
            node.op->name, specs.size());
    for (size_t k = 0; k < specs.size(); ++k)
      require(fits(specs[k], node.attrs[k]), "attributes", "got {}={}, which is of another kind", specs[k].name,
              to_text(node.attrs[k]));
  }

  void check_regions(const Node& node) const {
    const auto labels = region_labels(*node.op);
    require(node.regions.size() == labels.size(), "regions", "got {} regions; {} has {}", node.regions.size(),
            node.op->name, labels.size());
    for (size_t r = 0; r < labels.size(); ++r) {
      require(node.regions[r] != nullptr, "regions", "got an empty region");
      Verifier(*node.regions[r], env_, region_path(labels[r])).check_form();
    }
  }

  bool same(const TensorType& a, const TensorType& b) const {
    return a.dtype == b.dtype && a.device == b.device && same_shape(a.shape, b.shape, *env_);
  }
  void require_same(const TensorType& got, const TensorType& need, std::string_view what) const {
    require(same(got, need), "regions", "got {} for {}; need {}", to_text(got), what, to_text(need));
  }
  const TensorType& result_type(const Graph& region, size_t k) const { return region.type(region.results[k]); }

  // The params of every region are the inputs from `first` on.
  void check_region_params(const Node& node, size_t first) const {
    for (const auto& region : node.regions) {
      require(region->params.size() == node.inputs.size() - first, "regions", "got a region with {} params; need {}",
              region->params.size(), node.inputs.size() - first);
      for (size_t k = 0; k < region->params.size(); ++k)
        require_same(region->type(region->params[k].value), graph_.type(node.inputs[first + k]), "a region's param");
    }
  }
  void check_predicate(const TensorType& type) const {
    require(type.dtype == DType::boolean && type.shape.empty(), "regions", "got the condition {}; need bool[]",
            to_text(type));
  }

  void check_if(const Node& node) const {
    require(!node.inputs.empty(), "arity", "got no inputs; need a predicate");
    check_predicate(graph_.type(node.inputs[0]));
    check_region_params(node, 1);
    for (const auto& region : node.regions) {
      require(region->results.size() == node.outputs.size(), "regions", "got a branch with {} results; need {}",
              region->results.size(), node.outputs.size());
      for (size_t k = 0; k < node.outputs.size(); ++k)
        require_same(result_type(*region, k), graph_.type(node.outputs[k]), "a branch's result");
    }
  }

  void check_while(const Node& node) const {
    require(node.outputs.size() <= node.inputs.size(), "arity", "got {} results of {} inputs; need an input for each",
            node.outputs.size(), node.inputs.size());
    check_region_params(node, 0);
    const Graph &condition = *node.regions[0], &body = *node.regions[1];
    require(condition.results.size() == 1, "regions", "got a condition with {} results; need 1",
            condition.results.size());
    check_predicate(result_type(condition, 0));
    require(body.results.size() == node.outputs.size(), "regions", "got a body with {} results; need {}",
            body.results.size(), node.outputs.size());
    for (size_t k = 0; k < node.outputs.size(); ++k) {
      require_same(result_type(body, k), graph_.type(node.inputs[k]), "the next carried value");
      require_same(graph_.type(node.outputs[k]), graph_.type(node.inputs[k]), "the last carried value");
    }
  }

  void check_inferred(const Node& node) const {
    require(node.outputs.size() == 1, "arity", "got {} results; need 1", node.outputs.size());
    std::vector<TensorType> inputs;
    inputs.reserve(node.inputs.size());
    for (const ValueId in : node.inputs) inputs.push_back(graph_.type(in));
    const TensorType& written = graph_.type(node.outputs[0]);
    Attrs attrs = node.attrs;
    ShapeEnv env = *env_;
    std::string problem;
    try {
      TensorType made = infer_type(*node.op, inputs, attrs, env);
      if (inputs.empty()) made.device = written.device;  // nothing says where, so anywhere will do
      if (same(made, written)) return;
      problem = fmt::format("got {}; the operation gives {}", to_text(written), to_text(made));
    } catch (const Error& error) {
      problem = error.what();
    }
    // What capture checked by the values of symbols cannot be judged here.
    const auto& guards = env.guards();
    const bool undecided = std::any_of(guards.begin(), guards.end(), [](const ShapeGuard& guard) {
      return guard.relation != Relation::eq && (!guard.left.is_constant() || !guard.right.is_constant());
    });
    if (!undecided) fail("type", problem);
  }

  const Graph& graph_;
  const ShapeEnv* env_;
  std::string where_;
  std::vector<bool> made_;
  size_t at_ = static_cast<size_t>(-1);
};

}  // namespace

void verify(const Graph& graph) {
  Verifier(graph, nullptr, graph.name).check_form();
  const ShapeEnv env = assumed_env(graph);
  Verifier(graph, &env, graph.name).check_types();
}

}  // namespace tandem
