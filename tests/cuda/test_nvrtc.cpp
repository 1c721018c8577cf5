// Every kernel of the kernel tests is accepted by NVRTC.
#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <mutex>
#include <thread>

#include "codegen/backend.h"
#include "codegen/cuda/compile.h"
#include "codegen/cuda/module.h"
#include "codegen/cuda/prelude.h"
#include "tests/kernels/cases.h"
#include "tests/kernels/samples.h"

namespace tandem::test {

namespace {

// Many kernels in one program, which takes NVRTC a third of the time that as many programs would.
std::string joined(const std::vector<const cuda::Source*>& sources) {
  std::string text = cuda::prelude();
  int number = 0;
  for (const cuda::Source* source : sources) {
    fmt::format_to(std::back_inserter(text), "#define Args Args{0}\n#define {1} {1}{0}\n{2}#undef Args\n#undef {1}\n",
                   number++, cuda::kEntryPoint, source->body);
  }
  return text;
}

}  // namespace

TEST_CASE("NVRTC compiles every kernel") {
  if (!cuda::module_problem().empty()) {
    WARN("skipped: " << cuda::module_problem());
    return;
  }
  std::map<std::string, cuda::Source> sources;
  for (const auto& cases : kCaseGroups)
    cases([&](const Case& c) { sources.try_emplace(to_text(c.kernel), cuda::emit(c.kernel)); });
  // Each for one of the architectures, in turn.
  constexpr int kArchs[] = {80, 90, 100};
  constexpr size_t kTogether = 40;
  std::vector<std::vector<const cuda::Source*>> batches(1);
  for (const auto& [text, source] : sources) {
    if (batches.back().size() == kTogether) batches.emplace_back();
    batches.back().push_back(&source);
  }
  std::atomic<size_t> next{0};
  std::mutex mutex;
  std::string problem;
  std::vector<std::thread> workers;
  for (unsigned w = 0; w < std::max(1U, std::thread::hardware_concurrency()); ++w)
    workers.emplace_back([&] {
      for (size_t k = next++; k < batches.size(); k = next++) {
        try {
          cuda::nvrtc_compile(joined(batches[k]), kArchs[k % 3], false);
        } catch (const std::exception& error) {
          const std::lock_guard lock(mutex);
          problem = error.what();
        }
      }
    });
  for (std::thread& worker : workers) worker.join();
  INFO(sources.size() << " kernels\n" << problem.substr(0, 6000));
  CHECK(problem.empty());
}

TEST_CASE("NVRTC: newer and older GPUs than it knows") {
  if (!cuda::module_problem().empty()) {
    WARN("skipped: " << cuda::module_problem());
    return;
  }
  const Kernel kernel = affine(10).kernel;
  const DeviceKernel now = cuda::compile(kernel, 90, false);
  CHECK(!now.is_ptx);
  CHECK(now.code.substr(1, 3) == "ELF");
  CHECK(now.buffers == 4);
  CHECK(now.vals == 2);  // the extent, and an offset
  const DeviceKernel newer = cuda::compile(kernel, 990, false);
  CHECK(newer.is_ptx);
  CHECK(newer.code.find(".entry " + newer.entry) != std::string::npos);
  CHECK_THROWS_WITH(cuda::compile(kernel, 50, false),
                    Catch::Contains("got a GPU of sm_50") && Catch::Contains("try an older NVRTC"));
  CHECK_THROWS_WITH(cuda::nvrtc_compile("__global__ void f() { return 1; }", 90, false),
                    Catch::Contains("NVRTC") && Catch::Contains("1 __global__ void f()"));
}

TEST_CASE("NVRTC: what is on the disk is not compiled again") {
  if (!cuda::module_problem().empty()) {
    WARN("skipped: " << cuda::module_problem());
    return;
  }
  const Kernel kernel = complex_product(10).kernel;
  const DeviceKernel first = cuda::compile(kernel, 80);
  const CompileStats before = compile_stats();
  CHECK(cuda::compile(kernel, 80).code == first.code);
  CHECK(compile_stats().compiled == before.compiled);
  CHECK(compile_stats().disk_hits == before.disk_hits + 1);
  cuda::compile(kernel, 90);
  CHECK(compile_stats().disk_hits + compile_stats().compiled == before.disk_hits + before.compiled + 2);
}

}  // namespace tandem::test
