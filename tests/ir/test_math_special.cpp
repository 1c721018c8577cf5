// Special values of the mathematical functions: zeros, infinities, NaN, subnormals and exact cases, as C99 Annex F says.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "ir/math.h"
#include "tests/ir/batch.h"

namespace tandem {
namespace {

using testing::evaluate_body;
using testing::same;

struct Special {
  Scalar (*build)(Scalar);
  double x, expected;
};
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// clang-format off
const Special kSpecial[] = {
    {math::exp, 0, 1}, {math::exp, -0.0, 1}, {math::exp, kInf, kInf}, {math::exp, -kInf, 0}, {math::exp, 1e5, kInf},
    {math::exp, -1e5, 0}, {math::exp, kNaN, kNaN}, {math::exp2, 0, 1}, {math::exp2, 10, 1024},
    {math::exp2, -126, 0x1p-126}, {math::exp2, -149, 0x1p-149}, {math::exp2, 127, 0x1p127}, {math::exp2, kInf, kInf},
    {math::exp2, -kInf, 0}, {math::exp2, kNaN, kNaN}, {math::expm1, 0, 0}, {math::expm1, -0.0, -0.0},
    {math::expm1, kInf, kInf}, {math::expm1, -kInf, -1}, {math::expm1, 0x1p-140, 0x1p-140}, {math::expm1, kNaN, kNaN},
    {math::log, 1, 0}, {math::log, 0, -kInf}, {math::log, -0.0, -kInf}, {math::log, -1, kNaN},
    {math::log, kInf, kInf}, {math::log, -kInf, kNaN}, {math::log, kNaN, kNaN}, {math::log2, 1, 0},
    {math::log2, 0x1p-149, -149}, {math::log2, 0x1p100, 100}, {math::log2, 0, -kInf}, {math::log2, -0.0, -kInf},
    {math::log2, -2, kNaN}, {math::log2, kInf, kInf}, {math::log2, kNaN, kNaN}, {math::log1p, 0, 0},
    {math::log1p, -0.0, -0.0}, {math::log1p, -1, -kInf}, {math::log1p, -2, kNaN}, {math::log1p, kInf, kInf},
    {math::log1p, -kInf, kNaN}, {math::log1p, 0x1p-140, 0x1p-140}, {math::log1p, kNaN, kNaN}, {math::sin, 0, 0},
    {math::sin, -0.0, -0.0}, {math::sin, kInf, kNaN}, {math::sin, -kInf, kNaN}, {math::sin, 0x1p-140, 0x1p-140},
    {math::sin, kNaN, kNaN}, {math::cos, 0, 1}, {math::cos, -0.0, 1}, {math::cos, kInf, kNaN},
    {math::cos, kNaN, kNaN}, {math::tan, 0, 0}, {math::tan, -0.0, -0.0}, {math::tan, -kInf, kNaN},
    {math::tan, kNaN, kNaN}, {math::tanh, 0, 0}, {math::tanh, -0.0, -0.0}, {math::tanh, kInf, 1},
    {math::tanh, -kInf, -1}, {math::tanh, 30, 1}, {math::tanh, -0x1p-140, -0x1p-140}, {math::tanh, kNaN, kNaN},
    {math::sinh, 0, 0}, {math::sinh, -0.0, -0.0}, {math::sinh, kInf, kInf}, {math::sinh, -kInf, -kInf},
    {math::sinh, -0x1p-140, -0x1p-140}, {math::sinh, -1e5, -kInf}, {math::sinh, kNaN, kNaN}, {math::cosh, 0, 1},
    {math::cosh, -0.0, 1}, {math::cosh, kInf, kInf}, {math::cosh, -kInf, kInf}, {math::cosh, kNaN, kNaN},
    {math::sigmoid, 0, 0.5}, {math::sigmoid, -0.0, 0.5}, {math::sigmoid, kInf, 1}, {math::sigmoid, -kInf, 0},
    {math::sigmoid, kNaN, kNaN}, {math::erf, 0, 0}, {math::erf, -0.0, -0.0}, {math::erf, kInf, 1},
    {math::erf, -kInf, -1}, {math::erf, 7, 1}, {math::erf, kNaN, kNaN}, {math::rsqrt, 4, 0.5}, {math::rsqrt, 0, kInf},
    {math::rsqrt, -0.0, -kInf}, {math::rsqrt, kInf, 0}, {math::rsqrt, 0x1p-148, 0x1p74}, {math::rsqrt, -1, kNaN},
    {math::rsqrt, -kInf, kNaN}, {math::rsqrt, kNaN, kNaN},
    {math::log10, 1, 0}, {math::log10, 100, 2}, {math::log10, 0, -kInf}, {math::log10, -0.0, -kInf},
    {math::log10, -1, kNaN}, {math::log10, kInf, kInf}, {math::log10, kNaN, kNaN},
    {math::asin, 0, 0}, {math::asin, -0.0, -0.0}, {math::asin, 0x1p-140, 0x1p-140}, {math::asin, 1.5, kNaN},
    {math::asin, -kInf, kNaN}, {math::asin, kNaN, kNaN}, {math::asin, 1, M_PI_2}, {math::asin, -1, -M_PI_2},
    {math::acos, 1, 0}, {math::acos, 0, M_PI_2}, {math::acos, -0.0, M_PI_2}, {math::acos, -1, M_PI},
    {math::acos, -1.5, kNaN}, {math::acos, kInf, kNaN}, {math::acos, kNaN, kNaN},
    {math::atan, 0, 0}, {math::atan, -0.0, -0.0}, {math::atan, kInf, M_PI_2}, {math::atan, -kInf, -M_PI_2},
    {math::atan, -0x1p-140, -0x1p-140}, {math::atan, 1, M_PI_4}, {math::atan, kNaN, kNaN},
    {math::asinh, 0, 0}, {math::asinh, -0.0, -0.0}, {math::asinh, kInf, kInf}, {math::asinh, -kInf, -kInf},
    {math::asinh, 0x1p-140, 0x1p-140}, {math::asinh, kNaN, kNaN},
    {math::acosh, 1, 0}, {math::acosh, 0.5, kNaN}, {math::acosh, -kInf, kNaN}, {math::acosh, kInf, kInf},
    {math::acosh, kNaN, kNaN}, {math::atanh, 0, 0}, {math::atanh, -0.0, -0.0}, {math::atanh, 1, kInf},
    {math::atanh, -1, -kInf}, {math::atanh, 1.5, kNaN}, {math::atanh, 0x1p-140, 0x1p-140}, {math::atanh, kInf, kNaN},
    {math::atanh, kNaN, kNaN},
    {math::erfc, 0, 1}, {math::erfc, -0.0, 1}, {math::erfc, kInf, 0}, {math::erfc, -kInf, 2}, {math::erfc, 30, 0},
    {math::erfc, -30, 2}, {math::erfc, 1e30, 0}, {math::erfc, 0x1p-140, 1}, {math::erfc, kNaN, kNaN},
    {math::erfinv, 0, 0}, {math::erfinv, -0.0, -0.0}, {math::erfinv, 1, kInf}, {math::erfinv, -1, -kInf},
    {math::erfinv, 1.5, kNaN}, {math::erfinv, -kInf, kNaN}, {math::erfinv, kNaN, kNaN},
    {math::lgamma, 1, 0}, {math::lgamma, 2, 0}, {math::lgamma, 0, kInf}, {math::lgamma, -0.0, kInf},
    {math::lgamma, -1, kInf}, {math::lgamma, -1e30, kInf}, {math::lgamma, kInf, kInf}, {math::lgamma, -kInf, kInf},
    {math::lgamma, kNaN, kNaN}, {math::digamma, 0, -kInf}, {math::digamma, -0.0, kInf}, {math::digamma, -1, kNaN},
    {math::digamma, -1e30, kNaN}, {math::digamma, kInf, kInf}, {math::digamma, -kInf, kNaN},
    {math::digamma, kNaN, kNaN}, {math::trigamma, 0, kInf}, {math::trigamma, -0.0, kInf}, {math::trigamma, -1, kInf},
    {math::trigamma, -1e30, kInf}, {math::trigamma, 0x1p-140, 0x1p280}, {math::trigamma, kInf, 0},
    {math::trigamma, -kInf, kNaN}, {math::trigamma, kNaN, kNaN},
    {math::sinc, 0, 1}, {math::sinc, -0.0, 1}, {math::sinc, 0x1p-140, 1}, {math::sinc, 1e30, 0},
    {math::sinc, kInf, kNaN}, {math::sinc, -kInf, kNaN}, {math::sinc, kNaN, kNaN},
    {math::bessel_i0, 0, 1}, {math::bessel_i0, -0.0, 1}, {math::bessel_i0, kInf, kInf}, {math::bessel_i0, -kInf, kInf},
    {math::bessel_i0, -1e4, kInf}, {math::bessel_i0, kNaN, kNaN}, {math::bessel_i0e, 0, 1},
    {math::bessel_i0e, kInf, 0}, {math::bessel_i0e, -kInf, 0}, {math::bessel_i0e, kNaN, kNaN},
    {math::bessel_i1, 0, 0}, {math::bessel_i1, -0.0, -0.0}, {math::bessel_i1, kInf, kInf},
    {math::bessel_i1, -kInf, -kInf}, {math::bessel_i1, -1e4, -kInf}, {math::bessel_i1, 0x1p-140, 0x1p-141},
    {math::bessel_i1, kNaN, kNaN}, {math::bessel_i1e, 0, 0}, {math::bessel_i1e, -0.0, -0.0},
    {math::bessel_i1e, kInf, 0}, {math::bessel_i1e, -kInf, -0.0}, {math::bessel_i1e, kNaN, kNaN},
};

// y, x
const double kAtan2Special[][3] = {
    {0, 1, 0}, {-0.0, 1, -0.0}, {0, -1, M_PI}, {-0.0, -1, -M_PI}, {0, 0, 0}, {-0.0, 0, -0.0}, {0, -0.0, M_PI},
    {-0.0, -0.0, -M_PI}, {1, 0, M_PI_2}, {-1, -0.0, -M_PI_2}, {kInf, kInf, M_PI_4}, {-kInf, kInf, -M_PI_4},
    {kInf, -kInf, 3 * M_PI_4}, {1, kInf, 0}, {-1, kInf, -0.0}, {1, -kInf, M_PI}, {-1, -kInf, -M_PI}, {kInf, 7, M_PI_2},
    {-kInf, -7, -M_PI_2}, {kNaN, 1, kNaN}, {1, kNaN, kNaN}, {kNaN, kInf, kNaN}, {1, 1, M_PI_4},
};

const double kPowSpecial[][3] = {
    {0, 3, 0}, {-0.0, 3, -0.0}, {-0.0, 2, 0}, {-0.0, 2.5, 0}, {0, -1, kInf}, {-0.0, -1, -kInf}, {-0.0, -2, kInf},
    {-0.0, -2.5, kInf}, {0, -kInf, kInf}, {-0.0, -kInf, kInf}, {0, kInf, 0}, {-0.0, kInf, 0}, {-1, kInf, 1},
    {-1, -kInf, 1}, {1, kNaN, 1}, {1, kInf, 1}, {kNaN, 0, 1}, {kNaN, -0.0, 1}, {kInf, 0, 1}, {-7, 0, 1},
    {kNaN, 1, kNaN}, {2, kNaN, kNaN}, {-1, kNaN, kNaN}, {-8, 1.0 / 3, kNaN}, {-1, 0.5, kNaN}, {0.5, -kInf, kInf},
    {-0.5, -kInf, kInf}, {2, -kInf, 0}, {-2, -kInf, 0}, {0.5, kInf, 0}, {2, kInf, kInf}, {-2, kInf, kInf},
    {-kInf, -3, -0.0}, {-kInf, -2, 0}, {-kInf, -2.5, 0}, {-kInf, 3, -kInf}, {-kInf, 2, kInf}, {-kInf, 2.5, kInf},
    {kInf, -1, 0}, {kInf, 2, kInf}, {kInf, 0x1p-140, kInf}, {kInf, kInf, kInf}, {kInf, -kInf, 0}, {-2, 3, -8},
    {-2, 2, 4}, {-2, -1, -0.5}, {3, 4, 81}, {2, -149, 0x1p-149}, {0x1p-149, 1, 0x1p-149}, {10, 2, 100},
    {-1, 0x1p30, 1}, {-1, 0x1.fffffep23, -1}, {7, 1, 7}, {4, 0.5, 2}, {2, 1e9, kInf}, {-2, 1e9 + 64, kInf},
    {2, -1e9, 0},
};

// clang-format on

template <class Float>
void check_special() {
  constexpr DType kType = sizeof(Float) == 4 ? DType::f32 : DType::f64;
  for (const Special& row : kSpecial) {
    ScalarBuilder builder;
    const Scalar result = row.build(builder.emit(ScalarOp::load, kType, -1, -1, -1, 0));
    const Float got = evaluate_body<Float>(builder.body(), result.id, static_cast<Float>(row.x));
    INFO(fmt::format("row {}: f({}) = {}, expected {}", &row - kSpecial, row.x, got, row.expected));
    CHECK(same(got, row.expected));
  }
  ScalarBuilder builder;
  const Scalar x = builder.emit(ScalarOp::load, kType, -1, -1, -1, 0);
  const Scalar result = math::pow(x, builder.emit(ScalarOp::load, kType, -1, -1, -1, 1));
  for (const auto& [base, exponent, expected] : kPowSpecial) {
    const Float got =
        evaluate_body<Float>(builder.body(), result.id, static_cast<Float>(base), static_cast<Float>(exponent));
    INFO(fmt::format("pow({}, {}) = {}, expected {}", base, exponent, got, expected));
    CHECK(same(got, expected));
  }
  ScalarBuilder second;
  const Scalar height = second.emit(ScalarOp::load, kType, -1, -1, -1, 0);
  const Scalar angle = math::atan2(height, second.emit(ScalarOp::load, kType, -1, -1, -1, 1));
  for (const auto& [at_y, at_x, expected] : kAtan2Special) {
    const Float got = evaluate_body<Float>(second.body(), angle.id, static_cast<Float>(at_y), static_cast<Float>(at_x));
    INFO(fmt::format("atan2({}, {}) = {}, expected {}", at_y, at_x, got, expected));
    CHECK(same(got, expected));
  }
}

}  // namespace

TEST_CASE("special values are those of C99 Annex F") {
  check_special<float>();
  check_special<double>();
}

}  // namespace tandem
