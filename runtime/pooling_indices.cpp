// Places of the largest elements of sliding windows. As for the elements themselves, the rows that a window covers become
// one, of largest elements and their places, which is then walked along. Which of equal elements counts is asked of their
// places, so the order in which they are met does not show.
#include <algorithm>
#include <limits>

#include "runtime/elements.h"
#include "runtime/gemm.h"
#include "runtime/parallel.h"
#include "runtime/pooling.h"
#include "runtime/storage.h"

#define TANDEM_POOL_INLINE __attribute__((always_inline)) inline

namespace tandem {

namespace {

constexpr double kNanosecondsPerStep = 0.7;
constexpr int32_t kNowhere = std::numeric_limits<int32_t>::max();  // the place of a border
// Loops over rows go on to a whole number of these, over what nobody looks at: one by one, half of the comparisons would
// be branches taken by surprise.
constexpr int64_t kTogether = 8;

int64_t round_up(int64_t count) { return (count + kTogether - 1) / kTogether * kTogether; }

template <class T>
constexpr T least() {
  if constexpr (std::numeric_limits<T>::has_infinity)
    return -std::numeric_limits<T>::infinity();
  else
    return std::numeric_limits<T>::lowest();
}

// One window by itself: of planes too large for 32 bits, and of windows that see nothing, which give the element next to
// them.
template <class E>
int64_t place_of_largest(const PoolProblem& p, const E* plane, const Seen& d, const Seen& h, const Seen& w) {
  const auto& [deep, high, wide] = p.axes;
  const auto inside = [](const Seen& seen, const PoolAxis& axis) { return std::min(seen.begin, axis.window.size - 1); };
  int64_t place = (inside(d, deep) * high.window.size + inside(h, high)) * wide.window.size + inside(w, wide);
  auto best = least<typename Element<E>::Sum>();
  for (int64_t i = d.begin; i < d.end; i += deep.step())
    for (int64_t j = h.begin; j < h.end; j += high.step())
      for (int64_t k = w.begin; k < w.end; k += wide.step()) {
        const int64_t at = (i * high.window.size + j) * wide.window.size + k;
        const auto value = Element<E>::load(plane[at]);
        if (value > best || is_nan(value)) {
          best = value;
          place = at;
        }
      }
  return place;
}

// The rows of one window after another, from above: a later one counts where it is larger or a NaN.
template <class E, class T>
TANDEM_POOL_INLINE void combine_row(T* best, int32_t* places, const E* row, int64_t count, int32_t at, bool first) {
  if (first) {
    for (int64_t i = 0; i < count; ++i) best[i] = Element<E>::load(row[i]);
    for (int64_t i = 0; i < count; ++i) places[i] = at + static_cast<int32_t>(i);
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    const T value = Element<E>::load(row[i]);
    const bool wins = (value > best[i]) | is_nan(value);
    best[i] = wins ? value : best[i];
    places[i] = wins ? at + static_cast<int32_t>(i) : places[i];
  }
}

template <class T>
TANDEM_POOL_INLINE void join(T& best, int32_t& place, T value, int32_t at) {
  const bool equal = (value == best) & (at < place);
  const bool undefined = is_nan(value) & (!is_nan(best) | (at > place));
  const bool wins = (value > best) | equal | undefined;
  best = wins ? value : best;
  place = wins ? at : place;
}

// `best` and `places` begin `before` elements in front of the axis.
template <class T>
TANDEM_POOL_INLINE void walk(const T* best, const int32_t* places, T* out, int32_t* to, const Window& w) {
  const int64_t count = round_up(w.result);
  const auto all = [&](auto stride) {
    for (int64_t j = 0; j < count; ++j) out[j] = best[j * stride], to[j] = places[j * stride];
    for (int64_t k = 1; k < w.kernel; ++k) {
      const T* seen = best + k * w.dilation;
      const int32_t* seen_places = places + k * w.dilation;
      for (int64_t j = 0; j < count; ++j) join(out[j], to[j], seen[j * stride], seen_places[j * stride]);
    }
  };
  switch (w.stride) {
    case 1: return all(std::integral_constant<int64_t, 1>{});
    case 2: return all(std::integral_constant<int64_t, 2>{});
    default: return all(w.stride);
  }
}

template <class T>
TANDEM_POOL_INLINE void walk_adaptive(const T* best, const int32_t* places, T* out, int32_t* to,
                                      const std::vector<Seen>& seen) {
  for (size_t j = 0; j < seen.size(); ++j) {
    out[j] = best[seen[j].begin], to[j] = places[seen[j].begin];
    for (int64_t i = seen[j].begin + 1; i < seen[j].end; ++i) join(out[j], to[j], best[i], places[i]);
  }
}

template <class E>
TANDEM_POOL_INLINE void find_places(const PoolProblem& p, const E* plane, int64_t* result, int64_t planes) {
  using T = typename Element<E>::Sum;
  const auto& [deep, high, wide] = p.axes;
  const Window& w = wide.window;
  const int64_t inside = wide.adaptive ? 0 : w.before, size = round_up(w.size), results = round_up(w.result);
  const int64_t width = std::max((wide.adaptive ? 0 : (results - 1) * w.stride + w.span()), inside + size);
  const auto all = static_cast<size_t>(width + results);
  const size_t front = (all * sizeof(T) + alignof(int32_t) - 1) / alignof(int32_t) * alignof(int32_t);
  const StorageRef memory = allocate(front + all * sizeof(int32_t));
  T *best = static_cast<T*>(memory->data), *out = best + width;
  int32_t *places = reinterpret_cast<int32_t*>(static_cast<char*>(memory->data) + front), *to = places + width;
  std::fill_n(best, width, least<T>());
  std::fill_n(places, width, kNowhere);
  std::vector<E> last(static_cast<size_t>(size));  // a row at the end, behind which nothing may be read
  const E* const end = plane + planes * p.size();
  const auto row_at = [&](const E* row) -> const E* {
    if (end - row >= size) return row;
    std::copy_n(row, w.size, last.begin());
    return last.data();
  };
  for (int64_t n = 0; n < planes; ++n, plane += p.size())
    for (const Seen& d : deep.seen)
      for (const Seen& h : high.seen) {
        bool first = true;
        for (int64_t i = d.begin; i < d.end; i += deep.step())
          for (int64_t j = h.begin; j < h.end; j += high.step()) {
            const int64_t at = (i * high.window.size + j) * w.size;
            combine_row(best + inside, places + inside, row_at(plane + at), size, static_cast<int32_t>(at), first);
            first = false;
          }
        std::fill_n(best + inside + w.size, size - w.size, least<T>());
        std::fill_n(places + inside + w.size, size - w.size, kNowhere);
        if (first) std::fill_n(places, width, kNowhere);
        if (wide.adaptive)
          walk_adaptive(best, places, out, to, wide.seen);
        else
          walk(best, places, out, to, w);
        for (int64_t j = 0; j < w.result; ++j)
          *result++ = to[j] == kNowhere ? place_of_largest(p, plane, d, h, wide.seen[static_cast<size_t>(j)]) : to[j];
      }
}

template <class E>
void find_generic(const PoolProblem& p, const E* plane, int64_t* result, int64_t planes) {
  find_places(p, plane, result, planes);
}
#if defined(__x86_64__)
template <class E>
__attribute__((target("avx2"))) void find_avx2(const PoolProblem& p, const E* plane, int64_t* result, int64_t planes) {
  find_places(p, plane, result, planes);
}
#endif

template <class E>
void find_in_large_planes(const PoolProblem& p, const E* plane, int64_t* result, int64_t planes) {
  const auto& [deep, high, wide] = p.axes;
  for (int64_t n = 0; n < planes; ++n, plane += p.size())
    for (const Seen& d : deep.seen)
      for (const Seen& h : high.seen)
        for (const Seen& w : wide.seen) *result++ = place_of_largest(p, plane, d, h, w);
}

}  // namespace

void run_pool_indices(const RoutineArgs& args) {
  const PoolProblem p = pool_problem(args.inputs[0].shape, args.params);
  if (p.planes * p.results() == 0) return;
  const auto& [deep, high, wide] = p.axes;
  auto* out = static_cast<int64_t*>(args.out.data);
  const double seen = static_cast<double>(deep.seen[0].count(deep.step()) * high.seen[0].count(high.step()));
  const double rows = static_cast<double>(deep.window.result * high.window.result);
  const double steps =
      seen * static_cast<double>(wide.window.size) + static_cast<double>(wide.window.kernel * wide.window.result);
  with_element(args.inputs[0].dtype, [&]<class E>(E) {
    const auto* source = static_cast<const E*>(args.inputs[0].data);
    auto run = find_generic<E>;
#if defined(__x86_64__)
    if (best_isa() != Isa::generic) run = find_avx2<E>;
#endif
    if (p.size() >= kNowhere - kTogether) run = find_in_large_planes<E>;
    parallel_for(p.planes, 1, rows * steps * kNanosecondsPerStep, [&](int64_t begin, int64_t end) {
      run(p, source + begin * p.size(), out + begin * p.results(), end - begin);
    });
  });
}

}  // namespace tandem
