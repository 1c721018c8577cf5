#include "runtime/object.h"

#include <elf.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

#include "ir/error.h"
#include "runtime/object_reloc.h"

using namespace tandem;
namespace fs = std::filesystem;

namespace {

// An object file of a small C program.
std::string compile(const std::string& source, const std::string& flags = "-O2 -fPIC") {
  std::string pattern = (fs::temp_directory_path() / "tandem-object-XXXXXX").string();
  const fs::path folder = ::mkdtemp(pattern.data());
  std::ofstream(folder / "code.c") << source;
  const std::string command = "cc -x c -fno-stack-protector -ffreestanding -fno-builtin " + flags + " -c " +
                              (folder / "code.c").string() + " -o " + (folder / "code.o").string();
  REQUIRE(std::system(command.c_str()) == 0);
  std::ifstream file(folder / "code.o", std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  fs::remove_all(folder);
  return bytes;
}

template <class F>
F* entry(const std::shared_ptr<const LoadedObject>& object) {
  return reinterpret_cast<F*>(object->entry());
}

// Uses every section kind, a call between functions, an external function and its address.
const char* const kProgram = R"(
double floor(double);
static const double kTable[4] = {0.5, 1.5, 2.5, 3.5};
static double state = 10;
static double zeros[1000];
__attribute__((noinline)) static double add(double a, double b) { return a + b; }
double (*hook)(double) = floor;
double first(int i) { return kTable[i & 3]; }
double entry(int i, double x) {
  state = add(state, floor(x));
  zeros[i] += 1;
  return state + kTable[i & 3] * 100 + hook(zeros[i] + 0.25) * 1000;
}
)";

}  // namespace

TEST_CASE("a loaded function computes with its constants, data and external functions") {
  for (const char* flags : {"-O2 -fPIC", "-O0 -fPIC", "-O2 -fPIC -fno-plt",
                            "-O2 -fPIC -ffunction-sections -fdata-sections", "-O2 -fPIC -g"}) {
    INFO(flags);
    const auto object = LoadedObject::load(compile(kProgram, flags), "entry");
    auto* function = entry<double(int, double)>(object);
    CHECK(function(1, 2.7) == 10 + 2 + 150 + 1000);
    CHECK(function(1, -0.5) == 12 - 1 + 150 + 2000);
    CHECK(function(2, 0) == 11 + 250 + 1000);
    const auto second = LoadedObject::load(compile(kProgram, flags), "entry");
    CHECK(entry<double(int, double)>(second)(0, 0) == 10 + 50 + 1000);  // its own data
  }
}

TEST_CASE("any function of the object can be the entry") {
  CHECK(entry<double(int)>(LoadedObject::load(compile(kProgram), "first"))(2) == 2.5);
}

TEST_CASE("allowed functions are reached however far away they are") {
  const auto object = LoadedObject::load(compile(R"(
    double fma(double, double, double);
    float fmaf(float, float, float);
    double rint(double);
    double roundeven(double);
    float truncf(float);
    float ceilf(float);
    void* memset(void*, int, unsigned long);
    void* memcpy(void*, const void*, unsigned long);
    double entry(double x) {
      unsigned char bytes[64], copy[64];
      memset(bytes, 3, 64);
      memcpy(copy, bytes, 64);
      return fma(x, x, 1) + fmaf(2, 3, 4) + rint(2.5) + roundeven(3.5) + truncf(-1.5f) + ceilf(0.5f) + copy[63];
    })"),
                                         "entry");
  CHECK(entry<double(double)>(object)(3) == 10 + 10 + 2 + 4 - 1 + 1 + 3);
}

#if defined(__x86_64__)
TEST_CASE("16-bit float conversions of the support library are there") {
  const auto object = LoadedObject::load(
      compile("float entry(float x) { _Float16 h = (_Float16)x; return (float)h; }", "-O2 -fPIC -mno-f16c"), "entry");
  CHECK(entry<float(float)>(object)(1.0f / 3) == 0.333251953125f);
}
#endif

