// Relocations: how to patch one place of a section once addresses are known. Pure arithmetic on bytes, so both
// architectures are tested on any machine.
#pragma once
#include <cstddef>
#include <cstdint>

namespace tandem {

enum class Machine : uint16_t { x86_64 = 62, aarch64 = 183 };  // ELF e_machine

#if defined(__x86_64__)
inline constexpr Machine kHostMachine = Machine::x86_64;
#elif defined(__aarch64__)
inline constexpr Machine kHostMachine = Machine::aarch64;
#else
#error "the object loader knows x86-64 and AArch64"
#endif

// What a relocation refers to. `branch` may go through a stub, `got` wants the address of a table entry that holds
// the symbol's address, `value` wants the symbol itself.
enum class RelocTarget : uint8_t { none, value, branch, got, unsupported };

struct RelocInfo {
  RelocTarget target;
  int bytes;  // written at the place
};
RelocInfo reloc_info(Machine machine, uint32_t type);

// Patches `place`, which will live at address `at`; `symbol` is the target's address (or its table entry's, or its
// stub's). False when the result does not fit the field.
bool apply_reloc(Machine machine, uint32_t type, unsigned char* place, uint64_t at, uint64_t symbol, int64_t addend);

}  // namespace tandem
