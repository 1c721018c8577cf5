#include "ir/scalar.h"
#include "runtime/library.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <functional>
#include <numeric>
#include <random>
#include <vector>

#include "ir/kernel.h"
#include "runtime/dnnl.h"
#include "runtime/dnnl_api.h"
#include "runtime/gemm.h"
#include "runtime/gemv.h"
#include "runtime/panel_tile.h"
#include "runtime/parallel.h"
#include "runtime/rows.h"
#include "tests/ir/real_dtypes.h"
#include "tests/runtime/fork.h"
#if __has_include(<oneapi/dnnl/dnnl.h>)
#include <oneapi/dnnl/dnnl.h>
#endif

using namespace tandem;

namespace {

// Element access of any dtype, in double or int64.
double get(DType dtype, const void* data, int64_t i) {
  const char* place = static_cast<const char*>(data) + i * size_of(dtype);
  return to_double(dtype, read_element(dtype, place));
}

void fill(DType dtype, std::vector<char>& data, std::mt19937& random) {
  const int64_t count = static_cast<int64_t>(data.size()) / size_of(dtype);
  std::uniform_real_distribution<double> real(-1, 1);
  for (int64_t i = 0; i < count; ++i) {
    switch (dtype) {
      case DType::boolean: data[static_cast<size_t>(i)] = random() % 4 == 0; break;
      case DType::f16: reinterpret_cast<uint16_t*>(data.data())[i] = double_to_half(real(random)); break;
      case DType::bf16: reinterpret_cast<uint16_t*>(data.data())[i] = double_to_bfloat(real(random)); break;
      case DType::f32: reinterpret_cast<float*>(data.data())[i] = static_cast<float>(real(random)); break;
      case DType::f64: reinterpret_cast<double*>(data.data())[i] = real(random); break;
      default: {
        const uint64_t bits = random() * uint64_t{0x9E3779B97F4A7C15};
        std::memcpy(&data[static_cast<size_t>(i * size_of(dtype))], &bits, static_cast<size_t>(size_of(dtype)));
      }
    }
  }
}

// A product with operands in memory of their own; layouts are chosen by the test.
struct Problem {
  MatmulArgs args{};
  std::vector<int64_t> batch, a_batch, b_batch;
  std::vector<char> a, b, out;

  Problem(DType dtype, int64_t m, int64_t n, int64_t k, std::vector<int64_t> extents, std::mt19937& random,
          bool odd_layouts = true) {
    batch = std::move(extents);
    args.dtype = dtype;
    args.m = m, args.n = n, args.k = k;
    args.batch_rank = static_cast<int>(batch.size());
    int64_t results = m * n;
    for (const int64_t extent : batch) results *= extent;
    int64_t a_offset = 0, b_offset = 0;
    int layout = odd_layouts ? static_cast<int>(random() % 5) : static_cast<int>(random() % 2);
    operand(layout, m, k, random, odd_layouts, args.a_row, args.a_col, a_batch, a, a_offset);
    layout = odd_layouts ? static_cast<int>(random() % 5) : static_cast<int>(random() % 2);
    operand(layout, k, n, random, odd_layouts, args.b_row, args.b_col, b_batch, b, b_offset);
    out.assign(static_cast<size_t>(results * size_of(dtype)), 'x');
    args.batch = batch.data(), args.a_batch = a_batch.data(), args.b_batch = b_batch.data();
    args.a = a.data() + a_offset * size_of(dtype);
    args.b = b.data() + b_offset * size_of(dtype);
    args.out = out.data();
  }

