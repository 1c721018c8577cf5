// Kernel -> CUDA C++. The text includes nothing and refers to nothing but what NVRTC has built in. Scheduling is decided
// first and is plain data (LaunchRule); emission prints it.
#pragma once
#include <string>

#include "ir/kernel.h"
#include "runtime/cuda/device_kernel.h"

namespace tandem::cuda {

inline constexpr const char* kEntryPoint = "tandem_kernel";

struct Source {
  std::string body;  // what follows the prelude (prelude.h)
  int buffers = 0, vals = 0;
  LaunchRule rule;

  std::string text() const;
};

LaunchRule schedule(const Kernel& kernel);
// Of a multiprocessor, which bounds the registers of a thread: what waits for memory wants company, long bodies want
// registers.
int least_blocks(const Kernel& kernel, DeviceSchedule schedule);
// Of a map: the axis that neighbouring threads write along, and, or -1, one that something is read along instead.
size_t last_axis(const Kernel& kernel);
int crossing_axis(const Kernel& kernel);
// Whether it crosses and is read through a tile of so many elements in shared memory.
bool is_crossing(const Kernel& kernel, const Access& access, int elements);
Source emit(const Kernel& kernel);

}  // namespace tandem::cuda
