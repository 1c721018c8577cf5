// Launches, and what is said of those that fail. Kernels are functions of the host behind an image of the stub.
#include <catch2/catch.hpp>
#include <cstring>

#include "runtime/cuda/copy.h"
#include "runtime/cuda/execute.h"
#include "runtime/cuda/graph.h"
#include "tests/device/stub.h"

namespace tandem {

namespace {

// ptrs: in, out; vals: count. out = in + 1.
void add_one(const void*, uint64_t* words, const unsigned*, const unsigned*) {
  const auto* in = reinterpret_cast<const int*>(words[0]);
  auto* out = reinterpret_cast<int*>(words[1]);
  for (uint64_t i = 0; i < words[2]; ++i) out[i] = in[i] + 1;
}

void bad_index(const void*, uint64_t* words, const unsigned*, const unsigned*) {
  auto* status = reinterpret_cast<int64_t*>(words[4]);
  status[0] = 1;
  status[1] = 77;
}

std::shared_ptr<const KernelCode> kernel(decltype(stub::Image::run) run, int line, bool checks = false) {
  stub::Image image;
  image.run = run;
  image.words = 5;  // two pointers, a value, scratch, status
  DeviceKernel made;
  made.entry = "kernel";
  made.code.assign(reinterpret_cast<const char*>(&image), sizeof(image));
  made.buffers = 2;
  made.vals = 1;
  made.rule.outer = {{false, 0}};
  auto code = std::make_shared<KernelCode>();
  code->name = "kernel" + std::to_string(line);
  code->sources = {{"model.py", line}};
  code->access_messages = {"take: got index {}; need less than {d1}"};
  code->code = std::make_shared<cuda::DeviceCode>(std::move(made), checks);
  return code;
}

struct Memory {
  StorageRef in, out;
  explicit Memory(int64_t count) {
    stub::gpu();  // which finds the stub, also in a process of its own
    in = allocate_on(stub::kFirst, count * 4);
    out = allocate_on(stub::kFirst, count * 4);
    const std::vector<int> values(static_cast<size_t>(count), 5);
    copy_bytes(stub::kFirst, in->data, {}, values.data(), values.size() * 4);
  }
  int first() const {
    int value = 0;
    copy_bytes({}, &value, stub::kFirst, out->data, sizeof(value));
    return value;
  }
};

void run(const std::shared_ptr<const KernelCode>& code, const Memory& memory, int64_t count,
         std::vector<int64_t> dims = {0, 10}) {
  void* pointers[] = {memory.in->data, memory.out->data};
  cuda::launch(stub::gpu(), code, pointers, &count, dims);
}

std::string failure(ErrorKind kind, const auto& action) {
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

TEST_CASE("a kernel runs on memory of the GPU, in order with copies") {
  stub::gpu();
  const auto before = stub::counts();
  {
    const auto code = kernel(add_one, 1);
    const Memory memory(100);
    run(code, memory, 100);
    CHECK(memory.first() == 6);
    run(code, memory, 0);  // nothing to do: no launch
    CHECK(stub::counts().launches - before.launches == 1);
    CHECK(stub::counts().modules - before.modules == 1);
    CHECK(code->launches == 1);
  }
  CHECK(stub::counts().modules == before.modules);  // gone with the kernel
}

TEST_CASE("a check that failed is told at the next wait, once") {
  cuda::Gpu& gpu = stub::gpu();
  const Memory memory(4);
  run(kernel(bad_index, 12, true), memory, 4);
  run(kernel(add_one, 13), memory, 4);
  CHECK(failure(ErrorKind::index, [&] { gpu.synchronize(); }) ==
        "take: got index 77; need less than 10 (at model.py:12)");
  gpu.synchronize();
  CHECK(memory.first() == 6);
}

TEST_CASE("more checks than there are places for") {
  const Memory memory(4);
  const auto code = kernel(add_one, 1, true);
  for (int k = 0; k < 3000; ++k) run(code, memory, 4);
  stub::gpu().synchronize();
  run(kernel(bad_index, 5, true), memory, 4);
  failure(ErrorKind::index, [&] {
    for (int k = 0; k < 3000; ++k) run(code, memory, 4);
  });
}

TEST_CASE("a launch that the driver refuses is told at once and harms nothing") {
  const Memory memory(4);
  const auto code = kernel(add_one, 3);
  stub::fail("cuLaunchKernel", 1);
  const std::string message = failure(ErrorKind::backend, [&] { run(code, memory, 4); });
  CHECK(message.find("cuLaunchKernel of kernel3") != std::string::npos);
  run(code, memory, 4);
  CHECK(memory.first() == 6);
}

TEST_CASE("every allocation may fail") {
  cuda::Gpu& gpu = stub::gpu();
  gpu.memory.empty_cache();
  const auto in_use = gpu.memory.stats().in_use;
  for (int after = 0; after < 3; ++after) {
    stub::fail("cuMemAlloc_v2", 2, after, 2);  // also without the cache
    try {
      const Memory memory(2'000'000);
      run(kernel(add_one, 1), memory, 10);
      CHECK(memory.first() == 6);
    } catch (const Error& error) {
      CHECK(error.kind == ErrorKind::memory);
    }
    stub::fail("cuMemAlloc_v2", 2, 0, 0);
    CHECK(gpu.memory.stats().in_use == in_use);
    gpu.memory.empty_cache();
  }
}

// The last ones: the device is lost after that. On a GPU of its own, so that the order of tests does not matter.
TEST_CASE("a kernel that traps is named with its line, and the CPU and other GPUs go on") {
  cuda::Gpu& gpu = stub::gpu(2);
  const auto on_third = [&](const std::shared_ptr<const KernelCode>& code) {
    const StorageRef memory = allocate_on(stub::kThird, 64);
    void* pointers[] = {memory->data, memory->data};
    const int64_t count = 4;
    cuda::launch(gpu, code, pointers, &count, {});
  };
  on_third(kernel(add_one, 1));
  gpu.synchronize();
  on_third(kernel(add_one, 20));
  on_third(kernel(add_one, 21));
  stub::fail("run", 715, 1);
  const std::string message = failure(ErrorKind::backend, [&] { gpu.synchronize(); });
  CHECK(message.find("cuda:2: a kernel failed: CUDA_ERROR_ILLEGAL_INSTRUCTION") == 0);
  CHECK(message.find("newest first: kernel21 (at model.py:21), kernel20 (at model.py:20)") != std::string::npos);
  CHECK(message.find("model.py:1)") == std::string::npos);  // that one was waited for
  const std::string again = failure(ErrorKind::backend, [&] { on_third(kernel(add_one, 5)); });
  CHECK(again.find("cannot be used any more in this process") != std::string::npos);
  const Memory memory(4);
  run(kernel(add_one, 1), memory, 4);
  CHECK(memory.first() == 6);
}

}  // namespace tandem
