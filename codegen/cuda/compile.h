// Text -> code for a GPU, through the pack and the kernel cache on disk.
#pragma once
#include <string>

#include "codegen/cuda/emit.h"
#include "runtime/cuda/device_kernel.h"
#include "runtime/kernel_code.h"

namespace tandem::cuda {

// Contraction is off and everything correctly rounded: elementwise results are those of the CPU, bit for bit.
inline constexpr const char* kCompileOptions[] = {"--std=c++17", "--fmad=false", "--prec-div=true", "--prec-sqrt=true",
                                                  "--ftz=false"};

// For a GPU of that architecture: a cubin, or PTX of the newest one that NVRTC knows if this one is newer. Thread-safe.
// Looked for in the pack first, for which no NVRTC is needed, then on the disk. Throws Error{backend} where NVRTC would be
// needed and is missing, or the architecture is too old for it.
DeviceKernel compile(const Kernel& kernel, int arch, bool disk_cache = true);
// For what the target says alone. Throws Error{value} if NVRTC does not know the architecture.
DeviceKernel compile(const Kernel& kernel, DeviceTarget target, bool disk_cache = true);
// The same of a source, whatever made it. `origin` is for profiles.
DeviceKernel compile(Source source, const StepOrigin& origin, int arch, bool disk_cache = true);
std::string ptx_text(const Kernel& kernel, int arch);

}  // namespace tandem::cuda
