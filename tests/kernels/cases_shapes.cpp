// Usual kernels at every size where loops, tails, blocks and tiles begin or end.
#include <cstring>
#include <limits>

#include "cases.h"
#include "samples.h"
#include "tests/ir/real_dtypes.h"

namespace tandem::test {

namespace {

constexpr int64_t kSizes[] = {0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 4095, 4096, 4097, 10000};

void filled(const Sink& sink, Case c, uint64_t seed, bool specials = false) {
  Random random(seed);
  c.fill(random, specials);
  sink(c);
}

}  // namespace

void maps(const Sink& sink) {
  for (const int64_t n : kSizes) {
    filled(sink, affine(n), 1);
    for (const int64_t offset : {0, 1, 5}) filled(sink, affine(n, true, offset), 2);
    for (const bool streaming : {false, true}) filled(sink, complex_product(n, streaming), 3);
  }
}

void shared_memory(const Sink& sink) {
  for (const int64_t n : {1, 33, 1000}) {
    Case c = affine(n);
    c.aliases[3] = 0;
    filled(sink, c, 3);
    Case rows = softmax(3, n, false);
    rows.aliases[2] = 0;
    filled(sink, rows, 4);
  }
}

// out[b, i, j] = x[b, j, i] + y[b, i, j] * z[j], the rows of x as long as `m`.
void transposes(const Sink& sink) {
  constexpr int64_t kShapes[][2] = {{1, 1}, {3, 1000}, {1000, 3}, {33, 65}, {64, 32}, {100, 70}, {0, 5}, {5, 0}};
  for (const DType dtype : {DType::u8, DType::f32, DType::f64})
    for (const auto& [m, n] : kShapes) {
      Case c;
      c.axis(2);
      c.axis(m);
      c.axis(n);
      c.kernel.outer_rank = 2;
      c.kernel.vector_axis = 2;
      Body body;
      const auto in = [&](const std::vector<int64_t>& strides) {
        return body.load(c.access(c.buffer(dtype, BufferRole::input), strides, true), dtype);
      };
      const Scalar x = in({m * n, 1, m}), y = in({m * n, n, 1}), z = in({0, 0, 1});
      Stage stage;
      stage.stores = {{c.access(c.buffer(dtype, BufferRole::output), {m * n, n, 1}, true), (x + y * z).id}};
      stage.body = body.b.take();
      c.kernel.stages = {stage};
      filled(sink, std::move(c), 16, true);
    }
}

void softmaxes(const Sink& sink) {
  for (const int64_t n : kSizes) filled(sink, softmax(3, n, false), 5);
  for (const int64_t columns : {1, 15, 16, 63, 64, 65, 130})
    for (const int64_t n : {0, 1, 33, 5000}) filled(sink, softmax(columns, n, true), 6);
}

void reductions(const Sink& sink) {
  using enum ReduceKind;
  for (const ReduceKind kind : {sum, prod, max, min, argmax, argmin}) {
    for (const int64_t n : kSizes) filled(sink, reduce(kind, DType::f32, 2, {n}, false), 7, n % 2 == 0);
    for (const auto& [dtype, name, text, size, dtype_kind, is_signed, mantissa, exponent] : kRealDTypes) {
      if (is_half(dtype)) continue;
      filled(sink, reduce(kind, dtype, 2, {100}, false), 8, true);
      filled(sink, reduce(kind, dtype, 70, {33}, true), 9, true);
    }
    filled(sink, reduce(kind, DType::f32, 2, {70, 100}, false), 10);
    filled(sink, reduce(kind, DType::f32, 2, {3, 5, 7}, false), 11);
    filled(sink, reduce(kind, DType::f32, 100, {70, 100}, true), 12);
  }
}

void many_blocks(const Sink& sink) {
  for (const int64_t blocks : {2, 3, 7, 8, 13})
    for (const bool column : {false, true})
      filled(sink, reduce(ReduceKind::sum, DType::f32, column ? 3 : 1, {blocks * kBlockOrder.block - 5}, column), 13);
  // Several tiles of columns at once.
  for (const ReduceKind kind : {ReduceKind::sum, ReduceKind::max})
    for (const int64_t columns : {255, 256, 320, 700})
      for (const int64_t n : {0, 1, 33, 9000}) {
        Case c = reduce(kind, DType::f32, columns, {n}, true);
        c.kernel.buffers[0].streaming = true;
        filled(sink, std::move(c), 13);
      }
}

// Ties, NaNs, and rows of nothing but what a reduction starts from.
void first_extremes(const Sink& sink) {
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const auto& [kind, filler] : {std::pair{ReduceKind::argmax, -infinity}, std::pair{ReduceKind::argmin, infinity}})
    for (const bool column : {false, true})
      for (const int64_t n : {40, 9000}) {
        Case c = reduce(kind, DType::f32, 1, {n}, column);
        Random random(14);
        c.fill(random, false);
        const auto put = [&](int64_t at, float value) { std::memcpy(c.data[0].data() + 256 + 4 * at, &value, 4); };
        for (int64_t k = 0; k < n; ++k) put(k, filler);
        sink(c);
        put(n - 1, -filler);
        put(n - 7, -filler);
        sink(c);
        put(n - 3, nan);
        put(n - 2, nan);
        sink(c);
      }
}

}  // namespace tandem::test
