// Which threads do what. The text is generic in sizes, so only the structure of a kernel decides; how many threads there
// are follows from the sizes when it is launched (runtime/cuda/device_kernel).
#include <algorithm>

#include "codegen/cuda/emit.h"

namespace tandem::cuda {

namespace {

constexpr int kPackBytes = 16;  // the widest load
constexpr int kSectorBytes = 32;
// Bodies are written out once per neighbour: long ones for few of them.
constexpr size_t kLongBody = 24, kVeryLongBody = 96;

bool is_map(const Kernel& kernel) {
  const bool once_only = kernel.axes.size() == static_cast<size_t>(kernel.outer_rank);
  return std::all_of(
             kernel.stages.begin(), kernel.stages.end(),
             [&](const Stage& s) { return (s.inner || once_only) && s.reductions.empty() && s.scans.empty(); }) &&
         std::none_of(kernel.buffers.begin(), kernel.buffers.end(),
                      [](const KernelBuffer& b) { return b.role == BufferRole::scratch; });
}

std::vector<Coef> extents(const Kernel& kernel, size_t first, size_t last) {
  std::vector<Coef> out;
  for (size_t k = first; k < last; ++k) out.push_back(kernel.axes[k].extent);
  return out;
}

size_t longest_body(const Kernel& kernel) {
  size_t body = 0;
  for (const Stage& stage : kernel.stages) body = std::max(body, stage.body.size());
  return body;
}

// As many neighbours as the widest element of those that lie side by side allows.
int elements_of(const Kernel& kernel) {
  if (kernel.axes.empty()) return 1;
  const size_t axis = last_axis(kernel);
  int size = 0;
  for (const Access& access : kernel.accesses)
    if (access.strides[axis].is(1))
      size = std::max(size, size_of(kernel.buffers[static_cast<size_t>(access.buffer)].dtype));
  if (size == 0) return 1;
  const size_t body = longest_body(kernel);
  return std::min(kPackBytes / size, body < kLongBody ? kPackBytes : body < kVeryLongBody ? 4 : 2);
}

constexpr int kTileBytes = 48 << 10;                       // of shared memory for all tiles
constexpr int kSmallTile = 1 << 10, kLargeTile = 1 << 12;  // elements

bool lies_across(const Kernel& kernel, const Access& access, size_t last) {
  const Coef& stride = access.strides[last];
  return kernel.buffers[static_cast<size_t>(access.buffer)].role == BufferRole::input && access.gathers.empty() &&
         !stride.is(0) && !stride.is(1);
}

}  // namespace

size_t last_axis(const Kernel& kernel) {
  return kernel.vector_axis < 0 ? kernel.axes.size() - 1 : static_cast<size_t>(kernel.vector_axis);
}

int crossing_axis(const Kernel& kernel) {
  if (kernel.axes.size() < 2 || kernel.stages.size() != 1) return -1;
  const size_t last = last_axis(kernel);
  for (const Access& access : kernel.accesses)
    for (size_t axis = 0; axis < access.strides.size(); ++axis)
      if (axis != last && access.strides[axis].is(1) && lies_across(kernel, access, last))
        return static_cast<int>(axis);
  return -1;
}

namespace {

bool crosses(const Kernel& kernel, const Access& access) {
  const auto axis = static_cast<size_t>(crossing_axis(kernel));
  return access.strides[axis].is(1) && lies_across(kernel, access, last_axis(kernel));
}

int bytes_of_tile(const Kernel& kernel, const Access& access, int elements) {
  return size_of(kernel.buffers[static_cast<size_t>(access.buffer)].dtype) * elements * 3 / 2;
}

// As large as all that lies across fits; the smallest where it does not even then.
int elements_of_tile(const Kernel& kernel) {
  int bytes = 0;
  for (const Access& access : kernel.accesses)
    if (crosses(kernel, access)) bytes += bytes_of_tile(kernel, access, 1 << 8);
  int elements = kLargeTile;
  while (elements > kSmallTile && (bytes >> 8) * elements > kTileBytes) elements /= 2;
  return elements;
}

}  // namespace

bool is_crossing(const Kernel& kernel, const Access& wanted, int elements) {
  int bytes = 0;
  for (const Access& access : kernel.accesses) {
    const bool is = crosses(kernel, access);
    if (is) bytes += bytes_of_tile(kernel, access, elements);
    if (&access == &wanted) return is && bytes <= kTileBytes;
  }
  return false;
}

int least_blocks(const Kernel& kernel, DeviceSchedule schedule) {
  if (longest_body(kernel) >= kVeryLongBody) return 1;
  switch (schedule) {
    case DeviceSchedule::map: return 6;
    case DeviceSchedule::tiles: return 4;
    case DeviceSchedule::rows:
    case DeviceSchedule::columns:
    case DeviceSchedule::walk: return 2;
  }
  return 1;
}

LaunchRule schedule(const Kernel& kernel) {
  LaunchRule rule;
  const size_t rank = kernel.axes.size(), outer = static_cast<size_t>(kernel.outer_rank);
  if (is_map(kernel)) {
    const int crossing = crossing_axis(kernel);
    for (size_t axis = 0; axis < rank; ++axis)
      if (axis != last_axis(kernel) && static_cast<int>(axis) != crossing)
        rule.outer.push_back(kernel.axes[axis].extent);
    if (crossing >= 0) rule.outer.push_back(kernel.axes[static_cast<size_t>(crossing)].extent);
    if (rank > 0) rule.outer.push_back(kernel.axes[last_axis(kernel)].extent);
    if (crossing >= 0) rule.schedule = DeviceSchedule::tiles;
    rule.elements = crossing >= 0 ? elements_of_tile(kernel) : elements_of(kernel);
    return rule;
  }
  rule.outer = extents(kernel, 0, outer);
  rule.inner = extents(kernel, outer, rank);
  for (const KernelBuffer& buffer : kernel.buffers)
    if (buffer.role == BufferRole::scratch) rule.scratch.push_back(size_of(buffer.dtype));
  rule.split = kernel.split;
  rule.tree = kernel.order == kTreeOrder;
  const bool scans =
      std::any_of(kernel.stages.begin(), kernel.stages.end(), [](const Stage& s) { return !s.scans.empty(); });
  rule.spreads = std::any_of(kernel.stages.begin(), kernel.stages.end(),
                             [](const Stage& s) { return s.inner && s.reductions.empty(); });
  if (scans || (is_column_mode(kernel) && rule.tree))
    rule.schedule = DeviceSchedule::walk;
  else
    rule.schedule = is_column_mode(kernel) ? DeviceSchedule::columns : DeviceSchedule::rows;
  if (rule.schedule == DeviceSchedule::columns) {
    // Memory is read in sectors.
    int size = 4;
    for (const KernelBuffer& buffer : kernel.buffers)
      if (buffer.role == BufferRole::input) size = std::min(size, size_of(buffer.dtype));
    rule.elements = kSectorBytes / size;
  }
  return rule;
}

}  // namespace tandem::cuda
