// An object file with debug information (DWARF 4) written by hand: one compile unit with one function and its lines.
// Addresses are absolute, so there is nothing to relocate.
#include <elf.h>

#include <array>
#include <cstring>
#include <map>
#include <string_view>
#include <vector>

#include "runtime/object_reloc.h"
#include "runtime/symbols_gdb.h"

namespace tandem {

namespace {

class Bytes {
 public:
  template <class T>
  void put(T value) {
    text_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void put_text(std::string_view text) {
    text_ += text;
    text_ += '\0';
  }
  void put_unsigned(uint64_t value) {  // LEB128
    for (; value >= 0x80; value >>= 7) put(static_cast<uint8_t>(value | 0x80));
    put(static_cast<uint8_t>(value));
  }
  void put_signed(int64_t value) {
    for (; value < -0x40 || value >= 0x40; value >>= 7) put(static_cast<uint8_t>((value & 0x7F) | 0x80));
    put(static_cast<uint8_t>(value & 0x7F));
  }
  void append(const Bytes& more) { text_ += more.text_; }
  // What follows a length of four bytes.
  void put_counted(const Bytes& content) {
    put(static_cast<uint32_t>(content.text_.size()));
    append(content);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// Names as in the DWARF standard: DW_TAG_, DW_AT_, DW_FORM_, DW_LNS_ and DW_LNE_.
constexpr uint8_t kTagCompileUnit = 0x11, kTagSubprogram = 0x2e;
constexpr uint8_t kAtName = 0x03, kAtStmtList = 0x10, kAtLowPc = 0x11, kAtHighPc = 0x12, kAtLanguage = 0x13,
                  kAtDeclFile = 0x3a, kAtDeclLine = 0x3b, kAtExternal = 0x3f;
constexpr uint8_t kFormAddr = 0x01, kFormData2 = 0x05, kFormData8 = 0x07, kFormString = 0x08, kFormUdata = 0x0f,
                  kFormSecOffset = 0x17, kFormFlagPresent = 0x19;
constexpr uint8_t kStepCopy = 1, kStepAdvancePc = 2, kStepAdvanceLine = 3, kStepSetFile = 4;
constexpr uint8_t kLongEndSequence = 1, kLongSetAddress = 2;
constexpr uint16_t kLanguageC99 = 0x0c;

std::string abbreviations() {
  Bytes out;
  const auto add = [&](uint8_t number, uint8_t tag, uint8_t children, std::vector<std::pair<uint8_t, uint8_t>> list) {
    for (const uint8_t byte : {number, tag, children}) out.put(byte);
    list.emplace_back(0, 0);
    for (const auto& [attribute, form] : list) out.put(attribute), out.put(form);
  };
  add(1, kTagCompileUnit, 1,
      {{kAtLanguage, kFormData2},
       {kAtName, kFormString},
       {kAtLowPc, kFormAddr},
       {kAtHighPc, kFormData8},
       {kAtStmtList, kFormSecOffset}});
  add(2, kTagSubprogram, 0,
      {{kAtName, kFormString},
       {kAtDeclFile, kFormUdata},
       {kAtDeclLine, kFormUdata},
       {kAtLowPc, kFormAddr},
       {kAtHighPc, kFormData8},
       {kAtExternal, kFormFlagPresent}});
  out.put(uint8_t{0});
  return out.text();
}

std::string information(const NamedCode& code) {
  const SourceLoc& source = code.symbol.lines[0].source;
  Bytes unit;
  unit.put(uint16_t{4});  // version
  unit.put(uint32_t{0});  // place of its abbreviations
  unit.put(uint8_t{8});   // size of an address
  unit.put_unsigned(1);
  unit.put(kLanguageC99);
  unit.put_text(source.file);
  unit.put(code.address);
  unit.put(uint64_t{code.bytes});
  unit.put(uint32_t{0});  // place of its lines
  unit.put_unsigned(2);
  unit.put_text(code.symbol.name);
  unit.put_unsigned(1);
  unit.put_unsigned(static_cast<uint64_t>(source.line));
  unit.put(code.address);
  unit.put(uint64_t{code.bytes});
  unit.put_unsigned(0);  // end of the children
  Bytes out;
  out.put_counted(unit);
  return out.text();
}

std::string line_table(const NamedCode& code) {
  std::map<std::string_view, uint64_t> files;
  Bytes header;
  header.put(uint8_t{1});  // shortest instruction
  header.put(uint8_t{1});  // operations in one
  header.put(uint8_t{1});  // lines are statements
  header.put(int8_t{-5});  // how special opcodes count lines: they are not used
  header.put(uint8_t{14});
  constexpr std::array<uint8_t, 12> operands{0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1};
  header.put(static_cast<uint8_t>(operands.size() + 1));
  header.put(operands);
  header.put(uint8_t{0});  // no folders
  for (const CodeLine& line : code.symbol.lines) {
    if (!files.try_emplace(line.source.file, files.size() + 1).second) continue;
    header.put_text(line.source.file);
    for (int k = 0; k < 3; ++k) header.put_unsigned(0);  // folder, time, length
  }
  header.put(uint8_t{0});

  Bytes program;
  const auto extended = [&](uint8_t opcode, uint64_t bytes) {
    program.put(uint8_t{0});
    program.put_unsigned(bytes + 1);
    program.put(opcode);
  };
  extended(kLongSetAddress, sizeof code.address);
  program.put(code.address);
  uint64_t offset = 0, file = 1;
  int64_t at = 1;
  for (const CodeLine& line : code.symbol.lines) {
    program.put(kStepAdvancePc);
    program.put_unsigned(line.offset - offset);
    offset = line.offset;
    if (const uint64_t other = files.at(line.source.file); other != file) {
      program.put(kStepSetFile);
      program.put_unsigned(file = other);
    }
    program.put(kStepAdvanceLine);
    program.put_signed(line.source.line - at);
    at = line.source.line;
    program.put(kStepCopy);
  }
  program.put(kStepAdvancePc);
  program.put_unsigned(code.bytes - offset);
  extended(kLongEndSequence, 0);

  Bytes unit;
  unit.put(uint16_t{4});  // version
  unit.put_counted(header);
  unit.append(program);
  Bytes out;
  out.put_counted(unit);
  return out.text();
}

struct Section {
  std::string_view name;
  uint32_t type;
  std::string content;
  Elf64_Shdr header{};
};

}  // namespace

std::string symbol_object(const NamedCode& code) {
  std::vector<Section> sections{{"", SHT_NULL, {}}, {".text", SHT_NOBITS, {}}};
  const auto add = [&](std::string_view name, uint32_t type, std::string content) -> Elf64_Shdr& {
    sections.push_back({name, type, std::move(content)});
    sections.back().header.sh_addralign = 1;
    return sections.back().header;
  };
  Elf64_Shdr& text = sections[1].header;
  text.sh_flags = SHF_ALLOC | SHF_EXECINSTR;
  text.sh_addr = code.address;
  text.sh_size = code.bytes;
  text.sh_addralign = 16;

  std::array<Elf64_Sym, 2> symbols{};
  symbols[1].st_name = 1;
  symbols[1].st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
  symbols[1].st_shndx = 1;
  symbols[1].st_size = code.bytes;
  Elf64_Shdr& table = add(".symtab", SHT_SYMTAB, {reinterpret_cast<const char*>(symbols.data()), sizeof symbols});
  table.sh_link = static_cast<uint32_t>(sections.size());  // the next one
  table.sh_info = 1;                                       // the first global symbol
  table.sh_entsize = sizeof(Elf64_Sym);
  table.sh_addralign = 8;
  add(".strtab", SHT_STRTAB, std::string(1, '\0') + code.symbol.name + '\0');
  if (!code.frames.empty()) {
    Elf64_Shdr& frames = add(".eh_frame", SHT_PROGBITS, std::string(code.frames));
    frames.sh_flags = SHF_ALLOC;
    frames.sh_addr = reinterpret_cast<uint64_t>(code.frames.data());  // what they say is relative to it
    frames.sh_addralign = 8;
  }
  if (!code.symbol.lines.empty()) {
    add(".debug_abbrev", SHT_PROGBITS, abbreviations());
    add(".debug_info", SHT_PROGBITS, information(code));
    add(".debug_line", SHT_PROGBITS, line_table(code));
  }
  add(".shstrtab", SHT_STRTAB, {});
  std::string& names = sections.back().content;
  for (Section& section : sections) {
    section.header.sh_name = static_cast<uint32_t>(names.size());
    names += section.name;
    names += '\0';
  }

  std::string out(sizeof(Elf64_Ehdr), '\0');
  for (Section& section : sections) {
    section.header.sh_type = section.type;
    out.resize((out.size() + 7) / 8 * 8);
    if (section.type != SHT_NULL) section.header.sh_offset = out.size();
    if (section.type == SHT_NULL || section.type == SHT_NOBITS) continue;
    section.header.sh_size = section.content.size();
    out += section.content;
  }
  out.resize((out.size() + 7) / 8 * 8);
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_REL;
  header.e_machine = static_cast<uint16_t>(kHostMachine);
  header.e_version = EV_CURRENT;
  header.e_shoff = out.size();
  header.e_ehsize = sizeof(Elf64_Ehdr);
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = static_cast<uint16_t>(sections.size());
  header.e_shstrndx = static_cast<uint16_t>(sections.size() - 1);
  std::memcpy(out.data(), &header, sizeof header);
  for (const Section& section : sections)
    out.append(reinterpret_cast<const char*>(&section.header), sizeof section.header);
  return out;
}

}  // namespace tandem
