// Names of compiled kernels for tools that look at this process from outside. perf and gdb know functions from the
// files they lie in, and kernels lie in none. TANDEM_SYMBOLS lists who is told (docs/inspecting.md):
//
//   perf      /tmp/perf-PID.map, a table of names that perf report reads
//   jitdump   $JITDUMPDIR/jit-PID.dump (else in /tmp): names, source lines and the code, for perf inject --jit
//   gdb       symbol files in memory, announced through gdb's interface for compilers
//
// Without it none of this does or costs anything. Test: tests/places/test_symbols.py.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ir/error.h"

namespace tandem {

// From `offset` on, the code belongs to a line of the user's.
struct CodeLine {
  uint64_t offset;
  SourceLoc source;
};

// What to call a function: `lines` in the order of offsets, empty where nothing is known.
struct CodeSymbol {
  std::string name;
  std::vector<CodeLine> lines;
};

// Whether anybody is told. Throws Error{value} when TANDEM_SYMBOLS names something else.
bool symbols_wanted();

// The characters that no tool gives a meaning to: "f.<locals>.<lambda>" is "f.locals.lambda".
std::string symbol_name(std::string_view text);

// While it lives, the tools know the code by its name. Thread-safe; a forked child tells its own tools again. Never
// fails: what cannot be written is reported on standard error, once.
class PublishedCode {
 public:
  // `code` and `frames`, its unwind table (.eh_frame) if it has one, must stay where they are until this object is gone.
  PublishedCode(CodeSymbol symbol, std::string_view code, std::string_view frames);
  ~PublishedCode();
  PublishedCode(const PublishedCode&) = delete;
  PublishedCode& operator=(const PublishedCode&) = delete;

 private:
  uint64_t address_;
};

}  // namespace tandem
