// Memory of tensors: reference-counted blocks from a caching allocator (size classes, 64-byte alignment, huge pages
// from 2 MB up). Freed blocks are kept for reuse, so that steady-state work causes no page faults.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace tandem {

struct Derived;

struct Storage {
  std::atomic<int32_t> references{1};
  bool writable = true;  // false for memory borrowed from a read-only NumPy array
  // Others may write to it without a word: it is borrowed, or was given away (NumPy, DLPack, C).
  std::atomic<bool> lent{false};
  uint8_t size_class = 0;               // of the allocator
  int16_t gpu = -1;                     // the GPU whose memory it is, which only runtime/cuda can read; -1: the host's
  uint32_t version = 0;                 // grows whenever elements are overwritten
  void* data = nullptr;                 // never null, even for 0 bytes, unless borrowed
  size_t bytes = 0;                     // asked for
  size_t capacity = 0;                  // usable at `data`, >= bytes
  void (*release)(Storage*) = nullptr;  // for borrowed memory (NumPy, DLPack): gives `owner` back
  void* owner = nullptr;
  Derived* derived = nullptr;  // derived.h
};

namespace detail {
void recycle(Storage* storage);  // the last reference is gone
void drop_derived(Storage& of);  // derived.cpp
}  // namespace detail

inline void drop(Storage* storage) {
  // The only owner need not pay for an atomic read-modify-write.
  if (storage->references.load(std::memory_order_acquire) == 1 ||
      storage->references.fetch_sub(1, std::memory_order_acq_rel) == 1)
    detail::recycle(storage);
}

// Owning handle.
class StorageRef {
 public:
  StorageRef() = default;
  explicit StorageRef(Storage* adopted) : storage_(adopted) {}
  StorageRef(const StorageRef& other) : storage_(other.storage_) {
    if (storage_) storage_->references.fetch_add(1, std::memory_order_relaxed);
  }
  StorageRef(StorageRef&& other) noexcept : storage_(std::exchange(other.storage_, nullptr)) {}
  StorageRef& operator=(StorageRef other) noexcept {
    std::swap(storage_, other.storage_);
    return *this;
  }
  ~StorageRef() { reset(); }
  void reset() {
    if (Storage* storage = std::exchange(storage_, nullptr)) drop(storage);
  }
  Storage* release() { return std::exchange(storage_, nullptr); }  // the caller takes over the reference
  Storage* get() const { return storage_; }
  Storage* operator->() const { return storage_; }
  Storage& operator*() const { return *storage_; }
  explicit operator bool() const { return storage_ != nullptr; }
  bool unique() const { return storage_ && storage_->references.load(std::memory_order_acquire) == 1; }

 private:
  Storage* storage_ = nullptr;
};

// Throws Error{memory} with the size asked for; everything stays usable. `bytes` may be 0. Contents are undefined.
// Before it gives up it empties the cache. Refuses what the machine cannot hold (memory + swap, the control group, or
// $TANDEM_MEMORY_LIMIT bytes in all), since an overcommitting system would only kill the process later.
StorageRef allocate(size_t bytes);
// Wraps foreign memory, the host's unless `gpu` is set after that; `release` is called once when the last reference goes.
StorageRef borrow(void* data, size_t bytes, bool writable, void* owner, void (*release)(Storage*));

struct MemoryStats {
  int64_t in_use = 0;       // bytes handed out, rounded up to the blocks they are in; borrowed memory is not counted
  int64_t peak = 0;         // largest in_use since the last reset
  int64_t reserved = 0;     // bytes held from the system
  int64_t allocations = 0;  // calls of allocate
  int64_t system_allocations = 0;
};
MemoryStats memory_stats();
void reset_peak_memory();
int64_t memory_in_use();     // the first of the statistics, for a nanosecond
int64_t take_peak_memory();  // the largest in_use since the last call; the statistics do not notice
void empty_cache();          // gives free blocks of 32 KB and more back to the system; smaller ones stay for reuse

}  // namespace tandem
