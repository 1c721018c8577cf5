#include "passes/layout.h"

#include "tests/passes/cases.h"
#include "tests/passes/evaluate.h"

using namespace tandem;
using namespace tandem::testing;

TEST_CASE("layout: operands of matmul have one dtype and two axes") {
  check_pass(normalize_layout, R"(graph @f(%a: f16[K], %b: f32[K, N]) -> f32[N] {
    %0 = matmul %a, %b : f32[N]  # m.py:2
    return %0
  })",
             R"(graph @f(%a: f16[K], %b: f32[K, N]) -> f32[N] {
    %0 = cast %a dtype=f32 : f32[K]  # m.py:2
    %1 = reshape %0 shape=[1, K] : f32[1, K]  # m.py:2
    %2 = matmul %1, %b : f32[1, N]  # m.py:2
    %3 = reshape %2 shape=[N] : f32[N]  # m.py:2
    return %3
  })");
  check_pass(normalize_layout, R"(graph @f(%a: f32[2, M, K], %b: f32[K]) -> f32[2, M] {
    %0 = matmul %a, %b : f32[2, M]
    return %0
  })",
             R"(graph @f(%a: f32[2, M, K], %b: f32[K]) -> f32[2, M] {
    %0 = reshape %b shape=[K, 1] : f32[K, 1]
    %1 = matmul %a, %0 : f32[2, M, 1]
    %2 = reshape %1 shape=[2, M] : f32[2, M]
    return %2
  })");
  check_pass(normalize_layout, R"(graph @f(%a: f32[K], %b: f32[K]) -> f32[] {
    %0 = matmul %a, %b : f32[]
    return %0
  })",
             R"(graph @f(%a: f32[K], %b: f32[K]) -> f32[] {
    %0 = reshape %a shape=[1, K] : f32[1, K]
    %1 = reshape %b shape=[K, 1] : f32[K, 1]
    %2 = matmul %0, %1 : f32[1, 1]
    %3 = reshape %2 shape=[] : f32[]
    return %3
  })");
}

TEST_CASE("layout: parts of a concat are copies in the dtype of the whole") {
  check_pass(normalize_layout, R"(graph @f(%a: f64[N], %b: f32[3]) -> f64[N + 3] {
    %0 = concat %a, %b : f64[N + 3]
    return %0
  })",
             R"(graph @f(%a: f64[N], %b: f32[3]) -> f64[N + 3] {
    %0 = copy %a : f64[N]
    %1 = cast %b dtype=f64 : f64[3]
    %2 = concat %0, %1 : f64[N + 3]
    return %2
  })");
}

TEST_CASE("layout: the value of a slice_update has the shape and dtype of its place") {
  check_pass(normalize_layout, R"(graph @f(%x: f32[N, 8], %v: f32[]) -> f32[N, 8] {
    %0 = slice_update %x, %v starts=[0, 2] sizes=[N, 3] steps=[1, 2] : f32[N, 8]
    return %0
  })",
             R"(graph @f(%x: f32[N, 8], %v: f32[]) -> f32[N, 8] {
    %0 = broadcast_to %v shape=[N, 3] : f32[N, 3]
    %1 = copy %0 : f32[N, 3]
    %2 = slice_update %x, %1 starts=[0, 2] sizes=[N, 3] steps=[1, 2] : f32[N, 8]
    return %2
  })");
  check_pass(normalize_layout, R"(graph @f(%x: f32[4], %v: f64[2]) -> f32[4] {
    %0 = slice_update %x, %v starts=[1] sizes=[2] steps=[1] : f32[4]
    return %0
  })",
             R"(graph @f(%x: f32[4], %v: f64[2]) -> f32[4] {
    %0 = cast %v dtype=f32 : f32[2]
    %1 = slice_update %x, %0 starts=[1] sizes=[2] steps=[1] : f32[4]
    return %1
  })");
}

