#include "runtime/cuda/put.h"

#include <algorithm>
#include <array>
#include <bit>

#include "runtime/copy.h"
#include "runtime/cuda/element_text.h"
#include "runtime/cuda/order.h"

namespace tandem::cuda {

namespace {

constexpr unsigned kThreads = 256;
constexpr int64_t kFew = 256;  // indices that are compared with each other rather than sorted
constexpr int64_t kMostBlocks = 1 << 20;

// What both kinds of writes are made of. vals: indices, extent, step, columns, axes of the places, axes of the indices;
// then size, step in `to`, step in `from` of each of the former, and size, step in `from` of the latter.
constexpr size_t kCounts = 6, kVals = kCounts + 3 * kMostCopyAxes + 2 * kMostCopyAxes;
constexpr const char* kParts = R"(
struct Args { void* ptrs[4]; i64 vals[166]; void* scratch; i64* status; };
__device__ __forceinline__ i64 place_of(i64 index, i64 extent) {
  const i64 place = index < 0 ? index + extent : index;
  return place >= 0 && place < extent ? place : -1;
}
struct Column { i64 to, from; };
__device__ __forceinline__ Column column_of(const Args& args, i64 column) {
  Column at = {0, 0};
  for (int k = (int)args.vals[4]; k-- > 0;) {
    const i64* const axis = args.vals + 6 + 3 * k;
    const i64 i = take(column, axis[0]);
    at.to += i * axis[1];
    at.from += i * axis[2];
  }
  return at;
}
__device__ __forceinline__ i64 value_at(const Args& args, i64 index) {
  i64 at = 0;
  for (int k = (int)args.vals[5]; k-- > 0;) {
    const i64* const axis = args.vals + 6 + 3 * 32 + 2 * k;
    at += take(index, axis[0]) * axis[1];
  }
  return at;
}
)";
static_assert(kVals == 166 && kMostCopyAxes == 32, "the text says so, too");

// ptrs: to, from, indices.
constexpr const char* kFewIndices = R"(
extern "C" __global__ void __launch_bounds__(256) tandem_kernel(const __grid_constant__ Args args) {
  element* const to = (element*)args.ptrs[0];
  const element* const from = (const element*)args.ptrs[1];
  const i64* const indices = (const i64*)args.ptrs[2];
  const i64 n = args.vals[0], extent = args.vals[1], step = args.vals[2], columns = args.vals[3];
  for (i64 item = (i64)blockIdx.x * 256 + threadIdx.x; item < n * columns; item += (i64)gridDim.x * 256) {
    const i64 index = item / columns, column = item % columns, place = place_of(indices[index], extent);
    if (place < 0) {
      if (column == 0) report_index(indices[index], args.status);
      continue;
    }
    // The last index of a place writes it; or the first, with all that follow.
    bool mine = true;
    for (i64 k = kSets ? index + 1 : 0; mine && k < (kSets ? n : index); ++k)
      mine = place_of(indices[k], extent) != place;
    if (!mine) continue;
    const Column at = column_of(args, column);
    element* const target = to + place * step + at.to;
    element value = *target;
    for (i64 k = index; k < (kSets ? index + 1 : n); ++k)
      if (place_of(indices[k], extent) == place) value = combined(value, from[value_at(args, k) + at.from]);
    *target = value;
  }
}
)";

// ptrs: to, from, keys in order, their places.
constexpr const char* kManyIndices = R"(
extern "C" __global__ void __launch_bounds__(256) tandem_kernel(const __grid_constant__ Args args) {
  element* const to = (element*)args.ptrs[0];
  const element* const from = (const element*)args.ptrs[1];
  const key* const keys = (const key*)args.ptrs[2];
  const u32* const order = (const u32*)args.ptrs[3];
  const i64 n = args.vals[0], extent = args.vals[1], step = args.vals[2], columns = args.vals[3];
  for (i64 item = (i64)blockIdx.x * 256 + threadIdx.x; item < n * columns; item += (i64)gridDim.x * 256) {
    const i64 index = item / columns;
    const key place = keys[index];
    if (place >= (u64)extent) continue;
    if (kSets ? index + 1 < n && keys[index + 1] == place : index > 0 && keys[index - 1] == place) continue;
    const Column at = column_of(args, item % columns);
    element* const target = to + (i64)place * step + at.to;
    element value = *target;
    i64 k = index;
    do value = combined(value, from[value_at(args, order[k]) + at.from]);
    while (!kSets && ++k < n && keys[k] == place);
    *target = value;
  }
}
)";

