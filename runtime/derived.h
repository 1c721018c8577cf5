// Copies of a tensor's elements in another layout, such as packed weights, that stay with its memory.
//
// A copy is good for one version of the memory (Storage::version). It is kept from the second call with one version on,
// so that weights that every step changes cost no memory; it goes with the memory. Memory that others may write to
// without saying so has none (Storage::lent). Test: tests/runtime/test_derived.cpp.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "runtime/storage.h"

namespace tandem {

// What it is, and its sizes.
using DerivedKey = std::array<int64_t, 4>;

// `bytes` bytes that make(memory) has written, of the elements at `data` in `of`; null: of nobody, just made. What make
// writes follows from the key and the elements.
template <class Make>
StorageRef derived(Storage* of, const void* data, const DerivedKey& key, size_t bytes, Make&& make);

// The same where it is known, without versions, for how long the elements stay as they are: for the life of this.
class DerivedCopies {
 public:
  template <class Make>
  StorageRef derived(const void* data, const DerivedKey& key, size_t bytes, Make&& make) {
    for (const Copy& copy : copies_)
      if (copy.data == data && copy.key == key) return copy.made;
    StorageRef made = allocate(bytes);
    make(made->data);
    copies_.push_back({data, key, made});
    return made;
  }

 private:
  struct Copy {
    const void* data;
    DerivedKey key;
    StorageRef made;
  };
  std::vector<Copy> copies_;
};

namespace detail {
// What is kept; null when there is nothing. `keep`: whether what is now made shall be given to keep_derived.
StorageRef find_derived(Storage& of, const void* data, const DerivedKey& key, bool& keep);
void keep_derived(Storage& of, const void* data, const DerivedKey& key, uint32_t version, const StorageRef& made);
}  // namespace detail

template <class Make>
StorageRef derived(Storage* of, const void* data, const DerivedKey& key, size_t bytes, Make&& make) {
  bool keep = false;
  const uint32_t version = of ? of->version : 0;
  if (of && !of->lent)
    if (StorageRef found = detail::find_derived(*of, data, key, keep)) return found;
  StorageRef made = allocate(bytes);
  make(made->data);
  if (keep) detail::keep_derived(*of, data, key, version, made);
  return made;
}

}  // namespace tandem
