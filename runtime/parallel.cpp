#include "runtime/parallel.h"

#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <string>
#include <thread>
#include <utility>

#include "ir/error.h"
#include "runtime/pool.h"

namespace tandem {

namespace {

// Handing work to a thread that looks for it costs most of a microsecond; a share below this is not worth it.
constexpr double kWorthSharing = 6e3;     // ns in total
constexpr double kWorthAThread = 3e3;     // ns per thread
constexpr double kWorthAPiece = 25e3;     // ns per piece, when a thread gets several
constexpr int64_t kPiecesPerThread = 16;  // evens out threads that come late or are held up by other processes
constexpr int kMostThreads = 1024;

std::atomic<int> chosen_threads{0};  // 0: not yet asked for
thread_local bool inside = false;

int from_environment(const char* name) {
  const char* text = std::getenv(name);
  if (!text) return 0;
  const long value = std::strtol(text, nullptr, 10);  // of a list "4,2" the first is the outer level
  return value >= 1 ? static_cast<int>(std::min<long>(value, kMostThreads)) : 0;
}

int affinity_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0)
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
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

// Loops that are over before a sleeping thread has come. They get help from threads that are awake, and wake them only
// for the sake of the next ones: when the one before was a moment ago. Where a helper lost its core to another process
// in the middle of such a loop, waiting for it took longer than many of them, so they are left alone for some time.
class BriefLoops {
 public:
  static constexpr double kBrief = 40e3;  // ns
  static bool is_brief(double total) { return total < kBrief; }

  explicit BriefLoops(double total) : total_(total), start_(now()) {}
  BriefLoops(const BriefLoops&) = delete;
  BriefLoops& operator=(const BriefLoops&) = delete;
  ~BriefLoops() {
    const int64_t end = now(), lost = end - start_ - static_cast<int64_t>(kPatience * total_);
    last.store(end, std::memory_order_relaxed);
    if (shared_ && lost > kLost) alone_until.store(end + kRest * lost, std::memory_order_relaxed);
  }

  // `share(wake)`: whether anybody could be asked for help.
  template <class Share>
  bool run(Share&& share) {
    if (start_ < alone_until.load(std::memory_order_relaxed)) return false;
    return shared_ = share(start_ - last.load(std::memory_order_relaxed) < kMoment);
  }

 private:
  static constexpr int64_t kMoment = 100'000, kLost = 200'000, kRest = 20;  // ns, ns, times
  static constexpr double kPatience = 4;
  static int64_t now() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

  static inline std::atomic<int64_t> last{0}, alone_until{0};
  double total_;
  int64_t start_;
  bool shared_ = false;
};

// The pieces of a loop, shared among seats (pool.h): each has a run of neighbouring pieces, takes them one by one, and then
// helps where there are some left. So a thread finds what it made in the loop before, of the same rows, in its own caches,
// where the pieces of another core would have to be fetched from there.
class Pieces {
 public:
  Pieces(int64_t count, int64_t seats) : count_(count), seats_(std::min(seats, kMostSeats)) {
    for (int64_t seat = 0; seat < seats_; ++seat) first(seat).store(start(seat), std::memory_order_relaxed);
  }

  // The number of a piece, or -1. `seat` becomes that of the run it is taken from.
  int64_t take(int64_t& seat) {
    for (int64_t tried = 0; tried < seats_; ++tried, seat = (seat + 1) % seats_) {
      const int64_t piece = first(seat).fetch_add(1, std::memory_order_relaxed);
      if (piece < start(seat + 1)) return piece;
    }
    return -1;
  }
  int64_t seats() const { return seats_; }

 private:
  static constexpr int64_t kMostSeats = 16;
  struct alignas(64) Run {
    std::atomic<int64_t> next;
  };
  int64_t start(int64_t seat) const { return seat * count_ / seats_; }
  std::atomic<int64_t>& first(int64_t seat) { return runs_[static_cast<size_t>(seat)].next; }

  int64_t count_, seats_;
  std::array<Run, kMostSeats> runs_;
};

struct Shared {
  Pieces pieces;
  int64_t count, piece;
  LoopBody body;
  void* context;
  std::atomic<bool> failed{false};
  std::exception_ptr error;
};

void work(void* loop, int seat) {
  Shared& shared = *static_cast<Shared*>(loop);
  const SerialScope mark;
  // A helper from a larger loop may come to a smaller one, but not to the run of the caller.
  const int64_t seats = shared.pieces.seats();
  int64_t run = seat < seats ? seat : seats > 1 ? 1 + (seat - 1) % (seats - 1) : 0;
  while (!shared.failed.load(std::memory_order_relaxed)) {
    const int64_t number = shared.pieces.take(run);
    if (number < 0) return;
    const int64_t begin = number * shared.piece;
    try {
      shared.body(shared.context, begin, std::min(shared.count, begin + shared.piece));
    } catch (...) {
      if (!shared.failed.exchange(true)) shared.error = std::current_exception();  // the end of the loop publishes it
    }
  }
}

}  // namespace

bool inside_parallel_for() { return inside; }

SerialScope::SerialScope() : before_(std::exchange(inside, true)) {}
SerialScope::~SerialScope() { inside = before_; }

int num_threads() {
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
  if (total < kWorthSharing || count <= grain || inside) {
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
  Shared shared{.pieces = {(count - 1) / piece + 1, threads},
                .count = count,
                .piece = piece,
                .body = body,
                .context = context,
                .error = nullptr};
  const auto share = [&](bool wake) { return share_work(static_cast<int>(threads) - 1, wake, work, &shared); };
  const auto share_brief = [&] {
    BriefLoops brief(total);
    if (!brief.run(share)) body(context, 0, count);
  };
  if (BriefLoops::is_brief(total)) {
    share_brief();
  } else if (!share(true)) {
    body(context, 0, count);
    return;
  }
  if (shared.error) std::rethrow_exception(shared.error);
}

}  // namespace tandem
