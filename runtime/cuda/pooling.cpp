// Pooling on a GPU: a thread for a result, which joins what its window sees in the order of the CPU (runtime/pooling.cpp):
// first, in each column, rows from above, then the columns.
#include "runtime/pooling.h"

#include <algorithm>
#include <array>

#include "runtime/access_message.h"
#include "runtime/cuda/element_text.h"
#include "runtime/cuda/order.h"
#include "runtime/cuda/put.h"
#include "runtime/cuda/routines.h"

namespace tandem::cuda {

namespace {

constexpr unsigned kThreads = 256;
constexpr int64_t kMostBlocks = 1 << 20;

// vals: items, divisor; then of each axis: size, kernel, result, stride, dilation, before, whether it is adaptive.
constexpr size_t kCounts = 2, kOfAxis = 7, kVals = kCounts + kOfAxis * kMostWindowAxes;
static_assert(kVals == 23);
constexpr const char* kAxes = R"(
struct Args { void* ptrs[2]; i64 vals[23]; void* scratch; i64* status; };
struct Axis { i64 size, kernel, result, stride, dilation, before, adaptive; };
__device__ __forceinline__ Axis axis_of(const Args& args, int k) {
  const i64* const of = args.vals + 2 + 7 * k;
  return {of[0], of[1], of[2], of[3], of[4], of[5], of[6]};
}
// Elements begin, begin + step ... below end are seen; those of the border as well lie from `first` to `last`.
struct Seen { i64 begin, end, step, first, last; };
__device__ __forceinline__ Seen seen_by(const Axis& axis, i64 r) {
  if (axis.adaptive != 0) {
    const i64 begin = r * axis.size / axis.result, end = ((r + 1) * axis.size + axis.result - 1) / axis.result;
    return {begin, end, 1, begin, end};
  }
  const i64 first = r * axis.stride - axis.before, last = first + axis.dilation * (axis.kernel - 1) + 1;
  const i64 begin = first < 0 ? first + (-first + axis.dilation - 1) / axis.dilation * axis.dilation : first;
  return {begin, smaller(last, axis.size), axis.dilation, first, smaller(last, axis.size + axis.before)};
}
__device__ __forceinline__ i64 steps(i64 begin, i64 end, i64 step) {
  return begin < end ? (end - begin - 1) / step + 1 : 0;
}
// What a mean divides by: that number, or how many elements are seen, with those of the border where it is negative.
__device__ __forceinline__ i64 counted(const Seen& seen, bool border) {
  return border ? steps(seen.first, seen.last, seen.step) : steps(seen.begin, seen.end, seen.step);
}
__device__ __forceinline__ i64 divisor_of(i64 given, const Seen& d, const Seen& h, const Seen& w) {
  return given > 0 ? given : counted(d, given < 0) * counted(h, given < 0) * counted(w, given < 0);
}
)";

constexpr const char* kLargest = R"(
__device__ __forceinline__ wide joined(wide a, wide b) { return b != b ? b : b > a ? b : a; }
)";
constexpr const char* kTotal = R"(
__device__ __forceinline__ wide start() { return 0; }
__device__ __forceinline__ wide joined(wide a, wide b) { return a + b; }
)";

// ptrs: source, result. Columns beside the source are joined, too, as `start`.
constexpr const char* kPool = R"(
extern "C" __global__ void __launch_bounds__(256) tandem_kernel(const __grid_constant__ Args args) {
  const Axis x = axis_of(args, 0), y = axis_of(args, 1), z = axis_of(args, 2);
  for (i64 item = (i64)blockIdx.x * 256 + threadIdx.x; item < args.vals[0]; item += (i64)gridDim.x * 256) {
    i64 rest = item;
    const Seen w = seen_by(z, take(rest, z.result)), h = seen_by(y, take(rest, y.result)),
               d = seen_by(x, take(rest, x.result));
    const element* const plane = (const element*)args.ptrs[0] + rest * x.size * y.size * z.size;
    wide all = start();
    for (i64 k = w.first; z.adaptive != 0 ? k < w.end : k < w.first + z.kernel * z.dilation; k += w.step) {
      wide column = start();
      if (k >= 0 && k < z.size)
        for (i64 i = d.begin; i < d.end; i += d.step)
          for (i64 j = h.begin; j < h.end; j += h.step)
            column = joined(column, widened(plane[(i * y.size + j) * z.size + k]));
      all = joined(all, column);
    }
    if (kMean) all = all / (wide)divisor_of(args.vals[1], d, h, w);
    ((element*)args.ptrs[1])[item] = narrowed(all);
  }
}
)";

