// What a back end does: turn a Kernel into a function. Which one runs is chosen at run time; LLVM is absent when its
// module is not there.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "ir/kernel.h"
#include "runtime/kernel_code.h"

namespace tandem {

struct CompileOptions {
  bool disk_cache = true;  // looks for it among the kernels on disk, and keeps it there
  std::string symbol;      // what perf and gdb are to call the machine code if this call makes it
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;
  // Thread-safe. Uses the kernel cache; throws Error{compile} when it cannot.
  virtual std::shared_ptr<const CompiledKernel> compile(const Kernel& kernel, const CompileOptions& options = {}) = 0;
  // Text for f.ir(stage): "llvm", "asm" ...; throws Error{value} for a stage this back end does not have.
  virtual std::string text(const Kernel& kernel, std::string_view stage) = 0;
};

Backend& interpreter();   // always there
Backend* llvm_backend();  // null when not built or not loadable; `llvm_unavailable_reason()` says why
const std::string& llvm_unavailable_reason();
// A relocatable ELF object of the kernel for "x86-64-v2", "x86-64-v3", "x86-64-v4" or "aarch64", with one function of
// the name in runtime/native_kernel.h. Throws Error{value} for other targets, Error{backend} without LLVM.
std::string compile_object(const Kernel& kernel, std::string_view target);
// One object with all of them, as the hidden functions NAME_kernel_0 ..., and with `data`, a module of LLVM's text.
std::string compile_object(std::span<const Kernel> kernels, std::string_view name, std::string_view data,
                           std::string_view target);
Backend& default_backend();  // LLVM if present, else the interpreter; TANDEM_BACKEND=interp|llvm overrides
Backend* backend_by_name(std::string_view name);  // "interp", "llvm"; null when unknown or absent

// Of this process, all back ends that compile together.
struct CompileStats {
  int64_t compiled = 0;     // by LLVM or NVRTC
  int64_t pack_hits = 0;    // loaded from the kernels that the installation brought along
  int64_t disk_hits = 0;    // loaded from the disk cache
  int64_t memory_hits = 0;  // found among the live kernels
  double compile_seconds = 0;
};
CompileStats compile_stats();
// Forgets the kernels held in memory (those in use stay alive); the disk cache is not touched.
void clear_kernel_memory();

}  // namespace tandem
