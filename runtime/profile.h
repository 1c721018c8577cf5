// What ran, when and for how long: plain records that every thread writes into a buffer of its own while a profile is
// being taken. Off, the cost is one relaxed load; on, two readings of the clock and one record of 64 bytes.
//
// Profiles may nest and overlap: each is a window in time on the same records, of all threads. Records keep the origins
// (kernels, lines) they name alive. Tests: tests/runtime/test_program.cpp, tests/profiler.
#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/kernel_code.h"

namespace tandem {

enum class EventKind : uint8_t {
  kernel,
  library,
  copy,
  put,
  host,       // a call back into Python
  operation,  // an eager operation as a whole: looking up its program, memory, running
  call,       // of a compiled function, from and to Python
  capture,
  compile,  // of a kernel
  load,     // of a kernel from the disk cache
};
std::string_view to_text(EventKind kind);

struct ProfileEvent {
  uint64_t start = 0, end = 0;  // of profile_clock
  OriginRef origin;             // null: there is nothing to say but the kind
  int64_t read = 0, written = 0;
  int64_t memory = 0;  // bytes in use at its end
  EventKind kind = EventKind::kernel;
};

namespace detail {
extern std::atomic<int> profiles;  // being taken
void record(ProfileEvent event) noexcept;
}  // namespace detail

inline bool profiling() { return detail::profiles.load(std::memory_order_relaxed) != 0; }
// Never 0. The time stamp counter where the system itself keeps time by it, else nanoseconds.
uint64_t profile_clock();
// When something began; 0 while no profile is taken. `record` does nothing for a start of 0.
inline uint64_t profile_start() { return profiling() ? profile_clock() : 0; }
inline void record(EventKind kind, uint64_t start, const OriginRef& origin, int64_t read = 0, int64_t written = 0) {
  if (start != 0) [[unlikely]]
    detail::record({start, profile_clock(), origin, read, written, 0, kind});
}

// Records the time until its end, also when that is an exception.
class ProfileScope {
 public:
  // `origin` must outlive it.
  ProfileScope(EventKind kind, const OriginRef& origin) : start_(profile_start()), origin_(origin), kind_(kind) {}
  ProfileScope(const ProfileScope&) = delete;
  ProfileScope& operator=(const ProfileScope&) = delete;
  ~ProfileScope() { record(kind_, start_, origin_, read, written); }
  bool on() const { return start_ != 0; }
  int64_t read = 0, written = 0;

 private:
  uint64_t start_;
  const OriginRef& origin_;
  EventKind kind_;
};

inline constexpr size_t kEventsPerChunk = 1024;
struct EventChunk {
  ProfileEvent events[kEventsPerChunk];
};
struct ThreadEvents {
  int64_t thread;    // as the system numbers it
  std::string name;  // empty when unknown
  std::vector<std::shared_ptr<const EventChunk>> chunks;
  size_t first, last;  // events [first, last) counted through all chunks
};

struct Profile {
  std::vector<ThreadEvents> threads;  // their events are in the order in which they ended
  uint64_t start = 0, end = 0;
  double seconds_per_tick = 0;
  int64_t dropped = 0;       // events for which there was no room
  int64_t memory_start = 0;  // bytes in use
  int64_t memory_end = 0;
  int64_t memory_peak = 0;
};

// Begins to take a profile of at most about `capacity` events (rounded up to whole chunks for every thread).
uint64_t start_profile(int64_t capacity);  // returns its number
Profile stop_profile(uint64_t number);
// How the present thread is called, asked until the answer is not empty, without any lock held.
void set_thread_namer(std::string (*namer)());

}  // namespace tandem
