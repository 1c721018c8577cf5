// Whole programs: what the plan does with buffers, and that programs compute what the graph says, in the interpreter
// and in machine code, whatever the hints.
#include <catch2/catch.hpp>

#include "passes/pipeline.h"
#include "tests/passes/run_plan.h"

using namespace tandem;
using namespace tandem::testing;

namespace {

// The steps without sizes: "s1 = new", "s2 = s1" (takes over its memory), "launch s0 s1", "free s1" ...
std::string outline(const Block& block) {
  std::string text;
  const auto add = [&](const std::string& step) { text += (text.empty() ? "" : "; ") + step; };
  for (const Step& step : block) {
    if (const auto* s = std::get_if<Allocate>(&step.op)) {
      add(s->reuse < 0 ? fmt::format("s{} = new", s->slot) : fmt::format("s{} = s{}", s->slot, s->reuse));
    } else if (const auto* s = std::get_if<Launch>(&step.op)) {
      std::string args;
      for (const Operand& arg : s->args) args += fmt::format(" s{}", arg.slot);
      add("launch" + args);
    } else if (const auto* s = std::get_if<Matmul>(&step.op)) {
      add(fmt::format("s{} = s{} @ s{}", s->out.slot, s->a.slot, s->b.slot));
    } else if (const auto* s = std::get_if<Copy>(&step.op)) {
      add(fmt::format("copy s{} s{}", s->from.slot, s->to.slot));
    } else if (const auto* s = std::get_if<Put>(&step.op)) {
      add(fmt::format("put s{} s{}", s->from.slot, s->to.slot));
    } else if (const auto* s = std::get_if<Release>(&step.op)) {
      add(fmt::format("free s{}", s->slot));
    } else if (const auto* s = std::get_if<Bind>(&step.op)) {
      add(fmt::format("bind s{} s{}", s->to, s->from));
    } else if (const auto* s = std::get_if<Branch>(&step.op)) {
      add(fmt::format("if s{} {{{}}} else {{{}}}", s->predicate, outline(s->then_block), outline(s->else_block)));
    } else if (const auto* s = std::get_if<Loop>(&step.op)) {
      std::string carried;
      for (const auto& [to, from] : s->carried) carried += fmt::format(" s{}<-s{}", to, from);
      add(fmt::format("while {{{}}} s{} {{{}}}{}", outline(s->condition), s->predicate, outline(s->body), carried));
    }
  }
  return text;
}

std::string outline(std::string_view text) {
  return outline(build_plan(optimize(parse_graph(text)), {}, interpreter()).program->body);
}

ProgramStats stats_of(std::string_view text, const Sizes& sizes) {
  const Graph graph = optimize(parse_graph(text));
  return run_plan(build_plan(graph, sizes, interpreter()), graph, random_inputs(graph, sizes, 1), sizes).stats;
}

constexpr const char* kUpdateOfFresh = R"(graph @f(%x: f32[N, 4], %w: f32[4, 4]) -> f32[N, 4] {
  %0 = matmul %x, %w : f32[N, 4]
  %1 = slice %0 starts=[0, 1] sizes=[N, 2] steps=[1, 2] : f32[N, 2]
  %2 = negative %1 : f32[N, 2]
  %3 = slice_update %0, %2 starts=[0, 1] sizes=[N, 2] steps=[1, 2] : f32[N, 4]
  return %3
})";

// Reads the base where it has already been written.
constexpr const char* kUpdateOfReversed = R"(graph @f(%x: f32[N, 4], %w: f32[4, 4]) -> f32[N, 4] {
  %0 = matmul %x, %w : f32[N, 4]
  %1 = flip %0 axis=[1] : f32[N, 4]
  %2 = negative %1 : f32[N, 4]
  %3 = slice_update %0, %2 starts=[0, 0] sizes=[N, 4] steps=[1, 1] : f32[N, 4]
  return %3
})";

