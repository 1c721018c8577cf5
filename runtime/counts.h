// Counters that threads add to without a locked instruction: each has its own, and readers sum them up.
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <utility>

namespace tandem {

// `Tag` tells one group of N counters from another.
template <class Tag, int N>
class ThreadCounts {
 public:
  static void add(int which, int64_t count) {
    std::atomic<int64_t>& own = mine().values[static_cast<size_t>(which)];
    own.store(own.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }
  static std::array<int64_t, N> sum() {
    std::array<int64_t, N> out{};
    for (const Counts* c = all.load(std::memory_order_acquire); c; c = c->next)
      for (size_t k = 0; k < out.size(); ++k) out[k] += c->values[k].load(std::memory_order_relaxed);
    return out;
  }

 private:
  // Never freed: a thread that ends leaves its numbers for the next one to add to.
  struct Counts {
    std::array<std::atomic<int64_t>, N> values{};
    std::atomic<bool> taken{true};
    Counts* next = nullptr;
  };
  struct Owner {
    ~Owner() {
      if (Counts* counts = std::exchange(own_counts, nullptr)) counts->taken.store(false, std::memory_order_release);
    }
  };

  static Counts& mine() {
    if (!own_counts) [[unlikely]]
      own_counts = take();
    return *own_counts;
  }
  static Counts* take() {
    static thread_local Owner owner;
    for (Counts* c = all.load(std::memory_order_acquire); c; c = c->next) {
      bool free = false;
      if (c->taken.compare_exchange_strong(free, true, std::memory_order_acq_rel)) return c;
    }
    auto* fresh = new Counts;
    fresh->next = all.load(std::memory_order_relaxed);
    while (!all.compare_exchange_weak(fresh->next, fresh, std::memory_order_acq_rel)) {}
    return fresh;
  }

  static inline std::atomic<Counts*> all{nullptr};
  static inline constinit thread_local Counts* own_counts __attribute__((tls_model("initial-exec"))) = nullptr;
};

}  // namespace tandem
