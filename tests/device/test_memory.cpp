#include <catch2/catch.hpp>
#include <numeric>

#include "runtime/cuda/copy.h"
#include "runtime/cuda/pool.h"
#include "tests/device/stub.h"

namespace tandem {

namespace {

StorageRef on(Device device, const std::vector<int>& values) {
  StorageRef memory = allocate_on(device, values.size() * sizeof(int));
  copy_bytes(device, memory->data, {}, values.data(), values.size() * sizeof(int));
  return memory;
}

std::vector<int> back(const StorageRef& memory) {
  std::vector<int> values(memory->bytes / sizeof(int));
  copy_bytes({}, values.data(), device_of(*memory), memory->data, memory->bytes);
  return values;
}

std::vector<int> numbers(size_t count) {
  std::vector<int> values(count);
  std::iota(values.begin(), values.end(), 7);
  return values;
}

std::string message_of(auto&& action, ErrorKind kind) {
  try {
    action();
  } catch (const Error& error) {
    CHECK(error.kind == kind);
    return error.what();
  }
  FAIL("no error");
  return "";
}

}  // namespace

TEST_CASE("copies of all sizes come back as they went") {
  stub::gpu();
  for (const size_t count : {size_t{0}, size_t{1}, size_t{1000}, size_t{100'000}, size_t{3'000'000}}) {
    const std::vector<int> values = numbers(count);
    CHECK(back(on(stub::kFirst, values)) == values);
  }
}

TEST_CASE("what is read on the host may be overwritten as soon as a copy returns") {
  stub::gpu();
  std::vector<int> values = numbers(3'000'000);
  const std::vector<int> before = values;
  const StorageRef memory = on(stub::kFirst, values);
  std::fill(values.begin(), values.end(), -1);
  CHECK(back(memory) == before);
}

TEST_CASE("memory that is let go of may be handed out again at once") {
  cuda::Gpu& gpu = stub::gpu();
  const auto before = gpu.memory.stats();
  const std::vector<int> first = numbers(100), second(100, 3);
  StorageRef a = on(stub::kFirst, first), copy = gpu.memory.allocate(a->bytes);
  copy_bytes(stub::kFirst, copy->data, stub::kFirst, a->data, a->bytes);  // still waits to be run
  const void* where = a->data;
  a.reset();
  StorageRef b = on(stub::kFirst, second);
  CHECK(b->data == where);
  CHECK(back(copy) == first);
  CHECK(back(b) == second);
  const auto now = gpu.memory.stats();
  CHECK(now.in_use - before.in_use == 1024);
  CHECK(now.allocations - before.allocations == 3);
  CHECK(now.device_allocations - before.device_allocations <= 1);
}

TEST_CASE("a full GPU empties its cache, then says so, and stays usable") {
  cuda::Gpu& gpu = stub::gpu();
  gpu.memory.empty_cache();
  const size_t most = gpu.properties.memory - (size_t{32} << 20);
  StorageRef big = gpu.memory.allocate(most / 2);
  big.reset();  // cached
  CHECK(gpu.memory.stats().reserved >= static_cast<int64_t>(most / 2));
  const auto retries = gpu.memory.stats().retries;
  big = gpu.memory.allocate(most - (size_t{8} << 20));  // does not fit beside the cached block
  CHECK(gpu.memory.stats().retries == retries + 1);
  const std::string message = message_of([&] { gpu.memory.allocate(most); }, ErrorKind::memory);
  CHECK(message.find("cuda:0: got a request of") == 0);
  CHECK(message.find("try a smaller batch") != std::string::npos);
  CHECK(back(on(stub::kFirst, {1, 2, 3})) == std::vector<int>{1, 2, 3});
  big.reset();
  gpu.memory.empty_cache();
  CHECK(back(on(stub::kFirst, {4, 5})) == std::vector<int>{4, 5});
}

TEST_CASE("an absurd request is an error as well") {
  cuda::Gpu& gpu = stub::gpu();
  message_of([&] { gpu.memory.allocate(SIZE_MAX); }, ErrorKind::memory);
  message_of([&] { gpu.memory.allocate(SIZE_MAX / 2); }, ErrorKind::memory);
}

TEST_CASE("an emptied cache holds only what is in use") {
  cuda::Gpu& gpu = stub::gpu();
  gpu.memory.empty_cache();
  const auto before = gpu.memory.stats();
  const auto held = stub::counts();
  {
    std::vector<StorageRef> many;
    for (size_t k = 1; k < 200; ++k) many.push_back(gpu.memory.allocate(k * 9000));
    CHECK(gpu.memory.stats().in_use > before.in_use);
    CHECK(gpu.memory.stats().peak >= gpu.memory.stats().in_use);
  }
  gpu.memory.empty_cache();
  CHECK(gpu.memory.stats().in_use == before.in_use);
  CHECK(gpu.memory.stats().reserved == before.reserved);
  CHECK(stub::counts().blocks == held.blocks);
  CHECK(stub::counts().bytes == held.bytes);
  gpu.memory.reset_peak();
  CHECK(gpu.memory.stats().peak == gpu.memory.stats().in_use);
}

TEST_CASE("copies between two GPUs wait for each other") {
  stub::gpu();
  const std::vector<int> values = numbers(1000);
  StorageRef there;
  {
    StorageRef here = on(stub::kFirst, values);
    there = allocate_on(stub::kSecond, here->bytes);
    copy_bytes(stub::kSecond, there->data, stub::kFirst, here->data, here->bytes);
  }
  // The source's memory is handed out again and overwritten before anybody waited for the copy.
  const StorageRef other = on(stub::kFirst, std::vector<int>(1000, -5));
  CHECK(back(other) == std::vector<int>(1000, -5));
  CHECK(back(there) == values);
  CHECK(device_of(*there) == stub::kSecond);
}

TEST_CASE("a pool keeps its memory to itself") {
  cuda::Gpu& gpu = stub::gpu();
  const auto before = gpu.memory.stats();
  const void* first = nullptr;
  {
    cuda::Pool pool(gpu);
    {
      const cuda::Pool::Use use(pool);
      StorageRef a = gpu.memory.allocate(5000);
      first = a->data;
      a.reset();
      CHECK(gpu.memory.allocate(5000)->data == first);
    }
    CHECK(gpu.memory.allocate(5000)->data != first);
    CHECK(pool.bytes() == 5120);
  }
  CHECK(gpu.memory.stats().in_use == before.in_use);
}

TEST_CASE("device names") {
  stub::gpu();
  CHECK(cuda::device_from("cpu") == Device{});
  CHECK(cuda::device_from("cuda") == stub::kFirst);
  CHECK(cuda::device_from("cuda:1") == stub::kSecond);
  CHECK(message_of([] { cuda::device_from("cuda:3"); }, ErrorKind::backend).find("of which there are 3") !=
        std::string::npos);
  for (const char* bad : {"cuda:", "cuda:x", "cuda1", "gpu", "", "cuda:-1", "cuda:1x"})
    message_of([&] { cuda::device_from(bad); }, ErrorKind::value);
}

}  // namespace tandem
