// One GPU as this process uses it: its primary context, which other libraries share, and one stream, on which all work
// of Tandem on it runs in order. So memory that is let go of may be handed out again at once: what still reads it comes
// first in the stream. The stream is a "blocking" one, so the default stream of other libraries waits for it and it for
// them.
#pragma once
#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/cuda/driver.h"
#include "runtime/cuda/failures.h"
#include "runtime/cuda/memory.h"
#include "runtime/device.h"

namespace tandem::cuda {

struct Properties {
  std::string name;
  int major = 0, minor = 0;  // compute capability: 9.0 is sm_90
  int arch() const { return major * 10 + minor; }
  size_t memory = 0;  // bytes
  int multiprocessors = 0, warp_size = 0;
  int max_threads_per_block = 0, max_threads_per_multiprocessor = 0;
  int max_shared_memory = 0;                  // bytes a block can ask for
  int l2_cache = 0;                           // bytes
  int clock_rate = 0, memory_clock_rate = 0;  // kHz
  int memory_bus_width = 0;                   // bits
};

class Gpu {
 public:
  // Throws Error{backend}: no driver, no such device, or one that was lost to an earlier failure.
  static Gpu& at(int index);

  const int index;
  const Properties properties;
  const Handle context, stream;
  Memory memory;
  Failures failures;

  // Makes the context this thread's. Throws Error{backend} if the device is lost.
  void enter();
  // Waits for everything on the stream, then throws what failed there, naming the kernel and the user's line.
  void synchronize();
  // Throws what `result` says of a call for `what`; if it ends the context, with the kernels that may have caused it.
  void check(Result result, const char* what) {
    if (result != Result::success) [[unlikely]]
      fail(result, what);
  }
  // Work of `other` from now on waits for all that is on this stream by now, and the other way round.
  void before(Gpu& other);

  bool lost() const { return lost_.load(std::memory_order_acquire); }

  // Small pinned memory for what goes between host and device in pieces; held by one thread at a time.
  struct Staging {
    static constexpr size_t kBytes = size_t{4} << 20;
    std::mutex mutex;
    std::array<char*, 2> memory{};
    std::array<Handle, 2> done{};  // events: the copy that used it
  };
  Staging& staging();
  bool synchronous = false;  // $TANDEM_CUDA_SYNC: every launch is waited for, so that a failure names one kernel

 private:
  explicit Gpu(int index);
  [[noreturn]] void fail(Result result, const char* what);
  [[noreturn]] void throw_lost() const;

  Staging staging_;
  std::atomic<bool> lost_{false};
  std::mutex mutex_;  // of the message
  std::string message_;
};

int device_count();  // 0 when there is no driver
// "cuda" is cuda:0. Throws Error{value} for a text that names no device, Error{backend} for one that is not there.
Device device_from(std::string_view text);

}  // namespace tandem::cuda
