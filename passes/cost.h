// What a kernel takes, for the decision whether threads are to share it: rough, but neither twice as much nor half. And what
// is dear to keep.
// Test: tests/passes/test_cost.cpp.
#pragma once
#include "ir/kernel.h"

namespace tandem {

// Per scalar evaluation of the inner stages, on one thread, with everything in the second-level cache.
double nanoseconds_per_point(const Kernel& kernel);

// Whether the elements of a product of float32, and what kernels make of them, had better be computed again by a gradient
// than kept for it: if there are many, and the product is short, it takes the time that memory took.
bool is_computed_again(int64_t elements, int64_t depth);

}  // namespace tandem