  void operand(int layout, int64_t rows, int64_t columns, std::mt19937& random, bool odd, int64_t& row, int64_t& column,
               std::vector<int64_t>& strides, std::vector<char>& data, int64_t& offset) {
    const int64_t pad = odd ? static_cast<int64_t>(random() % 3) : 0;
    const int64_t sparse = layout == 2 ? 2 : 1;
    row = layout == 1 ? sparse : (columns + pad) * sparse;
    column = layout == 1 ? rows + pad : sparse;
    if (layout == 3) row = 0;
    int64_t size = std::max(rows, int64_t{1}) * std::max(columns, int64_t{1}) * 2 * sparse +
                   (rows + columns + 2) * (pad + 1) * sparse;
    strides.assign(batch.size(), 0);
    for (size_t i = batch.size(); i-- > 0;) {
      if (random() % 3 == 0) continue;  // broadcast
      strides[i] = size;
      size *= batch[i];
    }
    if (layout == 4) {
      offset = std::max<int64_t>(rows - 1, 0) * row;
      row = -row;
    }
    data.resize(static_cast<size_t>(size * size_of(args.dtype)));
    fill(args.dtype, data, random);
  }

  int64_t a_at(int64_t index, int64_t i, int64_t p) const {
    return at(index, a_batch) + i * args.a_row + p * args.a_col;
  }
  int64_t b_at(int64_t index, int64_t p, int64_t j) const {
    return at(index, b_batch) + p * args.b_row + j * args.b_col;
  }
  int64_t at(int64_t index, const std::vector<int64_t>& strides) const {
    int64_t offset = 0;
    for (size_t i = batch.size(); i-- > 0;) {
      offset += index % batch[i] * strides[i];
      index /= batch[i];
    }
    return offset;
  }

  int64_t batch_count() const { return std::accumulate(batch.begin(), batch.end(), int64_t{1}, std::multiplies<>()); }

  template <class Visit>  // visit(flat result, batch index, i, j)
  void for_each(Visit visit) const {
    const int64_t count = batch_count();
    for (int64_t index = 0, flat = 0; index < count; ++index)
      for (int64_t i = 0; i < args.m; ++i)
        for (int64_t j = 0; j < args.n; ++j, ++flat) visit(flat, index, i, j);
  }

  // Our own loop is defined exactly.
  int exact_mismatches() const {
    int mismatches = 0;
    for_each([&](int64_t flat, int64_t index, int64_t i, int64_t j) {
      const auto a_value = [&](int64_t p) { return get(args.dtype, args.a, a_at(index, i, p)); };
      const auto b_value = [&](int64_t p) { return get(args.dtype, args.b, b_at(index, p, j)); };
      if (args.dtype == DType::f64) {
        double sum = 0;
        for (int64_t p = 0; p < args.k; ++p) sum = std::fma(a_value(p), b_value(p), sum);
        mismatches += std::memcmp(&sum, out.data() + flat * 8, 8) != 0;
      } else if (is_floating(args.dtype)) {
        float sum = 0;
        for (int64_t p = 0; p < args.k; ++p)
          sum = std::fma(static_cast<float>(a_value(p)), static_cast<float>(b_value(p)), sum);
        const float want = args.dtype == DType::f32   ? sum
                           : args.dtype == DType::f16 ? half_to_float(float_to_half(sum))
                                                      : bfloat_to_float(float_to_bfloat(sum));
        mismatches += static_cast<double>(want) != get(args.dtype, out.data(), flat);
      } else {
        mismatches += integer_differs(flat, index, i, j);
      }
    });
    return mismatches;
  }

