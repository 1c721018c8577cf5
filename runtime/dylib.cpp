#include "runtime/dylib.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <vector>

namespace tandem {

std::vector<std::string> (*package_folders)() = nullptr;

std::vector<std::string> library_candidates(std::initializer_list<const char*> names,
                                            std::initializer_list<const char*> in_packages) {
  std::vector<std::string> all(names.begin(), names.end());
  if (!package_folders) return all;
  for (const std::string& folder : package_folders())
    for (const char* name : in_packages)
      if (std::string path = folder + "/" + name; ::access(path.c_str(), R_OK) == 0) all.push_back(std::move(path));
  return all;
}

Dylib::Dylib(const char* variable, std::initializer_list<const char*> names)
    : Dylib(variable, std::vector<std::string>(names.begin(), names.end())) {}

Dylib::Dylib(const char* variable, const std::vector<std::string>& names) {
  const char* chosen = std::getenv(variable);
  const std::vector<std::string> candidates = chosen && *chosen ? std::vector<std::string>{chosen} : names;
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
