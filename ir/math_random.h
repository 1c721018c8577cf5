// Random numbers as compositions of scalar primitives: Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random
// numbers: as easy as 1, 2, 3", SC 2011) and what is made of its words. A number depends on its counter and the key
// alone, so threads, fusion and back ends cannot change it.
#pragma once
#include <cstdint>

#include "ir/scalar.h"

namespace tandem::random {

// Four words of 32 bits, in the low halves of u64 (the high halves are zero).
struct Words {
  Scalar w[4];
};

// `counter` and `key` are u64; `stream` is the high half of the 128-bit counter, which tells the attempts of a rejection
// method apart.
Words philox(Scalar counter, Scalar key, int64_t stream);
Scalar joined(Scalar low, Scalar high);  // two words as one of 64 bits

// The functions below compute in `dtype`, f32 or f64, from words of a width that fits it.

// In [0, 1), every multiple of 2^-bits equally likely; `bits` is the number of significant bits of what it is rounded to.
Scalar uniform(const Words& words, DType dtype, int bits);
// In (0, 1]: the middles of 2^32 (f32) or 2^64 (f64) equal intervals, rounded, so that small numbers have all their
// digits. `first`: the first of the one or two words.
Scalar open_uniform(const Words& words, int first, DType dtype);
Scalar normal(const Words& words, DType dtype);       // Box and Muller (1958); f32 uses two words, f64 all four
Scalar exponential(const Words& words, DType dtype);  // with mean 1
// A number in [0, range), or of all 64 bits if range is 0, from 128 bits (Lemire 2019, without the rejection: no two
// numbers differ in probability by more than 2^-64 of it).
Scalar bounded(const Words& words, Scalar range);

// Rejection methods, of a counter and a key (math_random_rejection.cpp).
Scalar gamma(Scalar counter, Scalar key, Scalar a);       // Marsaglia and Tsang (2000); scale 1, f32 or f64
Scalar poisson(Scalar counter, Scalar key, Scalar mean);  // sequential search below 10, PTRS from there on; f64
// By the inverse of the distribution function; bounds beyond 8.4 standard deviations count as such. f64.
Scalar truncated_normal(Scalar counter, Scalar key, Scalar lower, Scalar upper);

}  // namespace tandem::random
