// Accuracy and special values of the mathematical functions. f32 functions of one argument are compared with the C
// library's double functions on one in 64 of all inputs, or on all 2^32 with TANDEM_EXHAUSTIVE=1; f64 ones and pow on
// random samples, with its long double functions. TANDEM_ACCURACY=1 prints the table of docs/accuracy.md.
#include "ir/math.h"

#include <algorithm>
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>
#include <thread>

#include "tests/ir/batch.h"

namespace tandem {
namespace {

using testing::Batch;
constexpr int kBlock = Batch::kBlock;

struct Function {
  const char* name;
  Scalar (*build)(Scalar);
  double (*exact)(double);
  long double (*exact_long)(long double);
  double limit_f32, limit_f64;  // in units in the last place
  double range;                 // where the function is neither trivial nor constant, for denser f64 samples
};

double sigmoid_of(double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }
long double sigmoid_long(long double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }

#define TANDEM_LIBM(name) [](double x) { return std::name(x); }, [](long double x) { return std::name(x); }
const Function kFunctions[] = {
    {"exp", math::exp, TANDEM_LIBM(exp), 1.0, 1.0, 750},
    {"exp2", math::exp2, TANDEM_LIBM(exp2), 1.0, 1.0, 1080},
    {"expm1", math::expm1, TANDEM_LIBM(expm1), 1.0, 1.0, 750},
    {"log", math::log, TANDEM_LIBM(log), 1.0, 1.0, 4},
    {"log2", math::log2, TANDEM_LIBM(log2), 1.0, 1.0, 4},
    {"log10", math::log10, TANDEM_LIBM(log10), 1.0, 1.0, 4},
    {"log1p", math::log1p, TANDEM_LIBM(log1p), 1.0, 1.0, 4},
    {"sin", math::sin, TANDEM_LIBM(sin), 1.0, 1.0, 1e4},
    {"cos", math::cos, TANDEM_LIBM(cos), 1.0, 1.0, 1e4},
    {"tan", math::tan, TANDEM_LIBM(tan), 1.0, 1.0, 1e4},
    {"asin", math::asin, TANDEM_LIBM(asin), 1.0, 1.0, 1},
    {"acos", math::acos, TANDEM_LIBM(acos), 1.0, 1.0, 1},
    {"atan", math::atan, TANDEM_LIBM(atan), 1.0, 1.0, 10},
    {"asinh", math::asinh, TANDEM_LIBM(asinh), 1.0, 1.0, 100},
    {"acosh", math::acosh, TANDEM_LIBM(acosh), 1.0, 1.0, 100},
    {"atanh", math::atanh, TANDEM_LIBM(atanh), 1.0, 1.0, 1},
    {"tanh", math::tanh, TANDEM_LIBM(tanh), 1.0, 1.0, 20},
    {"sinh", math::sinh, TANDEM_LIBM(sinh), 1.0, 1.0, 715},
    {"cosh", math::cosh, TANDEM_LIBM(cosh), 1.0, 1.0, 715},
    {"sigmoid", math::sigmoid, sigmoid_of, sigmoid_long, 1.0, 1.0, 750},
    {"erf", math::erf, TANDEM_LIBM(erf), 1.0, 1.0, 6},
    {"rsqrt", math::rsqrt, [](double x) { return 1 / std::sqrt(x); }, [](long double x) { return 1 / std::sqrt(x); },
     1.0, 1.0, 4},
};
#undef TANDEM_LIBM

Batch batch_of(Scalar (*build)(Scalar), DType dtype) {
  ScalarBuilder builder;
  const Scalar result = build(builder.emit(ScalarOp::load, dtype, -1, -1, -1, 0));
  return {builder.take(), result.id};
}

Batch batch_of_pow(DType dtype) {
  ScalarBuilder builder;
  const Scalar x = builder.emit(ScalarOp::load, dtype, -1, -1, -1, 0);
  const Scalar result = math::pow(x, builder.emit(ScalarOp::load, dtype, -1, -1, -1, 1));
  return {builder.take(), result.id};
}

struct Worst {
  double ulps = 0;
  double at = 0, at_y = 0;
  void take(const Worst& other) {
    if (other.ulps > ulps) *this = other;
  }
};

// Distance of `got` from `exact` in units of the last place of `Float` at `exact`.
template <class Float, class Wide>
double ulps(Float got, Wide exact) {
  constexpr int kDigits = std::numeric_limits<Float>::digits;
  constexpr int kMinExponent = std::numeric_limits<Float>::min_exponent - 1;
  if (std::isnan(exact) || std::isnan(got)) return std::isnan(exact) && std::isnan(got) ? 0 : HUGE_VAL;
  if (static_cast<Wide>(got) == exact) return 0;
  constexpr Wide kMax = std::numeric_limits<Float>::max();
  if (std::isinf(got)) {  // right from half a unit above the largest number on, tolerated from one unit below
    const Wide unit = std::ldexp(Wide{1}, std::numeric_limits<Float>::max_exponent - kDigits);
    const Wide size = std::signbit(got) ? -exact : exact;
    return size > kMax ? (size >= kMax + unit / 2 ? 0 : 0.5) : size >= kMax - unit ? 1 : HUGE_VAL;
  }
  if (std::isinf(exact)) return HUGE_VAL;
  const int exponent = exact == 0 ? kMinExponent : std::max(std::ilogb(exact), kMinExponent);
  return static_cast<double>(std::fabs(std::ldexp(static_cast<Wide>(got) - exact, kDigits - 1 - exponent)));
}

// The same for floats against doubles, fast enough for 2^32 of them.
double ulps_single(float got, double exact) {
  const auto exponent = static_cast<int>(std::bit_cast<uint64_t>(exact) >> 52 & 0x7ff);
  if (exponent >= 1023 + 127 || std::isnan(got) || std::isinf(got)) return ulps<float, double>(got, exact);
  const uint64_t inverse = static_cast<uint64_t>(2 * 1023 + 23 - std::max(exponent, 1023 - 126));
  return std::fabs(static_cast<double>(got) - exact) * std::bit_cast<double>(inverse << 52);
}

bool env(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && std::string_view(value) == "1";
}

template <class Body>
Worst parallel(int64_t blocks, Body body) {
  const auto count = static_cast<int64_t>(std::max(1U, std::thread::hardware_concurrency()));
  std::vector<Worst> worst(static_cast<size_t>(count));
  std::vector<std::thread> threads;
  for (int64_t t = 0; t < count; ++t)
    threads.emplace_back(
        [&, t] { worst[static_cast<size_t>(t)] = body(blocks * t / count, blocks * (t + 1) / count); });
  for (std::thread& thread : threads) thread.join();
  for (const Worst& one : worst) worst[0].take(one);
  return worst[0];
}

Worst sweep_single(const Function& function, int64_t stride) {
  return parallel((int64_t{1} << 32) / stride / kBlock, [&](int64_t begin, int64_t end) {
    Batch batch = batch_of(function.build, DType::f32);
    std::vector<float> x(kBlock);
    const void* inputs[] = {x.data()};
    Worst worst;
    for (int64_t block = begin; block < end; ++block) {
      // A different residue in every block, so that no bit of the argument is always the same.
      const int64_t residue = stride == 1 ? 0 : block * 0x9e3779b1 % stride;
      for (int64_t i = 0; i < kBlock; ++i)
        x[static_cast<size_t>(i)] =
            std::bit_cast<float>(static_cast<uint32_t>((block * kBlock + i) * stride + residue));
      const auto* y = static_cast<const float*>(batch.run(inputs));
      for (int i = 0; i < kBlock; ++i) {
        const double error = ulps_single(y[i], function.exact(x[static_cast<size_t>(i)]));
        if (error > worst.ulps) worst = {error, x[static_cast<size_t>(i)]};
      }
    }
    return worst;
  });
}

Worst sample_double(const Function& function, int64_t blocks) {
  return parallel(blocks, [&](int64_t begin, int64_t end) {
    Batch batch = batch_of(function.build, DType::f64);
    std::vector<double> x(kBlock);
    const void* inputs[] = {x.data()};
    Worst worst;
    for (int64_t block = begin; block < end; ++block) {
      std::mt19937_64 random(static_cast<uint64_t>(block) + 1);
      std::uniform_real_distribution<double> dense(-function.range, function.range);
      std::uniform_real_distribution<double> unit(-2, 2);
      for (int i = 0; i < kBlock; ++i) {
        const double any = std::bit_cast<double>(random());
        x[static_cast<size_t>(i)] = i % 3 == 0 ? dense(random) : i % 3 == 1 ? unit(random) : any;
      }
      const auto* y = static_cast<const double*>(batch.run(inputs));
      for (int i = 0; i < kBlock; ++i) {
        const double at = x[static_cast<size_t>(i)];
        const double error = ulps<double, long double>(y[i], function.exact_long(at));
        if (error > worst.ulps) worst = {error, at};
      }
    }
    return worst;
  });
}

template <class Float, class Wide>
Worst sample_pow(int64_t blocks) {
  constexpr DType kType = std::is_same_v<Float, float> ? DType::f32 : DType::f64;
  using Bits = std::conditional_t<std::is_same_v<Float, float>, uint32_t, uint64_t>;
  return parallel(blocks, [&](int64_t begin, int64_t end) {
    Batch batch = batch_of_pow(kType);
    std::vector<Float> x(kBlock);
    std::vector<Float> y(kBlock);
    const void* inputs[] = {x.data(), y.data()};
    Worst worst;
    for (int64_t block = begin; block < end; ++block) {
      std::mt19937_64 random(static_cast<uint64_t>(block) + 1);
      std::uniform_real_distribution<double> exponent(-1, 1);
      for (size_t i = 0; i < kBlock; ++i) {
        x[i] = std::bit_cast<Float>(static_cast<Bits>(random()));
        y[i] = std::bit_cast<Float>(static_cast<Bits>(random()));
        if (i % 4 == 0) continue;
        if (i % 4 == 1) x[i] = static_cast<Float>(1 + exponent(random) / 2);
        if (i % 4 != 3) {  // results across the whole range of exponents
          const double limit = std::numeric_limits<Float>::max_exponent * 1.1;
          y[i] = static_cast<Float>(exponent(random) * limit / std::log2(std::fabs(static_cast<double>(x[i]))));
        } else {
          y[i] = static_cast<Float>(std::nearbyint(exponent(random) * 20));
        }
      }
      const auto* z = static_cast<const Float*>(batch.run(inputs));
      for (size_t i = 0; i < kBlock; ++i) {
        const double error = ulps<Float, Wide>(z[i], std::pow(static_cast<Wide>(x[i]), static_cast<Wide>(y[i])));
        if (error > worst.ulps) worst = {error, x[i], y[i]};
      }
    }
    return worst;
  });
}

void report(const char* name, DType dtype, const Worst& worst, double limit) {
  if (env("TANDEM_ACCURACY"))
    fmt::print("{:8} {} {:6.3f} ulp at {:a} {:a}\n", name, info(dtype).text, worst.ulps, worst.at, worst.at_y);
  INFO(fmt::format("{} {}: {} ulp at {:a}, {:a}; limit {}", name, info(dtype).text, worst.ulps, worst.at, worst.at_y,
                   limit));
  CHECK(worst.ulps <= limit);
}

bool chosen(const char* name) {
  const char* only = std::getenv("TANDEM_FUNCTION");
  return only == nullptr || std::string_view(only) == name;
}

}  // namespace

TEST_CASE("float32 functions are within their limits") {
  const int64_t stride = env("TANDEM_EXHAUSTIVE") ? 1 : 64;
  for (const Function& function : kFunctions)
    if (chosen(function.name)) report(function.name, DType::f32, sweep_single(function, stride), function.limit_f32);
}

TEST_CASE("float64 functions are within their limits") {
  const int64_t blocks = env("TANDEM_EXHAUSTIVE") ? 50'000 : 500;
  for (const Function& function : kFunctions)
    if (chosen(function.name)) report(function.name, DType::f64, sample_double(function, blocks), function.limit_f64);
}

TEST_CASE("pow is within its limits") {
  if (!chosen("pow")) return;
  const int64_t blocks = env("TANDEM_EXHAUSTIVE") ? 50'000 : 1000;
  report("pow", DType::f32, sample_pow<float, double>(blocks), 1.5);
  report("pow", DType::f64, sample_pow<double, long double>(blocks), 1.5);
}

namespace {

// Points all around, at all distances.
template <class Float, class Wide>
Worst sample_atan2(int64_t blocks) {
  constexpr DType kType = std::is_same_v<Float, float> ? DType::f32 : DType::f64;
  using Bits = std::conditional_t<std::is_same_v<Float, float>, uint32_t, uint64_t>;
  return parallel(blocks, [&](int64_t begin, int64_t end) {
    ScalarBuilder builder;
    const Scalar first = builder.emit(ScalarOp::load, kType, -1, -1, -1, 0);
    const Scalar result = math::atan2(first, builder.emit(ScalarOp::load, kType, -1, -1, -1, 1));
    Batch batch(builder.take(), result.id);
    std::vector<Float> y(kBlock), x(kBlock);
    const void* inputs[] = {y.data(), x.data()};
    Worst worst;
    for (int64_t block = begin; block < end; ++block) {
      std::mt19937_64 random(static_cast<uint64_t>(block) + 1);
      std::uniform_real_distribution<double> unit(-1, 1);
      for (size_t i = 0; i < kBlock; ++i) {
        y[i] = std::bit_cast<Float>(static_cast<Bits>(random()));
        x[i] = i % 4 == 0 ? std::bit_cast<Float>(static_cast<Bits>(random())) : y[i] * static_cast<Float>(unit(random));
        if (i % 4 == 1) x[i] = static_cast<Float>(unit(random)), y[i] = static_cast<Float>(unit(random));
        if (i % 4 == 2) std::swap(x[i], y[i]);
      }
      const auto* z = static_cast<const Float*>(batch.run(inputs));
      for (size_t i = 0; i < kBlock; ++i) {
        const double error = ulps<Float, Wide>(z[i], std::atan2(static_cast<Wide>(y[i]), static_cast<Wide>(x[i])));
        if (error > worst.ulps) worst = {error, y[i], x[i]};
      }
    }
    return worst;
  });
}

}  // namespace

TEST_CASE("atan2 is within its limits") {
  if (!chosen("atan2")) return;
  const int64_t blocks = env("TANDEM_EXHAUSTIVE") ? 50'000 : 1000;
  report("atan2", DType::f32, sample_atan2<float, double>(blocks), 1.0);
  report("atan2", DType::f64, sample_atan2<double, long double>(blocks), 1.0);
}

TEST_CASE("log10 of powers of ten") {
  for (const auto& [dtype, most] : {std::pair{DType::f32, 38}, std::pair{DType::f64, 308}}) {
    ScalarBuilder builder;
    const Scalar result = math::log10(builder.emit(ScalarOp::load, dtype, -1, -1, -1, 0));
    for (int k = -most; k <= most; ++k) {
      INFO("1e" << k << " " << info(dtype).text);
      const double power = std::strtod(fmt::format("1e{}", k).c_str(), nullptr);
      if (dtype == DType::f32)
        CHECK(testing::evaluate_body<float>(builder.body(), result.id, static_cast<float>(power)) ==
              static_cast<float>(k));
      else
        CHECK(testing::evaluate_body<double>(builder.body(), result.id, power) == k);
    }
  }
}

namespace {

template <class Float>
void check_batch() {
  constexpr DType kType = sizeof(Float) == 4 ? DType::f32 : DType::f64;
  using Bits = std::conditional_t<sizeof(Float) == 4, uint32_t, uint64_t>;
  std::mt19937_64 random(7);
  std::vector<Float> x(kBlock);
  for (Float& value : x) value = std::bit_cast<Float>(static_cast<Bits>(random()));
  for (size_t i = 0; i < kBlock; i += 2) x[i] = static_cast<Float>(static_cast<double>(random()) * 0x1p-61 - 4);
  const void* inputs[] = {x.data()};
  for (const Function& function : kFunctions) {
    ScalarBuilder builder;
    const Scalar result = function.build(builder.emit(ScalarOp::load, kType, -1, -1, -1, 0));
    Batch batch(builder.body(), result.id);
    const auto* y = static_cast<const Float*>(batch.run(inputs));
    int different = 0;
    for (size_t i = 0; i < kBlock; ++i)
      if (!testing::same(testing::evaluate_body<Float>(builder.body(), result.id, x[i]), y[i])) ++different;
    INFO(function.name);
    CHECK(different == 0);
  }
}

}  // namespace

TEST_CASE("batch evaluation agrees with the definition of the primitives") {
  check_batch<float>();
  check_batch<double>();
}

// Arguments that are closest to a multiple of pi/2, where nearly all of a reduction cancels.
TEST_CASE("trigonometric functions near multiples of pi/2") {
  const double hardest[] = {0x1.921fb54442d18p0,
                            0x1.921fb54442d18p1,
                            0x1.6ac5b262ca1ffp849,
                            0x1.5f3ff78d3b8p44,
                            0x1.13114266f9764p22,
                            0x1.3a7d8ab1b1d5p39,
                            0x1p39,
                            0x1.fffffffffffffp38,
                            0x1.8p1023,
                            std::numeric_limits<double>::max()};
  for (const Function& function : kFunctions) {
    const std::string_view name = function.name;
    if (name != "sin" && name != "cos" && name != "tan") continue;
    ScalarBuilder builder;
    const Scalar result = function.build(builder.emit(ScalarOp::load, DType::f64, -1, -1, -1, 0));
    for (const double x : hardest) {
      const double got = testing::evaluate_body<double>(builder.body(), result.id, x);
      INFO(fmt::format("{}({:a}) = {:a}", name, x, got));
      CHECK(ulps<double, long double>(got, function.exact_long(x)) <= 1);
    }
  }
}

}  // namespace tandem