TEST_CASE("layout: the value of an index_update has the shape and dtype of its place, the index is i64") {
  check_pass(normalize_layout, R"(graph @f(%x: f32[N, 8], %i: i32[], %v: f64[]) -> f32[N, 8] {
    %0 = index_update %x, %i, %v axis=1 : f32[N, 8]
    return %0
  })",
             R"(graph @f(%x: f32[N, 8], %i: i32[], %v: f64[]) -> f32[N, 8] {
    %0 = cast %i dtype=i64 : i64[]
    %1 = cast %v dtype=f32 : f32[]
    %2 = broadcast_to %1 shape=[N] : f32[N]
    %3 = index_update %x, %0, %2 axis=1 : f32[N, 8]
    return %3
  })");
  check_pass(normalize_layout, R"(graph @f(%x: f32[N, 8], %i: i64[2, 3], %v: f32[8]) -> f32[N, 8] {
    %0 = index_update %x, %i, %v mode=1 : f32[N, 8]
    return %0
  })",
             R"(graph @f(%x: f32[N, 8], %i: i64[2, 3], %v: f32[8]) -> f32[N, 8] {
    %0 = broadcast_to %v shape=[2, 3, 8] : f32[2, 3, 8]
    %1 = index_update %x, %i, %0 mode=1 : f32[N, 8]
    return %1
  })");
}

TEST_CASE("layout: a reshape copies exactly where strides cannot express it") {
  // Of a transposed parameter: neither axis follows the other in memory.
  check_pass(normalize_layout, R"(graph @f(%x: f32[N, 4] strides [1, N]) -> f32[4*N] {
    %0 = reshape %x shape=[4*N] : f32[4*N]
    return %0
  })",
             R"(graph @f(%x: f32[N, 4] strides [1, N]) -> f32[4*N] {
    %0 = copy %x : f32[N, 4]
    %1 = reshape %0 shape=[4*N] : f32[4*N]
    return %1
  })");
  // Also through the views in between.
  check_pass(normalize_layout, R"(graph @f(%x: f32[6, 4]) -> f32[24] {
    %0 = permute_dims %x axes=[1, 0] : f32[4, 6]
    %1 = reshape %0 shape=[24] : f32[24]
    return %1
  })",
             R"(graph @f(%x: f32[6, 4]) -> f32[24] {
    %0 = permute_dims %x axes=[1, 0] : f32[4, 6]
    %1 = copy %0 : f32[4, 6]
    %2 = reshape %1 shape=[24] : f32[24]
    return %2
  })");
  // Cutting an axis is a matter of strides, whatever they are.
  check_nothing_to_do(normalize_layout, R"(graph @f(%x: f32[8, 4] strides [1, 8]) -> f32[2, 4, 4] {
    %0 = reshape %x shape=[2, 4, 4] : f32[2, 4, 4]
    return %0
  })");
  // What a kernel makes is stored contiguously.
  check_nothing_to_do(normalize_layout, R"(graph @f(%x: f32[N, 4] strides [1, N]) -> f32[4*N] {
    %0 = exp %x : f32[N, 4]
    %1 = reshape %0 shape=[4*N] : f32[4*N]
    return %1
  })");
}

TEST_CASE("layout: a reduction over single elements is no loop and keeps its bits") {
  const char* text = R"(graph @f(%x: f32[3, 1]) -> f32[3], f32[3, 1], i64[3] {
    %0 = sum %x axis=[1] dtype=f32 : f32[3]
    %1 = max %x axis=[1] keepdims=true : f32[3, 1]
    %2 = argmax %x axis=[1] : i64[3]
    return %0, %1, %2
  })";
  const Graph graph = parse_graph(text);
  const Graph made = normalize_layout(graph);
  verify(made);
  for (const Node& node : made.nodes) CHECK_FALSE(std::holds_alternative<ReduceRule>(node.op->lower));
  // 0 + -0 is 0: a sum never returns -0.
  Tensor x{DType::f32, {3, 1}, {}};
  for (const double value : {-0.0, 2.5, -7.0}) x.bits.push_back(constant_bits_of(DType::f32, value));
  const auto results = evaluate_graph(made, {x});
  CHECK(results[0].bits[0] == 0);
  CHECK(results[0].bits[1] == x.bits[1]);
  CHECK(results[1].bits == x.bits);
  CHECK(results[2].bits == std::vector<int64_t>{0, 0, 0});
}

