// Parallel loops over the threads of pool.h. Nothing is started before the first loop that is worth it.
#pragma once
#include <cstdint>
#include <type_traits>

namespace tandem {

// What parallel_for may use: set_num_threads, else $TANDEM_NUM_THREADS, else $OMP_NUM_THREADS, else the cores this
// process may run on (affinity and control group).
int num_threads();
void set_num_threads(int n);  // throws Error{value} unless 1 <= n

bool inside_parallel_for();  // on this thread: a further loop would be serial

// While it lives, loops of its thread are serial, whoever runs them: they leave the pool to others.
class SerialScope {
 public:
  SerialScope();
  ~SerialScope();
  SerialScope(const SerialScope&) = delete;
  SerialScope& operator=(const SerialScope&) = delete;

 private:
  bool before_;
};

// Calls body(begin, end) over pieces of [0, count); serial when count * cost (rough nanoseconds) is too small to share,
// inside another parallel_for, or while another thread's loop has the pool. Exceptions thrown by `body` are passed on
// (one of them, when several pieces fail; pieces not yet begun are then left out).
// Pieces are multiples of `grain` apart from the last.
using LoopBody = void (*)(void* context, int64_t begin, int64_t end);
void parallel_for(int64_t count, int64_t grain, double cost, LoopBody body, void* context);

template <class F>
void parallel_for(int64_t count, int64_t grain, double cost, F&& body) {
  using Body = std::remove_reference_t<F>;
  parallel_for(
      count, grain, cost, [](void* context, int64_t begin, int64_t end) { (*static_cast<Body*>(context))(begin, end); },
      const_cast<void*>(static_cast<const void*>(&body)));
}

}  // namespace tandem
