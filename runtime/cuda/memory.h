// Memory of one GPU: a caching allocator, like that of the host (runtime/storage.h) in size classes of its own. It is not
// cuMemAllocAsync: a block from a free list costs tens of nanoseconds rather than a call of the driver, and works the
// same while a graph is captured. Blocks come from cuMemAlloc: up to 1 MB carved out of chunks, above that by themselves.
// Nothing is taken before it is needed.
#pragma once
#include <array>
#include <cstdint>
#include <mutex>
#include <vector>

#include "runtime/cuda/driver.h"
#include "runtime/storage.h"

namespace tandem::cuda {

class Gpu;
class Pool;
struct Chunk;

struct MemoryBlock {
  Gpu* gpu;
  Address address;
  size_t bytes;
  int size_class;        // -1: big
  Chunk* chunk;          // of a small one
  uint64_t freed = 0;    // when, in frees
  Pool* pool = nullptr;  // of a captured graph, to which it returns
};

struct DeviceMemoryStats {
  int64_t in_use = 0;              // bytes in blocks that are handed out
  int64_t peak = 0;                // largest in_use since the last reset
  int64_t reserved = 0;            // bytes held from the driver
  int64_t allocations = 0;         // blocks handed out so far
  int64_t device_allocations = 0;  // calls of cuMemAlloc
  int64_t retries = 0;             // times the cache was emptied because the device was full
};

class Memory {
 public:
  explicit Memory(Gpu& gpu) : gpu_(gpu) {}
  // Contents are undefined. When the device is full the cache is emptied; then throws Error{memory}, and everything stays
  // usable. `bytes` may be 0.
  StorageRef allocate(size_t bytes);
  // Gives free memory back to the driver.
  void empty_cache();
  DeviceMemoryStats stats();
  void reset_peak();

 private:
  friend struct BlockRelease;
  friend class Pool;
  MemoryBlock* take(size_t bytes);
  MemoryBlock* take_small(int size_class);
  MemoryBlock* take_big(size_t bytes);
  void give(MemoryBlock* block);
  // Zero when the device is full, even without the cache. With the lock held.
  Address from_driver(size_t bytes);
  void empty_cache_locked();

  Gpu& gpu_;
  std::mutex mutex_;
  std::array<std::vector<MemoryBlock*>, 48> free_;
  std::vector<MemoryBlock*> big_;  // sorted by size
  std::vector<Chunk*> chunks_;
  DeviceMemoryStats stats_;
  uint64_t frees_ = 0;
};

// A block as memory of a tensor, which goes back when nobody refers to it.
StorageRef wrap_block(MemoryBlock* block, size_t bytes);
// Whether the memory came from there.
bool is_own(const Storage& storage);

}  // namespace tandem::cuda
