#include <algorithm>

#include "cases.h"
#include "samples.h"

namespace tandem::test {

namespace {

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

// Rounds that read an element of a table at a place which each element carries, and the row of their number: of those that
// happen, not one more. Nobody reads the number behind the loop.
Case walking(bool several, int64_t n, int64_t limit, Ending ending, Random& random) {
  Case c;
  if (several) c.axis(3);
  c.axis(n);
  c.kernel.outer_rank = c.kernel.vector_axis = several ? 1 : 0;
  const auto strides = [&](int64_t row, int64_t column) {
    return several ? std::vector<int64_t>{row, column} : std::vector<int64_t>{column};
  };
  const int in = c.access(c.buffer(DType::f32, BufferRole::input), strides(n, 1));
  const int table = c.access(c.buffer(DType::f32, BufferRole::input), strides(0, 0));
  const int rows = c.access(c.buffer(DType::f32, BufferRole::input), strides(0, 1));
  const int out = c.access(c.buffer(DType::f32, BufferRole::output), strides(n, 1));
  const int places = c.access(c.buffer(DType::i64, BufferRole::output), strides(n, 1));
  Body body;
  const auto whole = [&](int64_t value) { return body.b.constant_bits(DType::i64, value); };
  const Scalar x = body.load(in, DType::f32), zero = whole(0);
  ScalarLoop loop{static_cast<int>(body.b.body().size()), 0, 0, {x.id, zero.id, zero.id}, {}};
  const Scalar now = body.b.carry(DType::f32, 0), place = body.b.carry(DType::i64, 0), k = body.b.carry(DType::i64, 0);
  Scalar go = k < whole(limit);
  if (ending == Ending::apart) go = go & (now * now < now.constant(4));
  loop.condition = go.id;
  const Scalar element = body.load(table, DType::f32), row = body.load(rows, DType::f32);
  c.gather(table, place.id, 1, 8);
  c.gather(rows, k.id, n, std::max<int64_t>(limit, 1), true);
  loop.next = {(now * now.constant(0.5) + element * row).id, ((place * whole(5) + k) & whole(7)).id, (k + whole(1)).id};
  loop.last = static_cast<int>(body.b.body().size());
  body.b.forget(loop.first + 3);
  Stage stage;
  stage.loops = {loop};
  stage.stores = {{out, now.id}, {places, place.id}};
  stage.body = body.b.take();
  c.kernel.stages = {stage};
  c.fill(random, false);
  return c;
}

// A loop within a loop, which ends by what each element carries or by a count that all share, and reads a table at a place
// that the outer one carries: only in rounds that happen. `asked`: the condition of the outer one needs it.
Case nested(bool several, int64_t n, int64_t limit, Ending outer, Ending inner, bool asked, Random& random) {
  Case c;
  if (several) c.axis(3);
  c.axis(n);
  c.kernel.outer_rank = c.kernel.vector_axis = several ? 1 : 0;
  const auto strides = [&](int64_t row, int64_t column) {
    return several ? std::vector<int64_t>{row, column} : std::vector<int64_t>{column};
  };
  const int in = c.access(c.buffer(DType::f32, BufferRole::input), strides(n, 1));
  const int table = c.access(c.buffer(DType::f32, BufferRole::input), strides(0, 0));
  const int out = c.access(c.buffer(DType::f32, BufferRole::output), strides(n, 1));
  const int counts = c.access(c.buffer(DType::i64, BufferRole::output), strides(n, 1));
  Body body;
  Stage stage;
  const auto whole = [&](int64_t value) { return body.b.constant_bits(DType::i64, value); };
  const auto size = [&] { return static_cast<int>(body.b.body().size()); };
  const Scalar x = body.load(in, DType::f32), zero = whole(0), one = whole(1);
  ScalarLoop around{size(), 0, 0, {x.id, zero.id, zero.id}, {}};
  const Scalar now = body.b.carry(DType::f32, 0), k = body.b.carry(DType::i64, 0), total = body.b.carry(DType::i64, 0);
  const int behind = size();
  Scalar go = k < whole(limit);
  if (outer == Ending::apart) go = go & (now * now < now.constant(4));
  const Scalar start = now * now.constant(1.25), rounds = k & whole(3);

  ScalarLoop within{size(), 0, 0, {start.id, zero.id}, {}};
  const Scalar y = body.b.carry(DType::f32, 1), j = body.b.carry(DType::i64, 1);
  const int behind_inner = size();
  Scalar more = j < rounds;
  if (inner == Ending::apart) more = more & (y * y < y.constant(2));
  within.condition = more.id;
  const Scalar element = body.load(table, DType::f32);
  c.gather(table, k.id, 1, limit + 1);  // a condition is asked once more
  within.next = {(y * y.constant(0.5) + element * x).id, (j + one).id};
  within.last = size();
  body.b.forget(behind_inner);

  if (asked) go = go & (y < y.constant(3));
  around.condition = go.id;
  around.next = {(y - x * x.constant(0.5)).id, (k + one).id, (total + j).id};
  around.last = size();
  body.b.forget(behind);
  stage.loops = {around, within};
  stage.stores = {{out, now.id}, {counts, total.id}};
  stage.body = body.b.take();
  c.kernel.stages = {stage};
  c.fill(random, false);
  return c;
}

}  // namespace

void rounds(const Sink& sink) {
  Random random(11);
  for (const DType dtype : {DType::f32, DType::f64, DType::i32})
    for (const Ending ending : {Ending::together, Ending::apart})
      for (const int64_t limit : {0, 1, 2, 17})
        for (const int64_t rows : {1, 3})
          for (const int64_t n : {0, 1, 15, 16, 17, 64, 700}) sink(iterated(dtype, rows, n, limit, ending, random));
  for (const DType dtype : {DType::f32, DType::f64})
    for (const Still still : {Still::inside, Still::alive, Still::counted})
      for (const int64_t limit : {0, 1, 2, 64})
        for (const int64_t n : {1, 15, 16, 17, 64, 700}) sink(leaving(dtype, n, limit, still, random));
  for (const bool several : {false, true})
    for (const Ending ending : {Ending::together, Ending::apart})
      for (const int64_t limit : {0, 1, 9})
        for (const int64_t n : {1, 15, 16, 33, 300}) sink(walking(several, n, limit, ending, random));
  for (const bool several : {false, true})
    for (const Ending outer : {Ending::together, Ending::apart})
      for (const Ending inner : {Ending::together, Ending::apart})
        for (const bool asked : {false, true})
          for (const int64_t limit : {0, 1, 9})
            for (const int64_t n : {1, 16, 33}) sink(nested(several, n, limit, outer, inner, asked, random));
  for (const bool column : {false, true})
    for (const int64_t n : {1, 31, 32, 100, 5000}) sink(summed(column, 37, n, random));
}

void chosen_rows(const Sink& sink) {
  Random random(8);
  for (const DType dtype : {DType::f32, DType::f64, DType::i32})
    for (const int64_t rows : {0, 1, 31, 33, 4096, 9000})
      for (const bool column : {false, true})
        for (const bool alike : {false, true}) sink(sums_of_chosen_rows(dtype, rows, column, alike, random));
}

}  // namespace tandem::test
