// Selects whose first value is seldom wanted, and sums of chosen rows.
#include <catch2/catch.hpp>

#include "codegen/llvm/emit.h"
#include "samples.h"

namespace tandem::test {

namespace {

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

}  // namespace

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

}  // namespace tandem::test
