#include "runtime/cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <utility>

namespace tandem {

namespace {

// ---- hash -------------------------------------------------------------------------------------------------------

constexpr uint64_t kSeeds[6] = {0x9E3779B97F4A7C15u, 0xD1B54A32D192ED03u, 0x8CB92BA72F3D8DD7u,
                                0xA24BAED4963EE407u, 0xC2B2AE3D27D4EB4Fu, 0x165667B19E3779F9u};

uint64_t rotate(uint64_t x, int by) { return (x << by) | (x >> (64 - by)); }

// Both halves of the 128-bit product: every input bit reaches every output bit.
uint64_t fold(uint64_t a, uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

// Adding the old state keeps it alive even when a factor of the product happens to be zero.
uint64_t absorb(uint64_t state, uint64_t first, uint64_t second, uint64_t seed) {
  return fold(first ^ seed, second ^ state) + rotate(state, 27) + second;
}

uint64_t load_word(const char* bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

// ---- files ------------------------------------------------------------------------------------------------------

constexpr uint32_t kMagic = 0x4B434454;  // "TDCK"
constexpr uint32_t kVersion = 1;
constexpr int64_t kLargestEntry = int64_t{1} << 30;
constexpr int64_t kDefaultSize = int64_t{256} << 20;
constexpr std::string_view kSuffix = ".kernel";
constexpr std::string_view kTemporary = ".tmp-";
constexpr time_t kTouchInterval = 60;
constexpr time_t kStaleTemporary = 3600;
constexpr uint32_t kWritesPerTrim = 64;

struct Header {
  uint32_t magic;
  uint32_t version;
  uint64_t key[2];
  uint64_t length;
  uint64_t checksum[2];
};
static_assert(sizeof(Header) == 48);

struct Counters {
  std::atomic<int64_t> reads{0}, hits{0}, writes{0}, corrupt{0}, failures{0};
};
Counters counters;

void count(std::atomic<int64_t>& counter) { counter.fetch_add(1, std::memory_order_relaxed); }

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  explicit operator bool() const { return descriptor_ >= 0; }
  int get() const { return descriptor_; }
  bool close() { return ::close(std::exchange(descriptor_, -1)) == 0; }

  bool read(void* into, size_t bytes) const {
    auto* at = static_cast<char*>(into);
    while (bytes > 0) {
      const ssize_t got = ::read(descriptor_, at, bytes);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return false;
      at += got;
      bytes -= static_cast<size_t>(got);
    }
    return true;
  }
  bool write(const void* from, size_t bytes) const {
    const auto* at = static_cast<const char*>(from);
    while (bytes > 0) {
      const ssize_t got = ::write(descriptor_, at, bytes);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return false;
      at += got;
      bytes -= static_cast<size_t>(got);
    }
    return true;
  }

 private:
  int descriptor_;
};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

int64_t size_cap() {
  const std::string text = environment("TANDEM_CACHE_SIZE");
  int64_t cap = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), cap);
  return result.ec == std::errc{} && result.ptr == text.data() + text.size() && cap >= 0 ? cap : kDefaultSize;
}

bool make_folders(const std::string& folder) {
  for (size_t end = folder.find('/', 1);; end = folder.find('/', end + 1)) {
    const std::string part = folder.substr(0, end);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
      struct stat status;
      if (::stat(part.c_str(), &status) != 0) return false;  // e.g. EROFS on an existing parent is fine
    }
    if (end == std::string::npos) return true;
  }
}

// Machine code read from here will run, so nobody else may be able to put any.
bool trustworthy(const std::string& folder) {
  struct stat status;
  return ::stat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
         (status.st_uid == ::geteuid() || status.st_uid == 0) && (status.st_mode & S_IWOTH) == 0;
}

std::string path_of(const std::string& folder, const CacheKey& key) {
  return fmt::format("{}/{}{}", folder, key.hex(), kSuffix);
}

Header header_of(const CacheKey& key, std::string_view blob) {
  const CacheKey sum = hash128(blob);
  return {kMagic, kVersion, {key.words[0], key.words[1]}, blob.size(), {sum.words[0], sum.words[1]}};
}

