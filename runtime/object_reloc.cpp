#include "runtime/object_reloc.h"

#include <elf.h>

#include <cstring>

namespace tandem {

namespace {

// Not in every elf.h.
constexpr uint32_t kX86GotPcRelX = 41;
constexpr uint32_t kX86RexGotPcRelX = 42;

template <class T>
void put(unsigned char* place, uint64_t value) {
  const T narrow = static_cast<T>(value);
  std::memcpy(place, &narrow, sizeof narrow);
}

bool fits_signed(int64_t value, int bits) {
  const int64_t limit = int64_t{1} << (bits - 1);
  return -limit <= value && value < limit;
}

// Replaces `count` bits from bit `low` of the instruction at `place`.
void put_bits(unsigned char* place, int low, int count, uint64_t value) {
  uint32_t instruction;
  std::memcpy(&instruction, place, sizeof instruction);
  const uint32_t mask = ((uint32_t{1} << count) - 1) << low;
  instruction = (instruction & ~mask) | ((static_cast<uint32_t>(value) << low) & mask);
  std::memcpy(place, &instruction, sizeof instruction);
}

bool put_signed32(unsigned char* place, uint64_t value) {
  put<uint32_t>(place, value);
  return fits_signed(static_cast<int64_t>(value), 32);
}

bool apply_x86(uint32_t type, unsigned char* place, uint64_t at, uint64_t value) {
  switch (type) {
    case R_X86_64_64: put<uint64_t>(place, value); return true;
    case R_X86_64_PC64: put<uint64_t>(place, value - at); return true;
    case R_X86_64_32: put<uint32_t>(place, value); return value <= UINT32_MAX;
    case R_X86_64_32S: return put_signed32(place, value);
    case R_X86_64_PC32:
    case R_X86_64_PLT32:
    case R_X86_64_GOTPCREL:
    case kX86GotPcRelX:
    case kX86RexGotPcRelX: return put_signed32(place, value - at);
    default: return false;
  }
}

// The page of `value` relative to the page of the instruction, in an ADRP's split immediate.
bool put_page(unsigned char* place, uint64_t at, uint64_t value) {
  const int64_t pages = static_cast<int64_t>((value & ~uint64_t{4095}) - (at & ~uint64_t{4095})) >> 12;
  put_bits(place, 29, 2, static_cast<uint64_t>(pages));
  put_bits(place, 5, 19, static_cast<uint64_t>(pages) >> 2);
  return fits_signed(pages, 21);
}

// The offset within the page, counted in units of the access.
bool put_page_offset(unsigned char* place, uint64_t value, int log_size) {
  const uint64_t offset = value & 4095;
  put_bits(place, 10, 12, offset >> log_size);
  return (offset & ((uint64_t{1} << log_size) - 1)) == 0;
}

bool apply_aarch64(uint32_t type, unsigned char* place, uint64_t at, uint64_t value) {
  const auto distance = static_cast<int64_t>(value - at);
  switch (type) {
    case R_AARCH64_ABS64: put<uint64_t>(place, value); return true;
    case R_AARCH64_PREL64: put<uint64_t>(place, value - at); return true;
    case R_AARCH64_PREL32: return put_signed32(place, value - at);
    case R_AARCH64_CALL26:
    case R_AARCH64_JUMP26:
      put_bits(place, 0, 26, static_cast<uint64_t>(distance) >> 2);
      return (distance & 3) == 0 && fits_signed(distance, 28);
    case R_AARCH64_ADR_PREL_PG_HI21:
    case R_AARCH64_ADR_GOT_PAGE: return put_page(place, at, value);
    case R_AARCH64_ADD_ABS_LO12_NC:
    case R_AARCH64_LDST8_ABS_LO12_NC: return put_page_offset(place, value, 0);
    case R_AARCH64_LDST16_ABS_LO12_NC: return put_page_offset(place, value, 1);
    case R_AARCH64_LDST32_ABS_LO12_NC: return put_page_offset(place, value, 2);
    case R_AARCH64_LDST64_ABS_LO12_NC:
    case R_AARCH64_LD64_GOT_LO12_NC: return put_page_offset(place, value, 3);
    case R_AARCH64_LDST128_ABS_LO12_NC: return put_page_offset(place, value, 4);
    default: return false;
  }
}

RelocInfo info_x86(uint32_t type) {
  switch (type) {
    case R_X86_64_NONE: return {RelocTarget::none, 0};
    case R_X86_64_64:
    case R_X86_64_PC64: return {RelocTarget::value, 8};
    case R_X86_64_32:
    case R_X86_64_32S: return {RelocTarget::value, 4};
    case R_X86_64_PC32:  // compilers use it for calls, too
    case R_X86_64_PLT32: return {RelocTarget::branch, 4};
    case R_X86_64_GOTPCREL:
    case kX86GotPcRelX:
    case kX86RexGotPcRelX: return {RelocTarget::got, 4};
    default: return {RelocTarget::unsupported, 0};
  }
}

RelocInfo info_aarch64(uint32_t type) {
  switch (type) {
    case R_AARCH64_NONE: return {RelocTarget::none, 0};
    case R_AARCH64_ABS64:
    case R_AARCH64_PREL64: return {RelocTarget::value, 8};
    case R_AARCH64_CALL26:
    case R_AARCH64_JUMP26: return {RelocTarget::branch, 4};
    case R_AARCH64_ADR_GOT_PAGE:
    case R_AARCH64_LD64_GOT_LO12_NC: return {RelocTarget::got, 4};
    case R_AARCH64_PREL32:
    case R_AARCH64_ADR_PREL_PG_HI21:
    case R_AARCH64_ADD_ABS_LO12_NC:
    case R_AARCH64_LDST8_ABS_LO12_NC:
    case R_AARCH64_LDST16_ABS_LO12_NC:
    case R_AARCH64_LDST32_ABS_LO12_NC:
    case R_AARCH64_LDST64_ABS_LO12_NC:
    case R_AARCH64_LDST128_ABS_LO12_NC: return {RelocTarget::value, 4};
    default: return {RelocTarget::unsupported, 0};
  }
}

}  // namespace

RelocInfo reloc_info(Machine machine, uint32_t type) {
  return machine == Machine::x86_64 ? info_x86(type) : info_aarch64(type);
}

bool apply_reloc(Machine machine, uint32_t type, unsigned char* place, uint64_t at, uint64_t symbol, int64_t addend) {
  const uint64_t value = symbol + static_cast<uint64_t>(addend);
  return machine == Machine::x86_64 ? apply_x86(type, place, at, value) : apply_aarch64(type, place, at, value);
}

}  // namespace tandem
