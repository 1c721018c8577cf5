#include "codegen/cuda/compile.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "codegen/cuda/module.h"
#include "codegen/cuda/pack.h"
#include "codegen/cuda/target.h"
#include "codegen/kernel_memory.h"
#include "runtime/cache.h"
#include "runtime/profile.h"

namespace tandem::cuda {

namespace {

// What NVRTC can make for such a GPU.
DeviceTarget goal_of(int arch) {
  const std::vector<int>& known = module_archs();
  if (std::find(known.begin(), known.end(), arch) != known.end()) return {arch, false};
  // A cubin runs on later GPUs of its generation, PTX on all later ones.
  const auto later = std::upper_bound(known.begin(), known.end(), arch);
  if (later == known.begin())
    throw_error(ErrorKind::backend,
                "cuda: got a GPU of {}; need one that NVRTC {} ({}) knows: {} and later; try an older NVRTC, as of "
                "nvidia-cuda-nvrtc-cu12",
                arch_name(arch), module_version(), module_file(), arch_name(known.front()));
  const int before = *(later - 1);
  return {before, before / 10 != arch / 10};
}

CacheKey key_of(const std::string& text, DeviceTarget goal) {
  std::string all = fmt::format("cuda {} {} NVRTC {}", goal.arch, goal.ptx, module_version());
  for (const char* option : kCompileOptions) all += fmt::format(" {}", option);
  return hash128(all + "\n" + text);
}

// What becomes of one source.
class Making {
 public:
  Making(Source source, const StepOrigin& origin)
      : text_(source.text()),
        origin_(origin),
        made_{kEntryPoint, {}, false, source.buffers, source.vals, std::move(source.rule)} {}

  std::optional<DeviceKernel> from_pack(int arch) {
    const std::string_view code = find_in_pack(text_, arch);
    if (code.empty()) return std::nullopt;
    kernel_memory().count_pack_hit();
    return made(std::string(code), EventKind::load);
  }

  DeviceKernel compiled(DeviceTarget goal, bool disk_cache) {
    made_.is_ptx = goal.ptx;
    const CacheKey key = key_of(text_, goal);
    if (disk_cache) {
      if (const std::optional<std::vector<char>> blob = cache_read(key)) {
        kernel_memory().count_disk_hit();
        return made({blob->data(), blob->size()}, EventKind::load);
      }
    }
    std::string code = nvrtc_compile(text_, goal.arch, goal.ptx);
    if (disk_cache) cache_write(key, code);
    kernel_memory().count_compiled(std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count());
    return made(std::move(code), EventKind::compile);
  }

 private:
  DeviceKernel made(std::string code, EventKind kind) {
    if (profile_ != 0) record(kind, profile_, std::make_shared<const StepOrigin>(origin_));
    made_.code = std::move(code);
    return std::move(made_);
  }

  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  const uint64_t profile_ = profile_start();
  const std::string text_;
  const StepOrigin& origin_;
  DeviceKernel made_;
};

}  // namespace

DeviceKernel compile(const Kernel& kernel, int arch, bool disk_cache) {
  return compile(emit(kernel), {kernel.name, kernel.sources}, arch, disk_cache);
}

DeviceKernel compile(Source source, const StepOrigin& origin, int arch, bool disk_cache) {
  Making making(std::move(source), origin);
  if (disk_cache)
    if (std::optional<DeviceKernel> found = making.from_pack(arch)) return *std::move(found);
  return making.compiled(goal_of(arch), disk_cache);
}

DeviceKernel compile(const Kernel& kernel, DeviceTarget target, bool disk_cache) {
  const std::vector<int>& known = module_archs();
  if (std::find(known.begin(), known.end(), target.arch) == known.end()) {
    std::string names;
    for (const int arch : known) names += fmt::format("{}{}", names.empty() ? "" : ", ", arch_name(arch));
    throw_error(ErrorKind::value, "save: got the target '{}_{}'; need one that NVRTC {} knows: {}, or compute_ for PTX",
                target.ptx ? "compute" : "sm", target.arch, module_version(), names);
  }
  return Making(emit(kernel), {kernel.name, kernel.sources}).compiled(target, disk_cache);
}

std::string ptx_text(const Kernel& kernel, int arch) {
  return nvrtc_compile(emit(kernel).text(), goal_of(arch).arch, true);
}

}  // namespace tandem::cuda
