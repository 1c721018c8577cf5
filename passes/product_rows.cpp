#include "passes/product_rows.h"

#include <algorithm>

namespace tandem {

namespace {

constexpr int64_t kFewColumns = 32;  // of a run: fewer are not worth a block
constexpr int kMostParts = 8;

Dim extent(const LoopNest& nest, int axis) { return nest.axes[static_cast<size_t>(axis)]; }

// How many of the last axes walk one run of columns of the product that the access reads, its other axes being all of
// the rows in order; 0: it is not like that.
size_t columns_of(const LoopNest& nest, const NestAccess& access, const ProductPlace& product,
                  const std::vector<int>& axes) {
  const auto stride = [&](size_t k) { return access.strides[static_cast<size_t>(axes[k])]; };
  if (access.output || !access.gathers.empty()) return 0;
  size_t first = axes.size();
  Dim width = 1;
  while (first > 0 && stride(first - 1) == width && width != product.columns)
    width = width * extent(nest, axes[--first]);
  if (first == 0 || first == axes.size()) return 0;
  Dim step = product.columns;
  for (size_t k = first; k-- > 0; step = step * extent(nest, axes[k]))
    if (stride(k) != step) return 0;
  return step == product.columns * product.rows ? axes.size() - first : 0;
}

}  // namespace

ProductRows product_rows(const LoopNest& nest, std::span<const ProductPlace> products, const std::vector<int>& axes,
                         const std::function<int64_t(Dim)>& hint) {
  ProductRows found;
  for (const ProductPlace& product : products) {
    std::vector<Dim> offsets;
    size_t columns = found.columns;
    bool fits = true;
    for (const NestAccess& access : nest.accesses) {
      if (access.slot != product.slot) continue;
      const size_t own = columns_of(nest, access, product, axes);
      fits = fits && own > 0 && (columns == 0 || own == columns);
      columns = own;
      if (std::find(offsets.begin(), offsets.end(), access.offset) == offsets.end()) offsets.push_back(access.offset);
    }
    const auto parts = static_cast<int>(offsets.size());
    if (!fits || parts == 0 || parts > kMostParts) continue;
    Dim width = 1;
    for (size_t k = axes.size() - columns; k < axes.size(); ++k) width = width * extent(nest, axes[k]);
    if (hint(width) < kFewColumns || width * Dim(parts) != product.columns) continue;
    for (int part = 0; part < parts; ++part)
      fits = fits && std::find(offsets.begin(), offsets.end(), width * Dim(part)) != offsets.end();
    if (!fits) continue;
    found.columns = columns;
    found.of.push_back({product.slot, parts, product.nanoseconds});
  }
  return found;
}

std::vector<int> in_order_of_rows(const LoopNest& nest, std::span<const ProductPlace> products, std::vector<int> axes) {
  for (const ProductPlace& product : products) {
    const auto read = std::find_if(nest.accesses.begin(), nest.accesses.end(),
                                   [&](const NestAccess& access) { return access.slot == product.slot; });
    if (read == nest.accesses.end() || axes.size() < 2) continue;
    std::vector<int> order = axes;
    Dim step = product.columns;
    for (size_t k = axes.size() - 1; k-- > 0; step = step * extent(nest, order[k])) {
      const auto last = order.begin() + static_cast<long>(k) + 1;
      const auto next =
          std::find_if(order.begin(), last, [&](int axis) { return read->strides[static_cast<size_t>(axis)] == step; });
      if (next == last) break;
      std::rotate(next, next + 1, last);
    }
    if (step == product.columns * product.rows) return order;
  }
  return axes;
}

}  // namespace tandem
