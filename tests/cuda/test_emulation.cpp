// The CUDA C++ of every kernel of the kernel tests, executed on the CPU: the same bits as the interpreter (which LLVM
// agrees with on the same kernels, tests/kernels).
#include <catch2/catch.hpp>

#include "codegen/backend.h"
#include "emulator.h"
#include "tests/kernels/cases.h"

namespace tandem::test {

TEST_CASE("emulated") {
  Emulator emulator;
  for (const CaseGroup& group : kCaseGroups) group.make([&](const Case& c) { emulator.add(c.kernel); });
  emulator.build();
  for (const CaseGroup& group : kCaseGroups)
    group.make([&](const Case& c) {
      const Outcome expected = execute(interpreter(), c, 1);
      for (const bool backwards : {false, true}) {
        std::string problem;
        const Outcome got = emulator.execute(c, backwards, &problem);
        if (problem.empty()) problem = difference(c, expected, got);
        if (problem.empty()) continue;
        INFO(group.name << (backwards ? ", backwards: " : ": ") << problem << "\n"
                        << to_text(c.kernel) << "vals " << fmt::format("{}", fmt::join(c.vals, " ")) << "\n"
                        << cuda::emit(c.kernel).body);
        CHECK(problem.empty());
      }
    });
}

}  // namespace tandem::test
