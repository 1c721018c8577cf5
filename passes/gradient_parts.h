// What the gradients of branches and loops are made of.
#pragma once
#include <span>

#include "passes/gradient.h"

namespace tandem {

// Appends the nodes of a region, its params being these values; returns its results. What it does besides is left out:
// it has been done. `watched`: values of the region, which become those of the copy.
std::vector<ValueId> append(Graph& graph, const Graph& region, std::span<const ValueId> params,
                            std::span<ValueId> watched = {});

// x + kNothing is x, whatever x is: what stands for a gradient that is not there.
constexpr double kNothing = -0.0;
inline Value nothing(Builder& builder, const TensorType& type) {
  return builder.full(type.shape, type.dtype, kNothing);
}

}  // namespace tandem
