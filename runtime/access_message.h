// What a kernel says that was asked for an element outside of an axis.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "runtime/kernel_code.h"

namespace tandem {

// The message of one of the kernel's accesses: "{}" in it is the index, "{kernel}" the kernel's name, "{dN}" a dim.
std::string access_message(const KernelCode& kernel, size_t access, int64_t index, std::span<const int64_t> dims);

}  // namespace tandem
