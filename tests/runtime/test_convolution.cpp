// Our own loops give the bits of columns and of gemm(), for every instruction set, whatever is packed beforehand.
#include "runtime/convolution.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <random>
#include <vector>

#include "runtime/library.h"

using namespace tandem;

namespace {

std::vector<float> numbers(int64_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> out(static_cast<size_t>(count));
  for (float& x : out) x = normal(generator);
  return out;
}

std::vector<Isa> instruction_sets() {
  std::vector<Isa> out;
  if (best_isa() != Isa::generic) out.push_back(Isa::avx2);
  if (best_isa() == Isa::avx512) out.push_back(Isa::avx512);
  return out;
}

Window window(int64_t size, int64_t kernel, int64_t stride, int64_t dilation, int64_t before, int64_t after) {
  const int64_t span = dilation * (kernel - 1) + 1;
  return {size, kernel, (size + before + after - span) / stride + 1, stride, dilation, before};
}

struct Case {
  int64_t batch, in, out;
  std::vector<Window> axes;
};

}  // namespace

TEST_CASE("convolutions by our own loops have the bits of columns") {
  const std::vector<Case> cases = {
      {1, 16, 32, {window(20, 3, 1, 1, 1, 1), window(17, 3, 1, 1, 1, 1)}},
      {2, 3, 64, {window(31, 7, 2, 1, 3, 3), window(29, 7, 2, 1, 3, 3)}},
      {1, 17, 33, {window(9, 3, 1, 1, 1, 1), window(5, 3, 1, 1, 1, 1)}},
      {3, 48, 16, {window(6, 1, 1, 1, 0, 0), window(7, 1, 1, 1, 0, 0)}},
      {2, 20, 40, {window(15, 1, 2, 1, 0, 0), window(16, 1, 2, 1, 0, 0)}},
      {1, 5, 7, {window(30, 3, 2, 3, 3, 2), window(31, 5, 3, 2, 0, 7)}},
      {1, 2, 18, {window(12, 3, 1, 2, 2, -1), window(700, 3, 2, 1, 0, 0)}},
      {20, 8, 8, {window(14, 3, 1, 1, 1, 1), window(14, 3, 1, 1, 1, 1)}},
      {2, 1, 40, {window(20000, 10, 5, 1, 0, 0)}},
      {1, 64, 96, {window(2000, 3, 1, 1, 1, 1)}},
      {1, 300, 70, {window(1, 3, 1, 1, 1, 1), window(1, 3, 1, 1, 1, 1)}},
  };
  for (const Case& c : cases)
    for (const bool biased : {false, true}) {
      ConvolutionArgs args{.computed = ConvolutionOf::result,
                           .dtype = DType::f32,
                           .batch = c.batch,
                           .groups = 1,
                           .in = c.in,
                           .out = c.out,
                           .axes = static_cast<int>(c.axes.size()),
                           .window = {},
                           .source = nullptr,
                           .weights = nullptr,
                           .result = nullptr,
                           .bias = nullptr};
      std::copy(c.axes.begin(), c.axes.end(), args.window);
      std::vector<float> source = numbers(c.batch * c.in * args.source_size(), 1);
      std::vector<float> weights = numbers(c.out * c.in * args.places(), 2), bias = numbers(c.out, 3);
      std::vector<float> expected(static_cast<size_t>(c.batch * c.out * args.result_size()));
      args.source = source.data(), args.weights = weights.data(), args.result = expected.data();
      if (biased) args.bias = bias.data();
      convolve_columns(args);
      for (const Isa isa : instruction_sets()) {
        std::vector<float> made(expected.size(), 7.0f);
        args.result = made.data();
        INFO(c.batch << " x " << c.in << " -> " << c.out << ", instruction set " << static_cast<int>(isa));
        REQUIRE(convolve_direct(args, isa));
        CHECK(std::memcmp(made.data(), expected.data(), made.size() * sizeof(float)) == 0);
      }
    }
}

TEST_CASE("a batch with one right-hand matrix is one product of all its rows") {
  const int64_t batch[] = {3, 5}, m = 7, n = 50, k = 300, none[] = {0, 0};
  const int64_t a_batch[] = {k, 3 * m * k};  // rows of one matrix are 3 * k apart
  const std::vector<float> a = numbers(3 * 5 * m * k, 6), b = numbers(k * n, 7);
  std::vector<float> expected(static_cast<size_t>(3 * 5 * m * n));
  MatmulArgs args{.dtype = DType::f32,
                  .m = m,
                  .n = n,
                  .k = k,
                  .batch_rank = 2,
                  .batch = batch,
                  .a_batch = a_batch,
                  .b_batch = none,
                  .a_row = 3 * k,
                  .a_col = 1,
                  .b_row = 1,
                  .b_col = k,
                  .a = a.data(),
                  .b = b.data(),
                  .out = expected.data()};
  gemm(args, Isa::generic);
  for (const Isa isa : instruction_sets()) {
    std::vector<float> made(expected.size(), 7.0f);
    args.out = made.data();
    REQUIRE(gemm_panels(args, isa));
    CHECK(std::memcmp(made.data(), expected.data(), made.size() * sizeof(float)) == 0);
  }
}

TEST_CASE("products by panels have the bits of gemm") {
  struct Sizes {
    int64_t m, n, k;
  };
  for (const Sizes& s : {Sizes{1, 40, 300}, Sizes{5, 64, 700}, Sizes{29, 33, 17}, Sizes{500, 100, 257},
                         Sizes{64, 64, 64}, Sizes{300, 1000, 31}, Sizes{20, 70, 600}})
    for (const bool turned_a : {false, true})
      for (const bool turned_b : {false, true}) {
        const std::vector<float> a = numbers(s.m * s.k, 4), b = numbers(s.k * s.n, 5);
        std::vector<float> expected(static_cast<size_t>(s.m * s.n));
        MatmulArgs args{.dtype = DType::f32,
                        .m = s.m,
                        .n = s.n,
                        .k = s.k,
                        .batch_rank = 0,
                        .batch = nullptr,
                        .a_batch = nullptr,
                        .b_batch = nullptr,
                        .a_row = turned_a ? 1 : s.k,
                        .a_col = turned_a ? s.m : 1,
                        .b_row = turned_b ? 1 : s.n,
                        .b_col = turned_b ? s.k : 1,
                        .a = a.data(),
                        .b = b.data(),
                        .out = expected.data()};
        gemm(args, Isa::generic);
        for (const Isa isa : instruction_sets()) {
          std::vector<float> made(expected.size(), 7.0f);
          args.out = made.data();
          INFO(s.m << " x " << s.n << " x " << s.k << ", " << turned_a << turned_b);
          REQUIRE(gemm_panels(args, isa));
          CHECK(std::memcmp(made.data(), expected.data(), made.size() * sizeof(float)) == 0);
        }
      }
}
