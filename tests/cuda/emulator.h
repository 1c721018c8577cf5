// Runs the CUDA C++ of kernels on the CPU: the text as it is, compiled by the host's compiler against emulation.h, many
// kernels at a time.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "codegen/cuda/emit.h"
#include "tests/kernels/harness.h"

namespace tandem::test {

class Emulator {
 public:
  Emulator();
  ~Emulator();
  Emulator(const Emulator&) = delete;
  Emulator& operator=(const Emulator&) = delete;

  void add(const Kernel& kernel);  // to be called before `build`
  void build();                    // several compilers side by side
  // The outcome, or what went wrong. `backwards`: with the threads of a block in the opposite order.
  Outcome execute(const Case& c, bool backwards, std::string* problem) const;
  size_t kernels() const { return entries_.size(); }

 private:
  using Launch = const char* (*)(const unsigned* grid, const unsigned* block, unsigned shared, const void* args,
                                 int backwards);
  struct Entry {
    cuda::Source source;
    int number = 0;
    Launch launch = nullptr;
  };
  std::map<std::string, Entry> entries_;  // by the text of the kernel
  std::string folder_;
};

}  // namespace tandem::test
