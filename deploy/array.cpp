#include "deploy/array.h"

#include <algorithm>
#include <vector>

#include "runtime/copy.h"
#include "runtime/cuda/device.h"
#include "runtime/cuda/strided_copy.h"

namespace tandem::deploy {

void copy_elements(const Array& from, void* to) {
  constexpr int kWidest = 8;  // bytes that a copy moves as one element
  const int bytes = size_of(from.dtype);
  const Sizes into = contiguous_strides(from.sizes);
  std::vector<int64_t> sizes(from.sizes.begin(), from.sizes.end()), steps(from.strides.begin(), from.strides.end());
  std::vector<int64_t> places(into.begin(), into.end());
  if (bytes > kWidest) {
    for (std::vector<int64_t>* strides : {&steps, &places}) {
      for (int64_t& stride : *strides) stride *= 2;
      strides->push_back(1);
    }
    sizes.push_back(2);
  }
  copy_strided(std::min(bytes, kWidest), static_cast<int>(sizes.size()), sizes.data(), from.data, steps.data(), to,
               places.data());
}

Array contiguous(const Array& x) {
  Array out{x.dtype, x.sizes, contiguous_strides(x.sizes), {}, nullptr};
  out.storage = allocate_on(x.device(), static_cast<size_t>(element_count(x.sizes) * size_of(x.dtype)));
  out.data = out.storage->data;
  if (is_cpu(x.device()))
    copy_elements(x, out.data);
  else
    cuda::copy_strided(cuda::Gpu::at(x.device().index), size_of(x.dtype), x.sizes.size(), x.sizes.begin(), x.data,
                       x.strides.begin(), out.data, out.strides.begin());
  return out;
}

namespace {

// From the first element in memory to behind the last one, in bytes from the element at index 0.
struct Reach {
  int64_t low = 0, high = 0;
  auto bytes() const { return static_cast<size_t>(high - low); }
};

Reach reach_of(const Array& x) {
  Reach out;
  if (element_count(x.sizes) == 0) return out;
  const int64_t size = size_of(x.dtype);
  for (int k = 0; k < x.sizes.size(); ++k) {
    const int64_t reach = (x.sizes[k] - 1) * x.strides[k] * size;
    (reach < 0 ? out.low : out.high) += reach;
  }
  out.high += size;
  return out;
}

}  // namespace

Array on_device(const Array& x, Device device) {
  if (x.device() == device) return x;
  const Reach reach = reach_of(x);
  Array out{x.dtype, x.sizes, x.strides, allocate_on(device, reach.bytes()), nullptr};
  out.data = static_cast<char*>(out.storage->data) - reach.low;
  copy_alike(x, out);
  return out;
}

void copy_alike(const Array& from, const Array& to) {
  const Reach reach = reach_of(from);
  copy_bytes(to.device(), static_cast<char*>(to.data) + reach.low, from.device(),
             static_cast<const char*>(from.data) + reach.low, reach.bytes());
}

}  // namespace tandem::deploy
