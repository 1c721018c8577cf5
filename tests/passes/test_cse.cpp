#include "passes/cse.h"
#include "tests/passes/cases.h"

using namespace tandem;
using namespace tandem::testing;

TEST_CASE("cse: equal nodes are one, and what follows from that") {
  check_pass(cse, R"(graph @f(%x: f32[3], %y: f32[3]) -> f32[3] {
    %0 = add %x, %y : f32[3]  # a.py:1
    %1 = add %y, %x : f32[3]  # a.py:2
    %2 = exp %0 : f32[3]
    %3 = exp %1 : f32[3]
    %4 = subtract %2, %3 : f32[3]
    return %4
  })",
             R"(graph @f(%x: f32[3], %y: f32[3]) -> f32[3] {
    %0 = add %x, %y : f32[3]  # a.py:1
    %1 = exp %0 : f32[3]
    %2 = subtract %1, %1 : f32[3]
    return %2
  })");
}

TEST_CASE("cse: order matters where it may show, as for the minimum of floats, not of integers") {
  check_pass(cse, R"(graph @f(%x: f16[3], %y: f16[3], %i: i32[3], %j: i32[3]) -> f16[3], f16[3], i32[3], i32[3] {
    %0 = minimum %x, %y : f16[3]
    %1 = minimum %y, %x : f16[3]
    %2 = minimum %i, %j : i32[3]
    %3 = minimum %j, %i : i32[3]
    return %0, %1, %2, %3
  })",
             R"(graph @f(%x: f16[3], %y: f16[3], %i: i32[3], %j: i32[3]) -> f16[3], f16[3], i32[3], i32[3] {
    %0 = minimum %x, %y : f16[3]
    %1 = minimum %y, %x : f16[3]
    %2 = minimum %i, %j : i32[3]
    return %0, %1, %2, %2
  })");
}

TEST_CASE("cse: equal regions") {
  const std::string branch = R"( : f32[3] {
      then(%a: f32[3]) -> f32[3] {
        %0 = exp %a : f32[3]
        %1 = exp %a : f32[3]
        %2 = add %0, %1 : f32[3]
        return %2
      }
      else(%a: f32[3]) -> f32[3] {
        return %a
      }
    })";
  const std::string small = R"( : f32[3] {
      then(%a: f32[3]) -> f32[3] {
        %0 = exp %a : f32[3]
        %1 = add %0, %0 : f32[3]
        return %1
      }
      else(%a: f32[3]) -> f32[3] {
        return %a
      }
    })";
  const std::string head = "graph @f(%p: bool[], %q: bool[], %x: f32[3]) -> f32[3], f32[3], f32[3] {\n";
  check_pass(cse,
             head + "%0 = if %p, %x" + branch + "\n%1 = if %p, %x" + branch + "\n%2 = if %q, %x" + branch +
                 "\nreturn %0, %1, %2\n}",
             head + "%0 = if %p, %x" + small + "\n%1 = if %q, %x" + small + "\nreturn %0, %0, %1\n}");
}

TEST_CASE("cse: nothing to do") {
  check_nothing_to_do(cse, R"(graph @f(%x: f32[3], %y: f32[3]) -> f32[3], f32[3], f32[3], f32[], f32[], f32[1], f32[] {
    %0 = subtract %x, %y : f32[3]
    %1 = subtract %y, %x : f32[3]
    %2 = add %x, %y : f32[3]
    %3 = full shape=[] fill_value=0.0 : f32[]
    %4 = full shape=[] fill_value=-0.0 : f32[]
    %5 = sum %x axis=[0] dtype=f32 keepdims=true : f32[1]
    %6 = sum %x axis=[0] dtype=f32 : f32[]
    return %0, %1, %2, %3, %4, %5, %6
  })");
}
