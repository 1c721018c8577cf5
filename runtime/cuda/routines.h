// Routines (runtime/routine.h) that run on the GPU; others are steps of the host.
#pragma once
#include <span>
#include <string_view>

#include "runtime/cuda/text_kernel.h"
#include "runtime/routine.h"

namespace tandem::cuda {

struct DeviceRoutine {
  std::string_view name;
  // All pointers are of the GPU. False where the CPU has to do it after all, before anything was written.
  bool (*run)(const TextLaunch& launch, const RoutineArgs& args);
};

const DeviceRoutine* find_device_routine(std::string_view name);  // null: the host does it

// Each in a file of its own.
std::span<const DeviceRoutine> convolution_routines();
std::span<const DeviceRoutine> pooling_routines();
std::span<const DeviceRoutine> search_routines();
std::span<const DeviceRoutine> sort_routines();

}  // namespace tandem::cuda
