// Selects whose first value is seldom wanted: the same values from a branch as from computing both.
#include <catch2/catch.hpp>
#include <limits>

#include "codegen/llvm/emit.h"
#include "harness.h"
#include "ir/math.h"

namespace tandem::test {

namespace {

Scalar root_and_square(Scalar x) { return sqrt(abs(x)) + x * x; }

// Two selects that share rare nodes, one of them below another rare one.
Case shared_selects(DType dtype, int64_t n, double below, Random& random) {
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

// Columns of a matrix summed over the rows where `flags` holds, and their squares. In column mode all columns agree.
Case sums_of_chosen_rows(DType dtype, int64_t rows, bool column, bool alike, Random& random) {
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

TEST_CASE("rare selects") {
  Random random(5);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const DType dtype : {DType::f32, DType::f64})
    for (const double below : {-kInfinity, -1.5, 0.0, kInfinity}) {
      for (const int64_t n : {0, 1, 15, 16, 17, 700}) {
        INFO(info(dtype).text << " below " << below << ", " << n << " elements");
        check_agreement(shared_selects(dtype, n, below, random));
      }
      check_agreement(sums(dtype, false, below, random));
      check_agreement(sums(dtype, true, below, random));
    }
}

TEST_CASE("sums of chosen rows") {
  Random random(8);
  for (const DType dtype : {DType::f32, DType::f64, DType::i32})
    for (const int64_t rows : {0, 1, 31, 33, 4096, 9000})
      for (const bool column : {false, true})
        for (const bool alike : {false, true}) {
          INFO(info(dtype).text << ", " << rows << " rows" << (column ? ", columns" : "") << (alike ? ", alike" : ""));
          check_agreement(sums_of_chosen_rows(dtype, rows, column, alike, random));
        }
}

TEST_CASE("rows that are not chosen are not read where all columns agree") {
  Random random(9);
  const auto reads_some = [&](bool column, bool alike) {
    const Case c = sums_of_chosen_rows(DType::f32, 100, column, alike, random);
    return llvm::emit(c.kernel, llvm::host_target(), false).find("\nchosen") != std::string::npos;
  };
  CHECK(reads_some(true, true));
  CHECK_FALSE(reads_some(true, false));
  CHECK_FALSE(reads_some(false, true));
}

TEST_CASE("a rare value stands in a block of its own") {
  Random random(6);
  const Case c = shared_selects(DType::f32, 700, 0, random);
  const std::string text = llvm::emit(c.kernel, llvm::host_target(), false);
  const size_t root = text.find("@llvm.sqrt"), block = text.find("\nrare");
  REQUIRE(root != std::string::npos);
  REQUIRE(block != std::string::npos);
  CHECK(block < root);
}

TEST_CASE("functions with ways of their own for special arguments") {
  Random random(7);
  using Function = Scalar (*)(Scalar);
  for (const DType dtype : {DType::f32, DType::f64})
    for (const int64_t n : {7, 31, 32, 49, 700}) {  // up to two vectors and a rest
      INFO(info(dtype).text << ", " << n << " elements");
      for (const Function function : {math::sin, math::cos, math::tan, math::log, math::log2, math::log10, math::log1p,
                                      math::expm1, math::sigmoid, math::asin, math::acos, math::atan, math::sinh})
        check_agreement(pointwise(dtype, n, [&](Scalar x, Scalar) { return function(x); }, random));
      for (const auto function : {math::pow, math::atan2, math::logaddexp})
        check_agreement(pointwise(dtype, n, function, random));
      const auto sum = [](Scalar x, Scalar y) { return math::sin(x) * math::cos(x) + math::tan(y); };
      check_agreement(pointwise(dtype, n, sum, random));
    }
}

}  // namespace tandem::test