constexpr const char* kLoop = R"(graph @f(%n: i64[], %x: f32[N, 4], %w: f32[4, 4]) -> f32[N, 4], i64[] {
  %0 = full shape=[] fill_value=0 dtype=i64 : i64[]
  %1, %2 = while %0, %x, %n, %w : i64[], f32[N, 4] {
    cond(%i: i64[], %x: f32[N, 4], %n: i64[], %w: f32[4, 4]) -> bool[] {
      %0 = less %i, %n : bool[]
      return %0
    }
    body(%i: i64[], %x: f32[N, 4], %n: i64[], %w: f32[4, 4]) -> i64[], f32[N, 4] {
      %0 = full shape=[] fill_value=1 dtype=i64 : i64[]
      %1 = add %i, %0 : i64[]
      %2 = matmul %x, %w : f32[N, 4]
      %3 = sin %2 : f32[N, 4]
      %4 = max %3 axis=1 keepdims=true : f32[N, 1]
      %5 = subtract %3, %4 : f32[N, 4]
      return %1, %5
    }
  }
  return %2, %1
})";

Tensor scalar(DType dtype, int64_t bits) { return {dtype, {}, {bits}}; }

}  // namespace

// Writes one row per iteration.
constexpr const char* kFilled = R"(graph @f(%x: f32[4]) -> f32[5, 4], i64[] {
  %0 = full shape=[] fill_value=0 dtype=i64 : i64[]
  %1 = full shape=[5, 4] fill_value=0.0 : f32[5, 4]
  %2, %3, %4 = while %0, %1, %x : i64[], f32[5, 4], f32[4] {
    cond(%i: i64[], %t: f32[5, 4], %x: f32[4]) -> bool[] {
      %0 = full shape=[] fill_value=5 dtype=i64 : i64[]
      %1 = less %i, %0 : bool[]
      return %1
    }
    body(%i: i64[], %t: f32[5, 4], %x: f32[4]) -> i64[], f32[5, 4], f32[4] {
      %0 = full shape=[] fill_value=1 dtype=i64 : i64[]
      %1 = add %i, %0 : i64[]
      %2 = sin %x : f32[4]
      %3 = index_update %t, %i, %2 : f32[5, 4]
      return %1, %3, %2
    }
  }
  return %3, %2
})";

TEST_CASE("plan: an update at an index that is known at run time") {
  check_program(R"(graph @f(%x: f32[N, 4], %v: f64[4]) -> f32[N, 4], f32[N, 4] {
    %0 = full shape=[] fill_value=2 dtype=i64 : i64[]
    %1 = index_update %x, %0, %v : f32[N, 4]
    %2 = full shape=[] fill_value=-1 dtype=i32 : i32[]
    %3 = full shape=[] fill_value=0.5 : f32[]
    %4 = index_update %1, %2, %3 axis=1 : f32[N, 4]
    return %4, %1
  })",
                {{3}, {70}});
  // Reads the base where it is about to be written.
  check_program(R"(graph @f(%x: f32[N, 4]) -> f32[N, 4] {
    %0 = negative %x : f32[N, 4]
    %1 = full shape=[] fill_value=1 dtype=i64 : i64[]
    %2 = sum %0 axis=[0] keepdims=false : f32[4]
    %3 = index_update %0, %1, %2 : f32[N, 4]
    return %3
  })",
                {{2}, {33}});
  check_program(kFilled, {{}});
}

