#include "runtime/cuda/device_kernel.h"

#include <algorithm>
#include <bit>
#include <charconv>

namespace tandem {

namespace {

constexpr int64_t kMaxGrid = 1 << 20;     // loops over the grid do the rest
constexpr int64_t kMaxWalkers = 1 << 17;  // each has scratch of its own
// Fewer teams than this leave multiprocessors idle, so that each gets more threads.
constexpr int64_t kFewTeams = 1024;
constexpr int64_t kPointsPerThread = 8;
constexpr int64_t kFewTiles = 256;

int64_t product(const std::vector<Coef>& extents, size_t first, size_t last, const int64_t* vals) {
  int64_t points = 1;
  for (size_t k = first; k < last; ++k) points *= value_of(extents[k], vals);
  return points;
}

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t power_of_two(int64_t value) { return static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(value))); }

// Of one unit, which has `points` elements in every scratch buffer.
int64_t bytes_of(const std::vector<int>& sizes, int64_t points) {
  int64_t bytes = 0;
  for (const int size : sizes) bytes += ceil_div(points * size, 64) * 64;
  return bytes;
}

int64_t inner_points(const LaunchRule& rule, const int64_t* vals) {
  const int64_t points = product(rule.inner, 0, rule.inner.size(), vals);
  return rule.split ? std::min<int64_t>(points, kBlockOrder.block) : points;
}

DeviceLaunch launch(int64_t blocks, int64_t width, int64_t depth = 1) {
  DeviceLaunch out;
  out.grid[0] = static_cast<unsigned>(std::clamp<int64_t>(blocks, 0, kMaxGrid));
  out.block[0] = static_cast<unsigned>(width);
  out.block[1] = static_cast<unsigned>(depth);
  return out;
}

void place_scratch(DeviceLaunch& out, int64_t bytes_of_block, int64_t most_shared) {
  if (bytes_of_block <= most_shared)
    out.shared_bytes = static_cast<unsigned>(bytes_of_block);
  else
    out.scratch_bytes = bytes_of_block * out.grid[0];
}

DeviceLaunch launch_map(const LaunchRule& rule, const int64_t* vals) {
  if (rule.outer.empty()) return launch(1, kMapThreads);
  const int64_t n = value_of(rule.outer.back(), vals);
  const int64_t rows = product(rule.outer, 0, rule.outer.size() - 1, vals);
  if (n <= 0 || rows <= 0) return {};
  // As the kernel has it: a group of threads, a power of two, has a piece of one row.
  const int64_t group = std::min<int64_t>(kWarp, power_of_two(ceil_div(n, rule.elements)));
  const int64_t all = ceil_div(n, group * rule.elements);
  const int64_t pieces = all >= (1 << kMorePieces) && rows * all * group >= kManyItems ? 1 << kMorePieces : 1;
  const int64_t items = rows * ceil_div(all, pieces) * group;
  return launch(ceil_div(items, kMapThreads), kMapThreads);
}

DeviceLaunch launch_tiles(const LaunchRule& rule, const int64_t* vals) {
  const size_t rank = rule.outer.size();
  const int64_t n = value_of(rule.outer[rank - 1], vals), m = value_of(rule.outer[rank - 2], vals);
  const int64_t others = product(rule.outer, 0, rank - 2, vals);
  if (n <= 0 || m <= 0 || others <= 0) return {};
  // As the kernel has it: square, unless an axis is shorter than that.
  const int bits = std::countr_zero(static_cast<unsigned>(rule.elements));
  const auto bits_for = [](int64_t extent, int most) {
    return std::min(most, static_cast<int>(std::bit_width(static_cast<uint64_t>(extent - 1))));
  };
  int across = bits_for(n, bits / 2);
  const int along = bits_for(m, std::min(bits - across, kMostTileBits));
  across = bits_for(n, std::min(bits - along, kMostTileBits));
  return launch(others * ceil_div(n, int64_t{1} << across) * ceil_div(m, int64_t{1} << along), kMapThreads);
}

