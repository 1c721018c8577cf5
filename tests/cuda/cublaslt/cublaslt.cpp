// cuBLASLt for tests: products of real and complex numbers on the memory of the stub driver, in the order of its stream.
#include <deque>
#include <mutex>

#include "tests/cuda/stub/library.h"

using namespace stub;

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

void run(void* context) {
  const auto* const work = static_cast<const Work*>(context);
  const int type = work->d.type;
  const char *a = shadow(work->a_data), *b = shadow(work->b_data);
  char* d = shadow(work->d_data);
  const auto inner = static_cast<int64_t>(work->product.transpose_a ? work->a.rows : work->a.columns);
  for (int64_t n = 0; n < work->d.count; ++n)
    for (int64_t j = 0; j < static_cast<int64_t>(work->d.columns); ++j)
      for (int64_t i = 0; i < static_cast<int64_t>(work->d.rows); ++i) {
        Number sum = 0;
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
  *count = type == kF32 || type == kF64 || type == kF16 || type == kBF16 || type == kC64 || type == kC128 ? 1 : 0;
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
  enqueue(stream, run, &all.back());
  return 0;
}