// ptrs: source, places. Of equal elements the first, of NaNs the last; the element next to a window that sees nothing.
constexpr const char* kPlaces = R"(
extern "C" __global__ void __launch_bounds__(256) tandem_kernel(const __grid_constant__ Args args) {
  const Axis x = axis_of(args, 0), y = axis_of(args, 1), z = axis_of(args, 2);
  for (i64 item = (i64)blockIdx.x * 256 + threadIdx.x; item < args.vals[0]; item += (i64)gridDim.x * 256) {
    i64 rest = item;
    const Seen w = seen_by(z, take(rest, z.result)), h = seen_by(y, take(rest, y.result)),
               d = seen_by(x, take(rest, x.result));
    const element* const plane = (const element*)args.ptrs[0] + rest * x.size * y.size * z.size;
    i64 place = smaller(d.begin, x.size - 1) * y.size + smaller(h.begin, y.size - 1);
    place = place * z.size + smaller(w.begin, z.size - 1);
    wide best = start();
    for (i64 i = d.begin; i < d.end; i += d.step)
      for (i64 j = h.begin; j < h.end; j += h.step)
        for (i64 k = w.begin; k < w.end; k += w.step) {
          const i64 at = (i * y.size + j) * z.size + k;
          const wide value = widened(plane[at]);
          if (value > best || value != value) {
            best = value;
            place = at;
          }
        }
    ((i64*)args.ptrs[1])[item] = place;
  }
}
)";

// ptrs: results, source. An item is an element of the source, which gets its share of every window that sees it: those of
// one row of windows are added first.
constexpr const char* kSpread = R"(
__device__ __forceinline__ bool sees(const Seen& seen, i64 i) {
  return i >= seen.begin && i < seen.end && (i - seen.begin) % seen.step == 0;
}
// The first window that may see an element, and the one behind the last.
__device__ __forceinline__ i64 first_window(const Axis& axis, i64 i) {
  if (axis.adaptive != 0) return i * axis.result / axis.size;
  const i64 before = i + axis.before - axis.dilation * (axis.kernel - 1);
  return before <= 0 ? 0 : (before + axis.stride - 1) / axis.stride;
}
__device__ __forceinline__ i64 last_window(const Axis& axis, i64 i) {
  if (axis.adaptive != 0) return smaller(((i + 1) * axis.result + axis.size - 1) / axis.size, axis.result);
  return smaller((i + axis.before) / axis.stride + 1, axis.result);
}
extern "C" __global__ void __launch_bounds__(256) tandem_kernel(const __grid_constant__ Args args) {
  const Axis x = axis_of(args, 0), y = axis_of(args, 1), z = axis_of(args, 2);
  for (i64 item = (i64)blockIdx.x * 256 + threadIdx.x; item < args.vals[0]; item += (i64)gridDim.x * 256) {
    i64 rest = item;
    const i64 k = take(rest, z.size), j = take(rest, y.size), i = take(rest, x.size);
    const element* const plane = (const element*)args.ptrs[0] + rest * x.result * y.result * z.result;
    wide all = 0;
    for (i64 a = first_window(x, i); a < last_window(x, i); ++a) {
      const Seen d = seen_by(x, a);
      if (!sees(d, i)) continue;
      for (i64 b = first_window(y, j); b < last_window(y, j); ++b) {
        const Seen h = seen_by(y, b);
        if (!sees(h, j)) continue;
        wide row = 0;
        for (i64 c = first_window(z, k); c < last_window(z, k); ++c) {
          const Seen w = seen_by(z, c);
          if (sees(w, k))
            row += widened(plane[(a * y.result + b) * z.result + c]) / (wide)divisor_of(args.vals[1], d, h, w);
        }
        all += row;
      }
    }
    ((element*)args.ptrs[1])[item] = narrowed(all);
  }
}
)";

// ptrs: places in planes, places in all planes; vals: items, those of a plane, size of a plane, of all planes.
constexpr const char* kInAllPlanes = R"(
struct Args { void* ptrs[2]; i64 vals[4]; void* scratch; i64* status; };
extern "C" __global__ void __launch_bounds__(256) tandem_kernel(const Args args) {
  for (i64 i = (i64)blockIdx.x * 256 + threadIdx.x; i < args.vals[0]; i += (i64)gridDim.x * 256) {
    const i64 place = ((const i64*)args.ptrs[0])[i], size = args.vals[2];
    const bool inside = (u64)place < (u64)size;
    if (!inside) report_index(place, args.status);
    ((i64*)args.ptrs[1])[i] = inside ? i / args.vals[1] * size + place : args.vals[3];
  }
}
)";

// What nothing is smaller than.
std::string start_text(DType dtype) {
  const DTypeInfo& row = info(dtype);
  std::string least = "0";
  if (dtype == DType::f64)
    least = "-__longlong_as_double(0x7ff0000000000000ll)";
  else if (row.kind == Kind::floating)
    least = "-__int_as_float(0x7f800000)";
  else if (row.is_signed)
    least = fmt::format("(wide)(1ull << {})", 8 * row.size - 1);
  return fmt::format("__device__ __forceinline__ wide start() {{ return {}; }}\n", least);
}

