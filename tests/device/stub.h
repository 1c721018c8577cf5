// The stub driver as the tests of this folder use it.
#pragma once
#include <dlfcn.h>

#include <cstdlib>
#include <vector>

#include "runtime/cuda/launch.h"
#include "tests/cuda/stub/driver.h"

namespace tandem::stub {

inline void* library() {
  static void* handle = [] {
    setenv("TANDEM_CUDA_DRIVER", TANDEM_STUBS "/libcuda_stub.so", 1);
    setenv("TANDEM_NVRTC", TANDEM_STUBS "/nvrtc_stub/libnvrtc_stub.so", 1);
    setenv("TANDEM_STUB_DEVICES", "3", 1);
    setenv("TANDEM_CUBLASLT", TANDEM_STUBS "/libcublaslt_stub.so", 1);
    return dlopen(TANDEM_STUBS "/libcuda_stub.so", RTLD_NOW | RTLD_LOCAL);
  }();
  return handle;
}

inline void fail(const char* function, int result, int after = 0, int times = 1) {
  reinterpret_cast<void (*)(const char*, int, int, int)>(dlsym(library(), "stub_fail"))(function, result, after, times);
}

inline Counts counts() {
  Counts out{};
  reinterpret_cast<void (*)(Counts*)>(dlsym(library(), "stub_counts"))(&out);
  return out;
}

inline constexpr Device kFirst{Device::Type::cuda, 0}, kSecond{Device::Type::cuda, 1}, kThird{Device::Type::cuda, 2};

inline cuda::Gpu& gpu(int index = 0) {
  library();
  return cuda::Gpu::at(index);
}

}  // namespace tandem::stub
