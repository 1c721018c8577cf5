// Loops within a body, beyond that back ends agree on them (cases_rounds.cpp).
#include <catch2/catch.hpp>

#include "codegen/llvm/emit.h"
#include "ir/loops.h"
#include "samples.h"

namespace tandem::test {

TEST_CASE("lanes that end together are not masked") {
  Random random(13);
  const auto selects = [&](Ending ending) {
    const Case c = iterated(DType::f32, 1, 700, 5, ending, random);
    return llvm::emit(c.kernel, llvm::host_target(), false).find("select <16 x i1>") != std::string::npos;
  };
  CHECK_FALSE(selects(Ending::together));
  CHECK(selects(Ending::apart));
}

TEST_CASE("counted rounds end where no lane changes any more") {
  Random random(15);
  const auto looks = [&](Still still) {
    const Case c = leaving(DType::f32, 64, 64, still, random);
    return llvm::emit(c.kernel, llvm::host_target(), false).find("bitcast <16 x i1>") != std::string::npos;
  };
  CHECK(looks(Still::inside));
  CHECK(looks(Still::alive));
  CHECK_FALSE(looks(Still::counted));
}

TEST_CASE("loops within loops must be well formed") {
  // Carries 0 and 1 of the outer loop, 2 of the inner one, which goes on while it is below the outer count.
  Case good;
  good.axis(8);
  good.kernel.vector_axis = 0;
  const int out = good.access(good.buffer(DType::i64, BufferRole::output), {1});
  Body body;
  const Scalar zero = body.b.constant_bits(DType::i64, 0), one = body.b.constant_bits(DType::i64, 1);
  ScalarLoop outer{2, 0, 0, {zero.id, zero.id}, {}}, inner{0, 0, 0, {zero.id}, {}};
  const Scalar k = body.b.carry(DType::i64, 0), total = body.b.carry(DType::i64, 0);
  outer.condition = (k < body.b.constant_bits(DType::i64, 5)).id;
  inner.first = static_cast<int>(body.b.body().size());
  const Scalar j = body.b.carry(DType::i64, 1);
  inner.condition = (j < k).id;
  inner.next = {(j + one).id};
  inner.last = static_cast<int>(body.b.body().size());
  body.b.forget(inner.first + 1);
  outer.next = {(k + one).id, (total + j).id};
  outer.last = static_cast<int>(body.b.body().size());
  Stage stage;
  stage.loops = {outer, inner};
  stage.stores = {{out, total.id}};
  stage.body = body.b.take();
  good.kernel.stages = {stage};
  REQUIRE_NOTHROW(verify(good.kernel));
  CHECK(loops_around(stage) == std::vector<int>{-1, 0});
  CHECK(loops_of(stage, good.kernel.accesses)[static_cast<size_t>(inner.next[0])] == 1);
  CHECK(loops_of(stage, good.kernel.accesses)[static_cast<size_t>(outer.next[1])] == 0);
  const auto broken = [&](auto change) {
    Kernel kernel = good.kernel;
    change(kernel.stages[0].loops[0], kernel.stages[0].loops[1], kernel.stages[0]);
    CHECK_THROWS_AS(verify(kernel), InternalError);
  };
  broken([](ScalarLoop& around, ScalarLoop& within, Stage&) { std::swap(around, within); });
  broken([](ScalarLoop& around, ScalarLoop& within, Stage&) { around.last = within.last - 1; });
  broken([](ScalarLoop& around, ScalarLoop& within, Stage&) { around.next[1] = within.next[0]; });
  broken([](ScalarLoop& around, ScalarLoop& within, Stage&) { around.condition = within.condition; });
  broken([](ScalarLoop& around, ScalarLoop& within, Stage& changed) {
    changed.body[static_cast<size_t>(around.last) - 1].a = within.next[0];
  });
  broken([](ScalarLoop& around, ScalarLoop&, Stage& changed) { changed.stores[0].value = around.next[0]; });
  broken([](ScalarLoop& around, ScalarLoop&, Stage& changed) { changed.loops = {around}; });
}

TEST_CASE("a loop must be well formed") {
  Random random(14);
  const Case good = iterated(DType::f32, 1, 64, 3, Ending::together, random);
  const auto broken = [&](auto change) {
    Kernel kernel = good.kernel;
    change(kernel.stages[0].loops[0], kernel.stages[0]);
    CHECK_THROWS_AS(verify(kernel), InternalError);
  };
  REQUIRE_NOTHROW(verify(good.kernel));
  broken([](ScalarLoop& loop, Stage&) { loop.first = -1; });
  broken([](ScalarLoop& loop, Stage&) { ++loop.first; });
  broken([](ScalarLoop& loop, Stage&) { loop.last = 1000; });
  broken([](ScalarLoop& loop, Stage&) { loop.condition = loop.first; });
  broken([](ScalarLoop& loop, Stage&) { loop.init[0] = loop.first; });
  broken([](ScalarLoop& loop, Stage&) { loop.next[0] = loop.last; });
  broken([](ScalarLoop& loop, Stage&) { loop.next.pop_back(); });
  broken([](ScalarLoop& loop, Stage&) { std::swap(loop.next[0], loop.next[1]); });
  broken([](ScalarLoop& loop, Stage& stage) { stage.stores[0].value = loop.last - 1; });
  broken([](ScalarLoop& loop, Stage& stage) { stage.body[static_cast<size_t>(loop.last) - 1].op = ScalarOp::result; });
  broken([](ScalarLoop&, Stage& stage) { stage.loops.clear(); });
}

}  // namespace tandem::test
