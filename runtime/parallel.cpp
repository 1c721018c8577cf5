#include "runtime/parallel.h"

#include <omp.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <string>

#include "ir/error.h"

namespace tandem {

namespace {

// Waking and joining a sleeping team costs some microseconds; a share below this is not worth it.
constexpr double kWorthSharing = 40e3;   // ns in total
constexpr double kWorthAThread = 10e3;   // ns per thread
constexpr double kWorthAPiece = 25e3;    // ns per piece, when a thread gets several
constexpr int64_t kPiecesPerThread = 4;  // evens out threads that are held up by other processes
constexpr int kMostThreads = 1024;

std::atomic<int> chosen_threads{0};  // 0: not yet asked for
std::atomic<bool> forked{false};
thread_local bool inside = false;

// libgomp's pool does not survive fork: a second team in the child would wait for threads that do not exist.
[[maybe_unused]] const int registered = pthread_atfork(nullptr, nullptr, [] { forked.store(true); });

int from_environment(const char* name) {
  const char* text = std::getenv(name);
  if (!text) return 0;
  const long value = std::strtol(text, nullptr, 10);  // of a list "4,2" the first is the outer level
  return value >= 1 ? static_cast<int>(std::min<long>(value, kMostThreads)) : 0;
}

int affinity_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return std::max(1, omp_get_num_procs());
  return std::max(1, CPU_COUNT(&set));
}

// Containers limit time rather than cores: "max 100000" or "200000 100000" (version 2), two files in version 1.
int quota_cores() {
  std::string quota, period;
  if (std::ifstream file("/sys/fs/cgroup/cpu.max"); !(file >> quota >> period)) {
    std::ifstream quota_file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
        period_file("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
    if (!(quota_file >> quota) || !(period_file >> period)) return kMostThreads;
  }
  const double numerator = std::strtod(quota.c_str(), nullptr), denominator = std::strtod(period.c_str(), nullptr);
  if (numerator <= 0 || denominator <= 0) return kMostThreads;  // "max" and -1
  return static_cast<int>(std::clamp(std::ceil(numerator / denominator), 1.0, double{kMostThreads}));
}

int default_threads() {
  if (const int n = from_environment("TANDEM_NUM_THREADS")) return n;
  if (const int n = from_environment("OMP_NUM_THREADS")) return n;
  return std::min(affinity_cores(), quota_cores());
}

struct Inside {
  Inside() { inside = true; }
  ~Inside() { inside = false; }
};

struct Shared {
  std::atomic<int64_t> next{0};
  std::atomic<bool> failed{false};
  std::exception_ptr error;
};

void work(Shared& shared, int64_t count, int64_t piece, LoopBody body, void* context) {
  const Inside mark;
  while (!shared.failed.load(std::memory_order_relaxed)) {
    const int64_t begin = shared.next.fetch_add(piece, std::memory_order_relaxed);
    if (begin >= count) return;
    try {
      body(context, begin, std::min(count, begin + piece));
    } catch (...) {
      if (!shared.failed.exchange(true)) shared.error = std::current_exception();  // the join publishes it
    }
  }
}

}  // namespace

bool in_forked_child() { return forked.load(std::memory_order_relaxed); }
bool parallel_unavailable() { return inside || in_forked_child() || omp_in_parallel(); }

int num_threads() {
  if (in_forked_child()) return 1;
  int n = chosen_threads.load(std::memory_order_relaxed);
  if (n == 0) {
    n = default_threads();
    int unset = 0;
    if (!chosen_threads.compare_exchange_strong(unset, n)) n = unset;
  }
  return n;
}

void set_num_threads(int n) {
  if (n < 1 || n > kMostThreads)
    throw_error(ErrorKind::value, "set_num_threads: got {}; need a number from 1 to {}", n, kMostThreads);
  chosen_threads.store(n);
}

void parallel_for(int64_t count, int64_t grain, double cost, LoopBody body, void* context) {
  if (count <= 0) return;
  grain = std::max<int64_t>(grain, 1);
  const double total = static_cast<double>(count) * cost;
  if (total < kWorthSharing || count <= grain || parallel_unavailable()) {
    body(context, 0, count);
    return;
  }
  const int64_t grains = (count - 1) / grain + 1;
  const auto affordable = [&](double each, int64_t most) {
    return static_cast<int64_t>(std::min(total / each, static_cast<double>(most)));
  };
  const int64_t threads = std::min<int64_t>({num_threads(), grains, affordable(kWorthAThread, kMostThreads)});
  if (threads <= 1) {
    body(context, 0, count);
    return;
  }
  const int64_t pieces = std::clamp(affordable(kWorthAPiece, threads * kPiecesPerThread), threads, grains);
  // Rounded up to whole rounds of pieces, or the last thread would be left with one piece more than the others.
  const int64_t even_pieces = std::min(grains, (pieces + threads - 1) / threads * threads);
  const int64_t piece = ((grains - 1) / even_pieces + 1) * grain;
  Shared shared;
#pragma omp parallel num_threads(static_cast<int>(threads)) default(none) shared(shared, count, piece, body, context)
  work(shared, count, piece, body, context);
  if (shared.error) std::rethrow_exception(shared.error);
}

}  // namespace tandem
