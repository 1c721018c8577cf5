#include "codegen/llvm/backend.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <list>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <unordered_map>

#include "codegen/llvm/emit.h"
#include "runtime/cache.h"
#include "runtime/native_kernel.h"
#include "runtime/pack.h"
#include "runtime/profile.h"

namespace tandem::llvm {

namespace {

using KernelRef = std::shared_ptr<const CompiledKernel>;

// Kernels held in memory. Beyond that the least recently used ones go; who still uses one keeps it alive.
constexpr size_t kLiveKernels = 4096;

// All LLVM back ends of a process share it; a key tells the target.
class KernelMemory {
 public:
  // The kernel of `key`, made by `make` if there is none. Threads that ask for the same one wait for the first.
  template <class Make>
  KernelRef get(const CacheKey& key, Make&& make) {
    const std::shared_lock whole(making_);
    std::promise<KernelRef> promise;
    std::shared_future<KernelRef> known;
    {
      const std::lock_guard lock(mutex_);
      const auto found = entries_.find(key);
      if (found != entries_.end()) {
        order_.splice(order_.begin(), order_, found->second.place);
        ++stats_.memory_hits;
        known = found->second.kernel;
      } else {
        order_.push_front(key);
        entries_.emplace(key, Entry{promise.get_future().share(), order_.begin()});
        if (entries_.size() > kLiveKernels) {
          entries_.erase(order_.back());
          order_.pop_back();
        }
      }
    }
    if (known.valid()) return known.get();
    try {
      KernelRef made = make();
      promise.set_value(made);
      return made;
    } catch (...) {
      promise.set_exception(std::current_exception());
      const std::lock_guard lock(mutex_);
      const auto found = entries_.find(key);
      if (found != entries_.end()) {
        order_.erase(found->second.place);
        entries_.erase(found);
      }
      throw;
    }
  }
  void clear() {
    std::unordered_map<CacheKey, Entry, CacheKeyHash> gone;  // let go of without the lock
    const std::lock_guard lock(mutex_);
    gone.swap(entries_);
    order_.clear();
  }
  void count_disk_hit() {
    const std::lock_guard lock(mutex_);
    ++stats_.disk_hits;
  }
  void count_pack_hit() {
    const std::lock_guard lock(mutex_);
    ++stats_.pack_hits;
  }
  void count_compiled(double seconds) {
    const std::lock_guard lock(mutex_);
    ++stats_.compiled;
    stats_.compile_seconds += seconds;
  }
  CompileStats stats() {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

  // No kernel is being made while the process forks: its child would wait for what nobody makes, or for a lock inside
  // LLVM that nobody holds.
  void before_fork() { making_.lock(), mutex_.lock(); }
  void after_fork() { mutex_.unlock(), making_.unlock(); }
  // This lock knows its owner by a number that the child's thread does not have.
  void in_child() { mutex_.unlock(), std::construct_at(&making_); }

 private:
  struct Entry {
    std::shared_future<KernelRef> kernel;
    std::list<CacheKey>::iterator place;
  };
  std::shared_mutex making_;
  std::mutex mutex_;
  std::unordered_map<CacheKey, Entry, CacheKeyHash> entries_;
  std::list<CacheKey> order_;  // most recently used first
  CompileStats stats_;
};

// Never destroyed: kernels may still be compiled while the process ends.
KernelMemory& memory();

KernelMemory& memory() {
  static auto* const shared = [] {
    pthread_atfork([] { memory().before_fork(); }, [] { memory().after_fork(); }, [] { memory().in_child(); });
    return new KernelMemory;
  }();
  return *shared;
}

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
    return memory().get(hash128(text), [&] { return make(kernel, options); });
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
        if (KernelRef found = kept(object)) return memory().count_pack_hit(), found;
      if (const std::optional<std::vector<char>> blob = cache_read(key))
        if (KernelRef found = kept({blob->data(), blob->size()})) return memory().count_disk_hit(), found;
    }
    const std::string object = compile_text(text, target_, false);
    auto loaded = load(object, kernel, options.symbol);
    if (options.disk_cache) cache_write(key, object);
    note(EventKind::compile);
    memory().count_compiled(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
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

CompileStats stats() { return memory().stats(); }

void clear_memory() { memory().clear(); }

}  // namespace tandem::llvm
