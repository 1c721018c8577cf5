// Kernel -> LLVM IR text. A straight walk: the kernel says what is a vector, emission only prints explicit 16-lane
// vectors. The text needs no optimisation pass to run well and refers to no outside symbol, except fma and fmaf where
// the target has no such instruction.
#pragma once
#include <string>

#include "codegen/llvm/target.h"
#include "ir/kernel.h"

namespace tandem::llvm {

// `debuggable`: with a frame pointer and unwind tables, so that debuggers and profilers see who called the kernel.
std::string emit(const Kernel& kernel, const Target& target, bool debuggable = false);

}  // namespace tandem::llvm