  // So are products with vectors: as ReduceOrder says, written the other way round.
  int lane_mismatches(int64_t block, int64_t lanes) const {
    if (args.dtype == DType::f32) return lane_mismatches_as<float>(block, lanes);
    if (args.dtype == DType::f64) return lane_mismatches_as<double>(block, lanes);
    return exact_mismatches();
  }
  template <class T>
  int lane_mismatches_as(int64_t block, int64_t lane_count) const {
    int mismatches = 0;
    for_each([&](int64_t flat, int64_t index, int64_t i, int64_t j) {
      std::vector<T> parts;
      for (int64_t first = 0; first < args.k; first += block) {
        std::vector<T> lanes(static_cast<size_t>(lane_count));
        for (int64_t p = first; p < std::min(args.k, first + block); ++p) {
          T& lane = lanes[static_cast<size_t>((p - first) % lane_count)];
          lane = std::fma(static_cast<T>(get(args.dtype, args.a, a_at(index, i, p))),
                          static_cast<T>(get(args.dtype, args.b, b_at(index, p, j))), lane);
        }
        for (size_t n = lanes.size() / 2; n > 0; n /= 2)
          for (size_t lane = 0; lane < n; ++lane) lanes[lane] += lanes[lane + n];
        parts.push_back(lanes[0]);
      }
      while (parts.size() > 1) {
        std::vector<T> pairs;
        for (size_t p = 0; p < parts.size(); p += 2)
          pairs.push_back(p + 1 < parts.size() ? parts[p] + parts[p + 1] : parts[p]);
        parts = pairs;
      }
      mismatches += std::memcmp(parts.data(), out.data() + flat * static_cast<int64_t>(sizeof(T)), sizeof(T)) != 0;
    });
    return mismatches;
  }
  int dot_mismatches() const { return lane_mismatches(kBlockOrder.block, kBlockOrder.lanes); }
  int vector_mismatches() const { return lane_mismatches(std::max<int64_t>(args.k, 1), 64 / size_of(args.dtype)); }

  bool integer_differs(int64_t flat, int64_t index, int64_t i, int64_t j) const {
    const auto bytes = static_cast<size_t>(size_of(args.dtype));
    const auto value = [&](const void* data, int64_t element) {
      uint64_t bits = 0;
      std::memcpy(&bits, static_cast<const char*>(data) + element * static_cast<int64_t>(bytes), bytes);
      return bits;
    };
    uint64_t sum = 0;
    for (int64_t p = 0; p < args.k; ++p) sum += value(args.a, a_at(index, i, p)) * value(args.b, b_at(index, p, j));
    if (args.dtype == DType::boolean) sum = sum != 0;
    return std::memcmp(&sum, out.data() + flat * static_cast<int64_t>(bytes), bytes) != 0;
  }

  // The classical bound: |error| <= k * unit * sum |a| |b|, plus one rounding of the result.
  double worst_error() const {
    double worst = 0;
    for_each([&](int64_t flat, int64_t index, int64_t i, int64_t j) {
      double sum = 0, magnitude = 1e-30;
      for (int64_t p = 0; p < args.k; ++p) {
        const double term = get(args.dtype, args.a, a_at(index, i, p)) * get(args.dtype, args.b, b_at(index, p, j));
        sum += term;
        magnitude += std::abs(term);
      }
      const double unit = 0x1p-24, result_unit = std::ldexp(1.0, -info(args.dtype).mantissa);
      const double allowed = (static_cast<double>(args.k) + 1) * unit * magnitude + result_unit * std::abs(sum);
      worst = std::max(worst, std::abs(get(args.dtype, out.data(), flat) - sum) / allowed);
    });
    return worst;
  }
};

std::vector<Isa> instruction_sets() {
  std::vector<Isa> sets{Isa::generic};
  if (best_isa() != Isa::generic) sets.push_back(Isa::avx2);
  if (best_isa() == Isa::avx512) sets.push_back(Isa::avx512);
  return sets;
}

}  // namespace

