// The routine of the row `fourier`.
#include <cmath>

#include "ir/error.h"
#include "runtime/fft.h"
#include "runtime/routine.h"

namespace tandem {

namespace {

double factor(int64_t length, int64_t roots) {
  const auto n = static_cast<double>(length);
  switch (roots) {
    case 0: return 1;
    case 1: return 1 / std::sqrt(n);
    case 2: return 1 / n;
    default: throw InternalError("a transform is divided by the root of its length at most twice");
  }
}

// params: inverse, real, axis, 1, length, roots, conjugate
void run_fourier(const RoutineArgs& args) {
  const RoutineArray& x = args.inputs[0];
  const bool inverse = args.params[0] != 0, real = args.params[1] != 0;
  const auto axis = static_cast<size_t>(args.params[2]);
  const bool whole = !real && !is_complex(x.dtype);
  const FftKind kind = whole  ? FftKind::real_to_complex
                       : real ? (inverse ? FftKind::complex_to_real : FftKind::real_to_complex)
                              : (inverse ? FftKind::backward : FftKind::forward);
  FftArgs transform{.kind = kind,
                    .real = real_type(x.dtype),
                    .outer = 1,
                    .inner = 1,
                    .in_length = x.shape[axis],
                    .length = args.params[4],
                    .scale = factor(args.params[4], args.params[5]),
                    .in = x.data,
                    .out = args.out.data,
                    .conjugate = whole ? inverse : args.params[6] != 0,
                    .whole = whole};
  for (size_t d = 0; d < x.shape.size(); ++d)
    if (d != axis) (d < axis ? transform.outer : transform.inner) *= x.shape[d];
  fourier_transform(transform);
}

constexpr Routine kRoutines[] = {{"fourier", run_fourier}};

}  // namespace

std::span<const Routine> fourier_routines() { return kRoutines; }

}  // namespace tandem
