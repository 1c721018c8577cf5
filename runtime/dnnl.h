// Matrix products of oneDNN, found at run time (libdnnl.so.3 or .so.2, or $TANDEM_DNNL) and called through its C
// interface. Neither its header nor the library is needed to build.
#pragma once
#include <string>

#include "runtime/library.h"

namespace tandem {

bool dnnl_available();
std::string dnnl_description();  // "oneDNN 2.6.3", or why there is none

// False when oneDNN has no fast kernel for this problem; nothing is written then. f32 and bf16 only.
// Not for use inside a parallel loop or in a forked child.
bool dnnl_matmul(const MatmulArgs& args);

}  // namespace tandem
