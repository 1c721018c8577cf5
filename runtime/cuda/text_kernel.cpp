#include "runtime/cuda/text_kernel.h"

#include <algorithm>
#include <atomic>

namespace tandem::cuda {

namespace {

std::atomic<CompileText> compile_text{nullptr};
std::atomic<bool (*)()> compile_possible{nullptr};

}  // namespace

struct TextKernels::Entry {
  int arch;
  std::string name;
  std::shared_ptr<const CompiledKernel> code;
};

void set_compile_text(CompileText compile, bool (*possible)()) {
  compile_text = compile;
  compile_possible = possible;
}

bool compiles_texts() {
  const auto possible = compile_possible.load();
  return possible && possible();
}

TextKernels& TextKernels::all() {
  static auto* made = new TextKernels;
  return *made;
}

namespace {

const DeviceCode& code_of(const CompiledKernel& code) { return dynamic_cast<const DeviceCode&>(code); }

}  // namespace

const DeviceCode* TextKernels::find(Gpu& gpu, const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const int arch = gpu.properties.arch();
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const auto& entry) { return entry->arch == arch && entry->name == name; });
  return found == entries_.end() ? nullptr : &code_of(*(*found)->code);
}

const DeviceCode& TextKernels::add(Gpu& gpu, const KernelText& text) {
  const CompileText compile = compile_text.load();
  check_internal(compile != nullptr, "nobody compiles the text of {}", text.name);
  auto code = compile({Device::Type::cuda, gpu.index}, text);
  const std::lock_guard lock(mutex_);
  entries_.push_back(std::make_shared<Entry>(Entry{gpu.properties.arch(), text.name, std::move(code)}));
  return code_of(*entries_.back()->code);
}

void TextLaunch::run(const DeviceCode& code, int64_t blocks, unsigned threads, std::span<void* const> ptrs,
                     std::span<const int64_t> vals, bool checks) const {
  constexpr int64_t kMaxGrid = int64_t{1} << 30;
  check_internal(
      static_cast<int>(ptrs.size()) == code.kernel.buffers && static_cast<int>(vals.size()) == code.kernel.vals,
      "{} got {} pointers and {} values", origin->name, ptrs.size(), vals.size());
  if (blocks <= 0) return;
  DeviceLaunch how;
  how.grid[0] = static_cast<unsigned>(std::min(blocks, kMaxGrid));
  how.block[0] = threads;
  std::optional<Checked> checked;
  if (checks) checked = Checked{[complain = complaint](size_t, int64_t value) { return complain(value); }};
  launch_as(gpu, code, how, ptrs.data(), vals.data(), origin, std::move(checked), keep);
}

}  // namespace tandem::cuda