DeviceLaunch launch_rows(const LaunchRule& rule, const int64_t* vals, int64_t most_shared) {
  const int64_t rows = product(rule.outer, 0, rule.outer.size(), vals);
  if (rows <= 0) return {};
  const int64_t points = inner_points(rule, vals);
  // A warp for every block; of a tree for every group, and never alone.
  int64_t team = rule.tree ? std::max<int64_t>(ceil_div(points, 2 * kWarp), 2) * kWarp
                           : ceil_div(points, kBlockOrder.block) * kWarp;
  if (rule.spreads && !rule.tree && rows < kFewTeams)
    team = std::max(team, std::min<int64_t>(points / kPointsPerThread, kRowThreads));
  int64_t bytes = bytes_of(rule.scratch, points);
  // A block that has most of the shared memory has all threads, too.
  if (rule.spreads && !rule.tree && bytes > kSharedScratch / 2 && bytes <= most_shared) team = kMaxTeam;
  team = std::clamp<int64_t>(power_of_two(team), kWarp, kMaxTeam);
  // Where every point meets a lane of its own, lanes beyond the last one are not needed.
  if (team == kWarp && points <= kWarp / 2) team = power_of_two(std::max<int64_t>(points, 1));
  const int64_t kept = bytes + bytes_of(rule.kept, points);
  if (kept <= kKeptBytes * std::max<int64_t>(team / kWarp, 1) && kept <= kSharedScratch) bytes = kept;
  int64_t teams = team <= kWarp ? kRowThreads / team : 1;
  // Few rows are spread over the multiprocessors, and what a block has in shared memory is kept small.
  while (teams > 1 && teams * team > kWarp && (rows < kFewTeams / 8 * teams || bytes * teams > kSharedScratch / 3))
    teams /= 2;
  DeviceLaunch out = launch(ceil_div(rows, teams), team, teams);
  place_scratch(out, bytes * teams, most_shared);
  return out;
}

DeviceLaunch launch_columns(const LaunchRule& rule, const int64_t* vals, int64_t most_shared) {
  const size_t rank = rule.outer.size();
  const int64_t columns = value_of(rule.outer.back(), vals);
  const int64_t others = product(rule.outer, 0, rank - 1, vals);
  // Narrow tiles where there would be few of them.
  int64_t width = kTile;
  while (width > rule.elements && others * ceil_div(columns, width) < kFewTiles) width /= 2;
  DeviceLaunch out = launch(others * ceil_div(columns, width), width, kColumnDepth);
  place_scratch(out, bytes_of(rule.scratch, product(rule.inner, 0, rule.inner.size(), vals) * width), most_shared);
  return out;
}

DeviceLaunch launch_walk(const LaunchRule& rule, const int64_t* vals) {
  const int64_t points = product(rule.outer, 0, rule.outer.size(), vals);
  DeviceLaunch out = launch(ceil_div(std::min(points, kMaxWalkers), kWalkThreads), kWalkThreads);
  // Elements of all threads at one inner point lie side by side.
  const int64_t threads = out.grid[0] * kWalkThreads;
  out.scratch_bytes = bytes_of(rule.scratch, inner_points(rule, vals) * threads);
  return out;
}

}  // namespace

unsigned most_threads(DeviceSchedule schedule) {
  switch (schedule) {
    case DeviceSchedule::map:
    case DeviceSchedule::tiles: return kMapThreads;
    case DeviceSchedule::rows: return kMaxTeam;
    case DeviceSchedule::columns: return kTile * kColumnDepth;
    case DeviceSchedule::walk: return kWalkThreads;
  }
  return 0;
}

DeviceLaunch launch_of(const LaunchRule& rule, const int64_t* vals, int64_t most_shared) {
  switch (rule.schedule) {
    case DeviceSchedule::map: return launch_map(rule, vals);
    case DeviceSchedule::tiles: return launch_tiles(rule, vals);
    case DeviceSchedule::rows: return launch_rows(rule, vals, most_shared);
    case DeviceSchedule::columns: return launch_columns(rule, vals, most_shared);
    case DeviceSchedule::walk: return launch_walk(rule, vals);
  }
  return {};
}

std::optional<DeviceTarget> device_target(std::string_view name) {
  constexpr std::string_view kCubin = "sm_", kPtx = "compute_";
  DeviceTarget target;
  target.ptx = name.starts_with(kPtx);
  if (!target.ptx && !name.starts_with(kCubin)) return std::nullopt;
  name.remove_prefix(target.ptx ? kPtx.size() : kCubin.size());
  const auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), target.arch);
  if (problem != std::errc() || end != name.data() + name.size() || target.arch <= 0) return std::nullopt;
  return target;
}

bool runs_on(DeviceTarget target, int arch) {
  return target.arch <= arch && (target.ptx || target.arch / 10 == arch / 10);
}

}  // namespace tandem