TEST_CASE("plan: updates at many indices, in order, of every mode") {
  for (int mode = 0; mode <= 4; ++mode)
    check_program(fmt::format(R"(graph @f(%x: f32[N, 4], %v: f16[6, 4]) -> f32[N, 4], f32[N, 4], f32[N, 4] {{
    %0 = iota shape=[2, 3] axis=1 dtype=i64 : i64[2, 3]
    %1 = full shape=[] fill_value=-2 dtype=i64 : i64[]
    %2 = add %0, %1 : i64[2, 3]
    %3 = reshape %v shape=[2, 3, 4] : f16[2, 3, 4]
    %4 = index_update %x, %2, %3 mode={0} : f32[N, 4]
    %5 = full shape=[] fill_value=0.5 : f32[]
    %6 = negative %4 : f32[N, 4]
    %7 = index_update %6, %2, %5 axis=1 mode={0} : f32[N, 4]
    %8 = flip %7 axis=[0] : f32[N, 4]
    %9 = slice %8 starts=[0, 0] sizes=[1, 4] steps=[1, 1] : f32[1, 4]
    %10 = index_update %7, %2, %9 mode={0} : f32[N, 4]
    return %4, %7, %10
  }})",
                              mode),
                  {{3}, {70}});
}

TEST_CASE("plan: a loop that fills a tensor row by row writes into it in place") {
  const std::string text = outline(kFilled);
  CHECK(text.find("put") != std::string::npos);
  CHECK(stats_of(kFilled, {}).copies == 5);  // the rows, and never the whole
}

TEST_CASE("plan: pointwise, views and broadcasts") {
  const std::vector<Sizes> sizes{{5, 7}, {1, 16}, {33, 64}, {0, 4}, {70, 1}};
  check_program(R"(graph @f(%x: f32[N, M], %y: f32[M], %z: f32[N, 1]) -> f32[N, M], f32[M, N] {
    %0 = exp %x : f32[N, M]
    %1 = multiply %0, %y : f32[N, M]
    %2 = add %1, %z : f32[N, M]
    %3 = permute_dims %2 axes=[1, 0] : f32[M, N]
    %4 = flip %3 axis=[0, 1] : f32[M, N]
    %5 = tanh %4 : f32[M, N]
    return %2, %5
  })",
                sizes);
  check_program(R"(graph @f(%x: f32[N, M] strides [1, N], %y: f32[M*N]) -> f32[M*N], f32[N, M] {
    %0 = reshape %x shape=[M*N] : f32[M*N]
    %1 = add %0, %y : f32[M*N]
    %2 = reshape %1 shape=[N, M] : f32[N, M]
    %3 = multiply %2, %x : f32[N, M]
    return %1, %3
  })",
                sizes);
  check_program(R"(graph @f(%x: i32[N, M]) -> f32[N, M], i32[N, M] {
    %0 = iota shape=[N, M] axis=1 dtype=i32 : i32[N, M]
    %1 = add %x, %0 : i32[N, M]
    %2 = cast %1 dtype=f32 : f32[N, M]
    %3 = sqrt %2 : f32[N, M]
    return %3, %1
  })",
                sizes);
}

TEST_CASE("plan: reductions and what is fused with them") {
  const std::vector<Sizes> sizes{{5, 7}, {1, 33}, {64, 70}, {3, 4097}, {300, 2}};
  check_program(R"(graph @f(%x: f32[N, M]) -> f32[N], f32[M], f32[], f32[N, M] {
    %0 = sum %x axis=1 : f32[N]
    %1 = max %x axis=0 : f32[M]
    %2 = sum %x : f32[]
    %3 = square %x : f32[N, M]
    %4 = sum %3 axis=1 keepdims=true : f32[N, 1]
    %5 = subtract %3, %4 : f32[N, M]
    return %0, %1, %2, %5
  })",
                sizes);
  for (const char* axis : {"0", "1"}) {
    INFO("axis " << axis);
    for (const char* formula : {"softmax", "log_softmax"})
      check_program(fmt::format(R"(graph @f(%x: f32[N, M]) -> f32[N, M] {{
        %0 = {} %x axis={} : f32[N, M]
        return %0
      }})",
                                formula, axis),
                    sizes, 1e-4);
  }
  check_program(R"(graph @f(%x: f32[N, M], %w: f32[M], %b: f32[M]) -> f32[N, M], f32[N], f32[N] {
    %0 = layer_norm %x, %w, %b : f32[N, M]
    %1 = var %x axis=1 : f32[N]
    %2 = logsumexp %x axis=1 : f32[N]
    return %0, %1, %2
  })",
                sizes, 1e-4);
  check_program(R"(graph @f(%x: f32[N, M] strides [1, N]) -> f32[N, M], f32[M] {
    %0 = cumsum %x axis=1 : f32[N, M]
    %1 = sum %0 axis=0 : f32[M]
    return %0, %1
  })",
                sizes);
}

