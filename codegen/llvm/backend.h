// The LLVM back end: emitted text -> object code, through the kernel caches in memory and on disk.
#pragma once
#include <memory>
#include <string>

#include "codegen/backend.h"
#include "codegen/llvm/module.h"
#include "codegen/llvm/target.h"

namespace tandem::llvm {

std::unique_ptr<Backend> make_backend(const Target& target);
std::string compile_object(const Kernel& kernel, const Target& target);
std::string compile_object(std::span<const Kernel> kernels, std::string_view name, std::string_view data,
                           const Target& target);

}  // namespace tandem::llvm
