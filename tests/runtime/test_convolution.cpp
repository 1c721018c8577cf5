// Our own loops give the bits of columns and of gemm(), for every instruction set, whatever is packed beforehand.
#include "runtime/convolution.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "runtime/library.h"
#include "runtime/parallel.h"

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

// What a convolution of groups is, sum by sum; T is float or double.
template <class T>
struct Grouped {
  ConvolutionArgs args;
  std::vector<T> source, weights, result;

  Grouped(int64_t batch, int64_t groups, int64_t in, int64_t out, const std::vector<Window>& axes, unsigned seed)
      : args{.computed = ConvolutionOf::result,
             .dtype = sizeof(T) == 4 ? DType::f32 : DType::f64,
             .batch = batch,
             .groups = groups,
             .in = in,
             .out = out,
             .axes = static_cast<int>(axes.size()),
             .window = {},
             .source = nullptr,
             .weights = nullptr,
             .result = nullptr,
             .bias = nullptr} {
    std::copy(axes.begin(), axes.end(), args.window);
    const auto some = [&](int64_t count) {
      const std::vector<float> values = numbers(count, seed++);
      return std::vector<T>(values.begin(), values.end());
    };
    source = some(batch * groups * in * args.source_size());
    weights = some(groups * out * in * args.places());
    result = some(batch * groups * out * args.result_size());
  }

  std::vector<T>& computed(ConvolutionOf which) {
    args.computed = which;
    args.source = source.data(), args.weights = weights.data(), args.result = result.data();
    return which == ConvolutionOf::source ? source : which == ConvolutionOf::weights ? weights : result;
  }

  // visit(index of a result, of a source element, of a weight) for every product.
  template <class Visit>
  void products(Visit&& visit) const {
    const Window high = args.axes == 2 ? args.window[0] : Window{}, wide = args.window[args.axes - 1];
    for (int64_t n = 0; n < args.batch * args.groups; ++n)
      for (int64_t o = 0; o < args.out; ++o)
        for (int64_t i = 0; i < args.in; ++i)
          for (int64_t y = 0; y < high.result; ++y)
            for (int64_t x = 0; x < wide.result; ++x)
              for (int64_t h = 0; h < high.kernel; ++h)
                for (int64_t w = 0; w < wide.kernel; ++w) {
                  const int64_t row = y * high.stride - high.before + h * high.dilation;
                  const int64_t column = x * wide.stride - wide.before + w * wide.dilation;
                  if (row < 0 || row >= high.size || column < 0 || column >= wide.size) continue;
                  visit(((n * args.out + o) * high.result + y) * wide.result + x,
                        ((n * args.in + i) * high.size + row) * wide.size + column,
                        (((n % args.groups * args.out + o) * args.in + i) * high.kernel + h) * wide.kernel + w);
                }
  }

  std::vector<double> exact(ConvolutionOf which) const {
    const auto at = [](int64_t index) { return static_cast<size_t>(index); };
    std::vector<double> out(which == ConvolutionOf::source    ? source.size()
                            : which == ConvolutionOf::weights ? weights.size()
                                                              : result.size());
    products([&](int64_t r, int64_t s, int64_t w) {
      if (which == ConvolutionOf::result) out[at(r)] += double{source[at(s)]} * double{weights[at(w)]};
      if (which == ConvolutionOf::source) out[at(s)] += double{result[at(r)]} * double{weights[at(w)]};
      if (which == ConvolutionOf::weights) out[at(w)] += double{result[at(r)]} * double{source[at(s)]};
    });
    return out;
  }
};

