#include "frontend/compiling.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <deque>
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
    waiting_.push_back(executable.weak_from_this());
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
    std::thread last = std::move(thread_);
    lock.unlock();
    if (last.joinable()) last.join();
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
      if (later) fresh->waiting_.push_front(executable->weak_from_this());
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

  // With the mutex held: sees to it that there is a thread, unless the process is about to end.
  void start() {
    if (working_ || stopped_ || held_ || waiting_.empty()) return;
    if (thread_.joinable()) thread_.join();  // it has released the mutex for the last time
    // Signals are for the threads of the program.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    working_ = true;
    try {
      thread_ = std::thread([this] { work(); });
    } catch (const std::system_error&) {
      working_ = false;  // the next call tries again
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  void work() {
    constexpr int kNice = 5;
    pthread_setname_np(pthread_self(), "tandem-compile");
    setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);
    const SerialScope alone;
    std::unique_lock lock(mutex_);
    while (!stopped_ && !held_ && !waiting_.empty()) {
      std::shared_ptr<Executable> next = waiting_.front().lock();
      waiting_.pop_front();
      if (next && next->state_ == State::waiting) compile(*next, lock, next->stop_.get_token());
      // Its end may run Python code, which must not meet a lock that is held here.
      lock.unlock();
      next.reset();
      lock.lock();
    }
    working_ = false;
  }

  std::mutex mutex_;
  std::condition_variable changed_;  // the state of some program
  std::deque<std::weak_ptr<Executable>> waiting_;
  std::vector<Executable*> compiling_;
  std::thread thread_;
  bool working_ = false, stopped_ = false, held_ = false;
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
