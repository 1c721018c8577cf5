// Writing through indices, in the order of the indices: of several values for one place the last one stays, or all of
// them are combined one after another. The order does not depend on the number of threads.
#pragma once
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "ir/dtype.h"
#include "ir/put_mode.h"

namespace tandem {

// Extent, and strides in elements.
struct PutAxis {
  int64_t size, to, from;
};

// to[i * step] = from[n] with i = indices[n], at every place of `axes`; a negative i counts from the end.
struct PutArgs {
  PutMode mode = PutMode::set;
  DType dtype;
  std::span<const PutAxis> axes;        // but the one that is indexed
  std::span<const PutAxis> index_axes;  // of `indices`, which are contiguous; `to` is of no use here
  const int64_t* indices;               // in [-extent, extent)
  int64_t extent, step;                 // of the axis that is indexed
  bool wraps = true;                    // false: no index is negative
  void* to;
  const void* from;  // overlaps neither
};
void put(const PutArgs& args);

// Neighbours that every access walks as one are merged; axes of one go.
std::vector<PutAxis> merged(std::span<const PutAxis> axes);
int64_t size_of(std::span<const PutAxis> axes);

// The same write of real numbers: complex ones are pairs, along one more axis. `args` refers to `given` and to itself.
struct RealPut {
  explicit RealPut(const PutArgs& given);
  RealPut(const RealPut&) = delete;
  RealPut& operator=(const RealPut&) = delete;

  PutArgs args;

 private:
  std::vector<PutAxis> axes_, index_axes_;
};

// What one look at all indices tells: whether some are not in [-size, size), or below 0.
struct Looked {
  bool outside, negative;
};
Looked look_at(const int64_t* indices, int64_t count, int64_t size);

// The first index that is not in [-size, size). Most are, so that finding out is one pass without branches.
template <class T>
std::optional<int64_t> first_outside(const T* indices, int64_t count, int64_t size) {
  const auto outside = [size](T index) {
    if constexpr (std::is_unsigned_v<T>)
      return static_cast<uint64_t>(index) >= static_cast<uint64_t>(size);
    else
      return static_cast<int64_t>(index) < -size || static_cast<int64_t>(index) >= size;
  };
  bool any = false;
  if constexpr (std::is_same_v<T, int64_t>) {
    any = look_at(indices, count, size).outside;
  } else {
    for (int64_t i = 0; i < count; ++i) any |= outside(indices[i]);
  }
  if (!any) return std::nullopt;
  int64_t first = 0;
  while (!outside(indices[first])) ++first;
  const T bad = indices[first];
  return std::in_range<int64_t>(bad) ? static_cast<int64_t>(bad) : std::numeric_limits<int64_t>::max();
}

// What every index that has no place is reported as. `place` (" (at file:line)") may be empty.
std::string out_of_bounds_text(int64_t index, int64_t axis, int64_t size, const std::string& place);
[[noreturn]] void throw_out_of_bounds(int64_t index, int64_t axis, int64_t size, const char* place = "");

}  // namespace tandem
