// Kernels on GPUs: loading their code, and asking for them to run.
#pragma once
#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/cuda/device.h"
#include "runtime/cuda/device_kernel.h"
#include "runtime/kernel_code.h"

namespace tandem::cuda {

// The code of a kernel, which every GPU of its kind can run. It is loaded into one when it first runs there.
class DeviceCode final : public CompiledKernel {
 public:
  DeviceCode(DeviceKernel kernel, bool checks) : kernel(std::move(kernel)), checks(checks) {}
  ~DeviceCode() override;

  void run(int64_t, int64_t, void* const*, const int64_t*, void*, int64_t*) const override;  // throws InternalError

  // On that GPU. `name` is for messages.
  Handle function(Gpu& gpu, const std::string& name, unsigned shared_bytes) const;

  const DeviceKernel kernel;
  const bool checks;  // whether it may report an index

 private:
  struct Loaded {
    Gpu* gpu;
    Handle module, function;
    unsigned shared_bytes;  // that it may have
  };
  mutable std::mutex mutex_;
  mutable std::vector<Loaded> loaded_;
};

// Asks for one run; `ptrs` and `vals` as for every kernel (ir/kernel.h). `dims`: the program's table, for messages.
// `keep`: gets the status words of a launch that is being captured.
void launch(Gpu& gpu, const std::shared_ptr<const KernelCode>& code, void* const* ptrs, const int64_t* vals,
            std::span<const int64_t> dims, std::vector<Address>* keep = nullptr);

// The same of code whose launch somebody else decides. `checked`: what it says of indices, where it checks some.
void launch_as(Gpu& gpu, const DeviceCode& code, const DeviceLaunch& how, void* const* ptrs, const int64_t* vals,
               const OriginRef& origin, std::optional<Checked> checked, std::vector<Address>* keep = nullptr);

struct LaunchStats {
  int64_t launches = 0;
  int64_t modules = 0;  // loaded
};
LaunchStats launch_stats();

}  // namespace tandem::cuda
