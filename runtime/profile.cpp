#include "runtime/profile.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <mutex>
#include <thread>
#include <unordered_set>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include "runtime/profile_steps.h"
#include "runtime/storage.h"

namespace tandem {

std::atomic<int> detail::profiles{0};
std::atomic<int> detail::whole_profiles{0};
std::atomic<uint32_t> detail::epoch{0};
std::atomic<uint64_t> detail::record_cost{0};
constinit thread_local ProfileScope* detail::innermost = nullptr;

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

// Two readings of the clock and the record itself, in ticks. Roughly: it decides how much is left out.
uint64_t measured_record_cost() {
  constexpr uint64_t kRecord = 20, kTime = 20'000;  // ns
  constexpr int kReadings = 64;
  const Anchor first = anchor();
  Anchor last = first;
  uint64_t reading = UINT64_MAX;
  while (last.nanoseconds - first.nanoseconds < kTime) {
    const uint64_t start = profile_clock();
    for (int i = 1; i < kReadings; ++i) profile_clock();
    reading = std::min(reading, (profile_clock() - start) / kReadings);
    last = anchor();
  }
  return 2 * reading + kRecord * (last.ticks - first.ticks) / (last.nanoseconds - first.nanoseconds);
}

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
  uint32_t epoch;
  bool every;
  int64_t capacity, dropped_before, memory_start, peak = 0;
};

struct LaunchesBefore {
  std::shared_ptr<const KernelCode> kernel;
  uint32_t epoch;  // when it was first launched since the profile of this number began
  int64_t count;
};

struct Store {
  std::mutex mutex;  // of what is up to the atomics; taken before that of a buffer
  std::vector<std::shared_ptr<ThreadBuffer>> buffers;
  std::vector<Window> windows;
  std::vector<std::shared_ptr<EventSource>> sources;  // that count since the latest profile began
  std::vector<LaunchesBefore> launches;               // in the order of their epochs
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

// Made when the library is loaded: a child that is forked while another thread makes it would wait for that thread.
[[maybe_unused]] const Store& made_at_load = store();

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
    store().dropped.fetch_add(event.count, std::memory_order_relaxed);
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
    store().dropped.fetch_add(event.count, std::memory_order_relaxed);
    return;
  }
  buffer->chunks[buffer->size / kEventsPerChunk]->events[buffer->size % kEventsPerChunk] = std::move(event);
  ++buffer->size;
}

void record(EventKind kind, uint64_t start, const OriginRef& origin) noexcept {
  if (start == 0) return;
  detail::record({start, profile_clock(), origin, 0, 0, 0, kind});
  if (ProfileScope* scope = detail::innermost) {
    scope->hold_long(start);
    scope->count_records(1);
  }
}

void detail::join(EventSource& source) {
  const std::lock_guard lock(store().mutex);
  if (source.epoch == epoch || !profiling()) return;
  source.epoch = epoch.load();
  source.sampler.restart();
  store().sources.push_back(source.shared_from_this());
}

void detail::note_launches(const std::shared_ptr<const KernelCode>& kernel) {
  const std::lock_guard lock(store().mutex);
  if (kernel->counted == epoch || !profiling()) return;
  kernel->counted = epoch.load();
  store().launches.push_back({kernel, epoch, kernel->launches.load()});
}

void ProfileScope::begin(bool is_long) {
  holds_long_ = is_long;
  recorded_ = true;
  before_ = profile_clock();
  origin_ = origin();
  start_ = profile_clock();
}

OriginRef ProfileScope::origin() const noexcept {
  try {
    return ask_(about_);
  } catch (...) {
    return nullptr;
  }
}

void ProfileScope::end() {
  const uint64_t now = profile_clock();
  if (!recorded_) origin_ = origin();
  bool is_example = false;
  if (is_counted_) {
    Sampler& sampler = source_->sampler;
    const uint64_t records = (records_ + 1) * detail::record_cost.load(std::memory_order_relaxed);
    if (count_ == 0)
      sampler.take_back();
    else if (holds_long_)
      sampler.take_alone(count_);
    else
      is_example = sampler.take(count_, now - start_, start_ - before_ + records);
    source_->last.store(origin_, std::memory_order_relaxed);
  }
  detail::record({start_, now, std::move(origin_), read, written, 0, source_->kind,
                  is_example ? EventRole::example : EventRole::single, is_example ? count_ : 1});
  if (!outer_) return;
  outer_->count_records(records_ + 1);
  if (holds_long_) outer_->hold_long(start_);
}

