// Hand-built kernels of the usual shapes.
#pragma once
#include "harness.h"

namespace tandem::test {

// out = x * w + b over one axis.
inline Case affine(int64_t n, bool streaming = false, int64_t offset = 0) {
  Case c;
  c.axis(n);
  c.kernel.vector_axis = 0;
  Body body;
  const auto in = [&] { return body.load(c.access(c.buffer(DType::f32, BufferRole::input), {1}), DType::f32); };
  const Scalar x = in(), w = in(), b = in();
  const int out = c.access(c.buffer(DType::f32, BufferRole::output, streaming), {1}, true, offset);
  Stage stage;
  stage.stores = {{out, (x * w + b).id}};
  stage.body = body.b.take();
  c.kernel.stages = {stage};
  return c;
}

// Stages max, sum of a stand-in for exp, and quotient; rows are vectors, or columns are (`column`).
// The product of complex numbers.
inline Case complex_product(int64_t n, bool streaming = false) {
  Case c;
  c.axis(n);
  c.kernel.vector_axis = 0;
  Body body;
  Scalar parts[4];
  for (int operand = 0; operand < 2; ++operand) {
    const int in = c.buffer(DType::f32, BufferRole::input);
    for (int part = 0; part < 2; ++part)
      parts[2 * operand + part] = body.load(c.access(in, {2}, false, part), DType::f32);
  }
  const Scalar re = parts[0] * parts[2] - parts[1] * parts[3], im = parts[0] * parts[3] + parts[1] * parts[2];
  const int out = c.buffer(DType::f32, BufferRole::output, streaming);
  Stage stage;
  stage.stores = {{c.access(out, {2}), re.id}, {c.access(out, {2}, false, 1), im.id}};
  stage.body = body.b.take();
  c.kernel.stages = {stage};
  return c;
}

inline Case softmax(int64_t rows, int64_t n, bool column) {
  Case c;
  c.axis(rows);
  c.axis(n);
  Kernel& k = c.kernel;
  k.outer_rank = 1;
  k.vector_axis = column ? 0 : 1;
  k.single_block = n <= k.order.block;
  const std::vector<int64_t> strides = column ? std::vector<int64_t>{1, rows} : std::vector<int64_t>{n, 1};
  const int in = c.access(c.buffer(DType::f32, BufferRole::input), strides, true);
  const int kept = c.scratch_access(c.buffer(DType::f32, BufferRole::scratch));
  const int out = c.access(c.buffer(DType::f32, BufferRole::output), strides, true);
  k.stages.resize(3);
  {
    Body body;
    k.stages[0].reductions = {{ReduceKind::max, body.load(in, DType::f32).id}};
    k.stages[0].body = body.b.take();
  }
  {
    Body body;
    const Scalar x = body.load(in, DType::f32) - body.result(0, DType::f32);
    const Scalar e = fma(x, x * x.constant(0.5) + x.constant(1), x.constant(1));
    k.stages[1].stores = {{kept, e.id}};
    k.stages[1].reductions = {{ReduceKind::sum, e.id}};
    k.stages[1].body = body.b.take();
  }
  {
    Body body;
    const Scalar y = body.load(kept, DType::f32) / body.result(1, DType::f32);
    k.stages[2].stores = {{out, y.id}};
    k.stages[2].body = body.b.take();
  }
  return c;
}

// Reduces `extents` per row; a second stage stores the result. Extents beyond the first are inner axes.
inline Case reduce(ReduceKind kind, DType dtype, int64_t rows, const std::vector<int64_t>& extents, bool column) {
  Case c;
  c.axis(rows);
  int64_t points = 1;
  for (const int64_t extent : extents) c.axis(extent), points *= extent;
  Kernel& k = c.kernel;
  k.outer_rank = 1;
  k.vector_axis = column ? 0 : static_cast<int>(extents.size());
  std::vector<int64_t> strides(c.extents.size()), once(c.extents.size());
  int64_t next = column ? rows : 1;
  for (size_t a = c.extents.size(); a-- > 1;) strides[a] = next, next *= c.extents[a];
  strides[0] = column ? 1 : points;
  once[0] = 1;
  const bool arg = kind == ReduceKind::argmax || kind == ReduceKind::argmin;
  const DType result = arg ? DType::i64 : dtype;
  const int in = c.access(c.buffer(dtype, BufferRole::input), strides, true);
  const int out = c.access(c.buffer(result, BufferRole::output), once);
  k.stages.resize(2);
  {
    Body body;
    k.stages[0].reductions = {{kind, body.load(in, dtype).id}};
    k.stages[0].body = body.b.take();
  }
  {
    Body body;
    k.stages[1].inner = false;
    k.stages[1].stores = {{out, body.result(0, result).id}};
    k.stages[1].body = body.b.take();
  }
  return c;
}

inline Scalar root_and_square(Scalar x) { return sqrt(abs(x)) + x * x; }

// Two selects that share rare nodes, one of them below another rare one.
inline Case shared_selects(DType dtype, int64_t n, double below, Random& random) {
  Case c;
  c.axis(n);
  c.kernel.vector_axis = 0;
  const int in = c.access(c.buffer(dtype, BufferRole::input), {1});
  const int first = c.access(c.buffer(dtype, BufferRole::output), {1});
  const int second = c.access(c.buffer(dtype, BufferRole::output), {1});
  Body body;
  const Scalar x = body.load(in, dtype), limit = x.constant(below);
  const Scalar shared = root_and_square(x);
  const Scalar inner = select_rare(x < -limit, shared - x.constant(1), x);
  Stage stage;
  stage.stores = {{first, select_rare(x < limit, shared + inner, x + x).id},
                  {second, select_rare(x < limit, shared * x, -x).id}};
  stage.body = body.b.take();
  c.kernel.stages = {stage};
  c.fill(random, true);
  return c;
}

enum class Ending : uint8_t { together, apart };

// For every element: x = x * 0.75 + y, k += step, until `k < limit` is false. `apart`: for each element as long as
// x * x < 4, too. Stores x and k. `rows` > 1: y is one value for each row.
inline Case iterated(DType dtype, int64_t rows, int64_t n, int64_t limit, Ending ending, Random& random) {
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

// How a counted loop says which elements still change: by a condition on what they are, by a flag that is carried, or by
// one that comes too late to decide anything (it reads the counter).
enum class Still : uint8_t { inside, alive, counted };

// Elements are squared until they leave, and rounds counted, in a float that starts as -0.0 and in an integer.
inline Case leaving(DType dtype, int64_t n, int64_t limit, Still still, Random& random) {
  Case c;
  c.axis(n);
  c.kernel.vector_axis = 0;
  const int in = c.access(c.buffer(dtype, BufferRole::input), {1});
  const int outs[] = {c.access(c.buffer(dtype, BufferRole::output), {1}),
                      c.access(c.buffer(dtype, BufferRole::output), {1}),
                      c.access(c.buffer(DType::i64, BufferRole::output), {1})};
  Body body;
  const Scalar x = body.load(in, dtype), zero = body.b.constant_bits(DType::i64, 0), minus = x.constant(-0.0);
  const Scalar yes = body.b.constant_bits(DType::boolean, 1);
  ScalarLoop loop{static_cast<int>(body.b.body().size()), 0, 0, {zero.id, x.id, minus.id, zero.id, yes.id}, {}};
  const Scalar k = body.b.carry(DType::i64, 0), now = body.b.carry(dtype, 0), steps = body.b.carry(dtype, 0),
               count = body.b.carry(DType::i64, 0), alive = body.b.carry(DType::boolean, 0);
  loop.condition = (k < body.b.constant_bits(DType::i64, limit)).id;
  Scalar stays = now * now < now.constant(4);
  if (still == Still::alive) stays = stays & alive;
  if (still == Still::counted) stays = stays & (k < body.b.constant_bits(DType::i64, 5));
  loop.next = {(k + body.b.constant_bits(DType::i64, 1)).id, select(stays, now * now.constant(1.5), now).id,
               (steps + select(stays, steps.constant(1), steps.constant(0))).id, (count + stays.cast(DType::i64)).id,
               (still == Still::alive ? stays : alive).id};
  loop.last = static_cast<int>(body.b.body().size());
  body.b.forget(loop.first + 5);
  Stage stage;
  stage.loops = {loop};
  stage.stores = {{outs[0], now.id}, {outs[1], steps.id}, {outs[2], count.id}};
  stage.body = body.b.take();
  c.kernel.stages = {stage};
  c.fill(random, is_floating(dtype));
  return c;
}

// Columns of a matrix summed over the rows where `flags` holds, and their squares. In column mode all columns agree.
inline Case sums_of_chosen_rows(DType dtype, int64_t rows, bool column, bool alike, Random& random) {
  Case c;
  c.axis(37);
  c.axis(rows);
  c.kernel.outer_rank = 1;
  c.kernel.vector_axis = column ? 0 : 1;
  const int flags = c.access(c.buffer(DType::boolean, BufferRole::input), {0, 1});
  const int in = c.access(c.buffer(dtype, BufferRole::input), {1, 37});
  const int first = c.access(c.buffer(dtype, BufferRole::output), {1, 0});
  const int second = c.access(c.buffer(dtype, BufferRole::output), {1, 0});
  Body body;
  const Scalar flag = body.load(flags, DType::boolean), x = body.load(in, dtype), zero = x.constant(0);
  Stage sum, store;
  const Scalar squares = select(flag, x * x, alike ? zero : x);
  sum.reductions = {{ReduceKind::sum, select(flag, x, zero).id}, {ReduceKind::sum, squares.id}};
  sum.body = body.b.take();
  Body last;
  store.inner = false;
  store.stores = {{first, last.result(0, dtype).id}, {second, last.result(1, dtype).id}};
  store.body = last.b.take();
  c.kernel.stages = {sum, store};
  c.fill(random, true);
  return c;
}

}  // namespace tandem::test
