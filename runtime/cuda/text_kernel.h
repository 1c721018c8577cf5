// Kernels that are written by hand, as CUDA C++ after the prelude of generated ones (codegen/cuda/prelude.h): what the
// kernel IR cannot say, because it writes at indices or in an order that it finds out. Results have the bits of the CPU.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/cuda/device_kernel.h"
#include "runtime/cuda/launch.h"

namespace tandem::cuda {

// `body` defines `struct Args { void* ptrs[buffers]; i64 vals[vals]; void* scratch; i64* status; };` and the entry point
// tandem_kernel, which takes one. All that `name` stands for is in the text, so it is compiled once for each name.
struct KernelText {
  std::string name;
  std::string body;
  int buffers, vals;
};

using CompileText = std::shared_ptr<const CompiledKernel> (*)(Device device, const KernelText& text);
// `possible`: whether there is a compiler after all.
void set_compile_text(CompileText compile, bool (*possible)());
// Else the host does what such kernels would: where a file is run without a compiler.
bool compiles_texts();

// Of what a process has compiled already, or compiles now. `text()` gives a KernelText and is called for new ones only.
class TextKernels {
 public:
  template <class Text>
  const DeviceCode& of(Gpu& gpu, const std::string& name, const Text& text) {
    if (const DeviceCode* known = find(gpu, name)) return *known;
    return add(gpu, text());
  }
  static TextKernels& all();

 private:
  const DeviceCode* find(Gpu& gpu, const std::string& name) const;
  const DeviceCode& add(Gpu& gpu, const KernelText& text);

  struct Entry;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<const Entry>> entries_;
};

// What steps that are made of several such kernels have in common: where they run, and what is said when they fail.
struct TextLaunch {
  Gpu& gpu;
  OriginRef origin;                                               // its name, and the user's line
  std::vector<Address>* keep = nullptr;                           // as for `launch`
  std::function<std::string(int64_t value)> complaint = nullptr;  // of an index that has no place

  // `blocks` of `threads`, which report indices if `checks`. `vals` has as many as the text says.
  void run(const DeviceCode& code, int64_t blocks, unsigned threads, std::span<void* const> ptrs,
           std::span<const int64_t> vals, bool checks = false) const;
};

}  // namespace tandem::cuda
