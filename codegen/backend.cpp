#include "codegen/backend.h"

#include <cstdlib>

#include "codegen/interp/interp.h"
#include "codegen/kernel_memory.h"
#include "codegen/llvm/backend.h"
#include "ir/error.h"

namespace tandem {

namespace {

struct LlvmSlot {
  std::unique_ptr<Backend> backend;
  std::string reason;
};

const LlvmSlot& llvm_slot() {
  static const LlvmSlot slot = [] {
    LlvmSlot made;
    made.reason = llvm::module_problem();
    if (made.reason.empty()) made.backend = llvm::make_backend(llvm::host_target());
    return made;
  }();
  return slot;
}

const llvm::Target& target_for(std::string_view name) {
  const llvm::Target* found = llvm::target_named(name);
  if (found == nullptr)
    throw_error(
        ErrorKind::value,
        "save: got the target '{}'; need x86-64-v2, x86-64-v3, x86-64-v4, aarch64, or a GPU as in sm_90 or compute_90",
        name);
  if (llvm_backend() == nullptr)
    throw_error(ErrorKind::backend, "save: got the target '{}'; need LLVM to compile for it, but {}", name,
                llvm_unavailable_reason());
  return *found;
}

}  // namespace

Backend& interpreter() {
  static const std::unique_ptr<Backend> backend = make_interpreter();
  return *backend;
}

Backend* llvm_backend() { return llvm_slot().backend.get(); }

const std::string& llvm_unavailable_reason() { return llvm_slot().reason; }

Backend* backend_by_name(std::string_view name) {
  return name == "interp" ? &interpreter() : name == "llvm" ? llvm_backend() : nullptr;
}

Backend& default_backend() {
  static Backend& chosen = []() -> Backend& {
    const char* wanted = std::getenv("TANDEM_BACKEND");
    if (wanted == nullptr || *wanted == '\0') return llvm_backend() != nullptr ? *llvm_backend() : interpreter();
    if (Backend* named = backend_by_name(wanted)) return *named;
    if (std::string_view(wanted) == "llvm")
      throw_error(ErrorKind::backend, "TANDEM_BACKEND: got 'llvm', but {}; try TANDEM_BACKEND=interp (slow)",
                  llvm_unavailable_reason());
    throw_error(ErrorKind::value, "TANDEM_BACKEND: got '{}'; need 'llvm' or 'interp'", wanted);
  }();
  return chosen;
}

std::string compile_object(const Kernel& kernel, std::string_view target) {
  return llvm::compile_object(kernel, target_for(target));
}

std::string compile_object(std::span<const Kernel> kernels, std::string_view name, std::string_view data,
                           std::string_view target) {
  return llvm::compile_object(kernels, name, data, target_for(target));
}

CompileStats compile_stats() { return kernel_memory().stats(); }

void clear_kernel_memory() { kernel_memory().clear(); }

}  // namespace tandem
