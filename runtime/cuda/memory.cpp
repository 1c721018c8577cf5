#include "runtime/cuda/memory.h"

#include <algorithm>
#include <bit>

#include "runtime/cuda/device.h"
#include "runtime/cuda/pool.h"

namespace tandem::cuda {

// What small blocks are carved out of.
struct Chunk {
  Address address;
  size_t bytes, used = 0;
  int blocks_out = 0;
  std::vector<MemoryBlock*> blocks;
};

namespace {

// Multiples of 512 up to 2 KB, then four classes per power of two, up to 1 MB.
constexpr size_t kLine = 512;
constexpr size_t kLargestSmall = size_t{1} << 20;
constexpr size_t kChunk = size_t{8} << 20;
constexpr size_t kStep = size_t{2} << 20;  // of big blocks

constexpr int class_of(size_t bytes) {
  if (bytes <= 4 * kLine) return bytes == 0 ? 0 : static_cast<int>((bytes - 1) / kLine);
  const int log = std::bit_width(bytes - 1) - 1;
  return (log - 10) * 4 + static_cast<int>(((bytes - 1) >> (log - 2)) & 3);
}
constexpr size_t class_size(int index) {
  return index < 4 ? (static_cast<size_t>(index) + 1) * kLine : (static_cast<size_t>(index) % 4 + 5) << (index / 4 + 8);
}
constexpr int kClasses = class_of(kLargestSmall) + 1;
static_assert(class_size(kClasses - 1) == kLargestSmall && class_size(class_of(2049)) == 2560 && kClasses <= 48);

bool by_size(const MemoryBlock* block, size_t bytes) { return block->bytes < bytes; }

}  // namespace

struct BlockRelease {
  static void run(Storage* storage) {
    auto* block = static_cast<MemoryBlock*>(storage->owner);
    if (forked()) return;  // the memory is the parent's
    if (block->pool) return block->pool->give(block);
    block->gpu->memory.give(block);
  }
};

bool is_own(const Storage& storage) { return storage.release == BlockRelease::run; }

StorageRef wrap_block(MemoryBlock* block, size_t bytes) {
  StorageRef made = borrow(reinterpret_cast<void*>(block->address), bytes, true, block, BlockRelease::run);
  made->capacity = block->bytes;
  made->gpu = static_cast<int16_t>(block->gpu->index);
  return made;
}

StorageRef Memory::allocate(size_t bytes) {
  if (Pool* pool = Pool::current(); pool && pool->is_of(gpu_)) [[unlikely]]
    return wrap_block(pool->take(bytes), bytes);
  return wrap_block(take(bytes), bytes);
}

MemoryBlock* Memory::take(size_t bytes) {
  const std::lock_guard lock(mutex_);
  MemoryBlock* block = bytes <= kLargestSmall            ? take_small(class_of(bytes))
                       : bytes <= gpu_.properties.memory ? take_big(bytes)
                                                         : nullptr;
  if (!block) {
    size_t free = 0, total = 0;
    if (driver().memory_info(&free, &total) != Result::success) total = gpu_.properties.memory;
    throw_error(
        ErrorKind::memory,
        "cuda:{}: got a request of {} bytes with {} bytes in use by tensors and {} of {} bytes of the GPU free; need "
        "more free memory; try a smaller batch, a smaller dtype, dropping tensors that are no longer needed, or "
        "ending other processes on the GPU",
        gpu_.index, bytes, stats_.in_use, free, total);
  }
  ++stats_.allocations;
  stats_.in_use += static_cast<int64_t>(block->bytes);
  stats_.peak = std::max(stats_.peak, stats_.in_use);
  return block;
}

void Memory::give(MemoryBlock* block) {
  const std::lock_guard lock(mutex_);
  stats_.in_use -= static_cast<int64_t>(block->bytes);
  block->freed = frees_++;
  if (block->size_class >= 0) {
    --block->chunk->blocks_out;
    free_[static_cast<size_t>(block->size_class)].push_back(block);
  } else {
    big_.insert(std::lower_bound(big_.begin(), big_.end(), block->bytes, by_size), block);
  }
}

MemoryBlock* Memory::take_small(int size_class) {
  std::vector<MemoryBlock*>& list = free_[static_cast<size_t>(size_class)];
  if (list.empty()) {
    const size_t bytes = class_size(size_class);
    if (chunks_.empty() || chunks_.back()->bytes - chunks_.back()->used < bytes) {
      const Address address = from_driver(kChunk);
      if (address == 0) return nullptr;
      chunks_.push_back(new Chunk{address, kChunk, 0, 0, {}});
    }
    Chunk& chunk = *chunks_.back();
    auto* made = new MemoryBlock{&gpu_, chunk.address + chunk.used, bytes, size_class, &chunk};
    chunk.used += bytes;
    chunk.blocks.push_back(made);
    list.push_back(made);
  }
  MemoryBlock* block = list.back();
  list.pop_back();
  ++block->chunk->blocks_out;
  return block;
}

MemoryBlock* Memory::take_big(size_t bytes) {
  const size_t size = (bytes + kStep - 1) / kStep * kStep;
  const auto found = std::lower_bound(big_.begin(), big_.end(), size, by_size);
  if (found != big_.end() && (*found)->bytes <= size + size / 8) {
    MemoryBlock* block = *found;
    big_.erase(found);
    return block;
  }
  const Address address = from_driver(size);
  return address == 0 ? nullptr : new MemoryBlock{&gpu_, address, size, -1, nullptr};
}

Address Memory::from_driver(size_t bytes) {
  const Api& api = driver();
  gpu_.enter();
  Address address = 0;
  Result result = api.allocate(&address, bytes);
  if (result == Result::out_of_memory) {
    empty_cache_locked();
    ++stats_.retries;
    result = api.allocate(&address, bytes);
    if (result == Result::out_of_memory) return 0;
  }
  gpu_.check(result, "cuMemAlloc");
  ++stats_.device_allocations;
  stats_.reserved += static_cast<int64_t>(bytes);
  return address;
}

void Memory::empty_cache() {
  gpu_.enter();
  const std::lock_guard lock(mutex_);
  empty_cache_locked();
}

void Memory::empty_cache_locked() {
  const Api& api = driver();
  const auto release = [&](Address address, size_t bytes) {
    gpu_.check(api.free(address), "cuMemFree");  // which waits for the work that may still use it
    stats_.reserved -= static_cast<int64_t>(bytes);
  };
  while (!big_.empty()) {
    MemoryBlock* block = big_.back();
    big_.pop_back();
    release(block->address, block->bytes);
    delete block;
  }
  const auto idle = [](const Chunk* chunk) { return chunk->blocks_out == 0; };
  for (std::vector<MemoryBlock*>& list : free_)
    std::erase_if(list, [&](MemoryBlock* block) { return idle(block->chunk); });
  std::erase_if(chunks_, [&](Chunk* chunk) {
    if (!idle(chunk)) return false;
    for (const MemoryBlock* block : chunk->blocks) delete block;
    release(chunk->address, chunk->bytes);
    delete chunk;
    return true;
  });
}

DeviceMemoryStats Memory::stats() {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void Memory::reset_peak() {
  const std::lock_guard lock(mutex_);
  stats_.peak = stats_.in_use;
}

}  // namespace tandem::cuda
