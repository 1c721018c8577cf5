#include "deploy/target.h"

#include <algorithm>
#include <optional>

#include "ir/error.h"
#include "runtime/cpu.h"
#include "runtime/cuda/device.h"
#include "runtime/cuda/device_kernel.h"

namespace tandem::deploy {

namespace {

// Made for it, else for an earlier one of its generation, else PTX of the newest that the driver can translate.
const std::string* best_of(const std::vector<std::string>& there, int arch) {
  const std::string* best = nullptr;
  const auto rank = [](DeviceTarget target) { return target.arch + (target.ptx ? 0 : 1 << 16); };
  for (const std::string& name : there) {
    const std::optional<DeviceTarget> target = device_target(name);
    if (target && runs_on(*target, arch) && (!best || rank(*device_target(*best)) < rank(*target))) best = &name;
  }
  return best;
}

Target for_gpu(const std::string& wanted, const std::vector<std::string>& there) {
  const std::optional<DeviceTarget> by_name = device_target(wanted);
  const Device device = cuda::device_from(by_name ? "cuda" : wanted);
  const int arch = cuda::Gpu::at(device.index).properties.arch();
  const std::string* found = by_name ? nullptr : best_of(there, arch);
  if (by_name && runs_on(*by_name, arch))
    if (const auto same = std::find(there.begin(), there.end(), wanted); same != there.end()) found = &*same;
  if (found) return {*found, device};
  throw_error(ErrorKind::backend,
              "load: got '{}' for {} ({}, sm_{}); need code that this GPU runs, and the file has {}; try "
              "td.save(..., targets=['sm_{}']), or 'compute_{}' for this GPU and later ones",
              wanted, to_text(device), cuda::Gpu::at(device.index).properties.name, arch,
              there.empty() ? "none" : fmt::format("{}", fmt::join(there, ", ")), arch, arch);
}

}  // namespace

Target choose_target(const std::string& wanted, const std::vector<std::string>& there) {
  const std::vector<std::string_view> runnable = cpu_levels();
  const auto is_there = [&there](std::string_view name) {
    return std::find(there.begin(), there.end(), name) != there.end();
  };
  if (wanted.empty()) {
    for (auto level = runnable.rbegin(); level != runnable.rend(); ++level)
      if (is_there(*level)) return {std::string(*level)};
    return {std::string(kInterpreter)};
  }
  if (wanted == kInterpreter) return {wanted};
  if (wanted.starts_with("cuda") || device_target(wanted)) return for_gpu(wanted, there);
  if (!is_there(wanted) || std::find(runnable.begin(), runnable.end(), wanted) == runnable.end())
    throw_error(ErrorKind::backend,
                "load: got the target '{}'; need one that the file has ({}) and this machine runs ({}), or interpreter",
                wanted, fmt::join(there, ", "), fmt::join(runnable, ", "));
  return {wanted};
}

}  // namespace tandem::deploy
