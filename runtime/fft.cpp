#include "runtime/fft.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "ir/error.h"
#include "runtime/fft_passes.h"
#include "runtime/gemm.h"
#include "runtime/parallel.h"
#include "runtime/storage.h"

namespace tandem {

namespace fft {

namespace {

// Rows side by side are worth it while they stay in the second-level cache.
constexpr int64_t kVectorBytes = 512 << 10;
constexpr double kNanosecondsPerStep = 0.7;  // of n log2 n

// float32 is transformed in double, too, and rounded once at the end: as accurate as the result can be.
using T = double;

template <class V>
struct Lanes {
  static constexpr int count = sizeof(V) / sizeof(T);  // NOLINT(bugprone-sizeof-expression): one lane
  TANDEM_FFT_INLINE static void set(V& v, int lane, T x) {
    if constexpr (count == 1)
      v = x;
    else
      v[lane] = x;
  }
  TANDEM_FFT_INLINE static T get(const V& v, int lane) {
    if constexpr (count == 1)
      return v;
    else
      return v[lane];
  }
};

struct Task {
  const FftArgs& args;
  const Plan<T>* plan;           // of the whole length, or
  const RealPlan<T>* real_plan;  // of half of it
  int64_t in_row, out_row;       // elements along the axis: numbers, or pairs
  int64_t points() const { return real_plan ? args.length / 2 : args.length; }
  int64_t scratch() const { return real_plan ? real_plan->half->scratch() : plan->scratch(); }
  int64_t rows() const { return args.outer * args.inner; }
};

// The rows from `first` on, one per lane.
template <class S, class V>
struct Rows {
  static constexpr int lanes = Lanes<V>::count;
  const Task& task;
  int64_t in_base[lanes], out_base[lanes];

  TANDEM_FFT_INLINE Rows(const Task& given, int64_t first) : task(given) {
    const FftArgs& a = task.args;
    for (int lane = 0; lane < lanes; ++lane) {
      const int64_t outer = (first + lane) / a.inner, inner = (first + lane) % a.inner;
      in_base[lane] = outer * task.in_row * a.inner + inner;
      out_base[lane] = outer * task.out_row * a.inner + inner;
    }
  }

