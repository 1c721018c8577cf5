// cuDNN for tests: convolutions on the memory of the stub driver, in the order of its stream.
#include <algorithm>
#include <array>
#include <deque>
#include <mutex>
#include <vector>

#include "tests/cuda/stub/library.h"

using namespace stub;

namespace {

constexpr int kBadParameter = 2000, kNotSupported = 3000;
constexpr int kHalf = 2, kBrainFloat = 9;  // of cudnnDataType_t, in which the others are those of cudaDataType

struct Tensor {
  int type = 0, rank = 0;
  std::array<int, 5> sizes{};
  int64_t inner() const {  // elements of a channel
    int64_t count = 1;
    for (int k = 2; k < rank; ++k) count *= sizes[static_cast<size_t>(k)];
    return count;
  }
};
struct Convolution {
  int axes = 0, groups = 1, math = 0;
  std::array<int, 3> before{}, strides{}, dilations{};
};
enum Computed { kResult, kSource, kWeights };
struct Work {
  Computed computed;
  Convolution how;
  Tensor source, weights, result;
  char *source_data, *weights_data, *result_data;
};

int number_type(int type) { return type == kBrainFloat ? kBF16 : type; }

// Place `index` of the axes of a tensor, the last one fastest.
std::array<int64_t, 3> places(const Tensor& tensor, int64_t index) {
  std::array<int64_t, 3> at{};
  for (int k = tensor.rank - 2; k-- > 0;) {
    const int64_t size = tensor.sizes[static_cast<size_t>(k) + 2];
    at[static_cast<size_t>(k)] = index % size;
    index /= size;
  }
  return at;
}

// The element of a source channel that place `k` of the kernel sees from place `r` of the result, or -1.
int64_t seen(const Work& work, int64_t r, int64_t k) {
  const auto from = places(work.result, r), kernel = places(work.weights, k);
  int64_t at = 0;
  for (size_t axis = 0; axis < static_cast<size_t>(work.how.axes); ++axis) {
    const int64_t place =
        from[axis] * work.how.strides[axis] - work.how.before[axis] + kernel[axis] * work.how.dilations[axis];
    const int64_t size = work.source.sizes[axis + 2];
    if (place < 0 || place >= size) return -1;
    at = at * size + place;
  }
  return at;
}

void run(void* context) {
  const Work& work = *static_cast<const Work*>(context);
  const Tensor& computed = work.computed == kResult   ? work.result
                           : work.computed == kSource ? work.source
                                                      : work.weights;
  char* const data = work.computed == kResult   ? work.result_data
                     : work.computed == kSource ? work.source_data
                                                : work.weights_data;
  const int type = number_type(computed.type);
  const int64_t out = work.weights.sizes[0], in = work.weights.sizes[1], groups = work.how.groups;
  std::vector<double> sums(static_cast<size_t>(computed.sizes[0]) * static_cast<size_t>(computed.sizes[1]) *
                           static_cast<size_t>(computed.inner()));
  for (int64_t n = 0; n < work.source.sizes[0]; ++n)
    for (int64_t o = 0; o < out; ++o)
      for (int64_t i = 0; i < in; ++i)
        for (int64_t r = 0; r < work.result.inner(); ++r)
          for (int64_t k = 0; k < work.weights.inner(); ++k) {
            const int64_t s = seen(work, r, k), channel = o / (out / groups) * in + i;
            if (s < 0) continue;
            const int64_t at_source = (n * groups * in + channel) * work.source.inner() + s,
                          at_weights = (o * in + i) * work.weights.inner() + k,
                          at_result = (n * out + o) * work.result.inner() + r;
            const auto value = [&](const char* from, int64_t at) { return get(from, type, at).real(); };
            if (work.computed == kResult)
              sums[static_cast<size_t>(at_result)] +=
                  value(work.source_data, at_source) * value(work.weights_data, at_weights);
            else if (work.computed == kSource)
              sums[static_cast<size_t>(at_source)] +=
                  value(work.result_data, at_result) * value(work.weights_data, at_weights);
            else
              sums[static_cast<size_t>(at_weights)] +=
                  value(work.result_data, at_result) * value(work.source_data, at_source);
          }
  for (size_t k = 0; k < sums.size(); ++k) set(data, type, static_cast<int64_t>(k), sums[k]);
}

struct Algorithm {
  int number, status;
  float time;
  size_t workspace;
  int determinism, math, reserved[3];
};

// The first one is quick and not deterministic, as may be.
int choose(void* convolution, int wanted, int* count, Algorithm* found) {
  if (wanted < 2) return kBadParameter;
  const int math = static_cast<Convolution*>(convolution)->math;
  found[0] = {0, 0, 1.0F, 0, 0, math, {}};
  found[1] = {1, 0, 2.0F, 4096, 1, math, {}};
  *count = 2;
  return 0;
}

void* stream_in_use = nullptr;
bool refuses = false;

int compute(Computed computed, void* convolution, const Tensor& source, uint64_t source_data, const Tensor& weights,
            uint64_t weights_data, const Tensor& result, uint64_t result_data, int algorithm, uint64_t workspace,
            size_t bytes) {
  if (refuses || algorithm != 1 || bytes != 4096 || workspace == 0) return kNotSupported;
  // They stay: a graph runs them again and again.
  static std::deque<Work> all;
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  all.push_back({computed, *static_cast<Convolution*>(convolution), source, weights, result, shadow(source_data),
                 shadow(weights_data), shadow(result_data)});
  enqueue(stream_in_use, run, &all.back());
  return 0;
}

int set_tensor(void* handle, int type, int rank, const int* sizes) {
  if (rank < 4 || rank > 5) return kBadParameter;
  auto& tensor = *static_cast<Tensor*>(handle);
  tensor.type = type;
  tensor.rank = rank;
  std::copy_n(sizes, rank, tensor.sizes.begin());
  return 0;
}

template <class T>
int create(void** made) {
  *made = new T();
  return 0;
}
template <class T>
int destroy(void* made) {
  delete static_cast<T*>(made);
  return 0;
}

const Tensor& tensor_of(void* handle) { return *static_cast<const Tensor*>(handle); }

}  // namespace

