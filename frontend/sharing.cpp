#include "frontend/sharing.h"

#include <algorithm>
#include <numeric>

namespace tandem {

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