enum class Outcome { hit, absent, damaged, failed };

Outcome read_entry(const std::string& path, const CacheKey& key, std::vector<char>& blob) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file) return errno == ENOENT || errno == ENOTDIR ? Outcome::absent : Outcome::failed;
  struct stat status;
  if (::fstat(file.get(), &status) != 0) return Outcome::failed;
  const int64_t length = static_cast<int64_t>(status.st_size) - static_cast<int64_t>(sizeof(Header));
  Header header;
  if (!S_ISREG(status.st_mode) || length < 0 || length > kLargestEntry || !file.read(&header, sizeof header))
    return Outcome::damaged;
  if (header.magic != kMagic || header.version != kVersion || header.length != static_cast<uint64_t>(length))
    return Outcome::damaged;
  blob.resize(static_cast<size_t>(length));
  if (!file.read(blob.data(), blob.size())) return Outcome::damaged;
  const Header expected = header_of(key, {blob.data(), blob.size()});
  if (std::memcmp(&header, &expected, sizeof header) != 0) return Outcome::damaged;
  // The modification time is the last use. Refreshed once a minute, so that hits stay reads.
  if (status.st_mtime + kTouchInterval < ::time(nullptr)) ::futimens(file.get(), nullptr);
  return Outcome::hit;
}

bool write_entry(const std::string& folder, const CacheKey& key, std::string_view blob) {
  static std::atomic<uint32_t> serial{0};
  const std::string temporary =
      fmt::format("{}/{}{}-{}-{}", folder, kTemporary, ::getpid(), serial.fetch_add(1), key.hex());
  File file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return false;
  const Header header = header_of(key, blob);
  const bool written = file.write(&header, sizeof header) && file.write(blob.data(), blob.size());
  if (file.close() && written && ::rename(temporary.c_str(), path_of(folder, key).c_str()) == 0) return true;
  ::unlink(temporary.c_str());
  return false;
}

template <class Visit>
void for_each_file(const std::string& folder, Visit visit) {
  DIR* directory = ::opendir(folder.c_str());
  if (!directory) return;
  while (const dirent* entry = ::readdir(directory)) {
    const std::string_view name = entry->d_name;
    const bool temporary = name.starts_with(kTemporary);
    if (!temporary && !name.ends_with(kSuffix)) continue;  // not ours
    std::string path = fmt::format("{}/{}", folder, name);
    struct stat status;
    if (::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode)) visit(std::move(path), status, temporary);
  }
  ::closedir(directory);
}

void trim(const std::string& folder) {
  struct Entry {
    std::string path;
    int64_t size;
    timespec used;
  };
  std::vector<Entry> entries;
  int64_t total = 0;
  const time_t now = ::time(nullptr);
  for_each_file(folder, [&](std::string path, const struct stat& status, bool temporary) {
    if (temporary) {  // what a killed process left behind
      if (status.st_mtime + kStaleTemporary < now) ::unlink(path.c_str());
      return;
    }
    total += status.st_size;
    entries.push_back({std::move(path), static_cast<int64_t>(status.st_size), status.st_mtim});
  });
  const int64_t cap = size_cap();
  if (total <= cap) return;
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return a.used.tv_sec != b.used.tv_sec ? a.used.tv_sec < b.used.tv_sec : a.used.tv_nsec < b.used.tv_nsec;
  });
  for (const Entry& entry : entries) {
    if (total <= cap - cap / 8) break;  // some room, so that the next write does not trim again
    if (::unlink(entry.path.c_str()) == 0) total -= entry.size;
  }
}

// Short processes write few entries each, so the count starts anywhere: on average every 64th write trims.
bool trim_is_due() {
  static std::atomic<uint32_t> written{static_cast<uint32_t>(::getpid()) * 2654435761u >> 8};
  return written.fetch_add(1, std::memory_order_relaxed) % kWritesPerTrim == 0;
}

}  // namespace

