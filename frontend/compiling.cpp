#include "frontend/compiling.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <list>
#include <optional>
#include <thread>

#include "runtime/parallel.h"

namespace tandem {

// Who compiles what. Programs are held weakly: what nobody wants any more is not compiled.
class CompileQueue {
 public:
  void add(Executable& executable) {
    const std::lock_guard lock(mutex_);
    if (executable.state_ != State::captured) return;
    executable.state_ = State::waiting;
    waiting_.emplace_back(executable);
    start();
  }

  bool await(Executable& executable, Executable::Clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    for (;;) {
      switch (executable.state_) {
        case State::ready: return true;
        case State::failed: std::rethrow_exception(executable.failure_);
        case State::captured:
        case State::waiting:
          if (deadline == Executable::kNever) {
            compile(executable, lock, {});
            continue;
          }
          start();
          break;
        case State::compiling: break;
      }
      if (deadline == Executable::kNever) {
        changed_.wait(lock);
      } else if (Executable::Clock::now() >= deadline) {
        return false;
      } else {
        changed_.wait_until(lock, deadline);
      }
    }
  }

  void abandon(Executable& executable) {
    const std::lock_guard lock(mutex_);
    if (executable.state_ == State::waiting) executable.state_ = State::captured;
    if (executable.state_ == State::compiling) executable.stop_.request_stop();
  }

  void hold(bool held) {
    const std::lock_guard lock(mutex_);
    held_ = held;
    start();
  }

  void stop() {
    std::unique_lock lock(mutex_);
    stopped_ = true;
    for (Executable* executable : compiling_) executable->stop_.request_stop();
    std::list<Worker> last = std::move(workers_);
    lock.unlock();
    for (Worker& worker : last) worker.thread.join();
  }

  void before_fork() { mutex_.lock(); }
  void after_fork() { mutex_.unlock(); }
  // The queue of a child: what was being compiled waits again. The old queue stays, with what its threads held.
  CompileQueue* reborn() {
    auto* fresh = new CompileQueue;
    fresh->waiting_ = waiting_;
    fresh->stopped_ = stopped_;
    fresh->held_ = held_;
    for (Executable* executable : compiling_) {
      const bool later = executable->deadline != Executable::kNever;
      executable->state_ = later ? State::waiting : State::captured;
      if (later) fresh->waiting_.emplace_front(*executable);
    }
    return fresh;
  }

 private:
  using State = Executable::State;

  // With the mutex held, which is released meanwhile.
  void compile(Executable& executable, std::unique_lock<std::mutex>& lock, const std::stop_token& stop) {
    executable.state_ = State::compiling;
    compiling_.push_back(&executable);
    lock.unlock();
    std::exception_ptr failure;
    State after = State::ready;
    try {
      executable.compile(stop);
    } catch (const Stopped&) {
      after = State::captured;
    } catch (...) {
      after = State::failed;
      failure = std::current_exception();
    }
    lock.lock();
    compiling_.erase(std::find(compiling_.begin(), compiling_.end(), &executable));
    executable.state_ = after;
    executable.failure_ = std::move(failure);
    changed_.notify_all();
  }

  struct Waiting {
    explicit Waiting(Executable& executable)
        : program(executable.weak_from_this()), on_cpu(is_cpu(executable.device())) {}
    std::weak_ptr<Executable> program;
    bool on_cpu;
  };
  struct Worker {
    std::thread thread;
    bool over = false;  // it has released the mutex for the last time
  };

  bool may_begin(const Waiting& waiting) const { return !waiting.on_cpu || !cpu_taken_; }

  // With the mutex held: sees to it that there are as many threads as find work, unless the process is about to end.
  void start() {
    if (stopped_ || held_) return;
    const auto found =
        std::count_if(waiting_.begin(), waiting_.end(), [&](const auto& w) { return !w.on_cpu; }) +
        (!cpu_taken_ && std::any_of(waiting_.begin(), waiting_.end(), [](const auto& w) { return w.on_cpu; }));
    const auto wanted = std::min<int64_t>(found + busy_, num_threads());
    while (running_ < wanted)
      if (!start_one()) return;  // the next call tries again
  }

  bool start_one() {
    std::erase_if(workers_, [](Worker& worker) {
      if (worker.over) worker.thread.join();
      return worker.over;
    });
    // Signals are for the threads of the program.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    Worker& worker = workers_.emplace_back();
    bool begun = true;
    try {
      worker.thread = std::thread([this, &worker] { work(worker); });
      ++running_;
    } catch (const std::system_error&) {
      workers_.pop_back();
      begun = false;
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return begun;
  }

  void work(Worker& worker) {
    constexpr int kNice = 5;
    pthread_setname_np(pthread_self(), "tandem-compile");
    setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);
    std::unique_lock lock(mutex_);
    while (!stopped_ && !held_) {
      const auto first = std::find_if(waiting_.begin(), waiting_.end(), [&](const auto& w) { return may_begin(w); });
      if (first == waiting_.end()) break;
      const bool on_cpu = first->on_cpu;
      std::shared_ptr<Executable> next = first->program.lock();
      waiting_.erase(first);
      if (next && next->state_ == State::waiting) {
        std::optional<SerialScope> alone;
        if (on_cpu) alone.emplace();
        cpu_taken_ = cpu_taken_ || on_cpu;
        ++busy_;
        compile(*next, lock, next->stop_.get_token());
        --busy_;
        if (on_cpu) cpu_taken_ = false;
      }
      // Its end may run Python code, which must not meet a lock that is held here.
      lock.unlock();
      next.reset();
      lock.lock();
    }
    --running_;
    worker.over = true;
  }

  std::mutex mutex_;
  std::condition_variable changed_;  // the state of some program
  std::deque<Waiting> waiting_;
  std::vector<Executable*> compiling_;
  std::list<Worker> workers_;
  int64_t running_ = 0, busy_ = 0;  // of the workers, and of these, that compile
  bool cpu_taken_ = false;          // one of them compiles for the CPU
  bool stopped_ = false, held_ = false;
};

namespace {

// Never destroyed: its threads may outlive every static object.
CompileQueue*& current();

CompileQueue*& current() {
  static CompileQueue* queue = [] {
    pthread_atfork([] { current()->before_fork(); }, [] { current()->after_fork(); },
                   [] { current() = current()->reborn(); });
    return new CompileQueue;
  }();
  return queue;
}

}  // namespace

void compile_later(Executable& executable) { current()->add(executable); }

bool await(Executable& executable, Executable::Clock::time_point deadline) {
  return executable.ready() || current()->await(executable, deadline);
}

void abandon(Executable& executable) {
  if (!executable.ready()) current()->abandon(executable);
}

void hold_compiling(bool held) { current()->hold(held); }

void stop_compiling() { current()->stop(); }

}  // namespace tandem
