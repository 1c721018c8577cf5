// What the text of kernels rests on, in place of CUDA's headers: names of types and a few functions.
#pragma once
#include <string>
#include <string_view>

namespace tandem::cuda {

std::string prelude();                           // all of it
std::string prelude_for(std::string_view text);  // what `text` uses

}  // namespace tandem::cuda
