// What ran, when and for how long: plain records that every thread writes into a buffer of its own while a profile is
// being taken. Off, the cost is one relaxed load. On, a record costs two readings of the clock and 64 bytes, and of what
// is short only some is recorded (runtime/sampling.h).
//
// Scopes (eager operations, calls of compiled functions) hold others. What is inside one that is left out is left out,
// too, but for what is known to be long before it runs: this is always recorded, and the scopes around it with it. A
// record stands for `count` of its kind in every scope like the one around it, so that it stands for `count` times what
// that one stands for.
//
// Profiles may nest and overlap: each is a window in time on the same records, of all threads. Records keep the origins
// (kernels, lines) they name alive. Tests: tests/runtime/test_profile.cpp, tests/profiler.
#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/kernel_code.h"
#include "runtime/sampling.h"

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

enum class EventRole : uint8_t {
  example,  // was timed, and stands for others that were not
  single,   // ... for itself only, as no others are like it
  rest,     // was not timed: it says for how many more the last example stands
};

struct ProfileEvent {
  uint64_t start = 0, end = 0;  // of profile_clock
  OriginRef origin;             // null: there is nothing to say but the kind
  int64_t read = 0, written = 0;
  int64_t memory = 0;  // bytes in use at its end
  EventKind kind = EventKind::kernel;
  EventRole role = EventRole::example;
  uint32_t count = 1;  // how many it stands for
};

// What events come from that are counted together: a compiled function, an operation of the table.
struct EventSource : std::enable_shared_from_this<EventSource> {
  explicit EventSource(EventKind kind) : kind(kind) {}
  const EventKind kind;
  Sampler sampler{kAlwaysRecorded, 0.25f};
  std::atomic<uint32_t> epoch{0};  // when it began to count; see detail::epoch
  std::atomic<OriginRef> last;     // of its last record

  // So that a short program shows everything.
  static constexpr uint32_t kAlwaysRecorded = 256;
};

class ProfileScope;

namespace detail {
extern std::atomic<int> profiles;          // being taken
extern std::atomic<int> whole_profiles;    // ... that want every event
extern std::atomic<uint32_t> epoch;        // profiles begun so far
extern std::atomic<uint64_t> record_cost;  // of one record, in ticks
extern constinit thread_local ProfileScope* innermost __attribute__((tls_model("initial-exec")));
void record(ProfileEvent event) noexcept;
void join(EventSource& source);
void note_launches(const std::shared_ptr<const KernelCode>& kernel);
inline bool records_all() { return whole_profiles.load(std::memory_order_relaxed) != 0; }
}  // namespace detail

inline bool profiling() { return detail::profiles.load(std::memory_order_relaxed) != 0; }
// Never 0. The time stamp counter where the system itself keeps time by it, else nanoseconds.
uint64_t profile_clock();
// When something began; 0 while no profile is taken. `record` does nothing for a start of 0.
inline uint64_t profile_start() { return profiling() ? profile_clock() : 0; }
// For what is rare and long: it is recorded whatever is around it.
void record(EventKind kind, uint64_t start, const OriginRef& origin) noexcept;

// Counts the launches of the kernel from now on, if that has not begun since the latest profile did.
inline void count_launches(const std::shared_ptr<const KernelCode>& kernel) {
  if (kernel->counted.load(std::memory_order_relaxed) != detail::epoch.load(std::memory_order_relaxed)) [[unlikely]]
    detail::note_launches(kernel);
}

// Records the time until its end, also when that is an exception.
class ProfileScope {
 public:
  using Ask = OriginRef (*)(const void* about);
  // `source`: null when no profile is taken. `ask(about)` tells the origin if it is recorded. `is_long`: it takes so long
  // that it is recorded in any case.
  ProfileScope(EventSource* source, Ask ask, const void* about, bool is_long = false)
      : source_(source), ask_(ask), about_(about) {
    if (source) [[unlikely]]
      if (!is_left_out(is_long)) begin(is_long);
  }
  ProfileScope(const ProfileScope&) = delete;
  ProfileScope& operator=(const ProfileScope&) = delete;
  ~ProfileScope() {
    if (!source_) [[likely]]
      return;
    detail::innermost = outer_;
    if (recorded_ || holds_long_) end();
  }
  // Whether there is no scope on this thread that leaves out what is inside.
  static bool is_recording() { return !detail::innermost || detail::innermost->recorded_ || detail::records_all(); }
  void count_records(uint32_t count) { records_ += count; }
  // Something long was recorded inside. A scope that was to be left out is recorded after all, from then on.
  void hold_long(uint64_t start) {
    if (!holds_long_ && !recorded_) start_ = start;
    holds_long_ = true;
  }
  int64_t read = 0, written = 0;

 private:
  // For most, nothing else happens.
  bool is_left_out(bool is_long) {
    outer_ = std::exchange(detail::innermost, this);
    if (is_long || detail::records_all()) return false;
    if (outer_ && !outer_->recorded_) return true;
    if (source_->epoch.load(std::memory_order_relaxed) != detail::epoch.load(std::memory_order_relaxed)) [[unlikely]]
      detail::join(*source_);
    is_counted_ = true;
    count_ = source_->sampler.due();
    return count_ == 0;
  }
  void begin(bool is_long);
  void end();
  OriginRef origin() const noexcept;

  EventSource* source_;
  Ask ask_;
  const void* about_;
  ProfileScope* outer_ = nullptr;
  OriginRef origin_;  // when it is recorded
  uint64_t start_ = 0, before_ = 0;
  uint32_t count_ = 0;       // of which it is an example
  uint32_t records_ = 0;     // made inside
  bool recorded_ = false;    // as decided at its beginning
  bool is_counted_ = false;  // by its source
  bool holds_long_ = false;  // or is long itself
};

// What takes longer than about 10 µs is worth a record in any case; here it is known before.
constexpr bool is_long_copy(int64_t bytes) { return bytes >= 1 << 18; }

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
  std::vector<ThreadEvents> threads;                    // their events are in the order in which they ended
  std::vector<std::pair<OriginRef, int64_t>> launches;  // of kernels, also of those that were not recorded
  uint64_t start = 0, end = 0;
  double seconds_per_tick = 0;
  int64_t dropped = 0;       // events for which there was no room
  int64_t memory_start = 0;  // bytes in use
  int64_t memory_end = 0;
  int64_t memory_peak = 0;
};

// Begins to take a profile of at most about `capacity` events (rounded up to whole chunks for every thread), and returns
// its number. `every`: nothing is left out.
uint64_t start_profile(int64_t capacity, bool every);
// Records how many events were left out since the last records. The beginning and the end of a profile do it.
void settle_samples();
Profile stop_profile(uint64_t number);
// How the present thread is called, asked until the answer is not empty, without any lock held.
void set_thread_namer(std::string (*namer)());

}  // namespace tandem
