#include "runtime/cuda/cublaslt.h"

#include "ir/error.h"
#include "runtime/dylib.h"

namespace tandem::cuda::cublaslt {

namespace {

struct Loaded {
  Api made;
  std::string problem;

  Loaded() {
    Dylib library("TANDEM_CUBLASLT",
                  library_candidates({"libcublasLt.so.13", "libcublasLt.so.12"},
                                     {"nvidia/cu13/lib/libcublasLt.so.13", "nvidia/cublas/lib/libcublasLt.so.12"}));
    const bool complete =
        library && library.bind(made.create, "cublasLtCreate") && library.bind(made.version, "cublasLtGetVersion") &&
        library.bind(made.status_name, "cublasLtGetStatusName") &&
        library.bind(made.product_create, "cublasLtMatmulDescCreate") &&
        library.bind(made.product_set, "cublasLtMatmulDescSetAttribute") &&
        library.bind(made.product_destroy, "cublasLtMatmulDescDestroy") &&
        library.bind(made.layout_create, "cublasLtMatrixLayoutCreate") &&
        library.bind(made.layout_set, "cublasLtMatrixLayoutSetAttribute") &&
        library.bind(made.layout_destroy, "cublasLtMatrixLayoutDestroy") &&
        library.bind(made.preference_create, "cublasLtMatmulPreferenceCreate") &&
        library.bind(made.preference_set, "cublasLtMatmulPreferenceSetAttribute") &&
        library.bind(made.preference_destroy, "cublasLtMatmulPreferenceDestroy") &&
        library.bind(made.heuristic, "cublasLtMatmulAlgoGetHeuristic") && library.bind(made.matmul, "cublasLtMatmul");
    if (!complete)
      problem = fmt::format(
          "matmul: got tensors on a GPU and no cuBLASLt: {}; need the library libcublasLt of CUDA 12 or 13; try pip "
          "install "
          "nvidia-cublas (CUDA 13) or nvidia-cublas-cu12",
          library.reason());
  }
};

const Loaded& loaded() {
  static const auto* once = new Loaded;
  return *once;
}

}  // namespace

const Api& api() {
  if (!loaded().problem.empty()) throw Error(ErrorKind::backend, loaded().problem);
  return loaded().made;
}

std::string text_of(Status status) {
  const char* name = loaded().made.status_name ? loaded().made.status_name(status) : nullptr;
  return name ? name : fmt::format("the status {}", status);
}

}  // namespace tandem::cuda::cublaslt
