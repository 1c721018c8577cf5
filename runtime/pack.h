// Packs: many small objects under 128-bit keys in one read-only block of bytes.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/cache.h"

namespace tandem {

// The bytes must outlive it. Whatever is missing, cut short or damaged is not found.
class Pack {
 public:
  struct Row;
  explicit Pack(std::string_view bytes);
  std::string_view find(const CacheKey& key) const;  // empty when there is none

 private:
  Row row(size_t number) const;
  std::string_view bytes_;
  size_t count_ = 0;
};

std::string pack_bytes(std::vector<std::pair<CacheKey, std::string>> entries);

// Kernels that a build of Tandem brings along: machine-code objects under the keys of the disk cache, in a pack,
// `kernels.pack`, beside the library. After a fresh install ordinary eager work finds its kernels there.
// Looked into before the disk cache. The object stays in memory; $TANDEM_PACK names another file; "" turns it off.
std::string_view pack_find(const CacheKey& key);

// Writes all entries of the cache folder into `file`. Returns how many there are; throws Error{value} when the file
// cannot be written.
int64_t pack_cache(const std::string& file);

}  // namespace tandem
