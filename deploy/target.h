// Which of the code in a file runs here.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "ir/op.h"

namespace tandem::deploy {

inline constexpr std::string_view kInterpreter = "interpreter";

struct Target {
  std::string name;    // "x86-64-v4", "sm_90", or "interpreter"
  Device device = {};  // where it runs
};

// `wanted`: "" for the best that the CPU runs, or the interpreter if there is none; "cuda" or "cuda:1" for the best that
// this GPU runs; or a name. Throws Error{backend} that says what there is and what would do.
Target choose_target(const std::string& wanted, const std::vector<std::string>& there);

}  // namespace tandem::deploy
