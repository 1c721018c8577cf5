// What the CUDA C++ of kernels needs of a GPU, on the CPU: blocks one after another, the threads of a block as fibers that
// are switched at barriers and shuffles. Included by generated text only; not part of any test program.
#pragma once
#include <ucontext.h>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

namespace emulation {

struct Dim3 {
  unsigned x, y, z;
};

enum class State : char { ready, at_block, at_warp, done };

constexpr unsigned kMaxThreads = 1024, kWarp = 32;
constexpr size_t kStack = 64 << 10;
constexpr size_t kDynamic = 200 << 10, kGuard = 1 << 10;
constexpr char kPoison = 0x55;

struct Block {
  ucontext_t scheduler, fibers[kMaxThreads];
  State state[kMaxThreads];
  uint64_t exchange[kMaxThreads];
  std::vector<char> stacks = std::vector<char>(kMaxThreads * kStack);
  unsigned threads = 0, present = 0;
  void (*kernel)(const void*) = nullptr;
  const void* args = nullptr;
};

inline thread_local Block* block = nullptr;
inline thread_local long long dynamic_bytes = 0;  // of shared memory, that the launch gave

}  // namespace emulation

inline thread_local emulation::Dim3 threadIdx, blockIdx, blockDim, gridDim;
alignas(64) inline thread_local unsigned long long dynamic_shared[(emulation::kDynamic + emulation::kGuard) / 8];

namespace emulation {

inline void wait(State where) {
  Block& b = *block;
  const unsigned self = b.present;
  b.state[self] = where;
  swapcontext(&b.fibers[self], &b.scheduler);
}

inline void fiber_main() {
  Block& b = *block;
  b.kernel(b.args);
  b.state[b.present] = State::done;
  setcontext(&b.scheduler);
}

// Lets go the threads [first, last) if all of them wait at such a barrier.
inline bool release(unsigned first, unsigned last, State where) {
  for (unsigned t = first; t < last; ++t)
    if (block->state[t] != where) return false;
  for (unsigned t = first; t < last; ++t) block->state[t] = State::ready;
  return true;
}

// Null, or what went wrong. `backwards`: threads run in the opposite order between barriers, which shows where a barrier
// is missing.
inline const char* run_block(bool backwards) {
  Block& b = *block;
  for (unsigned t = 0; t < b.threads; ++t) {
    b.state[t] = State::ready;
    getcontext(&b.fibers[t]);
    b.fibers[t].uc_stack.ss_sp = b.stacks.data() + t * kStack;
    b.fibers[t].uc_stack.ss_size = kStack;
    b.fibers[t].uc_link = nullptr;
    makecontext(&b.fibers[t], fiber_main, 0);
  }
  for (;;) {
    unsigned done = 0;
    for (unsigned k = 0; k < b.threads; ++k) {
      const unsigned t = backwards ? b.threads - 1 - k : k;
      if (b.state[t] == State::ready) {
        b.present = t;
        threadIdx = {t % blockDim.x, t / blockDim.x, 0};
        swapcontext(&b.scheduler, &b.fibers[t]);
      }
      done += b.state[t] == State::done;
    }
    if (done == b.threads) return nullptr;
    bool moved = release(0, b.threads, State::at_block);
    for (unsigned first = 0; first < b.threads; first += kWarp) moved |= release(first, first + kWarp, State::at_warp);
    if (!moved) return "a barrier that not all threads reach";
  }
}

inline const char* launch(void (*kernel)(const void*), const unsigned* grid, const unsigned* size, unsigned shared,
                          const void* args, bool backwards) {
  if (block == nullptr) block = new Block;
  gridDim = {grid[0], grid[1], grid[2]};
  blockDim = {size[0], size[1], size[2]};
  block->threads = size[0] * size[1] * size[2];
  if (block->threads == 0 || block->threads > kMaxThreads || block->threads % kWarp != 0 || size[2] != 1)
    return "a block of an odd size";
  if (grid[0] == 0 || grid[1] != 1 || grid[2] != 1) return "a grid of an odd size";
  if (shared > kDynamic) return "too much shared memory";
  dynamic_bytes = shared;
  block->kernel = kernel;
  block->args = args;
  for (unsigned x = 0; x < grid[0]; ++x) {
    blockIdx = {x, 0, 0};
    std::memset(dynamic_shared, kPoison, sizeof dynamic_shared);
    if (const char* problem = run_block(backwards)) return problem;
    for (size_t k = shared; k < sizeof dynamic_shared; ++k)
      if (reinterpret_cast<const char*>(dynamic_shared)[k] != kPoison) return "a write beyond the shared memory";
  }
  return nullptr;
}

template <class T>
T shuffle(unsigned mask, T value, int lane, int width) {
  Block& b = *block;
  if (mask != ~0u) std::abort();
  const unsigned self = b.present, group = static_cast<unsigned>(width);
  std::memcpy(&b.exchange[self], &value, sizeof value);
  wait(State::at_warp);
  T out;
  std::memcpy(&out, &b.exchange[self / group * group + (static_cast<unsigned>(lane) & (group - 1))], sizeof out);
  wait(State::at_warp);
  return out;
}

inline unsigned ballot(unsigned mask, bool vote) {
  Block& b = *block;
  if (mask != ~0u) std::abort();
  b.exchange[b.present] = vote;
  const unsigned first = b.present / kWarp * kWarp;
  wait(State::at_warp);
  unsigned votes = 0;
  for (unsigned lane = 0; lane < kWarp; ++lane) votes |= static_cast<unsigned>(b.exchange[first + lane]) << lane;
  wait(State::at_warp);
  return votes;
}

}  // namespace emulation

struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};

template <class To, class From>
To emulated_cast(From from) {
  To to;
  static_assert(sizeof to == sizeof from);
  std::memcpy(&to, &from, sizeof to);
  return to;
}

inline float __int_as_float(int bits) { return emulated_cast<float>(bits); }
inline int __float_as_int(float x) { return emulated_cast<int>(x); }
inline double __longlong_as_double(long long bits) { return emulated_cast<double>(bits); }
inline long long __double_as_longlong(double x) { return emulated_cast<long long>(x); }
inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline double __fma_rn(double a, double b, double c) { return std::fma(a, b, c); }
inline float __fsqrt_rn(float x) { return std::sqrt(x); }
inline double __dsqrt_rn(double x) { return std::sqrt(x); }
inline void __syncthreads() { emulation::wait(emulation::State::at_block); }
inline void __syncwarp(unsigned = ~0u) { emulation::wait(emulation::State::at_warp); }
template <class T>
T __shfl_sync(unsigned mask, T value, int lane, int width = 32) {
  return emulation::shuffle(mask, value, lane, width);
}
inline int __clzll(long long x) { return x == 0 ? 64 : __builtin_clzll(static_cast<unsigned long long>(x)); }
inline unsigned __ballot_sync(unsigned mask, bool vote) { return emulation::ballot(mask, vote); }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline unsigned atomicAdd(unsigned* place, unsigned value) { return std::exchange(*place, *place + value); }
inline unsigned long long atomicAdd(unsigned long long* place, unsigned long long value) {
  return std::exchange(*place, *place + value);
}
inline unsigned long long atomicCAS(unsigned long long* place, unsigned long long expected, unsigned long long wanted) {
  const unsigned long long before = *place;
  if (before == expected) *place = wanted;
  return before;
}

// Block-scope variables of a thread are shared by its fibers.
#define __shared__ thread_local
#define __global__
#define __grid_constant__
#define __device__
#define __forceinline__ inline
#define __noinline__
#define __launch_bounds__(...)
