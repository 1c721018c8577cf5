// The two kinds of files that tell perf of code made at run time. Not thread-safe; symbols.cpp holds the lock.
#pragma once
#include <sys/types.h>

#include <map>
#include <string>
#include <string_view>

#include "runtime/symbols.h"

namespace tandem {

struct NamedCode {
  CodeSymbol symbol;
  uint64_t address = 0;
  size_t bytes = 0;
  std::string_view frames;  // how to find the caller: .eh_frame where it was loaded, or empty
};

// A new file of this process that nobody else may write; after the first failure, which it reports, it does nothing.
class SymbolFile {
 public:
  SymbolFile() = default;
  explicit SymbolFile(std::string path);
  ~SymbolFile();
  SymbolFile(const SymbolFile&) = delete;
  SymbolFile& operator=(const SymbolFile&) = delete;
  void write(std::string_view bytes);
  void empty();
  void fail(const char* what);  // with errno
  int descriptor() const { return descriptor_; }

 private:
  std::string path_;
  int descriptor_ = -1;
};

// /tmp/perf-PID.map: one line for each function. It has no times: where code replaced other code at the same address,
// the old line goes.
class PerfMap {
 public:
  PerfMap();
  void add(const NamedCode& code);

 private:
  struct Row {
    uint64_t end;
    std::string text;
  };
  SymbolFile file_;
  std::map<uint64_t, Row> rows_;
};

// jit-PID.dump: a record for each function, with its time, code and source lines. perf finds the file because this
// process maps it as if it were code.
class JitDump {
 public:
  JitDump();
  ~JitDump();
  JitDump(const JitDump&) = delete;
  JitDump& operator=(const JitDump&) = delete;
  void add(const NamedCode& code);

 private:
  SymbolFile file_;
  void* marker_ = nullptr;
  uint64_t count_ = 0;
};

}  // namespace tandem