TEST_CASE("layout: inside regions, whose inputs are contiguous") {
  const Graph made = normalize_layout(parse_graph(R"(graph @f(%p: bool[], %x: f32[N, 4] strides [1, N]) -> f32[4*N] {
    %0 = if %p, %x : f32[4*N] {
      then(%x: f32[N, 4]) -> f32[4*N] {
        %0 = reshape %x shape=[4*N] : f32[4*N]
        return %0
      }
      else(%x: f32[N, 4]) -> f32[4*N] {
        %0 = permute_dims %x axes=[1, 0] : f32[4, N]
        %1 = reshape %0 shape=[4*N] : f32[4*N]
        return %1
      }
    }
    return %0
  })"));
  verify(made);
  CHECK(made.nodes[0].regions[0]->nodes.size() == 1);
  REQUIRE(made.nodes[0].regions[1]->nodes.size() == 3);
  CHECK(made.nodes[0].regions[1]->nodes[1].op->name == "copy");
}

TEST_CASE("layout: nothing to do") {
  check_nothing_to_do(normalize_layout, R"(graph @f(%a: f32[M, K], %b: f32[K, N]) -> f32[M, N], f32[M] {
    %0 = matmul %a, %b : f32[M, N]  # m.py:7
    %1 = sum %0 axis=[1] dtype=f32 : f32[M]
    return %0, %1
  })");
}

TEST_CASE("layout: views are resolved to what is stored") {
  const Graph graph = parse_graph(R"(graph @f(%x: f32[N, 8]) -> f32[3, N] {
    %0 = slice %x starts=[0, 1] sizes=[N, 3] steps=[1, 2] : f32[N, 3]
    %1 = permute_dims %0 axes=[1, 0] : f32[3, N]
    return %1
  })");
  const auto producers = graph.producers();
  const auto placed = resolve_views(graph, producers, graph.results[0]);
  REQUIRE(placed);
  CHECK(placed->root == graph.params[0].value);
  CHECK(placed->layout.offset == Dim(1));
  CHECK(placed->layout.strides == Shape{2, 8});
  // `stop` names values that have a buffer of their own.
  std::vector<bool> stored(graph.types.size(), false);
  stored[static_cast<size_t>(graph.nodes[0].outputs[0])] = true;
  const auto nearer = resolve_views(graph, producers, graph.results[0], &stored);
  REQUIRE(nearer);
  CHECK(nearer->root == graph.nodes[0].outputs[0]);
  CHECK(nearer->layout.strides == Shape{1, 3});
}

TEST_CASE("layout: every update of a constant has one of its own") {
  check_pass(normalize_layout, R"(graph @f(%x: f32[2], %y: f32[2]) -> f32[4], f32[4] {
    %0 = full shape=[4] fill_value=0.0 : f32[4]
    %1 = slice_update %0, %x starts=[0] sizes=[2] steps=[1] : f32[4]
    %2 = slice_update %0, %y starts=[1] sizes=[2] steps=[1] : f32[4]
    return %1, %2
  })",
             R"(graph @f(%x: f32[2], %y: f32[2]) -> f32[4], f32[4] {
    %0 = full shape=[4] fill_value=0.0 : f32[4]
    %1 = copy %x : f32[2]
    %2 = slice_update %0, %1 starts=[0] sizes=[2] steps=[1] : f32[4]
    %3 = full shape=[4] fill_value=0.0 : f32[4]
    %4 = copy %y : f32[2]
    %5 = slice_update %3, %4 starts=[1] sizes=[2] steps=[1] : f32[4]
    return %2, %5
  })");
}
