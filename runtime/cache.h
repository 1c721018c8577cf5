// Kernel cache on disk: opaque blobs (machine-code objects) under 128-bit keys. It never throws and never returns a
// damaged entry: what cannot be read, written or verified is a miss.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem {

struct CacheKey {
  std::array<uint64_t, 2> words{};
  bool operator==(const CacheKey&) const = default;
  std::string hex() const;
};
// Fast and well mixed, not cryptographic: it tells kernels apart, it does not defend against forged ones. What defends
// is that the cache folder is refused when anybody else may write into it.
CacheKey hash128(std::string_view bytes);

struct CacheKeyHash {
  size_t operator()(const CacheKey& key) const { return key.words[0]; }
};

// $TANDEM_CACHE_DIR, else $XDG_CACHE_HOME/tandem, else ~/.cache/tandem; "" turns the disk cache off.
// Safe with many processes: entries are written to a temporary name and renamed; each carries magic, key, length and
// a checksum. The folder is kept under $TANDEM_CACHE_SIZE (default 256 MB) by removing the least recently used.
std::optional<std::vector<char>> cache_read(const CacheKey& key);
void cache_write(const CacheKey& key, std::string_view blob);
std::vector<CacheKey> cache_keys();  // of what is on the disk
std::string cache_folder();
void cache_clear_disk();
void cache_trim_disk();  // applies the size cap now; cache_write does so about every 64 writes

// Since the start of the process.
struct CacheStats {
  int64_t reads = 0;
  int64_t hits = 0;
  int64_t writes = 0;    // entries that reached the disk
  int64_t corrupt = 0;   // entries dropped because they did not verify
  int64_t failures = 0;  // the file system said no (unwritable folder, disk full ...)
};
CacheStats cache_stats();

}  // namespace tandem
