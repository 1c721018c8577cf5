#include "codegen/device.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "codegen/cuda/backend.h"
#include "codegen/cuda/module.h"
#include "codegen/gpu_pack.h"
#include "codegen/kernel_memory.h"
#include "runtime/cuda/device.h"
#include "runtime/cuda/launch.h"
#include "runtime/cuda/strided_copy.h"
#include "runtime/cuda/text_kernel.h"

namespace tandem {

namespace {

// For GPUs of one architecture.
class GpuBackend final : public Backend {
 public:
  explicit GpuBackend(int arch) : arch_(arch) {}
  std::string_view name() const override { return "cuda"; }
  std::shared_ptr<const CompiledKernel> compile(const Kernel& kernel, const CompileOptions& options) override {
    return kernel_memory().get(hash128(to_text(kernel) + cuda::arch_name(arch_)), [&] {
      const bool checks = std::any_of(kernel.accesses.begin(), kernel.accesses.end(),
                                      [](const Access& access) { return !access.gathers.empty(); });
      return std::make_shared<const cuda::DeviceCode>(cuda::compile(kernel, arch_, options.disk_cache), checks);
    });
  }
  std::string text(const Kernel& kernel, std::string_view stage) override { return cuda::text(kernel, stage, arch_); }

 private:
  const int arch_;
};

std::shared_ptr<const CompiledKernel> made_for(Device device, const Kernel& kernel) {
  return backend_of(device).compile(kernel);
}

int arch_of(Device device) { return cuda::Gpu::at(device.index).properties.arch(); }

std::shared_ptr<const CompiledKernel> compile_text(Device device, const cuda::KernelText& text) {
  return std::make_shared<const cuda::DeviceCode>(
      cuda::compile({text.body, text.buffers, text.vals, {}}, {text.name, {}}, arch_of(device)), false);
}

bool has_compiler() {
  static const bool found = [] {
    try {
      return !cuda::module_version().empty();
    } catch (const Error&) {
      return false;
    }
  }();
  return found;
}

}  // namespace

void connect_devices() {
  cuda::set_kernel_maker(made_for);
  cuda::set_compile_text(compile_text, has_compiler);
}

Backend& backend_of(Device device) {
  if (is_cpu(device)) {
    if (Backend* const noting = noting_backend()) [[unlikely]]
      return *noting;
    return default_backend();
  }
  const int arch = arch_of(device);
  static std::mutex mutex;
  static auto* all = new std::map<int, GpuBackend>;
  const std::lock_guard lock(mutex);
  return all->try_emplace(arch, arch).first->second;
}

}  // namespace tandem
