// What a back end does: turn a Kernel into a function. Chosen at run time; a back end that is not built is simply
// absent from `backend_by_name`.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "ir/kernel.h"

namespace tandem {

// A callable kernel. Kept alive by whoever may still call it; thread-safe.
class CompiledKernel {
 public:
  virtual ~CompiledKernel() = default;
  virtual void run(int64_t begin, int64_t end, void* const* ptrs, const int64_t* vals, void* scratch,
                   int64_t* status) const = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;
  // Thread-safe. Uses the kernel cache (memory, then disk); throws Error{compile} when it cannot.
  virtual std::shared_ptr<const CompiledKernel> compile(const Kernel& kernel) = 0;
  // Text for f.ir(stage): "llvm", "asm" ...; throws Error{value} for a stage this back end does not have.
  virtual std::string text(const Kernel& kernel, std::string_view stage) = 0;
};

Backend& interpreter();               // always there
Backend* llvm_backend();              // null when not built or not loadable; `llvm_unavailable_reason()` says why
const std::string& llvm_unavailable_reason();
Backend& default_backend();           // LLVM if present, else the interpreter; TANDEM_BACKEND=interp|llvm overrides

}  // namespace tandem