TEST_CASE("what cannot be loaded is refused with a reason") {
  const std::string good = compile("int entry(void) { return 1; }");
  const auto refuse = [](const std::string& bytes, const char* symbol, const char* reason) {
    try {
      LoadedObject::load(bytes, symbol);
      FAIL("should have thrown: " << reason);
    } catch (const Error& error) {
      CHECK(error.kind == ErrorKind::serialization);
      CHECK_THAT(error.what(), Catch::Contains(reason));
    }
  };
  refuse("", "entry", "lie outside");
  refuse("not an object at all, just some text that is long enough to be a header of ELF", "entry", "it is not ELF");
  refuse(good, "other", "it has no function other");
  refuse(compile("int entry = 1;"), "entry", "is not code");
  refuse(compile("int system(const char*); int entry(void) { return system(\"true\"); }"), "entry",
         "it refers to system, which kernels may not use");
  refuse(compile("extern int environ; int entry(void) { return environ; }"), "entry", "environ");
  refuse(compile("static __thread int t; int entry(void) { return ++t; }"), "entry", "not supported");
  refuse(compile("int entry(void) { return 1; } __attribute__((constructor)) void early(void) {}"), "entry",
         ".init_array");
  refuse(compile("static char big[1 << 30]; int entry(int i) { return big[i]++; }"), "entry", "bytes");
  std::string other_machine = good;
  other_machine[18] = 40;  // 32-bit ARM
  refuse(other_machine, "entry", "it is for machine");
}

TEST_CASE("relocations that overlap cannot ask for more memory than the file has bytes") {
  std::string bytes = compile(kProgram);
  Elf64_Ehdr header;
  std::memcpy(&header, bytes.data(), sizeof header);
  std::vector<Elf64_Shdr> sections(header.e_shnum);
  std::memcpy(sections.data(), bytes.data() + header.e_shoff, sections.size() * sizeof(Elf64_Shdr));
  const auto table = std::find_if(sections.begin(), sections.end(), [&sections](const Elf64_Shdr& section) {
    return section.sh_type == SHT_RELA && sections[section.sh_info].sh_type == SHT_PROGBITS &&
           (sections[section.sh_info].sh_flags & SHF_EXECINSTR) != 0;
  });
  REQUIRE(table != sections.end());
  sections.resize(50000, *table);
  header.e_shoff = bytes.size();
  header.e_shnum = static_cast<Elf64_Half>(sections.size());
  std::memcpy(bytes.data(), &header, sizeof header);
  bytes.append(reinterpret_cast<const char*>(sections.data()), sections.size() * sizeof(Elf64_Shdr));
  CHECK_THROWS_WITH(LoadedObject::load(bytes, "entry"), Catch::Contains("relocations do not fit"));
}

TEST_CASE("truncated objects never crash the loader") {
  const std::string good = compile(kProgram);
  for (size_t size = 0; size < good.size(); ++size) {
    // Copied, so that reading beyond the end is seen by the address sanitizer.
    const std::vector<char> bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
    REQUIRE_THROWS_AS(LoadedObject::load({bytes.data(), bytes.size()}, "entry"), Error);
  }
}

TEST_CASE("damaged objects never crash the loader") {
  const std::string good = compile(kProgram);
  std::mt19937 random(1);
  int loaded = 0, refused = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = good;
    for (int flips = 1 + static_cast<int>(random() % 3); flips > 0; --flips) {
      const size_t bit = random() % (bytes.size() * 8);
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    }
    if (i % 2 == 0) {  // headers at the end and the beginning are where it hurts
      const size_t at = random() % 2 == 0 ? random() % 64 : bytes.size() - 1 - random() % (bytes.size() / 2);
      bytes[at] = static_cast<char>(random());
    }
    try {
      LoadedObject::load(bytes, "entry");
      ++loaded;
    } catch (const Error& error) {
      REQUIRE((error.kind == ErrorKind::serialization || error.kind == ErrorKind::memory));
      ++refused;
    }
  }
  CHECK(loaded > 100);
  CHECK(refused > 100);
}

TEST_CASE("thousands of objects live side by side") {
  const std::string bytes = compile("int entry(int x) { return x * 3; }");
  std::vector<std::shared_ptr<const LoadedObject>> objects;
  for (int i = 0; i < 3000; ++i) objects.push_back(LoadedObject::load(bytes, "entry"));
  for (const auto& object : objects) REQUIRE(entry<int(int)>(object)(14) == 42);
}

