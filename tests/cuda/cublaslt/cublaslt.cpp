// cuBLASLt for tests: products of f32, f64 and bf16 on the memory of the stub driver, in the order of its stream.
#include <dlfcn.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

constexpr int kNotSupported = 15;

struct Layout {
  int type;
  uint64_t rows, columns;
  int64_t leading;
  int32_t count = 1;
  int64_t stride = 0;
};
struct Product {
  int compute, scale;
  int32_t transpose_a = 0, transpose_b = 0;
};
struct Work {
  Product product;
  Layout a, b, d;
  uint64_t a_data, b_data, d_data;
};

void* driver(const char* function) {
  static void* library = dlopen(std::getenv("TANDEM_CUDA_DRIVER"), RTLD_NOW | RTLD_NOLOAD);
  return dlsym(library, function);
}

char* shadow(uint64_t address) { return reinterpret_cast<char* (*)(uint64_t)>(driver("stub_shadow"))(address); }

double get(const char* data, int type, int64_t at) {
  if (type == 1) return reinterpret_cast<const double*>(data)[at];
  if (type == 0) return static_cast<double>(reinterpret_cast<const float*>(data)[at]);
  const uint32_t bits = static_cast<uint32_t>(reinterpret_cast<const uint16_t*>(data)[at]) << 16;
  float value;
  std::memcpy(&value, &bits, 4);
  return static_cast<double>(value);
}
void set(char* data, int type, int64_t at, double value) {
  if (type == 1) {
    reinterpret_cast<double*>(data)[at] = value;
  } else if (type == 0) {
    reinterpret_cast<float*>(data)[at] = static_cast<float>(value);
  } else {
    const auto narrow = static_cast<float>(value);
    uint32_t bits;
    std::memcpy(&bits, &narrow, 4);
    reinterpret_cast<uint16_t*>(data)[at] = static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
  }
}

void run(void* context) {
  const auto* const work = static_cast<const Work*>(context);
  const int type = work->d.type;
  const char *a = shadow(work->a_data), *b = shadow(work->b_data);
  char* d = shadow(work->d_data);
  const auto inner = static_cast<int64_t>(work->product.transpose_a ? work->a.rows : work->a.columns);
  for (int64_t n = 0; n < work->d.count; ++n)
    for (int64_t j = 0; j < static_cast<int64_t>(work->d.columns); ++j)
      for (int64_t i = 0; i < static_cast<int64_t>(work->d.rows); ++i) {
        double sum = 0;
        for (int64_t k = 0; k < inner; ++k) {
          const int64_t at_a = work->product.transpose_a ? i * work->a.leading + k : k * work->a.leading + i;
          const int64_t at_b = work->product.transpose_b ? k * work->b.leading + j : j * work->b.leading + k;
          sum += get(a, type, n * work->a.stride + at_a) * get(b, type, n * work->b.stride + at_b);
        }
        set(d, type, n * work->d.stride + j * work->d.leading + i, sum);
      }
}

}  // namespace

EXPORT int cublasLtCreate(void** handle) {
  *handle = new int(0);
  return 0;
}
EXPORT size_t cublasLtGetVersion() { return 130'000; }
EXPORT const char* cublasLtGetStatusName(int status) {
  return status == kNotSupported ? "CUBLAS_STATUS_NOT_SUPPORTED" : "CUBLAS_STATUS";
}
EXPORT int cublasLtMatmulDescCreate(void** made, int compute, int scale) {
  *made = new Product{compute, scale};
  return 0;
}
EXPORT int cublasLtMatmulDescSetAttribute(void* handle, int which, const void* value, size_t) {
  auto& product = *static_cast<Product*>(handle);
  std::memcpy(which == 3 ? &product.transpose_a : &product.transpose_b, value, 4);
  return 0;
}
EXPORT int cublasLtMatmulDescDestroy(void* handle) {
  delete static_cast<Product*>(handle);
  return 0;
}
EXPORT int cublasLtMatrixLayoutCreate(void** made, int type, uint64_t rows, uint64_t columns, int64_t leading) {
  if (leading < static_cast<int64_t>(rows)) return 7;
  *made = new Layout{type, rows, columns, leading};
  return 0;
}
EXPORT int cublasLtMatrixLayoutSetAttribute(void* handle, int which, const void* value, size_t size) {
  auto& layout = *static_cast<Layout*>(handle);
  if (which == 5)
    std::memcpy(&layout.count, value, size);
  else
    std::memcpy(&layout.stride, value, size);
  return 0;
}
EXPORT int cublasLtMatrixLayoutDestroy(void* handle) {
  delete static_cast<Layout*>(handle);
  return 0;
}
EXPORT int cublasLtMatmulPreferenceCreate(void** made) {
  *made = new int(0);
  return 0;
}
EXPORT int cublasLtMatmulPreferenceSetAttribute(void*, int, const void*, size_t) { return 0; }
EXPORT int cublasLtMatmulPreferenceDestroy(void* handle) {
  delete static_cast<int*>(handle);
  return 0;
}

struct Heuristic {
  uint64_t algorithm[8];
  size_t workspace;
  int status;
  float waves;
  int reserved[4];
};

EXPORT int cublasLtMatmulAlgoGetHeuristic(void*, void*, void* a, void*, void*, void*, void*, int, Heuristic* found,
                                          int* count) {
  const int type = static_cast<Layout*>(a)->type;
  *count = type == 0 || type == 1 || type == 14 ? 1 : 0;
  *found = {};
  found->workspace = 1 << 16;
  return *count ? 0 : kNotSupported;
}

EXPORT int cublasLtMatmul(void*, void* product, const void*, uint64_t a, void* a_layout, uint64_t b, void* b_layout,
                          const void*, uint64_t, void*, uint64_t d, void* d_layout, const void*, uint64_t workspace,
                          size_t workspace_bytes, void* stream) {
  if (workspace_bytes > 0 && workspace == 0) return 7;
  // They stay: a graph runs them again and again.
  static std::deque<Work> all;
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  all.push_back({*static_cast<Product*>(product), *static_cast<Layout*>(a_layout), *static_cast<Layout*>(b_layout),
                 *static_cast<Layout*>(d_layout), a, b, d});
  reinterpret_cast<void (*)(void*, void (*)(void*), void*)>(driver("stub_enqueue"))(stream, run, &all.back());
  return 0;
}
