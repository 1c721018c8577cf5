#include "passes/expand.h"

#include "ir/builder.h"
#include "tests/passes/cases.h"

using namespace tandem;
using namespace tandem::testing;

namespace {

Graph expand_in_order(const Graph& graph) { return in_order_of_use(expand(graph)); }

}  // namespace

TEST_CASE("expand: a formula within a formula, at the user's line") {
  check_pass(expand_in_order, R"(graph @f(%x: f32[N, 8]) -> f32[N] {
    %0 = mean %x axis=-1 : f32[N]  # a.py:3
    return %0
  })",
             R"(graph @f(%x: f32[N, 8]) -> f32[N] {
    %0 = sum %x axis=[1] dtype=f32 : f32[N]  # a.py:3
    %1 = full shape=[] fill_value=8.0 : f32[]  # a.py:3
    %2 = divide %0, %1 : f32[N]  # a.py:3
    return %2
  })");
  check_pass(expand_in_order, R"(graph @f(%x: f32[2], %y: f32[2]) -> f32[2, 2] {
    %0 = stack %x, %y : f32[2, 2]
    return %0
  })",
             R"(graph @f(%x: f32[2], %y: f32[2]) -> f32[2, 2] {
    %0 = expand_dims %x : f32[1, 2]
    %1 = expand_dims %y : f32[1, 2]
    %2 = concat %0, %1 : f32[2, 2]
    return %2
  })");
}

TEST_CASE("expand: wide rows compute in f32 and round once") {
  check_pass(expand_in_order, R"(graph @f(%x: f16[4]) -> f16[] {
    %0 = mean %x : f16[]
    return %0
  })",
             R"(graph @f(%x: f16[4]) -> f16[] {
    %0 = cast %x dtype=f32 : f32[4]
    %1 = sum %0 axis=[0] dtype=f32 : f32[]
    %2 = full shape=[] fill_value=4.0 : f32[]
    %3 = divide %1, %2 : f32[]
    %4 = cast %3 dtype=f16 : f16[]
    return %4
  })");
}

TEST_CASE("expand: a wide row with inputs of several dtypes") {
  const Graph graph = expand(parse_graph(R"(graph @f(%x: bf16[2, 4], %w: f32[4], %b: bf16[4]) -> f32[2, 4] {
    %0 = layer_norm %x, %w, %b : f32[2, 4]
    return %0
  })"));
  verify(graph);
  for (const Node& node : graph.nodes)
    for (const ValueId out : node.outputs) CHECK(graph.type(out).dtype == DType::f32);
}

TEST_CASE("expand: symbols that an operation needs to be equal") {
  const Graph graph = expand(parse_graph(R"(graph @f(%x: f32[2, N], %w: f32[M]) -> f32[2, N] {
    %0 = layer_norm %x, %w : f32[2, N]
    return %0
  })"));
  CHECK_NOTHROW(verify(graph));
  CHECK(to_text(graph.type(graph.results[0])) == "f32[2, N]");
}

TEST_CASE("expand: inside regions") {
  const Graph graph = expand(parse_graph(R"(graph @f(%p: bool[], %x: f32[4]) -> f32[4] {
    %0 = if %p, %x : f32[4] {
      then(%x: f32[4]) -> f32[4] {
        %0 = softmax %x axis=0 : f32[4]
        return %0
      }
      else(%x: f32[4]) -> f32[4] {
        return %x
      }
    }
    return %0
  })"));
  verify(graph);
  for (const Node& node : graph.nodes[0].regions[0]->nodes)
    CHECK_FALSE(std::holds_alternative<ComposeRule>(node.op->lower));
}

TEST_CASE("expand: every composite operation of the table, on every float dtype") {
  for (const DType dtype : {DType::f16, DType::bf16, DType::f32, DType::f64}) {
    for (const char* name : {"mean", "var", "std", "logsumexp", "softmax", "log_softmax", "layer_norm", "transpose"}) {
      INFO(name << " " << info(dtype).text);
      Graph graph;
      ShapeEnv env;
      GraphBuilder builder(graph, env);
      const ValueId x = graph.add_param({dtype, {3, 4}, {}}, "x");
      graph.results = {static_cast<Builder&>(builder).emit(name, {builder.at(x)}).id};
      const Graph made = expand(graph);
      REQUIRE_NOTHROW(verify(made));
      CHECK(made.type(made.results[0]) == graph.type(graph.results[0]));
      for (const Node& node : made.nodes) CHECK_FALSE(std::holds_alternative<ComposeRule>(node.op->lower));
    }
  }
}

TEST_CASE("expand: nothing to do") {
  check_nothing_to_do(expand, R"(graph @f(%x: f32[3]) -> f32[3] {
    %0 = exp %x : f32[3]  # a.py:1
    return %0
  })");
}

TEST_CASE("expand: one step of a formula, as a graph of its own") {
  Graph source;
  source.name = "std";
  const ValueId x = source.add_param({DType::f16, {Dim::symbol(0), Dim(4)}, {}}, "x");
  const auto formula = formula_graph(source, op("std"), {x}, {std::vector<Dim>{Dim(1)}, 0.0, false});
  REQUIRE(formula.has_value());
  verify(*formula);
  CHECK(formula->type(formula->results[0]) == TensorType{DType::f16, {Dim::symbol(0)}, {}});
  CHECK(formula->nodes.front().op->name == "cast");  // a wide row
  // What formulas are made of stays, and a row that is lowered itself has none.
  const auto of_mean = formula_graph(source, op("mean"), {x}, {});
  REQUIRE(of_mean.has_value());
  CHECK(formula->nodes.size() > of_mean->nodes.size());
  CHECK_FALSE(formula_graph(source, op("exp"), {x}, {}).has_value());
}
