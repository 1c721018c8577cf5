// Resampling along one axis: every place of the result is a weighted sum of a few places of the source. How many, which
// ones and the weights are given, so one routine serves every kind of interpolation.
//
// Vectors run along what lies behind the axis. Where that is nothing, sixteen lines of float32 are turned so that they lie
// side by side, and the places of the result back again.
#include <algorithm>
#include <type_traits>
#include <utility>

#include "ir/error.h"
#include "runtime/elements.h"
#include "runtime/gemm.h"
#include "runtime/panel_tile.h"
#include "runtime/parallel.h"
#include "runtime/routine.h"
#include "runtime/storage.h"
#include "runtime/vector_width.h"

#define TANDEM_RESAMPLE_INLINE __attribute__((always_inline)) inline

namespace tandem {

namespace {

constexpr double kNanosecondsPerTap = 0.15;
constexpr int64_t kFewLines = 4;            // below: not worth turning
constexpr int64_t kMostFloats = 128 << 10;  // of lines that are turned, and their results

// source [outer, size, inner], result [outer, places, inner], taps [places, count]
struct Resampling {
  int64_t outer = 1, inner = 1, size, places, count;
  const int64_t* taps;
  const void* weights;

  // `whole` is what has the source's size.
  Resampling(const RoutineArray& from, const RoutineArgs& args, int64_t whole)
      : size(whole),
        places(args.inputs[1].shape[0]),
        count(args.inputs[1].shape[1]),
        taps(static_cast<const int64_t*>(args.inputs[1].data)),
        weights(args.inputs[2].data) {
    const auto axis = static_cast<size_t>(args.params[0]);
    for (size_t d = 0; d < from.shape.size(); ++d)
      if (d != axis) (d < axis ? outer : inner) *= from.shape[d];
    for (int64_t i = 0; i < places * count; ++i)
      check_internal(taps[i] >= 0 && taps[i] < size, "a tap at {} of an axis of size {}", taps[i], size);
  }
  double cost() const { return static_cast<double>(places * count * inner) * kNanosecondsPerTap; }
};

// ---- one part of the source, [size, width] ----

// As many numbers as a compiler is told, or `width`: a vector, or a row of them.
template <int Width>
int64_t width_of(int64_t width) {
  return Width > 0 ? Width : width;
}

// Adds up the taps of each place, in their order. `Taps` of them, or as many as there are.
template <int Taps, int Width, class E, class T>
TANDEM_RESAMPLE_INLINE void gather_part(const Resampling& r, int64_t given, const E* __restrict from, E* __restrict to,
                                        T* __restrict sums) {
  const int64_t width = width_of<Width>(given);
  const int64_t* tap = r.taps;
  const auto* weight = static_cast<const T*>(r.weights);
  for (int64_t p = 0; p < r.places; ++p, tap += r.count, weight += r.count, to += width) {
    if constexpr (Taps == 2) {
      const E *const a = from + tap[0] * width, *const b = from + tap[1] * width;
      const T first = weight[0], second = weight[1];
      for (int64_t i = 0; i < width; ++i) {
        const T sum = Element<E>::load(a[i]) * first;
        to[i] = Element<E>::store(sum + Element<E>::load(b[i]) * second);
      }
    } else {
      for (int64_t i = 0; i < width; ++i) sums[i] = Element<E>::load(from[tap[0] * width + i]) * weight[0];
      for (int64_t t = 1; t < r.count; ++t) {
        const E* const row = from + tap[t] * width;
        const T each = weight[t];
        for (int64_t i = 0; i < width; ++i) sums[i] += Element<E>::load(row[i]) * each;
      }
      for (int64_t i = 0; i < width; ++i) to[i] = Element<E>::store(sums[i]);
    }
  }
}

// The transpose: adds what every place of the result has to the places it was made of. `sums` is [size, width].
template <int Width, class E, class T>
TANDEM_RESAMPLE_INLINE void scatter_part(const Resampling& r, int64_t given, const E* __restrict from, E* __restrict to,
                                         T* __restrict sums) {
  const int64_t width = width_of<Width>(given), whole = r.size * width;
  const int64_t* tap = r.taps;
  const auto* weight = static_cast<const T*>(r.weights);
  std::fill_n(sums, whole, T(0));
  for (int64_t p = 0; p < r.places; ++p, from += width)
    for (int64_t t = 0; t < r.count; ++t) {
      T* const into = sums + *tap++ * width;
      const T each = *weight++;
      for (int64_t i = 0; i < width; ++i) into[i] += Element<E>::load(from[i]) * each;
    }
  for (int64_t i = 0; i < whole; ++i) to[i] = Element<E>::store(sums[i]);
}

enum class Way : uint8_t { gather, scatter };

template <Way Of, int Width, class E, class T>
TANDEM_RESAMPLE_INLINE void resample_part(const Resampling& r, int64_t width, const E* from, E* to, T* sums) {
  if constexpr (Of == Way::scatter)
    scatter_part<Width>(r, width, from, to, sums);
  else if (r.count == 2)
    gather_part<2, Width>(r, width, from, to, sums);
  else
    gather_part<0, Width>(r, width, from, to, sums);
}

template <Way Of, int Width, class E, class T>
void resample_generic(const Resampling& r, int64_t width, const E* from, E* to, T* sums) {
  resample_part<Of, Width>(r, width, from, to, sums);
}
#if defined(__x86_64__)
template <Way Of, int Width, class E, class T>
__attribute__((target("avx2"))) void resample_avx2(const Resampling& r, int64_t width, const E* from, E* to, T* sums) {
  resample_part<Of, Width>(r, width, from, to, sums);
}
template <Way Of, int Width, class E, class T>
__attribute__((target("avx512f,avx512dq,avx512bw" TANDEM_WIDEST))) void resample_avx512(const Resampling& r,
                                                                                        int64_t width, const E* from,
                                                                                        E* to, T* sums) {
  resample_part<Of, Width>(r, width, from, to, sums);
}
#endif

template <Way Of, int Width, class E, class T>
auto best_loop() {
  auto run = resample_generic<Of, Width, E, T>;
#if defined(__x86_64__)
  if (best_isa() == Isa::avx2) run = resample_avx2<Of, Width, E, T>;
  if (best_isa() == Isa::avx512) run = resample_avx512<Of, Width, E, T>;
#endif
  return run;
}

// ---- all parts ----

template <class T>
T* floats(const StorageRef& memory) {
  return static_cast<T*>(memory->data);
}

// Where the axis is the last one: kLanes lines at a time lie side by side. `before` and `after`: the axis in `from` and `to`.
template <Way Of>
void resample_lines(const Resampling& r, int64_t before, int64_t after, const float* from, float* to) {
  const auto run = best_loop<Of, kLanes, float, float>();
  const int64_t blocks = (r.outer - 1) / kLanes + 1;
  parallel_for(blocks, 1, static_cast<double>(kLanes) * r.cost(), [&](int64_t begin, int64_t end) {
    const StorageRef memory = allocate(static_cast<size_t>((before + 2 * after) * kLanes) * sizeof(float));
    float *const seen = floats<float>(memory), *const made = seen + before * kLanes, *sums = made + after * kLanes;
    std::fill_n(seen, before * kLanes, 0.0f);
    for (int64_t line = begin * kLanes; line < std::min(end * kLanes, r.outer); line += kLanes) {
      const int64_t lines = std::min(r.outer - line, kLanes);
      turn_to_lanes(from + line * before, before, 1, before, lines, seen);
      run(r, kLanes, seen, made, sums);
      turn_to_places(made, after, lines, to + line * after, after);
    }
  });
}

template <Way Of>
void resample(const Resampling& r, const RoutineArgs& args) {
  const bool scatter = Of == Way::scatter;
  const int64_t before = scatter ? r.places : r.size, after = scatter ? r.size : r.places;
  if (r.outer * r.inner * after == 0) return;
  with_float(args.out.dtype, [&]<class E>(E) {
    using T = typename Element<E>::Sum;
    const auto* from = static_cast<const E*>(args.inputs[0].data);
    auto* to = static_cast<E*>(args.out.data);
    if constexpr (std::is_same_v<E, float>)
      if (r.inner == 1 && r.outer >= kFewLines && (before + 2 * after) * kLanes <= kMostFloats)
        return resample_lines<Of>(r, before, after, from, to);
    const auto run = r.inner == 1 ? best_loop<Of, 1, E, T>() : best_loop<Of, 0, E, T>();
    parallel_for(r.outer, 1, r.cost(), [&](int64_t begin, int64_t end) {
      const StorageRef sums = allocate(static_cast<size_t>((scatter ? r.size : 1) * r.inner) * sizeof(T));
      for (int64_t o = begin; o < end; ++o)
        run(r, r.inner, from + o * before * r.inner, to + o * after * r.inner, floats<T>(sums));
    });
  });
}

void run_resample(const RoutineArgs& args) {
  const RoutineArray& x = args.inputs[0];
  resample<Way::gather>(Resampling(x, args, x.shape[static_cast<size_t>(args.params[0])]), args);
}

void run_resample_source(const RoutineArgs& args) {
  const RoutineArray& y = args.inputs[0];
  resample<Way::scatter>(Resampling(y, args, args.out.shape[static_cast<size_t>(args.params[0])]), args);
}

constexpr Routine kRoutines[] = {{"resample", run_resample}, {"resample_source", run_resample_source}};

}  // namespace

std::span<const Routine> resampling_routines() { return kRoutines; }

}  // namespace tandem
