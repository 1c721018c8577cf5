#include "passes/dce.h"
#include "tests/passes/cases.h"

using namespace tandem;
using namespace tandem::testing;

TEST_CASE("dce: unused nodes go, params stay") {
  check_pass(dce, R"(graph @f(%x: f32[3] strides [2], %y: f32[3]) -> f32[3] {
    %0 = exp %x : f32[3]
    %1 = sin %0 : f32[3]
    %2 = negative %x : f32[3]  # a.py:5
    return %2
  })",
             R"(graph @f(%x: f32[3] strides [2], %y: f32[3]) -> f32[3] {
    %0 = negative %x : f32[3]  # a.py:5
    return %0
  })");
}

TEST_CASE("dce: unused results and captures of if") {
  check_pass(dce, R"(graph @f(%p: bool[], %x: f32[3], %y: f32[3], %z: f32[3]) -> f32[3] {
    %0 = exp %z : f32[3]
    %1, %2 = if %p, %x, %y, %0 : f32[3], f32[3] {
      then(%a: f32[3], %b: f32[3], %c: f32[3]) -> f32[3], f32[3] {
        %0 = negative %c : f32[3]
        return %0, %a
      }
      else(%a: f32[3], %b: f32[3], %c: f32[3]) -> f32[3], f32[3] {
        %0 = sin %b : f32[3]
        return %c, %0
      }
    }
    return %2
  })",
             R"(graph @f(%p: bool[], %x: f32[3], %y: f32[3], %z: f32[3]) -> f32[3] {
    %0 = if %p, %x, %y : f32[3] {
      then(%a: f32[3], %b: f32[3]) -> f32[3] {
        return %a
      }
      else(%a: f32[3], %b: f32[3]) -> f32[3] {
        %0 = sin %b : f32[3]
        return %0
      }
    }
    return %0
  })");
}

TEST_CASE("dce: carried values that only feed themselves, and captures nobody needs") {
  check_pass(dce, R"(graph @f(%n: i64[], %x: f32[3], %y: f32[3], %z: f32[3]) -> f32[3] {
    %0, %1, %2, %3 = while %n, %x, %y, %z, %z, %x : i64[], f32[3], f32[3], f32[3] {
      cond(%i: i64[], %a: f32[3], %dead: f32[3], %feeds: f32[3], %c: f32[3], %d: f32[3]) -> bool[] {
        %0 = logical_not %i : bool[]
        return %0
      }
      body(%i: i64[], %a: f32[3], %dead: f32[3], %feeds: f32[3], %c: f32[3], %d: f32[3])
          -> i64[], f32[3], f32[3], f32[3] {
        %0 = add %i, %i : i64[]
        %1 = add %a, %feeds : f32[3]
        %2 = add %dead, %c : f32[3]
        %3 = add %feeds, %d : f32[3]
        return %0, %1, %2, %3
      }
    }
    return %1
  })",
             R"(graph @f(%n: i64[], %x: f32[3], %y: f32[3], %z: f32[3]) -> f32[3] {
    %0, %1, %2 = while %n, %x, %z, %x : i64[], f32[3], f32[3] {
      cond(%i: i64[], %a: f32[3], %feeds: f32[3], %d: f32[3]) -> bool[] {
        %0 = logical_not %i : bool[]
        return %0
      }
      body(%i: i64[], %a: f32[3], %feeds: f32[3], %d: f32[3]) -> i64[], f32[3], f32[3] {
        %0 = add %i, %i : i64[]
        %1 = add %a, %feeds : f32[3]
        %2 = add %feeds, %d : f32[3]
        return %0, %1, %2
      }
    }
    return %1
  })");
}

TEST_CASE("dce: a loop without users goes as a whole") {
  check_pass(dce, R"(graph @f(%p: bool[]) -> bool[] {
    %0 = while %p : bool[] {
      cond(%a: bool[]) -> bool[] {
        return %a
      }
      body(%a: bool[]) -> bool[] {
        return %a
      }
    }
    return %p
  })",
             "graph @f(%p: bool[]) -> bool[] { return %p }");
}

TEST_CASE("dce: nothing to do") {
  check_nothing_to_do(dce, R"(graph @f(%n: i64[], %x: f32[3]) -> f32[3], f32[3] {
    %0 = exp %x : f32[3]
    %1, %2 = while %n, %0, %x : i64[], f32[3] {
      cond(%i: i64[], %a: f32[3], %c: f32[3]) -> bool[] {
        %0 = logical_not %i : bool[]
        return %0
      }
      body(%i: i64[], %a: f32[3], %c: f32[3]) -> i64[], f32[3] {
        %0 = add %i, %i : i64[]
        %1 = add %a, %c : f32[3]
        return %0, %1
      }
    }
    return %2, %0
  })");
}

TEST_CASE("dce: what may fail stays, in regions without results, too") {
  check_pass(dce, R"(graph @f(%x: f32[3], %i: i64[], %n: i64[]) -> f32[3] {
    %0 = check_index %i size=[3] axis=0 : i64[]
    %1 = take %x, %0 axis=0 : f32[]
    %2, %3 = while %n, %x, %i : i64[], f32[3] {
      cond(%k: i64[], %a: f32[3], %j: i64[]) -> bool[] {
        %0 = equal %k, %k : bool[]
        return %0
      }
      body(%k: i64[], %a: f32[3], %j: i64[]) -> i64[], f32[3] {
        %0 = check_index %j size=[3] axis=0 : i64[]
        %1 = exp %a : f32[3]
        return %k, %1
      }
    }
    return %x
  })",
             R"(graph @f(%x: f32[3], %i: i64[], %n: i64[]) -> f32[3] {
    %0 = check_index %i size=[3] axis=0 : i64[]
    %1 = while %n, %i : i64[] {
      cond(%k: i64[], %j: i64[]) -> bool[] {
        %0 = equal %k, %k : bool[]
        return %0
      }
      body(%k: i64[], %j: i64[]) -> i64[] {
        %0 = check_index %j size=[3] axis=0 : i64[]
        return %k
      }
    }
    return %x
  })");
}
