// Three tiers by size. Small blocks (up to 32 KB) are carved out of chunks and kept in free lists per size class, first
// per thread, then shared; a free block keeps its Storage header, so that the usual allocation is one pop. Medium and
// big blocks are mappings of their own, kept in shared lists: medium ones by class, big ones by best fit. Headers of
// borrowed memory go through the same lists as a class without data.
#include "runtime/storage.h"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <bit>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include "ir/error.h"
#include "runtime/system_memory.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) (void)0
#define ASAN_UNPOISON_MEMORY_REGION(address, size) (void)0
#endif

namespace tandem {

namespace {

// ---- size classes: multiples of 64 up to 256, then four per power of two -------------------------------------------

constexpr size_t kLine = 64;
constexpr size_t kLargestSmall = size_t{32} << 10;
constexpr size_t kLargestMedium = kHugePage / 8 * 7;
constexpr size_t kChunk = size_t{1} << 20;

constexpr int class_of(size_t bytes) {
  if (bytes <= 256) return bytes == 0 ? 0 : static_cast<int>((bytes - 1) / kLine);
  const int log = std::bit_width(bytes - 1) - 1;
  return (log - 7) * 4 + static_cast<int>(((bytes - 1) >> (log - 2)) & 3);
}

constexpr size_t class_size(int index) {
  return index < 4 ? (static_cast<size_t>(index) + 1) * kLine : (static_cast<size_t>(index) % 4 + 5) << (index / 4 + 5);
}

constexpr int kSmallClasses = class_of(kLargestSmall) + 1;
constexpr int kMediumClasses = class_of(kLargestMedium) + 1;
constexpr int kBig = kMediumClasses;
constexpr int kBorrowed = kMediumClasses + 1;
static_assert(class_size(kSmallClasses - 1) == kLargestSmall && class_size(kMediumClasses - 1) == kLargestMedium);
static_assert(class_size(class_of(257)) == 320 && class_size(class_of(320)) == 320 && class_size(3) == 256);

constexpr int kLists = kSmallClasses + 1;  // of a thread: small classes, then headers of borrowed memory
constexpr int kBorrowedList = kSmallClasses;

constexpr int batch_size(int list) {  // what moves between a thread and the shared lists at a time
  return list == kBorrowedList ? 32 : static_cast<int>(std::clamp<size_t>(kLine * 1024 / class_size(list), 4, 32));
}

size_t big_size(size_t bytes) {
  const size_t step = bytes < 16 * kHugePage ? kLine * 1024 : kHugePage;
  return (bytes + step - 1) / step * step;
}

// ---- free lists: threaded through Storage::owner, which a free block does not need ----------------------------------

struct FreeList {
  Storage* head = nullptr;
  int count = 0;

  void push(Storage* storage) {
    storage->owner = head;
    head = storage;
    ++count;
  }
  Storage* pop() {
    Storage* storage = head;
    if (storage) {
      head = static_cast<Storage*>(storage->owner);
      --count;
    }
    return storage;
  }
};

struct ThreadCache {
  std::array<FreeList, kLists> lists;
  std::atomic<int64_t> allocations{0};  // written by its thread only
  ThreadCache *previous = nullptr, *next = nullptr;
};

struct BigBlock {
  Storage* storage;
  uint64_t freed;  // when, in frees
};

struct Shared {
  std::mutex mutex;  // of everything up to the atomics; never held while memory is mapped
  std::array<FreeList, kMediumClasses> free;
  FreeList borrowed_headers;
  std::vector<BigBlock> big;  // sorted by capacity
  size_t big_bytes = 0;
  uint64_t frees = 0;
  char *chunk = nullptr, *chunk_end = nullptr;
  ThreadCache* threads = nullptr;
  int64_t past_allocations = 0;  // of threads that are gone

