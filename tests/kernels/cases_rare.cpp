// Selects whose first value is seldom wanted: the same values from a branch as from computing both.
#include <limits>

#include "cases.h"
#include "ir/math.h"
#include "samples.h"

namespace tandem::test {

namespace {

// Rows of a matrix summed along the vector axis, or along the other one in column mode.
Case sums(DType dtype, bool column, double below, Random& random) {
  Case c;
  c.axis(37);
  c.axis(53);
  c.kernel.outer_rank = 1;
  c.kernel.vector_axis = column ? 0 : 1;
  const int in =
      c.access(c.buffer(dtype, BufferRole::input), column ? std::vector<int64_t>{1, 37} : std::vector<int64_t>{53, 1});
  const int out = c.access(c.buffer(dtype, BufferRole::output), {1, 0});
  Body body;
  const Scalar x = body.load(in, dtype);
  Stage sum, store;
  sum.reductions = {{ReduceKind::sum, select_rare(x < x.constant(below), root_and_square(x), x).id}};
  sum.body = body.b.take();
  Body last;
  store.inner = false;
  store.stores = {{out, last.result(0, dtype).id}};
  store.body = last.b.take();
  c.kernel.stages = {sum, store};
  c.fill(random, false);
  return c;
}

// out[i] = function(in0[i], in1[i])
template <class Function>
Case pointwise(DType dtype, int64_t n, Function function, Random& random) {
  Case c;
  c.axis(n);
  c.kernel.vector_axis = 0;
  Body body;
  const Scalar x = body.load(c.access(c.buffer(dtype, BufferRole::input), {1}), dtype);
  const Scalar y = body.load(c.access(c.buffer(dtype, BufferRole::input), {1}), dtype);
  Stage stage;
  stage.stores = {{c.access(c.buffer(dtype, BufferRole::output), {1}), function(x, y).id}};
  stage.body = body.b.take();
  c.kernel.stages = {stage};
  c.fill(random, true);
  return c;
}

}  // namespace

void rare_selects(const Sink& sink) {
  Random random(5);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const DType dtype : {DType::f32, DType::f64})
    for (const double below : {-kInfinity, -1.5, 0.0, kInfinity}) {
      for (const int64_t n : {0, 1, 15, 16, 17, 700}) {
        sink(shared_selects(dtype, n, below, random));
      }
      sink(sums(dtype, false, below, random));
      sink(sums(dtype, true, below, random));
    }
}

void special_arguments(const Sink& sink) {
  Random random(7);
  using Function = Scalar (*)(Scalar);
  for (const DType dtype : {DType::f32, DType::f64})
    for (const int64_t n : {7, 31, 32, 49, 700}) {  // up to two vectors and a rest
      for (const Function function : {math::sin, math::cos, math::tan, math::log, math::log2, math::log10, math::log1p,
                                      math::expm1, math::sigmoid, math::asin, math::acos, math::atan, math::sinh})
        sink(pointwise(dtype, n, [&](Scalar x, Scalar) { return function(x); }, random));
      for (const auto function : {math::pow, math::atan2, math::logaddexp}) sink(pointwise(dtype, n, function, random));
      const auto sum = [](Scalar x, Scalar y) { return math::sin(x) * math::cos(x) + math::tan(y); };
      sink(pointwise(dtype, n, sum, random));
    }
}

}  // namespace tandem::test
