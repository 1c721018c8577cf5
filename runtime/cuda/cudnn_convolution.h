// Convolutions by cuDNN. The algorithm for given sizes is what its heuristics say, of those whose results do not depend on
// the order in which threads come.
#pragma once
#include <cstdint>

#include "runtime/convolution.h"

namespace tandem::cuda {

class Gpu;

// Without bias. False, before anything was written, where there is no cuDNN, or it cannot do this.
bool cudnn_convolve(Gpu& gpu, const ConvolutionArgs& args);

int64_t cudnn_calls();

}  // namespace tandem::cuda
