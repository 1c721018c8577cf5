// NVRTC for tests: "compiles" a kernel's text with the host's compiler against the emulation of a GPU (../emulation.h). Its
// "cubin" is a shared library that the stub of the driver runs. $TANDEM_STUB_NVRTC_LOG names a file that gets a line for
// each compilation, $TANDEM_STUB_NVRTC_TEXTS a folder that gets the texts. $TANDEM_STUB_NVRTC_TOGETHER is how many
// compilations have to be under way at a time: the first ones wait for each other, and fail where there is none.
// $TANDEM_STUB_NVRTC_ARCH is the only architecture that it knows.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <string>
#include <vector>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

struct Program {
  std::string text, log, code;
};

std::string contents(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

const std::vector<int>& known_archs() {
  static const std::vector<int> archs = [] {
    const char* only = std::getenv("TANDEM_STUB_NVRTC_ARCH");
    return only != nullptr && *only != '\0' ? std::vector<int>{std::atoi(only)} : std::vector<int>{80, 90, 100};
  }();
  return archs;
}

// Whether enough others came.
bool meet() {
  const char* wanted = std::getenv("TANDEM_STUB_NVRTC_TOGETHER");
  if (wanted == nullptr || *wanted == '\0') return true;
  static std::mutex mutex;
  static std::condition_variable changed;
  static int here = 0;
  static bool met = false;
  std::unique_lock lock(mutex);
  ++here;
  met = met || here >= std::atoi(wanted);
  changed.notify_all();
  const bool found = changed.wait_for(lock, std::chrono::seconds(120), [&] { return met; });
  --here;
  return found;
}

}  // namespace

EXPORT int nvrtcVersion(int* major, int* minor) {
  *major = 13;
  *minor = 0;
  return 0;
}
EXPORT int nvrtcGetNumSupportedArchs(int* count) {
  *count = static_cast<int>(known_archs().size());
  return 0;
}
EXPORT int nvrtcGetSupportedArchs(int* archs) {
  std::copy(known_archs().begin(), known_archs().end(), archs);
  return 0;
}
EXPORT const char* nvrtcGetErrorString(int) { return "NVRTC_ERROR"; }

EXPORT int nvrtcCreateProgram(void** program, const char* text, const char*, int, const char* const*,
                              const char* const*) {
  *program = new Program{text, "", ""};
  return 0;
}
EXPORT int nvrtcDestroyProgram(void** program) {
  delete static_cast<Program*>(*program);
  return 0;
}
EXPORT int nvrtcCompileProgram(void* handle, int, const char* const*) {
#ifdef STUB_WITHOUT_BUILTINS
  return 7;
#endif
  auto& program = *static_cast<Program*>(handle);
  if (!meet()) {
    program.log = "nothing else was compiled meanwhile";
    return 6;
  }
  std::string folder = std::filesystem::temp_directory_path() / "tandem-nvrtc-XXXXXX";
  if (!mkdtemp(folder.data())) return 1;
  const std::string stem = folder + "/kernel";
  if (const char* texts = std::getenv("TANDEM_STUB_NVRTC_TEXTS"); texts && *texts)
    std::ofstream(std::string(texts) + "/" + std::filesystem::path(folder).filename().string() + ".cu") << program.text;
  std::ofstream(stem + ".cpp")
      << "#include \"" TANDEM_TESTS_DIR "/cuda/emulation.h\"\n"
      << program.text
      << "\nextern \"C\" const char* tandem_launch(const unsigned* grid, const unsigned* block, "
         "unsigned shared, const void* args, int backwards) {\n"
         "  return emulation::launch([](const void* p) { " STUB_ENTRY
         "(*(const Args*)p); }, grid, block, shared, args, backwards != 0);\n}\n"
         "extern \"C\" { extern const long long tandem_words; const long long tandem_words = "
         "sizeof(Args) / 8; }\n";
  const char* named = std::getenv("CXX");
  const std::string command = std::string(named && *named ? named : "c++") +
                              " -x c++ -std=c++17 -O0 -w -fPIC -shared -ffp-contract=off -fno-strict-aliasing " + stem +
                              ".cpp -o " + stem + ".so 2> " + stem + ".log";
  const int status = std::system(command.c_str());
  program.log = contents(stem + ".log");
  if (status == 0) program.code = contents(stem + ".so");
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  if (const char* file = std::getenv("TANDEM_STUB_NVRTC_LOG"); file && *file)
    std::ofstream(file, std::ios::app) << "compiled\n";
  return status == 0 ? 0 : 6;
}

EXPORT int nvrtcGetProgramLogSize(void* handle, size_t* size) {
  *size = static_cast<Program*>(handle)->log.size() + 1;
  return 0;
}
EXPORT int nvrtcGetProgramLog(void* handle, char* log) {
  const auto& program = *static_cast<Program*>(handle);
  std::memcpy(log, program.log.c_str(), program.log.size() + 1);
  return 0;
}
EXPORT int nvrtcGetCUBINSize(void* handle, size_t* size) {
  *size = static_cast<Program*>(handle)->code.size();
  return 0;
}
EXPORT int nvrtcGetCUBIN(void* handle, char* code) {
  const auto& program = *static_cast<Program*>(handle);
  std::memcpy(code, program.code.data(), program.code.size());
  return 0;
}
EXPORT int nvrtcGetPTXSize(void* handle, size_t* size) { return nvrtcGetCUBINSize(handle, size); }
EXPORT int nvrtcGetPTX(void* handle, char* code) { return nvrtcGetCUBIN(handle, code); }
