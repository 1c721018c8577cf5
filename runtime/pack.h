// Kernels that a build of Tandem brings along: machine-code objects under the keys of the disk cache, in one read-only
// file, `kernels.pack`, beside the library. After a fresh install ordinary eager work finds its kernels there.
// Looked into before the disk cache; what is missing, cut short or damaged is a miss, never an error.
#pragma once
#include <string>
#include <string_view>

#include "runtime/cache.h"

namespace tandem {

// The object under `key`, in memory that stays mapped; empty when there is none. $TANDEM_PACK names another file;
// "" turns the pack off.
std::string_view pack_find(const CacheKey& key);

// Writes all entries of the cache folder into `file`. Returns how many there are; throws Error{value} when the file
// cannot be written.
int64_t pack_cache(const std::string& file);

}  // namespace tandem
