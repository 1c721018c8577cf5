// Pointwise operations, eagerly: one program for all sizes of a rank and a pattern of strides.
#pragma once
#include <optional>

#include "frontend/tensor.h"

namespace tandem {

constexpr size_t kMaxPointwiseInputs = 4;

// Whether it is one that can be run so, given all of its inputs.
bool is_pointwise(const OpDef& op, std::span<const TensorRef> inputs);

// With a `target`, the number of an input, the result goes there, in its dtype; null: it cannot. No element of the target may
// lie at two places of it, and the other inputs either are the very same elements or lie elsewhere.
TensorRef run_pointwise(const OpDef& op, std::span<const TensorRef> inputs, const Attrs& attrs,
                        std::optional<size_t> target = {});

}  // namespace tandem
