#include "deploy/zip.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "ir/error.h"

namespace tandem::deploy {

namespace {

// PKWARE's APPNOTE.TXT, 4.3: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
constexpr uint32_t kLocal = 0x04034B50, kCentral = 0x02014B50, kEnd = 0x06054B50;
constexpr uint32_t kEnd64 = 0x06064B50, kLocator64 = 0x07064B50;
constexpr size_t kLocalSize = 30, kCentralSize = 46, kEndSize = 22, kEnd64Size = 56, kLocator64Size = 20;
constexpr size_t kAlignment = 64;
constexpr uint16_t kPadding = 0x4454;  // the kind of the extra field that aligns
constexpr uint16_t kExtra64 = 1;       // sizes and places beyond 32 bits
constexpr uint32_t kMax32 = 0xFFFFFFFF;
constexpr uint64_t kMostEntries = 100000;

[[noreturn]] void broken(std::string_view what) {
  throw_error(ErrorKind::serialization, "load: got a file that is no archive of Tandem or is damaged: {}", what);
}

template <class T>
T number_at(std::string_view bytes, size_t place) {
  T value{};
  if (place > bytes.size() || bytes.size() - place < sizeof value) broken("it ends inside a header");
  std::memcpy(&value, bytes.data() + place, sizeof value);  // little-endian, as this machine
  return value;
}

std::string_view part(std::string_view file, uint64_t place, uint64_t length, std::string_view what) {
  if (place > file.size() || length > file.size() - place) broken(what);
  return file.substr(place, length);
}

bool is_safe(std::string_view name) {
  return !name.empty() && name.front() != '/' && name.find("..") == std::string_view::npos &&
         name.find('\\') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

// Slicing by eight would be faster; only what is small is read this way, and what is written.
uint32_t crc32(std::string_view bytes) {
  static const auto kTable = [] {
    std::array<std::array<uint32_t, 256>, 8> table{};
    for (uint32_t n = 0; n < 256; ++n) {
      uint32_t c = n;
      for (int k = 0; k < 8; ++k) c = (c & 1) != 0 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
      table[0][n] = c;
    }
    for (size_t n = 0; n < 256; ++n)
      for (size_t k = 1; k < 8; ++k) table[k][n] = (table[k - 1][n] >> 8) ^ table[0][table[k - 1][n] & 255];
    return table;
  }();
  uint32_t crc = ~uint32_t{0};
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  size_t left = bytes.size();
  for (; left >= 8; left -= 8, data += 8) {
    uint32_t low = 0, high = 0;
    std::memcpy(&low, data, 4);
    std::memcpy(&high, data + 4, 4);
    low ^= crc;
    crc = kTable[7][low & 255] ^ kTable[6][(low >> 8) & 255] ^ kTable[5][(low >> 16) & 255] ^ kTable[4][low >> 24] ^
          kTable[3][high & 255] ^ kTable[2][(high >> 8) & 255] ^ kTable[1][(high >> 16) & 255] ^ kTable[0][high >> 24];
  }
  for (; left > 0; --left, ++data) crc = kTable[0][(crc ^ *data) & 255] ^ (crc >> 8);
  return ~crc;
}

struct Directory {
  uint64_t place, length, count;
};

Directory find_directory(std::string_view file) {
  if (file.size() < kEndSize) broken("it is too short");
  // The end record has a comment behind it, which Tandem does not write.
  const size_t end = file.size() - kEndSize;
  if (number_at<uint32_t>(file, end) != kEnd) broken("its end is missing");
  Directory found{number_at<uint32_t>(file, end + 16), number_at<uint32_t>(file, end + 12),
                  number_at<uint16_t>(file, end + 10)};
  if (found.place != kMax32 && found.count != 0xFFFF && found.length != kMax32) return found;
  if (end < kLocator64Size || number_at<uint32_t>(file, end - kLocator64Size) != kLocator64)
    broken("the end of its directory is missing");
  const auto record = number_at<uint64_t>(file, end - kLocator64Size + 8);
  if (number_at<uint32_t>(part(file, record, kEnd64Size, "its directory lies outside"), 0) != kEnd64)
    broken("the end of its directory is missing");
  return {number_at<uint64_t>(file, record + 48), number_at<uint64_t>(file, record + 40),
          number_at<uint64_t>(file, record + 32)};
}

// Replaces those of the three values that do not fit into 32 bits.
void read_extra64(std::string_view extra, uint64_t& size, uint64_t& stored, uint64_t& header) {
  while (extra.size() >= 4) {
    const auto kind = number_at<uint16_t>(extra, 0);
    std::string_view field = part(extra, 4, number_at<uint16_t>(extra, 2), "a field is too long");
    extra.remove_prefix(4 + field.size());
    if (kind != kExtra64) continue;
    for (uint64_t* value : {&size, &stored, &header}) {
      if (*value != kMax32) continue;
      *value = number_at<uint64_t>(field, 0);
      field.remove_prefix(8);
    }
  }
}

}  // namespace

std::shared_ptr<MappedFile> MappedFile::open(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    throw_error(ErrorKind::value, "load: got '{}', which cannot be opened: {}; need a file", path,
                std::strerror(errno));
  struct stat status{};
  void* memory = MAP_FAILED;
  if (::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0)
    memory = ::mmap(nullptr, static_cast<size_t>(status.st_size), PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor, 0);
  ::close(descriptor);
  if (memory == MAP_FAILED) throw_error(ErrorKind::serialization, "load: got '{}', which is empty or no file", path);
  return std::shared_ptr<MappedFile>(new MappedFile(static_cast<char*>(memory), static_cast<size_t>(status.st_size)));
}

MappedFile::~MappedFile() { ::munmap(data_, size_); }

std::map<std::string, ZipEntry, std::less<>> read_zip(std::string_view file) {
  const Directory directory = find_directory(file);
  if (directory.count > kMostEntries) broken("it has too many entries");
  part(file, directory.place, directory.length, "its directory lies outside");
  std::map<std::string, ZipEntry, std::less<>> found;
  size_t at = directory.place;
  for (uint64_t k = 0; k < directory.count; ++k) {
    if (number_at<uint32_t>(file, at) != kCentral) broken("its directory is damaged");
    const auto flags = number_at<uint16_t>(file, at + 8);
    const auto method = number_at<uint16_t>(file, at + 10);
    uint64_t stored = number_at<uint32_t>(file, at + 20), size = number_at<uint32_t>(file, at + 24);
    const auto name_length = number_at<uint16_t>(file, at + 28);
    const auto extra_length = number_at<uint16_t>(file, at + 30);
    uint64_t header = number_at<uint32_t>(file, at + 42);
    const std::string_view name = part(file, at + kCentralSize, name_length, "a name lies outside");
    read_extra64(part(file, at + kCentralSize + name_length, extra_length, "a field lies outside"), size, stored,
                 header);
    if (!is_safe(name)) broken("a name leads outside of the archive");
    if (method != 0 || stored != size) broken("an entry is compressed");
    if ((flags & 1) != 0) broken("an entry is encrypted");
    if (number_at<uint32_t>(part(file, header, kLocalSize, "an entry lies outside"), 0) != kLocal)
      broken("an entry has no header");
    const uint64_t data =
        header + kLocalSize + number_at<uint16_t>(file, header + 26) + number_at<uint16_t>(file, header + 28);
    if (part(file, header + kLocalSize, name_length, "a name lies outside") != name)
      broken("an entry and the directory disagree");
    const ZipEntry entry{part(file, data, size, "an entry lies outside"), header, at,
                         number_at<uint32_t>(file, at + 16)};
    if (!found.emplace(std::string(name), entry).second) broken("a name occurs twice");
    at += kCentralSize + name_length + extra_length + number_at<uint16_t>(file, at + 32);
  }
  return found;
}

void verify_checksum(std::string_view name, const ZipEntry& entry) {
  if (crc32(entry.bytes) != entry.checksum) broken(fmt::format("'{}' does not agree with its checksum", name));
}

namespace {

template <class T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

class OutputFile {
 public:
  explicit OutputFile(const std::string& path) : path_(path), unfinished_(fmt::format("{}.{}.part", path, ::getpid())) {
    descriptor_ = ::open(unfinished_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor_ < 0) fail();
  }
  ~OutputFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!finished_) ::unlink(unfinished_.c_str());
  }
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::string_view bytes) {
    place_ += bytes.size();
    while (!bytes.empty()) {
      const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail();
      bytes.remove_prefix(static_cast<size_t>(count));
    }
  }
  void finish() {
    if (::fsync(descriptor_) != 0 || ::rename(unfinished_.c_str(), path_.c_str()) != 0) fail();
    finished_ = true;
  }
  uint64_t place() const { return place_; }

