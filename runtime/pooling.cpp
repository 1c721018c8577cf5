// Largest elements and means of sliding windows. Both are separable: the rows that a window covers are combined into
// one, which is then walked along; nothing is stored but that row.
#include "runtime/pooling.h"

#include <algorithm>
#include <limits>
#include <type_traits>

#include "ir/error.h"
#include "runtime/elements.h"
#include "runtime/gemm.h"
#include "runtime/parallel.h"
#include "runtime/storage.h"

#define TANDEM_POOL_INLINE __attribute__((always_inline)) inline

namespace tandem {

namespace {

constexpr int64_t kTasks = 16;  // at least, where there are few planes
constexpr double kNanosecondsPerElement = 0.5;

// ---- how two elements become one ----

template <class T>
struct Largest {
  using Sum = T;
  static constexpr T start() {
    if constexpr (std::numeric_limits<T>::has_infinity)
      return -std::numeric_limits<T>::infinity();
    else
      return std::numeric_limits<T>::lowest();
  }
  // A NaN stays. Written so that the first choice is an instruction and not a branch that half of all numbers miss.
  static TANDEM_POOL_INLINE T join(T a, T b) {
    const T larger = b > a ? b : a;
    return is_nan(b) ? b : larger;
  }
};

template <class T>
struct Total {
  using Sum = T;
  static constexpr T start() { return 0; }
  static TANDEM_POOL_INLINE T join(T a, T b) { return a + b; }
};

// ---- one row of results ----

// The first row of a window, which joins nothing, or a further one.
template <class Join, class E, class T>
TANDEM_POOL_INLINE void combine_row(T* into, const E* row, int64_t count, bool first) {
  if (first)
    for (int64_t i = 0; i < count; ++i) into[i] = Join::join(Join::start(), Element<E>::load(row[i]));
  else
    for (int64_t i = 0; i < count; ++i) into[i] = Join::join(into[i], Element<E>::load(row[i]));
}

// out[j] from row[j * stride]; strides that are numbers here become shuffles of vectors.
template <class Join, class T>
TANDEM_POOL_INLINE void walk_step(const T* row, T* out, int64_t count, int64_t stride, bool first) {
  const auto all = [&](auto step) {
    if (first)
      for (int64_t j = 0; j < count; ++j) out[j] = Join::join(Join::start(), row[j * step]);
    else
      for (int64_t j = 0; j < count; ++j) out[j] = Join::join(out[j], row[j * step]);
  };
  switch (stride) {
    case 1: return all(std::integral_constant<int64_t, 1>{});
    case 2: return all(std::integral_constant<int64_t, 2>{});
    default: return all(stride);
  }
}

// One after another where the steps of the window are few: no row of results is read again.
template <class Join, class T>
TANDEM_POOL_INLINE void walk_apart(const T* row, T* out, const Window& w) {
  const auto all = [&](auto kernel) {
    for (int64_t j = 0; j < w.result; ++j) {
      const T* seen = row + j * w.stride;
      T value = Join::join(Join::start(), seen[0]);
      for (int64_t k = 1; k < kernel; ++k) value = Join::join(value, seen[k * w.dilation]);
      out[j] = value;
    }
  };
  switch (w.kernel) {
    case 3: return all(std::integral_constant<int64_t, 3>{});
    case 4: return all(std::integral_constant<int64_t, 4>{});
    default: return all(w.kernel);
  }
}

// `row` begins `before` elements in front of the axis and has room for every window.
template <class Join, class T>
TANDEM_POOL_INLINE void walk(const T* row, T* out, const Window& w) {
  if (w.stride > 2) return walk_apart<Join>(row, out, w);
  for (int64_t k = 0; k < w.kernel; ++k) walk_step<Join>(row + k * w.dilation, out, w.result, w.stride, k == 0);
}

template <class Join, class T>
TANDEM_POOL_INLINE void walk_adaptive(const T* row, T* out, const std::vector<Seen>& seen) {
  for (size_t j = 0; j < seen.size(); ++j) {
    T value = Join::join(Join::start(), row[seen[j].begin]);
    for (int64_t i = seen[j].begin + 1; i < seen[j].end; ++i) value = Join::join(value, row[i]);
    out[j] = value;
  }
}

// Results of rows [begin, end), counted through all planes.
template <class Join, class E>
TANDEM_POOL_INLINE void pool_rows(const PoolProblem& p, const E* source, E* result, int64_t begin, int64_t end) {
  using T = typename Join::Sum;
  const auto& [deep, high, wide] = p.axes;
  const Window& w = wide.window;
  const int64_t width = wide.adaptive ? w.size : std::max((w.result - 1) * w.stride + w.span(), w.before + w.size);
  const int64_t inside = wide.adaptive ? 0 : w.before;
  const StorageRef memory = allocate(static_cast<size_t>(width + 2 * w.result) * sizeof(T));
  T* const row = static_cast<T*>(memory->data);
  T *const out = row + width, *const counts = out + w.result;
  int64_t counted_rows = -1;  // that `counts` is for
  std::fill_n(row, width, Join::start());
  // Where the border is not seen, one row of a window need not be copied.
  const bool direct = std::is_same_v<E, T> && inside == 0 && width <= w.size;
  int64_t h = begin % high.window.result, d = begin / high.window.result % deep.window.result;
  const E* plane = source + begin / high.window.result / deep.window.result * p.size();
  for (int64_t r = begin; r < end; ++r) {
    const Seen &seen_d = deep.seen[static_cast<size_t>(d)], &seen_h = high.seen[static_cast<size_t>(h)];
    const T* all = row;
    int64_t rows_seen = 0;
    if (direct && seen_d.count(deep.step()) == 1 && seen_h.count(high.step()) == 1) {
      if constexpr (std::is_same_v<E, T>) all = plane + (seen_d.begin * high.window.size + seen_h.begin) * w.size;
    } else {
      for (int64_t i = seen_d.begin; i < seen_d.end; i += deep.step())
        for (int64_t j = seen_h.begin; j < seen_h.end; j += high.step())
          combine_row<Join>(row + inside, plane + (i * high.window.size + j) * w.size, w.size, rows_seen++ == 0);
      if (rows_seen == 0) std::fill_n(row + inside, w.size, Join::start());
    }
    if (wide.adaptive)
      walk_adaptive<Join>(all, out, wide.seen);
    else
      walk<Join>(all, out, w);
    E* to = result + r * w.result;
    if constexpr (std::is_same_v<Join, Total<T>>) {
      const int64_t rows = seen_d.counted * seen_h.counted;
      if (rows != counted_rows)
        for (int64_t j = 0; j < w.result; ++j)
          counts[j] = static_cast<T>(p.divisor > 0 ? p.divisor : rows * wide.seen[static_cast<size_t>(j)].counted);
      counted_rows = rows;
      for (int64_t j = 0; j < w.result; ++j) out[j] = out[j] / counts[j];
    }
    for (int64_t j = 0; j < w.result; ++j) to[j] = Element<E>::store(out[j]);
    if (++h == high.window.result) {
      h = 0;
      if (++d == deep.window.result) d = 0, plane += p.size();
    }
  }
}

template <class Join, class E>
void pool_generic(const PoolProblem& p, const E* source, E* result, int64_t begin, int64_t end) {
  pool_rows<Join>(p, source, result, begin, end);
}
#if defined(__x86_64__)
template <class Join, class E>
__attribute__((target("avx2"))) void pool_avx2(const PoolProblem& p, const E* source, E* result, int64_t begin,
                                               int64_t end) {
  pool_rows<Join>(p, source, result, begin, end);
}
#endif

template <class Join, class E>
void pool(const PoolProblem& p, const RoutineArgs& args) {
  const auto* source = static_cast<const E*>(args.inputs[0].data);
  auto* result = static_cast<E*>(args.out.data);
  auto run = pool_generic<Join, E>;
#if defined(__x86_64__)
  if (best_isa() != Isa::generic) run = pool_avx2<Join, E>;
#endif
  const auto& [deep, high, wide] = p.axes;
  const int64_t rows = p.planes * deep.window.result * high.window.result;
  if (rows * wide.window.result == 0) return;
  const double seen = static_cast<double>(deep.seen[0].end - deep.seen[0].begin) *
                      static_cast<double>(high.seen[0].end - high.seen[0].begin);
  const int64_t grain = std::max<int64_t>(1, std::min(rows / kTasks, deep.window.result * high.window.result));
  parallel_for(rows, grain, 20 + seen * static_cast<double>(wide.window.size) * kNanosecondsPerElement / 4,
               [&](int64_t begin, int64_t end) { run(p, source, result, begin, end); });
}

void run_max(const RoutineArgs& args) {
  const PoolProblem p = pool_problem(args.inputs[0].shape, args.params);
  with_element(args.out.dtype, [&]<class E>(E) { pool<Largest<typename Element<E>::Sum>, E>(p, args); });
}

void run_mean(const RoutineArgs& args) {
  const PoolProblem p = pool_problem(args.inputs[0].shape, args.params);
  with_float(args.out.dtype, [&]<class E>(E) { pool<Total<typename Element<E>::Sum>, E>(p, args); });
}

// ---- the transpose of the mean ----

// Shares every number equally among the elements of its window.
template <class T>
void spread_plane(const PoolProblem& p, const T* from, T* to, T* row) {
  const auto& [deep, high, wide] = p.axes;
  std::fill_n(to, p.size(), T(0));
  for (const Seen& d : deep.seen)
    for (const Seen& h : high.seen) {
      std::fill_n(row, wide.window.size, T(0));
      for (const Seen& w : wide.seen) {
        const int64_t count = p.divisor > 0 ? p.divisor : d.counted * h.counted * w.counted;
        const T share = *from++ / static_cast<T>(count);
        for (int64_t k = w.begin; k < w.end; k += wide.step()) row[k] += share;
      }
      for (int64_t i = d.begin; i < d.end; i += deep.step())
        for (int64_t j = h.begin; j < h.end; j += high.step()) {
          T* into = to + (i * high.window.size + j) * wide.window.size;
          for (int64_t k = 0; k < wide.window.size; ++k) into[k] += row[k];
        }
    }
}

void run_mean_source(const RoutineArgs& args) {
  const PoolProblem p = pool_problem(args.out.shape, args.params);
  if (p.planes * p.size() == 0) return;
  with_float(args.out.dtype, [&]<class E>(E) {
    using T = typename Element<E>::Sum;
    const auto* from = static_cast<const E*>(args.inputs[0].data);
    auto* to = static_cast<E*>(args.out.data);
    const int64_t width = p.axes[2].window.size, extra = std::is_same_v<E, T> ? 0 : p.size() + p.results();
    parallel_for(p.planes, 1, static_cast<double>(p.size()) * 2, [&](int64_t begin, int64_t end) {
      const StorageRef memory = allocate(static_cast<size_t>(width + extra) * sizeof(T));
      T* row = static_cast<T*>(memory->data);
      for (int64_t plane = begin; plane < end; ++plane) {
        const E* results = from + plane * p.results();
        E* elements = to + plane * p.size();
        if constexpr (std::is_same_v<E, T>) {
          spread_plane(p, results, elements, row);
        } else {
          T *wide = row + width, *sums = wide + p.results();
          for (int64_t i = 0; i < p.results(); ++i) wide[i] = Element<E>::load(results[i]);
          spread_plane(p, wide, sums, row);
          for (int64_t i = 0; i < p.size(); ++i) elements[i] = Element<E>::store(sums[i]);
        }
      }
    });
  });
}

// ---- values put, or added, at places of a plane ----

template <class E>
void scatter_plane(const E* values, const int64_t* places, int64_t count, E* to, int64_t size, bool add) {
  std::fill_n(to, size, Element<E>::store(typename Element<E>::Sum(0)));
  for (int64_t i = 0; i < count; ++i) {
    if (places[i] < 0 || places[i] >= size)
      throw_error(ErrorKind::index, "max_unpool: got the index {}; need indices in a plane of {} elements", places[i],
                  size);
    E& element = to[places[i]];
    element = add ? Element<E>::store(
                        static_cast<typename Element<E>::Sum>(Element<E>::load(element) + Element<E>::load(values[i])))
                  : values[i];
  }
}

// params: size (a list), add
void run_scatter(const RoutineArgs& args) {
  const auto shape = args.inputs[0].shape;
  int64_t count = 1, size = 1;
  for (size_t i = 2; i < shape.size(); ++i) {
    count *= shape[i];
    size *= args.out.shape[i];
  }
  const bool add = args.params.back() != 0;
  const auto* places = static_cast<const int64_t*>(args.inputs[1].data);
  with_element(args.out.dtype, [&]<class E>(E) {
    const auto* values = static_cast<const E*>(args.inputs[0].data);
    auto* to = static_cast<E*>(args.out.data);
    parallel_for(shape[0] * shape[1], 1, static_cast<double>(size + 2 * count), [&](int64_t begin, int64_t end) {
      for (int64_t plane = begin; plane < end; ++plane)
        scatter_plane(values + plane * count, places + plane * count, count, to + plane * size, size, add);
    });
  });
}

constexpr Routine kRoutines[] = {{"max_pool", run_max},
                                 {"max_pool_indices", run_pool_indices},
                                 {"avg_pool", run_mean},
                                 {"avg_pool_source", run_mean_source},
                                 {"scatter_planes", run_scatter}};

PoolAxis axis_of(const Window& window, bool adaptive, bool border) {
  PoolAxis axis{window, adaptive, {}};
  const Window& w = axis.window;
  axis.seen.reserve(static_cast<size_t>(w.result));
  for (int64_t i = 0; i < w.result; ++i) {
    if (adaptive) {
      const int64_t begin = i * w.size / w.result, end = ((i + 1) * w.size + w.result - 1) / w.result;
      axis.seen.push_back({begin, end, end - begin});
      continue;
    }
    const int64_t first = i * w.stride - w.before;
    int64_t begin = first;
    if (begin < 0) begin += (-begin + w.dilation - 1) / w.dilation * w.dilation;
    const int64_t end = std::min(first + w.span(), w.size);
    const Seen with_border{first, std::min(first + w.span(), w.size + w.before), 0}, inside{begin, end, 0};
    axis.seen.push_back({begin, end, (border ? with_border : inside).count(w.dilation)});
  }
  return axis;
}

}  // namespace

PoolProblem pool_problem(std::span<const int64_t> source, std::span<const int64_t> params) {
  const auto axes = static_cast<size_t>(params[0]);
  const auto number = [&](size_t list, size_t axis) { return params[list * (axes + 1) + 1 + axis]; };
  PoolProblem p;
  p.planes = source[0] * source[1];
  const bool adaptive = params[5 * (axes + 1)] != 0;
  p.divisor = params[5 * (axes + 1) + 1];
  for (size_t i = 0; i < kMostWindowAxes; ++i) {
    Window w;
    if (const size_t missing = kMostWindowAxes - axes; i >= missing) {
      const size_t k = i - missing;
      w = {source[2 + k], number(0, k), number(4, k), number(1, k), number(2, k), number(3, k)};
    }
    p.axes[i] = axis_of(w, adaptive, p.divisor < 0);
  }
  return p;
}

std::span<const Routine> pooling_routines() { return kRoutines; }

}  // namespace tandem
