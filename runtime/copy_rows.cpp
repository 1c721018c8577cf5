#include "runtime/copy_rows.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

namespace tandem {

namespace {

// Every second element, by vectors of kBytes bytes: of two that overlap by an element, so that the second one ends at
// the last element that is wanted. Returns how many were copied.
template <int kBytes, class T>
[[gnu::always_inline]] inline int64_t copy_every_second(const T* from, T* to, int64_t count) {
  constexpr int kLanes = kBytes / static_cast<int>(sizeof(T));
  using Vector [[gnu::vector_size(kBytes)]] = T;
  using Order [[gnu::vector_size(kBytes)]] = std::make_signed_t<T>;
  Order order;
  for (int k = 0; k < kLanes; ++k) order[k] = static_cast<std::make_signed_t<T>>(k < kLanes / 2 ? 2 * k : 2 * k + 1);
  int64_t done = 0;
  for (; done + kLanes <= count; done += kLanes) {
    Vector low, high;
    std::memcpy(&low, from + 2 * done, kBytes);
    std::memcpy(&high, from + 2 * done + kLanes - 1, kBytes);
    const Vector all = __builtin_shuffle(low, high, order);
    std::memcpy(to + done, &all, kBytes);
  }
  return done;
}

#if defined(__x86_64__)
const bool kHasWide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi");
const bool kHasMiddle = __builtin_cpu_supports("avx2");

template <class T>
__attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi"))) int64_t copy_wide(const T* from, T* to, int64_t count) {
  return copy_every_second<64>(from, to, count);
}
template <class T>
__attribute__((target("avx2"))) int64_t copy_middle(const T* from, T* to, int64_t count) {
  return copy_every_second<32>(from, to, count);
}
#else
constexpr bool kHasWide = false, kHasMiddle = false;
template <class T>
int64_t copy_wide(const T*, T*, int64_t) {
  return 0;
}
template <class T>
int64_t copy_middle(const T*, T*, int64_t) {
  return 0;
}
#endif

}  // namespace

template <class T>
void copy_row(const T* from, int64_t from_stride, T* to, int64_t to_stride, int64_t count) {
  if (from_stride == 1 && to_stride == 1) {
    std::memcpy(to, from, static_cast<size_t>(count) * sizeof(T));
    return;
  }
  if (from_stride == 0 && to_stride == 1) {
    std::fill_n(to, count, *from);
    return;
  }
  int64_t done = 0;
  if constexpr (std::is_integral_v<T>) {
    if (from_stride == 2 && to_stride == 1 && (kHasWide || kHasMiddle))
      done = kHasWide ? copy_wide(from, to, count) : copy_middle(from, to, count);
  }
  for (int64_t i = done; i < count; ++i) to[i * to_stride] = from[i * from_stride];
}

template void copy_row(const uint8_t*, int64_t, uint8_t*, int64_t, int64_t);
template void copy_row(const uint16_t*, int64_t, uint16_t*, int64_t, int64_t);
template void copy_row(const uint32_t*, int64_t, uint32_t*, int64_t, int64_t);
template void copy_row(const uint64_t*, int64_t, uint64_t*, int64_t, int64_t);
template void copy_row(const Sixteen*, int64_t, Sixteen*, int64_t, int64_t);

}  // namespace tandem
