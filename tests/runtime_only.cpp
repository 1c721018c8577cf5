// The runtime alone, as a program that only runs saved kernels has it: see tests/CMakeLists.txt.
#include <cstring>

#include "runtime/storage.h"

int main() {
  const tandem::StorageRef block = tandem::allocate(1 << 20);
  std::memset(block->data, 1, block->bytes);
  return tandem::memory_stats().in_use >= (1 << 20) ? 0 : 1;
}
