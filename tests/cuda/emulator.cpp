#include "emulator.h"

#include <dlfcn.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "codegen/cuda/prelude.h"

namespace tandem::test {

namespace {

constexpr size_t kGuard = 256;  // of the buffers of a Case, see harness.cpp

// The functions have internal names of their own and share the prelude.
std::string unit(const std::vector<std::pair<const cuda::Source*, int>>& sources) {
  std::string text = fmt::format("#include \"{}/cuda/emulation.h\"\n{}", TANDEM_TESTS_DIR, cuda::prelude());
  for (const auto& [source, number] : sources) {
    fmt::format_to(std::back_inserter(text), "#define Args Args{0}\n#define {1} {1}{0}\n{2}#undef Args\n#undef {1}\n",
                   number, cuda::kEntryPoint, source->body);
    fmt::format_to(std::back_inserter(text),
                   "extern \"C\" const char* launch{0}(const unsigned* grid, const unsigned* block, unsigned shared, "
                   "const void* args, int backwards) {{\n"
                   "  return emulation::launch([](const void* p) {{ {1}{0}(*(const Args{0}*)p); }}, grid, block, "
                   "shared, args, backwards != 0);\n}}\n",
                   number, cuda::kEntryPoint);
  }
  return text;
}

const char* compiler() {
  const char* named = std::getenv("CXX");
  return named != nullptr && *named != '\0' ? named : "c++";
}

}  // namespace

Emulator::Emulator() {
  std::string name = std::filesystem::temp_directory_path() / "tandem-emulation-XXXXXX";
  REQUIRE(mkdtemp(name.data()) != nullptr);
  folder_ = name;
}

Emulator::~Emulator() {
  std::error_code ignored;
  if (std::getenv("TANDEM_KEEP_EMULATION") == nullptr) std::filesystem::remove_all(folder_, ignored);
}

void Emulator::add(const Kernel& kernel) {
  verify(kernel);
  const auto [at, fresh] = entries_.try_emplace(to_text(kernel));
  if (!fresh) return;
  at->second.source = cuda::emit(kernel);
  at->second.number = static_cast<int>(entries_.size());
}

void Emulator::build() {
  const size_t parts = std::max(1U, std::thread::hardware_concurrency());
  std::vector<std::vector<Entry*>> shares(parts);
  size_t next = 0;
  for (auto& [text, entry] : entries_) shares[next++ % parts].push_back(&entry);
  std::vector<int> results(parts);
  std::vector<std::thread> compilers;
  for (size_t part = 0; part < parts; ++part) {
    std::vector<std::pair<const cuda::Source*, int>> sources;
    for (const Entry* entry : shares[part]) sources.emplace_back(&entry->source, entry->number);
    const std::string stem = fmt::format("{}/part{}", folder_, part);
    std::ofstream(stem + ".cpp") << unit(sources);
    compilers.emplace_back([&results, part, stem] {
      results[part] = std::system(fmt::format("{0} -x c++ -std=c++17 -O1 -w -fPIC -shared -ffp-contract=off "
                                              "-fno-strict-aliasing {1}.cpp -o {1}.so 2> {1}.log",
                                              compiler(), stem)
                                      .c_str());
    });
  }
  for (std::thread& thread : compilers) thread.join();
  for (size_t part = 0; part < parts; ++part) {
    const std::string stem = fmt::format("{}/part{}", folder_, part);
    std::ifstream log(stem + ".log");
    INFO(std::string(std::istreambuf_iterator<char>(log), {}).substr(0, 4000));
    REQUIRE(results[part] == 0);
    void* library = dlopen((stem + ".so").c_str(), RTLD_NOW | RTLD_LOCAL);
    INFO(dlerror());
    REQUIRE(library != nullptr);
    for (Entry* entry : shares[part]) {
      entry->launch = reinterpret_cast<Launch>(dlsym(library, fmt::format("launch{}", entry->number).c_str()));
      REQUIRE(entry->launch != nullptr);
    }
  }
}

Outcome Emulator::execute(const Case& c, bool backwards, std::string* problem) const {
  const Entry& entry = entries_.at(to_text(c.kernel));
  const cuda::Source& source = entry.source;
  Outcome out{c.data, false};
  std::vector<uint64_t> words;
  for (size_t k = 0; k < c.kernel.buffers.size(); ++k) {
    if (c.kernel.buffers[k].role == BufferRole::scratch) continue;
    const size_t owner = c.aliases[k] < 0 ? k : static_cast<size_t>(c.aliases[k]);
    const char* place = out.data[owner].data() + kGuard - c.first[owner] * size_of(c.kernel.buffers[owner].dtype);
    words.push_back(reinterpret_cast<uint64_t>(place));
  }
  if (words.empty()) words.push_back(0);
  for (int k = 0; k < std::max(1, source.vals); ++k)
    words.push_back(source.vals == 0 ? 0 : static_cast<uint64_t>(c.vals[static_cast<size_t>(k)]));
  const DeviceLaunch launch = launch_of(source.rule, c.vals.data());
  std::vector<char> scratch(static_cast<size_t>(launch.scratch_bytes) + kGuard, char{0x55});
  words.push_back(launch.scratch_bytes == 0 ? 0 : reinterpret_cast<uint64_t>(scratch.data()));
  int64_t status[2] = {0, 0};
  words.push_back(reinterpret_cast<uint64_t>(status));
  if (launch.grid[0] == 0) return out;
  if (const char* failure =
          entry.launch(launch.grid, launch.block, launch.shared_bytes, words.data(), backwards ? 1 : 0))
    *problem = failure;
  for (size_t k = static_cast<size_t>(launch.scratch_bytes); k < scratch.size(); ++k)
    if (scratch[k] != char{0x55}) *problem = "a write beyond the scratch memory";
  out.failed_gather = status[0] != 0;
  return out;
}

}  // namespace tandem::test
