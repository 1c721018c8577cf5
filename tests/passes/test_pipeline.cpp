#include "passes/pipeline.h"

#include "passes/expand.h"
#include "tests/ir/random_graph.h"
#include "tests/passes/cases.h"
#include "tests/passes/evaluate.h"

using namespace tandem;
using namespace tandem::testing;

namespace {

std::vector<Tensor> random_inputs(const Graph& graph, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<Tensor> inputs;
  for (const Param& param : graph.params) {
    const TensorType& type = graph.type(param.value);
    const auto special = special_bits(type.dtype);
    Tensor input{type.dtype, {}, {}};
    size_t count = 1;
    for (const Dim& size : type.shape) {
      input.shape.push_back(size.constant());
      count *= static_cast<size_t>(size.constant());
    }
    for (size_t k = 0; k < count; ++k) input.bits.push_back(special[random() % special.size()]);
    inputs.push_back(std::move(input));
  }
  return inputs;
}

// Payload and sign of a NaN are nobody's promise once several of them meet.
std::vector<Tensor> plain_nans(std::vector<Tensor> tensors) {
  for (Tensor& tensor : tensors)
    for (int64_t& bits : tensor.bits)
      if (is_floating(tensor.dtype) &&
          evaluate(ScalarOp::ne, DType::boolean, DType::f64, evaluate(ScalarOp::cast, DType::f64, tensor.dtype, bits),
                   evaluate(ScalarOp::cast, DType::f64, tensor.dtype, bits)) != 0)
        bits = constant_bits_of(tensor.dtype, std::numeric_limits<double>::quiet_NaN());
  return tensors;
}

size_t node_count(const Graph& graph) {
  size_t count = graph.nodes.size();
  for (const Node& node : graph.nodes)
    for (const auto& region : node.regions) count += node_count(*region);
  return count;
}

}  // namespace

TEST_CASE("pipeline: random graphs compute the same bits after every pass") {
  size_t before = 0, after = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const Graph graph = RandomGraph(seed).make(20);
    const Graph formulas = expand(graph);
    const auto inputs = random_inputs(graph, seed);
    const auto expected = plain_nans(evaluate_graph(formulas, inputs));
    const Graph optimized = optimize(graph, [&](std::string_view pass, const Graph& now, bool, double) {
      INFO("seed " << seed << ", after " << pass << "\n" << to_text(graph) << to_text(now));
      REQUIRE_NOTHROW(verify(now));
      REQUIRE(plain_nans(evaluate_graph(now, inputs)) == expected);
    });
    for (size_t k = 0; k < graph.results.size(); ++k)
      REQUIRE(optimized.type(optimized.results[k]) == graph.type(graph.results[k]));
    before += node_count(formulas);
    after += node_count(optimized);
  }
  CHECK(after < before / 2);
}

TEST_CASE("pipeline: running it again changes nothing that matters") {
  int changed = 0;
  for (uint64_t seed = 1000; seed < 1200; ++seed) {
    const Graph once = optimize(RandomGraph(seed).make(20));
    if (to_text(optimize(once)) != to_text(once)) ++changed;
  }
  CHECK(changed <= 4);  // cse may bring together what a rule needs to be the same value
}

TEST_CASE("pipeline: the observer sees every pass, in order, and whether it changed anything") {
  std::vector<std::string> seen;
  const Graph graph = parse_graph(R"(graph @f(%x: f32[3]) -> f32[3] {
    %0 = exp %x : f32[3]
    %1 = sin %x : f32[3]
    return %0
  })");
  const Graph made = optimize(graph, [&](std::string_view pass, const Graph&, bool changed, double seconds) {
    CHECK(seconds >= 0);
    seen.push_back(fmt::format("{}{}", pass, changed ? "!" : ""));
  });
  CHECK(seen == std::vector<std::string>{"expand", "fold", "simplify", "components", "parts", "insets", "cse", "dce!",
                                         "checks"});
  CHECK(made.nodes.size() == 1);
}

TEST_CASE("pipeline: softmax stays what its formula says") {
  const Graph made = in_order_of_use(optimize(parse_graph(R"(graph @f(%x: f16[N, 8]) -> f16[N, 8] {
    %0 = softmax %x : f16[N, 8]  # net.py:2
    return %0
  })")));
  verify(made);
  CHECK(to_text(made) == to_text(parse_graph(R"(graph @f(%x: f16[N, 8]) -> f16[N, 8] {
    %0 = cast %x dtype=f32 : f32[N, 8]  # net.py:2
    %1 = max %0 axis=[1] keepdims=true : f32[N, 1]  # net.py:2
    %2 = subtract %0, %1 : f32[N, 8]  # net.py:2
    %3 = exp %2 : f32[N, 8]  # net.py:2
    %4 = full shape=[] fill_value=1.0 : f32[]  # net.py:2
    %5 = sum %3 axis=[1] dtype=f32 keepdims=true : f32[N, 1]  # net.py:2
    %6 = divide %4, %5 : f32[N, 1]  # net.py:2
    %7 = multiply %3, %6 : f32[N, 8]  # net.py:2
    %8 = cast %7 dtype=f16 : f16[N, 8]  # net.py:2
    return %8
  })")));
}

#ifndef NDEBUG
TEST_CASE("pipeline: a broken graph is found before any pass") {
  Graph graph = parse_graph("graph @f(%x: f32[3]) -> f32[3] { %0 = exp %x : f32[3] return %0 }");
  graph.types[1].dtype = DType::f64;
  CHECK_THROWS_AS(optimize(graph), InternalError);
}
#endif
