#include "passes/components.h"

#include "passes/cse.h"
#include "passes/dce.h"
#include "tests/passes/cases.h"

using namespace tandem;
using namespace tandem::testing;

namespace {
Graph components_only(const Graph& graph) { return dce(cse(components(graph))); }
}  // namespace

TEST_CASE("components: a sum over a short axis becomes additions in the order of its lanes") {
  check_pass(components_only, R"(graph @f(%x: f32[8, 3], %y: f32[8, 3]) -> f32[8] {
    %0 = subtract %x, %y : f32[8, 3]
    %1 = sum %0 axis=[1] dtype=f32 : f32[8]
    return %1
  })",
             R"(graph @f(%x: f32[8, 3], %y: f32[8, 3]) -> f32[8] {
    %0 = slice %x starts=[0, 0] sizes=[8, 1] steps=[1, 1] : f32[8, 1]
    %1 = slice %y starts=[0, 0] sizes=[8, 1] steps=[1, 1] : f32[8, 1]
    %2 = subtract %0, %1 : f32[8, 1]
    %3 = slice %x starts=[0, 1] sizes=[8, 1] steps=[1, 1] : f32[8, 1]
    %4 = slice %y starts=[0, 1] sizes=[8, 1] steps=[1, 1] : f32[8, 1]
    %5 = subtract %3, %4 : f32[8, 1]
    %6 = slice %x starts=[0, 2] sizes=[8, 1] steps=[1, 1] : f32[8, 1]
    %7 = slice %y starts=[0, 2] sizes=[8, 1] steps=[1, 1] : f32[8, 1]
    %8 = subtract %6, %7 : f32[8, 1]
    %9 = add %2, %8 : f32[8, 1]
    %10 = add %9, %5 : f32[8, 1]
    %11 = full shape=[] fill_value=0.0 : f32[]
    %12 = add %10, %11 : f32[8, 1]
    %13 = squeeze %12 axis=[1] : f32[8]
    return %13
  })");
}

TEST_CASE("components: squares need no zero, and a kept axis stays") {
  check_pass(components_only, R"(graph @f(%x: f64[2, 8], %y: f64[8]) -> f64[1, 8] {
    %0 = add %x, %y : f64[2, 8]
    %1 = multiply %0, %0 : f64[2, 8]
    %2 = sum %1 axis=[0] keepdims=true dtype=f64 : f64[1, 8]
    return %2
  })",
             R"(graph @f(%x: f64[2, 8], %y: f64[8]) -> f64[1, 8] {
    %0 = slice %x starts=[0, 0] sizes=[1, 8] steps=[1, 1] : f64[1, 8]
    %1 = add %0, %y : f64[1, 8]
    %2 = multiply %1, %1 : f64[1, 8]
    %3 = slice %x starts=[1, 0] sizes=[1, 8] steps=[1, 1] : f64[1, 8]
    %4 = add %3, %y : f64[1, 8]
    %5 = multiply %4, %4 : f64[1, 8]
    %6 = add %2, %5 : f64[1, 8]
    return %6
  })");
}

TEST_CASE("components: a reduction that would repeat dear work along a short axis is one for each element of it") {
  check_pass(components_only, R"(graph @f(%x: f32[9, 2], %y: f32[9, 1]) -> f32[2] {
    %0 = exp %y : f32[9, 1]
    %1 = multiply %0, %x : f32[9, 2]
    %2 = sum %1 axis=[0] dtype=f32 : f32[2]
    return %2
  })",
             R"(graph @f(%x: f32[9, 2], %y: f32[9, 1]) -> f32[2] {
    %0 = exp %y : f32[9, 1]
    %1 = slice %x starts=[0, 0] sizes=[9, 1] steps=[1, 1] : f32[9, 1]
    %2 = multiply %0, %1 : f32[9, 1]
    %3 = sum %2 axis=[0] dtype=f32 : f32[1]
    %4 = slice %x starts=[0, 1] sizes=[9, 1] steps=[1, 1] : f32[9, 1]
    %5 = multiply %0, %4 : f32[9, 1]
    %6 = sum %5 axis=[0] dtype=f32 : f32[1]
    %7 = concat %3, %6 axis=0 : f32[2]
    return %7
  })");
}

TEST_CASE("components: what lies in memory, is long, is spread again or is no sum of f32 or f64 stays") {
  check_nothing_to_do(components_only, R"(graph @f(%x: f32[8, 3]) -> f32[8] {
    %0 = sum %x axis=[1] dtype=f32 : f32[8]
    return %0
  })");
  check_nothing_to_do(components_only, R"(graph @f(%x: f32[8, 5]) -> f32[8] {
    %0 = multiply %x, %x : f32[8, 5]
    %1 = sum %0 axis=[1] dtype=f32 : f32[8]
    return %1
  })");
  check_nothing_to_do(components_only, R"(graph @f(%x: f32[8, 3]) -> f32[8, 3] {
    %0 = multiply %x, %x : f32[8, 3]
    %1 = sum %0 axis=[1] keepdims=true dtype=f32 : f32[8, 1]
    %2 = divide %x, %1 : f32[8, 3]
    return %2
  })");
  check_nothing_to_do(components_only, R"(graph @f(%x: f16[8, 3]) -> f16[8] {
    %0 = multiply %x, %x : f16[8, 3]
    %1 = sum %0 axis=[1] dtype=f16 : f16[8]
    return %1
  })");
  check_nothing_to_do(components_only, R"(graph @f(%x: f32[9, 2], %y: f32[9, 1]) -> f32[2] {
    %0 = multiply %y, %x : f32[9, 2]
    %1 = sum %0 axis=[0] dtype=f32 : f32[2]
    return %1
  })");
}
