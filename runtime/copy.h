// Element-wise copies between strided layouts of one element size.
#pragma once
#include <cstdint>

namespace tandem {

inline constexpr int kMostCopyAxes = 32;

// to[i] = from[i] for all i below `sizes`; strides in elements, any sign, zero in `from_strides` broadcasts. When both
// cover the same memory the result is as if `from` had been read completely before the first write.
// `bytes` per element: 1, 2, 4 or 8. Threaded when large.
void copy_strided(int bytes, int rank, const int64_t* sizes, const void* from, const int64_t* from_strides, void* to,
                  const int64_t* to_strides);

// The elements of `from` whose flag is 1, one behind the other; `count` of the flags are. All contiguous.
void copy_selected(int bytes, const void* from, const uint8_t* flags, int64_t count, void* to);

}  // namespace tandem
