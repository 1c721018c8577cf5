// What packs (runtime/pack.h) hold for GPUs: cubins, each for the GPUs of one generation.
#pragma once
#include <string>
#include <string_view>

namespace tandem::cuda {

// The first architecture of each generation; newest first.
inline constexpr int kPackArchs[] = {100, 90, 80};

// The cubin of a text that a GPU of that architecture runs; empty when there is none. Needs no NVRTC.
std::string_view find_in_pack(const std::string& text, int arch);
// Compiles a text into the cache folder, from which a pack is made. False: this NVRTC does not know the architecture.
// Throws Error{backend} without NVRTC.
bool compile_for_pack(const std::string& text, int arch);

}  // namespace tandem::cuda
