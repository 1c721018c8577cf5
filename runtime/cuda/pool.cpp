#include "runtime/cuda/pool.h"

#include <algorithm>
#include <utility>

#include "runtime/cuda/device.h"

namespace tandem::cuda {

namespace {
constinit thread_local Pool* used = nullptr;
}

Pool* Pool::current() { return used; }

Pool::Use::Use(Pool& pool) : before_(std::exchange(used, &pool)) {}
Pool::Use::~Use() { used = before_; }

Pool::~Pool() {
  if (forked()) return;
  for (MemoryBlock* block : all_) {
    block->pool = nullptr;
    gpu_.memory.give(block);
  }
}

MemoryBlock* Pool::take(size_t bytes) {
  // The smallest that fits without wasting more than half of it.
  auto best = free_.end();
  for (auto it = free_.begin(); it != free_.end(); ++it)
    if ((*it)->bytes >= bytes && (*it)->bytes <= 2 * bytes + 512 &&
        (best == free_.end() || (*it)->bytes < (*best)->bytes))
      best = it;
  if (best != free_.end()) {
    MemoryBlock* block = *best;
    free_.erase(best);
    return block;
  }
  MemoryBlock* block = gpu_.memory.take(bytes);
  block->pool = this;
  all_.push_back(block);
  return block;
}

void Pool::give(MemoryBlock* block) { free_.push_back(block); }

size_t Pool::bytes() const {
  size_t sum = 0;
  for (const MemoryBlock* block : all_) sum += block->bytes;
  return sum;
}

}  // namespace tandem::cuda
