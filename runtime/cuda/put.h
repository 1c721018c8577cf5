// Writes at indices on a GPU: in the order of the indices, as on the CPU. Indices that have no place are left out, and
// reported when the GPU is next waited for.
#pragma once
#include "runtime/cuda/text_kernel.h"
#include "runtime/put.h"

namespace tandem::cuda {

// All pointers are of the GPU. False when there are so many indices that the CPU has to do it.
bool put(const TextLaunch& launch, const PutArgs& args);

// Whether all of `count` indices lie in [-size, size); `launch` says what is reported.
void check_indices(const TextLaunch& launch, DType dtype, const void* indices, int64_t count, int64_t size);

}  // namespace tandem::cuda
