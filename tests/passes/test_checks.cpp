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

TEST_CASE("checks: what loops count needs none, unless it may be as large as the axis") {
  check_pass(checks, R"(graph @f(%x: f32[N, M]) -> f32[] {
    %0 = full shape=[] fill_value=0 dtype=i64 : i64[]
    %1 = full shape=[] fill_value=0.0 : f32[]
    %2, %3 = while %0, %1, %x : i64[], f32[] {
      cond(%i: i64[], %s: f32[], %c: f32[N, M]) -> bool[] {
        %0 = from_dim size=[N] dtype=i64 : i64[]
        %1 = less %i, %0 : bool[]
        return %1
      }
      body(%i: i64[], %s: f32[], %c: f32[N, M]) -> i64[], f32[] {
        %0 = full shape=[] fill_value=0 dtype=i64 : i64[]
        %1 = less %0, %i : bool[]
        %2, %3, %4 = while %1, %0, %s, %i : bool[], i64[], f32[] {
          cond(%go: bool[], %j: i64[], %s: f32[], %i: i64[]) -> bool[] {
            return %go
          }
          body(%go: bool[], %j: i64[], %s: f32[], %i: i64[]) -> bool[], i64[], f32[] {
            %0 = check_index %i size=[N] axis=0 : i64[]
            %1 = check_index %j size=[N] axis=0 : i64[]
            %2 = full shape=[] fill_value=1 dtype=i64 : i64[]
            %3 = subtract %i, %j : i64[]
            %4 = check_index %3 size=[N] axis=0 : i64[]
            %5 = add %j, %2 : i64[]
            %6 = check_index %5 size=[N] axis=0 : i64[]
            %7 = add %5, %2 : i64[]
            %8 = check_index %7 size=[N] axis=0 : i64[]
            %9 = check_index %i size=[M] axis=1 : i64[]
            %10 = add %0, %1 : i64[]
            %11 = add %10, %4 : i64[]
            %12 = add %11, %6 : i64[]
            %13 = add %12, %8 : i64[]
            %14 = add %13, %9 : i64[]
            %15 = cast %14 dtype=f32 : f32[]
            %16 = add %s, %15 : f32[]
            %17 = less %5, %i : bool[]
            return %17, %5, %16
          }
        }
        %5 = full shape=[] fill_value=1 dtype=i64 : i64[]
        %6 = add %i, %5 : i64[]
        return %6, %4
      }
    }
    return %3
  })",
             R"(graph @f(%x: f32[N, M]) -> f32[] {
    %0 = full shape=[] fill_value=0 dtype=i64 : i64[]
    %1 = full shape=[] fill_value=0.0 : f32[]
    %2, %3 = while %0, %1, %x : i64[], f32[] {
      cond(%i: i64[], %s: f32[], %c: f32[N, M]) -> bool[] {
        %0 = from_dim size=[N] dtype=i64 : i64[]
        %1 = less %i, %0 : bool[]
        return %1
      }
      body(%i: i64[], %s: f32[], %c: f32[N, M]) -> i64[], f32[] {
        %0 = full shape=[] fill_value=0 dtype=i64 : i64[]
        %1 = less %0, %i : bool[]
        %2, %3, %4 = while %1, %0, %s, %i : bool[], i64[], f32[] {
          cond(%go: bool[], %j: i64[], %s: f32[], %i: i64[]) -> bool[] {
            return %go
          }
          body(%go: bool[], %j: i64[], %s: f32[], %i: i64[]) -> bool[], i64[], f32[] {
            %0 = full shape=[] fill_value=1 dtype=i64 : i64[]
            %1 = subtract %i, %j : i64[]
            %2 = add %j, %0 : i64[]
            %3 = add %2, %0 : i64[]
            %4 = check_index %3 size=[N] axis=0 : i64[]
            %5 = check_index %i size=[M] axis=1 : i64[]
            %6 = add %i, %j : i64[]
            %7 = add %6, %1 : i64[]
            %8 = add %7, %2 : i64[]
            %9 = add %8, %4 : i64[]
            %10 = add %9, %5 : i64[]
            %11 = cast %10 dtype=f32 : f32[]
            %12 = add %s, %11 : f32[]
            %13 = less %2, %i : bool[]
            return %13, %2, %12
          }
        }
        %5 = full shape=[] fill_value=1 dtype=i64 : i64[]
        %6 = add %i, %5 : i64[]
        return %6, %4
      }
    }
    return %3
  })");
}
