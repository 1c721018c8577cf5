// Sorting keys where they lie: parted around one of them, by whole vectors, again and again, until what is left is short
// enough for the network (sort_network.h), many parts side by side. Takes no memory but some kilobytes.
#pragma once
#include <cstdint>

namespace tandem::parts {

// Whether this processor has what it takes: AVX-512, which moves chosen lanes together.
bool available();

// By all threads.
void sort(uint32_t* keys, int64_t count);
void sort(uint64_t* keys, int64_t count);
// Rows that lie one behind the other, each for itself, on this thread.
void sort_rows(uint32_t* keys, int64_t rows, int64_t count);
void sort_rows(uint64_t* keys, int64_t rows, int64_t count);

}  // namespace tandem::parts