TEST_CASE("every block of a product is handed on once, when it is complete") {
  std::mt19937 random(5);
  const int64_t shapes[][3] = {{1, 64, 1200},  {5, 4096, 64}, {32, 1024, 256},
                               {300, 96, 700}, {700, 70, 40}, {64, 2000, 300}};
  for (const auto& [m, n, k] : shapes)
    for (const int parts : {1, 2, 4})
      for (const bool whole : {false, true})
        for (const int64_t batch : {1, 3}) {
          if (n % parts != 0) continue;
          CAPTURE(m, n, k, parts, whole, batch);
          Problem plain(DType::f32, m, n, k, {batch}, random);
          std::fill(plain.b_batch.begin(), plain.b_batch.end(), 0);
          plain.args.one_right = true;
          matmul(plain.args);
          std::vector<float> expected(plain.out.size() / 4), seen(expected.size());
          std::memcpy(expected.data(), plain.out.data(), plain.out.size());
          struct Context {
            const float* out;
            std::vector<float>& seen;
            int64_t width, parts, n;
            bool whole;
            std::atomic<int64_t> elements{0};
            std::atomic<bool> narrow{false};
          } context{reinterpret_cast<const float*>(plain.out.data()), seen, n / parts, parts, n, whole};
          const auto take = [](void* given, int64_t row, int64_t rows, int64_t column, int64_t columns) {
            auto& c = *static_cast<Context*>(given);
            if (c.whole && columns != c.width) c.narrow = true;
            for (int64_t i = row; i < row + rows; ++i)
              for (int64_t part = 0; part < c.parts; ++part)
                std::copy_n(c.out + i * c.n + part * c.width + column, columns,
                            c.seen.data() + i * c.n + part * c.width + column);
            c.elements += rows * columns * c.parts;
          };
          const AfterBlock after{take, &context, parts, whole};
          plain.args.after = &after;
          std::fill(plain.out.begin(), plain.out.end(), 'y');
          const bool done = matmul(plain.args);
          CHECK(std::memcmp(plain.out.data(), expected.data(), plain.out.size()) == 0);
          CHECK(done == (panel_tiles(best_isa()) != nullptr && batch * m > 1));
          if (!done) continue;
          CHECK(context.elements == batch * m * n);
          CHECK(!context.narrow);
          CHECK(seen == expected);
        }
}

TEST_CASE("our own product is one chain of fused multiply-adds, on every instruction set and layout") {
  std::mt19937 random(1);
  const int64_t sizes[] = {1, 2, 5, 12, 13, 31, 33, 64, 70};
  for (const DTypeInfo& row : kRealDTypes) {
    const DType dtype = row.dtype;
    for (int trial = 0; trial < 25; ++trial) {
      const auto pick = [&] { return sizes[random() % std::size(sizes)]; };
      std::vector<int64_t> batch(random() % 3);
      for (int64_t& extent : batch) extent = 1 + static_cast<int64_t>(random() % 3);
      const int64_t k = trial % 5 == 0 ? 300 : pick();  // more than one block of k
      Problem problem(dtype, pick(), pick(), k, batch, random);
      for (const Isa isa : instruction_sets()) {
        std::fill(problem.out.begin(), problem.out.end(), 'x');
        gemm(problem.args, isa);
        INFO(info(dtype).text << " " << problem.args.m << "x" << problem.args.n << "x" << problem.args.k << " isa "
                              << static_cast<int>(isa));
        REQUIRE(problem.exact_mismatches() == 0);
      }
    }
  }
}

TEST_CASE("products of 16-bit floats are those of float32 in panels, rounded once") {
  std::mt19937 random(9);
  const int before = num_threads();
  const int64_t sizes[][3] = {{1, 300, 600}, {3, 33, 700},   {40, 70, 257},
                              {300, 40, 90}, {29, 1100, 65}, {600, 500, 30}};
  for (const DType dtype : {DType::f16, DType::bf16})
    for (const auto& [m, n, k] : sizes)
      for (int trial = 0; trial < 5; ++trial) {
        Problem problem(dtype, m, n, k, std::vector<int64_t>(trial % 2, 2), random);
        std::fill(problem.b_batch.begin(), problem.b_batch.end(), 0);
        gemm(problem.args);
        const std::vector<char> wanted = problem.out;
        for (const Isa isa : instruction_sets()) {
          set_num_threads(1 + trial % 3);
          std::fill(problem.out.begin(), problem.out.end(), 'x');
          INFO(info(dtype).text << " " << m << "x" << n << "x" << k << " isa " << static_cast<int>(isa));
          if (!gemm_panels(problem.args, isa)) continue;
          REQUIRE(problem.out == wanted);
        }
      }
  set_num_threads(before);
}

