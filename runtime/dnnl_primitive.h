// What primitives of oneDNN of every kind have in common: the library and its engine, handles that end with a block, a
// primitive made and run on one thread, and the cache that keeps them.
#pragma once
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "runtime/dnnl_api.h"

namespace tandem::dnnl {

const Api& api();  // outlives static objects that may still compute
Handle engine();   // null when there is none
// A stream of this thread: two must not use one at once. Null when none can be made.
Handle stream();

// Owns a handle for the time of a block.
template <auto Destroy>
class Scoped {
 public:
  Scoped() = default;
  Scoped(const Scoped&) = delete;
  Scoped& operator=(const Scoped&) = delete;
  ~Scoped() {
    if (handle_) (api().*Destroy)(handle_);
  }
  Handle* out() { return &handle_; }
  Handle get() const { return handle_; }

 private:
  Handle handle_ = nullptr;
};
using Memory = Scoped<&Api::memory_destroy>;
using Attributes = Scoped<&Api::attr_destroy>;
using Description = Scoped<&Api::primitive_desc_destroy>;
using PrimitiveHandle = Scoped<&Api::primitive_destroy>;

// The library asks OpenMP how many threads to use: one, as the problem is one of several that our threads share. The
// user's own setting comes back afterwards. To be held both to make and to run a primitive.
class OneThread {
 public:
  OneThread() : before_(api().set_threads ? api().most_threads() : 1) { set(1); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;
  ~OneThread() { set(before_); }

 private:
  void set(int n) const {
    if (before_ != 1) api().set_threads(n);
  }
  int before_;
};

// One operand of a call: which argument, its layout, where it lies.
struct Place {
  int argument;
  const void* description;
  const void* data;
};

// A problem of given sizes and layouts, compiled; good for any number of calls from any thread.
class Primitive {
 public:
  // Takes over the description (null: the library has none). Without `reference`, the library's slow plain loops count
  // as none.
  void make(Handle description, bool reference);
  explicit operator bool() const { return primitive_.get() != nullptr; }
  // The layout of an operand as the primitive wants it; `what` is a query of the interface.
  const void* layout(int what) const { return api().primitive_desc_query_md(description_.get(), what, 0); }
  Handle description() const { return description_.get(); }
  bool run(std::span<const Place> places) const;  // false: the library failed

 private:
  Description description_;
  PrimitiveHandle primitive_;
  const void* scratch_ = nullptr;
  size_t scratch_bytes_ = 0;
};

// Attributes every primitive is made with: scratch memory is ours. False when the library has none to give.
bool make_attributes(Attributes& attributes);

// The most recently used ones. Two threads may make the same one at the same time; one of the two is kept. What `make`
// returns for problems the library cannot do is kept, too.
using Key = std::vector<int64_t>;
template <class Made>
class Cache {
 public:
  explicit Cache(size_t most) : most_(most) {}
  template <class Make>
  std::shared_ptr<const Made> find(const Key& key, Make&& make) {
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = index_.find(key); found != index_.end()) {
        entries_.splice(entries_.begin(), entries_, found->second);
        return entries_.front().second;
      }
    }
    std::shared_ptr<const Made> made = make();
    const std::lock_guard lock(mutex_);
    if (const auto found = index_.find(key); found != index_.end()) return found->second->second;
    entries_.emplace_front(key, made);
    index_[key] = entries_.begin();
    if (entries_.size() > most_) {
      index_.erase(entries_.back().first);
      entries_.pop_back();
    }
    return made;
  }

 private:
  using Entries = std::list<std::pair<Key, std::shared_ptr<const Made>>>;
  const size_t most_;
  std::mutex mutex_;
  Entries entries_;  // most recently used first
  std::map<Key, typename Entries::iterator> index_;
};

}  // namespace tandem::dnnl
