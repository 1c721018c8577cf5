// What a write through indices does with the element that is there.
#pragma once
#include <cstdint>

namespace tandem {

enum class PutMode : uint8_t { set, add, multiply, maximum, minimum };

constexpr const char* to_text(PutMode mode) {
  switch (mode) {
    case PutMode::set: return "set";
    case PutMode::add: return "add";
    case PutMode::multiply: return "multiply";
    case PutMode::maximum: return "maximum";
    case PutMode::minimum: return "minimum";
  }
  return "";
}

}  // namespace tandem
