// Looking for values on a GPU: in a sorted vector, for what is true, and counts by place. Results are whole numbers, so
// that no order shows.
#include <algorithm>
#include <array>

#include "runtime/cuda/order.h"
#include "runtime/cuda/routines.h"

namespace tandem::cuda {

namespace {

constexpr unsigned kThreads = 256;
constexpr int64_t kMostBlocks = 1 << 20;

int64_t blocks_for(int64_t items) { return std::min<int64_t>((items + kThreads - 1) / kThreads, kMostBlocks); }

int64_t count_of(const RoutineArray& x) {
  int64_t count = 1;
  for (const int64_t size : x.shape) count *= size;
  return count;
}

// ptrs: the sorted vector, values, places; vals: length, values, whether those that are equal come before.
constexpr const char* kPlaces = R"(
struct Args { void* ptrs[3]; i64 vals[3]; void* scratch; i64* status; };
extern "C" __global__ void __launch_bounds__(256) tandem_kernel(const Args args) {
  const bits* const sorted = (const bits*)args.ptrs[0];
  const bool right = args.vals[2] != 0;
  for (i64 i = (i64)blockIdx.x * 256 + threadIdx.x; i < args.vals[1]; i += (i64)gridDim.x * 256) {
    const bits wanted = key_of(((const bits*)args.ptrs[1])[i]);
    i64 base = 0;  // so many elements are known to come before
    for (i64 left = args.vals[0]; left > 0;) {
      const i64 half = (left + 1) / 2;
      const bits there = key_of(sorted[base + half - 1]);
      if (right ? there <= wanted : there < wanted) base += half;
      left -= half;
    }
    ((i64*)args.ptrs[2])[i] = base;
  }
}
)";

// A block has a tile of 4096 elements, a warp 512 of them, 32 at a time.
constexpr int64_t kTileElements = 4096, kWarps = kThreads / kWarp;
constexpr const char* kWalk = R"(
__device__ __forceinline__ u32 found_at(const u8* truth, i64 i, i64 n) {
  return __ballot_sync(~0u, i < n && truth[i] != 0);
}
)";
// ptrs: elements, how many are true in the piece of each warp; vals: elements.
constexpr const char* kCountTrue = R"(
struct Args { void* ptrs[2]; i64 vals[1]; void* scratch; i64* status; };
extern "C" __global__ void __launch_bounds__(256) tandem_kernel(const Args args) {
  const i64 piece = (i64)blockIdx.x * 8 + (threadIdx.x >> 5), lane = threadIdx.x & 31;
  i64 count = 0;
  for (int r = 0; r < 16; ++r)
    count += __popc(found_at((const u8*)args.ptrs[0], piece * 512 + r * 32 + lane, args.vals[0]));
  if (lane == 0) ((i64*)args.ptrs[1])[piece] = count;
}
)";
// Counts become where the results of each piece begin: one block, whose threads have neighbouring pieces each.
constexpr const char* kStarts = R"(
struct Args { void* ptrs[1]; i64 vals[1]; void* scratch; i64* status; };
extern "C" __global__ void __launch_bounds__(256) tandem_kernel(const Args args) {
  i64* const counts = (i64*)args.ptrs[0];
  const int thread = (int)threadIdx.x;
  const i64 n = args.vals[0], share = (n + 255) / 256;
  const i64 begin = smaller(thread * share, n), end = smaller(begin + share, n);
  i64 sum = 0;
  for (i64 k = begin; k < end; ++k) sum += counts[k];
  __shared__ i64 sums[256];
  sums[thread] = sum;
  __syncthreads();
  for (int step = 1; step < 256; step *= 2) {
    const i64 before = thread >= step ? sums[thread - step] : 0;
    __syncthreads();
    sums[thread] += before;
    __syncthreads();
  }
  i64 at = sums[thread] - sum;
  for (i64 k = begin; k < end; ++k) {
    const i64 count = counts[k];
    counts[k] = at;
    at += count;
  }
}
)";
// ptrs: elements, starts, places; vals: elements, results, of which no more are written.
constexpr const char* kWritePlaces = R"(
struct Args { void* ptrs[3]; i64 vals[2]; void* scratch; i64* status; };
extern "C" __global__ void __launch_bounds__(256) tandem_kernel(const Args args) {
  const i64 piece = (i64)blockIdx.x * 8 + (threadIdx.x >> 5), lane = threadIdx.x & 31;
  i64 at = ((const i64*)args.ptrs[1])[piece];
  for (int r = 0; r < 16; ++r) {
    const i64 i = piece * 512 + r * 32 + lane;
    const u32 found = found_at((const u8*)args.ptrs[0], i, args.vals[0]);
    const i64 place = at + __popc(found & ((1u << lane) - 1));
    if ((found >> lane & 1) != 0 && place < args.vals[1]) ((i64*)args.ptrs[2])[place] = i;
    at += __popc(found);
  }
}
)";

