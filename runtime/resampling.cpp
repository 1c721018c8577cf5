// Resampling along one axis: every place of the result is a weighted sum of a few places of the source. How many, which
// ones and the weights are given, so one routine serves every kind of interpolation.
#include <algorithm>

#include "ir/error.h"
#include "runtime/elements.h"
#include "runtime/parallel.h"
#include "runtime/routine.h"
#include "runtime/storage.h"

namespace tandem {

namespace {

constexpr double kNanosecondsPerTap = 0.5;

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

// Many numbers a place: whole rows at a time.
template <class E, class T>
void resample_rows(const Resampling& r, const E* from, E* to, T* sums) {
  const auto* weights = static_cast<const T*>(r.weights);
  for (int64_t p = 0; p < r.places; ++p) {
    for (int64_t t = 0; t < r.count; ++t) {
      const E* row = from + r.taps[p * r.count + t] * r.inner;
      const T weight = weights[p * r.count + t];
      if (t == 0)
        for (int64_t i = 0; i < r.inner; ++i) sums[i] = Element<E>::load(row[i]) * weight;
      else
        for (int64_t i = 0; i < r.inner; ++i) sums[i] += Element<E>::load(row[i]) * weight;
    }
    for (int64_t i = 0; i < r.inner; ++i) to[p * r.inner + i] = Element<E>::store(sums[i]);
  }
}

// One number a place, with the number of taps known, where there are few.
template <int Taps, class E, class T>
void resample_line(const Resampling& r, const E* from, E* to) {
  const auto* weights = static_cast<const T*>(r.weights);
  const int64_t count = Taps > 0 ? Taps : r.count;
  for (int64_t p = 0; p < r.places; ++p) {
    const int64_t* taps = r.taps + p * count;
    T sum = Element<E>::load(from[taps[0]]) * weights[p * count];
    for (int64_t t = 1; t < count; ++t) sum += Element<E>::load(from[taps[t]]) * weights[p * count + t];
    to[p] = Element<E>::store(sum);
  }
}

void run_resample(const RoutineArgs& args) {
  const RoutineArray& x = args.inputs[0];
  const Resampling r(x, args, x.shape[static_cast<size_t>(args.params[0])]);
  if (r.outer * r.inner * r.places == 0) return;
  with_float(x.dtype, [&]<class E>(E) {
    using T = typename Element<E>::Sum;
    const auto* from = static_cast<const E*>(x.data);
    auto* to = static_cast<E*>(args.out.data);
    parallel_for(r.outer, 1, r.cost(), [&](int64_t begin, int64_t end) {
      const StorageRef sums = allocate(static_cast<size_t>(r.inner) * sizeof(T));
      for (int64_t o = begin; o < end; ++o) {
        const E* source = from + o * r.size * r.inner;
        E* result = to + o * r.places * r.inner;
        if (r.inner > 1)
          resample_rows(r, source, result, static_cast<T*>(sums->data));
        else if (r.count == 2)
          resample_line<2, E, T>(r, source, result);
        else if (r.count == 4)
          resample_line<4, E, T>(r, source, result);
        else
          resample_line<0, E, T>(r, source, result);
      }
    });
  });
}

// The transpose: adds what every place of the result has to the places it was made of.
void run_resample_source(const RoutineArgs& args) {
  const RoutineArray& y = args.inputs[0];
  const Resampling r(y, args, args.out.shape[static_cast<size_t>(args.params[0])]);
  if (r.outer * r.inner * r.size == 0) return;
  with_float(y.dtype, [&]<class E>(E) {
    using T = typename Element<E>::Sum;
    const auto* from = static_cast<const E*>(y.data);
    auto* to = static_cast<E*>(args.out.data);
    const auto* weights = static_cast<const T*>(r.weights);
    const int64_t whole = r.size * r.inner;
    parallel_for(r.outer, 1, r.cost(), [&](int64_t begin, int64_t end) {
      const StorageRef memory = allocate(static_cast<size_t>(whole) * sizeof(T));
      T* sums = static_cast<T*>(memory->data);
      for (int64_t o = begin; o < end; ++o) {
        std::fill_n(sums, whole, T(0));
        for (int64_t p = 0; p < r.places; ++p)
          for (int64_t t = 0; t < r.count; ++t) {
            const E* row = from + (o * r.places + p) * r.inner;
            T* into = sums + r.taps[p * r.count + t] * r.inner;
            const T weight = weights[p * r.count + t];
            for (int64_t i = 0; i < r.inner; ++i) into[i] += Element<E>::load(row[i]) * weight;
          }
        for (int64_t i = 0; i < whole; ++i) to[o * whole + i] = Element<E>::store(sums[i]);
      }
    });
  });
}

constexpr Routine kRoutines[] = {{"resample", run_resample}, {"resample_source", run_resample_source}};

}  // namespace

std::span<const Routine> resampling_routines() { return kRoutines; }

}  // namespace tandem
