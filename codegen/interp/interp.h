// The definition of Kernel semantics: a plain walk over axes, stages and nodes, one element at a time. Every other back
// end must agree with it bit for bit. It is also what runs in a build without LLVM.
#pragma once
#include <memory>

#include "codegen/backend.h"

namespace tandem {

std::unique_ptr<Backend> make_interpreter();

}  // namespace tandem
