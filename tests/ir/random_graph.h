// Random graphs for property tests: every kind of operation that needs no back end, and nested control flow.
#pragma once
#include <random>
#include <set>

#include "ir/builder.h"
#include "tests/ir/real_dtypes.h"

namespace tandem::testing {

class RandomGraph {
 public:
  explicit RandomGraph(uint64_t seed) : random_(seed) {}

  Graph make(int nodes = 12) {
    Graph graph;
    graph.name = "random";
    for (const TensorType& type : param_types()) graph.add_param(type, fmt::format("p{}", graph.params.size()));
    fill(graph, nodes, 0);
    const int results = 1 + below(3);
    for (int k = 0; k < results; ++k) graph.results.push_back(any_value(graph));
    return graph;
  }

  static std::vector<TensorType> param_types() {
    return {{DType::f32, {3, 4}, {}}, {DType::f32, {}, {}},    {DType::i64, {3, 4}, {}},  {DType::boolean, {3, 4}, {}},
            {DType::boolean, {}, {}}, {DType::i64, {}, {}},    {DType::f16, {4}, {}},     {DType::f64, {3, 1}, {}},
            {DType::u8, {4}, {}},     {DType::i8, {1, 4}, {}}, {DType::bf16, {3, 4}, {}}, {DType::i32, {4, 3}, {}},
            {DType::u64, {3, 4}, {}}, {DType::i16, {4}, {}},   {DType::u16, {}, {}},      {DType::u32, {3, 1}, {}}};
  }

  int below(int bound) { return static_cast<int>(random_() % static_cast<uint64_t>(bound)); }

 private:
  ValueId any_value(const Graph& graph) { return below(static_cast<int>(graph.types.size())); }

  void fill(Graph& graph, int nodes, int depth) {
    ShapeEnv env;
    GraphBuilder builder(graph, env);
    for (int made = 0, tries = 0; made < nodes && tries < 100 * nodes; ++tries) {
      builder.set_location(below(3) == 0 ? SourceLoc{} : SourceLoc{"dir/my model.py", below(1000)});
      if (depth < 2 && below(12) == 0) {
        made += below(2) == 0 ? add_if(graph, depth) : add_while(graph, depth);
        continue;
      }
      const OpDef& row = *all_ops()[static_cast<size_t>(below(static_cast<int>(all_ops().size())))];
      if (!runnable(row)) continue;
      const int arity = row.has(Trait::variadic) ? 1 + below(3) : static_cast<int>(row.inputs.size());
      std::vector<Value> inputs;
      for (int k = 0; k < arity; ++k) inputs.push_back(builder.at(any_value(graph)));
      try {
        Attrs attrs;
        for (const AttrSpec& spec : row.attrs) attrs.push_back(attribute(spec, inputs));
        const Value made_value = builder.emit(row, inputs, attrs);
        if (element_count(made_value.shape()).constant() > 4096) graph_is_too_large();
        ++made;
      } catch (const Error&) {
        continue;  // these inputs do not go with this operation
      }
    }
  }
  [[noreturn]] static void graph_is_too_large() { throw InternalError("a random graph grew too large"); }

  // What tests/passes/evaluate.h can run, and what has no effects, which stay whoever uses them.
  static bool runnable(const OpDef& row) {
    const auto* structure = std::get_if<Structure>(&row.lower);
    if (structure != nullptr && *structure == Structure::library) return false;  // routines of the runtime
    static const std::set<std::string_view> left_out = {"if",
                                                        "while",
                                                        "matmul",
                                                        "linear",
                                                        "take",
                                                        "take_along_axis",
                                                        "embedding",
                                                        "cumsum",
                                                        "slice_update",
                                                        "as_strided",
                                                        "strided_update",
                                                        "index_update",
                                                        "argmax",
                                                        "argmin",
                                                        "arange",
                                                        "eye",
                                                        "iota",
                                                        "linspace",
                                                        "pow",
                                                        "softmax",
                                                        "logsumexp",
                                                        "log_softmax",
                                                        "host_call",
                                                        "check_index",
                                                        "failure_point",
                                                        "complex",
                                                        "scatter",
                                                        "scatter_add",
                                                        "scatter_multiply",
                                                        "scatter_maximum",
                                                        "scatter_minimum",
                                                        "segment_sum"};
    const bool indexed = row.name.starts_with("random_") && std::holds_alternative<ComposeRule>(row.lower);  // by iota
    return left_out.count(row.name) == 0 && !indexed;
  }

