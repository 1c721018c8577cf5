// A kernel as machine code.
#pragma once
#include <memory>
#include <utility>

#include "ir/kernel.h"
#include "runtime/kernel_code.h"
#include "runtime/object.h"

namespace tandem {

inline constexpr const char* kEntryPoint = "tandem_kernel";  // the function in an object

class NativeKernel final : public CompiledKernel {
 public:
  explicit NativeKernel(std::shared_ptr<const LoadedObject> object)
      : object_(std::move(object)), function_(reinterpret_cast<kernel_function>(object_->entry())) {}
  explicit NativeKernel(kernel_function function) : function_(function) {}  // part of the program itself
  void run(int64_t begin, int64_t end, void* const* ptrs, const int64_t* vals, void* scratch,
           int64_t* status) const override {
    function_(begin, end, ptrs, vals, scratch, status);
  }

 private:
  std::shared_ptr<const LoadedObject> object_;
  kernel_function function_;
};

}  // namespace tandem