TEST_CASE("plan: split reductions add in the same order as whole ones") {
  // Long enough to be split when the hints say so; the tolerance is for the executor, hints must not change a bit.
  check_program(R"(graph @f(%x: f32[N, M]) -> f32[N] {
    %0 = exp %x : f32[N, M]
    %1 = sum %0 axis=1 : f32[N]
    %2 = log %1 : f32[N]
    return %2
  })",
                {{1, 20000}, {2, 4096}, {3, 8193}}, 1e-5);
}

TEST_CASE("plan: reductions whose axes are cut into blocks add in the same order as whole ones") {
  const char* text = R"(graph @f(%x: f32[5, 4, 16, 1024], %w: f32[16, 1]) -> f32[4] {
    %0 = multiply %x, %w : f32[5, 4, 16, 1024]
    %1 = sum %0 axis=[0, 2, 3] : f32[4]
    return %1
  })";
  check_program(text, {{}}, 1e-4);
  const char* two = R"(graph @f(%x: f32[2, 48, 1024], %w: f32[48, 1]) -> f32[] {
    %0 = multiply %x, %w : f32[2, 48, 1024]
    %1 = sum %0 axis=[0, 1, 2] : f32[]
    return %1
  })";
  check_program(two, {{}}, 1e-4);
}

TEST_CASE("plan: gathers, concat, library calls") {
  const std::vector<Sizes> sizes{{5, 8}, {1, 16}, {0, 9}};
  check_program(R"(graph @f(%t: f32[M, 3], %i: i32[N]) -> f32[N, 3] {
    %0 = exp %t : f32[M, 3]
    %1 = take %0, %i axis=0 : f32[N, 3]
    %2 = negative %1 : f32[N, 3]
    return %2
  })",
                sizes);
  check_program(R"(graph @f(%x: f32[N, 3], %y: f16[M, 3], %z: f32[M, 3]) -> f32[M + N, 3], f32[M, 9] {
    %0 = sin %x : f32[N, 3]
    %1 = concat %0, %y : f32[M + N, 3]
    %2 = concat %z, %z, %y axis=1 : f32[M, 9]
    return %1, %2
  })",
                sizes);
  check_program(R"(graph @f(%x: f32[N, M], %w: f32[M, 4], %b: f32[4]) -> f32[N, 4] {
    %0 = exp %b : f32[4]
    %1 = matmul %x, %w : f32[N, 4]
    %2 = add %1, %0 : f32[N, 4]
    %3 = relu %2 : f32[N, 4]
    return %3
  })",
                sizes);
  // A value needed by a product and by what uses the product.
  check_program(R"(graph @f(%x: f32[N, 4], %w: f32[4, 4]) -> f32[N, 4] {
    %0 = floor %x : f32[N, 4]
    %1 = matmul %0, %w : f32[N, 4]
    %2 = add %0, %1 : f32[N, 4]
    return %2
  })",
                sizes);
}

TEST_CASE("plan: updates of slices") {
  const std::vector<Sizes> sizes{{5, 7}, {2, 16}, {33, 3}};
  check_program(kUpdateOfFresh, sizes);
  check_program(kUpdateOfReversed, sizes);
  check_program(R"(graph @f(%x: f32[N, M], %v: f32[M]) -> f32[N, M], f32[N, M] {
    %0 = slice_update %x, %v starts=[1, 0] sizes=[N - 1, M] steps=[1, 1] : f32[N, M]
    %1 = slice %0 starts=[0, 0] sizes=[N - 1, M] steps=[1, 1] : f32[N - 1, M]
    %2 = multiply %1, %v : f32[N - 1, M]
    %3 = slice_update %0, %2 starts=[1, 0] sizes=[N - 1, M] steps=[1, 1] : f32[N, M]
    return %3, %0
  })",
                sizes);
}