CacheKey hash128(std::string_view bytes) {
  uint64_t left = kSeeds[0] ^ bytes.size();
  uint64_t right = kSeeds[1] + rotate(bytes.size(), 32);
  const char* at = bytes.data();
  size_t rest = bytes.size();
  for (; rest >= 16; at += 16, rest -= 16) {
    const uint64_t first = load_word(at), second = load_word(at + 8);
    left = absorb(left, first, second, kSeeds[2]);
    right = absorb(right, second, first, kSeeds[3]);
  }
  char tail[16] = {};
  if (rest > 0) std::memcpy(tail, at, rest);  // the length is part of the state: padding cannot collide
  left = absorb(left, load_word(tail), load_word(tail + 8), kSeeds[4]);
  right = absorb(right, load_word(tail + 8), load_word(tail), kSeeds[5]);
  const uint64_t a = fold(left ^ kSeeds[1], right ^ kSeeds[3]) + left;
  const uint64_t b = fold(right ^ kSeeds[5], left ^ kSeeds[0]) + right;
  return {{fold(a ^ kSeeds[2], b ^ kSeeds[4]) ^ a, fold(b ^ kSeeds[1], a ^ kSeeds[5]) ^ b}};
}

std::string CacheKey::hex() const { return fmt::format("{:016x}{:016x}", words[0], words[1]); }

std::string cache_folder() {
  if (const char* folder = std::getenv("TANDEM_CACHE_DIR")) return folder;
  if (const std::string folder = environment("XDG_CACHE_HOME"); !folder.empty()) return folder + "/tandem";
  if (const std::string folder = environment("HOME"); !folder.empty()) return folder + "/.cache/tandem";
  return "";
}

std::optional<std::vector<char>> cache_read(const CacheKey& key) try {
  const std::string folder = cache_folder();
  if (folder.empty()) return std::nullopt;
  count(counters.reads);
  const std::string path = path_of(folder, key);
  std::vector<char> blob;
  switch (trustworthy(folder) ? read_entry(path, key, blob) : Outcome::absent) {
    case Outcome::hit: count(counters.hits); return blob;
    case Outcome::absent: break;
    case Outcome::damaged:
      count(counters.corrupt);
      ::unlink(path.c_str());
      break;
    case Outcome::failed: count(counters.failures); break;
  }
  return std::nullopt;
} catch (...) {
  count(counters.failures);
  return std::nullopt;
}

void cache_write(const CacheKey& key, std::string_view blob) try {
  const std::string folder = cache_folder();
  if (folder.empty()) return;
  if (static_cast<int64_t>(blob.size()) > kLargestEntry || !make_folders(folder) || !trustworthy(folder) ||
      !write_entry(folder, key, blob)) {
    count(counters.failures);
    return;
  }
  count(counters.writes);
  if (trim_is_due()) trim(folder);
} catch (...) {
  count(counters.failures);
}

std::vector<CacheKey> cache_keys() try {
  std::vector<CacheKey> keys;
  const std::string folder = cache_folder();
  if (folder.empty()) return keys;
  for_each_file(folder, [&](const std::string& path, const struct stat&, bool temporary) {
    const std::string_view name = std::string_view(path).substr(folder.size() + 1);
    CacheKey key;
    const auto word = [&](size_t from, uint64_t& value) {
      const auto result = std::from_chars(name.data() + from, name.data() + from + 16, value, 16);
      return result.ec == std::errc{} && result.ptr == name.data() + from + 16;
    };
    if (!temporary && name.size() == 32 + kSuffix.size() && word(0, key.words[0]) && word(16, key.words[1]))
      keys.push_back(key);
  });
  return keys;
} catch (...) {
  count(counters.failures);
  return {};
}

void cache_trim_disk() try {
  if (const std::string folder = cache_folder(); !folder.empty()) trim(folder);
} catch (...) {
  count(counters.failures);
}

void cache_clear_disk() try {
  const std::string folder = cache_folder();
  if (folder.empty()) return;
  for_each_file(folder, [](const std::string& path, const struct stat&, bool) { ::unlink(path.c_str()); });
} catch (...) {
  count(counters.failures);
}

CacheStats cache_stats() {
  return {counters.reads.load(), counters.hits.load(), counters.writes.load(), counters.corrupt.load(),
          counters.failures.load()};
}

}  // namespace tandem
