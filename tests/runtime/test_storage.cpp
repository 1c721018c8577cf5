#include "runtime/storage.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "ir/error.h"
#include "tests/runtime/fork.h"

using namespace tandem;

namespace {

uintptr_t address(const StorageRef& ref) { return reinterpret_cast<uintptr_t>(ref->data); }

class LimitedTo {
 public:
  explicit LimitedTo(const char* bytes) { ::setenv("TANDEM_MEMORY_LIMIT", bytes, 1); }
  ~LimitedTo() { ::unsetenv("TANDEM_MEMORY_LIMIT"); }
};

}  // namespace

TEST_CASE("every size gets aligned memory that can be written") {
  for (const size_t bytes : {0ul, 1ul, 63ul, 64ul, 65ul, 256ul, 257ul, 1000ul, 4096ul, 32768ul, 32769ul, 100000ul,
                             1835008ul, 1835009ul, 2097152ul, 5000000ul, 40000000ul}) {
    const StorageRef block = allocate(bytes);
    INFO(bytes);
    REQUIRE(block->data != nullptr);
    CHECK(address(block) % 64 == 0);
    if (bytes >= 2097152) CHECK(address(block) % 2097152 == 0);
    CHECK(block->bytes == bytes);
    CHECK(block->capacity >= bytes);
    CHECK(block->capacity <= std::max<size_t>(64, bytes + bytes / 3 + 65536));
    CHECK(block->writable);
    CHECK(block.unique());
    std::memset(block->data, 0xAB, bytes);
  }
}

TEST_CASE("freed blocks are used again") {
  for (const size_t bytes : {100ul, 50000ul, 10000000ul}) {
    INFO(bytes);
    void* first = nullptr;
    {
      const StorageRef block = allocate(bytes);
      first = block->data;
    }
    const int64_t before = memory_stats().system_allocations;
    const StorageRef again = allocate(bytes);
    CHECK(again->data == first);
    CHECK(memory_stats().system_allocations == before);
  }
}

TEST_CASE("a big block is not wasted on a much smaller request") {
  empty_cache();
  void* first = nullptr;
  {
    const StorageRef block = allocate(64 << 20);
    first = block->data;
  }
  const StorageRef small = allocate(16 << 20);
  CHECK(small->data != first);
  const StorageRef close = allocate(60 << 20);
  CHECK(close->data == first);
}

TEST_CASE("references are counted and statistics return to where they were") {
  const MemoryStats before = memory_stats();
  reset_peak_memory();
  {
    StorageRef a = allocate(1000);
    StorageRef b = a;
    CHECK(!a.unique());
    CHECK(a.get() == b.get());
    CHECK(memory_stats().in_use == before.in_use + static_cast<int64_t>(a->capacity));
    b = StorageRef();
    CHECK(a.unique());
    StorageRef c = std::move(a);
    CHECK(!a);  // NOLINT: moved from on purpose
    CHECK(c.unique());
  }
  const MemoryStats after = memory_stats();
  CHECK(after.in_use == before.in_use);
  CHECK(after.peak >= before.in_use + 1000);
  CHECK(after.allocations == before.allocations + 1);
  CHECK(after.peak < before.in_use + 2000);
}

TEST_CASE("borrowed memory is given back once, with its owner") {
  static int released = 0;
  static int owner = 7;
  float data[4] = {};
  released = 0;
  {
    const StorageRef block = borrow(data, sizeof data, false, &owner, [](Storage* storage) {
      CHECK(storage->owner == &owner);
      ++released;
    });
    const StorageRef second = block;  // NOLINT: a copy on purpose
    CHECK(block->data == data);
    CHECK(block->bytes == sizeof data);
    CHECK(!block->writable);
    CHECK(released == 0);
  }
  CHECK(released == 1);
  const StorageRef next = allocate(16);
  CHECK(next->writable);
  CHECK(next->data != static_cast<void*>(data));
  CHECK(next->owner == nullptr);
}

TEST_CASE("impossible requests fail with the numbers and leave everything usable") {
  for (const size_t bytes : {size_t{1} << 46, size_t{1} << 62, SIZE_MAX, SIZE_MAX - 63}) {
    try {
      allocate(bytes);
      FAIL("should have thrown");
    } catch (const Error& error) {
      CHECK(error.kind == ErrorKind::memory);
      CHECK_THAT(error.what(), Catch::Contains("allocate: got a request of " + std::to_string(bytes) + " bytes"));
      CHECK_THAT(error.what(), Catch::Contains("try"));
    }
  }
  CHECK(allocate(1000)->capacity >= 1000);
}

TEST_CASE("the limit counts what is held, and cached blocks are given back before giving up") {
  empty_cache();
  const int64_t reserved = memory_stats().reserved;
  const std::string limit = std::to_string(reserved + (48 << 20));
  const LimitedTo guard(limit.c_str());
  { const StorageRef block = allocate(40 << 20); }
  CHECK(memory_stats().reserved >= reserved + (40 << 20));
  { const StorageRef other = allocate(20 << 20); }  // only fits when the cached 40 MB are given back
  const StorageRef held = allocate(30 << 20);
  CHECK_THROWS_AS(allocate(30 << 20), Error);
  CHECK_THROWS_WITH(allocate(30 << 20), Catch::Contains("TANDEM_MEMORY_LIMIT"));
  CHECK(allocate(10 << 20)->capacity >= 10 << 20);
}

TEST_CASE("blocks may be freed by other threads") {
  const int64_t before = memory_stats().in_use;
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 4; ++seed) {
    threads.emplace_back([seed] {
      std::mt19937 random(seed);
      std::vector<StorageRef> blocks(64);
      for (int i = 0; i < 20000; ++i) {
        StorageRef& block = blocks[random() % blocks.size()];
        if (block && static_cast<unsigned char*>(block->data)[0] != static_cast<unsigned char>(block->bytes))
          std::abort();
        block = allocate(1 + random() % (i % 100 == 0 ? 3000000 : 3000));
        static_cast<unsigned char*>(block->data)[0] = static_cast<unsigned char>(block->bytes);
      }
      std::thread([moved = std::move(blocks)]() mutable { moved.clear(); }).join();
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(memory_stats().in_use == before);
}

TEST_CASE("memory works in a forked child while other threads allocate") {
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop) allocate(200000);
  });
  for (int i = 0; i < 20; ++i)
    CHECK(in_child([] { return allocate(100)->data && allocate(300000)->data ? 0 : 1; }) == 0);
  stop = true;
  busy.join();
}
