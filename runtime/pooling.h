// What sliding windows see along one axis, shared by the routines of pooling.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/convolution.h"
#include "runtime/routine.h"

namespace tandem {

// Elements begin, begin + step, ... below end of an axis, all inside of it; `counted` is what a mean divides by.
struct Seen {
  int64_t begin, end, counted;
  int64_t count(int64_t step) const { return begin < end ? (end - begin - 1) / step + 1 : 0; }
};

struct PoolAxis {
  Window window;           // of windows at equal distances
  bool adaptive = false;   // else: as many windows as there are results, of nearly equal sizes, that cover the axis
  std::vector<Seen> seen;  // one per result
  int64_t step() const { return adaptive ? 1 : window.dilation; }
};

// planes x axes: batch and channels are alike; axes that are missing in front have size one.
struct PoolProblem {
  int64_t planes = 1;
  PoolAxis axes[kMostWindowAxes];
  int64_t divisor = 0;  // of a mean: its own number of elements (0), with those of the border (-1), or this number

  int64_t size() const { return axes[0].window.size * axes[1].window.size * axes[2].window.size; }
  int64_t results() const { return axes[0].window.result * axes[1].window.result * axes[2].window.result; }
};

// From the parameters of the rows: kernel, stride, dilation, before, size (lists), adaptive, divisor.
PoolProblem pool_problem(std::span<const int64_t> source, std::span<const int64_t> params);

// Where in its plane the largest element of each window is: of equal ones the first; a NaN is larger than all else, and
// the last of them counts.
void run_pool_indices(const RoutineArgs& args);  // pooling_indices.cpp

}  // namespace tandem