TEST_CASE("a product of the library does not depend on the number of threads") {
  std::mt19937 random(7);
  const int before = num_threads();
  struct Sizes {
    int64_t m, n, k;
    std::vector<int64_t> batch;
  };
  // Cut along rows, along columns, along the batch, with remainders.
  for (const auto& [m, n, k, batch] : {Sizes{333, 200, 300, {}}, Sizes{20, 1111, 400, {}}, Sizes{64, 250, 300, {}},
                                       Sizes{70, 60, 50, {37}}, Sizes{160, 130, 700, {3, 2}}}) {
    Problem problem(DType::f32, m, n, k, batch, random, false);
    std::vector<char> first;
    for (const int threads : {1, 2, 3}) {
      set_num_threads(threads);
      std::fill(problem.out.begin(), problem.out.end(), 0);
      matmul(problem.args);
      CHECK(problem.worst_error() <= 1.0);
      if (threads == 1) first.assign(problem.out.begin(), problem.out.end());
      CHECK(std::equal(first.begin(), first.end(), problem.out.begin()));
    }
  }
  set_num_threads(before);
}

TEST_CASE("our own product does not depend on the number of threads") {
  std::mt19937 random(2);
  const int before = num_threads();
  for (const int threads : {1, 2, 3}) {
    set_num_threads(threads);
    Problem problem(DType::f64, 150, 170, 600, {}, random);
    gemm(problem.args);
    CHECK(problem.exact_mismatches() == 0);
  }
  set_num_threads(before);
}

TEST_CASE("products with a vector have defined bits, for any size, layout and number of threads") {
  std::mt19937 random(8);
  const int before = num_threads();
  const int64_t columns[] = {1, 7, 64, 65, 200, 1030, 2100}, depths[] = {1, 7, 8, 16, 17, 31, 300, 700};
  for (const DType dtype : {DType::f32, DType::f64, DType::i32, DType::i64}) {
    for (int trial = 0; trial < 40; ++trial) {
      std::vector<int64_t> batch;
      if (trial % 4 == 0) batch.push_back(3);
      const int64_t n = columns[random() % std::size(columns)];
      Problem problem(dtype, 1, n, depths[random() % std::size(depths)], batch, random);
      for (const Isa isa : instruction_sets()) {
        set_num_threads(1 + trial % 3);
        std::fill(problem.out.begin(), problem.out.end(), 'x');
        gemm(problem.args, isa);
        INFO(info(dtype).text << " " << n << "x" << problem.args.k << " strides " << problem.args.b_row << " "
                              << problem.args.b_col << " isa " << static_cast<int>(isa));
        REQUIRE(problem.exact_mismatches() == 0);
        std::fill(problem.out.begin(), problem.out.end(), 'x');
        REQUIRE(gemv_in_lanes(problem.args, isa));
        REQUIRE(problem.vector_mismatches() == 0);
      }
    }
  }
  set_num_threads(before);
}

TEST_CASE("a product of two vectors is summed in blocks and lanes") {
  std::mt19937 random(9);
  const int before = num_threads();
  for (const DType dtype : {DType::f32, DType::f64, DType::u32, DType::i64}) {
    for (const int64_t k : {1, 5, 31, 32, 33, 100, 4096, 4097, 30000}) {
      std::vector<int64_t> batch(random() % 3, 2);
      Problem problem(dtype, 1, 1, k, batch, random);
      for (const int threads : {1, 3}) {
        set_num_threads(threads);
        for (const Isa isa : instruction_sets()) {
          std::fill(problem.out.begin(), problem.out.end(), 'x');
          REQUIRE(dot_products(problem.args, isa));
          INFO(info(dtype).text << " " << k << " isa " << static_cast<int>(isa) << " threads " << threads);
          REQUIRE(problem.dot_mismatches() == 0);
        }
        std::fill(problem.out.begin(), problem.out.end(), 'x');
        matmul(problem.args);
        REQUIRE(problem.dot_mismatches() == 0);
      }
    }
  }
  set_num_threads(before);
}

