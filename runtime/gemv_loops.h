// Inner loops of products with a vector, for each instruction set. Test: tests/runtime/test_library.cpp.
#pragma once
#include "ir/kernel.h"
#include "runtime/gemm.h"

namespace tandem {

// Lanes in which a matrix times a vector is summed.
template <class T>
inline constexpr int kProductLanes = 64 / static_cast<int>(sizeof(T));
// Columns that add_columns takes at once.
inline constexpr int kProductColumns = 4;

template <class T>
struct GemvLoops {
  // out[j] += a[p] * b[p, j] for one p after the other; b_row from row to row.
  void (*add_rows)(int64_t columns, int64_t depth, const T* a, int64_t a_step, const T* b, int64_t b_row, T* out);
  // out[j] = the lanes of column j, combined.
  void (*combine_rows)(int64_t columns, T* lanes, int64_t lane_row, T* out);
  // lanes[j, p % kProductLanes] += a[p] * b[p, j] for kProductColumns columns that are contiguous and b_column apart, or
  // for one. Only whole rounds of lanes: depth / kProductLanes of them.
  void (*add_columns)(int64_t depth, const T* a, const T* b, int64_t b_column, T* lanes);
  void (*add_column)(int64_t depth, const T* a, const T* b, int64_t b_column, T* lanes);
  // Lanes of kBlockOrder, in whole rounds as well.
  void (*add_block)(int64_t depth, const T* a, const T* b, T* lanes);
};

template <class T>
const GemvLoops<T>& gemv_loops(Isa isa);

}  // namespace tandem
