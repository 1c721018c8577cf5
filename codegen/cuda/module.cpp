#include "codegen/cuda/module.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "codegen/cuda/compile.h"
#include "codegen/cuda/target.h"
#include "ir/error.h"
#include "runtime/dylib.h"

namespace tandem::cuda {

namespace {

constexpr std::string_view kAdvice = "pip install nvidia-cuda-nvrtc, or set TANDEM_NVRTC to the path of libnvrtc.so";

using Program = void*;
using Status = int;
constexpr Status kCompilation = 6, kBuiltins = 7;  // of nvrtcResult

struct Module {
  Status (*version)(int*, int*) = nullptr;
  Status (*arch_count)(int*) = nullptr;
  Status (*archs_of)(int*) = nullptr;
  Status (*create)(Program*, const char*, const char*, int, const char* const*, const char* const*) = nullptr;
  Status (*destroy)(Program*) = nullptr;
  Status (*compile)(Program, int, const char* const*) = nullptr;
  Status (*log_size)(Program, size_t*) = nullptr;
  Status (*log)(Program, char*) = nullptr;
  Status (*cubin_size)(Program, size_t*) = nullptr;
  Status (*cubin)(Program, char*) = nullptr;
  Status (*ptx_size)(Program, size_t*) = nullptr;
  Status (*ptx)(Program, char*) = nullptr;
  const char* (*status_text)(Status) = nullptr;
  std::string file, number, problem, builtins_problem;
  std::vector<int> archs;

  Module() {
    Dylib library("TANDEM_NVRTC",
                  library_candidates({"libnvrtc.so.13", "libnvrtc.so.12"},
                                     {"nvidia/cu13/lib/libnvrtc.so.13", "nvidia/cuda_nvrtc/lib/libnvrtc.so.13",
                                      "nvidia/cuda_nvrtc/lib/libnvrtc.so.12"}));
    const bool complete =
        library.bind(version, "nvrtcVersion") && library.bind(arch_count, "nvrtcGetNumSupportedArchs") &&
        library.bind(archs_of, "nvrtcGetSupportedArchs") && library.bind(create, "nvrtcCreateProgram") &&
        library.bind(destroy, "nvrtcDestroyProgram") && library.bind(compile, "nvrtcCompileProgram") &&
        library.bind(log_size, "nvrtcGetProgramLogSize") && library.bind(log, "nvrtcGetProgramLog") &&
        library.bind(cubin_size, "nvrtcGetCUBINSize") && library.bind(cubin, "nvrtcGetCUBIN") &&
        library.bind(ptx_size, "nvrtcGetPTXSize") && library.bind(ptx, "nvrtcGetPTX") &&
        library.bind(status_text, "nvrtcGetErrorString");
    if (!complete) {
      problem = fmt::format("cuda: got a kernel to compile and no NVRTC: {}; need NVRTC 12 or 13; try {}",
                            library.reason(), kAdvice);
      return;
    }
    int major = 0, minor = 0, count = 0;
    version(&major, &minor);
    number = fmt::format("{}.{}", major, minor);
    arch_count(&count);
    archs.resize(static_cast<size_t>(count));
    archs_of(archs.data());
    std::sort(archs.begin(), archs.end());
    Dl_info place{};
    if (dladdr(reinterpret_cast<const void*>(version), &place) != 0 && place.dli_fname != nullptr)
      file = place.dli_fname;
    load_builtins();
  }

  // NVRTC itself looks for them on the loader's path only, where those of a Python package are not.
  void load_builtins() {
    const std::string name = fmt::format("libnvrtc-builtins.so.{}", number);
    const std::string beside = (std::filesystem::path(file).parent_path() / name).string();
    for (const std::string& candidate : {beside, name})
      if (dlopen(candidate.c_str(), RTLD_NOW | RTLD_GLOBAL) != nullptr) return;
    builtins_problem = fmt::format(
        "cuda: got NVRTC {} ({}) without its builtins: looked for {} and for {} on the loader's path; need both "
        "libraries of one version; try {}",
        number, file, beside, name, kAdvice);
  }
};

// Never unloaded: other threads may compile while the process ends.
const Module& module() {
  static const auto* loaded = new Module;
  return *loaded;
}

const Module& working_module() {
  if (!module().problem.empty()) throw Error(ErrorKind::backend, module().problem);
  return module();
}

// With numbers of lines, which messages refer to.
std::string numbered(std::string_view text) {
  std::string out;
  int number = 1;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1);
    fmt::format_to(std::back_inserter(out), "{:4} {}", number++, text.substr(0, end + 1));
    text.remove_prefix(end + 1);
  }
  return out;
}

class Compilation {
 public:
  explicit Compilation(std::string_view text) : text_(text) {
    check(n_.create(&program_, text_.c_str(), "kernel.cu", 0, nullptr, nullptr));
  }
  Compilation(const Compilation&) = delete;
  Compilation& operator=(const Compilation&) = delete;
  ~Compilation() { n_.destroy(&program_); }

  std::string run(int arch, bool ptx) {
    const std::string wanted = fmt::format("--gpu-architecture={}_{}", ptx ? "compute" : "sm", arch);
    std::vector<const char*> options{wanted.c_str()};
    for (const char* option : kCompileOptions) options.push_back(option);
    check(n_.compile(program_, static_cast<int>(options.size()), options.data()));
    size_t size = 0;
    check(ptx ? n_.ptx_size(program_, &size) : n_.cubin_size(program_, &size));
    std::string code(size, '\0');
    check(ptx ? n_.ptx(program_, code.data()) : n_.cubin(program_, code.data()));
    if (ptx && !code.empty() && code.back() == '\0') code.pop_back();
    return code;
  }

 private:
  std::string log() const {
    size_t size = 0;
    if (n_.log_size(program_, &size) != 0 || size <= 1) return {};
    std::string text(size, '\0');
    n_.log(program_, text.data());
    text.pop_back();
    return text;
  }
  void check(Status status) const {
    if (status == 0) return;
    if (status == kBuiltins)
      throw Error(ErrorKind::backend,
                  n_.builtins_problem.empty()
                      ? fmt::format("cuda: got the log '{}' from NVRTC {} ({}); need its builtins of "
                                    "the same version; try {}",
                                    log(), n_.number, n_.file, kAdvice)
                      : n_.builtins_problem);
    if (status == kCompilation)
      throw_error(ErrorKind::compile,
                  "internal error (please report it): NVRTC {} rejects a kernel\n{}\nThe source:\n{}", n_.number, log(),
                  numbered(text_));
    throw_error(ErrorKind::compile, "cuda: got {} from NVRTC {} ({})\n{}", n_.status_text(status), n_.number, n_.file,
                log());
  }

  const Module& n_ = working_module();
  std::string text_;
  Program program_ = nullptr;
};

}  // namespace

std::string module_problem() { return module().problem.empty() ? module().builtins_problem : module().problem; }

std::string module_version() { return working_module().number; }
const std::vector<int>& module_archs() { return working_module().archs; }
const std::string& module_file() { return working_module().file; }

std::string nvrtc_compile(std::string_view text, int arch, bool ptx) { return Compilation(text).run(arch, ptx); }

}  // namespace tandem::cuda
