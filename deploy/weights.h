// The tensors of a model, in the safetensors format: https://huggingface.co/docs/safetensors
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "ir/dtype.h"
#include "ir/sizes.h"

namespace tandem::deploy {

struct Weight {
  std::string name;
  DType dtype;
  Sizes sizes;
  size_t offset;  // in the bytes that were read
  size_t bytes;
};

// Throws Error{serialization} on what is malformed, overlaps, or leads outside.
std::vector<Weight> read_weights(std::string_view bytes);

}  // namespace tandem::deploy
