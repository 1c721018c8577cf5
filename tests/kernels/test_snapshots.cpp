// Emitted text of some kernels, so that a refactor proves itself by an empty diff. TANDEM_UPDATE_SNAPSHOTS=1 rewrites
// them.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "codegen/llvm/emit.h"
#include "samples.h"

namespace tandem::test {

namespace {

void check_snapshot(const std::string& name, const Kernel& kernel, llvm::Isa isa) {
  const auto file = std::filesystem::path(TANDEM_TESTS_DIR) / "kernels" / "snapshots" / (name + ".ll");
  const std::string text = llvm::emit(kernel, llvm::target_of(isa));
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

TEST_CASE("emitted text") {
  check_snapshot("map_v4", affine(100).kernel, llvm::Isa::v4);
  check_snapshot("map_streaming_v3", affine(100, true).kernel, llvm::Isa::v3);
  check_snapshot("complex_product_v4", complex_product(100).kernel, llvm::Isa::v4);
  check_snapshot("complex_product_streaming_v3", complex_product(100, true).kernel, llvm::Isa::v3);
  check_snapshot("softmax_rows_v4", softmax(3, 100, false).kernel, llvm::Isa::v4);
  check_snapshot("sum_columns_v4", reduce(ReduceKind::sum, DType::f32, 100, {100}, true).kernel, llvm::Isa::v4);
}

}  // namespace tandem::test
