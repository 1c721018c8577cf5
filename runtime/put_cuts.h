// Where many writes through indices can be shared among threads. Test: tests/ops/test_scatter_threads.py.
#pragma once
#include <cstdint>
#include <vector>

namespace tandem {

// 0, up to parts - 1 numbers between, `count`: the indices before a cut are all smaller than those behind it, so what lies
// between two of them shares no place with the others. Indices that follow rows, as those of `scatter` do, and sorted ones
// can be cut; for others this finds out soon that they cannot.
std::vector<int64_t> disjoint_cuts(const int64_t* indices, int64_t count, int64_t parts);

}  // namespace tandem
