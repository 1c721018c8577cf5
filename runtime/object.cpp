// The layout of a loaded object is one mapping:
//
//   [ code | read-only data | stubs | table of addresses ]  read + execute
//   [ data | zeroed data ]                                   read + write, absent in most kernels
//
// Stubs jump through a 64-bit address, since the functions that kernels may call (libm, libc) can be further away than
// a relative branch reaches. Nothing in the file is trusted: every offset, index and size is checked before use.
#include "runtime/object.h"

#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>
#include <unordered_map>
#include <vector>

#include "ir/error.h"
#include "runtime/object_reloc.h"

#if defined(__x86_64__)
// 16-bit float conversions of the compiler's support library; their true types cannot be spelled in this language
// version, and only their addresses are needed.
// NOLINTBEGIN(bugprone-reserved-identifier, readability-identifier-naming)
extern "C" {
void __extendhfsf2();
void __truncsfhf2();
void __truncdfhf2();
}
// NOLINTEND(bugprone-reserved-identifier, readability-identifier-naming)
#endif

namespace tandem {

namespace {

constexpr size_t kLargestObject = size_t{256} << 20;  // zeroed data costs no file bytes: bound what one may ask for
constexpr size_t kStubBytes = 32;

std::atomic<int64_t> live{0};  // bytes of loaded objects

template <class... Args>
[[noreturn]] void malformed(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(ErrorKind::serialization,
              "load object: got a file that cannot be loaded (" + fmt::format(format, std::forward<Args>(args)...) +
                  "); need a relocatable ELF object made for this machine; try compiling it again");
}

template <class F>
uint64_t address_of(F* function) {
  return reinterpret_cast<uint64_t>(function);
}

// The only symbols of the process that an object may reach.
std::optional<uint64_t> allowed_function(std::string_view name) {
  using Unary = double(double);
  using UnaryF = float(float);
  static const std::unordered_map<std::string_view, uint64_t> table{
      {"fma", address_of<double(double, double, double)>(::fma)},
      {"fmaf", address_of<float(float, float, float)>(::fmaf)},
      {"sqrt", address_of<Unary>(::sqrt)},
      {"sqrtf", address_of<UnaryF>(::sqrtf)},
      {"floor", address_of<Unary>(::floor)},
      {"floorf", address_of<UnaryF>(::floorf)},
      {"ceil", address_of<Unary>(::ceil)},
      {"ceilf", address_of<UnaryF>(::ceilf)},
      {"trunc", address_of<Unary>(::trunc)},
      {"truncf", address_of<UnaryF>(::truncf)},
      {"rint", address_of<Unary>(::rint)},
      {"rintf", address_of<UnaryF>(::rintf)},
      {"nearbyint", address_of<Unary>(::nearbyint)},
      {"nearbyintf", address_of<UnaryF>(::nearbyintf)},
      {"roundeven", address_of<Unary>(::roundeven)},
      {"roundevenf", address_of<UnaryF>(::roundevenf)},
      {"memcpy", address_of<void*(void*, const void*, size_t)>(::memcpy)},
      {"memmove", address_of<void*(void*, const void*, size_t)>(::memmove)},
      {"memset", address_of<void*(void*, int, size_t)>(::memset)},
#if defined(__x86_64__)
      {"__extendhfsf2", address_of(__extendhfsf2)},
      {"__truncsfhf2", address_of(__truncsfhf2)},
      {"__truncdfhf2", address_of(__truncdfhf2)},
#endif
  };
  const auto found = table.find(name);
  return found == table.end() ? std::nullopt : std::optional(found->second);
}

// Bytes of the file, read only through checks.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  size_t size() const { return bytes_.size(); }

  std::string_view range(uint64_t offset, uint64_t size) const {
    if (offset > bytes_.size() || size > bytes_.size() - offset) malformed("bytes {}+{} lie outside", offset, size);
    return bytes_.substr(offset, size);
  }
  template <class T>
  T at(uint64_t offset) const {  // copies: the file need not be aligned
    T value;
    // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage)
    std::memcpy(&value, range(offset, sizeof(T)).data(), sizeof(T));
    return value;
  }
  template <class T>
  std::vector<T> table(uint64_t offset, uint64_t size, uint64_t entry_size) const {
    if (entry_size != sizeof(T) || size % sizeof(T) != 0) malformed("a table has entries of {} bytes", entry_size);
    const std::string_view raw = range(offset, size);
    std::vector<T> entries(size / sizeof(T));
    if (!raw.empty()) std::memcpy(entries.data(), raw.data(), raw.size());
    return entries;
  }

