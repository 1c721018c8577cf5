#include "ir/sizes.h"

namespace tandem {

Sizes contiguous_strides(const Sizes& sizes) {
  Sizes strides = sizes;
  int64_t stride = 1;
  for (int k = sizes.size(); k-- > 0;) {
    strides[k] = stride;
    // Of sizes that no memory holds the product wraps; there is no element to be found.
    if (sizes[k] != 0) stride = static_cast<int64_t>(static_cast<uint64_t>(stride) * static_cast<uint64_t>(sizes[k]));
  }
  return strides;
}

int64_t element_count(const Sizes& sizes) {
  int64_t count = 1;
  for (int64_t size : sizes) {
    if (size == 0) return 0;
    if (__builtin_mul_overflow(count, size, &count))
      throw_error(ErrorKind::shape, "tensor: got a number of elements beyond 64 bits; need a smaller shape");
  }
  return count;
}

bool is_contiguous(const Sizes& sizes, const Sizes& strides) {
  int64_t stride = 1;
  for (int k = sizes.size(); k-- > 0;) {
    if (sizes[k] == 0) return true;
    if (sizes[k] != 1 && strides[k] != stride) return false;
    stride *= sizes[k];
  }
  return true;
}

}  // namespace tandem
