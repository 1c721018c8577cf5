#include "codegen/kernel_memory.h"

#include <pthread.h>

namespace tandem {

namespace {

// Beyond that the least recently used ones go; who still uses one keeps it alive.
constexpr size_t kLiveKernels = 4096;

}  // namespace

std::shared_future<KernelMemory::KernelRef> KernelMemory::find_or_promise(const CacheKey& key,
                                                                          std::promise<KernelRef>& promise) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found != entries_.end()) {
    order_.splice(order_.begin(), order_, found->second.place);
    ++stats_.memory_hits;
    return found->second.kernel;
  }
  order_.push_front(key);
  entries_.emplace(key, Entry{promise.get_future().share(), order_.begin()});
  if (entries_.size() > kLiveKernels) {
    entries_.erase(order_.back());
    order_.pop_back();
  }
  return {};
}

void KernelMemory::forget(const CacheKey& key) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  order_.erase(found->second.place);
  entries_.erase(found);
}

void KernelMemory::clear() {
  std::unordered_map<CacheKey, Entry, CacheKeyHash> gone;  // let go of without the lock
  const std::lock_guard lock(mutex_);
  gone.swap(entries_);
  order_.clear();
}

void KernelMemory::count_disk_hit() {
  const std::lock_guard lock(mutex_);
  ++stats_.disk_hits;
}

void KernelMemory::count_pack_hit() {
  const std::lock_guard lock(mutex_);
  ++stats_.pack_hits;
}

void KernelMemory::count_compiled(double seconds) {
  const std::lock_guard lock(mutex_);
  ++stats_.compiled;
  stats_.compile_seconds += seconds;
}

CompileStats KernelMemory::stats() {
  const std::lock_guard lock(mutex_);
  return stats_;
}

KernelMemory& kernel_memory() {
  static auto* const shared = [] {
    pthread_atfork([] { kernel_memory().before_fork(); }, [] { kernel_memory().after_fork(); },
                   [] { kernel_memory().in_child(); });
    return new KernelMemory;
  }();
  return *shared;
}

}  // namespace tandem