template <class T>
void check_depthwise(double tolerance) {
  struct Sizes {
    int64_t batch, groups, in, out;
    std::vector<Window> axes;
  };
  const std::vector<Sizes> cases = {
      {2, 5, 1, 1, {window(16, 4, 1, 1, 3, 3)}},
      {3, 7, 1, 1, {window(56, 3, 1, 1, 1, 1), window(57, 3, 1, 1, 1, 1)}},
      {2, 3, 1, 2, {window(13, 3, 2, 1, 1, 1), window(14, 3, 2, 1, 1, 1)}},
      {1, 4, 2, 2, {window(9, 5, 1, 2, 4, 4), window(31, 3, 1, 3, 0, 2)}},
      {1, 4, 2, 2, {window(9, 5, 2, 2, 4, 4), window(31, 3, 1, 3, 0, 2)}},
      {2, 3, 1, 1, {window(90, 5, 1, 1, 2, 2), window(130, 5, 2, 3, 6, 7)}},
      {3, 5, 1, 1, {window(101, 4, 2, 1, 1, 1)}},
      {1, 2, 1, 1, {window(200, 3, 2, 1, 1, 1), window(130, 3, 2, 1, 1, 1)}},
      {1, 2, 1, 1, {window(20, 3, 3, 1, 1, 1)}},
      {2, 2, 4, 1, {window(6, 2, 1, 2, 0, 1), window(20, 7, 1, 1, 3, 3)}},
      {1, 3, 1, 1, {window(200, 3, 1, 1, 1, 1), window(130, 3, 1, 1, 1, 1)}},  // several bands
      {1, 2, 1, 1, {window(20000, 5, 1, 1, 2, 2)}},
      {2, 3, 1, 1, {window(5, 3, 1, 1, -1, -1), window(7, 3, 1, 1, 4, -2)}},  // not all of the source is seen
      {1, 2, 1, 1, {window(1, 1, 1, 1, 0, 0), window(1, 1, 1, 1, 0, 0)}},
  };
  const int before = num_threads();
  for (const Sizes& c : cases)
    for (const ConvolutionOf which : {ConvolutionOf::result, ConvolutionOf::source, ConvolutionOf::weights}) {
      Grouped<T> problem(c.batch, c.groups, c.in, c.out, c.axes, 11);
      const bool strided = std::any_of(c.axes.begin(), c.axes.end(), [which](const Window& w) {
        return w.stride > (which == ConvolutionOf::result ? 2 : 1);
      });
      const std::vector<double> exact = problem.exact(which);
      std::vector<T>& made = problem.computed(which);
      std::vector<T> first;
      std::vector<Isa> sets = instruction_sets();
      sets.push_back(Isa::generic);
      for (const Isa isa : sets) {
        std::fill(made.begin(), made.end(), T{7});
        set_num_threads(1 + static_cast<int>(isa) % 3);
        INFO(c.groups << " groups, computed " << static_cast<int>(which) << ", instruction set "
                      << static_cast<int>(isa));
        if (strided) {
          CHECK_FALSE(convolve_depthwise(problem.args, isa));
          continue;
        }
        REQUIRE(convolve_depthwise(problem.args, isa));
        double worst = 0, largest = 1;
        for (size_t i = 0; i < made.size(); ++i) {
          worst = std::max(worst, std::abs(double{made[i]} - exact[i]));
          largest = std::max(largest, std::abs(exact[i]));
        }
        CHECK(worst <= tolerance * largest);
        if (first.empty()) first = made;
        CHECK(std::memcmp(made.data(), first.data(), made.size() * sizeof(T)) == 0);
      }
      if (strided || which != ConvolutionOf::result) continue;
      convolve_columns(problem.args);
      CHECK(std::memcmp(made.data(), first.data(), made.size() * sizeof(T)) == 0);
    }
  set_num_threads(before);
}

TEST_CASE("convolutions of groups of few channels are right, with the same bits on every instruction set") {
  check_depthwise<float>(2e-6);
  check_depthwise<double>(1e-14);
}

TEST_CASE("an infinite element reaches the weights that see it, and no others") {
  Grouped<float> problem(1, 2, 1, 1, {window(6, 3, 1, 1, 0, 0), window(9, 3, 1, 1, 0, 0)}, 5);
  problem.source[0] = std::numeric_limits<float>::infinity();  // a corner: seen by one place of the kernel
  const std::vector<float>& made = problem.computed(ConvolutionOf::weights);
  const std::vector<double> exact = problem.exact(ConvolutionOf::weights);
  REQUIRE(convolve_depthwise(problem.args));
  for (size_t i = 0; i < made.size(); ++i) {
    CHECK(std::isfinite(made[i]) == (i != 0));
    if (i != 0) CHECK(std::abs(made[i] - exact[i]) < 1e-4);
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
  for (const Sizes& s :
       {Sizes{1, 40, 300}, Sizes{5, 64, 700}, Sizes{29, 33, 17}, Sizes{500, 100, 257}, Sizes{64, 64, 64},
        Sizes{300, 1000, 31}, Sizes{20, 70, 600}, Sizes{290, 1000, 600}, Sizes{400, 700, 600}})
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
