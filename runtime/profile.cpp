#include "runtime/profile.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <mutex>
#include <thread>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include "runtime/storage.h"

namespace tandem {

std::atomic<int> detail::profiles{0};

namespace {

// ---- the clock ------------------------------------------------------------------------------------------------------

uint64_t nanoseconds() {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
          .count());
}

#if defined(__x86_64__)
// The system has made sure that the counter runs evenly and is the same on all cores if it keeps time by it.
bool counter_is_reliable() {
  std::ifstream file("/sys/devices/system/clocksource/clocksource0/current_clocksource");
  std::string name;
  return file >> name && name == "tsc";
}
uint64_t counter() { return __rdtsc(); }
#else
bool counter_is_reliable() { return false; }
uint64_t counter() { return 0; }
#endif

std::atomic<bool> use_counter{false};  // decided before the first profile

struct Anchor {
  uint64_t ticks, nanoseconds;
};
Anchor anchor() { return {profile_clock(), nanoseconds()}; }

// Measured from the first profile on, so that it is more exact for every one.
double seconds_per_tick(const Anchor& first) {
  if (!use_counter) return 1e-9;
  constexpr uint64_t kShortest = 2'000'000;  // ns: an error of 50 ns at both ends is then below 1 in 10,000
  while (nanoseconds() - first.nanoseconds < kShortest) std::this_thread::sleep_for(std::chrono::microseconds(100));
  const Anchor now = anchor();
  return static_cast<double>(now.nanoseconds - first.nanoseconds) * 1e-9 / static_cast<double>(now.ticks - first.ticks);
}

// ---- buffers --------------------------------------------------------------------------------------------------------

// Held for some nanoseconds, and hardly ever wanted by two.
class SpinLock {
 public:
  void lock() {
    while (busy_.exchange(true, std::memory_order_acquire)) std::this_thread::yield();
  }
  void unlock() { busy_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> busy_{false};
};

// The events of one thread. Readers share its chunks and look only at events that were there when they took them.
struct ThreadBuffer {
  SpinLock lock;  // of all below
  std::vector<std::shared_ptr<EventChunk>> chunks;
  size_t size = 0, limit = 0;  // events written, and events there is leave for
  bool ended = false;
  int64_t thread = 0;
  std::string name;
};

struct Window {
  uint64_t number, start;
  int64_t capacity, dropped_before, memory_start, peak = 0;
};

struct Store {
  std::mutex mutex;  // of what is up to the atomics; taken before that of a buffer
  std::vector<std::shared_ptr<ThreadBuffer>> buffers;
  std::vector<Window> windows;
  uint64_t next_number = 1;
  Anchor first{0, 0};
  std::string (*namer)() = nullptr;

  SpinLock spare_lock;  // taken last
  std::vector<std::unique_ptr<EventChunk>> spare;

