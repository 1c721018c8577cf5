// What stubs of libraries beside the driver share: numbers in the memory of its stub, and work in the order of its stream.
#pragma once
#include <dlfcn.h>

#include <complex>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "ir/dtype.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace stub {

inline void* driver(const char* function) {
  static void* library = dlopen(std::getenv("TANDEM_CUDA_DRIVER"), RTLD_NOW | RTLD_NOLOAD);
  return dlsym(library, function);
}

inline char* shadow(uint64_t address) { return reinterpret_cast<char* (*)(uint64_t)>(driver("stub_shadow"))(address); }

// Of cudaDataType.
inline constexpr int kF32 = 0, kF64 = 1, kF16 = 2, kC64 = 4, kC128 = 5, kBF16 = 14;

using Number = std::complex<double>;

template <class T>
T at(const char* data, int64_t place) {
  T value;
  std::memcpy(&value, data + place * static_cast<int64_t>(sizeof value), sizeof value);
  return value;
}
template <class T>
void put(char* data, int64_t place, T value) {
  std::memcpy(data + place * static_cast<int64_t>(sizeof value), &value, sizeof value);
}

inline Number get(const char* data, int type, int64_t place) {
  switch (type) {
    case kF32: return static_cast<double>(at<float>(data, place));
    case kF64: return at<double>(data, place);
    case kF16: return static_cast<double>(tandem::half_to_float(at<uint16_t>(data, place)));
    case kBF16: return static_cast<double>(tandem::bfloat_to_float(at<uint16_t>(data, place)));
    case kC64: return Number(at<std::complex<float>>(data, place));
    default: return at<Number>(data, place);
  }
}
inline void set(char* data, int type, int64_t place, Number value) {
  const auto narrow = static_cast<float>(value.real());
  switch (type) {
    case kF32: return put(data, place, narrow);
    case kF64: return put(data, place, value.real());
    case kF16: return put(data, place, tandem::float_to_half(narrow));
    case kBF16: return put(data, place, tandem::float_to_bfloat(narrow));
    case kC64: return put(data, place, std::complex<float>(value));
    default: return put(data, place, value);
  }
}

inline void enqueue(void* stream, void (*run)(void*), void* context) {
  reinterpret_cast<void (*)(void*, void (*)(void*), void*)>(driver("stub_enqueue"))(stream, run, context);
}

}  // namespace stub
