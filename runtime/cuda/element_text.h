// Elements in the text of hand-written kernels (text_kernel.h).
#pragma once
#include <string>

#include "ir/dtype.h"

namespace tandem::cuda {

// Defines `element`, what is in memory, `wide`, what is computed with, and widened() and narrowed() between them.
std::string element_text(DType dtype);
// Defines `bits`, unsigned and of the size of `element`.
std::string bits_text(DType dtype);
// A function that reports an index by its value to the status words of a launch.
extern const char* const kReportText;

}  // namespace tandem::cuda