// ptrs: indices, keys. Those without a place come last.
constexpr const char* kKeysOfIndices = R"(
struct Args { void* ptrs[2]; i64 vals[2]; void* scratch; i64* status; };
extern "C" __global__ void __launch_bounds__(256) tandem_kernel(const __grid_constant__ Args args) {
  const i64* const indices = (const i64*)args.ptrs[0];
  key* const keys = (key*)args.ptrs[1];
  const i64 n = args.vals[0], extent = args.vals[1];
  for (i64 k = (i64)blockIdx.x * 256 + threadIdx.x; k < n; k += (i64)gridDim.x * 256) {
    const i64 index = indices[k], place = index < 0 ? index + extent : index;
    const bool there = place >= 0 && place < extent;
    if (!there) report_index(index, args.status);
    keys[k] = (key)(there ? place : extent);
  }
}
)";

constexpr const char* kCheck = R"(
struct Args { void* ptrs[1]; i64 vals[2]; void* scratch; i64* status; };
extern "C" __global__ void __launch_bounds__(256) tandem_kernel(const __grid_constant__ Args args) {
  const element* const indices = (const element*)args.ptrs[0];
  const i64 n = args.vals[0], size = args.vals[1];
  for (i64 k = (i64)blockIdx.x * 256 + threadIdx.x; k < n; k += (i64)gridDim.x * 256) {
    const element index = indices[k];
    const bool below = (element)-1 < 0 && (i64)index < -size;
    const bool beyond = (element)-1 < 0 ? (i64)index >= size : (u64)index >= (u64)size;
    if (!below && !beyond) continue;
    report_index((element)-1 < 0 || (u64)index >> 63 == 0 ? (i64)index : 0x7fffffffffffffffll, args.status);
  }
}
)";

const char* combination(DType dtype, PutMode mode) {
  const bool whole = info(dtype).kind != Kind::floating;
  switch (mode) {
    case PutMode::set: return "value";
    // Whole numbers wrap around, without a sign on the way.
    case PutMode::add:
      return whole ? "(element)((u64)there + (u64)value)" : "narrowed(widened(there) + widened(value))";
    case PutMode::multiply:
      return whole ? "(element)((u64)there * (u64)value)" : "narrowed(widened(there) * widened(value))";
    case PutMode::maximum: return "widened(there) != widened(there) || widened(there) > widened(value) ? there : value";
    case PutMode::minimum: return "widened(there) != widened(there) || widened(there) < widened(value) ? there : value";
  }
  return "";
}

// As what an element is written: bytes for a plain write, numbers where they are combined.
DType written_as(DType dtype, PutMode mode) {
  if (mode != PutMode::set) return dtype == DType::boolean ? DType::u8 : dtype;
  switch (size_of(dtype)) {
    case 1: return DType::u8;
    case 2: return DType::u16;
    case 4: return DType::u32;
    default: return DType::u64;
  }
}

std::string definitions(DType dtype, PutMode mode) {
  return element_text(dtype) + kReportText + kParts +
         fmt::format(
             "constexpr bool kSets = {};\n__device__ __forceinline__ element combined(element there, element "
             "value) {{ return {}; }}\n",
             mode == PutMode::set, combination(dtype, mode));
}

int64_t blocks_for(int64_t items) { return std::min<int64_t>((items + kThreads - 1) / kThreads, kMostBlocks); }