TEST_CASE("every 16-bit float is widened exactly") {
  for (const DType dtype : {DType::f16, DType::bf16}) {
    std::vector<uint16_t> values(65536), out(65536);
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint16_t>(i);
    const uint16_t one = dtype == DType::f16 ? float_to_half(1) : float_to_bfloat(1);
    gemm({dtype, 65536, 1, 1, 0, nullptr, nullptr, nullptr, 1, 1, 1, 1, values.data(), &one, out.data()});
    for (size_t i = 0; i < values.size(); ++i) {
      const float value = dtype == DType::f16 ? half_to_float(values[i]) : bfloat_to_float(values[i]);
      const float sum = std::fma(value, 1.0f, 0.0f);
      const uint16_t want = dtype == DType::f16 ? float_to_half(sum) : float_to_bfloat(sum);
      REQUIRE(out[i] == want);
    }
  }
}

TEST_CASE("matmul is right for all dtypes, batches and layouts") {
  std::mt19937 random(3);
  const int64_t sizes[] = {1, 3, 16, 40, 65, 100};
  for (const DTypeInfo& row : kRealDTypes) {
    const DType dtype = row.dtype;
    for (int trial = 0; trial < 40; ++trial) {
      const auto pick = [&] { return sizes[random() % std::size(sizes)]; };
      std::vector<int64_t> batch(random() % 4);
      for (int64_t& extent : batch) extent = 1 + static_cast<int64_t>(random() % 3);
      Problem problem(dtype, pick(), pick(), pick(), batch, random);
      matmul(problem.args);
      INFO(info(dtype).text << " " << problem.args.m << "x" << problem.args.n << "x" << problem.args.k << " batch "
                            << batch.size() << " strides " << problem.args.a_row << " " << problem.args.a_col << " "
                            << problem.args.b_row << " " << problem.args.b_col);
      const bool row = problem.args.m == 1, column = problem.args.n == 1,
                 native = dtype == DType::f32 || dtype == DType::f64;
      if (native && row && column)
        REQUIRE(problem.dot_mismatches() == 0);
      else if (native && (column || (row && problem.batch_count() == 1)))
        REQUIRE(problem.vector_mismatches() == 0);
      else if (dtype == DType::f32 || dtype == DType::bf16)
        REQUIRE(problem.worst_error() <= 1.0);
      else
        REQUIRE(problem.exact_mismatches() == 0);
    }
  }
}

TEST_CASE("sums over nothing are zero, results of no elements are left alone") {
  char out[8] = {1, 1, 1, 1, 1, 1, 1, 1};
  const float none[1] = {};
  matmul({DType::f32, 1, 2, 0, 0, nullptr, nullptr, nullptr, 0, 1, 2, 1, none, none, out});
  for (const char byte : out) CHECK(byte == 0);
  out[0] = 1;
  matmul({DType::f32, 0, 2, 3, 0, nullptr, nullptr, nullptr, 3, 1, 2, 1, none, none, out});
  const int64_t zero = 0;
  matmul({DType::f32, 1, 2, 1, 1, &zero, &zero, &zero, 1, 1, 2, 1, none, none, out});
  CHECK(out[0] == 1);
}

TEST_CASE("the same call gives the same bits") {
  std::mt19937 random(4);
  for (const DType dtype : {DType::f32, DType::bf16}) {
    Problem problem(dtype, 200, 130, 333, {2}, random);
    matmul(problem.args);
    const std::vector<char> first = problem.out;
    for (int i = 0; i < 5; ++i) {
      std::fill(problem.out.begin(), problem.out.end(), 'x');
      matmul(problem.args);
      REQUIRE(problem.out == first);
    }
  }
}

TEST_CASE("large bf16 products use oneDNN where it is") {
  if (!dnnl_available()) {
    WARN("not tested here: " << library_versions());
    return;
  }
  CHECK_THAT(library_versions(), Catch::StartsWith("oneDNN "));
  std::mt19937 random(5);
  Problem plain(DType::bf16, 64, 64, 64, {}, random, false);
  const LibraryStats before = library_stats();
  matmul(plain.args);
  // It has no quick kernels of this dtype for older processors.
  const bool has_kernels = best_isa() == Isa::avx512;
  CHECK(library_stats().dnnl_calls == before.dnnl_calls + has_kernels);
  CHECK(plain.worst_error() <= 1.0);
  Problem small(DType::bf16, 8, 8, 8, {}, random, false);
  matmul(small.args);
  CHECK(library_stats().own_calls == before.own_calls + (has_kernels ? 1 : 2));
  CHECK(small.exact_mismatches() == 0);
}

