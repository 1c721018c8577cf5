// Which steps share rows and become one, what is computed again, and that the bits are those of one after the other.
#include <catch2/catch.hpp>

#include "passes/pipeline.h"
#include "tests/passes/run_plan.h"

using namespace tandem;
using namespace tandem::testing;

namespace {

// "3+2" for a step of three products and two launches on rows, "-" for a product alone.
std::string joined(const Block& block) {
  std::string text;
  const auto add = [&text](const std::string& more) { text += (text.empty() || more.empty() ? "" : ", ") + more; };
  for (const Step& step : block) {
    if (std::holds_alternative<Matmul>(step.op)) add("-");
    if (const auto* s = std::get_if<Loop>(&step.op)) add(joined(s->body));
    const auto* rows = std::get_if<Rows>(&step.op);
    if (!rows) continue;
    const auto products =
        std::ranges::count_if(rows->steps, [](const Step& inner) { return std::holds_alternative<Matmul>(inner.op); });
    add(fmt::format("{}+{}", products, static_cast<long>(rows->steps.size()) - products));
  }
  return text;
}

std::string joined(std::string_view text, const Sizes& sizes) {
  const Graph graph = optimize(parse_graph(text));
  return joined(build_plan(graph, sizes, interpreter()).program->body);
}

constexpr const char* kForward =
    R"(graph @f(%q: f32[M, N, 16], %k: f32[M, K, 16], %v: f32[M, K, 8]) -> f32[M, N, 8] {
  %0 = matrix_transpose %k : f32[M, 16, K]
  %1 = matmul %q, %0 : f32[M, N, K]
  %2 = exp %1 : f32[M, N, K]
  %3 = sum %2 axis=[2] keepdims=true : f32[M, N, 1]
  %4 = divide %2, %3 : f32[M, N, K]
  %5 = matmul %4, %v : f32[M, N, 8]
  return %5
})";

// What a sum of all of it needs before the other three products can begin.
constexpr const char* kBackward =
    R"(graph @f(%q: f32[M, N, 16], %k: f32[M, K, 16], %v: f32[M, K, 8]) -> f32[M, K, 8], f32[M, N, 16], f32[M, K, 16] {
  %0 = matrix_transpose %k : f32[M, 16, K]
  %1 = matmul %q, %0 : f32[M, N, K]
  %2 = maximum %1, %1 : f32[M, N, K]
  %3 = abs %2 : f32[M, N, K]
  %4 = matmul %3, %v : f32[M, N, 8]
  %5 = sum %4 axis=[0, 1, 2] keepdims=true : f32[1, 1, 1]
  %6 = multiply %4, %5 : f32[M, N, 8]
  %7 = matrix_transpose %3 : f32[M, K, N]
  %8 = matmul %7, %6 : f32[M, K, 8]
  %9 = matrix_transpose %v : f32[M, 8, K]
  %10 = matmul %6, %9 : f32[M, N, K]
  %11 = multiply %10, %3 : f32[M, N, K]
  %12 = matmul %11, %k : f32[M, N, 16]
  %13 = matrix_transpose %11 : f32[M, K, N]
  %14 = matmul %13, %q : f32[M, K, 16]
  return %8, %12, %14
})";

// A layer and another one, as networks have them.
constexpr const char* kLayers = R"(graph @f(%x: f32[N, 64], %w: f32[64, K], %u: f32[K, 64]) -> f32[N, 64] {
  %0 = matmul %x, %w : f32[N, K]
  %1 = tanh %0 : f32[N, K]
  %2 = matmul %1, %u : f32[N, 64]
  return %2
})";

}  // namespace

TEST_CASE("rows: two products and the kernel between them are one step where they are large") {
  CHECK(joined(kForward, {300, 4, 100}) == "2+1");  // N, M, K
  CHECK(joined(kForward, {30, 4, 100}) == "-, -");
}

TEST_CASE("rows: a sum of all cuts a chain, and large values are computed again behind it") {
  CHECK(joined(kBackward, {300, 4, 100}) == "-, -, -, 3+1");
  CHECK(joined(kBackward, {1500, 2, 1500}) == "2+1, 5+2");
}

TEST_CASE("rows: layers stay products, unless they are wide beside their depth") {
  CHECK(joined(kLayers, {4000, 0, 200}) == "-, -");
  CHECK(joined(kLayers, {4000, 0, 1000}) == "2+1");
}

TEST_CASE("rows: the same bits, whatever the hints say") {
  const Sizes small(3, 3), some{300, 4, 100}, large{1500, 2, 1500};
  for (const char* text : {kForward, kBackward, kLayers}) {
    const Graph graph = optimize(parse_graph(text));
    for (const Sizes& sizes :
         {Sizes{120, 2, 130}, Sizes{1, 2, 120}, Sizes{300, 0, 120}, Sizes{40, 2, 1}, Sizes{3, 1, 2}}) {
      const auto inputs = random_inputs(graph, sizes, 7);
      std::vector<Tensor> first;
      for (Backend* backend : backends())
        for (const Sizes& hints : {small, some, large}) {
          const Plan plan = build_plan(graph, hints, *backend);
          const auto got = run_plan(plan, graph, inputs, sizes).results;
          INFO(to_text(*plan.program));
          for (size_t i = 0; i < first.size(); ++i) CHECK(agree(first[i], got[i], 0));
          if (first.empty()) first = got;
        }
    }
  }
}
