// GPU architectures, by compute capability: 90 is sm_90.
#pragma once
#include <string>

namespace tandem::cuda {

inline constexpr int kDefaultArch = 90;  // of texts where there is no GPU to ask

inline std::string arch_name(int arch) { return "sm_" + std::to_string(arch); }

}  // namespace tandem::cuda