  TANDEM_FFT_INLINE Complex<V> pair(int64_t k) const {
    const S* in = static_cast<const S*>(task.args.in);
    Complex<V> x;
    for (int lane = 0; lane < lanes; ++lane) {
      const int64_t at = 2 * (in_base[lane] + k * task.args.inner);
      Lanes<V>::set(x.re, lane, static_cast<T>(in[at]));
      Lanes<V>::set(x.im, lane, static_cast<T>(in[at + 1]));
    }
    return x;
  }
  TANDEM_FFT_INLINE V number(int64_t k) const {
    const S* in = static_cast<const S*>(task.args.in);
    V x;
    for (int lane = 0; lane < lanes; ++lane)
      Lanes<V>::set(x, lane, static_cast<T>(in[in_base[lane] + k * task.args.inner]));
    return x;
  }
  TANDEM_FFT_INLINE void put_pair(int64_t k, const Complex<V>& x) const {
    S* out = static_cast<S*>(task.args.out);
    for (int lane = 0; lane < lanes; ++lane) {
      const int64_t at = 2 * (out_base[lane] + k * task.args.inner);
      out[at] = static_cast<S>(Lanes<V>::get(x.re, lane));
      out[at + 1] = static_cast<S>(Lanes<V>::get(x.im, lane));
    }
  }
  TANDEM_FFT_INLINE void put_number(int64_t k, const V& x) const {
    S* out = static_cast<S*>(task.args.out);
    for (int lane = 0; lane < lanes; ++lane)
      out[out_base[lane] + k * task.args.inner] = static_cast<S>(Lanes<V>::get(x, lane));
  }
};

template <class V>
TANDEM_FFT_INLINE Complex<V> conjugate(const Complex<V>& a) {
  return {a.re, -a.im};
}
template <class V>
TANDEM_FFT_INLINE Complex<V> scaled(const Complex<V>& a, T by) {
  return {a.re * by, a.im * by};
}

template <bool forward, auto Transform, class S, class V>
TANDEM_FFT_INLINE void complex_rows(const Rows<S, V>& rows, Complex<V>* data, Complex<V>* scratch) {
  const FftArgs& a = rows.task.args;
  const int64_t given = std::min(a.in_length, a.length);
  for (int64_t k = 0; k < given; ++k) data[k] = forward ? rows.pair(k) : exchanged(rows.pair(k));
  std::fill(data + given, data + a.length, Complex<V>{});
  Transform(*rows.task.plan, data, scratch);
  const T scale = a.scale;
  for (int64_t k = 0; k < a.length; ++k) rows.put_pair(k, scaled(forward ? data[k] : exchanged(data[k]), scale));
}

// X[k] = E[k] + w^k O[k] from Z = E + iO, the transform of pairs.
template <auto Transform, class S, class V>
TANDEM_FFT_INLINE void real_rows(const Rows<S, V>& rows, Complex<V>* data, Complex<V>* scratch) {
  const FftArgs& a = rows.task.args;
  const int64_t given = std::min(a.in_length, a.length), half = a.length / 2;
  const T re_scale = a.scale, im_scale = a.conjugate ? -a.scale : a.scale;
  const auto put = [&](int64_t k, const Complex<V>& x) __attribute__((always_inline)) {
    const V re = x.re * re_scale, im = x.im * im_scale;
    if (!a.whole) return rows.put_pair(k, {re, im});
    // Differences from 0, so that zeros are positive, as they are where complex numbers are transformed.
    const V other = V{} - im;
    rows.put_pair(k, {re, a.conjugate ? V{} - other : im});
    if (k > 0 && 2 * k < a.length) rows.put_pair(a.length - k, {re, other});
  };
  if (!rows.task.real_plan) {
    for (int64_t k = 0; k < given; ++k) data[k] = {rows.number(k), V{}};
    std::fill(data + given, data + a.length, Complex<V>{});
    Transform(*rows.task.plan, data, scratch);
    for (int64_t k = 0; k <= half; ++k) put(k, data[k]);
    return;
  }
  for (int64_t k = 0; k < half; ++k)
    data[k] = {2 * k < given ? rows.number(2 * k) : V{}, 2 * k + 1 < given ? rows.number(2 * k + 1) : V{}};
  Transform(*rows.task.real_plan->half, data, scratch);
  const Complex<V> first = data[0];
  put(0, {first.re + first.im, V{}});
  put(half, {first.re - first.im, V{}});
  for (int64_t k = 1; 2 * k <= half; ++k) {
    const Complex<V> x = data[k], y = conjugate(data[half - k]);
    const Complex<V> even = scaled(x + y, T(0.5));
    const Complex<V> odd =
        turned<true>(quarter<true>(scaled(x - y, T(0.5))), rows.task.real_plan->roots[static_cast<size_t>(k)]);
    put(k, even + odd);
    if (2 * k < half) put(half - k, conjugate(even - odd));
  }
}

template <auto Transform, class S, class V>
TANDEM_FFT_INLINE void back_to_real_rows(const Rows<S, V>& rows, Complex<V>* data, Complex<V>* scratch) {
  const FftArgs& a = rows.task.args;
  const int64_t half = a.length / 2;
  const T scale = a.scale;
  const auto given = [&](int64_t k) __attribute__((always_inline)) {
    const Complex<V> x = k < a.in_length ? rows.pair(k) : Complex<V>{};
    return a.conjugate ? conjugate(x) : x;
  };
  if (!rows.task.real_plan) {
    data[0] = exchanged(Complex<V>{given(0).re, V{}});
    for (int64_t k = 1; k <= half; ++k) {
      const Complex<V> x = given(k);
      data[k] = exchanged(x);
      data[a.length - k] = exchanged(conjugate(x));
    }
    Transform(*rows.task.plan, data, scratch);
    for (int64_t k = 0; k < a.length; ++k) rows.put_number(k, data[k].im * scale);
    return;
  }
  const V least = given(0).re, most = given(half).re;
  data[0] = {least - most, least + most};
  for (int64_t k = 1; 2 * k <= half; ++k) {
    const Complex<V> x = given(k), y = conjugate(given(half - k));
    const Complex<V> even = x + y;
    const Complex<V> odd =
        quarter<false>(turned<false>(x - y, rows.task.real_plan->roots[static_cast<size_t>(k)]));  // i O
    data[k] = exchanged(even + odd);
    if (2 * k < half) data[half - k] = exchanged(conjugate(even - odd));
  }
  Transform(*rows.task.real_plan->half, data, scratch);
  for (int64_t k = 0; k < half; ++k) {
    rows.put_number(2 * k, data[k].im * scale);
    rows.put_number(2 * k + 1, data[k].re * scale);
  }
}

template <class S, class V, auto Transform>
TANDEM_FFT_INLINE void run_rows(const Task& task, int64_t first, void* memory) {
  const Rows<S, V> rows(task, first);
  auto* data = static_cast<Complex<V>*>(memory);
  Complex<V>* scratch = data + task.points();
  switch (task.args.kind) {
    case FftKind::forward: return complex_rows<true, Transform, S, V>(rows, data, scratch);
    case FftKind::backward: return complex_rows<false, Transform, S, V>(rows, data, scratch);
    case FftKind::real_to_complex: return real_rows<Transform, S, V>(rows, data, scratch);
    case FftKind::complex_to_real: return back_to_real_rows<Transform, S, V>(rows, data, scratch);
  }
}

using Run = void (*)(const Task& task, int64_t first, void* memory);

// For each kind of vector one function with the passes in it, and one around it.
void transform_one(const Plan<T>& plan, Complex<T>* data, Complex<T>* scratch) {
  transform<T, T, NoLanes>(plan, data, scratch);
}
template <class S>
void one_row(const Task& task, int64_t first, void* memory) {
  run_rows<S, T, transform_one>(task, first, memory);
}

using Pair __attribute__((vector_size(16))) = T;
void transform_generic(const Plan<T>& plan, Complex<Pair>* data, Complex<Pair>* scratch) {
  transform<T, Pair, NoLanes>(plan, data, scratch);
}
template <class S>
void rows_generic(const Task& task, int64_t first, void* memory) {
  run_rows<S, Pair, transform_generic>(task, first, memory);
}

#if defined(__x86_64__)
using Four = Quad;
__attribute__((target("avx2"))) void transform_avx2(const Plan<T>& plan, Complex<Four>* data, Complex<Four>* scratch) {
  transform<T, Four, NoLanes>(plan, data, scratch);
}
template <class S>
__attribute__((target("avx2"))) void rows_avx2(const Task& task, int64_t first, void* memory) {
  run_rows<S, Four, transform_avx2>(task, first, memory);
}
__attribute__((target("avx2"))) void transform_one_avx2(const Plan<T>& plan, Complex<T>* data, Complex<T>* scratch) {
  transform<T, T, Quad>(plan, data, scratch);
}
template <class S>
__attribute__((target("avx2"))) void one_row_avx2(const Task& task, int64_t first, void* memory) {
  run_rows<S, T, transform_one_avx2>(task, first, memory);
}
#endif

template <class S>
void run(const FftArgs& args) {
  const bool to_real = args.kind == FftKind::complex_to_real, from_real = args.kind == FftKind::real_to_complex;
  const bool halved = (to_real || from_real) && args.length % 2 == 0;
  const std::shared_ptr<const Plan<T>> plan = halved ? nullptr : plan_for<T>(args.length);
  const std::shared_ptr<const RealPlan<T>> real_plan = halved ? real_plan_for<T>(args.length) : nullptr;
  const Task task{args, plan.get(), real_plan.get(), args.in_length,
                  from_real && !args.whole ? args.length / 2 + 1 : args.length};
  Run several = rows_generic<S>, alone = one_row<S>;
  int64_t lanes = 16 / static_cast<int64_t>(sizeof(T));
#if defined(__x86_64__)
  if (best_isa() != Isa::generic) {
    several = rows_avx2<S>;
    alone = one_row_avx2<S>;
    lanes *= 2;
  }
#endif
  const int64_t elements = task.points() + task.scratch(), bytes = elements * 2 * static_cast<int64_t>(sizeof(T));
  if (bytes * lanes > kVectorBytes) lanes = 1;
  const int64_t rows = task.rows(), groups = (rows + lanes - 1) / lanes;
  const auto n = static_cast<double>(task.points());
  const double cost = static_cast<double>(lanes) * n * (1 + std::log2(n)) * kNanosecondsPerStep;
  parallel_for(groups, 1, cost, [&](int64_t begin, int64_t end) {
    const StorageRef memory = allocate(static_cast<size_t>(bytes * lanes));
    for (int64_t g = begin; g < end; ++g) {
      const int64_t first = g * lanes, count = std::min(lanes, rows - first);
      if (lanes > 1 && count == lanes)
        several(task, first, memory->data);
      else
        for (int64_t r = 0; r < count; ++r) alone(task, first + r, memory->data);
    }
  });
}

}  // namespace

}  // namespace fft

void fourier_transform(const FftArgs& args) {
  check_internal(args.length >= 1 && args.outer >= 0 && args.inner >= 0, "a transform of length {}", args.length);
  if (args.outer * args.inner == 0) return;
  switch (args.real) {
    case DType::f32: return fft::run<float>(args);
    case DType::f64: return fft::run<double>(args);
    default: throw InternalError("Fourier transforms have float32 and float64 only");
  }
}

}  // namespace tandem
