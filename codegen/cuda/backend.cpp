#include "codegen/cuda/backend.h"

#include "ir/error.h"

namespace tandem::cuda {

std::string text(const Kernel& kernel, std::string_view stage, int arch) {
  if (stage == "cuda") return emit(kernel).text();
  if (stage == "ptx") return ptx_text(kernel, arch);
  throw_error(ErrorKind::value, "ir: got stage '{}'; the CUDA back end has 'cuda' and 'ptx'", stage);
}

}  // namespace tandem::cuda
