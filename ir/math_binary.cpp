// ldexp and the exponent of frexp: work on the exponent field of the number.
#include <algorithm>
#include <limits>

#include "ir/math.h"
#include "ir/math_parts.h"

namespace tandem::math {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int kMost = 5000;  // beyond, every number but 0 overflows or vanishes

// The same number, made normal if it was subnormal, and by how much its exponent grew.
struct Normal {
  Scalar bits, field, raised;
};

Normal normal_of(Scalar x) {
  const Format& format = format_of(x.dtype);
  const int digits = format.mantissa + 1;
  const Scalar subnormal = abs(x) < x.constant(format.smallest);
  const double up = digits == 24 ? 0x1p24 : 0x1p53;
  const Scalar bits = bits_of(select(subnormal, x * x.constant(up), x));
  const Scalar magnitude = bits & integer(bits, ~format.sign);
  return {bits, shr_logical(magnitude, integer(bits, format.mantissa)),
          select(subnormal, integer(bits, digits), integer(bits, 0))};
}

// The same count within +-kMost in the integer dtype `to`.
Scalar limited(Scalar count, DType to) {
  const DType dtype = count.dtype;
  if (dtype == DType::boolean || size_of(dtype) == 1) return count.cast(to);
  Scalar value = min(count, integer(count, kMost));
  if (info(dtype).is_signed) value = max(value, integer(count, -kMost));
  return value.cast(to);
}

}  // namespace

Scalar ldexp(Scalar x, Scalar count) {
  const Format& format = format_of(x.dtype);
  const Normal normal = normal_of(x);
  const auto number = [&](int64_t value) { return integer(normal.bits, value); };
  const int digits = format.mantissa + 1;
  const Scalar target = normal.field - normal.raised + limited(count, format.ints);
  // A subnormal result is made as a normal one that a power of two rounds; what is smaller still vanishes by that.
  const Scalar low = target < number(1);
  const Scalar raised = max(target, number(-digits - 2)) + number(digits + 4);
  const Scalar field = select(low, raised, min(target, number(2 * format.bias)));
  const Scalar rest = normal.bits & number(format.sign | ((int64_t{1} << format.mantissa) - 1));
  const Scalar value = from_bits(rest | (field << number(format.mantissa)));
  const Scalar scale = select(low, x.constant(digits == 24 ? 0x1p-28 : 0x1p-57), x.constant(1));
  const Scalar infinity = flip_sign(x.constant(kInfinity), sign_of(x));
  const Scalar finite = select(number(2 * format.bias) < target, infinity, value * scale);
  return select((x == x.constant(0)) | (x != x) | (abs(x) == x.constant(kInfinity)), x, finite);
}

Scalar binary_exponent(Scalar x) {
  const Normal normal = normal_of(x);
  const Scalar exponent = normal.field - normal.raised - integer(normal.bits, format_of(x.dtype).bias - 1);
  const Scalar plain = (x != x.constant(0)) & (abs(x) < x.constant(kInfinity));
  return select(plain, exponent, integer(exponent, 0));
}

}  // namespace tandem::math
