// The CUDA C++ of the kernels of the kernel tests, executed on the CPU: the same bits as the interpreter (which LLVM
// agrees with on the same kernels, tests/kernels).
#include <catch2/catch.hpp>

#include "codegen/backend.h"
#include "emulator.h"
#include "tests/kernels/cases.h"

namespace tandem::test {

namespace {

void emulate(void (*cases)(const Sink&)) {
  Emulator emulator;
  cases([&](const Case& c) { emulator.add(c.kernel); });
  emulator.build();
  cases([&](const Case& c) {
    const Outcome expected = execute(interpreter(), c, 1);
    for (const bool backwards : {false, true}) {
      std::string problem;
      const Outcome got = emulator.execute(c, backwards, &problem);
      if (problem.empty()) problem = difference(c, expected, got);
      if (problem.empty()) continue;
      INFO((backwards ? "backwards: " : "") << problem << "\n" << to_text(c.kernel));
      INFO("vals " << fmt::format("{}", fmt::join(c.vals, " ")) << "\n" << cuda::emit(c.kernel).body);
      CHECK(problem.empty());
    }
  });
}

}  // namespace

TEST_CASE("emulated: primitives") { emulate(primitives); }
TEST_CASE("emulated: casts") { emulate(casts); }
TEST_CASE("emulated: rounding to 16 bits") { emulate(narrowing); }
TEST_CASE("emulated: constants") { emulate(constants); }
TEST_CASE("emulated: division by constants") { emulate(constant_divisors); }
TEST_CASE("emulated: maps") { emulate(maps); }
TEST_CASE("emulated: outputs in the memory of inputs") { emulate(shared_memory); }
TEST_CASE("emulated: transpositions") { emulate(transposes); }
TEST_CASE("emulated: softmax") { emulate(softmaxes); }
TEST_CASE("emulated: reductions") { emulate(reductions); }
TEST_CASE("emulated: many blocks") { emulate(many_blocks); }
TEST_CASE("emulated: ties and NaNs of argmax and argmin") { emulate(first_extremes); }
TEST_CASE("emulated: rare selects") { emulate(rare_selects); }
TEST_CASE("emulated: functions with ways of their own for special arguments") { emulate(special_arguments); }
TEST_CASE("emulated: loops within a body") { emulate(rounds); }
TEST_CASE("emulated: sums of chosen rows") { emulate(chosen_rows); }
TEST_CASE("emulated: random kernels") { emulate(random_kernels); }

}  // namespace tandem::test
