// What a kernel takes, for the decision whether threads are to share it: rough, but neither twice as much nor half.
// Test: tests/passes/test_cost.cpp.
#pragma once
#include "ir/kernel.h"

namespace tandem {

// Per scalar evaluation of the inner stages, on one thread, with everything in the second-level cache.
double nanoseconds_per_point(const Kernel& kernel);

}  // namespace tandem
