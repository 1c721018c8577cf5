// Compiled kernels held in memory, those of all back ends that compile, and counts of where kernels came from.
#pragma once
#include <future>
#include <list>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "codegen/backend.h"
#include "runtime/cache.h"

namespace tandem {

// A key tells the kernel and what it is compiled for. Thread-safe.
class KernelMemory {
 public:
  using KernelRef = std::shared_ptr<const CompiledKernel>;

  // The kernel of `key`, made by `make` if there is none. Threads that ask for the same one wait for the first.
  template <class Make>
  KernelRef get(const CacheKey& key, Make&& make) {
    const std::shared_lock whole(making_);
    std::promise<KernelRef> promise;
    if (const std::shared_future<KernelRef> known = find_or_promise(key, promise); known.valid()) return known.get();
    try {
      KernelRef made = make();
      promise.set_value(made);
      return made;
    } catch (...) {
      promise.set_exception(std::current_exception());
      forget(key);
      throw;
    }
  }
  void clear();
  void count_disk_hit();
  void count_pack_hit();
  void count_compiled(double seconds);
  CompileStats stats();

 private:
  friend KernelMemory& kernel_memory();
  struct Entry {
    std::shared_future<KernelRef> kernel;
    std::list<CacheKey>::iterator place;
  };
  // What is known, or nothing: then the promise has to be kept.
  std::shared_future<KernelRef> find_or_promise(const CacheKey& key, std::promise<KernelRef>& promise);
  void forget(const CacheKey& key);
  // No kernel is being made while the process forks: its child would wait for what nobody makes, or for a lock inside
  // a compiler that nobody holds.
  void before_fork() { making_.lock(), mutex_.lock(); }
  void after_fork() { mutex_.unlock(), making_.unlock(); }
  // This lock knows its owner by a number that the child's thread does not have.
  void in_child() { mutex_.unlock(), std::construct_at(&making_); }

  std::shared_mutex making_;
  std::mutex mutex_;
  std::unordered_map<CacheKey, Entry, CacheKeyHash> entries_;
  std::list<CacheKey> order_;  // most recently used first
  CompileStats stats_;
};

// Never destroyed: kernels may still be compiled while the process ends.
KernelMemory& kernel_memory();

}  // namespace tandem
