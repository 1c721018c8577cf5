// Modules that are shared libraries of the host: what the stub of NVRTC makes of the text of a kernel.
#pragma once
#include <dlfcn.h>
#include <elf.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace tandem::stub {

struct Kernel {
  const char* (*launch)(const unsigned* grid, const unsigned* block, unsigned shared, const void* args,
                        int backwards) = nullptr;
  int64_t words = 0;
};

struct Emulated {
  void* library = nullptr;
};

// Whether the image is such a library. It is as long as its table of sections says, which comes last.
inline bool load(Emulated& made, const void* image) {
  const auto* header = static_cast<const Elf64_Ehdr*>(image);
  if (std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_type != ET_DYN) return false;
  const size_t bytes = header->e_shoff + size_t{header->e_shentsize} * header->e_shnum;
  // A name of its own: the loader takes a library of the same name for the same one.
  char name[] = "/tmp/tandem-stub-XXXXXX";
  const int file = mkstemp(name);
  if (file < 0) return false;
  const bool written = write(file, image, bytes) == static_cast<ssize_t>(bytes);
  close(file);
  if (written) made.library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  unlink(name);
  return made.library != nullptr;
}

inline bool find(const Emulated& module, const char*, Kernel& kernel) {
  kernel.launch = reinterpret_cast<decltype(kernel.launch)>(dlsym(module.library, "tandem_launch"));
  const auto* words = static_cast<const int64_t*>(dlsym(module.library, "tandem_words"));
  if (!kernel.launch || !words) return false;
  kernel.words = *words;
  return true;
}

inline int run(const Kernel& kernel, uint64_t* words, const unsigned* grid, const unsigned* block, unsigned shared) {
  const char* problem = kernel.launch(grid, block, shared, words, 0);
  if (problem) std::fprintf(stderr, "the emulation of a kernel: %s\n", problem);
  return problem ? 700 : 0;
}

}  // namespace tandem::stub
