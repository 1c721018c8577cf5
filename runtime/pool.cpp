#include "runtime/pool.h"

#include <pthread.h>
#include <sched.h>
#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace tandem {

namespace {

// How long a thread looks for the next loop before it sleeps, and a caller for the last helper before it does. After that
// a thread goes on looking for some time, but offers its core to others: waking it would take longer than a brief loop.
constexpr auto kSpin = std::chrono::microseconds(60), kLookAround = std::chrono::microseconds(300);

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Spins until `done` or for kSpin; whether it was done.
template <class Done>
bool spin(Done&& done) {
  const auto start = std::chrono::steady_clock::now();
  do {
    for (int i = 0; i < 32; ++i) {
      if (done()) return true;
      relax();
    }
  } while (std::chrono::steady_clock::now() - start < kSpin);
  return done();
}

template <class Done>
bool look_around(Done&& done) {
  const auto start = std::chrono::steady_clock::now();
  do {
    if (done()) return true;
    sched_yield();
  } while (std::chrono::steady_clock::now() - start < kLookAround);
  return done();
}

// The loop being run, as one word: its number, whether it may be joined, and how many helpers are at work.
struct State {
  static constexpr uint64_t kOpen = 1u << 16, kHelpers = kOpen - 1;
  static uint32_t number(uint64_t s) { return static_cast<uint32_t>(s >> 32); }
  static bool open(uint64_t s) { return (s & kOpen) != 0; }
  static int helpers(uint64_t s) { return static_cast<int>(s & kHelpers); }
};

// A thread of the pool. The system may wake one on the core of the caller, who needs help on another: of virtual machines
// the idle cores count as taken by the host, and of a busy one others are not looked at. There the helper would wait until
// the caller is done, or some milliseconds for cores to be balanced. So that core is taken out of those that it may run
// on until it runs.
class Helper {
 public:
  // On the thread itself.
  void about_to_sleep() { asleep_.store(true, std::memory_order_relaxed); }
  void awake() {
    asleep_.store(false, std::memory_order_relaxed);
    if (!narrowed_.load(std::memory_order_acquire)) return;
    pthread_setaffinity_np(pthread_self(), sizeof allowed_, &allowed_);
    narrowed_.store(false, std::memory_order_release);
  }

  // On the one who wants it to run.
  void started(pthread_t thread) {
    thread_ = thread;
    keep_off(sched_getcpu());
  }
  void will_be_woken(int caller_core) {
    if (asleep_.load(std::memory_order_relaxed)) keep_off(caller_core);
  }

 private:
  void keep_off(int core) {
    if (core < 0 || narrowed_.load(std::memory_order_acquire)) return;
    cpu_set_t cores;
    if (pthread_getaffinity_np(thread_, sizeof cores, &cores) != 0 || !CPU_ISSET(core, &cores)) return;
    allowed_ = cores;
    CPU_CLR(core, &cores);
    if (CPU_COUNT(&cores) == 0) return;
    narrowed_.store(true, std::memory_order_release);
    pthread_setaffinity_np(thread_, sizeof cores, &cores);
  }

  pthread_t thread_{};
  cpu_set_t allowed_{};
  std::atomic<bool> narrowed_{false}, asleep_{false};
};

class Pool {
 public:
  bool run(int helpers, bool wake, PoolWork work, void* context) {
    if (taken_.exchange(true, std::memory_order_acquire)) return false;
    if (!wake && asleep_.load(std::memory_order_relaxed) >= started()) {
      taken_.store(false, std::memory_order_release);
      return false;
    }
    while (wake && started() < helpers && start_thread()) {}
    const int core = sched_getcpu();
    caller_core_.store(core, std::memory_order_relaxed);
    work_ = work;
    context_ = context;
    most_ = helpers;
    const uint32_t number = State::number(state_.load(std::memory_order_relaxed)) + 1;
    state_.store(uint64_t{number} << 32 | State::kOpen, std::memory_order_release);
    number_.store(number, std::memory_order_release);
    if (wake && asleep_.load(std::memory_order_seq_cst) > 0) {
      for (const auto& helper : helpers_) helper->will_be_woken(core);
      number_.notify_all();
    }
    work(context, 0);
    state_.fetch_and(~State::kOpen, std::memory_order_acq_rel);
    const auto alone = [this] { return State::helpers(state_.load(std::memory_order_acquire)) == 0; };
    if (!spin(alone)) {
      for (uint64_t s = state_.load(std::memory_order_acquire); State::helpers(s) != 0;
           s = state_.load(std::memory_order_acquire))
        state_.wait(s, std::memory_order_acquire);
    }
    taken_.store(false, std::memory_order_release);
    return true;
  }

