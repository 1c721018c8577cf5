// The interface of cuBLASLt as far as it is used, declared here so that its header is not needed. Numbers are those of
// its enumerations, which are the same in all versions since 11.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "runtime/cuda/driver.h"

namespace tandem::cuda::cublaslt {

using Status = int;  // 0: success

enum class Compute : int { f32 = 68, f32_as_tf32 = 77, f64 = 70 };
enum class Type : int { f32 = 0, f64 = 1, f16 = 2, c64 = 4, c128 = 5, bf16 = 14 };
enum class ProductAttribute : int { transpose_a = 3, transpose_b = 4 };
enum class LayoutAttribute : int { batch_count = 5, batch_stride = 6 };
enum class Preference : int { workspace = 1, alignment_a = 5, alignment_b = 6, alignment_c = 7, alignment_d = 8 };
inline constexpr int32_t kTransposed = 1;

struct Algorithm {
  uint64_t data[8];
};
struct Heuristic {
  Algorithm algorithm;
  size_t workspace;
  Status status;
  float waves;
  int reserved[4];
};

struct Api {
  Status (*create)(Handle*) = nullptr;
  size_t (*version)() = nullptr;
  const char* (*status_name)(Status) = nullptr;
  Status (*product_create)(Handle*, Compute, Type scale) = nullptr;
  Status (*product_set)(Handle, ProductAttribute, const void*, size_t) = nullptr;
  Status (*product_destroy)(Handle) = nullptr;
  Status (*layout_create)(Handle*, Type, uint64_t rows, uint64_t columns, int64_t leading) = nullptr;
  Status (*layout_set)(Handle, LayoutAttribute, const void*, size_t) = nullptr;
  Status (*layout_destroy)(Handle) = nullptr;
  Status (*preference_create)(Handle*) = nullptr;
  Status (*preference_set)(Handle, Preference, const void*, size_t) = nullptr;
  Status (*preference_destroy)(Handle) = nullptr;
  Status (*heuristic)(Handle, Handle product, Handle a, Handle b, Handle c, Handle d, Handle preference, int wanted,
                      Heuristic* found, int* count) = nullptr;
  Status (*matmul)(Handle, Handle product, const void* alpha, Address a, Handle a_layout, Address b, Handle b_layout,
                   const void* beta, Address c, Handle c_layout, Address d, Handle d_layout, const Algorithm*,
                   Address workspace, size_t workspace_bytes, Handle stream) = nullptr;
};

// Opened once. Throws Error{backend} that says what was looked for.
const Api& api();
std::string text_of(Status status);

}  // namespace tandem::cuda::cublaslt
