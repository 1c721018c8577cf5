#include "runtime/pack.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "ir/error.h"

namespace tandem {

namespace {

constexpr const char* kFile = "kernels.pack";
constexpr uint32_t kMagic = 0x4B504454;  // "TDPK"
constexpr uint32_t kVersion = 1;

struct Header {
  uint32_t magic;
  uint32_t version;
  uint64_t count;
};

static_assert(sizeof(Header) == 16);

bool before(const uint64_t* a, const uint64_t* b) { return a[0] != b[0] ? a[0] < b[0] : a[1] < b[1]; }

std::string pack_file() {
  if (const char* named = std::getenv("TANDEM_PACK")) return named;
  Dl_info place{};
  if (dladdr(reinterpret_cast<const void*>(&pack_find), &place) == 0 || place.dli_fname == nullptr) return "";
  const std::string file = place.dli_fname;
  const size_t slash = file.rfind('/');
  return (slash == std::string::npos ? "" : file.substr(0, slash + 1)) + kFile;
}

// The file as memory; no bytes when there is none, or one of another kind.
std::string_view map_file(const std::string& file) {
  const int descriptor = file.empty() ? -1 : ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return {};
  struct stat status;
  void* memory = MAP_FAILED;
  if (::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0)
    memory = ::mmap(nullptr, static_cast<size_t>(status.st_size), PROT_READ, MAP_PRIVATE, descriptor, 0);
  ::close(descriptor);
  if (memory == MAP_FAILED) return {};
  return {static_cast<const char*>(memory), static_cast<size_t>(status.st_size)};
}

}  // namespace

// One row of the table, which follows the header, in the order of the keys. The objects follow the table.
struct Pack::Row {
  uint64_t key[2];
  uint64_t offset;
  uint64_t length;
  uint64_t checksum[2];
};

Pack::Pack(std::string_view bytes) : bytes_(bytes) {
  static_assert(sizeof(Row) == 48);
  Header header{};
  if (bytes_.size() < sizeof header) return;
  std::memcpy(&header, bytes_.data(), sizeof header);
  if (header.magic != kMagic || header.version != kVersion ||
      header.count > (bytes_.size() - sizeof header) / sizeof(Row))
    return;
  count_ = header.count;
}

// Copied: bytes of a file that another program wrote begin anywhere.
Pack::Row Pack::row(size_t number) const {
  Row row;
  std::memcpy(&row, bytes_.data() + sizeof(Header) + number * sizeof row, sizeof row);
  return row;
}

std::string_view Pack::find(const CacheKey& key) const {
  size_t begin = 0;  // the first row whose key is not before
  for (size_t end = count_; begin < end;) {
    const size_t middle = begin + (end - begin) / 2;
    if (before(row(middle).key, key.words.data()))
      begin = middle + 1;
    else
      end = middle;
  }
  if (begin == count_) return {};
  const Row found = row(begin);
  if (before(key.words.data(), found.key)) return {};
  if (found.offset > bytes_.size() || found.length > bytes_.size() - found.offset) return {};
  const std::string_view object = bytes_.substr(found.offset, found.length);
  const CacheKey sum = hash128(object);
  return sum.words[0] == found.checksum[0] && sum.words[1] == found.checksum[1] ? object : std::string_view{};
}

std::string pack_bytes(std::vector<std::pair<CacheKey, std::string>> entries) {
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return before(a.first.words.data(), b.first.words.data()); });
  std::string out;
  const auto put = [&](const auto& part) { out.append(reinterpret_cast<const char*>(&part), sizeof part); };
  put(Header{kMagic, kVersion, entries.size()});
  uint64_t offset = sizeof(Header) + entries.size() * sizeof(Pack::Row);
  for (const auto& [key, object] : entries) {
    const CacheKey sum = hash128(object);
    put(Pack::Row{{key.words[0], key.words[1]}, offset, object.size(), {sum.words[0], sum.words[1]}});
    offset += object.size();
  }
  for (const auto& [key, object] : entries) out += object;
  return out;
}

std::string_view pack_find(const CacheKey& key) {
  static const auto* const pack = new Pack(map_file(pack_file()));  // kernels may still be loaded as the process ends
  return pack->find(key);
}

int64_t pack_cache(const std::string& file) {
  std::vector<std::pair<CacheKey, std::string>> entries;
  for (const CacheKey& key : cache_keys())
    if (auto object = cache_read(key)) entries.emplace_back(key, std::string(object->data(), object->size()));
  const auto count = static_cast<int64_t>(entries.size());
  const std::string bytes = pack_bytes(std::move(entries));
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out) throw_error(ErrorKind::value, "pack: got the file '{}', which cannot be written", file);
  return count;
}

}  // namespace tandem
