#include "passes/fold.h"

#include <bit>

#include "passes/dce.h"
#include "tests/ir/real_dtypes.h"
#include "tests/passes/cases.h"
#include "tests/passes/evaluate.h"

using namespace tandem;
using namespace tandem::testing;

namespace {

Graph fold_and_clean(const Graph& graph) { return dce(fold(graph)); }

}  // namespace

TEST_CASE("fold: pointwise operations on constants") {
  check_pass(fold_and_clean, R"(graph @f() -> f32[3], bool[2], i8[] {
    %0 = full shape=[3] fill_value=2 : f32[3]
    %1 = full shape=[] fill_value=0.5 : f32[]
    %2 = multiply %0, %1 : f32[3]
    %3 = negative %2 : f32[3]  # a.py:4
    %4 = full shape=[2] fill_value=3 dtype=i32 : i32[2]
    %5 = less %4, %1 : bool[2]
    %6 = full shape=[] fill_value=100 dtype=i8 : i8[]
    %7 = add %6, %6 : i8[]
    return %3, %5, %7
  })",
             R"(graph @f() -> f32[3], bool[2], i8[] {
    %0 = full shape=[3] fill_value=-1.0 : f32[3]  # a.py:4
    %1 = full shape=[2] fill_value=false dtype=bool : bool[2]
    %2 = full shape=[] fill_value=-56 dtype=i8 : i8[]
    return %0, %1, %2
  })");
}

TEST_CASE("fold: 16-bit floats round after every operation; the sign of zero stays") {
  check_pass(fold_and_clean, R"(graph @f() -> f16[], bf16[], f32[] {
    %0 = full shape=[] fill_value=0.1 dtype=f16 : f16[]
    %1 = multiply %0, %0 : f16[]
    %2 = full shape=[] fill_value=1.005 dtype=bf16 : bf16[]
    %3 = full shape=[] fill_value=0.0 : f32[]
    %4 = negative %3 : f32[]
    return %1, %2, %4
  })",
             R"(graph @f() -> f16[], bf16[], f32[] {
    %0 = full shape=[] fill_value=0.0099945068359375 dtype=f16 : f16[]
    %1 = full shape=[] fill_value=1.0078125 dtype=bf16 : bf16[]
    %2 = full shape=[] fill_value=-0.0 : f32[]
    return %0, %1, %2
  })");
}

TEST_CASE("fold: casts, views and sizes") {
  check_pass(fold_and_clean, R"(graph @f() -> i32[], f32[4, 3], f32[3, 2], i64[] {
    %0 = full shape=[] fill_value=-1.7 : f32[]
    %1 = cast %0 dtype=i32 : i32[]
    %2 = full shape=[3, 4] fill_value=2.0 : f32[3, 4]
    %3 = permute_dims %2 axes=[1, 0] : f32[4, 3]
    %4 = slice %2 starts=[0, 1] sizes=[3, 2] steps=[1, 1] : f32[3, 2]
    %5 = flip %4 : f32[3, 2]
    %6 = from_dim size=[7] dtype=i64 : i64[]
    return %1, %3, %5, %6
  })",
             R"(graph @f() -> i32[], f32[4, 3], f32[3, 2], i64[] {
    %0 = full shape=[] fill_value=-1 dtype=i32 : i32[]
    %1 = full shape=[4, 3] fill_value=2.0 : f32[4, 3]
    %2 = full shape=[3, 2] fill_value=2.0 : f32[3, 2]
    %3 = full shape=[] fill_value=7 dtype=i64 : i64[]
    return %0, %1, %2, %3
  })");
}

TEST_CASE("fold: if with a known predicate takes its branch, and folding goes on in it") {
  check_pass(fold_and_clean, R"(graph @f(%x: f32[3]) -> f32[3] {
    %0 = full shape=[] fill_value=true dtype=bool : bool[]
    %1 = logical_not %0 : bool[]
    %2 = full shape=[] fill_value=2.0 : f32[]
    %3 = if %1, %x, %2 : f32[3] {
      then(%a: f32[3], %b: f32[]) -> f32[3] {
        return %a
      }
      else(%a: f32[3], %b: f32[]) -> f32[3] {
        %0 = negative %b : f32[]  # a.py:9
        %1 = multiply %a, %0 : f32[3]
        return %1
      }
    }
    return %3
  })",
             R"(graph @f(%x: f32[3]) -> f32[3] {
    %0 = full shape=[] fill_value=-2.0 : f32[]  # a.py:9
    %1 = multiply %x, %0 : f32[3]
    return %1
  })");
}

TEST_CASE("fold: constants go into regions; a loop that never runs goes away") {
  check_pass(fold_and_clean, R"(graph @f(%n: i64[]) -> i64[], i64[] {
    %0 = full shape=[] fill_value=5 dtype=i64 : i64[]
    %1 = while %n, %0 : i64[] {
      cond(%i: i64[], %five: i64[]) -> bool[] {
        %0 = add %five, %five : i64[]
        %1 = less %i, %0 : bool[]
        return %1
      }
      body(%i: i64[], %five: i64[]) -> i64[] {
        %0 = add %i, %five : i64[]
        return %0
      }
    }
    %2 = while %0, %0 : i64[] {
      cond(%i: i64[], %five: i64[]) -> bool[] {
        %0 = less %i, %five : bool[]
        return %0
      }
      body(%i: i64[], %five: i64[]) -> i64[] {
        %0 = add %i, %five : i64[]
        return %0
      }
    }
    return %1, %2
  })",
             R"(graph @f(%n: i64[]) -> i64[], i64[] {
    %0 = full shape=[] fill_value=5 dtype=i64 : i64[]
    %1 = while %n : i64[] {
      cond(%i: i64[]) -> bool[] {
        %0 = full shape=[] fill_value=10 dtype=i64 : i64[]
        %1 = less %i, %0 : bool[]
        return %1
      }
      body(%i: i64[]) -> i64[] {
        %0 = full shape=[] fill_value=5 dtype=i64 : i64[]
        %1 = add %i, %0 : i64[]
        return %1
      }
    }
    return %1, %0
  })");
}

TEST_CASE("fold: nothing to do") {
  check_nothing_to_do(fold, R"(graph @f(%x: f32[3]) -> f32[3], f32[], f32[] {
    %0 = full shape=[4] fill_value=2.0 : f32[4]
    %1 = sum %0 axis=[0] dtype=f32 : f32[]
    %2 = full shape=[] fill_value=3.0 : f32[]
    %3 = multiply %x, %2 : f32[3]
    %4 = from_dim size=[N] : f32[]
    return %3, %1, %4
  })");
}

TEST_CASE("fold: fill values stand for exactly the bits they are made from") {
  for (const DTypeInfo& row : kRealDTypes)
    for (const int64_t bits : special_bits(row.dtype)) {
      INFO(row.text << " " << bits);
      const auto value = fill_value_of(row.dtype, bits);
      REQUIRE(value);
      CHECK(fill_bits({Shape{}, *value, row.dtype}) == bits);
    }
  CHECK_FALSE(fill_value_of(DType::f32, 0x7fc00001));  // a NaN with a payload is not ours to keep
  CHECK_FALSE(fill_value_of(DType::f16, 0x7e01));
  CHECK(fill_bits({Shape{}, int64_t{16777217}, DType::f32}) == std::bit_cast<int32_t>(16777216.0f));
  CHECK(fill_bits({Shape{}, 300.0, DType::u8}) == 255);
  CHECK(fill_bits({Shape{}, int64_t{300}, DType::u8}) == 44);
}
