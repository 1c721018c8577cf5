#include "runtime/parallel.h"

#include <sched.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <numeric>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "ir/error.h"
#include "tests/runtime/fork.h"

using namespace tandem;

namespace {

constexpr double kExpensive = 1e5;  // ns per item: always worth sharing

class Threads {
 public:
  explicit Threads(int n) : before_(num_threads()) { set_num_threads(n); }
  ~Threads() { set_num_threads(before_); }

 private:
  int before_;
};

}  // namespace

TEST_CASE("every index is visited once, in pieces of whole grains") {
  const Threads threads(3);
  for (const int64_t count : {0, 1, 2, 7, 64, 1000, 1023}) {
    for (const int64_t grain : {1, 3, 64, 5000}) {
      for (const double cost : {0.0, 1.0, 100.0, kExpensive}) {
        std::vector<std::atomic<int>> visits(static_cast<size_t>(count));
        std::atomic<bool> aligned{true};
        parallel_for(count, grain, cost, [&](int64_t begin, int64_t end) {
          if (begin % grain != 0 || (end % grain != 0 && end != count) || begin >= end) aligned = false;
          for (int64_t i = begin; i < end; ++i) ++visits[static_cast<size_t>(i)];
        });
        INFO(count << " " << grain << " " << cost);
        CHECK(aligned);
        for (const auto& visit : visits) REQUIRE(visit == 1);
      }
    }
  }
}

TEST_CASE("small loops stay on the calling thread, large ones are shared") {
  const Threads threads(2);
  const auto pieces = [](int64_t count, double cost) {
    std::atomic<int> pieces{0};
    parallel_for(count, 1, cost, [&](int64_t, int64_t) { ++pieces; });
    return pieces.load();
  };
  CHECK(pieces(1000, 1) == 1);
  CHECK(pieces(1000, 45) == 2);  // enough for two threads, not for more pieces than threads
  CHECK(pieces(1000, kExpensive) == 32);
  set_num_threads(1);
  CHECK(pieces(1000, kExpensive) == 1);
}

TEST_CASE("every thread has a run of neighbouring pieces, and then helps others") {
  const Threads threads(2);
  const auto first_pieces = [] {
    std::mutex mutex;
    std::map<std::thread::id, int64_t> first;
    parallel_for(32, 1, kExpensive, [&](int64_t begin, int64_t) {
      {
        const std::lock_guard lock(mutex);
        first.emplace(std::this_thread::get_id(), begin);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    });
    return first;
  };
  for (int tries = 0; tries < 20; ++tries) {
    const auto first = first_pieces();
    if (first.size() < 2) continue;  // the helper did not come in time: all pieces are done nevertheless
    CHECK(first.at(std::this_thread::get_id()) == 0);
    for (const auto& [thread, piece] : first) CHECK((thread == std::this_thread::get_id() || piece >= 16));
    return;
  }
  FAIL("no helper came in twenty loops of 32 ms");
}

TEST_CASE("several threads take part") {
  const Threads threads(4);
  std::mutex mutex;
  std::set<std::thread::id> ids;
  parallel_for(16, 1, kExpensive, [&](int64_t, int64_t) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    const std::lock_guard lock(mutex);
    ids.insert(std::this_thread::get_id());
  });
  CHECK(ids.size() >= 2);
}

TEST_CASE("many brief loops, from several threads at once") {
  const Threads threads(3);
  const auto run = [] {
    bool right = true;
    for (int round = 0; round < 2000; ++round) {
      std::vector<int> visits(64);
      parallel_for(64, 1, 300, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) ++visits[static_cast<size_t>(i)];
      });
      for (const int count : visits) right = right && count == 1;
    }
    return right;
  };
  bool other = false;
  std::thread thread([&] { other = run(); });
  CHECK(run());
  thread.join();
  CHECK(other);
}

