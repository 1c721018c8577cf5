#include "frontend/sharing.h"

#include <algorithm>
#include <numeric>

namespace tandem {

bool may_share_elements(const Tensor& a, const Tensor& b) {
  const Extent of_a = extent_of(a), of_b = extent_of(b);
  if (of_a.begin == of_a.end || of_b.begin == of_b.end || !of_a.overlaps(of_b)) return false;
  int64_t step = 0;  // all elements of both lie at multiples of this from the first one
  for (const Tensor* x : {&a, &b})
    for (int k = 0; k < x->sizes.size(); ++k)
      if (x->sizes[k] > 1) step = std::gcd(step, x->strides[k] * size_of(x->dtype));
  if (step == 0) return true;
  const int64_t distance = static_cast<const char*>(b.data) - static_cast<const char*>(a.data);
  const int64_t behind = (distance % step + step) % step;  // b's elements, after those of a
  return behind < size_of(a.dtype) || step - behind < size_of(b.dtype);
}

bool has_places_apart(const Tensor& tensor) {
  if (tensor.is_contiguous() || element_count(tensor.sizes) <= 1) return true;
  std::vector<std::pair<int64_t, int64_t>> axes;  // the distance of neighbours, how many steps
  for (int k = 0; k < tensor.sizes.size(); ++k)
    if (tensor.sizes[k] > 1) axes.emplace_back(std::abs(tensor.strides[k]), tensor.sizes[k] - 1);
  std::ranges::sort(axes);
  int64_t reach = 0;
  for (const auto& [distance, steps] : axes) {
    if (distance <= reach) return false;
    reach += distance * steps;
  }
  return true;
}

std::vector<std::vector<int>> sharing(std::span<const TensorRef> tensors) {
  std::vector<Extent> extents;
  extents.reserve(tensors.size());
  for (const TensorRef& tensor : tensors) extents.push_back(extent_of(*tensor));
  std::vector<int> order(tensors.size());
  std::iota(order.begin(), order.end(), 0);
  const auto of = [&](int i) -> const Extent& { return extents[static_cast<size_t>(i)]; };
  std::sort(order.begin(), order.end(), [&](int a, int b) { return of(a).begin < of(b).begin; });
  std::vector<std::vector<int>> groups;
  const char* reached = nullptr;
  for (const int i : order) {
    if (of(i).begin == of(i).end) continue;
    if (groups.empty() || of(i).begin >= reached) groups.emplace_back();
    groups.back().push_back(i);
    reached = std::max(reached, of(i).end);
  }
  std::erase_if(groups, [](const std::vector<int>& group) { return group.size() < 2; });
  for (std::vector<int>& group : groups) std::sort(group.begin(), group.end());
  return groups;
}

Memory memory_of(std::span<const TensorRef> tensors) {
  const DType dtype = tensors[0]->dtype;
  Memory memory{tensors[0], extent_of(*tensors[0]).begin, 0, {}, false};
  const char* end = memory.begin;
  for (const TensorRef& tensor : tensors) {
    if (tensor->dtype != dtype)
      throw_error(
          ErrorKind::capture,
          "call: got arguments that share memory as {} and as {}, one of which the function writes to; need one "
          "dtype; try passing a copy",
          info(dtype).name, info(tensor->dtype).name);
    const Extent extent = extent_of(*tensor);
    if (extent.begin < memory.begin) {
      memory.begin = extent.begin;
      memory.first = tensor;
    }
    end = std::max(end, extent.end);
    memory.writable = memory.writable || tensor->writable;
  }
  const int64_t size = size_of(dtype);
  memory.count = (end - memory.begin) / size;
  for (const TensorRef& tensor : tensors) {
    const int64_t distance = static_cast<const char*>(tensor->data) - memory.begin;
    if (distance % size != 0)
      throw_error(ErrorKind::capture,
                  "call: got arguments that share memory, one of which the function writes to, with elements that "
                  "overlap in part; need elements that coincide or lie apart; try passing a copy");
    memory.offsets.push_back(distance / size);
  }
  return memory;
}

TensorRef Memory::vector() const {
  auto out = std::make_shared<Tensor>(first->dtype, Sizes{count}, Sizes{1}, first->storage, const_cast<char*>(begin));
  out->writable = writable;
  return out;
}

}  // namespace tandem
