#include "runtime/symbols_perf.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <iterator>
#include <utility>

#include "runtime/object_reloc.h"

namespace tandem {

namespace {

// See "jitdump specification" in the documentation of perf.
constexpr uint32_t kDumpMagic = 0x4A695444, kDumpVersion = 1;
constexpr uint32_t kCodeLoad = 0, kDebugInfo = 2;

uint64_t now() {  // the clock of perf record -k mono
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

class Record {
 public:
  explicit Record(uint32_t kind) {
    put(kind);
    put(uint32_t{0});  // the size, known at the end
    put(now());
  }
  template <class T>
  void put(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void put_text(const std::string& text) { bytes_.append(text.c_str(), text.size() + 1); }
  void put_bytes(const void* data, size_t count) { bytes_.append(static_cast<const char*>(data), count); }
  std::string take() {
    const auto size = static_cast<uint32_t>(bytes_.size());
    std::memcpy(bytes_.data() + sizeof(uint32_t), &size, sizeof size);
    return std::move(bytes_);
  }

 private:
  std::string bytes_;
};

std::string dump_path() {
  const char* folder = std::getenv("JITDUMPDIR");
  return fmt::format("{}/jit-{}.dump", folder != nullptr && *folder != '\0' ? folder : "/tmp", ::getpid());
}

}  // namespace

SymbolFile::SymbolFile(std::string path) : path_(std::move(path)) {
  ::unlink(path_.c_str());  // of an earlier process of this number
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_APPEND, 0600);
  if (descriptor_ < 0) fail("opened");
}

SymbolFile::~SymbolFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void SymbolFile::fail(const char* what) {
  std::fputs(fmt::format("tandem: {} cannot be {} for TANDEM_SYMBOLS: {}\n", path_, what, std::strerror(errno)).c_str(),
             stderr);
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

void SymbolFile::write(std::string_view bytes) {
  while (descriptor_ >= 0 && !bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count > 0)
      bytes.remove_prefix(static_cast<size_t>(count));
    else if (errno != EINTR)
      fail("written");
  }
}

void SymbolFile::empty() {
  if (descriptor_ >= 0 && ::ftruncate(descriptor_, 0) != 0) fail("emptied");
}

PerfMap::PerfMap() : file_(fmt::format("/tmp/perf-{}.map", ::getpid())) {}

void PerfMap::add(const NamedCode& code) {
  const uint64_t end = code.address + code.bytes;
  auto first = rows_.lower_bound(code.address);
  if (first != rows_.begin() && std::prev(first)->second.end > code.address) --first;
  auto last = first;
  while (last != rows_.end() && last->first < end) ++last;
  const bool replaces = first != last;
  rows_.erase(first, last);
  Row& row = rows_[code.address];
  row = {end, fmt::format("{:x} {:x} {}\n", code.address, code.bytes, code.symbol.name)};
  if (!replaces) return file_.write(row.text);
  std::string all;
  for (const auto& [address, each] : rows_) all += each.text;
  file_.empty();
  file_.write(all);
}

JitDump::JitDump() : file_(dump_path()) {
  struct Header {
    uint32_t magic, version, size, machine, padding, process;
    uint64_t time, flags;
  };
  const Header header{kDumpMagic,
                      kDumpVersion,
                      sizeof(Header),
                      static_cast<uint32_t>(kHostMachine),
                      0,
                      static_cast<uint32_t>(::getpid()),
                      now(),
                      0};
  file_.write({reinterpret_cast<const char*>(&header), sizeof header});
  if (file_.descriptor() < 0) return;
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  void* marker = ::mmap(nullptr, page, PROT_READ | PROT_EXEC, MAP_PRIVATE, file_.descriptor(), 0);
  if (marker == MAP_FAILED)
    file_.fail("mapped as code (try another folder as JITDUMPDIR)");
  else
    marker_ = marker;
}

JitDump::~JitDump() {
  if (marker_ != nullptr) ::munmap(marker_, static_cast<size_t>(::sysconf(_SC_PAGESIZE)));
}

void JitDump::add(const NamedCode& code) {
  if (file_.descriptor() < 0) return;
  std::string out;
  if (!code.symbol.lines.empty()) {  // comes before the code it is about
    Record lines(kDebugInfo);
    lines.put(code.address);
    lines.put(uint64_t{code.symbol.lines.size() + 1});
    const auto put = [&](uint64_t offset, const SourceLoc& source) {
      lines.put(code.address + offset);
      lines.put(static_cast<int32_t>(source.line));
      lines.put(int32_t{0});  // discriminator
      lines.put_text(source.file);
    };
    for (const CodeLine& line : code.symbol.lines) put(line.offset, line.source);
    put(code.bytes, code.symbol.lines.back().source);  // a line lasts until the next one
    out = lines.take();
  }
  Record load(kCodeLoad);
  load.put(static_cast<uint32_t>(::getpid()));
  load.put(static_cast<uint32_t>(::syscall(SYS_gettid)));
  load.put(code.address);  // as it runs, and as it was made
  load.put(code.address);
  load.put(uint64_t{code.bytes});
  load.put(count_++);
  load.put_text(code.symbol.name);
  load.put_bytes(reinterpret_cast<const void*>(code.address), code.bytes);
  file_.write(out + load.take());
}

}  // namespace tandem
