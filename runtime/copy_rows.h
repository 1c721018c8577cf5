// A row of a copy, or two axes of a transposition. Test: tests/runtime/test_copy.cpp.
#pragma once
#include <cstdint>

namespace tandem {

struct Sixteen {
  uint64_t low, high;
};

// to[i * to_stride] = from[i * from_stride]. Nothing is read beyond the last element.
template <class T>
void copy_row(const T* from, int64_t from_stride, T* to, int64_t to_stride, int64_t count);

// to[i * to_row + j] = from[i * from_row + j * from_column], where rows of `to` are columns of `from`, more or less.
template <class T>
void copy_turned(const T* from, int64_t from_row, int64_t from_column, T* to, int64_t to_row, int64_t rows,
                 int64_t columns);

}  // namespace tandem