  Attr attribute(const AttrSpec& spec, const std::vector<Value>& inputs) {
    const int rank = inputs.empty() ? 0 : inputs[0].type().rank();
    switch (spec.kind) {
      case AttrKind::boolean: return below(2) == 0;
      case AttrKind::integer: return int64_t{below(2)};
      case AttrKind::real: return below(2) == 0 ? 0.0 : 0.5;
      case AttrKind::number: return number();
      case AttrKind::dtype:
        return spec.fallback && below(2) == 0 ? *spec.fallback
                                              : Attr(kRealDTypes[static_cast<size_t>(below(kRealDTypeCount))].dtype);
      case AttrKind::axis: return int64_t{below(4) - 2};
      case AttrKind::axes: {
        std::vector<Dim> axes;
        for (int k = 0; k < rank; ++k)
          if (below(2) == 0) axes.emplace_back(k);
        return below(3) == 0 ? Attr{} : Attr(axes);
      }
      case AttrKind::shape: return spec.name == "axes" ? Attr(permutation(rank)) : Attr(shape());
      case AttrKind::dims:
        return spec.name == "size" ? Attr(Shape{below(5)}) : slice_part(spec.name, inputs[0].shape());
    }
    return {};
  }
  Attr number() {
    const double values[] = {0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 1e30, 1.0 / 0.0, 3.7};
    if (below(2) == 0) return int64_t{below(5) - 2};
    return values[below(9)];
  }
  Shape shape() {
    const Shape shapes[] = {{3, 4}, {4, 3}, {12}, {4}, {}, {1}, {2, 3, 4}, {2, 6}, {3, 1}, {0}};
    return shapes[below(10)];
  }
  Shape permutation(int rank) {
    Shape axes;
    for (int k = 0; k < rank; ++k) axes.emplace_back(k);
    std::shuffle(axes.begin(), axes.end(), random_);
    return axes;
  }
  Shape slice_part(std::string_view name, const Shape& shape) {
    Shape part;
    for (const Dim& size : shape) {
      if (name == "sizes") part.emplace_back(std::max<int64_t>(size.constant() - 1, 0));
      if (name == "starts") part.emplace_back(below(2));
      if (name == "steps") part.emplace_back(1);
    }
    return part;
  }

  // A region over the given inputs whose results have the given types; `counts`: the first param is a counter.
  std::shared_ptr<const Graph> region(const Graph& outer, const std::vector<ValueId>& inputs,
                                      const std::vector<TensorType>& results, int depth, std::string name,
                                      bool counts) {
    Graph graph;
    graph.name = std::move(name);
    for (const ValueId in : inputs) graph.add_param(outer.type(in), fmt::format("a{}", graph.params.size()));
    fill(graph, 4, depth + 1);
    ShapeEnv env;
    GraphBuilder builder(graph, env);
    for (size_t k = 0; k < results.size(); ++k) {
      if (counts && k == 0) {
        graph.results.push_back(
            (builder.at(graph.params[0].value) + builder.emit("full", {}, {Shape{}, int64_t{1}, DType::i64})).id);
        continue;
      }
      std::vector<ValueId> fitting;
      for (size_t v = 0; v < graph.types.size(); ++v)
        if (graph.types[v] == results[k]) fitting.push_back(static_cast<ValueId>(v));
      if (fitting.empty()) {
        graph.results.push_back(builder.full(results[k].shape, results[k].dtype, 1).id);
      } else {
        graph.results.push_back(fitting[static_cast<size_t>(below(static_cast<int>(fitting.size())))]);
      }
    }
    return std::make_shared<const Graph>(std::move(graph));
  }

  ValueId value_of(Graph& graph, const TensorType& type) {
    std::vector<ValueId> fitting;
    for (size_t v = 0; v < graph.types.size(); ++v)
      if (graph.types[v] == type) fitting.push_back(static_cast<ValueId>(v));
    if (!fitting.empty()) return fitting[static_cast<size_t>(below(static_cast<int>(fitting.size())))];
    ShapeEnv env;
    return GraphBuilder(graph, env).full(type.shape, type.dtype, 1).id;
  }

  int add_if(Graph& graph, int depth) {
    const ValueId predicate = value_of(graph, {DType::boolean, {}, {}});
    std::vector<ValueId> captures;
    for (int k = 0; k < 3; ++k) captures.push_back(any_value(graph));
    std::vector<TensorType> results = {graph.type(captures[0]), {DType::f32, {3, 4}, {}}};
    auto then = region(graph, captures, results, depth, "then", false);
    auto other = region(graph, captures, results, depth, "else", false);
    std::vector<ValueId> inputs = captures;
    inputs.insert(inputs.begin(), predicate);
    Node& node = graph.add_node(op("if"), std::move(inputs), {}, results, {"loop.py", 7});
    node.regions = {std::move(then), std::move(other)};
    return 1;
  }

  int add_while(Graph& graph, int depth) {
    const TensorType counter{DType::i64, {}, {}};
    std::vector<ValueId> inputs;
    {
      ShapeEnv env;
      inputs.push_back(GraphBuilder(graph, env).emit("full", {}, {Shape{}, int64_t{below(4)}, DType::i64}).id);
    }
    for (int k = 0; k < 4; ++k) inputs.push_back(any_value(graph));
    std::vector<TensorType> carried = {counter, graph.type(inputs[1]), graph.type(inputs[2])};
    Graph condition;
    condition.name = "cond";
    for (const ValueId in : inputs) condition.add_param(graph.type(in), fmt::format("c{}", condition.params.size()));
    ShapeEnv env;
    GraphBuilder builder(condition, env);
    const Value limit = builder.emit("full", {}, {Shape{}, int64_t{3}, DType::i64});
    condition.results = {builder.emit("less", {builder.at(condition.params[0].value), limit}).id};
    auto body = region(graph, inputs, carried, depth, "body", true);
    Node& node = graph.add_node(op("while"), std::move(inputs), {}, carried, {"loop.py", 9});
    node.regions = {std::make_shared<const Graph>(std::move(condition)), std::move(body)};
    return 1;
  }

  std::mt19937_64 random_;
};

}  // namespace tandem::testing