 private:
  std::string_view bytes_;
};

std::string_view name_at(std::string_view names, uint64_t offset) {
  if (offset >= names.size()) malformed("a name lies outside its table");
  const size_t end = names.find('\0', offset);
  if (end == std::string_view::npos) malformed("a name has no end");
  return names.substr(offset, end - offset);
}

enum class Part : uint8_t { none, code, constants, data };

struct Section {
  Elf64_Shdr header;
  Part part = Part::none;
  bool frames = false;  // unwind table
  uint64_t offset = 0;  // in the mapping
};

bool belongs(std::string_view name, std::string_view family) {
  return name.starts_with(family) && (name.size() == family.size() || name[family.size()] == '.');
}

class Loader {
 public:
  // `frames`: load the unwind tables, too.
  Loader(std::string_view bytes, std::string_view entry, bool frames) : file_(bytes), want_frames_(frames) {
    read_sections();
    read_symbols(entry);
    read_relocations();
    place();
  }

  struct Loaded {
    void* memory;
    size_t size;
    std::string_view entry;  // the function
    std::string_view frames;
  };

  Loaded map() {
    void* memory = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw_error(ErrorKind::memory, "load object: got no {} bytes of address space", size_);
    try {
      base_ = static_cast<unsigned char*>(memory);
      fill();
      for (const auto& [section, entries] : relocations_)
        for (const Elf64_Rela& entry : entries) relocate(sections_[section], entry);
      if (::mprotect(memory, code_size_, PROT_READ | PROT_EXEC) != 0)
        throw_error(ErrorKind::backend,
                    "load object: the system refuses executable memory; need it for compiled kernels; try "
                    "TANDEM_BACKEND=interp");
    } catch (...) {
      ::munmap(memory, size_);
      throw;
    }
    auto* begin = static_cast<char*>(memory);
    __builtin___clear_cache(begin, begin + code_size_);
    const Section& section = sections_[entry_.st_shndx];
    const size_t rest = section.header.sh_size - entry_.st_value;  // a size is optional, and not to be trusted
    const size_t entry_size = entry_.st_size > 0 ? std::min<size_t>(entry_.st_size, rest) : rest;
    Loaded loaded{memory, size_, {begin + section.offset + entry_.st_value, entry_size}, {}};
    for (const Section& other : sections_)
      if (other.frames) loaded.frames = {begin + other.offset, other.header.sh_size};
    return loaded;
  }

 private:
  using Relocations = std::pair<size_t, std::vector<Elf64_Rela>>;  // of a section