TEST_CASE("plan: branches and loops") {
  const std::vector<Sizes> sizes{{5}, {1}, {64}};
  check_program(kLoop, sizes);
  check_program(R"(graph @f(%p: bool[], %x: f32[N], %y: f32[N]) -> f32[N], f32[N], f32[N] {
    %0, %1 = if %p, %x, %y : f32[N], f32[N] {
      then(%x: f32[N], %y: f32[N]) -> f32[N], f32[N] {
        %0 = add %x, %y : f32[N]
        return %0, %x
      }
      else(%x: f32[N], %y: f32[N]) -> f32[N], f32[N] {
        return %y, %y
      }
    }
    %2 = multiply %0, %1 : f32[N]
    return %0, %1, %2
  })",
                sizes);
  // Carried values that change places, and one that is handed on.
  check_program(R"(graph @f(%x: f32[N], %y: f32[N], %z: f32[N]) -> f32[N], f32[N], f32[N] {
    %0 = full shape=[] fill_value=0 dtype=i64 : i64[]
    %1, %2, %3, %4 = while %0, %x, %y, %z : i64[], f32[N], f32[N], f32[N] {
      cond(%i: i64[], %x: f32[N], %y: f32[N], %z: f32[N]) -> bool[] {
        %0 = full shape=[] fill_value=3 dtype=i64 : i64[]
        %1 = less %i, %0 : bool[]
        return %1
      }
      body(%i: i64[], %x: f32[N], %y: f32[N], %z: f32[N]) -> i64[], f32[N], f32[N], f32[N] {
        %0 = full shape=[] fill_value=1 dtype=i64 : i64[]
        %1 = add %i, %0 : i64[]
        %2 = add %x, %z : f32[N]
        return %1, %y, %2, %z
      }
    }
    return %2, %3, %4
  })",
                sizes);
}

TEST_CASE("plan: results that are inputs, views, or the same value twice") {
  check_program(R"(graph @f(%x: f32[N, M]) -> f32[N, M], f32[M, N], f32[N, M], f32[M, N], f32[N, M] {
    %0 = permute_dims %x axes=[1, 0] : f32[M, N]
    %1 = exp %x : f32[N, M]
    %2 = permute_dims %1 axes=[1, 0] : f32[M, N]
    return %x, %0, %1, %2, %1
  })",
                {{3, 4}, {1, 5}});
}

TEST_CASE("plan: an output takes over an input that dies in its kernel") {
  CHECK(outline(R"(graph @f(%x: f32[N, 4], %w: f32[4, 4]) -> f32[N, 4] {
    %0 = matmul %x, %w : f32[N, 4]
    %1 = exp %0 : f32[N, 4]
    return %1
  })") == "s2 = new; s2 = s0 @ s1; s3 = s2; launch s2 s3; free s2");
  // Not one that is still needed, nor one that is read elsewhere than it is written, nor an argument of the call.
  CHECK(outline(R"(graph @f(%x: f32[N, 4], %w: f32[4, 4]) -> f32[N, 4], f32[N, 4] {
    %0 = matmul %x, %w : f32[N, 4]
    %1 = exp %0 : f32[N, 4]
    return %0, %1
  })") == "s2 = new; s2 = s0 @ s1; s3 = new; launch s2 s3");
  CHECK(outline(R"(graph @f(%x: f32[4, 4], %w: f32[4, 4]) -> f32[4, 4] {
    %0 = matmul %x, %w : f32[4, 4]
    %1 = permute_dims %0 axes=[1, 0] : f32[4, 4]
    %2 = exp %1 : f32[4, 4]
    return %2
  })") == "s2 = new; s2 = s0 @ s1; s3 = new; launch s2 s3; free s2");
  CHECK(outline(R"(graph @f(%x: f32[N]) -> f32[N] {
    %0 = exp %x : f32[N]
    return %0
  })") == "s1 = new; launch s0 s1");
}