bool walk(const TextLaunch& launch, const char* what, DType dtype, const std::string& text, const PoolProblem& p,
          int64_t items, const void* from, void* to) {
  const std::string name = fmt::format("{}_{}", what, info(dtype).name);
  const DeviceCode& code = TextKernels::all().of(launch.gpu, name, [&] {
    return KernelText{name, element_text(dtype) + kAxes + text, 2, static_cast<int>(kVals)};
  });
  std::array<int64_t, kVals> vals{items, p.divisor};
  for (size_t k = 0; k < kMostWindowAxes; ++k) {
    const Window& w = p.axes[k].window;
    const std::array<int64_t, kOfAxis> axis{
        w.size, w.kernel, w.result, w.stride, w.dilation, w.before, p.axes[k].adaptive ? 1 : 0};
    std::copy(axis.begin(), axis.end(), vals.begin() + static_cast<std::ptrdiff_t>(kCounts + kOfAxis * k));
  }
  launch.run(code, std::min<int64_t>((items + kThreads - 1) / kThreads, kMostBlocks), kThreads,
             std::array<void*, 2>{const_cast<void*>(from), to}, vals);
  return true;
}

bool run_max(const TextLaunch& launch, const RoutineArgs& args) {
  const PoolProblem p = pool_problem(args.inputs[0].shape, args.params);
  const DType dtype = args.out.dtype;
  const std::string text = start_text(dtype) + kLargest + "constexpr bool kMean = false;\n" + kPool;
  return walk(launch, "max_pool", dtype, text, p, p.planes * p.results(), args.inputs[0].data, args.out.data);
}

bool run_places(const TextLaunch& launch, const RoutineArgs& args) {
  const PoolProblem p = pool_problem(args.inputs[0].shape, args.params);
  const DType dtype = args.inputs[0].dtype;
  return walk(launch, "max_pool_indices", dtype, start_text(dtype) + kPlaces, p, p.planes * p.results(),
              args.inputs[0].data, args.out.data);
}

bool run_mean(const TextLaunch& launch, const RoutineArgs& args) {
  const PoolProblem p = pool_problem(args.inputs[0].shape, args.params);
  const std::string text = std::string(kTotal) + "constexpr bool kMean = true;\n" + kPool;
  return walk(launch, "avg_pool", args.out.dtype, text, p, p.planes * p.results(), args.inputs[0].data, args.out.data);
}

bool run_mean_source(const TextLaunch& launch, const RoutineArgs& args) {
  const PoolProblem p = pool_problem(args.out.shape, args.params);
  return walk(launch, "avg_pool_source", args.out.dtype, kSpread, p, p.planes * p.size(), args.inputs[0].data,
              args.out.data);
}

// params: size (a list), add. A write at indices (put.h) into all planes as one axis.
bool run_scatter(const TextLaunch& launch, const RoutineArgs& args) {
  const RoutineArray &values = args.inputs[0], &places = args.inputs[1];
  int64_t planes = values.shape[0] * values.shape[1], count = 1, size = 1;
  for (size_t i = 2; i < values.shape.size(); ++i) {
    count *= values.shape[i];
    size *= args.out.shape[i];
  }
  const int64_t items = planes * count, all = planes * size;
  if (items >= kMostKeys || all == 0) return all == 0 && items == 0;
  Gpu& gpu = launch.gpu;
  const DType dtype = args.out.dtype;
  gpu.check(driver().fill_bytes(reinterpret_cast<Address>(args.out.data), 0, static_cast<size_t>(all * size_of(dtype)),
                                gpu.stream),
            "cuMemsetD8Async");
  if (items == 0) return true;
  TextLaunch checked = launch;
  checked.complaint = [size, origin = launch.origin](int64_t index) {
    return fmt::format("max_unpool: got the index {}; need indices in a plane of {} elements{}", index, size,
                       line_of(*origin));
  };
  const StorageRef indices = gpu.memory.allocate(static_cast<size_t>(items) * sizeof(int64_t));
  const DeviceCode& code = TextKernels::all().of(gpu, "places_in_all_planes", [] {
    return KernelText{"places_in_all_planes", std::string(kReportText) + kInAllPlanes, 2, 4};
  });
  checked.run(code, std::min<int64_t>((items + kThreads - 1) / kThreads, kMostBlocks), kThreads,
              std::array<void*, 2>{places.data, indices->data}, std::array<int64_t, 4>{items, count, size, all}, true);
  const PutAxis axis{items, 0, 1};
  const PutArgs write{.mode = args.params.back() != 0 ? PutMode::add : PutMode::set,
                      .dtype = dtype,
                      .axes = {},
                      .index_axes = {&axis, 1},
                      .indices = static_cast<const int64_t*>(indices->data),
                      .extent = all,
                      .step = 1,
                      .to = args.out.data,
                      .from = values.data};
  return put(checked, write);
}

constexpr DeviceRoutine kRoutines[] = {{"max_pool", run_max},
                                       {"max_pool_indices", run_places},
                                       {"avg_pool", run_mean},
                                       {"avg_pool_source", run_mean_source},
                                       {"scatter_planes", run_scatter}};

}  // namespace

std::span<const DeviceRoutine> pooling_routines() { return kRoutines; }

}  // namespace tandem::cuda
