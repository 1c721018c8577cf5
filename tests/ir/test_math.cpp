// Accuracy of the mathematical functions: every row of the op table that takes one floating-point number to another. f32
// is compared with a reference in double on one in 64 of all inputs, or on all 2^32 with TANDEM_EXHAUSTIVE=1; f64, pow and
// atan2 on random samples, with a reference in long double. TANDEM_ACCURACY=1 prints the table of docs/accuracy.md.
#include <algorithm>
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>
#include <thread>

#include "ir/math.h"
#include "ir/op.h"
#include "tests/ir/batch.h"
#include "tests/ir/math_reference.h"

namespace tandem {
namespace {

using testing::Batch;
constexpr int kBlock = Batch::kBlock;

// A row of the op table that takes one floating-point number to another, element by element.
struct Function {
  const OpDef* row;
  const testing::Reference* reference;
};

bool is_function(const OpDef& row) {
  if (!std::holds_alternative<PointwiseRule>(row.lower) || row.inputs.size() != 1) return false;
  switch (row.accepts) {
    case Accepts::integral_or_bool:
    case Accepts::boolean:
    case Accepts::complex: return false;
    case Accepts::any:
    case Accepts::numeric:
    case Accepts::floating:
    case Accepts::promote_to_float: break;
  }
  return std::ranges::all_of(row.attrs, [](const AttrSpec& attr) { return attr.fallback.has_value(); });
}

Attrs defaults_of(const OpDef& row) {
  Attrs attrs;
  for (const AttrSpec& attr : row.attrs) attrs.push_back(*attr.fallback);
  return attrs;
}

// All of them: a row without a reference fails.
std::vector<Function> functions() {
  std::vector<Function> result;
  for (const OpDef* row : all_ops()) {
    if (!is_function(*row)) continue;
    Attrs attrs = defaults_of(*row);
    ShapeEnv env;
    const TensorType input{DType::f32, {}, {}};
    InferContext context{*row, {&input, 1}, attrs, env};
    if (row->infer(context).dtype != DType::f32) continue;
    const testing::Reference* reference = testing::reference_of(row->name);
    INFO(fmt::format("'{}' has no reference in tests/ir/math_reference.cpp", row->name));
    CHECK(reference != nullptr);
    if (reference != nullptr) result.push_back({row, reference});
  }
  return result;
}

Scalar build(const OpDef& row, ScalarBuilder& builder, DType dtype) {
  const Scalar x = builder.emit(ScalarOp::load, dtype, -1, -1, -1, 0);
  return std::get<PointwiseRule>(row.lower)({&x, 1}, row, defaults_of(row));
}

Batch batch_of(const OpDef& row, DType dtype) {
  ScalarBuilder builder;
  const Scalar result = build(row, builder, dtype);
  return {builder.take(), result.id};
}

// A row of two inputs.
Scalar build_binary(std::string_view name, ScalarBuilder& builder, DType dtype) {
  std::vector<Scalar> inputs;
  for (const int64_t place : {0, 1}) inputs.push_back(builder.emit(ScalarOp::load, dtype, -1, -1, -1, place));
  return std::get<PointwiseRule>(op(name).lower)(inputs, op(name), {});
}

Batch batch_of_binary(std::string_view name, DType dtype) {
  ScalarBuilder builder;
  const Scalar result = build_binary(name, builder, dtype);
  return {builder.take(), result.id};
}

// Without constants and reinterpretations, and without what only rare arguments need.
int64_t primitives_of(std::span<const ScalarNode> body, int result) {
  std::vector<bool> needed(body.size(), false);
  needed[static_cast<size_t>(result)] = true;
  int64_t count = 0;
  for (size_t n = body.size(); n-- > 0;) {
    if (!needed[n]) continue;
    const ScalarNode& node = body[n];
    if (node.op != ScalarOp::load && node.op != ScalarOp::constant && node.op != ScalarOp::bitcast) ++count;
    for (const int operand : {node.a, is_rare(node) ? -1 : node.b, node.c})
      if (operand >= 0) needed[static_cast<size_t>(operand)] = true;
  }
  return count;
}

int64_t primitives_of(const OpDef& row, DType dtype) {
  ScalarBuilder builder;
  const Scalar result = row.inputs.size() == 1 ? build(row, builder, dtype) : build_binary(row.name, builder, dtype);
  return primitives_of(builder.body(), result.id);
}

struct Worst {
  double ulps = 0;
  double at = 0, at_y = 0;
  void take(const Worst& other) {
    if (other.ulps > ulps) *this = other;
  }
};

// Distance of `got` from `exact` in units of the last place of `Float` at `exact`, or at `floor` if that is larger.
template <class Float, class Wide>
double ulps(Float got, Wide exact, double floor = 0) {
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
  const Wide size = std::max<Wide>(std::fabs(exact), floor);
  const int exponent = size == 0 ? kMinExponent : std::max(std::ilogb(size), kMinExponent);
  return static_cast<double>(std::fabs(std::ldexp(static_cast<Wide>(got) - exact, kDigits - 1 - exponent)));
}

// The same for floats against doubles, fast enough for 2^32 of them.
double ulps_single(float got, double exact, double floor) {
  const double size = std::max(std::fabs(exact), floor);
  const auto exponent = static_cast<int>(std::bit_cast<uint64_t>(size) >> 52 & 0x7ff);
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
    Batch batch = batch_of(*function.row, DType::f32);
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
        const float at = x[static_cast<size_t>(i)];
        const double error =
            ulps_single(y[i], function.reference->single(at), at < 0 ? function.reference->floor_f32 : 0);
        if (error > worst.ulps) worst = {error, at};
      }
    }
    return worst;
  });
}

