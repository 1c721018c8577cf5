#include "runtime/cuda/order.h"

#include <array>
#include <utility>

namespace tandem::cuda {

namespace {

constexpr int kDigitBits = 8;
constexpr int64_t kDigits = 1 << kDigitBits, kTileKeys = 2048;
constexpr unsigned kThreads = 256;

// How often each digit is in each tile: counts[row][digit][tile].
constexpr const char* kCount = R"(
struct Args { void* ptrs[2]; i64 vals[3]; void* scratch; i64* status; };
extern "C" __global__ void __launch_bounds__(256) tandem_kernel(const Args args) {
  const key* const keys = (const key*)args.ptrs[0];
  u32* const counts = (u32*)args.ptrs[1];
  const i64 n = args.vals[0], tiles = args.vals[1];
  const int shift = (int)args.vals[2], thread = (int)threadIdx.x;
  const i64 row = blockIdx.x / tiles, tile = blockIdx.x % tiles;
  const i64 end = smaller(n, (tile + 1) * 2048);
  __shared__ u32 found[256];
  found[thread] = 0;
  __syncthreads();
  for (i64 i = tile * 2048 + thread; i < end; i += 256) atomicAdd(&found[(u32)(keys[row * n + i] >> shift) & 255], 1u);
  __syncthreads();
  counts[(row * 256 + thread) * tiles + tile] = found[thread];
}
)";

// Counts become the places where the digits of a tile begin; a block has a row, a thread a digit.
constexpr const char* kScan = R"(
struct Args { void* ptrs[1]; i64 vals[1]; void* scratch; i64* status; };
extern "C" __global__ void __launch_bounds__(256) tandem_kernel(const Args args) {
  const i64 tiles = args.vals[0];
  const int thread = (int)threadIdx.x;
  u32* const own = (u32*)args.ptrs[0] + ((i64)blockIdx.x * 256 + thread) * tiles;
  u32 sum = 0;
  for (i64 t = 0; t < tiles; ++t) sum += own[t];
  __shared__ u32 sums[256];
  sums[thread] = sum;
  __syncthreads();
  for (int step = 1; step < 256; step *= 2) {
    const u32 before = thread >= step ? sums[thread - step] : 0;
    __syncthreads();
    sums[thread] += before;
    __syncthreads();
  }
  u32 at = sums[thread] - sum;
  for (i64 t = 0; t < tiles; ++t) {
    const u32 count = own[t];
    own[t] = at;
    at += count;
  }
}
)";

// A warp has 256 neighbours of a tile, 32 at a time: those with the same digit find each other by eight votes.
constexpr const char* kScatter = R"(
struct Args { void* ptrs[5]; i64 vals[4]; void* scratch; i64* status; };
extern "C" __global__ void __launch_bounds__(256) tandem_kernel(const Args args) {
  const key* const keys = (const key*)args.ptrs[0];
  const u32* const places = (const u32*)args.ptrs[1];
  const u32* const counts = (const u32*)args.ptrs[2];
  key* const keys_out = (key*)args.ptrs[3];
  u32* const places_out = (u32*)args.ptrs[4];
  const i64 n = args.vals[0], tiles = args.vals[1];
  const int shift = (int)args.vals[2], thread = (int)threadIdx.x, lane = thread & 31, warp = thread >> 5;
  const bool first = args.vals[3] != 0;
  const i64 row = blockIdx.x / tiles, tile = blockIdx.x % tiles, start = tile * 2048 + warp * 256;
  __shared__ u32 found[8 * 256];
  for (int k = thread; k < 8 * 256; k += 256) found[k] = 0;
  __syncthreads();
  u32* const own = found + warp * 256;
  key mine[8];
  u32 rank[8];
  #pragma unroll
  for (int r = 0; r < 8; ++r) {
    const i64 i = start + r * 32 + lane;
    const bool there = i < n;
    mine[r] = there ? keys[row * n + i] : 0;
    const u32 digit = (u32)(mine[r] >> shift) & 255;
    u32 same = __ballot_sync(~0u, there);
    for (int bit = 0; bit < 8; ++bit) {
      const bool set = (digit >> bit & 1) != 0;
      const u32 with = __ballot_sync(~0u, set);
      same &= set ? with : ~with;
    }
    const u32 before = own[digit];
    rank[r] = before + __popc(same & ((1u << lane) - 1));
    __syncwarp();
    if (there && same >> lane == 1) own[digit] = before + __popc(same);
    __syncwarp();
  }
  __syncthreads();
  u32 at = counts[(row * 256 + thread) * tiles + tile];
  for (int w = 0; w < 8; ++w) {
    const u32 count = found[w * 256 + thread];
    found[w * 256 + thread] = at;
    at += count;
  }
  __syncthreads();
  #pragma unroll
  for (int r = 0; r < 8; ++r) {
    const i64 i = start + r * 32 + lane;
    if (i >= n) continue;
    const i64 to = row * n + own[(u32)(mine[r] >> shift) & 255] + rank[r];
    keys_out[to] = mine[r];
    places_out[to] = first ? (u32)i : places[row * n + i];
  }
}
)";

const DeviceCode& kernel(Gpu& gpu, const char* name, const char* text, int key_bytes, int buffers, int vals) {
  const std::string all = fmt::format("order_{}_{}", name, 8 * key_bytes);
  return TextKernels::all().of(
      gpu, all, [&] { return KernelText{all, fmt::format("typedef u{} key;", 8 * key_bytes) + text, buffers, vals}; });
}

}  // namespace

Ordered in_order(const TextLaunch& launch, Keys keys, int bits) {
  Gpu& gpu = launch.gpu;
  const int64_t n = keys.count, tiles = (n + kTileKeys - 1) / kTileKeys, all = keys.rows * n;
  const auto bytes = [&](int64_t count, int size) { return static_cast<size_t>(count * size); };
  StorageRef counts = gpu.memory.allocate(bytes(keys.rows * kDigits * tiles, 4));
  std::array<StorageRef, 2> sorted{std::move(keys.memory), gpu.memory.allocate(bytes(all, keys.bytes))};
  const bool fresh = !keys.places;
  std::array<StorageRef, 2> places{fresh ? gpu.memory.allocate(bytes(all, 4)) : std::move(keys.places),
                                   gpu.memory.allocate(bytes(all, 4))};
  const DeviceCode &count = kernel(gpu, "count", kCount, keys.bytes, 2, 3),
                   &scan = kernel(gpu, "scan", kScan, keys.bytes, 1, 1),
                   &scatter = kernel(gpu, "scatter", kScatter, keys.bytes, 5, 4);
  for (int shift = 0; shift == 0 || shift < bits; shift += kDigitBits) {
    launch.run(count, keys.rows * tiles, kThreads, std::array<void*, 2>{sorted[0]->data, counts->data},
               std::array<int64_t, 3>{n, tiles, shift});
    launch.run(scan, keys.rows, kThreads, std::array<void*, 1>{counts->data}, std::array<int64_t, 1>{tiles});
    launch.run(scatter, keys.rows * tiles, kThreads,
               std::array<void*, 5>{sorted[0]->data, places[0]->data, counts->data, sorted[1]->data, places[1]->data},
               std::array<int64_t, 4>{n, tiles, shift, fresh && shift == 0});
    std::swap(sorted[0], sorted[1]);
    std::swap(places[0], places[1]);
  }
  return {sorted[0], places[0]};
}

}  // namespace tandem::cuda
