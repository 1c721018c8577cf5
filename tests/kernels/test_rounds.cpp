// Loops within a body, beyond that back ends agree on them (cases_rounds.cpp).
#include <catch2/catch.hpp>

#include "codegen/llvm/emit.h"
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
