#include "runtime/cuda/launch.h"

#include <algorithm>
#include <cstring>

#include "runtime/access_message.h"

namespace tandem::cuda {

namespace {

constexpr unsigned kSharedWithoutAsking = 48u << 10;
constexpr size_t kMostWords = 512;  // of parameters: 4 KB, what every driver takes

constexpr int64_t kOfReductions = 8 << 10;  // at most, of shared memory that kernels have themselves

std::atomic<int64_t> launches{0}, modules{0};

int64_t most_shared(const Gpu& gpu) {
  return std::clamp<int64_t>(gpu.properties.max_shared_memory - kOfReductions, kSharedScratch, kMostShared);
}

}  // namespace

DeviceCode::~DeviceCode() {
  if (forked()) return;
  for (const Loaded& each : loaded_) {
    if (each.gpu->lost()) continue;
    // What is still in the stream runs on: cuModuleUnload waits for it.
    if (driver().set_context(each.gpu->context) == Result::success) driver().module_unload(each.module);
  }
}

void DeviceCode::run(int64_t, int64_t, void* const*, const int64_t*, void*, int64_t*) const {
  throw InternalError("internal error (please report it): a kernel for a GPU was run on the CPU");
}

Handle DeviceCode::function(Gpu& gpu, const std::string& name, unsigned shared_bytes) const {
  const std::lock_guard lock(mutex_);
  auto known = std::find_if(loaded_.begin(), loaded_.end(), [&](const Loaded& each) { return each.gpu == &gpu; });
  const Api& api = driver();
  if (known == loaded_.end()) {
    Loaded made{&gpu, nullptr, nullptr, kSharedWithoutAsking};
    const Result result = api.module_load(&made.module, kernel.code.c_str());
    if (result == Result::no_binary_for_gpu || result == Result::invalid_image)
      throw_error(
          ErrorKind::backend,
          "cuda:{}: got {} while loading the kernel {}; need code for compute capability {}.{} ({}); try a newer "
          "driver, or td.clear_cache(disk=True) if the GPU was exchanged",
          gpu.index, text_of(result), name, gpu.properties.major, gpu.properties.minor, gpu.properties.name);
    gpu.check(result, "cuModuleLoadData");
    modules.fetch_add(1, std::memory_order_relaxed);
    if (const Result found = api.module_function(&made.function, made.module, kernel.entry.c_str());
        found != Result::success) {
      api.module_unload(made.module);
      gpu.check(found, "cuModuleGetFunction");
    }
    known = loaded_.insert(loaded_.end(), made);
  }
  if (shared_bytes > known->shared_bytes) {
    gpu.check(api.function_attribute(known->function, kMaxDynamicShared, static_cast<int>(shared_bytes)),
              "cuFuncSetAttribute");
    known->shared_bytes = shared_bytes;
  }
  return known->function;
}

void launch(Gpu& gpu, const std::shared_ptr<const KernelCode>& code, void* const* ptrs, const int64_t* vals,
            std::span<const int64_t> dims, std::vector<Address>* keep) {
  const auto* device_code = dynamic_cast<const DeviceCode*>(code->code.get());
  check_internal(device_code != nullptr, "the kernel {} of a program for a GPU is not for one", code->name);
  const DeviceLaunch how = launch_of(device_code->kernel.rule, vals, most_shared(gpu));
  if (how.grid[0] == 0) return;
  std::optional<Checked> checked;
  if (device_code->checks)
    checked = Checked{[code, table = std::vector(dims.begin(), dims.end())](size_t access, int64_t index) {
      return access_message(*code, access, index, table);
    }};
  launch_as(gpu, *device_code, how, ptrs, vals, code, std::move(checked), keep);
  code->launches.fetch_add(1, std::memory_order_relaxed);
}

void launch_as(Gpu& gpu, const DeviceCode& code, const DeviceLaunch& how, void* const* ptrs, const int64_t* vals,
               const OriginRef& origin, std::optional<Checked> checked, std::vector<Address>* keep) {
  const DeviceKernel& kernel = code.kernel;
  const Handle function = code.function(gpu, origin->name, how.shared_bytes);
  // One structure by value, in words of 8 bytes.
  const auto buffers = static_cast<size_t>(std::max(1, kernel.buffers)),
             values = static_cast<size_t>(std::max(1, kernel.vals));
  check_internal(buffers + values + 2 <= kMostWords, "the kernel {} has {} parameters", origin->name,
                 buffers + values + 2);
  uint64_t words[kMostWords];
  words[0] = words[buffers] = 0;
  for (size_t k = 0; k < static_cast<size_t>(kernel.buffers); ++k) words[k] = reinterpret_cast<uint64_t>(ptrs[k]);
  if (kernel.vals > 0) std::memcpy(words + buffers, vals, static_cast<size_t>(kernel.vals) * sizeof(int64_t));
  StorageRef scratch;  // what it is given next comes after it in the stream
  if (how.scratch_bytes > 0) scratch = gpu.memory.allocate(static_cast<size_t>(how.scratch_bytes));
  words[buffers + values] = scratch ? reinterpret_cast<uint64_t>(scratch->data) : 0;
  Address status = 0;
  if (checked)
    status = keep ? keep->emplace_back(gpu.failures.keep_words(std::move(*checked)))
                  : gpu.failures.words(std::move(*checked));
  words[buffers + values + 1] = status;
  gpu.failures.launched(origin);
  void* params[] = {words};
  const Result result = driver().launch(function, how.grid[0], how.grid[1], how.grid[2], how.block[0], how.block[1],
                                        how.block[2], how.shared_bytes, gpu.stream, params, nullptr);
  launches.fetch_add(1, std::memory_order_relaxed);
  if (result != Result::success) [[unlikely]]
    gpu.check(result, ("cuLaunchKernel of " + origin->name).c_str());
  if (gpu.synchronous && !keep) [[unlikely]]
    gpu.synchronize();
}

LaunchStats launch_stats() { return {launches.load(), modules.load()}; }

}  // namespace tandem::cuda
