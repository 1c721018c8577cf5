// What the runtime knows of a compiled kernel: how to call it, and what to say about it.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ir/dim.h"
#include "ir/error.h"

namespace tandem {

// A callable kernel. Kept alive by whoever may still call it; thread-safe.
class CompiledKernel {
 public:
  virtual ~CompiledKernel() = default;
  virtual void run(int64_t begin, int64_t end, void* const* ptrs, const int64_t* vals, void* scratch,
                   int64_t* status) const = 0;
};

// What to call something that takes time, and the user's lines it comes from.
struct StepOrigin {
  std::string name;
  std::vector<SourceLoc> sources;
  std::vector<int> weights = {};  // how the time is shared among the sources; empty: evenly
  std::string detail = {};        // more to say about it: why a function was captured
};
using OriginRef = std::shared_ptr<const StepOrigin>;

// A kernel as one Program uses it. Machine code is shared between programs, names and source lines are not.
struct KernelCode : StepOrigin {
  std::shared_ptr<const CompiledKernel> code;
  Dim bytes_read = 0, bytes_written = 0;  // each buffer counted once, and of it the part that is walked
  // Per access: the message of a failed bounds check. "{}" becomes the offending value, "{d3}" the value of entry 3 of
  // the program's table of sizes: "take: got index {}; need 0 <= index < {d3}". Empty: a general text.
  std::vector<std::string> access_messages;
  mutable std::atomic<int64_t> launches{0};
  mutable std::atomic<uint32_t> counted{0};  // since which profile (runtime/profile) its launches are counted
};

}  // namespace tandem