 private:
  [[noreturn]] void fail() const {
    throw_error(ErrorKind::value, "save: got '{}', which cannot be written: {}", path_, std::strerror(errno));
  }
  std::string path_, unfinished_;
  int descriptor_ = -1;
  uint64_t place_ = 0;
  bool finished_ = false;
};

// What the header of an entry and its entry of the directory have in common.
void put_common(std::string& out, const ZipPart& part, uint32_t checksum, bool big, size_t extra) {
  put<uint16_t>(out, big ? 45 : 20);  // the version that reads it
  put<uint16_t>(out, 0x800);          // names are UTF-8
  put<uint16_t>(out, 0);              // stored
  put<uint32_t>(out, 0x00210000);     // the first of January 1980: equal models are equal files
  put<uint32_t>(out, checksum);
  put<uint32_t>(out, big ? kMax32 : static_cast<uint32_t>(part.bytes.size()));
  put<uint32_t>(out, big ? kMax32 : static_cast<uint32_t>(part.bytes.size()));
  put<uint16_t>(out, static_cast<uint16_t>(part.name.size()));
  put<uint16_t>(out, static_cast<uint16_t>(extra));
}

}  // namespace

void write_zip(const std::string& path, const std::vector<ZipPart>& parts) {
  OutputFile file(path);
  std::string directory;
  for (const ZipPart& part : parts) {
    const uint32_t checksum = crc32(part.bytes);
    const uint64_t header = file.place();
    const bool big = part.bytes.size() >= kMax32;
    std::string extra;
    if (big) {
      put<uint16_t>(extra, kExtra64);
      put<uint16_t>(extra, 16);
      put<uint64_t>(extra, part.bytes.size());
      put<uint64_t>(extra, part.bytes.size());
    }
    const size_t before = header + kLocalSize + part.name.size() + extra.size() + 4;
    const size_t padding = (kAlignment - before % kAlignment) % kAlignment;
    put<uint16_t>(extra, kPadding);
    put<uint16_t>(extra, static_cast<uint16_t>(padding));
    extra.append(padding, '\0');
    std::string local;
    put<uint32_t>(local, kLocal);
    put_common(local, part, checksum, big, extra.size());
    for (const std::string_view piece : {std::string_view(local), std::string_view(part.name), std::string_view(extra)})
      file.write(piece);
    file.write(part.bytes);

    const bool far = header >= kMax32;
    std::string extra64;
    if (big || far) {
      put<uint16_t>(extra64, kExtra64);
      put<uint16_t>(extra64, static_cast<uint16_t>((big ? 16 : 0) + (far ? 8 : 0)));
      if (big) put<uint64_t>(extra64, part.bytes.size()), put<uint64_t>(extra64, part.bytes.size());
      if (far) put<uint64_t>(extra64, header);
    }
    put<uint32_t>(directory, kCentral);
    put<uint16_t>(directory, big || far ? 45 : 20);
    put_common(directory, part, checksum, big, extra64.size());
    put<uint16_t>(directory, 0);  // comment, disk, attributes
    put<uint16_t>(directory, 0);
    put<uint16_t>(directory, 0);
    put<uint32_t>(directory, 0);
    put<uint32_t>(directory, far ? kMax32 : static_cast<uint32_t>(header));
    directory += part.name;
    directory += extra64;
  }
  const uint64_t place = file.place();
  const bool large = place >= kMax32 || parts.size() >= 0xFFFF;
  std::string end;
  if (large) {
    put<uint32_t>(end, kEnd64);
    put<uint64_t>(end, kEnd64Size - 12);
    put<uint16_t>(end, 45);
    put<uint16_t>(end, 45);
    put<uint32_t>(end, 0);
    put<uint32_t>(end, 0);
    put<uint64_t>(end, parts.size());
    put<uint64_t>(end, parts.size());
    put<uint64_t>(end, directory.size());
    put<uint64_t>(end, place);
    put<uint32_t>(end, kLocator64);
    put<uint32_t>(end, 0);
    put<uint64_t>(end, place + directory.size());
    put<uint32_t>(end, 1);
  }
  put<uint32_t>(end, kEnd);
  put<uint16_t>(end, 0);
  put<uint16_t>(end, 0);
  put<uint16_t>(end, large ? 0xFFFF : static_cast<uint16_t>(parts.size()));
  put<uint16_t>(end, large ? 0xFFFF : static_cast<uint16_t>(parts.size()));
  put<uint32_t>(end, static_cast<uint32_t>(directory.size()));
  put<uint32_t>(end, large ? kMax32 : static_cast<uint32_t>(place));
  put<uint16_t>(end, 0);
  file.write(directory + end);
  file.finish();
}

}  // namespace tandem::deploy
