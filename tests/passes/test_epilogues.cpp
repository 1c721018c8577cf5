// Kernels that run on blocks of the product before them: which do, and that the bits are those of one after the other.
#include <catch2/catch.hpp>

#include "passes/pipeline.h"
#include "tests/passes/run_plan.h"

using namespace tandem;
using namespace tandem::testing;

namespace {

// "blocks of 4" or "rows of 1" for every product that a kernel follows in its step, "-" for the others.
std::string joined(const Block& block) {
  std::string text;
  const auto add = [&text](const std::string& more) { text += (text.empty() || more.empty() ? "" : ", ") + more; };
  for (const Step& step : block) {
    if (const auto* s = std::get_if<Matmul>(&step.op))
      add(!s->then ? "-" : fmt::format("{} of {}", s->then->window < 0 ? "rows" : "blocks", s->then->parts));
    if (const auto* s = std::get_if<Loop>(&step.op)) add(joined(s->body));
    if (const auto* s = std::get_if<Branch>(&step.op)) add(joined(s->then_block)), add(joined(s->else_block));
  }
  return text;
}

std::string joined(std::string_view text) {
  const Graph graph = optimize(parse_graph(text));
  return joined(build_plan(graph, Sizes{64, 64}, interpreter()).program->body);
}

constexpr const char* kLinear =
    R"(graph @f(%x: f32[N, 64], %w: f32[64, 96], %b: f32[96], %r: f32[N, 96]) -> f32[N, 96] {
  %0 = matmul %x, %w : f32[N, 96]
  %1 = add %0, %b : f32[N, 96]
  %2 = tanh %1 : f32[N, 96]
  %3 = add %2, %r : f32[N, 96]
  return %3
})";

// Four runs of columns at a time, and another product that is there already.
constexpr const char* kGates =
    R"(graph @f(%x: f32[N, 32], %w: f32[32, 256], %h: f32[N, 64], %u: f32[64, 256], %c: f32[N, 64]) -> f32[N, 64], f32[N, 64] {
  %0 = matmul %x, %w : f32[N, 256]
  %1 = matmul %h, %u : f32[N, 256]
  %2 = add %0, %1 : f32[N, 256]
  %3 = slice %2 starts=[0, 0] sizes=[N, 64] steps=[1, 1] : f32[N, 64]
  %4 = slice %2 starts=[0, 64] sizes=[N, 64] steps=[1, 1] : f32[N, 64]
  %5 = slice %2 starts=[0, 128] sizes=[N, 64] steps=[1, 1] : f32[N, 64]
  %6 = slice %2 starts=[0, 192] sizes=[N, 64] steps=[1, 1] : f32[N, 64]
  %7 = multiply %3, %c : f32[N, 64]
  %8 = multiply %4, %5 : f32[N, 64]
  %9 = add %7, %8 : f32[N, 64]
  %10 = multiply %6, %9 : f32[N, 64]
  return %9, %10
})";

constexpr const char* kNormalised = R"(graph @f(%x: f32[N, 64], %w: f32[64, 96], %r: f32[N, 96]) -> f32[N, 96] {
  %0 = matmul %x, %w : f32[N, 96]
  %1 = add %0, %r : f32[N, 96]
  %2 = max %1 axis=[1] keepdims=true : f32[N, 1]
  %3 = subtract %1, %2 : f32[N, 96]
  return %3
})";

// The result may take over the memory of x for the sum, but the product still reads it.
constexpr const char* kSquare = R"(graph @f(%y: f32[64, 64], %w: f32[64, 64]) -> f32[64, 64] {
  %x = negative %y : f32[64, 64]
  %0 = matmul %x, %w : f32[64, 64]
  %1 = add %0, %x : f32[64, 64]
  return %1
})";

// Other columns of the product than the point's own.
constexpr const char* kTurned = R"(graph @f(%x: f32[N, 64], %w: f32[64, 96]) -> f32[N, 96] {
  %0 = matmul %x, %w : f32[N, 96]
  %1 = flip %0 axis=[1] : f32[N, 96]
  %2 = add %0, %1 : f32[N, 96]
  return %2
})";

// A batch whose product itself is a result, too; half the columns.
constexpr const char* kBatch = R"(graph @f(%x: f32[M, N, 64], %w: f32[64, 64]) -> f32[M, N, 64], f32[M, N, 64] {
  %0 = matmul %x, %w : f32[M, N, 64]
  %1 = exp %0 : f32[M, N, 64]
  return %0, %1
})";
constexpr const char* kHalf = R"(graph @f(%x: f32[N, 64], %w: f32[64, 96]) -> f32[N, 48] {
  %0 = matmul %x, %w : f32[N, 96]
  %1 = slice %0 starts=[0, 48] sizes=[N, 48] steps=[1, 1] : f32[N, 48]
  %2 = exp %1 : f32[N, 48]
  return %2
})";

}  // namespace

TEST_CASE("epilogue: kernels over the rows and columns of a product run on its blocks") {
  CHECK(joined(kLinear) == "blocks of 1");
  CHECK(joined(kGates) == "-, blocks of 4");
  CHECK(joined(kNormalised) == "rows of 1");
  CHECK(joined(kSquare) == "blocks of 1");
  CHECK(joined(kBatch) == "blocks of 1");
  // Its own order of rows is another one, which does not matter.
  CHECK(joined(R"(graph @f(%x: f32[40, 8, 64], %w: f32[64, 64], %r: f32[8, 40, 64]) -> f32[8, 40, 64] {
    %0 = matmul %x, %w : f32[40, 8, 64]
    %1 = permute_dims %0 axes=[1, 0, 2] : f32[8, 40, 64]
    %2 = add %1, %r : f32[8, 40, 64]
    return %2
  })") == "blocks of 1");
}

TEST_CASE("epilogue: others come after the product") {
  CHECK(joined(kTurned) == "-");
  CHECK(joined(kHalf) == "-");
  // It reads what another product has to make first.
  CHECK(joined(R"(graph @f(%x: f32[64, 64], %w: f32[64, 64]) -> f32[64, 64] {
    %0 = matmul %x, %w : f32[64, 64]
    %1 = exp %0 : f32[64, 64]
    %2 = matmul %1, %w : f32[64, 64]
    %3 = add %0, %2 : f32[64, 64]
    return %3
  })") == "blocks of 1, blocks of 1");
  // Columns of the result are reduced, which all rows take part in.
  CHECK(joined(R"(graph @f(%x: f32[N, 64], %w: f32[64, 96]) -> f32[96] {
    %0 = matmul %x, %w : f32[N, 96]
    %1 = sum %0 axis=[0] keepdims=false : f32[96]
    return %1
  })") == "-");
}

TEST_CASE("epilogue: the same numbers") {
  for (const char* text : {kLinear, kGates, kNormalised, kTurned, kHalf}) check_program(text, {{1}, {50}, {0}});
  check_program(kSquare, {{}});
}
