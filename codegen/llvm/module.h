// Finds and loads the LLVM module. Nothing is loaded before the first compilation.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "codegen/llvm/target.h"

namespace tandem::llvm {

// Why there is no LLVM module to load; empty when there is one.
std::string module_problem();
// Text -> object code, or assembly. Throws Error{compile}.
std::string compile_text(std::string_view text, const Target& target, bool as_assembly);
std::string compile_texts(std::span<const std::string_view> texts, const Target& target, bool as_assembly);

}  // namespace tandem::llvm
