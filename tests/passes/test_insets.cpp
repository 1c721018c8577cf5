#include "passes/insets.h"

#include "passes/cse.h"
#include "passes/dce.h"
#include "tests/passes/cases.h"

using namespace tandem;
using namespace tandem::testing;

namespace {
Graph insets_only(const Graph& graph) { return in_order_of_use(dce(cse(insets(graph)))); }
}  // namespace

TEST_CASE("insets: rows between zeros are chosen where they are read, also by way of views") {
  check_pass(insets_only, R"(graph @f(%x: f32[3, 20], %y: f32[20, 7]) -> f32[20, 7] {
    %0 = full shape=[7, 20] fill_value=0.0 : f32[7, 20]
    %1 = slice_update %0, %x starts=[1, 0] sizes=[3, 20] steps=[2, 1] : f32[7, 20]
    %2 = permute_dims %1 axes=[1, 0] : f32[20, 7]
    %3 = add %y, %2 : f32[20, 7]
    return %3
  })",
             R"(graph @f(%x: f32[3, 20], %y: f32[20, 7]) -> f32[20, 7] {
    %0 = iota shape=[7] axis=0 dtype=i64 : i64[7]
    %1 = full shape=[] fill_value=1 dtype=i64 : i64[]
    %2 = subtract %0, %1 : i64[7]
    %3 = full shape=[] fill_value=0 dtype=i64 : i64[]
    %4 = greater_equal %2, %3 : bool[7]
    %5 = full shape=[] fill_value=2 dtype=i64 : i64[]
    %6 = floor_divide %2, %5 : i64[7]
    %7 = full shape=[] fill_value=3 dtype=i64 : i64[]
    %8 = less %6, %7 : bool[7]
    %9 = bitwise_and %4, %8 : bool[7]
    %10 = multiply %6, %5 : i64[7]
    %11 = equal %10, %2 : bool[7]
    %12 = bitwise_and %9, %11 : bool[7]
    %13 = reshape %12 shape=[7, 1] : bool[7, 1]
    %14 = maximum %6, %3 : i64[7]
    %15 = minimum %14, %5 : i64[7]
    %16 = take %x, %15 axis=0 : f32[7, 20]
    %17 = full shape=[] fill_value=0.0 : f32[]
    %18 = where %13, %16, %17 : f32[7, 20]
    %19 = permute_dims %18 axes=[1, 0] : f32[20, 7]
    %20 = add %y, %19 : f32[20, 7]
    return %20
  })");
}

TEST_CASE("insets: a step of one needs no division, and a constant may be any") {
  check_pass(insets_only, R"(graph @f(%x: i32[3, 20], %n: i64[N]) -> i32[20] {
    %0 = full shape=[N, 20] fill_value=7 dtype=i32 : i32[N, 20]
    %1 = slice_update %0, %x starts=[N - 3, 0] sizes=[3, 20] steps=[1, 1] : i32[N, 20]
    %2 = sum %1 axis=[0] dtype=i32 : i32[20]
    return %2
  })",
             R"(graph @f(%x: i32[3, 20], %n: i64[N]) -> i32[20] {
    %0 = iota shape=[N] axis=0 dtype=i64 : i64[N]
    %1 = from_dim size=[N-3] dtype=i64 : i64[]
    %2 = subtract %0, %1 : i64[N]
    %3 = full shape=[] fill_value=0 dtype=i64 : i64[]
    %4 = greater_equal %2, %3 : bool[N]
    %5 = full shape=[] fill_value=3 dtype=i64 : i64[]
    %6 = less %2, %5 : bool[N]
    %7 = bitwise_and %4, %6 : bool[N]
    %8 = reshape %7 shape=[N, 1] : bool[N, 1]
    %9 = maximum %2, %3 : i64[N]
    %10 = full shape=[] fill_value=2 dtype=i64 : i64[]
    %11 = minimum %9, %10 : i64[N]
    %12 = take %x, %11 axis=0 : i32[N, 20]
    %13 = full shape=[] fill_value=7 dtype=i32 : i32[]
    %14 = where %8, %12, %13 : i32[N, 20]
    %15 = sum %14 axis=[0] dtype=i32 : i32[20]
    return %15
  })");
}

TEST_CASE("insets: results, what a library reads, innermost axes, short rows, two axes and other bases are written") {
  check_nothing_to_do(insets_only, R"(graph @f(%x: f32[3, 20]) -> f32[7, 20], f32[7, 20] {
    %0 = full shape=[7, 20] fill_value=0.0 : f32[7, 20]
    %1 = slice_update %0, %x starts=[1, 0] sizes=[3, 20] steps=[2, 1] : f32[7, 20]
    %2 = exp %1 : f32[7, 20]
    return %1, %2
  })");
  check_nothing_to_do(insets_only, R"(graph @f(%x: f32[3, 20], %w: f32[20, 5]) -> f32[7, 5] {
    %0 = full shape=[7, 20] fill_value=0.0 : f32[7, 20]
    %1 = slice_update %0, %x starts=[1, 0] sizes=[3, 20] steps=[2, 1] : f32[7, 20]
    %2 = matmul %1, %w : f32[7, 5]
    return %2
  })");
  check_nothing_to_do(insets_only, R"(graph @f(%x: f32[20, 3]) -> f32[20, 7] {
    %0 = full shape=[20, 7] fill_value=0.0 : f32[20, 7]
    %1 = slice_update %0, %x starts=[0, 1] sizes=[20, 3] steps=[1, 2] : f32[20, 7]
    %2 = exp %1 : f32[20, 7]
    return %2
  })");
  check_nothing_to_do(insets_only, R"(graph @f(%x: f32[3, 4]) -> f32[7, 4] {
    %0 = full shape=[7, 4] fill_value=0.0 : f32[7, 4]
    %1 = slice_update %0, %x starts=[1, 0] sizes=[3, 4] steps=[2, 1] : f32[7, 4]
    %2 = exp %1 : f32[7, 4]
    return %2
  })");
  check_nothing_to_do(insets_only, R"(graph @f(%x: f32[3, 20]) -> f32[7, 30] {
    %0 = full shape=[7, 30] fill_value=0.0 : f32[7, 30]
    %1 = slice_update %0, %x starts=[1, 5] sizes=[3, 20] steps=[2, 1] : f32[7, 30]
    %2 = exp %1 : f32[7, 30]
    return %2
  })");
  check_nothing_to_do(insets_only, R"(graph @f(%x: f32[3, 20], %y: f32[7, 20]) -> f32[7, 20] {
    %0 = slice_update %y, %x starts=[1, 0] sizes=[3, 20] steps=[2, 1] : f32[7, 20]
    %1 = exp %0 : f32[7, 20]
    return %1
  })");
}
