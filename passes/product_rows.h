// Which kernels can run on blocks of a matrix product: those whose outer points are its rows (RowsOf in lower.h).
// Test: tests/passes/test_epilogues.cpp.
#pragma once
#include <functional>

#include "passes/body.h"

namespace tandem {

struct ProductRows {
  size_t columns = 0;  // of the axes walk columns, the last ones; 0: there is no such product
  std::vector<RowsOf> of;
};

// `axes`: in the order in which they are walked.
ProductRows product_rows(const LoopNest& nest, std::span<const ProductPlace> products, const std::vector<int>& axes,
                         const std::function<int64_t(Dim)>& hint);

// Outer axes are walked in any order: in that of the rows of the first product that is read so, if there is one. The last
// axis stays the last.
std::vector<int> in_order_of_rows(const LoopNest& nest, std::span<const ProductPlace> products, std::vector<int> axes);

}  // namespace tandem
