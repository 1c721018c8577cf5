// What f.ir() shows of kernels for GPUs, with or without one.
#pragma once
#include <string>
#include <string_view>

#include "codegen/cuda/compile.h"
#include "codegen/cuda/target.h"

namespace tandem::cuda {

// `stage` "cuda": the source; "ptx": for that architecture. Throws Error{value} for other stages.
std::string text(const Kernel& kernel, std::string_view stage, int arch = kDefaultArch);

}  // namespace tandem::cuda
