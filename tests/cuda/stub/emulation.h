// Modules that are shared libraries of the host: the text of a kernel, compiled by the host's compiler.
#pragma once
#include <cstdint>

namespace tandem::stub {

struct Emulated {
  void* library = nullptr;
};

struct Kernel {
  void* function = nullptr;
  int64_t words = 0;
};

// Whether the image is such a library.
inline bool load(Emulated&, const void*) { return false; }
inline bool find(const Emulated&, const char*, Kernel&) { return false; }
inline int run(const Kernel&, uint64_t*, const unsigned*, const unsigned*, unsigned) { return 1; }

}  // namespace tandem::stub
