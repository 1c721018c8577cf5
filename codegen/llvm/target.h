// What machine code is made for. Only generic instruction-set levels are targeted, never one CPU model, so that a
// cached or shipped object runs on every machine of its level and a warm process need not ask LLVM anything.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::llvm {

enum class Isa : uint8_t { v2, v3, v4, aarch64 };

struct Target {
  Isa isa;
  std::string_view name;  // as in TANDEM_TARGET
  std::string_view triple;
  std::string_view cpu;  // as LLVM calls it
  std::string_view features;
  bool masked;         // masked loads and stores are cheap: tails run the vector body
  bool converts_half;  // has f16 <-> f32 instructions
};

const Target& target_of(Isa isa);
const Target* target_named(std::string_view name);  // null when there is none
// The best level of this machine, or the one that TANDEM_TARGET=x86-64-v2|x86-64-v3|x86-64-v4 asks for. Throws
// Error{value} when that is unknown or more than the machine can run.
const Target& host_target();
// Every level this machine can run, lowest first.
std::vector<Isa> runnable_targets();

}  // namespace tandem::llvm
