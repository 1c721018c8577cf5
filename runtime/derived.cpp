#include "runtime/derived.h"

#include <mutex>

namespace tandem {

// One of a list per storage. Without memory: its version was seen once.
struct Derived {
  const void* data;
  DerivedKey key;
  uint32_t version;
  StorageRef memory;
  Derived* next;
};

namespace {

constexpr int kMostOfOne = 16;  // views of one tensor, as weights of different sizes

std::mutex& mutex() {
  static std::mutex& instance = *new std::mutex;
  return instance;
}

Derived* find(Storage& of, const void* data, const DerivedKey& key, int& count) {
  count = 0;
  for (Derived* each = of.derived; each; each = each->next, ++count)
    if (each->data == data && each->key == key) return each;
  return nullptr;
}

}  // namespace

StorageRef detail::find_derived(Storage& of, const void* data, const DerivedKey& key, bool& keep) {
  StorageRef dropped;  // outside of the lock
  const std::lock_guard lock(mutex());
  int count;
  Derived* found = find(of, data, key, count);
  if (!found) {
    if (count < kMostOfOne) of.derived = new Derived{data, key, of.version, {}, of.derived};
    return {};
  }
  if (found->version != of.version) {
    found->version = of.version;
    dropped = std::move(found->memory);
    return {};
  }
  keep = !found->memory;
  return found->memory;
}

void detail::keep_derived(Storage& of, const void* data, const DerivedKey& key, uint32_t version,
                          const StorageRef& made) {
  const std::lock_guard lock(mutex());
  int count;
  Derived* found = find(of, data, key, count);
  if (found && found->version == version && of.version == version && !found->memory) found->memory = made;
}

void detail::drop_derived(Storage& of) {
  for (Derived *each = of.derived, *next; each; each = next) {
    next = each->next;
    delete each;
  }
  of.derived = nullptr;
}

}  // namespace tandem