TEST_CASE("batches of float32 products, and chains of them on rows, give the bits of gemm") {
  std::mt19937 random(11);
  const int before = num_threads();
  struct Sizes {
    int64_t m, n, k, columns;
    std::vector<int64_t> batch;
  };
  // result = half the product, and the number of the row through the batch.
  const auto halved = [](int64_t row, int64_t count, const float* product, float* result) {
    for (int64_t j = 0; j < count; ++j) result[j] = 0.5f * product[j] + static_cast<float>(row);
  };
  struct Halving {
    decltype(halved)& half;
    int64_t columns;
  };
  const auto kernel = [](void* context, int64_t row, int64_t rows, char* const* buffers) {
    const auto& [half, columns] = *static_cast<Halving*>(context);
    for (int64_t i = row; i < row + rows; ++i)
      half(i, columns, reinterpret_cast<float*>(buffers[0]) + i * columns,
           reinterpret_cast<float*>(buffers[1]) + i * columns);
  };
  for (const auto& [m, n, k, columns, batch] :
       {Sizes{70, 60, 50, 33, {5}}, Sizes{2, 2, 1, 2, {3}}, Sizes{333, 513, 64, 40, {2, 3}},
        Sizes{40, 1000, 300, 65, {1}}, Sizes{30, 70, 20, 600, {9}}, Sizes{700, 31, 17, 5, {}}}) {
    for (int trial = 0; trial < 3; ++trial) {
      Problem first(DType::f32, m, n, k, batch, random), second(DType::f32, m, columns, n, batch, random);
      Problem right(DType::f32, columns, n, m, batch, random), left(DType::f32, n, columns, m, batch, random);
      gemm(first.args);
      const std::vector<char> product = first.out;
      std::vector<float> rows(product.size() / sizeof(float));
      std::memcpy(rows.data(), product.data(), product.size());
      for (int64_t i = 0; i * n < static_cast<int64_t>(rows.size()); ++i)
        halved(i, n, rows.data() + i * n, rows.data() + i * n);
      // What is between: the left-hand side of one product, the right-hand one of a sum, and, turned, the left-hand one.
      const auto between = [&](std::vector<int64_t>& strides, const void*& data, int64_t& row, int64_t& column,
                               bool turned) {
        int64_t stride = m * n;
        for (size_t i = batch.size(); i-- > 0; stride *= batch[i]) strides[i] = stride;
        data = rows.data();
        row = turned ? 1 : n;
        column = turned ? n : 1;
      };
      between(second.a_batch, second.args.a, second.args.a_row, second.args.a_col, false);
      between(right.b_batch, right.args.b, right.args.b_row, right.args.b_col, false);
      between(left.a_batch, left.args.a, left.args.a_row, left.args.a_col, true);
      std::vector<std::vector<char>> wanted;
      for (Problem* problem : {&second, &right, &left}) {
        gemm(problem->args);
        wanted.push_back(problem->out);
      }
      int64_t matrices = 1;
      for (const int64_t extent : batch) matrices *= extent;
      Halving halving{halved, n};
      const int64_t row_bytes[] = {n * 4, n * 4};
      using Kind = RowStep::Kind;
      const RowStep steps[] = {{.kind = Kind::product, .args = first.args, .out = 0},
                               {.kind = Kind::kernel, .run = kernel, .context = &halving},
                               {.kind = Kind::product, .args = second.args, .left = 1},
                               {.kind = Kind::sum, .args = right.args, .right = 1},
                               {.kind = Kind::sum, .args = left.args, .left = 1}};
      for (const Isa isa : instruction_sets()) {
        set_num_threads(1 + trial % 3);
        INFO(m << "x" << n << "x" << k << " isa " << static_cast<int>(isa));
        std::fill(first.out.begin(), first.out.end(), 'x');
        if (!gemm_batch(first.args, isa)) continue;
        REQUIRE(first.out == product);
        for (const size_t count : {3, 5}) {  // with and without sums
          for (Problem* problem : {&second, &right, &left}) std::fill(problem->out.begin(), problem->out.end(), 'x');
          REQUIRE(run_rows({{steps, count}, row_bytes, matrices, m}, isa));
          REQUIRE(second.out == wanted[0]);
          REQUIRE((count == 3 || (right.out == wanted[1] && left.out == wanted[2])));
        }
      }
    }
  }
  set_num_threads(before);
}