// ptrs: places, counters; vals: how many of both.
constexpr const char* kCounts = R"(
struct Args { void* ptrs[2]; i64 vals[2]; void* scratch; i64* status; };
extern "C" __global__ void __launch_bounds__(256) tandem_kernel(const Args args) {
  for (i64 i = (i64)blockIdx.x * 256 + threadIdx.x; i < args.vals[0]; i += (i64)gridDim.x * 256) {
    const i64 place = ((const i64*)args.ptrs[0])[i];
    if ((u64)place < (u64)args.vals[1]) atomicAdd((u64*)args.ptrs[1] + place, 1ull);
  }
}
)";

const DeviceCode& code(const TextLaunch& launch, const std::string& name, const std::string& text, int buffers,
                       int vals) {
  return TextKernels::all().of(launch.gpu, name, [&] { return KernelText{name, text, buffers, vals}; });
}

// params: right
bool run_places_in_sorted(const TextLaunch& launch, const RoutineArgs& args) {
  const RoutineArray &sorted = args.inputs[0], &values = args.inputs[1];
  if (is_complex(sorted.dtype)) return false;
  const int64_t count = count_of(values);
  const std::string name = fmt::format("places_in_sorted_{}", info(sorted.dtype).name);
  launch.run(code(launch, name, key_text(sorted.dtype, false) + kPlaces, 3, 3), blocks_for(count), kThreads,
             std::array<void*, 3>{sorted.data, values.data, args.out.data},
             std::array<int64_t, 3>{sorted.shape[0], count, args.params[0]});
  return true;
}

// params: length, which the caller has counted
bool run_places_of_nonzero(const TextLaunch& launch, const RoutineArgs& args) {
  const RoutineArray& x = args.inputs[0];
  const int64_t count = count_of(x), found = count_of(args.out);
  const int64_t tiles = (count + kTileElements - 1) / kTileElements, pieces = tiles * kWarps;
  if (found == 0 || tiles >= kMostBlocks) return found == 0;
  const StorageRef starts = launch.gpu.memory.allocate(static_cast<size_t>(pieces) * sizeof(int64_t));
  launch.run(code(launch, "count_true", std::string(kWalk) + kCountTrue, 2, 1), tiles, kThreads,
             std::array<void*, 2>{x.data, starts->data}, std::array<int64_t, 1>{count});
  launch.run(code(launch, "starts_of_pieces", kStarts, 1, 1), 1, kThreads, std::array<void*, 1>{starts->data},
             std::array<int64_t, 1>{pieces});
  launch.run(code(launch, "places_of_true", std::string(kWalk) + kWritePlaces, 3, 2), tiles, kThreads,
             std::array<void*, 3>{x.data, starts->data, args.out.data}, std::array<int64_t, 2>{count, found});
  return true;
}

bool run_counts_of_places(const TextLaunch& launch, const RoutineArgs& args) {
  const int64_t count = count_of(args.inputs[0]), length = args.out.shape[0];
  const auto bytes = static_cast<size_t>(length) * sizeof(int64_t);
  launch.gpu.check(driver().fill_bytes(reinterpret_cast<Address>(args.out.data), 0, bytes, launch.gpu.stream),
                   "cuMemsetD8Async");
  launch.run(code(launch, "counts_of_places", kCounts, 2, 2), blocks_for(count), kThreads,
             std::array<void*, 2>{args.inputs[0].data, args.out.data}, std::array<int64_t, 2>{count, length});
  return true;
}

constexpr DeviceRoutine kRoutines[] = {{"places_in_sorted", run_places_in_sorted},
                                       {"places_of_nonzero", run_places_of_nonzero},
                                       {"counts_of_places", run_counts_of_places}};

}  // namespace

std::span<const DeviceRoutine> search_routines() { return kRoutines; }

}  // namespace tandem::cuda