TEST_CASE("plan: an update writes into memory that nobody else needs") {
  CHECK(stats_of(kUpdateOfFresh, {5}).allocations == 1);
  CHECK(stats_of(kUpdateOfFresh, {5}).copies == 0);
  CHECK(stats_of(kUpdateOfReversed, {5}).copies == 1);
  // An argument is not ours to write to.
  CHECK(stats_of(R"(graph @f(%x: f32[N, 4], %v: f32[4]) -> f32[N, 4] {
    %0 = slice_update %x, %v starts=[0, 0] sizes=[1, 4] steps=[1, 1] : f32[N, 4]
    return %0
  })",
                 {5})
            .copies == 1);
}

TEST_CASE("plan: parts of a concat are written in place") {
  const ProgramStats stats = stats_of(R"(graph @f(%x: f32[N], %y: f32[M]) -> f32[M + N] {
    %0 = exp %x : f32[N]
    %1 = sin %y : f32[M]
    %2 = concat %0, %1 : f32[M + N]
    return %2
  })",
                                      {5, 6});
  CHECK(stats.allocations == 1);
  CHECK(stats.copies == 0);
  CHECK(stats.launches == 2);
}

TEST_CASE("plan: buffers of an iteration go before the next one needs them") {
  CHECK(outline(kLoop) ==
        "s3 = new; launch s3; bind s4 s3; free s3; bind s5 s1; "
        "while {s6 = new; launch s4 s0 s6} s6 "
        "{s7 = s4; launch s4 s7; free s4; s8 = new; s8 = s5 @ s2; free s5; s9 = s8; launch s8 s9; free s8} "
        "s4<-s7 s5<-s9");
}

TEST_CASE("plan: a loop holds the memory of one iteration, however long it runs") {
  const Graph graph = optimize(parse_graph(kLoop));
  const Plan plan = build_plan(graph, Sizes{256}, interpreter());
  const auto peak = [&](int64_t rounds) {
    auto inputs = random_inputs(graph, {256}, 3);
    inputs[0] = scalar(DType::i64, rounds);
    empty_cache();
    reset_peak_memory();
    const int64_t before = memory_stats().in_use;
    const Run done = run_plan(plan, graph, inputs, {256});
    CHECK(done.results[1].bits[0] == rounds);
    CHECK(done.stats.library_calls == rounds);
    return memory_stats().peak - before;
  };
  CHECK(peak(50) == peak(3));
  const Run none = [&] {
    auto inputs = random_inputs(graph, {256}, 3);
    inputs[0] = scalar(DType::i64, 0);
    return run_plan(plan, graph, inputs, {256});
  }();
  CHECK(none.stats.library_calls == 0);
  CHECK(none.results[0].bits == random_inputs(graph, {256}, 3)[1].bits);
}

TEST_CASE("plan: only the side that is taken runs") {
  const char* text = R"(graph @f(%p: bool[], %x: f32[4, 4]) -> f32[4, 4] {
    %0 = if %p, %x : f32[4, 4] {
      then(%x: f32[4, 4]) -> f32[4, 4] {
        %0 = matmul %x, %x : f32[4, 4]
        return %0
      }
      else(%x: f32[4, 4]) -> f32[4, 4] {
        %0 = exp %x : f32[4, 4]
        return %0
      }
    }
    return %0
  })";
  const Graph graph = optimize(parse_graph(text));
  const Plan plan = build_plan(graph, {}, interpreter());
  for (const int64_t taken : {0, 1}) {
    auto inputs = random_inputs(graph, {}, 3);
    inputs[0] = scalar(DType::boolean, taken);
    const ProgramStats stats = run_plan(plan, graph, inputs, {}).stats;
    CHECK(stats.library_calls == taken);
    CHECK(stats.launches == 1 - taken);
  }
}

