// Finds and loads NVRTC, NVIDIA's compiler as a library. Nothing is loaded before the first compilation. Looked for are
// $TANDEM_NVRTC, the Python package nvidia-cuda-nvrtc, and what the system's loader finds.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace tandem::cuda {

std::string module_problem();            // "" where NVRTC can be loaded, else what was looked for and what to do
std::string module_version();            // "13.0"; this and the next throw Error{backend} without NVRTC
const std::vector<int>& module_archs();  // which it knows, ascending
const std::string& module_file();

// A cubin for arch, or PTX text. Throws Error{compile} with the log and the source, Error{backend} where NVRTC lacks a part.
std::string nvrtc_compile(std::string_view text, int arch, bool ptx);

}  // namespace tandem::cuda
