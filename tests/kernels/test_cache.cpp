// Kernels are found in memory, then on disk, and compiled only once.
#include <unistd.h>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "codegen/backend.h"
#include "samples.h"

namespace tandem::test {

namespace {

// A cache folder of its own for the time of a test.
class FreshCache {
 public:
  FreshCache() : folder_(std::filesystem::temp_directory_path() / fmt::format("tandem-kernels-{}", getpid())) {
    if (const char* value = std::getenv("TANDEM_CACHE_DIR")) before_ = value;
    setenv("TANDEM_CACHE_DIR", folder_.c_str(), 1);
  }
  ~FreshCache() {
    setenv("TANDEM_CACHE_DIR", before_.c_str(), 1);
    std::filesystem::remove_all(folder_);
  }
  const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path folder_;
  std::string before_;
};

}  // namespace

TEST_CASE("a kernel is compiled once, then comes from memory, then from disk") {
  const FreshCache cache;
  Random random(1);
  Case c = affine(123);
  c.fill(random, false);
  Backend& backend = *native_backends().back().second;
  clear_kernel_memory();
  const CompileStats start = compile_stats();
  backend.compile(c.kernel, {.symbol = "test"});
  CHECK(compile_stats().compiled == start.compiled + 1);
  CHECK(compile_stats().disk_hits == start.disk_hits);
  CHECK(compile_stats().compile_seconds > start.compile_seconds);
  Case other = affine(7);  // another size, the same code
  backend.compile(other.kernel, {.symbol = "test"});
  CHECK(compile_stats().memory_hits == start.memory_hits + 1);

  clear_kernel_memory();
  check_agreement(c);  // on all targets
  const auto targets = static_cast<int64_t>(native_backends().size());
  CHECK(compile_stats().disk_hits == start.disk_hits + 1);
  CHECK(compile_stats().compiled == start.compiled + targets);

  // Damaged entries are compiled again.
  clear_kernel_memory();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(cache.folder()))
    if (entry.is_regular_file()) std::ofstream(entry.path(), std::ios::trunc) << "nonsense";
  const int64_t compiled = compile_stats().compiled;
  check_agreement(c);
  CHECK(compile_stats().compiled == compiled + targets);
}

TEST_CASE("threads that want the same kernel share one compilation") {
  const FreshCache cache;
  clear_kernel_memory();
  Backend& backend = *native_backends().back().second;
  const Kernel kernel = softmax(3, 77, true).kernel;
  const CompileStats start = compile_stats();
  std::vector<std::shared_ptr<const CompiledKernel>> made(8);
  std::vector<std::thread> threads;
  for (auto& slot : made) threads.emplace_back([&] { slot = backend.compile(kernel, {.symbol = "test"}); });
  for (std::thread& thread : threads) thread.join();
  for (const auto& kernel_of : made) CHECK(kernel_of == made[0]);
  CHECK(compile_stats().compiled == start.compiled + 1);
  CHECK(compile_stats().memory_hits == start.memory_hits + 7);
}

TEST_CASE("a kernel stays callable after the memory was cleared") {
  Random random(2);
  Case c = affine(50);
  c.fill(random, false);
  const auto kernel = native_backends().front().second->compile(c.kernel, {.symbol = "test"});
  clear_kernel_memory();
  std::vector<float> x(50, 2), w(50, 3), b(50, 1), out(50);
  void* ptrs[] = {x.data(), w.data(), b.data(), out.data()};
  int64_t status[2] = {0, 0};
  kernel->run(0, 50, ptrs, c.vals.data(), nullptr, status);
  CHECK(out[49] == 7);
}

TEST_CASE("a back end says which texts it has") {
  Backend& backend = *native_backends().back().second;
  const Kernel kernel = affine(50).kernel;
  CHECK(backend.text(kernel, "llvm").find("define void @tandem_kernel") != std::string::npos);
  CHECK(backend.text(kernel, "asm").find("tandem_kernel:") != std::string::npos);
  CHECK_THROWS_WITH(backend.text(kernel, "ptx"), Catch::Contains("got stage 'ptx'"));
  CHECK_THROWS_WITH(interpreter().text(kernel, "llvm"), Catch::Contains("got stage 'llvm'"));
}

}  // namespace tandem::test
