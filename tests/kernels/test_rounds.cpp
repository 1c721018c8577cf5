// Loops within a body: the same values whether lanes walk together or one by one, and however they end.
#include <catch2/catch.hpp>

#include "codegen/llvm/emit.h"
#include "harness.h"

namespace tandem::test {

namespace {

enum class Ending : uint8_t { together, apart };

// For every element: x = x * 0.75 + y, k += step, until `k < limit` is false. `apart`: for each element as long as
// x * x < 4, too. Stores x and k. `rows` > 1: y is one value for each row.
Case iterated(DType dtype, int64_t rows, int64_t n, int64_t limit, Ending ending, Random& random) {
  Case c;
  if (rows > 1) c.axis(rows);
  c.axis(n);
  c.kernel.outer_rank = rows > 1 ? 1 : 0;
  c.kernel.vector_axis = c.kernel.outer_rank;
  const auto strides = [&](int64_t row, int64_t column) {
    return rows > 1 ? std::vector<int64_t>{row, column} : std::vector<int64_t>{column};
  };
  const int in = c.access(c.buffer(dtype, BufferRole::input), strides(n, 1));
  const int shift = c.access(c.buffer(dtype, BufferRole::input), strides(1, rows > 1 ? 0 : 1));
  const int out = c.access(c.buffer(dtype, BufferRole::output), strides(n, 1));
  const int count = c.access(c.buffer(DType::i64, BufferRole::output), strides(n, 1));
  Body body;
  const Scalar x = body.load(in, dtype), y = body.load(shift, dtype);
  const Scalar zero = body.b.constant_bits(DType::i64, 0);
  ScalarLoop loop{static_cast<int>(body.b.body().size()), 0, 0, {x.id, zero.id}, {}};
  const Scalar now = body.b.carry(dtype, 0), k = body.b.carry(DType::i64, 0);
  Scalar go = k < body.b.constant_bits(DType::i64, limit);
  if (ending == Ending::apart) go = go & (now * now < now.constant(4));
  loop.condition = go.id;
  loop.next = {(now * (is_floating(dtype) ? now.constant(0.75) : now.constant(3)) + y).id,
               (k + body.b.constant_bits(DType::i64, 1)).id};
  loop.last = static_cast<int>(body.b.body().size());
  body.b.forget(loop.first + 2);
  Stage stage;
  stage.loops = {loop};
  stage.stores = {{out, (now + y).id}, {count, k.id}};
  stage.body = body.b.take();
  c.kernel.stages = {stage};
  c.fill(random, is_floating(dtype));
  return c;
}

// Sums, over rows or columns, of what every element becomes in a loop, and a second loop behind the first.
Case summed(bool column, int64_t rows, int64_t n, Random& random) {
  Case c;
  c.axis(rows);
  c.axis(n);
  c.kernel.outer_rank = 1;
  c.kernel.vector_axis = column ? 0 : 1;
  const auto strides = column ? std::vector<int64_t>{1, rows} : std::vector<int64_t>{n, 1};
  const int in = c.access(c.buffer(DType::f32, BufferRole::input), strides);
  const int out = c.access(c.buffer(DType::f32, BufferRole::output), {1, 0});
  Body body;
  Stage sum, store;
  Scalar x = body.load(in, DType::f32);
  for (int number = 0; number < 2; ++number) {
    ScalarLoop loop{static_cast<int>(body.b.body().size()), 0, 0, {x.id}, {}};
    const Scalar now = body.b.carry(DType::f32, number);
    loop.condition = (x.constant(number == 0 ? 0.5 : 0.25) < abs(now)).id;
    loop.next = {(now * now.constant(0.5)).id};
    loop.last = static_cast<int>(body.b.body().size());
    body.b.forget(loop.first + 1);
    sum.loops.push_back(loop);
    x = now;
  }
  sum.reductions = {{ReduceKind::sum, x.id}};
  sum.body = body.b.take();
  Body last;
  store.inner = false;
  store.stores = {{out, last.result(0, DType::f32).id}};
  store.body = last.b.take();
  c.kernel.stages = {sum, store};
  c.fill(random, false);
  return c;
}

}  // namespace

TEST_CASE("loops in bodies") {
  Random random(11);
  for (const DType dtype : {DType::f32, DType::f64, DType::i32})
    for (const Ending ending : {Ending::together, Ending::apart})
      for (const int64_t limit : {0, 1, 2, 17})
        for (const int64_t rows : {1, 3})
          for (const int64_t n : {0, 1, 15, 16, 17, 64, 700}) {
            INFO(info(dtype).text << ", " << limit << " rounds, " << rows << " rows, " << n << " elements"
                                  << (ending == Ending::apart ? ", apart" : ""));
            check_agreement(iterated(dtype, rows, n, limit, ending, random));
          }
}

TEST_CASE("loops in bodies of reductions") {
  Random random(12);
  for (const bool column : {false, true})
    for (const int64_t n : {1, 31, 32, 100, 5000}) check_agreement(summed(column, 37, n, random));
}

TEST_CASE("lanes that end together are not masked") {
  Random random(13);
  const auto selects = [&](Ending ending) {
    const Case c = iterated(DType::f32, 1, 700, 5, ending, random);
    return llvm::emit(c.kernel, llvm::host_target(), false).find("select <16 x i1>") != std::string::npos;
  };
  CHECK_FALSE(selects(Ending::together));
  CHECK(selects(Ending::apart));
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
  broken([](ScalarLoop& loop, Stage& stage) { stage.body[static_cast<size_t>(loop.last) - 1].op = ScalarOp::load; });
  broken([](ScalarLoop&, Stage& stage) { stage.loops.clear(); });
}

}  // namespace tandem::test
