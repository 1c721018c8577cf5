#include "codegen/gpu_pack.h"

#include <atomic>
#include <mutex>
#include <set>
#include <vector>

#include "codegen/cuda/emit.h"
#include "codegen/cuda/pack.h"
#include "ir/error.h"
#include "runtime/cuda/strided_copy.h"
#include "runtime/parallel.h"

namespace tandem {

namespace {

class NotingBackend final : public Backend {
 public:
  std::string_view name() const override { return default_backend().name(); }
  std::shared_ptr<const CompiledKernel> compile(const Kernel& kernel, const CompileOptions& options) override {
    note(cuda::emit(kernel).text());
    return default_backend().compile(kernel, options);
  }
  std::string text(const Kernel& kernel, std::string_view stage) override {
    return default_backend().text(kernel, stage);
  }

  void note(std::string text) {
    const std::lock_guard lock(mutex_);
    texts_.insert(std::move(text));
  }
  std::vector<std::string> texts() {
    const std::lock_guard lock(mutex_);
    return {texts_.begin(), texts_.end()};
  }

 private:
  std::mutex mutex_;
  std::set<std::string> texts_;
};

std::atomic<NotingBackend*> noting{nullptr};

}  // namespace

void note_gpu_kernels() {
  static auto* const made = new NotingBackend;
  noting = made;
}

Backend* noting_backend() { return noting.load(std::memory_order_acquire); }

int64_t compile_noted_kernels() {
  constexpr double kKernel = 5e7;  // ns, roughly
  constexpr int kMostAxes = 4;     // of copies between layouts
  NotingBackend* const noted = noting.load();
  check_internal(noted != nullptr, "no kernels were noted");
  for (const int bytes : {1, 2, 4, 8})
    for (int rank = 1; rank <= kMostAxes; ++rank) noted->note(cuda::emit(cuda::copy_kernel_of(bytes, rank)).text());
  constexpr auto kArchs = static_cast<int64_t>(std::size(cuda::kPackArchs));
  const std::vector<std::string> texts = noted->texts();
  std::atomic<int64_t> made = 0;
  parallel_for(kArchs * static_cast<int64_t>(texts.size()), 1, kKernel, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k)
      if (cuda::compile_for_pack(texts[static_cast<size_t>(k / kArchs)], cuda::kPackArchs[k % kArchs])) ++made;
  });
  return made;
}

}  // namespace tandem
