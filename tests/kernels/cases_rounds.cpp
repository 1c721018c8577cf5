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
