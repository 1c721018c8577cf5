#include "runtime/dylib.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>
#include <vector>

namespace tandem {

Dylib::Dylib(const char* variable, std::initializer_list<const char*> names) {
  const char* chosen = std::getenv(variable);
  const std::vector<std::string> candidates =
      chosen && *chosen ? std::vector<std::string>{chosen} : std::vector<std::string>(names.begin(), names.end());
  std::string tried;
  for (const std::string& candidate : candidates) {
    handle_ = ::dlopen(candidate.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_) {
      name_ = candidate;
      return;
    }
    const char* error = ::dlerror();
    tried += fmt::format("{}{}", tried.empty() ? "" : "; ", error ? error : candidate.c_str());
  }
  reason_ = fmt::format("no library could be loaded ({}); install one, or set {} to its path", tried, variable);
}

void* Dylib::find(const char* function) {
  void* address = handle_ ? ::dlsym(handle_, function) : nullptr;
  if (handle_ && !address) reason_ = fmt::format("{} has no function {}", name_, function);
  return address;
}

}  // namespace tandem
