#include "codegen/llvm/target.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "ir/error.h"
#include "runtime/cpu.h"

namespace tandem::llvm {

namespace {

constexpr std::string_view kX86Triple = "x86_64-unknown-linux-gnu";
constexpr std::array<Target, 4> kTargets{{
    {Isa::v2, "x86-64-v2", kX86Triple, "x86-64-v2", "", false, false},
    {Isa::v3, "x86-64-v3", kX86Triple, "x86-64-v3", "+prefer-no-gather", false, true},
    {Isa::v4, "x86-64-v4", kX86Triple, "x86-64-v4", "-prefer-256-bit,+prefer-no-gather,+prefer-no-scatter", true, true},
    {Isa::aarch64, "aarch64", "aarch64-unknown-linux-gnu", "generic", "", false, true},
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

const Target* target_named(std::string_view name) {
  const auto found = std::find_if(kTargets.begin(), kTargets.end(), [name](const Target& t) { return t.name == name; });
  return found != kTargets.end() ? &*found : nullptr;
}

std::vector<Isa> runnable_targets() {
  std::vector<Isa> isas;
  for (const std::string_view level : cpu_levels()) isas.push_back(target_named(level)->isa);
  return isas;
}

const Target& host_target() {
  static const Target& target = choose_target();
  return target;
}

}  // namespace tandem::llvm