  void forget_threads() {
    helpers_.clear();
    asleep_.store(0);
    state_.store(0);
    number_.store(0);
    taken_.store(false);
  }

 private:
  bool start_thread() {
    // Signals are for the threads of the program.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool has_started = true;
    try {
      helpers_.reserve(helpers_.size() + 1);
      auto helper = std::make_unique<Helper>();
      std::thread thread([this, self = helper.get(), seat = started() + 1, seen = State::number(state_.load())] {
        serve(*self, seat, seen);
      });
      helper->started(thread.native_handle());
      thread.detach();
      helpers_.push_back(std::move(helper));
    } catch (const std::system_error&) {
      has_started = false;  // the loop then has fewer threads
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return has_started;
  }

  int started() const { return static_cast<int>(helpers_.size()); }

  void serve(Helper& self, int seat, uint32_t seen) {
    pthread_setname_np(pthread_self(), "tandem");
    for (;;) {
      self.awake();
      const auto changed = [&] { return number_.load(std::memory_order_acquire) != seen; };
      // Where the caller was moved to the core of its helper, which must go.
      const auto crowded = [&] { return sched_getcpu() == caller_core_.load(std::memory_order_relaxed); };
      const auto found = [&] { return changed() || crowded(); };
      if (!(spin(found) || look_around(found)) || !changed()) {
        self.about_to_sleep();
        asleep_.fetch_add(1, std::memory_order_seq_cst);
        while (!changed()) number_.wait(seen, std::memory_order_acquire);
        asleep_.fetch_sub(1, std::memory_order_relaxed);
      }
      uint64_t s = state_.load(std::memory_order_acquire);
      seen = State::number(s);
      bool joined = false;
      while (!joined && State::open(s) && State::number(s) == seen && State::helpers(s) < most_)
        joined = state_.compare_exchange_weak(s, s + 1, std::memory_order_acq_rel, std::memory_order_acquire);
      if (!joined) continue;
      work_(context_, seat);
      if (State::helpers(state_.fetch_sub(1, std::memory_order_acq_rel)) == 1) state_.notify_one();
    }
  }

  std::atomic<uint64_t> state_{0};
  std::atomic<uint32_t> number_{0};  // of the loop in state_, to sleep on
  std::atomic<int> asleep_{0};
  std::atomic<bool> taken_{false};
  std::atomic<int> caller_core_{-1};
  // Written by the caller that has taken the pool, read by helpers that have joined.
  PoolWork work_ = nullptr;
  void* context_ = nullptr;
  std::atomic<int> most_{0};
  std::vector<std::unique_ptr<Helper>> helpers_;
};

Pool& pool();

Pool& pool() {
  // Its threads may run until the very end of the process.
  static Pool* const instance = [] {
    pthread_atfork(nullptr, nullptr, [] { pool().forget_threads(); });
    return new Pool;
  }();
  return *instance;
}

// Made when the library is loaded: a child that is forked while another thread makes it would wait for that thread.
[[gnu::constructor]] void make_at_load() { pool(); }

}  // namespace

bool share_work(int helpers, bool wake, PoolWork work, void* context) {
  return pool().run(helpers, wake, work, context);
}

}  // namespace tandem
