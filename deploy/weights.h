// The tensors of a model, in the safetensors format: https://huggingface.co/docs/safetensors
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <utility>
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

// What the format calls dtypes, those of little alignment first.
std::span<const std::pair<std::string_view, DType>> weight_codes();

// The metadata under this name is a list, as JSON, of the tensors of complex128, which are written as float64[..., 2].
inline constexpr const char* kPairs = "tandem.complex128";

// Throws Error{serialization} on what is malformed, overlaps, or leads outside.
std::vector<Weight> read_weights(std::string_view bytes);

}  // namespace tandem::deploy
