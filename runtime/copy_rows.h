// One row of a copy. Test: tests/runtime/test_copy.cpp.
#pragma once
#include <cstdint>

namespace tandem {

struct Sixteen {
  uint64_t low, high;
};

// to[i * to_stride] = from[i * from_stride]. Nothing is read beyond the last element.
template <class T>
void copy_row(const T* from, int64_t from_stride, T* to, int64_t to_stride, int64_t count);

}  // namespace tandem