TEST_CASE("helpers that were kept off the caller's core may go everywhere again") {
  const Threads threads(3);
  std::atomic<int64_t> sum{0};
  for (int burst = 0; burst < 20; ++burst) {
    for (int i = 0; i < 20; ++i)
      parallel_for(1000, 1, 20.0, [&](int64_t begin, int64_t end) { sum.fetch_add(end - begin); });
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // they sleep, and have to be woken
  }
  CHECK(sum == 20 * 20 * 1000);
  cpu_set_t own;
  REQUIRE(sched_getaffinity(0, sizeof own, &own) == 0);
  int helpers = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::ifstream(task.path() / "comm") >> name;
    if (name != "tandem") continue;
    ++helpers;
    bool same = false;
    for (int wait = 0; wait < 1000 && !same; ++wait) {
      cpu_set_t cores;
      REQUIRE(sched_getaffinity(std::stoi(task.path().filename()), sizeof cores, &cores) == 0);
      same = CPU_EQUAL(&own, &cores);
      if (!same) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    CHECK(same);
  }
  CHECK(helpers >= 2);
}

TEST_CASE("nested loops are serial") {
  const Threads threads(2);
  std::atomic<int> inner_pieces{0};
  CHECK(!inside_parallel_for());
  parallel_for(4, 1, kExpensive, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if (!inside_parallel_for()) inner_pieces += 100;
      parallel_for(100, 1, kExpensive, [&](int64_t, int64_t) { ++inner_pieces; });
    }
  });
  CHECK(inner_pieces == 4);
  CHECK(!inside_parallel_for());
}

TEST_CASE("exceptions reach the caller, and the next loop works") {
  const Threads threads(3);
  for (const double cost : {0.0, kExpensive}) {
    CHECK_THROWS_WITH(parallel_for(100, 1, cost,
                                   [](int64_t begin, int64_t end) {
                                     if (begin <= 50 && 50 < end) throw std::runtime_error("fifty");
                                   }),
                      "fifty");
  }
  std::atomic<int64_t> sum{0};
  parallel_for(100, 1, kExpensive, [&](int64_t begin, int64_t end) { sum += end - begin; });
  CHECK(sum == 100);
  CHECK(!inside_parallel_for());
}

TEST_CASE("the number of threads is checked") {
  const Threads threads(2);
  CHECK(num_threads() == 2);
  CHECK_THROWS_AS(set_num_threads(0), Error);
  CHECK_THROWS_AS(set_num_threads(-1), Error);
  CHECK(num_threads() == 2);
}

TEST_CASE("a forked child has threads of its own") {
  const Threads threads(2);
  std::atomic<int64_t> warm{0};
  parallel_for(100, 1, kExpensive, [&](int64_t begin, int64_t end) { warm += end - begin; });  // the pool exists now
  const int status = in_child([] {
    std::mutex mutex;
    std::set<std::thread::id> ids;
    int64_t sum = 0;
    parallel_for(16, 1, kExpensive, [&](int64_t begin, int64_t end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      const std::lock_guard lock(mutex);
      sum += end - begin;
      ids.insert(std::this_thread::get_id());
    });
#if defined(__SANITIZE_ADDRESS__)
    const size_t helped = ids.size();  // a thread of the child may wait for what the sanitizer had locked at the fork
#else
    const size_t helped = 2;
#endif
    return sum == 16 && ids.size() == helped ? 0 : 2;
  });
  CHECK(status == 0);
}

TEST_CASE("a fork in the middle of a loop leaves the child able to run its own") {
  const Threads threads(2);
  std::atomic<int> status{-1};
  parallel_for(4, 1, kExpensive, [&](int64_t begin, int64_t) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    if (begin != 0) return;
    status = in_child([] {
      std::atomic<int64_t> sum{0};
      std::thread([&] {  // not inside the loop that was forked
        parallel_for(100, 1, kExpensive, [&](int64_t b, int64_t e) { sum += e - b; });
      })
          .join();
      return sum == 100 ? 0 : 1;
    });
  });
  CHECK(status == 0);
}

TEST_CASE("loops of several threads at once are all done") {
  const Threads threads(2);
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 6; ++t)
    callers.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        std::vector<std::atomic<int>> visits(64);
        parallel_for(64, 1, kExpensive, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) ++visits[static_cast<size_t>(i)];
        });
        for (const auto& visit : visits)
          if (visit != 1) ++wrong;
      }
    });
  for (std::thread& caller : callers) caller.join();
  CHECK(wrong == 0);
}
