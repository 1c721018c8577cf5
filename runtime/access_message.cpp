#include "runtime/access_message.h"

#include <fmt/format.h>

#include <cstdlib>
#include <string_view>

namespace tandem {

std::string access_message(const KernelCode& kernel, size_t access, int64_t index, std::span<const int64_t> dims) {
  std::string_view pattern = "{kernel}: got index {}; need one within the axis";
  if (access < kernel.access_messages.size() && !kernel.access_messages[access].empty())
    pattern = kernel.access_messages[access];
  std::string message;
  while (!pattern.empty()) {
    const size_t open = pattern.find('{'), close = pattern.find('}', open);
    message += pattern.substr(0, open);
    if (close == std::string_view::npos) break;
    const std::string_view name = pattern.substr(open + 1, close - open - 1);
    pattern.remove_prefix(close + 1);
    if (name.empty()) {
      message += fmt::to_string(index);
    } else if (name == "kernel") {
      message += kernel.name;
    } else {
      const auto dim = static_cast<size_t>(std::strtoll(name.data() + 1, nullptr, 10));
      message += dim < dims.size() ? fmt::to_string(dims[dim]) : std::string(name);
    }
  }
  return message.find(" (at ") == std::string::npos ? message + line_of(kernel) : message;
}

std::string line_of(const StepOrigin& origin) {
  for (const SourceLoc& source : origin.sources)
    if (source.known()) return fmt::format(" (at {}:{})", source.file, source.line);
  return "";
}

}  // namespace tandem
