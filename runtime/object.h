// Loads a relocatable ELF object (x86-64 or AArch64) made by the compiler: maps its sections, applies relocations,
// flips pages to read+execute. No LLVM needed, so cached and shipped kernels run where no compiler is.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/symbols.h"

namespace tandem {

class LoadedObject {
 public:
  // Throws Error{serialization} on anything malformed or unsupported; all offsets are bounds-checked. With `published`,
  // perf and gdb get to know the function `symbol` by that name.
  static std::shared_ptr<const LoadedObject> load(std::string_view bytes, std::string_view symbol,
                                                  std::optional<CodeSymbol> published = {});
  ~LoadedObject();
  LoadedObject(const LoadedObject&) = delete;
  LoadedObject& operator=(const LoadedObject&) = delete;
  void* entry() const { return entry_; }
  static int64_t live_bytes();  // of all that are loaded now

 private:
  LoadedObject() = default;
  void* memory_ = nullptr;
  size_t size_ = 0;
  void* entry_ = nullptr;
  std::optional<PublishedCode> published_;
};

}  // namespace tandem
