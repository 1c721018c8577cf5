#include "codegen/llvm/target.h"

#include <array>
#include <cstdlib>

#include "ir/error.h"

namespace tandem::llvm {

namespace {

constexpr std::string_view kX86Triple = "x86_64-unknown-linux-gnu";
constexpr std::array<Target, 4> kTargets{{
    {Isa::v2, "x86-64-v2", kX86Triple, "x86-64-v2", "", false, false},
    {Isa::v3, "x86-64-v3", kX86Triple, "x86-64-v3", "+prefer-no-gather", false, true},
    {Isa::v4, "x86-64-v4", kX86Triple, "x86-64-v4", "-prefer-256-bit,+prefer-no-gather,+prefer-no-scatter", true, true},
    {Isa::aarch64, "generic", "aarch64-unknown-linux-gnu", "generic", "", false, true},
}};

const Target& choose_target() {
  const std::vector<Isa> runnable = runnable_targets();
  const char* wanted = std::getenv("TANDEM_TARGET");
  if (wanted == nullptr || *wanted == '\0') return target_of(runnable.back());
  std::string names;
  for (const Isa isa : runnable) {
    const Target& target = target_of(isa);
    if (target.name == wanted) return target;
    names += (names.empty() ? "" : ", ") + std::string(target.name);
  }
  throw_error(ErrorKind::value, "TANDEM_TARGET: got '{}'; this machine can run {}; unset it for the best of them",
              wanted, names);
}

}  // namespace

const Target& target_of(Isa isa) { return kTargets[static_cast<size_t>(isa)]; }

std::vector<Isa> runnable_targets() {
#if defined(__x86_64__)
  std::vector<Isa> isas{Isa::v2};
  if (__builtin_cpu_supports("x86-64-v3")) isas.push_back(Isa::v3);
  if (__builtin_cpu_supports("x86-64-v4")) isas.push_back(Isa::v4);
  return isas;
#else
  return {Isa::aarch64};
#endif
}

const Target& host_target() {
  static const Target& target = choose_target();
  return target;
}

}  // namespace tandem::llvm
