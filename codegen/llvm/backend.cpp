#include "codegen/llvm/backend.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "codegen/kernel_memory.h"
#include "codegen/llvm/emit.h"
#include "runtime/cache.h"
#include "runtime/native_kernel.h"
#include "runtime/pack.h"
#include "runtime/profile.h"

namespace tandem::llvm {

namespace {

using KernelRef = KernelMemory::KernelRef;

CacheKey object_key(std::string_view text, const Target& target) {
  return hash128(
      fmt::format("{}\n{} {} {} LLVM {}", text, target.triple, target.cpu, target.features, TANDEM_LLVM_VERSION));
}

class LlvmBackend final : public Backend {
 public:
  explicit LlvmBackend(const Target& target) : target_(target) {}
  std::string_view name() const override { return "llvm"; }

  KernelRef compile(const Kernel& kernel, const CompileOptions& options) override {
    std::string text = to_text(kernel);
    text += target_.name;
    return kernel_memory().get(hash128(text), [&] { return make(kernel, options); });
  }

  std::string text(const Kernel& kernel, std::string_view stage) override {
    if (stage == "llvm") return emit_text(kernel);
    if (stage == "asm") return compile_text(emit_text(kernel), target_, true);
    throw_error(ErrorKind::value, "ir: got stage '{}'; the LLVM back end has 'llvm' and 'asm'", stage);
  }

 private:
  std::string emit_text(const Kernel& kernel) const { return emit(kernel, target_, symbols_wanted()); }

  static KernelRef load(std::string_view object, const Kernel& kernel, std::string_view symbol) {
    std::optional<CodeSymbol> published;
    if (symbols_wanted()) {
      published.emplace(symbol_name(fmt::format("tandem.{}", symbol)), std::vector<CodeLine>{});
      const auto first = std::min_element(kernel.sources.begin(), kernel.sources.end(),
                                          [](const SourceLoc& a, const SourceLoc& b) { return a.line < b.line; });
      if (first != kernel.sources.end()) published->lines.push_back({0, *first});
    }
    return std::make_shared<NativeKernel>(LoadedObject::load(object, kEntryPoint, std::move(published)));
  }

  KernelRef make(const Kernel& kernel, const CompileOptions& options) {
    const auto start = std::chrono::steady_clock::now();
    const uint64_t profile = profile_start();
    const auto note = [&](EventKind kind) {
      if (profile != 0)
        record(kind, profile, std::make_shared<const StepOrigin>(StepOrigin{kernel.name, kernel.sources}));
    };
    const std::string text = emit_text(kernel);
    const CacheKey key = object_key(text, target_);
    const auto kept = [&](std::string_view object) -> KernelRef {
      try {
        auto loaded = load(object, kernel, options.symbol);
        note(EventKind::load);
        return loaded;
      } catch (const Error&) {
        return nullptr;  // written by something else under our key: compile and overwrite it
      }
    };
    if (options.disk_cache) {
      if (const std::string_view object = pack_find(key); !object.empty())
        if (KernelRef found = kept(object)) return kernel_memory().count_pack_hit(), found;
      if (const std::optional<std::vector<char>> blob = cache_read(key))
        if (KernelRef found = kept({blob->data(), blob->size()})) return kernel_memory().count_disk_hit(), found;
    }
    const std::string object = compile_text(text, target_, false);
    auto loaded = load(object, kernel, options.symbol);
    if (options.disk_cache) cache_write(key, object);
    note(EventKind::compile);
    kernel_memory().count_compiled(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    return loaded;
  }

  const Target& target_;
};

}  // namespace

std::string compile_object(const Kernel& kernel, const Target& target) {
  const std::string text = emit(kernel, target);
  const CacheKey key = object_key(text, target);
  if (const std::string_view object = pack_find(key); !object.empty()) return std::string(object);
  if (const std::optional<std::vector<char>> blob = cache_read(key)) return {blob->data(), blob->size()};
  std::string object = compile_text(text, target, false);
  cache_write(key, object);
  return object;
}

std::string compile_object(std::span<const Kernel> kernels, std::string_view name, std::string_view data,
                           const Target& target) {
  std::vector<std::string> texts{std::string(data)};
  const std::string head = fmt::format("define void @{}(", kEntryPoint);
  for (size_t k = 0; k < kernels.size(); ++k) {
    std::string& text = texts.emplace_back(emit(kernels[k], target));
    const size_t place = text.find(head);
    check_internal(place != std::string::npos, "a kernel has no entry");
    text.replace(place, head.size(), fmt::format("define hidden void @{}_kernel_{}(", name, k));
  }
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  return compile_texts(views, target, false);
}

std::unique_ptr<Backend> make_backend(const Target& target) { return std::make_unique<LlvmBackend>(target); }

}  // namespace tandem::llvm
