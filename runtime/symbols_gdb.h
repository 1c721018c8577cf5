// Kernels as gdb sees them: for each a symbol file in memory, in a list that gdb knows where to find. Not thread-safe;
// symbols.cpp holds the lock.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "runtime/symbols_perf.h"

namespace tandem {

// The text of an ELF object that has no code of its own but says what lies where: a section at the address, a function
// in it, and its source lines.
std::string symbol_object(const NamedCode& code);

struct GdbEntry;  // its layout belongs to gdb

// In the list while it lives.
class GdbSymbols {
 public:
  explicit GdbSymbols(const NamedCode& code);
  ~GdbSymbols();
  GdbSymbols(const GdbSymbols&) = delete;
  GdbSymbols& operator=(const GdbSymbols&) = delete;

 private:
  std::string object_;
  std::unique_ptr<GdbEntry> entry_;
};

}  // namespace tandem
