// An array as rows along an axis, and how what sorts and orders them is shared by threads.
#pragma once
#include <algorithm>
#include <cstdint>
#include <span>

#include "runtime/parallel.h"

namespace tandem {

// Element i of row r is at start(r) + i * inner.
struct SortedRows {
  int64_t outer = 1, count = 1, inner = 1;

  SortedRows(std::span<const int64_t> shape, int64_t axis) : count(shape[static_cast<size_t>(axis)]) {
    for (size_t d = 0; d < shape.size(); ++d)
      if (static_cast<int64_t>(d) != axis) (static_cast<int64_t>(d) < axis ? outer : inner) *= shape[d];
  }
  int64_t rows() const { return outer * inner; }
  int64_t start(int64_t row) const { return row / inner * count * inner + row % inner; }
};

constexpr double kEntryNanoseconds = 8;
constexpr int64_t kPartedFrom = 1024;      // shorter rows are sooner sorted by digits than in parts
constexpr int64_t kSharedAlone = 1 << 14;  // from here on the threads share a row that is the only one
constexpr int64_t kLongRow = 1 << 18;      // from here on they share every row
constexpr int64_t kTogether = 1 << 15;     // elements of rows that are sorted together

// Calls some(start, rows, shared) for rows that lie one behind the other from element `start` on; `shared`: for one row, by
// all threads.
template <class Some>
void for_rows(const SortedRows& rows, double cost, const Some& some) {
  if (rows.count >= (rows.rows() == 1 ? kSharedAlone : kLongRow)) {
    for (int64_t row = 0; row < rows.rows(); ++row) some(row * rows.count, int64_t{1}, true);
    return;
  }
  const int64_t together = std::max<int64_t>(1, kTogether / rows.count);
  parallel_for(rows.rows(), 1, cost * static_cast<double>(rows.count), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row += together) some(row * rows.count, std::min(together, end - row), false);
  });
}

// Calls body(begin, end) over [0, count).
template <class Body>
void over(int64_t count, bool shared, const Body& body) {
  if (shared)
    parallel_for(count, 1 << 14, 1, body);
  else
    body(int64_t{0}, count);
}

}  // namespace tandem
