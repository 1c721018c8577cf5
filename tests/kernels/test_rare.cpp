#include <catch2/catch.hpp>

#include "codegen/llvm/emit.h"
#include "samples.h"

namespace tandem::test {

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
