// Memory of a captured graph. Its steps write to the addresses of the capture each time they run, so blocks that are let
// go of while it is captured serve later steps of the same graph, and nobody else until the graph is gone.
#pragma once
#include <memory>
#include <vector>

#include "runtime/cuda/memory.h"

namespace tandem::cuda {

class Pool {
 public:
  explicit Pool(Gpu& gpu) : gpu_(gpu) {}
  ~Pool();  // none of its memory may be in use
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  bool is_of(const Gpu& gpu) const { return &gpu_ == &gpu; }
  MemoryBlock* take(size_t bytes);
  void give(MemoryBlock* block);
  size_t bytes() const;

  // While one is alive, this thread's allocations on the pool's GPU come from it.
  class Use {
   public:
    explicit Use(Pool& pool);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    Pool* before_;
  };
  static Pool* current();

 private:
  Gpu& gpu_;
  std::vector<MemoryBlock*> all_, free_;
};

}  // namespace tandem::cuda
