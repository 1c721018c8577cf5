#include <limits>

#include "ir/math.h"

namespace tandem::math {

// sqrt(x^2 + y^2) without overflow. In f64 the root is corrected by its residual, computed in fused multiply-adds
// (C. F. Borges, "An improved algorithm for hypot(a, b)", 2019); f32 is exact enough in f64.
Scalar hypot(Scalar x, Scalar y) {
  if (x.dtype == DType::f32) {
    const Scalar a = x.cast(DType::f64), b = y.cast(DType::f64);
    const Scalar value = sqrt(fma(a, a, b * b)).cast(DType::f32);
    const Scalar infinity = x.constant(std::numeric_limits<double>::infinity());
    return select((abs(x) == infinity) | (abs(y) == infinity), infinity, value);
  }
  const Scalar one = x.constant(1), infinity = x.constant(std::numeric_limits<double>::infinity());
  const Scalar large = max(abs(x), abs(y)), small = min(abs(x), abs(y));
  const Scalar huge = large > x.constant(0x1p510), tiny = large < x.constant(0x1p-459);
  const Scalar up = select(huge, x.constant(0x1p-600), select(tiny, x.constant(0x1p600), one));
  const Scalar down = select(huge, x.constant(0x1p600), select(tiny, x.constant(0x1p-600), one));
  const Scalar a = large * up, b = small * up;
  const Scalar root = sqrt(fma(a, a, b * b));
  const Scalar square = root * root, a_square = a * a;
  const Scalar residual = fma(-b, b, square - a_square) + fma(root, root, -square) - fma(a, a, -a_square);
  const Scalar corrected = select(root == x.constant(0), root, root - residual / (root + root));
  return select((abs(x) == infinity) | (abs(y) == infinity), infinity, corrected * down);
}

}  // namespace tandem::math