  std::atomic<int64_t> room{0};  // events that may still be claimed
  std::atomic<int64_t> dropped{0};
};

void fork_prepare();
void fork_done();

Store& store() {
  static Store& instance = *[] {
    auto* made = new Store;  // never destroyed: threads may end after every static object
    pthread_atfork(fork_prepare, fork_done, fork_done);
    return made;
  }();
  return instance;
}

void fork_prepare() {
  store().mutex.lock();
  for (const auto& buffer : store().buffers) buffer->lock.lock();
  store().spare_lock.lock();
}
void fork_done() {
  store().spare_lock.unlock();
  for (const auto& buffer : store().buffers) buffer->lock.unlock();
  store().mutex.unlock();
}

__attribute__((tls_model("initial-exec"))) thread_local ThreadBuffer* this_buffer = nullptr;
thread_local bool thread_ended = false;

struct ThreadEnd {
  std::shared_ptr<ThreadBuffer> buffer;
  ~ThreadEnd() {
    this_buffer = nullptr;
    thread_ended = true;
    const std::lock_guard lock(store().mutex);
    const std::lock_guard own(buffer->lock);
    buffer->ended = true;
    if (buffer->size == 0) std::erase(store().buffers, buffer);
  }
};

// Null while the thread's statics are being destroyed.
ThreadBuffer* make_buffer() {
  if (thread_ended) return nullptr;
  auto made = std::make_shared<ThreadBuffer>();
  made->thread = syscall(SYS_gettid);
  static thread_local ThreadEnd end;
  end.buffer = made;
  const std::lock_guard lock(store().mutex);
  store().buffers.push_back(made);
  return this_buffer = made.get();
}

// Fresh memory costs more than what is written to it, so some of it is kept.
constexpr size_t kSpareChunks = 64;

void give_back(EventChunk* chunk) {
  std::unique_ptr<EventChunk> owned(chunk);
  for (ProfileEvent& event : owned->events) event.origin.reset();
  const std::lock_guard lock(store().spare_lock);
  if (store().spare.size() < kSpareChunks) store().spare.push_back(std::move(owned));
}

std::shared_ptr<EventChunk> new_chunk() {
  std::unique_ptr<EventChunk> chunk;
  {
    const std::lock_guard lock(store().spare_lock);
    if (!store().spare.empty()) {
      chunk = std::move(store().spare.back());
      store().spare.pop_back();
    }
  }
  if (!chunk) chunk = std::make_unique<EventChunk>();
  return {chunk.release(), give_back};
}

// Claims room for another chunk of events, or for what is left. False when there is none.
bool extend(ThreadBuffer& buffer) {
  Store& all = store();
  int64_t room = all.room.load(std::memory_order_relaxed), claimed;
  do {
    claimed = std::min<int64_t>(room, kEventsPerChunk);
    if (claimed <= 0) return false;
  } while (!all.room.compare_exchange_weak(room, room - claimed, std::memory_order_relaxed));
  // A last claim of less than a chunk may have left one unfilled.
  if (buffer.size == buffer.chunks.size() * kEventsPerChunk) {
    try {
      buffer.chunks.push_back(new_chunk());
    } catch (const std::bad_alloc&) {
      all.room.fetch_add(claimed, std::memory_order_relaxed);
      return false;
    }
  }
  buffer.limit = std::min(buffer.size + static_cast<size_t>(claimed), buffer.chunks.size() * kEventsPerChunk);
  return true;
}

// The peak since the last call belongs to every profile that was being taken then.
void note_peak(Store& all) {
  const int64_t peak = take_peak_memory();
  for (Window& window : all.windows) window.peak = std::max(window.peak, peak);
}

}  // namespace

uint64_t profile_clock() { return use_counter.load(std::memory_order_relaxed) ? counter() : nanoseconds(); }

void detail::record(ProfileEvent event) noexcept {
  ThreadBuffer* buffer = this_buffer ? this_buffer : make_buffer();
  if (!buffer) {
    store().dropped.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  event.memory = memory_in_use();
  if (buffer->name.empty() && store().namer) [[unlikely]] {  // which only this thread writes
    std::string name = store().namer();
    const std::lock_guard lock(buffer->lock);
    buffer->name = std::move(name);
  }
  const std::lock_guard lock(buffer->lock);
  if (!profiling()) return;  // it ended meanwhile
  if (buffer->size == buffer->limit && !extend(*buffer)) {
    store().dropped.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  buffer->chunks[buffer->size / kEventsPerChunk]->events[buffer->size % kEventsPerChunk] = std::move(event);
  ++buffer->size;
}

uint64_t start_profile(int64_t capacity) {
  Store& all = store();
  const std::lock_guard lock(all.mutex);
  note_peak(all);
  if (all.first.ticks == 0) {
    use_counter = counter_is_reliable();
    all.first = anchor();
  }
  const uint64_t number = all.next_number++;
  all.room.fetch_add(capacity, std::memory_order_relaxed);
  all.windows.push_back({number, profile_clock(), capacity, all.dropped.load(), memory_in_use()});
  detail::profiles.fetch_add(1);
  return number;
}

Profile stop_profile(uint64_t number) {
  Store& all = store();
  Profile out;
  out.end = profile_clock();
  std::vector<std::vector<std::shared_ptr<EventChunk>>> gone;  // destroyed when no lock is held
  std::unique_lock lock(all.mutex);
  const auto window =
      std::find_if(all.windows.begin(), all.windows.end(), [&](const Window& w) { return w.number == number; });
  check_internal(window != all.windows.end(), "profile {} is not being taken", number);
  note_peak(all);
  out.start = window->start;
  out.memory_start = window->memory_start;
  out.memory_end = memory_in_use();
  out.memory_peak = std::max({window->peak, out.memory_start, out.memory_end});
  out.dropped = all.dropped.load() - window->dropped_before;
  const int64_t capacity = window->capacity;
  int64_t room = capacity;
  const bool last = detail::profiles.fetch_sub(1) == 1;
  all.windows.erase(window);
  for (const auto& buffer : all.buffers) {
    const std::lock_guard own(buffer->lock);
    const auto at = [&](size_t i) -> const ProfileEvent& {
      return buffer->chunks[i / kEventsPerChunk]->events[i % kEventsPerChunk];
    };
    size_t first = 0, end = buffer->size;
    while (first < end && at(first).end < out.start) first += kEventsPerChunk;  // whole chunks from before
    first -= std::min(first, kEventsPerChunk);
    while (first < end && at(first).end < out.start) ++first;
    if (first < end) {
      const auto kept = static_cast<size_t>(std::min<int64_t>(room, static_cast<int64_t>(end - first)));
      out.dropped += static_cast<int64_t>(end - first - kept);
      room -= static_cast<int64_t>(kept);
      out.threads.push_back(
          {buffer->thread, buffer->name, {buffer->chunks.begin(), buffer->chunks.end()}, first, first + kept});
    }
    if (!last) continue;
    gone.push_back(std::exchange(buffer->chunks, {}));
    buffer->size = buffer->limit = 0;
  }
  if (last) {
    std::erase_if(all.buffers, [](const auto& buffer) { return buffer->ended; });
    all.room = 0;
  } else {
    all.room.fetch_sub(capacity, std::memory_order_relaxed);
  }
  const Anchor first = all.first;
  lock.unlock();
  out.seconds_per_tick = seconds_per_tick(first);
  return out;
}

void set_thread_namer(std::string (*namer)()) { store().namer = namer; }

std::string_view to_text(EventKind kind) {
  switch (kind) {
    case EventKind::kernel: return "kernel";
    case EventKind::library: return "library";
    case EventKind::copy: return "copy";
    case EventKind::put: return "put";
    case EventKind::host: return "host";
    case EventKind::operation: return "operation";
    case EventKind::call: return "call";
    case EventKind::capture: return "capture";
    case EventKind::compile: return "compile";
    case EventKind::load: return "load";
  }
  return "";
}

}  // namespace tandem
