// Rows of keys sorted on a GPU: a stable radix sort, eight bits at a time, so that the order of equal keys, and with it
// every result, is that of the CPU.
#pragma once
#include <cstdint>

#include "runtime/cuda/text_kernel.h"
#include "runtime/storage.h"

namespace tandem::cuda {

// Unsigned, of 4 or 8 bytes; `rows` rows of `count`, one behind the other.
struct Keys {
  StorageRef memory;
  int bytes = 4;
  int64_t rows = 1, count = 0;
  StorageRef places = {};  // u32: where in its row each key was before; without them, where it is
};
inline constexpr int64_t kMostKeys = int64_t{1} << 32;  // of a row: places are u32

// The keys in order, by their lowest `bits` bits, and where in its row each of them was.
struct Ordered {
  StorageRef keys, places;
};
Ordered in_order(const TextLaunch& launch, Keys keys, int bits);

// Text that defines `bits` and `key`, unsigned, and key_of(bits), whose order is that of real numbers (runtime/sort_keys.h).
std::string key_text(DType dtype, bool descending);

}  // namespace tandem::cuda