TEST_CASE("relocations of both machines") {
  struct Case {
    Machine machine;
    uint32_t type;
    uint64_t before, at, symbol;
    int64_t addend;
    uint64_t after;
    bool fits;
  };
  constexpr Machine x86 = Machine::x86_64, arm = Machine::aarch64;
  const Case cases[] = {
      {x86, 1, 0, 0x1000, 0x123456789ABC, 4, 0x123456789AC0, true},  // 64
      {x86, 2, 0, 0x1000, 0x3000, -4, 0x1FFC, true},                 // PC32
      {x86, 4, 0, 0x3000, 0x1000, -4, 0xFFFFDFFC, true},             // PLT32, backwards
      {x86, 2, 0, 0x1000, 0x200000000, -4, 0, false},                // PC32, too far
      {x86, 10, 0, 0, 0xFFFFFFFF, 0, 0xFFFFFFFF, true},              // 32
      {x86, 10, 0, 0, 0x100000000, 0, 0, false},                     //
      {x86, 11, 0, 0, 0xFFFFFFFF, 0, 0, false},                      // 32S
      {x86, 24, 0, 0x3000, 0x1000, 0, 0xFFFFFFFFFFFFE000, true},     // PC64
      {x86, 99, 0, 0, 0, 0, 0, false},                               // unknown
      {arm, 257, 0, 0, 0x123456789ABC, 4, 0x123456789AC0, true},     // ABS64
      {arm, 261, 0, 0x1000, 0x800, 0, 0xFFFFF800, true},             // PREL32
      {arm, 283, 0x94000000, 0x1000, 0x2000, 0, 0x94000400, true},   // CALL26
      {arm, 282, 0x14000000, 0x2000, 0x1000, 0, 0x17FFFC00, true},   // JUMP26, backwards
      {arm, 283, 0x94000000, 0x1000, 0x10001000, 0, 0, false},       // too far
      {arm, 283, 0x94000000, 0x1000, 0x2002, 0, 0, false},           // not an instruction
      {arm, 275, 0x90000000, 0x1004, 0x5678, 0, 0x90000020, true},   // ADR_PREL_PG_HI21: 4 pages
      {arm, 275, 0x90000000, 0x1FFC, 0x2678, 0, 0xB0000000, true},   // 1 page
      {arm, 275, 0x90000003, 0x5000, 0x4FFF, 0, 0xF0FFFFE3, true},   // -1 page, register kept
      {arm, 275, 0x90000000, 0x1000, 0x200000000, 0, 0, false},      // beyond 4 GB
      {arm, 277, 0x91000000, 0, 0x5678, 0, 0x9119E000, true},        // ADD_ABS_LO12_NC
      {arm, 286, 0xF9400000, 0, 0x5678, 0, 0xF9433C00, true},        // LDST64
      {arm, 286, 0xF9400000, 0, 0x5674, 0, 0, false},                // misaligned
      {arm, 299, 0x3DC00000, 0, 0x5670, 0, 0x3DC19C00, true},        // LDST128
      {arm, 278, 0x39400000, 0, 0x5671, 0, 0x3959C400, true},        // LDST8
  };
  for (const Case& example : cases) {
    unsigned char place[8];
    std::memcpy(place, &example.before, 8);
    INFO("machine " << static_cast<int>(example.machine) << " type " << example.type);
    CHECK(apply_reloc(example.machine, example.type, place, example.at, example.symbol, example.addend) ==
          example.fits);
    uint64_t after;
    std::memcpy(&after, place, 8);
    if (example.fits) CHECK(after == example.after);
  }
}

TEST_CASE("a published function is loaded with its unwind table, and both go with the object") {
  const int64_t base = LoadedObject::live_bytes();
  const std::string bytes = compile(kProgram, "-O2 -fPIC -fasynchronous-unwind-tables");
  {
    const auto plain = LoadedObject::load(bytes, "entry");
    const int64_t one = LoadedObject::live_bytes() - base;
    CHECK(one >= 4096);
    const CodeSymbol symbol{"tandem.entry", {{0, {"model.py", 3}}}};
    const auto published = LoadedObject::load(bytes, "entry", symbol);
    CHECK(LoadedObject::live_bytes() - base >= 2 * one);
    CHECK(entry<double(int, double)>(published)(1, 1.5) == entry<double(int, double)>(plain)(1, 1.5));
  }
  CHECK(LoadedObject::live_bytes() == base);
}

TEST_CASE("names keep what no tool gives a meaning to") {
  CHECK(symbol_name("tandem.Net.<locals>.<lambda>.k0_add") == "tandem.Net.locals.lambda.k0_add");
  CHECK(symbol_name("f x\n:'\"(1)") == "fx1");
  CHECK(symbol_name("größe") == "größe");
}
