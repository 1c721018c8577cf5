// Pointwise operations, eagerly: one program for all sizes of a rank and a pattern of strides.
#pragma once
#include <optional>

#include "frontend/tensor.h"

namespace tandem {

constexpr size_t kMaxPointwiseInputs = 4;

// Whether it is one that can be run so, given all of its inputs.
bool is_pointwise(const OpDef& op, std::span<const TensorRef> inputs);

enum class Casting : bool { none, same_kind };

// An input that the result goes to.
struct Target {
  size_t input;
  Casting casting;  // of the result to its dtype
};

// Null: the result cannot go to the target. No element of the target may lie at two places of it, and the other inputs either
// are the very same elements or lie elsewhere.
TensorRef run_pointwise(const OpDef& op, std::span<const TensorRef> inputs, const Attrs& attrs,
                        std::optional<Target> target = {});

}  // namespace tandem
