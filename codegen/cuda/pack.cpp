#include "codegen/cuda/pack.h"

#include <algorithm>

#include "codegen/cuda/compile.h"
#include "codegen/cuda/module.h"
#include "runtime/cache.h"
#include "runtime/pack.h"

namespace tandem::cuda {

namespace {

// Whichever NVRTC made it: where one is looked for, there may be none to ask.
CacheKey key_of(const std::string& text, int arch) {
  std::string all = fmt::format("cuda {} in a pack", arch);
  for (const char* option : kCompileOptions) all += fmt::format(" {}", option);
  return hash128(all + "\n" + text);
}

}  // namespace

std::string_view find_in_pack(const std::string& text, int arch) {
  for (const int known : kPackArchs) {
    if (!runs_on({known, false}, arch)) continue;
    if (const std::string_view code = pack_find(key_of(text, known)); !code.empty()) return code;
  }
  return {};
}

bool compile_for_pack(const std::string& text, int arch) {
  const std::vector<int>& known = module_archs();
  if (std::find(known.begin(), known.end(), arch) == known.end()) return false;
  const CacheKey key = key_of(text, arch);
  if (!cache_read(key)) cache_write(key, nvrtc_compile(text, arch, false));
  return true;
}

}  // namespace tandem::cuda