Worst sample_double(const Function& function, int64_t blocks) {
  return parallel(blocks, [&](int64_t begin, int64_t end) {
    Batch batch = batch_of(*function.row, DType::f64);
    std::vector<double> x(kBlock);
    const void* inputs[] = {x.data()};
    Worst worst;
    for (int64_t block = begin; block < end; ++block) {
      std::mt19937_64 random(static_cast<uint64_t>(block) + 1);
      std::uniform_real_distribution<double> dense(-function.reference->range, function.reference->range);
      std::uniform_real_distribution<double> unit(-2, 2);
      for (int i = 0; i < kBlock; ++i) {
        const double any = std::bit_cast<double>(random());
        x[static_cast<size_t>(i)] = i % 3 == 0 ? dense(random) : i % 3 == 1 ? unit(random) : any;
      }
      const auto* y = static_cast<const double*>(batch.run(inputs));
      for (int i = 0; i < kBlock; ++i) {
        const double at = x[static_cast<size_t>(i)];
        const double error =
            ulps<double, long double>(y[i], function.reference->wide(at), at < 0 ? function.reference->floor_f64 : 0);
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
    Batch batch = batch_of_binary("pow", kType);
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

void report(std::string_view name, DType dtype, const Worst& worst, double limit, int64_t primitives) {
  if (env("TANDEM_ACCURACY")) {
    fmt::print("{:10} {} {:6.3f} ulp, {:3} primitives, at {:a} {:a}\n", name, info(dtype).text, worst.ulps, primitives,
               worst.at, worst.at_y);
    std::fflush(stdout);
  }
  INFO(fmt::format("{} {}: {} ulp at {:a}, {:a}; limit {}", name, info(dtype).text, worst.ulps, worst.at, worst.at_y,
                   limit));
  CHECK(worst.ulps <= limit);
}

bool chosen(std::string_view name) {
  const char* only = std::getenv("TANDEM_FUNCTION");
  return only == nullptr || only == name;
}

}  // namespace

TEST_CASE("float32 functions are within their limits") {
  const int64_t stride = env("TANDEM_EXHAUSTIVE") ? 1 : 64;
  for (const auto& [row, reference] : functions())
    if (chosen(row->name))
      report(row->name, DType::f32, sweep_single({row, reference}, stride), reference->limit_f32,
             primitives_of(*row, DType::f32));
}

TEST_CASE("float64 functions are within their limits") {
  const int64_t blocks = env("TANDEM_EXHAUSTIVE") ? 50'000 : 500;
  for (const auto& [row, reference] : functions())
    if (chosen(row->name))
      report(row->name, DType::f64, sample_double({row, reference}, blocks), reference->limit_f64,
             primitives_of(*row, DType::f64));
}

TEST_CASE("pow is within its limits") {
  if (!chosen("pow")) return;
  const int64_t blocks = env("TANDEM_EXHAUSTIVE") ? 50'000 : 1000;
  report("pow", DType::f32, sample_pow<float, double>(blocks), 1.5, primitives_of(op("pow"), DType::f32));
  report("pow", DType::f64, sample_pow<double, long double>(blocks), 1.5, primitives_of(op("pow"), DType::f64));
}

namespace {

// Points all around, at all distances.
template <class Float, class Wide>
Worst sample_atan2(int64_t blocks) {
  constexpr DType kType = std::is_same_v<Float, float> ? DType::f32 : DType::f64;
  using Bits = std::conditional_t<std::is_same_v<Float, float>, uint32_t, uint64_t>;
  return parallel(blocks, [&](int64_t begin, int64_t end) {
    Batch batch = batch_of_binary("atan2", kType);
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
  report("atan2", DType::f32, sample_atan2<float, double>(blocks), 1.0, primitives_of(op("atan2"), DType::f32));
  report("atan2", DType::f64, sample_atan2<double, long double>(blocks), 1.0, primitives_of(op("atan2"), DType::f64));
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
  for (const Function& function : functions()) {
    ScalarBuilder builder;
    const Scalar result = build(*function.row, builder, kType);
    Batch batch(builder.body(), result.id);
    const auto* y = static_cast<const Float*>(batch.run(inputs));
    int different = 0;
    for (size_t i = 0; i < kBlock; ++i)
      if (!testing::same(testing::evaluate_body<Float>(builder.body(), result.id, x[i]), y[i])) ++different;
    INFO(function.row->name);
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
  for (const Function& function : functions()) {
    const std::string_view name = function.row->name;
    if (name != "sin" && name != "cos" && name != "tan") continue;
    ScalarBuilder builder;
    const Scalar result = build(*function.row, builder, DType::f64);
    for (const double x : hardest) {
      const double got = testing::evaluate_body<double>(builder.body(), result.id, x);
      INFO(fmt::format("{}({:a}) = {:a}", name, x, got));
      CHECK(ulps<double, long double>(got, function.reference->wide(x)) <= 1);
    }
  }
}

}  // namespace tandem