EXPORT void stub_refuse(int refuse) { refuses = refuse != 0; }  // from now on, every convolution
EXPORT size_t cudnnGetVersion() { return 91'900; }
EXPORT int cudnnCreate(void** handle) { return create<int>(handle); }
EXPORT int cudnnSetStream(void*, void* stream) {
  stream_in_use = stream;
  return 0;
}
EXPORT const char* cudnnGetErrorString(int status) {
  return status == kNotSupported ? "CUDNN_STATUS_NOT_SUPPORTED" : "CUDNN_STATUS_BAD_PARAM";
}
EXPORT int cudnnCreateTensorDescriptor(void** made) { return create<Tensor>(made); }
EXPORT int cudnnSetTensorNdDescriptor(void* handle, int type, int rank, const int* sizes, const int* strides) {
  int stride = 1;
  for (int k = rank; k-- > 0; stride *= sizes[k])
    if (strides[k] != stride) return kNotSupported;
  return set_tensor(handle, type, rank, sizes);
}
EXPORT int cudnnDestroyTensorDescriptor(void* handle) { return destroy<Tensor>(handle); }
EXPORT int cudnnCreateFilterDescriptor(void** made) { return create<Tensor>(made); }
EXPORT int cudnnSetFilterNdDescriptor(void* handle, int type, int format, int rank, const int* sizes) {
  return format != 0 ? kNotSupported : set_tensor(handle, type, rank, sizes);
}
EXPORT int cudnnDestroyFilterDescriptor(void* handle) { return destroy<Tensor>(handle); }
EXPORT int cudnnCreateConvolutionDescriptor(void** made) { return create<Convolution>(made); }
EXPORT int cudnnSetConvolutionNdDescriptor(void* handle, int axes, const int* before, const int* strides,
                                           const int* dilations, int mode, int) {
  if (axes < 2 || axes > 3 || mode != 1) return kBadParameter;
  auto& how = *static_cast<Convolution*>(handle);
  how.axes = axes;
  std::copy_n(before, axes, how.before.begin());
  std::copy_n(strides, axes, how.strides.begin());
  std::copy_n(dilations, axes, how.dilations.begin());
  return 0;
}
EXPORT int cudnnSetConvolutionGroupCount(void* handle, int groups) {
  static_cast<Convolution*>(handle)->groups = groups;
  return 0;
}
EXPORT int cudnnSetConvolutionMathType(void* handle, int math) {
  static_cast<Convolution*>(handle)->math = math;
  return 0;
}
EXPORT int cudnnDestroyConvolutionDescriptor(void* handle) { return destroy<Convolution>(handle); }
EXPORT int cudnnGetConvolutionForwardAlgorithm_v7(void*, void*, void*, void* convolution, void*, int wanted, int* count,
                                                  Algorithm* found) {
  return choose(convolution, wanted, count, found);
}
EXPORT int cudnnGetConvolutionBackwardDataAlgorithm_v7(void*, void*, void*, void* convolution, void*, int wanted,
                                                       int* count, Algorithm* found) {
  return choose(convolution, wanted, count, found);
}
EXPORT int cudnnGetConvolutionBackwardFilterAlgorithm_v7(void*, void*, void*, void* convolution, void*, int wanted,
                                                         int* count, Algorithm* found) {
  return choose(convolution, wanted, count, found);
}
EXPORT int cudnnConvolutionForward(void*, const void*, void* source, uint64_t source_data, void* weights,
                                   uint64_t weights_data, void* how, int algorithm, uint64_t workspace, size_t bytes,
                                   const void*, void* result, uint64_t result_data) {
  return compute(kResult, how, tensor_of(source), source_data, tensor_of(weights), weights_data, tensor_of(result),
                 result_data, algorithm, workspace, bytes);
}
EXPORT int cudnnConvolutionBackwardData(void*, const void*, void* weights, uint64_t weights_data, void* result,
                                        uint64_t result_data, void* how, int algorithm, uint64_t workspace,
                                        size_t bytes, const void*, void* source, uint64_t source_data) {
  return compute(kSource, how, tensor_of(source), source_data, tensor_of(weights), weights_data, tensor_of(result),
                 result_data, algorithm, workspace, bytes);
}
EXPORT int cudnnConvolutionBackwardFilter(void*, const void*, void* source, uint64_t source_data, void* result,
                                          uint64_t result_data, void* how, int algorithm, uint64_t workspace,
                                          size_t bytes, const void*, void* weights, uint64_t weights_data) {
  return compute(kWeights, how, tensor_of(source), source_data, tensor_of(weights), weights_data, tensor_of(result),
                 result_data, algorithm, workspace, bytes);
}
