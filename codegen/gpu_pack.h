// Kernels for GPUs in packs (runtime/pack.h), which are made where no GPU is: work that runs on the CPU shows which there
// are. Plans are the same for every device but where products have parts.
#pragma once
#include "codegen/backend.h"

namespace tandem {

// From now on every kernel that is compiled for the CPU is noted, too, as the text that GPUs would be given of it.
void note_gpu_kernels();
Backend* noting_backend();  // what does so in place of the default one; null before

// Compiles what was noted, and the copies of the runtime, for all GPUs that packs are for (codegen/cuda/pack.h) into the
// cache folder, on all threads. Returns how many codes there are. Throws Error{backend} without NVRTC.
int64_t compile_noted_kernels();

}  // namespace tandem
