// Copies on a GPU between layouts. What they need are kernels of their own, which somebody else makes.
#pragma once
#include <cstdint>
#include <memory>

#include "ir/kernel.h"
#include "runtime/device.h"
#include "runtime/kernel_code.h"

namespace tandem::cuda {

class Gpu;

// to[i] = from[i], both on this GPU; strides in elements, `bytes` each. What overlaps is copied as if read first.
void copy_strided(Gpu& gpu, int bytes, int rank, const int64_t* sizes, const void* from, const int64_t* from_strides,
                  void* to, const int64_t* to_strides);

// The kernel of a copy of elements of `bytes`, 8 at most, along `rank` axes: one load, one store. Values: the extents, the
// strides of what is read, those of what is written; buffers: what is read, what is written.
Kernel copy_kernel_of(int bytes, int rank);
using KernelMaker = std::shared_ptr<const CompiledKernel> (*)(Device device, const Kernel& kernel);
void set_kernel_maker(KernelMaker make);  // codegen/device.cpp
// One that is there already, as in the file of a model, for a process that makes none.
void add_copy_kernel(int gpu, int bytes, int rank, std::shared_ptr<const CompiledKernel> code);

}  // namespace tandem::cuda
