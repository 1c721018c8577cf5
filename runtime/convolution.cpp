// The routines of the rows of convolution (ir/ops_convolution.cpp).
#include "runtime/convolution.h"

#include <algorithm>
#include <cstring>

#include "ir/error.h"
#include "runtime/routine.h"

namespace tandem {

namespace {

// Below this many multiply-adds the library's call overhead exceeds the work.
constexpr double kWorthACall = 32768;

int64_t computed_bytes(const ConvolutionArgs& args) {
  const int64_t channels = args.computed == ConvolutionOf::source ? args.groups * args.in : args.groups * args.out;
  const int64_t elements = args.computed == ConvolutionOf::result   ? args.batch * args.result_size()
                           : args.computed == ConvolutionOf::source ? args.batch * args.source_size()
                                                                    : args.in * args.places();
  return channels * elements * size_of(args.dtype);
}

void* computed_data(const ConvolutionArgs& args) {
  switch (args.computed) {
    case ConvolutionOf::result: return args.result;
    case ConvolutionOf::source: return args.source;
    case ConvolutionOf::weights: return args.weights;
  }
  return nullptr;
}

template <class T>
void add_bias_as(void* data, int64_t channels, int64_t size, const void* bias) {
  for (int64_t c = 0; c < channels; ++c) {
    const T each = static_cast<const T*>(bias)[c];
    T* channel = static_cast<T*>(data) + c * size;
    for (int64_t i = 0; i < size; ++i) channel[i] = static_cast<T>(channel[i] + each);
  }
}

template <float (*Widen)(uint16_t), uint16_t (*Round)(float)>
void add_half_bias(void* data, int64_t channels, int64_t size, const void* bias) {
  for (int64_t c = 0; c < channels; ++c) {
    const float each = Widen(static_cast<const uint16_t*>(bias)[c]);
    uint16_t* channel = static_cast<uint16_t*>(data) + c * size;
    for (int64_t i = 0; i < size; ++i) channel[i] = Round(Widen(channel[i]) + each);
  }
}

// What the parameters of all three rows begin with: stride, dilation, before (a list of numbers per axis each), groups.
struct Parameters {
  std::span<const int64_t> stride, dilation, before, last;
  int64_t groups;
};

Parameters parameters_of(const RoutineArgs& args) {
  std::span<const int64_t> rest = args.params;
  const auto list = [&] {
    const auto length = static_cast<size_t>(rest[0]);
    const std::span<const int64_t> out = rest.subspan(1, length);
    rest = rest.subspan(1 + length);
    return out;
  };
  Parameters out;
  out.stride = list();
  out.dilation = list();
  out.before = list();
  out.groups = rest[0];
  rest = rest.subspan(1);
  out.last = list();
  return out;
}

void run(ConvolutionOf computed, const RoutineArgs& call, const RoutineArray& source, const RoutineArray& weights,
         const RoutineArray& result, const void* bias) {
  ConvolutionArgs args = convolution_of(call, source, weights, result);
  args.computed = computed;
  args.bias = bias;
  convolve(args);
}

void run_convolution(const RoutineArgs& args) {
  run(ConvolutionOf::result, args, args.inputs[0], args.inputs[1], args.out,
      args.inputs.size() > 2 ? args.inputs[2].data : nullptr);
}
void run_source(const RoutineArgs& args) {
  run(ConvolutionOf::source, args, args.out, args.inputs[1], args.inputs[0],
      args.inputs.size() > 2 ? args.inputs[2].data : nullptr);
}
void run_weights(const RoutineArgs& args) {
  run(ConvolutionOf::weights, args, args.inputs[0], args.out, args.inputs[1], nullptr);
}

constexpr Routine kRoutines[] = {
    {"convolution", run_convolution}, {"convolution_source", run_source}, {"convolution_weights", run_weights}};

}  // namespace

ConvolutionArgs convolution_of(const RoutineArgs& call, const RoutineArray& source, const RoutineArray& weights,
                               const RoutineArray& result) {
  const Parameters p = parameters_of(call);
  ConvolutionArgs args{.computed = ConvolutionOf::result,
                       .dtype = call.out.dtype,
                       .batch = source.shape[0],
                       .groups = p.groups,
                       .in = source.shape[1] / p.groups,
                       .out = result.shape[1] / p.groups,
                       .axes = static_cast<int>(p.stride.size()),
                       .window = {},
                       .source = source.data,
                       .weights = weights.data,
                       .result = result.data,
                       .bias = nullptr,
                       .weights_memory = weights.memory};
  for (size_t i = 0; i < p.stride.size(); ++i)
    args.window[i] = {source.shape[2 + i], weights.shape[2 + i], result.shape[2 + i],
                      p.stride[i],         p.dilation[i],        p.before[i]};
  return args;
}

int64_t ConvolutionArgs::places() const {
  int64_t out = 1;
  for (int i = 0; i < axes; ++i) out *= window[i].kernel;
  return out;
}
int64_t ConvolutionArgs::source_size() const {
  int64_t out = 1;
  for (int i = 0; i < axes; ++i) out *= window[i].size;
  return out;
}
int64_t ConvolutionArgs::result_size() const {
  int64_t out = 1;
  for (int i = 0; i < axes; ++i) out *= window[i].result;
  return out;
}
double ConvolutionArgs::steps() const {
  return static_cast<double>(batch * groups) * static_cast<double>(in * out) *
         static_cast<double>(places() * result_size());
}

void add_bias(DType dtype, void* data, int64_t channels, int64_t channel_size, const void* bias) {
  switch (dtype) {
    case DType::f16: return add_half_bias<half_to_float, float_to_half>(data, channels, channel_size, bias);
    case DType::bf16: return add_half_bias<bfloat_to_float, float_to_bfloat>(data, channels, channel_size, bias);
    case DType::f32: return add_bias_as<float>(data, channels, channel_size, bias);
    case DType::f64: return add_bias_as<double>(data, channels, channel_size, bias);
    default: break;
  }
  switch (size_of(dtype)) {  // integers wrap
    case 1: return add_bias_as<uint8_t>(data, channels, channel_size, bias);
    case 2: return add_bias_as<uint16_t>(data, channels, channel_size, bias);
    case 4: return add_bias_as<uint32_t>(data, channels, channel_size, bias);
    default: return add_bias_as<uint64_t>(data, channels, channel_size, bias);
  }
}

void convolve(const ConvolutionArgs& args) {
  const int64_t bytes = computed_bytes(args);
  if (bytes == 0) return;
  const double steps = args.steps();
  if (steps > 0 && convolve_depthwise(args)) return;
  if (steps >= kWorthACall && (convolve_direct(args) || dnnl_convolve(args))) return;
  if (steps > 0) return convolve_columns(args);
  std::memset(computed_data(args), 0, static_cast<size_t>(bytes));
  if (!args.bias) return;
  const bool source = args.computed == ConvolutionOf::source;
  const int64_t channels = args.groups * (source ? args.in : args.out);
  const int64_t size = source ? args.source_size() : args.result_size();
  for (int64_t n = 0; n < args.batch; ++n)
    add_bias(args.dtype, static_cast<char*>(computed_data(args)) + n * channels * size * size_of(args.dtype), channels,
             size, args.bias);
}

std::span<const Routine> convolution_routines() { return kRoutines; }

}  // namespace tandem
