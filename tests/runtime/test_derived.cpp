#include "runtime/derived.h"

#include <catch2/catch.hpp>
#include <cstring>

using namespace tandem;

namespace {

constexpr DerivedKey kKey{7, 1, 2, 3};

struct Made {
  int times = 0;
  StorageRef of(const StorageRef& storage, const DerivedKey& key = kKey) {
    return derived(storage.get(), storage->data, key, 64, [&](void* to) {
      ++times;
      std::memcpy(to, storage->data, 64);
    });
  }
};

}  // namespace

TEST_CASE("a copy is kept from the second call with a version on, until somebody writes") {
  const StorageRef storage = allocate(64);
  std::memset(storage->data, 1, 64);
  Made made;
  made.of(storage);
  CHECK(made.times == 1);
  const StorageRef kept = made.of(storage);
  CHECK(made.times == 2);
  CHECK(made.of(storage)->data == kept->data);
  CHECK(made.times == 2);
  std::memset(storage->data, 2, 64);
  ++storage->version;
  const StorageRef now = made.of(storage);
  CHECK(made.times == 3);
  CHECK(static_cast<char*>(now->data)[5] == 2);
  CHECK(static_cast<char*>(kept->data)[5] == 1);  // who holds the old one may go on
  CHECK(made.of(storage, {7, 1, 2, 4})->data != now->data);
}

TEST_CASE("of memory that was lent, and of none, nothing is kept") {
  Made made;
  const StorageRef storage = allocate(64);
  storage->lent = true;
  for (int i = 0; i < 3; ++i) made.of(storage);
  CHECK(made.times == 3);
  char bytes[64] = {};
  const StorageRef borrowed = borrow(bytes, sizeof bytes, true, nullptr, nullptr);
  for (int i = 0; i < 3; ++i) made.of(borrowed);
  CHECK(made.times == 6);
  for (int i = 0; i < 3; ++i) derived(nullptr, bytes, kKey, 64, [&](void*) { ++made.times; });
  CHECK(made.times == 9);
}

TEST_CASE("copies go with the memory") {
  empty_cache();
  const int64_t before = memory_stats().in_use;
  {
    Made made;
    const StorageRef storage = allocate(64);
    made.of(storage);
    made.of(storage);
    CHECK(memory_stats().in_use > before + 64);
  }
  CHECK(memory_stats().in_use == before);
  Made made;
  const StorageRef again = allocate(64);  // the same block, which nothing is known of
  made.of(again);
  CHECK(made.times == 1);
}
