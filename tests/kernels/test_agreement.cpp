// The interpreter and all LLVM targets agree bit for bit.
#include <catch2/catch.hpp>

#include "cases.h"

namespace tandem::test {

TEST_CASE("agreement") {
  for (const CaseGroup& group : kCaseGroups) {
    DYNAMIC_SECTION(group.name) { group.make(check_agreement); }
  }
}

}  // namespace tandem::test
