#include "runtime/cpu.h"

namespace tandem {

std::vector<std::string_view> cpu_levels() {
#if defined(__x86_64__)
  std::vector<std::string_view> levels{"x86-64-v2"};
  if (__builtin_cpu_supports("x86-64-v3")) levels.push_back("x86-64-v3");
  if (__builtin_cpu_supports("x86-64-v4")) levels.push_back("x86-64-v4");
  return levels;
#else
  return {"aarch64"};
#endif
}

}  // namespace tandem
