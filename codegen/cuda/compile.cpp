#include "codegen/cuda/compile.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>

#include "codegen/cuda/module.h"
#include "codegen/cuda/target.h"
#include "runtime/cache.h"
#include "runtime/profile.h"

namespace tandem::cuda {

namespace {

std::mutex stats_mutex;
CudaCompileStats stats;

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

DeviceKernel make(Source source, const StepOrigin& origin, DeviceTarget goal, bool disk_cache) {
  const auto start = std::chrono::steady_clock::now();
  const uint64_t profile = profile_start();
  const auto note = [&](EventKind kind) {
    if (profile != 0) record(kind, profile, std::make_shared<const StepOrigin>(origin));
  };
  const std::string text = source.text();
  DeviceKernel made{kEntryPoint, {}, goal.ptx, source.buffers, source.vals, std::move(source.rule)};
  const CacheKey key = key_of(text, goal);
  if (disk_cache) {
    if (const std::optional<std::vector<char>> blob = cache_read(key)) {
      made.code.assign(blob->data(), blob->size());
      note(EventKind::load);
      const std::lock_guard lock(stats_mutex);
      ++stats.disk_hits;
      return made;
    }
  }
  made.code = nvrtc_compile(text, goal.arch, goal.ptx);
  if (disk_cache) cache_write(key, made.code);
  note(EventKind::compile);
  const std::lock_guard lock(stats_mutex);
  ++stats.compiled;
  stats.compile_seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return made;
}

}  // namespace

DeviceKernel compile(const Kernel& kernel, int arch, bool disk_cache) {
  return compile(emit(kernel), {kernel.name, kernel.sources}, arch, disk_cache);
}

DeviceKernel compile(Source source, const StepOrigin& origin, int arch, bool disk_cache) {
  return make(std::move(source), origin, goal_of(arch), disk_cache);
}

DeviceKernel compile(const Kernel& kernel, DeviceTarget target, bool disk_cache) {
  const std::vector<int>& known = module_archs();
  if (std::find(known.begin(), known.end(), target.arch) == known.end()) {
    std::string names;
    for (const int arch : known) names += fmt::format("{}{}", names.empty() ? "" : ", ", arch_name(arch));
    throw_error(ErrorKind::value, "save: got the target '{}_{}'; need one that NVRTC {} knows: {}, or compute_ for PTX",
                target.ptx ? "compute" : "sm", target.arch, module_version(), names);
  }
  return make(emit(kernel), {kernel.name, kernel.sources}, target, disk_cache);
}

std::string ptx_text(const Kernel& kernel, int arch) {
  return nvrtc_compile(emit(kernel).text(), goal_of(arch).arch, true);
}

CudaCompileStats cuda_compile_stats() {
  const std::lock_guard lock(stats_mutex);
  return stats;
}

}  // namespace tandem::cuda
