// Selects whose first value is seldom wanted, and sums of chosen rows.
#include <catch2/catch.hpp>

#include "codegen/llvm/emit.h"
#include "samples.h"

namespace tandem::test {

TEST_CASE("rows that are not chosen are not read where all columns agree") {
  Random random(9);
  const auto reads_some = [&](bool column, bool alike) {
    const Case c = sums_of_chosen_rows(DType::f32, 100, column, alike, random);
    return llvm::emit(c.kernel, llvm::host_target(), false).find("\nchosen") != std::string::npos;
  };
  CHECK(reads_some(true, true));
  CHECK_FALSE(reads_some(true, false));
  CHECK_FALSE(reads_some(false, true));
}

TEST_CASE("a rare value stands in a block of its own") {
  Random random(6);
  const Case c = shared_selects(DType::f32, 700, 0, random);
  const std::string text = llvm::emit(c.kernel, llvm::host_target(), false);
  const size_t root = text.find("@llvm.sqrt"), block = text.find("\nrare");
  REQUIRE(root != std::string::npos);
  REQUIRE(block != std::string::npos);
  CHECK(block < root);
}

}  // namespace tandem::test
