// Scheduling: orders and merges the axes of a loop nest, picks the vector axis, splits long reductions, and turns sizes
// into run-time values. The order of combination of reductions does not depend on anything chosen here.
#pragma once
#include "passes/body.h"

namespace tandem {

std::vector<LoweredKernel> schedule(const LowerContext& context, LoopNest nest);

}  // namespace tandem
