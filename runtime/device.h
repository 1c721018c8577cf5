// Where memory is.
#pragma once
#include "ir/op.h"
#include "runtime/storage.h"

namespace tandem {

inline bool is_cpu(Device device) { return device.type == Device::Type::cpu; }

inline Device device_of(const Storage& storage) {
  return storage.gpu < 0 ? Device{} : Device{Device::Type::cuda, storage.gpu};
}

// Memory of a device; of the CPU, of the host (runtime/storage.h). Throws Error{memory}.
StorageRef allocate_on(Device device, size_t bytes);

// `bytes` bytes. What is read on the host may be overwritten as soon as this returns; what is written there is there, and
// what failed on the GPU before is thrown. Between places of GPUs it returns at once; they may not overlap.
void copy_bytes(Device to_device, void* to, Device from_device, const void* from, size_t bytes);

}  // namespace tandem
