#include "runtime/cuda/strided_copy.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <tuple>
#include <utility>

#include "runtime/copy.h"
#include "runtime/cuda/launch.h"

namespace tandem::cuda {

Kernel copy_kernel_of(int bytes, int rank) {
  const DType dtype = bytes == 1 ? DType::u8 : bytes == 2 ? DType::u16 : bytes == 4 ? DType::u32 : DType::u64;
  Kernel kernel;
  kernel.name = "copy";
  Access from{0, {true, 0}, {}, {}}, to{1, {true, 0}, {}, {}};
  for (int k = 0; k < rank; ++k) {
    kernel.axes.push_back({{false, k}});
    from.strides.push_back({false, rank + k});
    to.strides.push_back({false, 2 * rank + k});
  }
  kernel.outer_rank = rank - 1;
  kernel.vector_axis = rank - 1;
  kernel.buffers = {{dtype, BufferRole::input}, {dtype, BufferRole::output}};
  kernel.accesses = {from, to};
  Stage stage;
  stage.body = {{ScalarOp::load, dtype, -1, -1, -1, 0}};
  stage.stores = {{1, 0}};
  kernel.stages = {stage};
  verify(kernel);
  return kernel;
}

namespace {

std::atomic<KernelMaker> kernel_maker{nullptr};

// What is known already, by GPU, element size and rank.
struct CopyKernels {
  std::mutex mutex;
  std::map<std::tuple<int, int, int>, std::shared_ptr<const KernelCode>> known;

  void keep(int gpu, int bytes, int rank, std::shared_ptr<const CompiledKernel> code) {
    auto made = std::make_shared<KernelCode>();
    made->name = fmt::format("copy_{}_bytes_{}_axes", bytes, rank);
    made->code = std::move(code);
    known[{gpu, bytes, rank}] = std::move(made);
  }
};
CopyKernels& copy_kernels() {
  static auto* kernels = new CopyKernels;
  return *kernels;
}

std::shared_ptr<const KernelCode> copy_kernel(Gpu& gpu, int bytes, int rank) {
  CopyKernels& kernels = copy_kernels();
  const std::lock_guard lock(kernels.mutex);
  const std::tuple key{gpu.index, bytes, rank};
  if (!kernels.known.contains(key)) {
    const KernelMaker make = kernel_maker.load();
    check_internal(make != nullptr, "nobody makes kernels that copy");
    kernels.keep(gpu.index, bytes, rank, make({Device::Type::cuda, gpu.index}, copy_kernel_of(bytes, rank)));
  }
  return kernels.known[key];
}

// Both walked together: neighbouring axes are merged, those of size 1 left out; from the outermost in.
struct Walk {
  int rank = 0;
  int64_t sizes[kMostCopyAxes + 1], from[kMostCopyAxes + 1], to[kMostCopyAxes + 1];

  void push(int64_t size, int64_t from_stride, int64_t to_stride) {
    if (size == 1) return;
    if (rank > 0 && from[rank - 1] == from_stride * size && to[rank - 1] == to_stride * size) {
      sizes[rank - 1] *= size;
      from[rank - 1] = from_stride;
      to[rank - 1] = to_stride;
      return;
    }
    sizes[rank] = size;
    from[rank] = from_stride;
    to[rank++] = to_stride;
  }
  bool is_plain() const { return rank == 0 || (rank == 1 && from[0] == 1 && to[0] == 1); }
  int64_t count() const {
    int64_t product = 1;
    for (int k = 0; k < rank; ++k) product *= sizes[k];
    return product;
  }
};

struct Reach {
  int64_t low = 0, high = 0;
};
Reach reach_of(const Walk& walk, const int64_t* strides, int bytes) {
  Reach out;
  for (int k = 0; k < walk.rank; ++k) {
    const int64_t reach = (walk.sizes[k] - 1) * strides[k];
    (reach < 0 ? out.low : out.high) += reach;
  }
  return {out.low * bytes, (out.high + 1) * bytes};
}

}  // namespace

void set_kernel_maker(KernelMaker make) { kernel_maker = make; }

void add_copy_kernel(int gpu, int bytes, int rank, std::shared_ptr<const CompiledKernel> code) {
  CopyKernels& kernels = copy_kernels();
  const std::lock_guard lock(kernels.mutex);
  if (!kernels.known.contains({gpu, bytes, rank})) kernels.keep(gpu, bytes, rank, std::move(code));
}

void copy_strided(Gpu& gpu, int bytes, int rank, const int64_t* sizes, const void* from, const int64_t* from_strides,
                  void* to, const int64_t* to_strides) {
  Walk walk;
  for (int k = 0; k < rank; ++k) {
    if (sizes[k] == 0) return;
    walk.push(sizes[k], from_strides[k], to_strides[k]);
  }
  const Reach read = reach_of(walk, walk.from, bytes), written = reach_of(walk, walk.to, bytes);
  const auto *source = static_cast<const char*>(from), *target = static_cast<const char*>(to);
  const Device device{Device::Type::cuda, gpu.index};
  if (source + read.low < target + written.high && target + written.low < source + read.high) {
    // Overlapping: by way of memory of its own.
    const StorageRef between = gpu.memory.allocate(static_cast<size_t>(walk.count() * bytes));
    int64_t dense[kMostCopyAxes], stride = 1;
    for (int k = rank; k-- > 0;) dense[k] = std::exchange(stride, stride * sizes[k]);
    copy_strided(gpu, bytes, rank, sizes, from, from_strides, between->data, dense);
    return copy_strided(gpu, bytes, rank, sizes, between->data, dense, to, to_strides);
  }
  if (walk.is_plain()) return copy_bytes(device, to, device, from, static_cast<size_t>(walk.count() * bytes));
  if (bytes > 8) {  // as pairs
    for (int k = 0; k < walk.rank; ++k) {
      walk.from[k] *= 2;
      walk.to[k] *= 2;
    }
    walk.push(2, 1, 1);
    bytes /= 2;
  }
  int64_t values[3 * (kMostCopyAxes + 1)];
  std::copy_n(walk.sizes, walk.rank, values);
  std::copy_n(walk.from, walk.rank, values + walk.rank);
  std::copy_n(walk.to, walk.rank, values + 2 * walk.rank);
  void* pointers[] = {const_cast<void*>(from), to};
  gpu.enter();
  launch(gpu, copy_kernel(gpu, bytes, walk.rank), pointers, values, {});
}

}  // namespace tandem::cuda
