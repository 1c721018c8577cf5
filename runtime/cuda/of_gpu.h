// What libraries keep for each GPU: their handle and their plans.
#pragma once
#include <map>
#include <mutex>

#include "runtime/cuda/device.h"

namespace tandem::cuda {

// One T for each GPU, made when it is first asked for, and never destroyed: work may go on while the process ends.
template <class T>
T& of_gpu(const Gpu& gpu) {
  static auto* all = new std::map<int, T>;
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  return (*all)[gpu.index];
}

}  // namespace tandem::cuda
