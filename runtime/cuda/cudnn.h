// The interface of cuDNN 9 as far as it is used, declared here so that its header is not needed. Numbers are those of its
// enumerations.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "runtime/cuda/driver.h"

namespace tandem::cuda::cudnn {

using Status = int;  // 0: success

enum class Type : int { f32 = 0, f64 = 1, f16 = 2, bf16 = 9 };
enum class Math : int { fma = 3, any = 0 };  // CUDNN_FMA_MATH: full float32; CUDNN_DEFAULT_MATH: tensor cores
inline constexpr int kRowMajor = 0;          // CUDNN_TENSOR_NCHW
inline constexpr int kCorrelation = 1;       // CUDNN_CROSS_CORRELATION
inline constexpr int kDeterministic = 1;     // of Algorithm::determinism

// cudnnConvolutionFwdAlgoPerf_t and its like for gradients, which differ in the meaning of `number`.
struct Algorithm {
  int number;
  Status status;
  float time;
  int gap;
  size_t workspace;
  int determinism;
  Math math;
  int reserved[4];  // the last one is a gap, too
};
static_assert(sizeof(Algorithm) == 48);

struct Api {
  size_t (*version)() = nullptr;
  Status (*create)(Handle*) = nullptr;
  Status (*set_stream)(Handle, Handle stream) = nullptr;
  const char* (*status_text)(Status) = nullptr;
  Status (*tensor_create)(Handle*) = nullptr;
  Status (*tensor_set)(Handle, Type, int rank, const int* sizes, const int* strides) = nullptr;
  Status (*tensor_destroy)(Handle) = nullptr;
  Status (*filter_create)(Handle*) = nullptr;
  Status (*filter_set)(Handle, Type, int format, int rank, const int* sizes) = nullptr;
  Status (*filter_destroy)(Handle) = nullptr;
  Status (*convolution_create)(Handle*) = nullptr;
  Status (*convolution_set)(Handle, int axes, const int* before, const int* strides, const int* dilations, int mode,
                            Type compute) = nullptr;
  Status (*convolution_groups)(Handle, int) = nullptr;
  Status (*convolution_math)(Handle, Math) = nullptr;
  Status (*convolution_destroy)(Handle) = nullptr;
  // Descriptors in the order of the call that computes: the two given ones, the convolution, the computed one.
  using Choose = Status(Handle, Handle, Handle, Handle convolution, Handle, int wanted, int* count, Algorithm* found);
  Choose *choose_result = nullptr, *choose_source = nullptr, *choose_weights = nullptr;
  using Compute = Status(Handle, const void* alpha, Handle first, const void* first_data, Handle second,
                         const void* second_data, Handle convolution, int algorithm, void* workspace, size_t bytes,
                         const void* beta, Handle computed, void* data);
  Compute *result = nullptr, *source = nullptr, *weights = nullptr;
};

// Opened once; null where there is none, or none of version 9.
const Api* api();
// What was found, or why it was not.
std::string version();

}  // namespace tandem::cuda::cudnn