TEST_CASE("plan: results are written back to inputs after everything has been read") {
  // x, y = y, x + y: what is written back is partly an input as it was.
  const Graph graph = optimize(parse_graph(R"(graph @f(%x: f32[N], %y: f32[N]) -> f32[N], f32[N], f32[N] {
    %0 = add %x, %y : f32[N]
    %1 = multiply %0, %0 : f32[N]
    return %1, %y, %0
  })"));
  for (Backend* backend : backends()) {
    const Plan plan = build_plan(graph, Sizes{6}, *backend, {{1, 0}, {2, 1}});
    const auto inputs = random_inputs(graph, {6}, 5);
    const auto expected = evaluate_graph(optimize(parse_graph(with_sizes(to_text(graph), {6}))), inputs);
    const Run done = run_plan(plan, graph, inputs, {6});
    REQUIRE(done.results.size() == 1);
    CHECK(agree(expected[0], done.results[0], 0));
    CHECK(agree(expected[1], done.inputs[0], 0));
    CHECK(agree(expected[2], done.inputs[1], 0));
  }
}

TEST_CASE("plan: an index out of range names the axis, the index, the size and the line") {
  const Graph graph = optimize(parse_graph(R"(graph @f(%t: f32[M, 2], %i: i64[N]) -> f32[N, 2] {
    %0 = take %t, %i axis=0 : f32[N, 2]  # model.py:7
    %1 = exp %0 : f32[N, 2]  # model.py:8
    return %1
  })"));
  auto inputs = random_inputs(graph, {3, 2}, 1);
  inputs[0] = {DType::f32, {2, 2}, {0, 0, 0, 0}};
  inputs[1] = {DType::i64, {3}, {0, 2, 1}};
  for (Backend* backend : backends()) {
    const Plan plan = build_plan(graph, {}, *backend);
    try {
      run_plan(plan, graph, inputs, {3, 2});
      FAIL("no error");
    } catch (const Error& error) {
      CHECK(error.kind == ErrorKind::index);
      CHECK(std::string(error.what()) == "index: got 2 for axis 0 of size 2; need -2 <= index < 2 (at model.py:7)");
    }
  }
}

TEST_CASE("plan: what was fused is told with the user's lines") {
  const Plan plan = build_plan(optimize(parse_graph(R"(graph @f(%x: f32[N]) -> f32[N] {
    %0 = exp %x : f32[N]  # model.py:7
    %1 = negative %0 : f32[N]  # model.py:8
    return %1
  })")),
                               {}, interpreter());
  REQUIRE(plan.groups.size() == 1);
  CHECK(plan.groups[0].graph == plan.graph.get());
  CHECK(plan.groups[0].nodes == std::vector<int>{0, 1});
  CHECK(plan.groups[0].first_kernel == 0);
  CHECK(plan.groups[0].kernel_count == 1);
  REQUIRE(plan.kernels.size() == 1);
  CHECK(plan.program->kernels[0]->sources.size() == 2);
}

TEST_CASE("plan: siblings over axes of one size that read a value along different ones") {
  // The last sum is over the rows of what the product is of as it is: in one kernel it would be two values.
  check_program(R"(graph @f(%s: f32[M, N, N]) -> f32[M, N], f32[M, N, N], f32[M, N, N] {
    %0 = multiply %s, %s : f32[M, N, N]
    %1 = sum %0 axis=[2] keepdims=true : f32[M, N, 1]
    %2 = subtract %s, %1 : f32[M, N, N]
    %3 = multiply %s, %2 : f32[M, N, N]
    %4 = sum %2 axis=[1] : f32[M, N]
    %5 = abs %4 : f32[M, N]
    return %5, %2, %3
  })",
                {{7, 2}, {40, 3}});
}
