#include "runtime/cuda/routines.h"

#include <algorithm>
#include <array>

namespace tandem::cuda {

const DeviceRoutine* find_device_routine(std::string_view name) {
  if (!compiles_texts()) return nullptr;
  static const std::array families = {convolution_routines(), pooling_routines(), search_routines(), sort_routines()};
  for (const std::span<const DeviceRoutine> family : families)
    for (const DeviceRoutine& routine : family)
      if (routine.name == name) return &routine;
  return nullptr;
}

}  // namespace tandem::cuda