void ProfileStep::end() noexcept {
  const uint64_t now = profile_clock();
  bool is_example = !sampler_;
  if (sampler_ && count_ == 0)
    sampler_->take_back();
  else if (sampler_ && is_long_)
    sampler_->take_alone(count_);
  else if (sampler_)
    is_example = sampler_->take(count_, now - start_, detail::record_cost.load(std::memory_order_relaxed));
  detail::record({start_, now, std::move(origin_), read, written, 0, kind_,
                  is_example ? EventRole::example : EventRole::single, is_example ? count_ : 1});
  if (ProfileScope* scope = detail::innermost) {
    scope->count_records(1);
    if (is_long_) scope->hold_long(start_);
  }
}

void LoopSamplers::settle() {
  uint32_t records = 0;
  for (const auto& entry : entries_)
    if (const uint32_t count = entry ? entry->sampler.settle() : 0) {
      const uint64_t now = profile_clock();
      detail::record({now, now, entry->origin, 0, 0, 0, entry->kind, EventRole::rest, count});
      ++records;
    }
  if (detail::innermost) detail::innermost->count_records(records + steps_ / kStepsPerRecord);
  steps_ = 0;
}

void LoopSamplers::clear() {
  for (auto& entry : entries_) {
    if (!entry) continue;
    entry->origin.reset();
    unused_.push_back(std::move(entry));
  }
  count_ = 0;
}

Sampler& LoopSamplers::add(const void* step, EventKind kind, const OriginRef& origin) {
  if (2 * (count_ + 1) > entries_.size()) {
    std::vector<std::unique_ptr<Entry>> old(std::max<size_t>(16, 2 * entries_.size()));
    old.swap(entries_);
    for (auto& entry : old)
      if (entry) place(std::move(entry));
  }
  ++count_;
  std::unique_ptr<Entry> entry;
  if (unused_.empty()) {
    entry = std::make_unique<Entry>();
  } else {
    entry = std::move(unused_.back());
    unused_.pop_back();
    entry->sampler.restart();
  }
  entry->step = step, entry->kind = kind, entry->origin = origin;
  return place(std::move(entry)).sampler;
}

LoopSamplers::Entry& LoopSamplers::place(std::unique_ptr<Entry> entry) {
  size_t i = hash(entry->step) & (entries_.size() - 1);
  while (entries_[i]) i = (i + 1) & (entries_.size() - 1);
  return *(entries_[i] = std::move(entry));
}

namespace {
thread_local std::unique_ptr<LoopSamplers> spare_samplers;
}

std::unique_ptr<LoopSamplers> LoopSamplers::take() {
  return spare_samplers ? std::move(spare_samplers) : std::make_unique<LoopSamplers>();
}
void LoopSamplers::give_back(std::unique_ptr<LoopSamplers> samplers) {
  samplers->settle();
  samplers->clear();
  if (!thread_ended) spare_samplers = std::move(samplers);
}

void settle_samples() {
  if (!profiling()) return;
  const std::vector<std::shared_ptr<EventSource>> sources = [] {
    const std::lock_guard lock(store().mutex);
    return store().sources;
  }();
  for (const auto& source : sources)
    if (const uint32_t count = source->sampler.settle()) {
      const uint64_t now = profile_clock();
      detail::record({now, now, source->last.load(), 0, 0, 0, source->kind, EventRole::rest, count});
    }
}

uint64_t start_profile(int64_t capacity, bool every) {
  settle_samples();
  Store& all = store();
  const std::lock_guard lock(all.mutex);
  note_peak(all);
  if (all.first.ticks == 0) {
    use_counter = counter_is_reliable();
    all.first = anchor();
    detail::record_cost = measured_record_cost();
  }
  all.sources.clear();
  const uint32_t epoch = ++detail::epoch;
  const uint64_t number = all.next_number++;
  all.room.fetch_add(capacity, std::memory_order_relaxed);
  all.windows.push_back({number, profile_clock(), epoch, every, capacity, all.dropped.load(), memory_in_use()});
  detail::whole_profiles.fetch_add(every);
  detail::profiles.fetch_add(1);
  return number;
}

Profile stop_profile(uint64_t number) {
  settle_samples();
  Store& all = store();
  Profile out;
  out.end = profile_clock();
  // Destroyed when no lock is held.
  std::vector<std::vector<std::shared_ptr<EventChunk>>> gone;
  std::vector<std::shared_ptr<EventSource>> sources;
  std::vector<LaunchesBefore> launches;
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
  detail::whole_profiles.fetch_sub(window->every);
  const bool last = detail::profiles.fetch_sub(1) == 1;
  std::unordered_set<const KernelCode*> seen;
  for (const auto& [kernel, epoch, before] : all.launches)
    if (epoch >= window->epoch && seen.insert(kernel.get()).second)
      out.launches.emplace_back(kernel, kernel->launches.load() - before);
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
    sources.swap(all.sources);
    launches.swap(all.launches);
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