TEST_CASE("a forked child multiplies as its parent does") {
  std::mt19937 random(6);
  Problem problem(DType::f32, 300, 100, 300, {}, random, false);
  matmul(problem.args);
  const std::vector<char> expected(problem.out.begin(), problem.out.end());
  const int status = in_child([&] {
    std::fill(problem.out.begin(), problem.out.end(), 0);
    matmul(problem.args);
    return std::equal(expected.begin(), expected.end(), problem.out.begin()) ? 0 : 1;
  });
  CHECK(status == 0);
}

#if __has_include(<oneapi/dnnl/dnnl.h>)
TEST_CASE("the constants for oneDNN are those of its header") {
  CHECK(dnnl::kCpu == dnnl_cpu);
  CHECK(dnnl::kBf16 == dnnl_bf16);
  CHECK(dnnl::kF32 == dnnl_f32);
  CHECK(dnnl::kDefaultStream == dnnl_stream_default_flags);
  CHECK(dnnl::kUserScratchpad == dnnl_scratchpad_mode_user);
  CHECK(dnnl::kQueryImplementation == dnnl_query_impl_info_str);
  CHECK(dnnl::kQueryScratchpad == dnnl_query_scratchpad_md);
  CHECK(dnnl::kQuerySource == dnnl_query_src_md);
  CHECK(dnnl::kQuerySourceGradient == dnnl_query_diff_src_md);
  CHECK(dnnl::kQueryWeights == dnnl_query_weights_md);
  CHECK(dnnl::kQueryWeightsGradient == dnnl_query_diff_weights_md);
  CHECK(dnnl::kQueryResult == dnnl_query_dst_md);
  CHECK(dnnl::kQueryResultGradient == dnnl_query_diff_dst_md);
  CHECK(dnnl::kForwardInference == dnnl_forward_inference);
  CHECK(dnnl::kConvolutionDirect == dnnl_convolution_direct);
  CHECK(dnnl::kAnyLayout == dnnl_format_tag_any);
  CHECK(dnnl::kArgSource == DNNL_ARG_SRC);
  CHECK(dnnl::kArgBias == DNNL_ARG_BIAS);
  CHECK(dnnl::kArgSourceGradient == DNNL_ARG_DIFF_SRC);
  CHECK(dnnl::kArgResultGradient == DNNL_ARG_DIFF_DST);
  CHECK(dnnl::kArgWeightsGradient == DNNL_ARG_DIFF_WEIGHTS);
  CHECK(dnnl::kArgWeights == DNNL_ARG_WEIGHTS);
  CHECK(dnnl::kArgResult == DNNL_ARG_DST);
  CHECK(dnnl::kArgScratchpad == DNNL_ARG_SCRATCHPAD);
  CHECK(sizeof(dnnl::Argument) == sizeof(dnnl_exec_arg_t));
#if DNNL_VERSION_MAJOR == 2
  CHECK(sizeof(dnnl::MemoryDescription2) >= sizeof(dnnl_memory_desc_t));
  CHECK(sizeof(dnnl::ProblemDescription2) >= sizeof(dnnl_matmul_desc_t));
  CHECK(sizeof(dnnl::ProblemDescription2) >= sizeof(dnnl_convolution_desc_t));
#endif
}
#endif
