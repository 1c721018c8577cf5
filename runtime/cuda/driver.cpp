#include "runtime/cuda/driver.h"

#include <pthread.h>

#include <atomic>

#include "ir/error.h"
#include "runtime/dylib.h"

namespace tandem::cuda {

namespace {

// ---- the table: every function that is used, and the version (of cuDriverGetVersion) since which drivers have it ----

struct Symbol {
  const char* name;
  void (*bind)(Api&, void*);
  bool needed;
  int since;
};

template <class F>
F cast_to(void* function) {
  return reinterpret_cast<F>(function);
}

template <auto Member>
constexpr Symbol symbol(const char* name, int since, bool needed = true) {
  return {name,
          [](Api& api, void* found) { api.*Member = cast_to<std::remove_reference_t<decltype(api.*Member)>>(found); },
          needed, since};
}

constexpr Symbol kSymbols[] = {
    symbol<&Api::init>("cuInit", 2000),
    symbol<&Api::driver_version>("cuDriverGetVersion", 2020),
    symbol<&Api::error_name>("cuGetErrorName", 6000),
    symbol<&Api::error_text>("cuGetErrorString", 6000),
    symbol<&Api::device_count>("cuDeviceGetCount", 2000),
    symbol<&Api::device_get>("cuDeviceGet", 2000),
    symbol<&Api::device_name>("cuDeviceGetName", 2000),
    symbol<&Api::device_attribute>("cuDeviceGetAttribute", 2000),
    symbol<&Api::device_memory>("cuDeviceTotalMem_v2", 3020),
    symbol<&Api::can_access_peer>("cuDeviceCanAccessPeer", 4000, false),
    symbol<&Api::primary_context>("cuDevicePrimaryCtxRetain", 7000),
    symbol<&Api::set_context>("cuCtxSetCurrent", 4000),
    symbol<&Api::enable_peer>("cuCtxEnablePeerAccess", 4000, false),
    symbol<&Api::memory_info>("cuMemGetInfo_v2", 3020),
    symbol<&Api::allocate>("cuMemAlloc_v2", 3020),
    symbol<&Api::free>("cuMemFree_v2", 3020),
    symbol<&Api::allocate_host>("cuMemHostAlloc", 2020),
    symbol<&Api::free_host>("cuMemFreeHost", 2000),
    symbol<&Api::host_address>("cuMemHostGetDevicePointer_v2", 3020),
    symbol<&Api::copy_in>("cuMemcpyHtoDAsync_v2", 3020),
    symbol<&Api::copy_out>("cuMemcpyDtoHAsync_v2", 3020),
    symbol<&Api::copy_within>("cuMemcpyDtoDAsync_v2", 3020),
    symbol<&Api::copy_peer>("cuMemcpyPeerAsync", 4000),
    symbol<&Api::fill_bytes>("cuMemsetD8Async", 3020),
    symbol<&Api::stream_create>("cuStreamCreate", 2000),
    symbol<&Api::stream_synchronize>("cuStreamSynchronize", 2000),
    symbol<&Api::stream_query>("cuStreamQuery", 2000),
    symbol<&Api::stream_wait>("cuStreamWaitEvent", 3020),
    symbol<&Api::event_create>("cuEventCreate", 2000),
    symbol<&Api::event_record>("cuEventRecord", 2000),
    symbol<&Api::event_query>("cuEventQuery", 2000),
    symbol<&Api::event_synchronize>("cuEventSynchronize", 2000),
    symbol<&Api::event_elapsed>("cuEventElapsedTime", 2000),
    symbol<&Api::event_destroy>("cuEventDestroy_v2", 4000),
    symbol<&Api::module_load>("cuModuleLoadData", 2000),
    symbol<&Api::module_unload>("cuModuleUnload", 2000),
    symbol<&Api::module_function>("cuModuleGetFunction", 2000),
    symbol<&Api::function_attribute>("cuFuncSetAttribute", 9000),
    symbol<&Api::launch>("cuLaunchKernel", 4000),
    symbol<&Api::begin_capture>("cuStreamBeginCapture_v2", 10010, false),
    symbol<&Api::end_capture>("cuStreamEndCapture", 10000, false),
    symbol<&Api::graph_instantiate>("cuGraphInstantiateWithFlags", 11040, false),
    symbol<&Api::graph_launch>("cuGraphLaunch", 10000, false),
    symbol<&Api::graph_executable_destroy>("cuGraphExecDestroy", 10000, false),
    symbol<&Api::graph_destroy>("cuGraphDestroy", 10000, false),
};

constexpr const char* kUpdate =
    "try a newer driver from nvidia.com/drivers, or your system's package of it; the CPU works meanwhile";

std::atomic<bool> in_use{false}, in_child{false};

std::string version_text(int version) { return fmt::format("{}.{}", version / 1000, version % 1000 / 10); }

struct Loaded {
  Api api;
  int version = 0;
  std::string problem;

