// Emitted text of some kernels, so that a refactor proves itself by an empty diff. TANDEM_UPDATE_SNAPSHOTS=1 rewrites
// them.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "codegen/cuda/emit.h"
#include "tests/kernels/samples.h"

namespace tandem::test {

namespace {

void check_snapshot(const std::string& name, const Kernel& kernel) {
  const auto file = std::filesystem::path(TANDEM_TESTS_DIR) / "cuda" / "snapshots" / (name + ".cu");
  const std::string text = cuda::emit(kernel).text();
  if (std::getenv("TANDEM_UPDATE_SNAPSHOTS") != nullptr) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  std::ifstream in(file);
  REQUIRE(in.good());
  std::stringstream kept;
  kept << in.rdbuf();
  INFO(name << ": the emitted text changed; if that is intended, run with TANDEM_UPDATE_SNAPSHOTS=1");
  CHECK(text == kept.str());
}

}  // namespace

TEST_CASE("emitted CUDA C++") {
  check_snapshot("map", affine(100).kernel);
  check_snapshot("complex_product", complex_product(100).kernel);
  check_snapshot("softmax_rows", softmax(3, 100, false).kernel);
  check_snapshot("softmax_long_rows", softmax(3, 5000, false).kernel);
  check_snapshot("argmax_rows", reduce(ReduceKind::argmax, DType::f32, 100, {100}, false).kernel);
  check_snapshot("sum_columns", reduce(ReduceKind::sum, DType::f32, 100, {100}, true).kernel);
}

}  // namespace tandem::test
