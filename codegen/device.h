// Back ends of devices: what compiles the kernels of a program that runs there.
#pragma once
#include "codegen/backend.h"
#include "runtime/device.h"

namespace tandem {

// Of the CPU, the default one. Throws Error{backend} when there is no such device.
Backend& backend_of(Device device);

}  // namespace tandem
