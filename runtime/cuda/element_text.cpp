#include "runtime/cuda/element_text.h"

#include <fmt/format.h>

namespace tandem::cuda {

const char* const kReportText = R"(
__device__ __noinline__ void report_index(i64 value, i64* status) {
  if (status != nullptr && atomicCAS((u64*)status, 0ull, 1ull) == 0) status[1] = value;
}
)";

std::string bits_text(DType dtype) { return fmt::format("typedef u{} bits;\n", 8 * size_of(dtype)); }

std::string element_text(DType dtype) {
  const DTypeInfo& row = info(dtype);
  const bool half = dtype == DType::f16, brain = dtype == DType::bf16;
  const char kind = row.kind == Kind::floating ? 'f' : row.is_signed ? 'i' : 'u';
  const std::string name = brain ? "bf16" : fmt::format("{}{}", kind, 8 * row.size);
  const std::string wide = half || brain ? "f32" : name;
  const char* const widened = half ? "half_to_float(x)" : brain ? "bfloat_to_float(x)" : "x";
  const char* const narrowed = half ? "float_to_half(x)" : brain ? "float_to_bfloat(x)" : "(element)x";
  return fmt::format(
      "typedef {} element;\ntypedef {} wide;\n__device__ __forceinline__ wide widened(element x) {{ return {}; }}\n"
      "__device__ __forceinline__ element narrowed(wide x) {{ return {}; }}\n",
      name, wide, widened, narrowed);
}

}  // namespace tandem::cuda
