// Copies between the host, GPUs, and places on one GPU. All are ordered on the streams of the GPUs involved.
#pragma once
#include <cstddef>
#include <cstdint>

#include "runtime/device.h"

namespace tandem::cuda {

struct CopyStats {
  int64_t to_device = 0, to_host = 0, within = 0, peer = 0;  // copies
  int64_t to_device_bytes = 0, to_host_bytes = 0;
};
CopyStats copy_stats();

}  // namespace tandem::cuda
