#include "runtime/sort_network.h"

namespace tandem::network {

namespace {

#if defined(__x86_64__)
#define TANDEM_WIDE __attribute__((target("avx512f,avx512bw,avx512vl")))
#define TANDEM_MIDDLE __attribute__((target("avx2")))
const bool kHasWide =
    __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
const bool kHasMiddle = __builtin_cpu_supports("avx2");
#else
#define TANDEM_WIDE
#define TANDEM_MIDDLE
constexpr bool kHasWide = false, kHasMiddle = false;
#endif

template <class U>
TANDEM_WIDE void sort_wide(U* entries, int64_t count) {
  exchange_all(entries, count);
}
template <class U>
TANDEM_MIDDLE void sort_middle(U* entries, int64_t count) {
  exchange_all(entries, count);
}
template <class U>
void sort_any(U* entries, int64_t count) {
  if (kHasWide) return sort_wide(entries, count);
  if (kHasMiddle) return sort_middle(entries, count);
  exchange_all(entries, count);
}

}  // namespace

void sort(uint8_t* entries, int64_t count) { sort_any(entries, count); }
void sort(uint16_t* entries, int64_t count) { sort_any(entries, count); }
void sort(uint32_t* entries, int64_t count) { sort_any(entries, count); }
void sort(uint64_t* entries, int64_t count) { sort_any(entries, count); }

}  // namespace tandem::network
