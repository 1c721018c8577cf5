#include "frontend/autocast.h"

#include <algorithm>
#include <array>

#include "frontend/recorder.h"

namespace tandem {

namespace {

// As in PyTorch: what a 16-bit unit does best, and what adds up many numbers or grows fast.
constexpr std::array<std::string_view, 3> kLow{"convolution", "linear", "matmul"};
constexpr std::array<std::string_view, 41> kFull{
    "acos",       "asin",    "cholesky",   "complex", "cosh", "cumprod",     "cumsum",    "det",     "eig",
    "eigh",       "eigvals", "eigvalsh",   "erfinv",  "exp",  "exp2",        "expm1",     "fourier", "inv",
    "layer_norm", "log",     "log10",      "log1p",   "log2", "log_softmax", "logsumexp", "mean",    "pow",
    "prod",       "qr",      "reciprocal", "rsqrt",   "sinh", "slogdet",     "softmax",   "solve",   "std",
    "sum",        "svd",     "svdvals",    "tan",     "var"};

bool has(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

thread_local std::optional<DType> Autocast::wanted;

std::vector<TensorRef> autocast_inputs(const OpDef& op, std::span<const TensorRef> inputs, DType low) {
  const bool to_low = has(kLow, op.name);
  if (!to_low && !has(kFull, op.name)) return {};
  const DType wanted = to_low ? low : DType::f32;
  const auto differs = [&](const TensorRef& x) {
    return is_floating(x->dtype) && x->dtype != DType::f64 && x->dtype != wanted && !(x->recorded && x->recorded->weak);
  };
  if (std::none_of(inputs.begin(), inputs.end(), differs)) return {};
  std::vector<TensorRef> out(inputs.begin(), inputs.end());
  for (TensorRef& x : out)
    if (differs(x)) x = call("cast", {x}, {wanted});
  return out;
}

std::span<const std::string_view> autocast_names(bool low) {
  if (low) return kLow;
  return kFull;
}

}  // namespace tandem
