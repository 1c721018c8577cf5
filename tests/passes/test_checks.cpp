#include "passes/checks.h"

#include "tests/passes/cases.h"

using namespace tandem;
using namespace tandem::testing;

TEST_CASE("checks: what a kernel checks anyway goes") {
  check_pass(checks, R"(graph @f(%x: f32[3, 4], %i: i64[2]) -> f32[2] {
    %0 = check_index %i size=[3] axis=0 : i64[2]
    %1 = take %x, %0 axis=0 : f32[2, 4]
    %2 = exp %1 : f32[2, 4]
    %3 = sum %2 axis=[1] : f32[2]
    return %3
  })",
             R"(graph @f(%x: f32[3, 4], %i: i64[2]) -> f32[2] {
    %0 = take %x, %i axis=0 : f32[2, 4]
    %1 = exp %0 : f32[2, 4]
    %2 = sum %1 axis=[1] : f32[2]
    return %2
  })");
}

TEST_CASE("checks: constants within bounds need none") {
  check_pass(checks, R"(graph @f(%x: f32[3]) -> f32[3] {
    %0 = full shape=[] fill_value=-3 dtype=i64 : i64[]
    %1 = check_index %0 size=[3] axis=0 ordered=true : i64[]
    %2 = full shape=[] fill_value=1.0 dtype=f32 : f32[]
    %3 = index_update %x, %1, %2 : f32[3]
    return %3
  })",
             R"(graph @f(%x: f32[3]) -> f32[3] {
    %0 = full shape=[] fill_value=-3 dtype=i64 : i64[]
    %1 = full shape=[] fill_value=1.0 : f32[]
    %2 = index_update %x, %0, %1 : f32[3]
    return %2
  })");
}

TEST_CASE("checks: what has been checked against the same size") {
  check_pass(checks, R"(graph @f(%x: f32[3], %i: i64[2], %v: f32[]) -> f32[3] {
    %0 = check_index %i size=[3] axis=0 ordered=true : i64[2]
    %1 = check_index %0 size=[3] axis=0 : i64[2]
    %2 = index_update %x, %1, %v checked=true : f32[3]
    return %2
  })",
             R"(graph @f(%x: f32[3], %i: i64[2], %v: f32[]) -> f32[3] {
    %0 = check_index %i size=[3] axis=0 ordered=true : i64[2]
    %1 = index_update %x, %0, %v checked=true : f32[3]
    return %1
  })");
}

TEST_CASE("checks: nothing to do for what is computed in part, ordered or not at all") {
  check_nothing_to_do(checks, R"(graph @f(%x: f32[3], %i: i64[2], %j: i64[], %p: bool[]) -> f32[1], f32[2], f32[3] {
    %0 = check_index %i size=[3] axis=0 : i64[2]
    %1 = take %x, %0 axis=0 : f32[2]
    %2 = slice %1 starts=[0] sizes=[1] steps=[1] : f32[1]
    %3 = check_index %i size=[3] axis=0 ordered=true : i64[2]
    %4 = take %x, %3 axis=0 : f32[2]
    %5 = full shape=[] fill_value=3 dtype=i64 : i64[]
    %6 = check_index %5 size=[3] axis=0 : i64[]
    %7 = check_index %i size=[3] axis=0 : i64[2]
    %8 = full shape=[] fill_value=1.0 : f32[]
    %9 = index_update %x, %7, %8 checked=true : f32[3]
    if %p, %j : () {
      then(%a: i64[]) -> () {
        %0 = check_index %a size=[3] axis=0 : i64[]
        return
      }
      else(%a: i64[]) -> () {
        return
      }
    }
    return %2, %4, %9
  })");
}
