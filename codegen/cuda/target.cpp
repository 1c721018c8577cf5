#include "codegen/cuda/target.h"

#include <charconv>

#include "ir/error.h"

namespace tandem::cuda {

int arch_named(std::string_view name) {
  const std::string_view digits = name.starts_with("sm_") ? name.substr(3) : name;
  int arch = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), arch);
  if (problem != std::errc() || end != digits.data() + digits.size() || arch < 50)
    throw_error(ErrorKind::value, "cuda: got the architecture '{}'; need one such as sm_90", name);
  return arch;
}

}  // namespace tandem::cuda
