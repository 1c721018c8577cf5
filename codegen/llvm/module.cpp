#include "codegen/llvm/module.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <vector>

#include "codegen/llvm/compile.h"
#include "ir/error.h"

namespace tandem::llvm {

namespace {

constexpr const char* kModuleFile = "tandem_llvm.so";

// The folder of the library or program that this code is part of.
std::string own_folder() {
  Dl_info place{};
  if (dladdr(reinterpret_cast<const void*>(&module_problem), &place) == 0 || place.dli_fname == nullptr) return ".";
  const std::string file = place.dli_fname;
  const size_t slash = file.rfind('/');
  return slash == std::string::npos ? "." : file.substr(0, slash);
}

std::string module_file() {
  std::string beside = own_folder() + '/' + kModuleFile;
  const char* named = std::getenv("TANDEM_LLVM_MODULE");
  if (access(beside.c_str(), R_OK) != 0 && named != nullptr && *named != '\0') return named;
  return beside;
}

struct Module {
  decltype(&tandem_llvm_compile) compile = nullptr;
  decltype(&tandem_llvm_free) free = nullptr;

  Module() {
    const std::string file = module_file();
    void* handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) throw_error(ErrorKind::compile, "the LLVM module could not be loaded: {}", dlerror());
    compile = reinterpret_cast<decltype(compile)>(dlsym(handle, "tandem_llvm_compile"));
    free = reinterpret_cast<decltype(free)>(dlsym(handle, "tandem_llvm_free"));
    const auto version = reinterpret_cast<decltype(&tandem_llvm_version)>(dlsym(handle, "tandem_llvm_version"));
    if (compile == nullptr || free == nullptr || version == nullptr)
      throw_error(ErrorKind::compile, "{} is not Tandem's LLVM module; reinstall Tandem", file);
    // Cached objects are filed under the version this library was built with.
    if (std::string_view(version()) != TANDEM_LLVM_VERSION)
      throw_error(ErrorKind::compile, "{} holds LLVM {}, need {}; reinstall Tandem", file, version(),
                  TANDEM_LLVM_VERSION);
  }
};

const Module& module() {
  static const Module loaded;
  return loaded;
}

}  // namespace

std::string module_problem() {
  const std::string file = module_file();
  if (access(file.c_str(), R_OK) == 0) return {};
  return fmt::format("the LLVM module is missing: looked for {} and for what $TANDEM_LLVM_MODULE names",
                     own_folder() + '/' + kModuleFile);
}

std::string compile_text(std::string_view text, const Target& target, bool as_assembly) {
  return compile_texts({&text, 1}, target, as_assembly);
}

std::string compile_texts(std::span<const std::string_view> texts, const Target& target, bool as_assembly) {
  const Module& llvm = module();
  char* out = nullptr;
  char* error = nullptr;
  size_t size = 0;
  std::vector<const char*> starts;
  std::vector<size_t> lengths;
  for (const std::string_view text : texts) starts.push_back(text.data()), lengths.push_back(text.size());
  const int failed = llvm.compile(starts.data(), lengths.data(), texts.size(), std::string(target.triple).c_str(),
                                  std::string(target.cpu).c_str(), std::string(target.features).c_str(),
                                  as_assembly ? 1 : 0, &out, &size, &error);
  if (failed != 0) {
    const std::string message = error != nullptr ? error : "out of memory";
    llvm.free(error);
    throw_error(ErrorKind::compile, "internal error (please report it): LLVM rejects a kernel for {}: {}", target.name,
                message);
  }
  std::string code(out, size);
  llvm.free(out);
  return code;
}

}  // namespace tandem::llvm
