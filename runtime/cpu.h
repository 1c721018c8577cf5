// What this machine's processor can run.
#pragma once
#include <string_view>
#include <vector>

namespace tandem {

// The levels of instruction sets that code is made for, as far as they can be run here; lowest first: "x86-64-v2",
// "x86-64-v3", "x86-64-v4", or "aarch64".
std::vector<std::string_view> cpu_levels();

}  // namespace tandem