  Loaded() {
    Dylib library("TANDEM_CUDA_DRIVER", {"libcuda.so.1", "libcuda.so", "/usr/lib/wsl/lib/libcuda.so.1"});
    if (!library) {
      problem = fmt::format(
          "cuda: got no NVIDIA driver: {}; need its library libcuda.so.1; try installing the driver, or starting the "
          "container with the GPU (--gpus all); the CPU works meanwhile",
          library.reason());
      return;
    }
    for (const Symbol& row : kSymbols) {
      void* found = library.find(row.name);
      if (found) row.bind(api, found);
      // The version says more about an old driver than the name of a function that it lacks.
      if (api.driver_version && version == 0) api.driver_version(&version);
      if (version > 0 && version < kOldestDriver) {
        problem = fmt::format("cuda: got a driver for CUDA {} ({}); need one for {} or newer; {}",
                              version_text(version), library.name(), version_text(kOldestDriver), kUpdate);
        return;
      }
      if (found || !row.needed) continue;
      problem = fmt::format(
          "cuda: got {} without the function {}, which drivers have since CUDA {}; need all of "
          "them; {}",
          library.name(), row.name, version_text(row.since), kUpdate);
      return;
    }
    int count = 0;
    Result result = api.init(0);
    if (result == Result::success) result = api.device_count(&count);
    if (result == Result::no_device || (result == Result::success && count == 0))
      problem = fmt::format(
          "cuda: got a driver ({}) that sees no GPU; need one; try nvidia-smi, and look at CUDA_VISIBLE_DEVICES and at "
          "the devices that the container was given; the CPU works meanwhile",
          library.name());
    else if (result != Result::success)
      problem = fmt::format(
          "cuda: got {} from cuInit of {}; need a driver that starts; try nvidia-smi, which says more, "
          "or a restart after an update of the driver; the CPU works meanwhile",
          name_of(api, result), library.name());
    if (problem.empty()) in_use = true;
  }

  static std::string name_of(const Api& api, Result result) {
    const char *name = nullptr, *text = nullptr;
    if (api.error_name) api.error_name(result, &name);
    if (api.error_text) api.error_text(result, &text);
    if (!name) return fmt::format("the error {}", static_cast<int>(result));
    return text ? fmt::format("{} ({})", name, text) : name;
  }
};

const Loaded& loaded() {
  static const Loaded* once = [] {
    pthread_atfork(nullptr, nullptr, [] { in_child = in_use.load(); });
    return new Loaded;
  }();
  return *once;
}

}  // namespace

bool forked() { return in_child.load(std::memory_order_relaxed); }

std::string driver_problem() {
  if (forked())
    return "cuda: got a call in a child of fork whose parent uses the GPU; need a process of its own, because CUDA "
           "does not "
           "survive a fork; try the start method 'spawn' (multiprocessing.set_start_method)";
  return loaded().problem;
}

const Api& driver() {
  if (forked()) [[unlikely]]
    throw Error(ErrorKind::backend, driver_problem());
  const Loaded& all = loaded();
  if (!all.problem.empty()) [[unlikely]]
    throw Error(ErrorKind::backend, all.problem);
  return all.api;
}

int driver_version() {
  driver();
  return loaded().version;
}

std::string text_of(Result result) { return Loaded::name_of(loaded().api, result); }

bool ends_context(Result result) {
  switch (static_cast<int>(result)) {
    case 214:  // uncorrectable memory error
    case 700:  // illegal address
    case 702:  // launch timeout
    case 709:  // context destroyed
    case 710:  // assert
    case 714:
    case 715:  // illegal instruction, which a trap is
    case 716:
    case 717:
    case 718:
    case 719:  // launch failed
    case 721: return true;
    default: return false;
  }
}

}  // namespace tandem::cuda
