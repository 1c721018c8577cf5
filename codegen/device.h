// Back ends of devices: what compiles the kernels of a program that runs there.
#pragma once
#include "codegen/backend.h"
#include "runtime/device.h"

namespace tandem {

// Of the CPU, the default one. Throws Error{backend} when there is no such device.
Backend& backend_of(Device device);

// Tells the runtime how kernels for its own copies on GPUs are made. Cheap; nothing is loaded.
void connect_devices();

}  // namespace tandem
