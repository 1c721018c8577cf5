// A kernel as a GPU program: the code, and plain data that says how to launch it. Made by codegen/cuda, or read from a
// cache or a pack; neither LLVM, NVRTC nor Python is needed to use it.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ir/kernel.h"

namespace tandem {

// Parameters. The entry point takes one structure by value, an array of 8-byte words without padding:
//     struct { void* ptrs[max(1, buffers)]; long long vals[max(1, vals)]; void* scratch; long long* status; }
// ptrs: device pointers of the inputs and outputs in buffer order, scratch buffers left out, as for kernel_function;
// vals: the first `vals` run-time values; scratch: DeviceLaunch::scratch_bytes bytes of device memory, 256-byte aligned,
// private to the launch, or null when that is 0; status: two words of device memory, zero before. A failed gather check
// leaves {access index + 1, offending value} of one of them there. They are not reset by the kernel.

// How the points of a kernel are shared among threads.
enum class DeviceSchedule : uint8_t {
  map,    // a thread has `elements` neighbours along the last axis; blocks are kMapThreads wide
  tiles,  // a block of kMapThreads has a tile of the last two axes, read along one of them and written along the other
  rows,   // a team of block.x threads has an outer point, whose inner points it shares; block.y teams in a block
  columns,  // a block of block.x x 32 threads has so many neighbours along the last outer axis; 32 share the inner points
  walk,     // a thread has an outer point
};

inline constexpr unsigned kMapThreads = 256;
inline constexpr int kMorePieces = 2;  // of a row: 2^2 for a group of threads, from so many items on
inline constexpr int64_t kManyItems = 1 << 20;
inline constexpr int kMostTileBits = 8;  // of an axis of a tile: a thread for every place at most
inline constexpr unsigned kWalkThreads = 128;
inline constexpr unsigned kRowThreads = 256;  // of a block whose teams are a warp or less
inline constexpr unsigned kMaxTeam = 512;
inline constexpr unsigned kWarp = 32;
inline constexpr unsigned kTile = 32;         // most columns of a block
inline constexpr unsigned kColumnDepth = 32;  // threads of a column: the lanes of kBlockOrder
// Bytes of scratch in shared memory that several blocks of a multiprocessor, or one alone, may have; more is in memory.
inline constexpr int64_t kSharedScratch = 96 << 10, kMostShared = 200 << 10;

inline constexpr int64_t kKeptBytes = 16 << 10;  // of shared memory for a warp, where more rows would be better

// Everything that launch_of needs to know.
struct LaunchRule {
  DeviceSchedule schedule = DeviceSchedule::map;
  std::vector<Coef> outer, inner;  // extents; of a map and tiles `outer` is all axes in the order they are walked
  int elements = 1;                // map: neighbours of a thread; tiles: of a tile; columns: loaded as a whole at least
  bool split = false, tree = false;
  bool spreads = false;           // rows: there is work other than reductions that more threads than lanes can share
  std::vector<int> scratch = {};  // element sizes of the scratch buffers
  std::vector<int> kept = {};     // rows: of what several stages read, kept in shared memory while a row is short
  bool operator==(const LaunchRule&) const = default;
};

struct DeviceLaunch {
  unsigned grid[3] = {0, 1, 1}, block[3] = {1, 1, 1};
  unsigned shared_bytes = 0;  // dynamic; beyond 48 KiB the function needs its attribute set first
  int64_t scratch_bytes = 0;
};

unsigned most_threads(DeviceSchedule schedule);  // of a block

// For these sizes. grid[0] == 0: there is nothing to do, and the kernel must not be launched. `most_shared`: bytes of
// dynamic shared memory that a block may have. Pure.
DeviceLaunch launch_of(const LaunchRule& rule, const int64_t* vals, int64_t most_shared = kSharedScratch);

struct DeviceKernel {
  std::string entry;  // name of the __global__ function
  std::string code;   // a cubin, or PTX text for a GPU newer than the compiler
  bool is_ptx = false;
  int buffers = 0;  // words of ptrs in use
  int vals = 0;     // words of vals in use
  LaunchRule rule;
};

// What code is made for: the GPU sm_90, for one, or, by PTX, compute_90 and later ones.
struct DeviceTarget {
  int arch = 0;  // 90
  bool ptx = false;
};
std::optional<DeviceTarget> device_target(std::string_view name);  // none: it is no such name
// A cubin runs on GPUs of its generation from its own on, PTX on all of them from that on.
bool runs_on(DeviceTarget target, int arch);

}  // namespace tandem
