#include "runtime/parallel.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <mutex>
#include <numeric>
#include <set>
#include <stdexcept>
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
  CHECK(pieces(1000, kExpensive) == 8);
  set_num_threads(1);
  CHECK(pieces(1000, kExpensive) == 1);
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

TEST_CASE("nested loops are serial") {
  const Threads threads(2);
  std::atomic<int> inner_pieces{0};
  CHECK(!parallel_unavailable());
  parallel_for(4, 1, kExpensive, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if (!parallel_unavailable()) inner_pieces += 100;
      parallel_for(100, 1, kExpensive, [&](int64_t, int64_t) { ++inner_pieces; });
    }
  });
  CHECK(inner_pieces == 4);
  CHECK(!parallel_unavailable());
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
  CHECK(!parallel_unavailable());
}

TEST_CASE("the number of threads is checked") {
  const Threads threads(2);
  CHECK(num_threads() == 2);
  CHECK_THROWS_AS(set_num_threads(0), Error);
  CHECK_THROWS_AS(set_num_threads(-1), Error);
  CHECK(num_threads() == 2);
}

TEST_CASE("a forked child runs serially, and correctly") {
  const Threads threads(2);
  std::atomic<int64_t> warm{0};
  parallel_for(100, 1, kExpensive, [&](int64_t begin, int64_t end) { warm += end - begin; });  // the pool exists now
  const int status = in_child([] {
    if (num_threads() != 1 || !in_forked_child()) return 1;
    int64_t sum = 0;
    int pieces = 0;
    parallel_for(100, 1, kExpensive, [&](int64_t begin, int64_t end) {
      sum += end - begin;
      ++pieces;
    });
    return sum == 100 && pieces == 1 ? 0 : 2;
  });
  CHECK(status == 0);
  CHECK(!in_forked_child());
}
