// Matrix products of oneDNN, found at run time (libdnnl.so.3 or .so.2, or $TANDEM_DNNL) and called through its C
// interface. Neither its header nor the library is needed to build.
#pragma once
#include <string>

#include "runtime/library.h"

namespace tandem {

bool dnnl_available();
std::string dnnl_description();  // "oneDNN 2.6.3", or why there is none

// On this thread alone. Rows of `out` are `out_row` elements apart. False when oneDNN has no fast kernel for this problem;
// nothing is written then. f32 and bf16 only.
bool dnnl_matmul(const MatmulArgs& args, int64_t out_row);
// Whether it would be computed.
bool dnnl_accepts(const MatmulArgs& args, int64_t out_row);

}  // namespace tandem
