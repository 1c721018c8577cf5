#include "runtime/cuda/cudnn.h"

#include "ir/error.h"
#include "runtime/dylib.h"

namespace tandem::cuda::cudnn {

namespace {

struct Loaded {
  Api made;
  std::string problem;

  Loaded() {
    Dylib library("TANDEM_CUDNN", library_candidates({"libcudnn.so.9"}, {"nvidia/cudnn/lib/libcudnn.so.9"}));
    const bool complete = library && library.bind(made.version, "cudnnGetVersion") &&
                          library.bind(made.create, "cudnnCreate") && library.bind(made.set_stream, "cudnnSetStream") &&
                          library.bind(made.status_text, "cudnnGetErrorString") &&
                          library.bind(made.tensor_create, "cudnnCreateTensorDescriptor") &&
                          library.bind(made.tensor_set, "cudnnSetTensorNdDescriptor") &&
                          library.bind(made.tensor_destroy, "cudnnDestroyTensorDescriptor") &&
                          library.bind(made.filter_create, "cudnnCreateFilterDescriptor") &&
                          library.bind(made.filter_set, "cudnnSetFilterNdDescriptor") &&
                          library.bind(made.filter_destroy, "cudnnDestroyFilterDescriptor") &&
                          library.bind(made.convolution_create, "cudnnCreateConvolutionDescriptor") &&
                          library.bind(made.convolution_set, "cudnnSetConvolutionNdDescriptor") &&
                          library.bind(made.convolution_groups, "cudnnSetConvolutionGroupCount") &&
                          library.bind(made.convolution_math, "cudnnSetConvolutionMathType") &&
                          library.bind(made.convolution_destroy, "cudnnDestroyConvolutionDescriptor") &&
                          library.bind(made.choose_result, "cudnnGetConvolutionForwardAlgorithm_v7") &&
                          library.bind(made.choose_source, "cudnnGetConvolutionBackwardDataAlgorithm_v7") &&
                          library.bind(made.choose_weights, "cudnnGetConvolutionBackwardFilterAlgorithm_v7") &&
                          library.bind(made.result, "cudnnConvolutionForward") &&
                          library.bind(made.source, "cudnnConvolutionBackwardData") &&
                          library.bind(made.weights, "cudnnConvolutionBackwardFilter");
    if (!complete) problem = library.reason();
  }
};

const Loaded& loaded() {
  static const auto* once = new Loaded;
  return *once;
}

}  // namespace

const Api* api() { return loaded().problem.empty() ? &loaded().made : nullptr; }

std::string version() {
  if (!api()) return loaded().problem;
  const size_t number = api()->version();
  return fmt::format("{}.{}.{}", number / 10'000, number % 10'000 / 100, number % 100);
}

}  // namespace tandem::cuda::cudnn