  std::atomic<int64_t> in_use{0}, peak{0};  // the peak since it was taken
  std::atomic<int64_t> past_peak{0};        // before that
};

void fork_prepare();
void fork_done();

Shared& shared() {
  // Never destroyed: tensors may outlive every static object.
  static Shared& instance = *[] {
    auto* made = new Shared;
    pthread_atfork(fork_prepare, fork_done, fork_done);
    return made;
  }();
  return instance;
}

void fork_prepare() { shared().mutex.lock(); }
void fork_done() { shared().mutex.unlock(); }

// Made when the library is loaded: a child that is forked while another thread makes it would wait for that thread.
[[maybe_unused]] const Shared& made_at_load = shared();

// Null when neither the limit nor the system allow it even after the cache was emptied.
char* system_memory(size_t bytes) {
  if (char* memory = map_memory(bytes)) return memory;
  empty_cache();
  return map_memory(bytes);
}

[[noreturn]] void throw_out_of_memory(size_t bytes) {
  const MemoryLimit limit = memory_limit();
  throw_error(
      ErrorKind::memory,
      "allocate: got a request of {} bytes with {} bytes in use; need at most {} bytes in all ({}); try a smaller "
      "batch, a smaller dtype, or dropping tensors that are no longer needed",
      bytes, shared().in_use.load(), limit.bytes, limit.what);
}

// ---- threads --------------------------------------------------------------------------------------------------------

// initial-exec: the library is loaded by dlopen, and the general model would cost a call for every allocation.
__attribute__((tls_model("initial-exec"))) thread_local ThreadCache* thread_cache = nullptr;
thread_local bool thread_ended = false;

void give_to_shared(FreeList& list, int index, int keep) {
  Shared& all = shared();
  const std::lock_guard lock(all.mutex);
  FreeList& target = index == kBorrowedList ? all.borrowed_headers : all.free[static_cast<size_t>(index)];
  while (list.count > keep) target.push(list.pop());
}

struct ThreadEnd {
  ~ThreadEnd() {
    ThreadCache* cache = std::exchange(thread_cache, nullptr);
    thread_ended = true;
    if (!cache) return;
    for (int i = 0; i < kLists; ++i) give_to_shared(cache->lists[static_cast<size_t>(i)], i, 0);
    {
      Shared& all = shared();
      const std::lock_guard lock(all.mutex);
      all.past_allocations += cache->allocations.load(std::memory_order_relaxed);
      (cache->previous ? cache->previous->next : all.threads) = cache->next;
      if (cache->next) cache->next->previous = cache->previous;
    }
    delete cache;
  }
};

// Null while the thread's statics are being destroyed; blocks then go straight to the shared lists.
ThreadCache* make_thread_cache() {
  if (thread_ended) return nullptr;
  static thread_local ThreadEnd end;
  (void)end;
  auto* cache = new ThreadCache;
  Shared& all = shared();
  const std::lock_guard lock(all.mutex);
  cache->next = all.threads;
  if (all.threads) all.threads->previous = cache;
  all.threads = cache;
  return thread_cache = cache;
}

ThreadCache* this_thread() { return thread_cache ? thread_cache : make_thread_cache(); }

// ---- refilling ------------------------------------------------------------------------------------------------------

Storage* new_header(int size_class, void* data, size_t capacity) {
  auto* storage = new Storage;
  storage->size_class = static_cast<uint8_t>(size_class);
  storage->data = data;
  storage->capacity = capacity;
  return storage;
}

// One block for the caller, more into `list`.
Storage* refill_small(FreeList& list, int index) {
  Shared& all = shared();
  const size_t size = class_size(index);
  for (;;) {
    {
      const std::lock_guard lock(all.mutex);
      FreeList& source = all.free[static_cast<size_t>(index)];
      for (int n = batch_size(index); n > 0; --n) {
        if (Storage* storage = source.pop()) {
          list.push(storage);
        } else if (static_cast<size_t>(all.chunk_end - all.chunk) >= size) {
          list.push(new_header(index, all.chunk, size));
          ASAN_POISON_MEMORY_REGION(all.chunk, size);
          all.chunk += size;
        } else {
          break;
        }
      }
      if (Storage* storage = list.pop()) return storage;
    }
    char* chunk = system_memory(kChunk);
    if (!chunk) return nullptr;
    const std::lock_guard lock(all.mutex);
    // The rest of the old chunk (or of another thread's new one) is cut into blocks of the classes it still holds.
    while (static_cast<size_t>(all.chunk_end - all.chunk) >= kLine) {
      const size_t rest = std::min(static_cast<size_t>(all.chunk_end - all.chunk), kLargestSmall);
      int fitting = class_of(rest);
      if (class_size(fitting) > rest) --fitting;
      ASAN_POISON_MEMORY_REGION(all.chunk, class_size(fitting));
      all.free[static_cast<size_t>(fitting)].push(new_header(fitting, all.chunk, class_size(fitting)));
      all.chunk += class_size(fitting);
    }
    all.chunk = chunk;
    all.chunk_end = chunk + kChunk;
  }
}

Storage* allocate_medium(int index) {
  Shared& all = shared();
  {
    const std::lock_guard lock(all.mutex);
    if (Storage* storage = all.free[static_cast<size_t>(index)].pop()) return storage;
  }
  char* memory = system_memory(class_size(index));
  return memory ? new_header(index, memory, class_size(index)) : nullptr;
}

Storage* allocate_big(size_t bytes) {
  Shared& all = shared();
  const size_t size = big_size(bytes);
  {
    const std::lock_guard lock(all.mutex);
    const auto found = std::lower_bound(all.big.begin(), all.big.end(), size, [](const BigBlock& block, size_t wanted) {
      return block.storage->capacity < wanted;
    });
    if (found != all.big.end() && found->storage->capacity <= size + size / 8) {
      Storage* storage = found->storage;
      all.big.erase(found);
      all.big_bytes -= storage->capacity;
      return storage;
    }
  }
  char* memory = system_memory(size);
  return memory ? new_header(kBig, memory, size) : nullptr;
}

void unmap(Storage* storage) {
  ASAN_UNPOISON_MEMORY_REGION(storage->data, storage->capacity);
  unmap_memory(storage->data, storage->capacity);
  delete storage;
}

void recycle_big(Storage* storage) {
  Shared& all = shared();
  std::vector<Storage*> expired;
  {
    const std::lock_guard lock(all.mutex);
    const auto at = std::upper_bound(all.big.begin(), all.big.end(), storage->capacity,
                                     [](size_t size, const BigBlock& block) { return size < block.storage->capacity; });
    all.big_bytes += storage->capacity;
    all.big.insert(at, {storage, all.frees++});
    // Free memory that nobody comes back for: at most a quarter of the machine, the longest unused goes first.
    while (all.big_bytes > machine_memory() / 4) {
      const auto oldest = std::min_element(all.big.begin(), all.big.end(),
                                           [](const BigBlock& a, const BigBlock& b) { return a.freed < b.freed; });
      expired.push_back(oldest->storage);
      all.big_bytes -= oldest->storage->capacity;
      all.big.erase(oldest);
    }
  }
  for (Storage* old : expired) unmap(old);
}

void count_in_use(size_t capacity) {
  Shared& all = shared();
  const int64_t now =
      all.in_use.fetch_add(static_cast<int64_t>(capacity), std::memory_order_relaxed) + static_cast<int64_t>(capacity);
  int64_t peak = all.peak.load(std::memory_order_relaxed);
  while (now > peak && !all.peak.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {}
}

StorageRef hand_out(Storage* storage, size_t bytes) {
  if (!storage) [[unlikely]]
    throw_out_of_memory(bytes);
  storage->references.store(1, std::memory_order_relaxed);
  storage->owner = nullptr;
  storage->lent.store(false, std::memory_order_relaxed);
  storage->bytes = bytes;
  ASAN_UNPOISON_MEMORY_REGION(storage->data, bytes);
  count_in_use(storage->capacity);
  return StorageRef(storage);
}

}  // namespace

StorageRef allocate(size_t bytes) {
  ThreadCache* cache = this_thread();
  if (cache) [[likely]]
    cache->allocations.store(cache->allocations.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (bytes > kLargestSmall) {
    if (bytes > machine_memory()) throw_out_of_memory(bytes);  // also keeps the rounding below from overflowing
    return hand_out(bytes > kLargestMedium ? allocate_big(bytes) : allocate_medium(class_of(bytes)), bytes);
  }
  const int index = class_of(bytes);
  FreeList none;
  FreeList& list = cache ? cache->lists[static_cast<size_t>(index)] : none;
  Storage* storage = list.pop();
  if (!storage) [[unlikely]] {
    storage = refill_small(list, index);
    if (!cache) give_to_shared(none, index, 0);
  }
  return hand_out(storage, bytes);
}

StorageRef borrow(void* data, size_t bytes, bool writable, void* owner, void (*release)(Storage*)) {
  ThreadCache* cache = this_thread();
  Storage* storage = cache ? cache->lists[kBorrowedList].pop() : nullptr;
  if (!storage) {
    const std::lock_guard lock(shared().mutex);
    storage = shared().borrowed_headers.pop();
  }
  if (!storage) storage = new_header(kBorrowed, nullptr, 0);
  storage->references.store(1, std::memory_order_relaxed);
  storage->writable = writable;
  storage->lent.store(true, std::memory_order_relaxed);
  storage->data = data;
  storage->bytes = storage->capacity = bytes;
  storage->release = release;
  storage->owner = owner;
  return StorageRef(storage);
}

void detail::recycle(Storage* storage) {
  if (storage->derived) [[unlikely]]
    drop_derived(*storage);
  int index = storage->size_class;
  if (index == kBorrowed) {
    if (storage->release) storage->release(storage);
    storage->release = nullptr;
    storage->gpu = -1;
    index = kBorrowedList;
  } else {
    shared().in_use.fetch_sub(static_cast<int64_t>(storage->capacity), std::memory_order_relaxed);
    ASAN_POISON_MEMORY_REGION(storage->data, storage->capacity);
    if (index == kBig) return recycle_big(storage);
    if (index >= kSmallClasses) {
      const std::lock_guard lock(shared().mutex);
      return shared().free[static_cast<size_t>(index)].push(storage);
    }
  }
  ThreadCache* cache = this_thread();
  FreeList alone;
  FreeList& list = cache ? cache->lists[static_cast<size_t>(index)] : alone;
  list.push(storage);
  if (!cache) return give_to_shared(alone, index, 0);
  if (list.count > 2 * batch_size(index)) [[unlikely]]
    give_to_shared(list, index, batch_size(index));
}

void empty_cache() {
  Shared& all = shared();
  FreeList blocks;
  {
    const std::lock_guard lock(all.mutex);
    for (int i = kSmallClasses; i < kMediumClasses; ++i)
      while (Storage* storage = all.free[static_cast<size_t>(i)].pop()) blocks.push(storage);
    for (const BigBlock& block : all.big) blocks.push(block.storage);
    all.big.clear();
    all.big_bytes = 0;
  }
  while (Storage* storage = blocks.pop()) unmap(storage);
}

MemoryStats memory_stats() {
  Shared& all = shared();
  const std::lock_guard lock(all.mutex);
  int64_t allocations = all.past_allocations;
  for (const ThreadCache* cache = all.threads; cache; cache = cache->next)
    allocations += cache->allocations.load(std::memory_order_relaxed);
  return {all.in_use.load(), std::max(all.peak.load(), all.past_peak.load()), mapped_bytes(), allocations,
          mappings_made()};
}

void reset_peak_memory() {
  const std::lock_guard lock(shared().mutex);
  shared().past_peak = 0;
  shared().peak.store(shared().in_use.load());
}

int64_t memory_in_use() { return shared().in_use.load(std::memory_order_relaxed); }

int64_t take_peak_memory() {
  Shared& all = shared();
  const std::lock_guard lock(all.mutex);
  const int64_t peak = all.peak.exchange(all.in_use.load());
  all.past_peak = std::max(all.past_peak.load(), peak);
  return peak;
}

}  // namespace tandem
