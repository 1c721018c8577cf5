#include "passes/parts.h"

#include "passes/cse.h"
#include "passes/dce.h"
#include "tests/passes/cases.h"

using namespace tandem;
using namespace tandem::testing;

namespace {
Graph parts_only(const Graph& graph) { return dce(cse(parts(graph))); }
}  // namespace

TEST_CASE("parts: gradients of slices that make up the whole are put together") {
  check_pass(parts_only, R"(graph @f(%x: f32[3, 2], %y: f32[3, 4]) -> f32[3, 6] {
    %0 = full shape=[3, 6] fill_value=0.0 : f32[3, 6]
    %1 = slice_update %0, %y starts=[0, 2] sizes=[3, 4] steps=[1, 1] : f32[3, 6]
    %2 = slice_update %0, %x starts=[0, 0] sizes=[3, 2] steps=[1, 1] : f32[3, 6]
    %3 = add %1, %2 : f32[3, 6]
    return %3
  })",
             R"(graph @f(%x: f32[3, 2], %y: f32[3, 4]) -> f32[3, 6] {
    %0 = full shape=[] fill_value=0.0 : f32[]
    %1 = add %y, %0 : f32[3, 4]
    %2 = add %x, %0 : f32[3, 2]
    %3 = concat %2, %1 axis=1 : f32[3, 6]
    return %3
  })");
}

TEST_CASE("parts: what does not make up the whole is written into zeros, one part after the other") {
  check_pass(parts_only, R"(graph @f(%x: f32[2], %y: f32[4]) -> f32[9] {
    %0 = full shape=[9] fill_value=0.0 : f32[9]
    %1 = slice_update %0, %y starts=[5] sizes=[4] steps=[1] : f32[9]
    %2 = slice_update %0, %x starts=[0] sizes=[2] steps=[1] : f32[9]
    %3 = add %1, %2 : f32[9]
    return %3
  })",
             R"(graph @f(%x: f32[2], %y: f32[4]) -> f32[9] {
    %0 = full shape=[9] fill_value=0.0 : f32[9]
    %1 = full shape=[] fill_value=0.0 : f32[]
    %2 = add %y, %1 : f32[4]
    %3 = add %x, %1 : f32[2]
    %4 = slice_update %0, %3 starts=[0] sizes=[2] steps=[1] : f32[9]
    %5 = slice_update %4, %2 starts=[5] sizes=[4] steps=[1] : f32[9]
    return %5
  })");
}

TEST_CASE("parts: overlapping parts, steps, other bases and integers are added") {
  check_nothing_to_do(parts_only, R"(graph @f(%x: f32[3], %y: f32[3]) -> f32[5] {
    %0 = full shape=[5] fill_value=0.0 : f32[5]
    %1 = slice_update %0, %x starts=[0] sizes=[3] steps=[1] : f32[5]
    %2 = slice_update %0, %y starts=[2] sizes=[3] steps=[1] : f32[5]
    %3 = add %1, %2 : f32[5]
    return %3
  })");
  check_nothing_to_do(parts_only, R"(graph @f(%x: f32[3], %y: f32[2]) -> f32[5] {
    %0 = full shape=[5] fill_value=0.0 : f32[5]
    %1 = slice_update %0, %x starts=[0] sizes=[3] steps=[2] : f32[5]
    %2 = slice_update %0, %y starts=[1] sizes=[2] steps=[2] : f32[5]
    %3 = add %1, %2 : f32[5]
    return %3
  })");
  check_nothing_to_do(parts_only, R"(graph @f(%x: f32[3], %y: f32[2]) -> f32[5] {
    %0 = full shape=[5] fill_value=-0.0 : f32[5]
    %1 = slice_update %0, %x starts=[0] sizes=[3] steps=[1] : f32[5]
    %2 = slice_update %0, %y starts=[3] sizes=[2] steps=[1] : f32[5]
    %3 = add %1, %2 : f32[5]
    return %3
  })");
}
