// Convolution (correlation, as everywhere in neural networks) along one to three axes, and its two transposes. Eager and
// compiled code call the same routines, so they get the same bits.
#pragma once
#include <cstdint>

#include "ir/dtype.h"
#include "runtime/gemm.h"
#include "runtime/storage.h"

namespace tandem {

inline constexpr int kMostWindowAxes = 3;

// Along one axis: place i of the result sees source elements i * stride - before + j * dilation for j below kernel, and
// zeros outside of the source.
struct Window {
  int64_t size = 1, kernel = 1, result = 1, stride = 1, dilation = 1, before = 0;
  int64_t span() const { return dilation * (kernel - 1) + 1; }
  // Zeros that are seen behind the source; negative when its end is not seen.
  int64_t after() const { return (result - 1) * stride + span() - size - before; }
};

// Which of the three is computed from the other two.
enum class ConvolutionOf : uint8_t { result, source, weights };

// source [batch, groups * in, size ...], weights [groups * out, in, kernel ...], result [batch, groups * out,
// result ...], all of one dtype, contiguous. The sum that gives one element of the computed one runs over all pairs of
// the other two that meet in it.
struct ConvolutionArgs {
  ConvolutionOf computed;
  DType dtype;
  int64_t batch, groups, in, out;  // channels are those of one group
  int axes;
  Window window[kMostWindowAxes];
  void *source, *weights, *result;
  const void* bias;                   // per channel of what is computed, or null; not for weights
  Storage* weights_memory = nullptr;  // RoutineArray::memory of the weights

  int64_t places() const;       // of the kernel
  int64_t source_size() const;  // elements of one channel
  int64_t result_size() const;
  double steps() const;  // multiply-adds
};

// What a routine whose parameters begin with stride, dilation, before and groups is asked for; without bias.
struct RoutineArgs;
struct RoutineArray;
ConvolutionArgs convolution_of(const RoutineArgs& call, const RoutineArray& source, const RoutineArray& weights,
                               const RoutineArray& result);

// Groups of few channels, and the result in float32 of one group, are computed by our own loops (one or two axes); what else there is in float32 and
// bfloat16 by oneDNN where there is one and the problem is worth a call; everything else through columns and our own
// product (gemm.h). Results do not depend on the number of threads.
void convolve(const ConvolutionArgs& args);

// Result in float32 of one group along one or two axes, with the bits of columns. False where there is no loop for it.
bool convolve_direct(const ConvolutionArgs& args, Isa isa = best_isa());

// Many groups of few channels, in float32 and float64, along one or two axes: the result with strides up to two, and the
// gradients with strides of one. False where there is no loop for it.
bool convolve_depthwise(const ConvolutionArgs& args, Isa isa = best_isa());

// By columns: the elements each place of the window sees, some places of the result at a time, times a matrix of
// weights. The memory of a thread's columns is bounded. 16-bit floats are summed in f32 and rounded once.
void convolve_columns(const ConvolutionArgs& args);

// Adds bias[c] to every element of channel c.
void add_bias(DType dtype, void* data, int64_t channels, int64_t channel_size, const void* bias);

// False when oneDNN is missing or has no fast kernel; the computed array is then undefined.
bool dnnl_convolve(const ConvolutionArgs& args);

}  // namespace tandem
