// Inner loops of convolutions of few channels (convolution_depthwise.cpp), for each instruction set. Both run over what a
// part of a plane sees, row after row without a gap, and give the same bits on all of them.
#pragma once
#include <cstdint>

#include "runtime/gemm.h"

namespace tandem {

// Elements of a vector of 64 bytes: lengths are multiples of it, and sums have so many lanes.
template <class T>
inline constexpr int64_t kPlaneLanes = 64 / static_cast<int64_t>(sizeof(T));

template <class T>
struct DepthwiseLoops {
  // out[i] = seen[taps[0] + i] * weights[0], + seen[taps[1] + i] * weights[1] and so on, + *bias if there is one.
  void (*chains)(int64_t length, const T* seen, const int64_t* taps, int64_t tap_count, const T* weights, const T* bias,
                 T* out);
  // lanes[t, i % kPlaneLanes] += seen[taps[t] + i] * result[i].
  void (*sums)(int64_t length, const T* seen, const int64_t* taps, int64_t tap_count, const T* result, T* lanes);
};

template <class T>
const DepthwiseLoops<T>& depthwise_loops(Isa isa);

}  // namespace tandem
