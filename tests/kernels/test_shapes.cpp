// Usual kernels at every size where loops, tails, blocks and tiles begin or end.
#include <catch2/catch.hpp>
#include <cstring>

#include "codegen/llvm/emit.h"
#include "samples.h"
#include "tests/ir/real_dtypes.h"

namespace tandem::test {

TEST_CASE("argmax and argmin find the first extreme, NaN first of all") {
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const auto& [kind, filler] :
       {std::pair{ReduceKind::argmax, -infinity}, std::pair{ReduceKind::argmin, infinity}}) {
    for (const int64_t n : {40, 9000}) {
      Case c = reduce(kind, DType::f32, 1, {n}, false);
      Random random(14);
      c.fill(random, false);
      const auto put = [&](int64_t at, float value) { std::memcpy(c.data[0].data() + 256 + 4 * at, &value, 4); };
      const auto answer = [&](Backend& backend) {
        int64_t index = -1;
        std::memcpy(&index, execute(backend, c, 1).data[1].data() + 256, 8);
        return index;
      };
      const auto all = [&](int64_t expected) {
        CHECK(answer(interpreter()) == expected);
        for (const auto& [name, backend] : native_backends()) CHECK(answer(*backend) == expected);
      };
      for (int64_t k = 0; k < n; ++k) put(k, filler);
      all(0);
      put(n - 1, -filler);
      put(n - 7, -filler);
      all(n - 7);
      put(n - 3, nan);
      put(n - 2, nan);
      all(n - 3);
    }
  }
}

TEST_CASE("a kernel with a window walks these columns of every row, with the indices of the whole") {
  const auto rows_of = [](int64_t rows, int64_t n, bool window) {
    Case c;
    c.axis(rows);
    c.axis(n);
    c.kernel.outer_rank = 1;
    c.kernel.vector_axis = 1;
    Body body;
    const auto in = [&](const std::vector<int64_t>& strides) {
      return body.load(c.access(c.buffer(DType::f32, BufferRole::input), strides, true), DType::f32);
    };
    const Scalar x = in({n + 3, 1}), bias = in({0, 1}), scale = in({1, 0});
    const Scalar column = body.b.emit(ScalarOp::cast, DType::f32, body.index(1).id);
    Stage stage;
    stage.stores = {
        {c.access(c.buffer(DType::f32, BufferRole::output), {n, 1}, true), ((x + bias) * scale + column).id}};
    stage.body = body.b.take();
    c.kernel.stages = {stage};
    if (window) {
      c.kernel.window = static_cast<int>(c.vals.size());
      c.vals.insert(c.vals.end(), {0, n});
    }
    Random random(21);
    c.fill(random, false);
    return c;
  };
  for (const int64_t n : {1, 16, 33, 100, 512}) {
    const Case whole = rows_of(5, n, false);
    const Outcome expected = execute(interpreter(), whole, 1);
    Case c = rows_of(5, n, true);
    for (const int64_t width : {int64_t{0}, int64_t{1}, int64_t{7}, int64_t{32}, n}) {
      for (int64_t low = 0; low < n; low += std::max<int64_t>(width, n / 3 + 1)) {
        c.vals.end()[-2] = low, c.vals.end()[-1] = std::min(n, low + width);
        check_agreement(c);
        c.data = execute(interpreter(), c, 2).data;
      }
      if (width < n) continue;
      CHECK(difference(c, expected, {c.data, false}).empty());
    }
  }
}

TEST_CASE("a bad index is reported with its access and value, and only if it is real") {
  for (const int64_t n : {1, 16, 37}) {
    Case c;
    c.axis(n);
    c.kernel.vector_axis = 0;
    Body body;
    const Scalar index = body.load(c.access(c.buffer(DType::i64, BufferRole::input), {1}), DType::i64);
    const int table = c.access(c.buffer(DType::f32, BufferRole::input), {0});
    c.gather(table, index.id, 1, 10);
    const Scalar value = body.load(table, DType::f32);
    const int out = c.access(c.buffer(DType::f32, BufferRole::output), {1});
    Stage stage;
    stage.stores = {{out, value.id}};
    stage.body = body.b.take();
    c.kernel.stages = {stage};
    Random random(15);
    c.fill(random, false);
    const auto run = [&](Backend& backend, int64_t last) {
      std::vector<int64_t> indices(static_cast<size_t>(n) + 20, 99);  // what lies beyond the end is bad, but not read
      for (int64_t k = 0; k < n; ++k) indices[static_cast<size_t>(k)] = k % 10;
      indices[static_cast<size_t>(n) - 1] = last;
      std::vector<float> numbers(10, 2.5F), result(static_cast<size_t>(n) + 20, -1.0F);
      void* ptrs[] = {indices.data(), numbers.data(), result.data()};
      int64_t status[2] = {0, 0};
      backend.compile(c.kernel, {.symbol = "test"})->run(0, n, ptrs, c.vals.data(), nullptr, status);
      CHECK(result[static_cast<size_t>(n) - 1] == 2.5F);
      CHECK(result[static_cast<size_t>(n)] == -1.0F);
      return std::pair(status[0], status[1]);
    };
    const auto check = [&](Backend& backend) {
      CHECK(run(backend, 3) == std::pair<int64_t, int64_t>(0, 0));
      CHECK(run(backend, -7) == std::pair<int64_t, int64_t>(table + 1, -7));
      CHECK(run(backend, 10) == std::pair<int64_t, int64_t>(table + 1, 10));
    };
    check(interpreter());
    for (const auto& [name, backend] : native_backends()) check(*backend);
  }
}

TEST_CASE("verify names the broken rule and shows the node") {
  Case c = affine(4);
  c.kernel.stages[0].body.back().a = 17;
  CHECK_THROWS_WITH(verify(c.kernel),
                    Catch::Contains("operands are earlier nodes") && Catch::Contains("> %4 = add.f32 %17 %2"));
  Case d = affine(4);
  d.kernel.stages[0].stores[0].access = 0;
  CHECK_THROWS_WITH(verify(d.kernel), Catch::Contains("a store goes to an output or scratch"));
  Case e = softmax(2, 4, false);
  e.kernel.vector_axis = 5;
  CHECK_THROWS_WITH(verify(e.kernel), Catch::Contains("vector_axis"));
}

TEST_CASE("verify looks at numbers that no kernel of ours has, but a damaged file may") {
  const auto rejected = [](const char* rule, void (*damage)(Kernel&)) {
    Case c = affine(4);
    damage(c.kernel);
    CHECK_THROWS_WITH(verify(c.kernel), Catch::Contains(rule));
  };
  rejected("operands that an operation does not have", [](Kernel& k) { k.stages[0].body[0].c = 99; });
  rejected("operands that an operation does not have", [](Kernel& k) { k.stages[0].body[0].a = -2; });
  rejected("a load or store names an access", [](Kernel& k) { k.stages[0].body[0].imm += int64_t{1} << 32; });
  rejected("a value slot", [](Kernel& k) { k.axes[0].extent = {false, INT64_MAX}; });
}

TEST_CASE("equal kernels have equal text, whatever they are called") {
  Case a = affine(4), b = affine(5);
  a.kernel.name = "one";
  b.kernel.name = "other";
  CHECK(to_text(a.kernel) == to_text(b.kernel));
  CHECK(to_text(affine(4, true).kernel) != to_text(a.kernel));
}

}  // namespace tandem::test
