#include "runtime/system_memory.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>

namespace tandem {

namespace {

std::atomic<int64_t> mapped{0}, made{0};

char* map(size_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<char*>(memory);
}

char* map_huge(size_t bytes) {
  char* memory = map(bytes + kHugePage);
  if (!memory) return nullptr;
  const size_t before = (kHugePage - reinterpret_cast<uintptr_t>(memory) % kHugePage) % kHugePage;
  if (before > 0) ::munmap(memory, before);
  if (before < kHugePage) ::munmap(memory + before + bytes, kHugePage - before);
  ::madvise(memory + before, bytes, MADV_HUGEPAGE);  // advice only: works without
  return memory + before;
}

// The number after a label in a small file; 0 when it is not there. Not with streams, whose locales have locks that a
// forked child may find taken.
size_t number_in(const char* path, const char* label) {
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  std::array<char, 4096> text{};
  const ssize_t length = ::read(file, text.data(), text.size() - 1);
  ::close(file);
  const char* found = length > 0 ? std::strstr(text.data(), label) : nullptr;
  return found ? std::strtoull(found + std::strlen(label), nullptr, 10) : 0;
}

size_t find_machine_memory() {
  size_t total = static_cast<size_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  total += number_in("/proc/meminfo", "SwapTotal:") * 1024;
  for (const char* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"})
    if (const size_t limit = number_in(path, "")) total = std::min(total, limit);  // 0 for "max"
  return total;
}

}  // namespace

size_t machine_memory() {
  // Not a static with an initializer: a child that is forked while another thread runs it would wait for its end.
  static std::atomic<size_t> known{0};
  size_t bytes = known.load(std::memory_order_relaxed);
  if (bytes == 0) known.store(bytes = find_machine_memory(), std::memory_order_relaxed);
  return bytes;
}

MemoryLimit memory_limit() {
  const MemoryLimit machine{machine_memory(), "the memory of this machine"};
  const char* text = std::getenv("TANDEM_MEMORY_LIMIT");
  if (!text || !*text) return machine;
  char* end = nullptr;
  const unsigned long long bytes = std::strtoull(text, &end, 10);
  return *end == '\0' && bytes < machine.bytes ? MemoryLimit{bytes, "TANDEM_MEMORY_LIMIT"} : machine;
}

char* map_memory(size_t bytes) {
  const size_t limit = memory_limit().bytes;
  if (bytes > limit || static_cast<size_t>(mapped_bytes()) > limit - bytes) return nullptr;
  char* memory = bytes >= kHugePage ? map_huge(bytes) : map(bytes);
  if (memory) {
    mapped.fetch_add(static_cast<int64_t>(bytes), std::memory_order_relaxed);
    made.fetch_add(1, std::memory_order_relaxed);
  }
  return memory;
}

void unmap_memory(void* memory, size_t bytes) {
  ::munmap(memory, bytes);
  mapped.fetch_sub(static_cast<int64_t>(bytes), std::memory_order_relaxed);
}

void trim_heap() {
#if defined(__GLIBC__)
  ::malloc_trim(0);
#endif
}

int64_t mapped_bytes() { return mapped.load(std::memory_order_relaxed); }
int64_t mappings_made() { return made.load(std::memory_order_relaxed); }

}  // namespace tandem
