// Memory straight from the system, within a limit, and counted.
#pragma once
#include <cstddef>
#include <cstdint>

namespace tandem {

inline constexpr size_t kHugePage = size_t{2} << 20;

size_t machine_memory();  // memory + swap, or less if the control group allows less

struct MemoryLimit {
  size_t bytes;
  const char* what;  // sets it
};
MemoryLimit memory_limit();  // of everything mapped: the machine's, or $TANDEM_MEMORY_LIMIT

// Pages that read as zero; from 2 MB up aligned to 2 MB, and in huge pages where the system has them. Null when the
// limit or the system refuse.
char* map_memory(size_t bytes);
void unmap_memory(void* memory, size_t bytes);

void trim_heap();  // gives pages that malloc keeps for later back to the system

int64_t mapped_bytes();
int64_t mappings_made();

}  // namespace tandem
