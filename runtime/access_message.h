// What a kernel says that was asked for an element outside of an axis.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "runtime/kernel_code.h"

namespace tandem {

// The message of one of the kernel's accesses: "{}" in it is the index, "{kernel}" the kernel's name, "{dN}" a dim.
// With the user's line, if it has one.
std::string access_message(const KernelCode& kernel, size_t access, int64_t index, std::span<const int64_t> dims);

std::string line_of(const StepOrigin& origin);  // " (at model.py:3)", or nothing

}  // namespace tandem