  void read_sections() {
    const auto header = file_.at<Elf64_Ehdr>(0);
    if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) malformed("it is not ELF");
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_type != ET_REL)
      malformed("it is not a 64-bit little-endian relocatable object");
    if (header.e_machine != static_cast<uint16_t>(kHostMachine))
      malformed("it is for machine {}, this is {}", header.e_machine, static_cast<int>(kHostMachine));
    const auto headers =
        file_.table<Elf64_Shdr>(header.e_shoff, uint64_t{header.e_shnum} * header.e_shentsize, header.e_shentsize);
    for (const Elf64_Shdr& section : headers) sections_.push_back({section});
    const std::string_view names = contents(header.e_shstrndx, SHT_STRTAB);
    for (Section& section : sections_) classify(section, name_at(names, section.header.sh_name));
  }

  void classify(Section& section, std::string_view name) {
    const Elf64_Shdr& header = section.header;
    if ((header.sh_flags & SHF_ALLOC) == 0) return;
    section.frames = want_frames_ && name == ".eh_frame";
    const bool bits = header.sh_type == SHT_PROGBITS || section.frames, zeros = header.sh_type == SHT_NOBITS;
    // No exception passes through a kernel.
    if ((belongs(name, ".eh_frame") && !section.frames) || header.sh_type == SHT_NOTE) return;
    const uint64_t access = header.sh_flags & (SHF_WRITE | SHF_EXECINSTR | SHF_TLS);
    if (bits && belongs(name, ".text") && access == SHF_EXECINSTR) section.part = Part::code;
    if (bits && (belongs(name, ".rodata") || section.frames) && access == 0) section.part = Part::constants;
    if (bits && belongs(name, ".data") && access == SHF_WRITE) section.part = Part::data;
    if (zeros && belongs(name, ".bss") && access == SHF_WRITE) section.part = Part::data;
    if (section.part == Part::none) malformed("section {} of type {} is not supported", name, header.sh_type);
    if (header.sh_size > kLargestObject) malformed("section {} has {} bytes", name, header.sh_size);
    const uint64_t alignment = std::max<uint64_t>(header.sh_addralign, 1);
    if (!std::has_single_bit(alignment) || alignment > 4096) malformed("section {} is aligned to {}", name, alignment);
    if (bits) (void)file_.range(header.sh_offset, header.sh_size);
  }

  std::string_view contents(uint64_t index, uint32_t type) const {
    if (index >= sections_.size()) malformed("section {} does not exist", index);
    const Elf64_Shdr& header = sections_[index].header;
    if (header.sh_type != type) malformed("section {} has type {}, not {}", index, header.sh_type, type);
    return file_.range(header.sh_offset, header.sh_size);
  }

  void read_symbols(std::string_view entry) {
    const auto found = std::find_if(sections_.begin(), sections_.end(),
                                    [](const Section& section) { return section.header.sh_type == SHT_SYMTAB; });
    if (found == sections_.end()) malformed("it has no symbols");
    symbol_section_ = static_cast<size_t>(found - sections_.begin());
    symbols_ = file_.table<Elf64_Sym>(found->header.sh_offset, found->header.sh_size, found->header.sh_entsize);
    symbol_names_ = contents(found->header.sh_link, SHT_STRTAB);
    bool seen = false;
    for (const Elf64_Sym& symbol : symbols_) {
      if (symbol.st_shndx == SHN_UNDEF || name_at(symbol_names_, symbol.st_name) != entry) continue;
      if (symbol.st_shndx >= sections_.size() || sections_[symbol.st_shndx].part != Part::code ||
          symbol.st_value >= sections_[symbol.st_shndx].header.sh_size)
        malformed("symbol {} is not code", entry);
      entry_ = symbol;
      seen = true;
    }
    if (!seen) malformed("it has no function {}", entry);
  }

  void read_relocations() {
    uint64_t bytes = 0;
    for (const Section& section : sections_) {
      const Elf64_Shdr& header = section.header;
      if (header.sh_type != SHT_RELA && header.sh_type != SHT_REL) continue;
      if (header.sh_info >= sections_.size()) malformed("relocations of section {}", header.sh_info);
      if (sections_[header.sh_info].part == Part::none) continue;  // debug and unwind information
      if (header.sh_type == SHT_REL || header.sh_link != symbol_section_) malformed("relocations of unknown form");
      bytes += header.sh_size;  // tables that overlap could ask for any amount of memory
      if (bytes > file_.size()) malformed("its relocations do not fit into it");
      relocations_.emplace_back(header.sh_info,
                                file_.table<Elf64_Rela>(header.sh_offset, header.sh_size, header.sh_entsize));
      for (const Elf64_Rela& entry : relocations_.back().second) reserve(entry);
    }
  }

  // Stubs and address-table entries are shared by all relocations against a symbol.
  void reserve(const Elf64_Rela& entry) {
    const uint64_t index = ELF64_R_SYM(entry.r_info);
    const uint32_t type = ELF64_R_TYPE(entry.r_info);
    const RelocInfo info = reloc_info(kHostMachine, type);
    if (info.target == RelocTarget::unsupported) malformed("relocation type {} is not supported", type);
    if (info.target == RelocTarget::none) return;
    if (index >= symbols_.size()) malformed("symbol {} does not exist", index);
    if (info.target == RelocTarget::got) table_.try_emplace(index, table_.size());
    if (info.target == RelocTarget::branch && symbols_[index].st_shndx == SHN_UNDEF)
      stubs_.try_emplace(index, stubs_.size());
  }

  void place() {
    const auto advance = [this](uint64_t bytes, uint64_t alignment) {
      const uint64_t offset = (size_ + alignment - 1) / alignment * alignment;
      size_ = offset + bytes;
      if (size_ > kLargestObject) malformed("it needs more than {} bytes", kLargestObject);
      return offset;
    };
    const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
    for (const Part part : {Part::code, Part::constants, Part::data}) {
      if (part == Part::data) {
        stubs_offset_ = advance(stubs_.size() * kStubBytes, kStubBytes);
        table_offset_ = advance(table_.size() * sizeof(uint64_t), sizeof(uint64_t));
        code_size_ = size_ = advance(0, page);
      }
      for (Section& section : sections_)
        if (section.part == part)
          section.offset = advance(section.header.sh_size, std::max<uint64_t>(section.header.sh_addralign, 1));
    }
    size_ = advance(0, page);
  }

  void fill() {
    for (const Section& section : sections_) {
      if (section.part == Part::none || section.header.sh_type == SHT_NOBITS) continue;
      const std::string_view bytes = file_.range(section.header.sh_offset, section.header.sh_size);
      if (!bytes.empty()) std::memcpy(base_ + section.offset, bytes.data(), bytes.size());
    }
    for (const auto& [symbol, index] : stubs_) write_stub(stub(index), external(symbols_[symbol]));
    for (const auto& [symbol, index] : table_) {
      const uint64_t value = resolve(symbols_[symbol]);
      std::memcpy(base_ + table_offset_ + index * sizeof value, &value, sizeof value);
    }
  }

  unsigned char* stub(uint64_t index) const { return base_ + stubs_offset_ + index * kStubBytes; }

  static void write_stub(unsigned char* at, uint64_t target) {
    if constexpr (kHostMachine == Machine::x86_64) {
      // endbr64; jmp [rip + 0]; target
      constexpr unsigned char code[] = {0xF3, 0x0F, 0x1E, 0xFA, 0xFF, 0x25, 0, 0, 0, 0};
      std::memcpy(at, code, sizeof code);
      std::memcpy(at + sizeof code, &target, sizeof target);
    } else {
      // ldr x16, .+8; br x16; target
      constexpr uint32_t code[] = {0x58000050, 0xD61F0200};
      std::memcpy(at, code, sizeof code);
      std::memcpy(at + sizeof code, &target, sizeof target);
    }
  }

  uint64_t external(const Elf64_Sym& symbol) const {
    const std::string_view name = name_at(symbol_names_, symbol.st_name);
    const std::optional<uint64_t> address = allowed_function(name);
    if (!address) malformed("it refers to {}, which kernels may not use", name);
    return *address;
  }

  uint64_t resolve(const Elf64_Sym& symbol) const {
    if (symbol.st_shndx == SHN_UNDEF) return external(symbol);
    if (symbol.st_shndx >= sections_.size() || ELF64_ST_TYPE(symbol.st_info) == STT_TLS)
      malformed("a symbol is of unsupported kind");
    const Section& section = sections_[symbol.st_shndx];
    if (section.part == Part::none || symbol.st_value > section.header.sh_size)
      malformed("a symbol lies outside what is loaded");
    return reinterpret_cast<uint64_t>(base_) + section.offset + symbol.st_value;
  }

  void relocate(const Section& section, const Elf64_Rela& entry) {
    const uint32_t type = ELF64_R_TYPE(entry.r_info);
    const uint64_t index = ELF64_R_SYM(entry.r_info);
    const RelocInfo info = reloc_info(kHostMachine, type);
    if (info.target == RelocTarget::none) return;
    const uint64_t size = section.header.sh_size, bytes = static_cast<uint64_t>(info.bytes);
    if (entry.r_offset > size || bytes > size - entry.r_offset || section.header.sh_type == SHT_NOBITS)
      malformed("a relocation lies outside its section");
    uint64_t symbol;
    if (info.target == RelocTarget::got) {
      symbol = reinterpret_cast<uint64_t>(base_ + table_offset_ + table_.at(index) * sizeof(uint64_t));
    } else if (const auto found = stubs_.find(index); info.target == RelocTarget::branch && found != stubs_.end()) {
      symbol = reinterpret_cast<uint64_t>(stub(found->second));
    } else {
      symbol = resolve(symbols_[index]);
    }
    unsigned char* place = base_ + section.offset + entry.r_offset;
    if (!apply_reloc(kHostMachine, type, place, reinterpret_cast<uint64_t>(place), symbol, entry.r_addend))
      malformed("a relocation of type {} does not reach its target", type);
  }

  Reader file_;
  bool want_frames_;
  std::vector<Section> sections_;
  std::vector<Elf64_Sym> symbols_;
  std::string_view symbol_names_;
  size_t symbol_section_ = 0;
  Elf64_Sym entry_{};
  std::vector<Relocations> relocations_;
  std::unordered_map<uint64_t, uint64_t> stubs_, table_;  // symbol -> index
  uint64_t stubs_offset_ = 0, table_offset_ = 0;
  uint64_t code_size_ = 0, size_ = 0;
  unsigned char* base_ = nullptr;
};

}  // namespace

std::shared_ptr<const LoadedObject> LoadedObject::load(std::string_view bytes, std::string_view symbol,
                                                       std::optional<CodeSymbol> published) {
  std::shared_ptr<LoadedObject> object(new LoadedObject);
  const auto loaded = Loader(bytes, symbol, published.has_value()).map();
  object->memory_ = loaded.memory;
  object->size_ = loaded.size;
  live.fetch_add(static_cast<int64_t>(loaded.size), std::memory_order_relaxed);
  object->entry_ = const_cast<char*>(loaded.entry.data());
  if (published) object->published_.emplace(std::move(*published), loaded.entry, loaded.frames);
  return object;
}

int64_t LoadedObject::live_bytes() { return live.load(std::memory_order_relaxed); }

LoadedObject::~LoadedObject() {
  published_.reset();  // while the code is still there
  if (memory_ == nullptr) return;
  ::munmap(memory_, size_);
  live.fetch_sub(static_cast<int64_t>(size_), std::memory_order_relaxed);
}

}  // namespace tandem