Keys keys_of(const TextLaunch& launch, const PutArgs& args, int64_t count) {
  Keys keys;
  keys.bytes = args.extent < int64_t{1} << 32 ? 4 : 8;
  keys.count = count;
  keys.memory = launch.gpu.memory.allocate(static_cast<size_t>(count * keys.bytes));
  const std::string name = fmt::format("keys_of_indices_{}", 8 * keys.bytes);
  const DeviceCode& code = TextKernels::all().of(launch.gpu, name, [&] {
    return KernelText{name, fmt::format("typedef u{} key;", 8 * keys.bytes) + kReportText + kKeysOfIndices, 2, 2};
  });
  launch.run(code, blocks_for(count), kThreads,
             std::array<void*, 2>{const_cast<int64_t*>(args.indices), keys.memory->data},
             std::array<int64_t, 2>{count, args.extent}, true);
  return keys;
}

}  // namespace

bool put(const TextLaunch& launch, const PutArgs& given) {
  const RealPut real(given);
  const PutArgs& args = real.args;
  const std::vector<PutAxis> axes = merged(args.axes), index_axes = merged(args.index_axes);
  const int64_t count = size_of(args.index_axes), columns = size_of(args.axes);
  if (count == 0 || columns == 0) return true;
  if (count >= kMostKeys) return false;
  std::array<int64_t, kVals> vals{count,
                                  args.extent,
                                  args.step,
                                  columns,
                                  static_cast<int64_t>(axes.size()),
                                  static_cast<int64_t>(index_axes.size())};
  for (size_t k = 0; k < axes.size(); ++k) {
    int64_t* const place = vals.data() + kCounts + 3 * k;
    place[0] = axes[k].size, place[1] = axes[k].to, place[2] = axes[k].from;
  }
  for (size_t k = 0; k < index_axes.size(); ++k) {
    int64_t* const place = vals.data() + kCounts + 3 * static_cast<size_t>(kMostCopyAxes) + 2 * k;
    place[0] = index_axes[k].size, place[1] = index_axes[k].from;
  }
  const DType dtype = written_as(args.dtype, args.mode);
  const auto code = [&](const std::string& kind, const std::string& before, const char* text) -> const DeviceCode& {
    const std::string name = fmt::format("put_{}_{}_{}", to_text(args.mode), info(dtype).name, kind);
    return TextKernels::all().of(launch.gpu, name, [&] {
      return KernelText{name, before + definitions(dtype, args.mode) + text, 4, static_cast<int>(kVals)};
    });
  };
  void *const to = args.to, *const from = const_cast<void*>(args.from);
  const int64_t blocks = blocks_for(count * columns);
  if (count <= kFew) {
    void* const indices = const_cast<int64_t*>(args.indices);
    launch.run(code("few", "", kFewIndices), blocks, kThreads, std::array{to, from, indices, indices}, vals, true);
    return true;
  }
  const Keys keys = keys_of(launch, args, count);
  const int key_bits = 8 * keys.bytes;
  const Ordered sorted = in_order(launch, keys, static_cast<int>(std::bit_width(static_cast<uint64_t>(args.extent))));
  launch.run(code(fmt::format("many_{}", key_bits), fmt::format("typedef u{} key;\n", key_bits), kManyIndices), blocks,
             kThreads, std::array{to, from, sorted.keys->data, sorted.places->data}, vals);
  return true;
}

void check_indices(const TextLaunch& launch, DType dtype, const void* indices, int64_t count, int64_t size) {
  const std::string name = fmt::format("check_indices_{}", info(dtype).name);
  const DeviceCode& code = TextKernels::all().of(
      launch.gpu, name, [&] { return KernelText{name, element_text(dtype) + kReportText + kCheck, 1, 2}; });
  launch.run(code, blocks_for(count), kThreads, std::array{const_cast<void*>(indices)},
             std::array<int64_t, 2>{count, size}, true);
}

}  // namespace tandem::cuda
