// Tensors that share memory: which they are, and the vector that they all are views of.
#pragma once
#include <span>
#include <vector>

#include "frontend/tensor.h"

namespace tandem {

// Whether an element of one may lie, at least in part, where one of the other does. True where that is not easily told, as
// it is of tensors apart, of even and odd elements, and of different columns of a matrix.
bool may_share_elements(const Tensor& a, const Tensor& b);
// Whether no two indices lead to one element. False where that is not easily told.
bool has_places_apart(const Tensor& tensor);

// Groups of two and more, by number, each in increasing order. Tensors belong together when their extents overlap, or
// both overlap with a third.
std::vector<std::vector<int>> sharing(std::span<const TensorRef> tensors);

struct Memory {
  TensorRef first;  // the one that begins it
  const char* begin;
  int64_t count;                 // elements
  std::vector<int64_t> offsets;  // of each tensor's first element
  bool writable;
  TensorRef vector() const;
};
// Throws Error{capture} when they have several dtypes or their elements do not lie at whole distances.
Memory memory_of(std::span<const TensorRef> tensors);

}  // namespace tandem
