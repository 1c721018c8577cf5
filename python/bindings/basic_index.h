// x[key] as most eager programs write it, without the symbolic sizes of the general way (indexing.cpp).
#pragma once
#include <pybind11/pybind11.h>

#include "frontend/tensor.h"

namespace tandem {

// The view of x that integers, slices and ... give. Null where the general way is needed: for any other key, in captures
// and profiles, where gradients are recorded, and where there is an error to explain.
TensorRef basic_view(const TensorRef& x, pybind11::handle key);

}  // namespace tandem
