#include "runtime/integer_product.h"

#include <catch2/catch.hpp>
#include <random>
#include <vector>

using namespace tandem;

namespace {

std::vector<DotIsa> all_isas() {
  std::vector<DotIsa> found{DotIsa::generic};
  for (const DotIsa isa : {DotIsa::avx2, DotIsa::vnni})
    if (isa <= best_dot_isa()) found.push_back(isa);
  return found;
}

// Every bit pattern, and the ends of the range more often: sums of pairs must not saturate.
std::vector<uint8_t> bytes(int64_t count, std::mt19937& random) {
  std::vector<uint8_t> out(static_cast<size_t>(count));
  for (uint8_t& x : out) x = random() % 4 == 0 ? (random() % 2 ? 0x80 : 0x7F) : static_cast<uint8_t>(random());
  return out;
}

int64_t value(uint8_t byte, bool is_signed) { return is_signed ? static_cast<int8_t>(byte) : byte; }

}  // namespace

TEST_CASE("products of 8-bit integers are exact on every instruction set") {
  std::mt19937 random(7);
  const int64_t sizes[][3] = {{1, 1, 1},      {1, 70, 200}, {3, 5, 64},    {4, 9, 65},   {16, 33, 31},
                              {17, 32, 4},    {17, 33, 3},  {24, 64, 128}, {40, 31, 77}, {200, 70, 66},
                              {13, 300, 260}, {5, 3, 0},    {20, 3, 0},    {0, 3, 5},    {3, 0, 5}};
  for (const auto& [rows, columns, depth] : sizes)
    for (const bool is_signed : {false, true})
      for (const int64_t zero : {int64_t{0}, int64_t{is_signed ? -128 : 255}, int64_t{13}}) {
        // A byte further in memory, so that nothing is aligned.
        const auto x = bytes(rows * depth + 1, random), weight = bytes(columns * depth + 1, random);
        std::vector<int32_t> expected(static_cast<size_t>(rows * columns));
        for (int64_t i = 0; i < rows; ++i)
          for (int64_t j = 0; j < columns; ++j) {
            int64_t sum = 0;
            for (int64_t p = 0; p < depth; ++p)
              sum += (value(x[static_cast<size_t>(i * depth + p + 1)], is_signed) - zero) *
                     value(weight[static_cast<size_t>(j * depth + p + 1)], true);
            expected[static_cast<size_t>(i * columns + j)] = static_cast<int32_t>(sum);
          }
        for (const DotIsa isa : all_isas()) {
          std::vector<int32_t> out(expected.size(), 1);
          integer_linear({rows, columns, depth, bytes_of(x.data() + 1, is_signed, zero),
                          reinterpret_cast<const int8_t*>(weight.data() + 1), out.data()},
                         isa);
          CAPTURE(rows, columns, depth, is_signed, zero, static_cast<int>(isa));
          CHECK(out == expected);
        }
      }
}

TEST_CASE("sums of 8-bit products wrap modulo 2^32") {
  const int64_t depth = 70000;
  const std::vector<uint8_t> x(static_cast<size_t>(depth * 20), 255), weight(static_cast<size_t>(depth), 0x80);
  for (const DotIsa isa : all_isas())
    for (const int64_t rows : {1, 20}) {
      std::vector<int32_t> out(static_cast<size_t>(rows));
      integer_linear(
          {rows, 1, depth, bytes_of(x.data(), false, 0), reinterpret_cast<const int8_t*>(weight.data()), out.data()},
          isa);
      for (const int32_t each : out) CHECK(each == static_cast<int32_t>(static_cast<uint32_t>(255 * -128 * depth)));
    }
}

TEST_CASE("convolutions of 8-bit integers are exact on every instruction set") {
  std::mt19937 random(11);
  struct Case {
    int64_t batch, groups, in, out;
    Window rows, columns;
  };
  const Case cases[] = {{1, 1, 1, 1, {}, {5, 3, 3, 1, 1, 0}},
                        {2, 1, 3, 5, {7, 3, 7, 1, 1, 1}, {9, 3, 9, 1, 1, 1}},
                        {1, 2, 4, 13, {8, 2, 4, 2, 1, 0}, {11, 3, 4, 3, 2, 1}},
                        {1, 1, 8, 30, {40, 3, 40, 1, 1, 1}, {40, 3, 40, 1, 1, 1}},
                        {1, 1, 300, 4, {16, 3, 14, 1, 1, 0}, {16, 3, 14, 1, 1, 0}},
                        {3, 6, 1, 1, {6, 3, 6, 1, 1, 1}, {6, 3, 6, 1, 1, 1}}};
  for (const Case& c : cases)
    for (const bool is_signed : {false, true}) {
      const int64_t zero = is_signed ? -3 : 200;
      ConvolutionArgs args{};
      args.batch = c.batch, args.groups = c.groups, args.in = c.in, args.out = c.out, args.axes = 2;
      args.window[0] = c.rows, args.window[1] = c.columns;
      const int64_t size = args.source_size(), places = args.places(), results = args.result_size();
      auto source = bytes(c.batch * c.groups * c.in * size, random);
      auto weights = bytes(c.groups * c.out * c.in * places, random);
      std::vector<int32_t> expected;
      for (int64_t n = 0; n < c.batch; ++n)
        for (int64_t o = 0; o < c.groups * c.out; ++o)
          for (int64_t y = 0; y < c.rows.result; ++y)
            for (int64_t x = 0; x < c.columns.result; ++x) {
              int64_t sum = 0;
              for (int64_t k = 0; k < c.in * places; ++k) {
                const int64_t channel = o / c.out * c.in + k / places;
                const int64_t i = y * c.rows.stride - c.rows.before + k % places / c.columns.kernel * c.rows.dilation;
                const int64_t j = x * c.columns.stride - c.columns.before + k % c.columns.kernel * c.columns.dilation;
                if (i < 0 || i >= c.rows.size || j < 0 || j >= c.columns.size) continue;
                const auto at = ((n * c.groups * c.in + channel) * c.rows.size + i) * c.columns.size + j;
                sum += (value(source[static_cast<size_t>(at)], is_signed) - zero) *
                       value(weights[static_cast<size_t>(o * c.in * places + k)], true);
              }
              expected.push_back(static_cast<int32_t>(sum));
            }
      CHECK(static_cast<int64_t>(expected.size()) == c.batch * c.groups * c.out * results);
      for (const DotIsa isa : all_isas()) {
        std::vector<int32_t> out(expected.size(), 1);
        args.weights = weights.data();
        args.result = out.data();
        integer_convolution(args, bytes_of(source.data(), is_signed, zero), isa);
        CAPTURE(c.batch, c.groups, c.in, c.out, is_signed, static_cast<int>(isa));
        CHECK(out == expected);
      }
    }
}
