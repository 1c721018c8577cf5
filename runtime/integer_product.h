// Products of 8-bit integers with 8-bit weights, exact in 32 bits that wrap: the routines of integer_linear and
// integer_convolution. An exact sum has no order, so threads, cuts and instruction sets cannot show in a result. These
// loops use the processor's instruction for it (VNNI); oneDNN's product is at most a tenth faster than they are, and not
// exact without that instruction (pairs of products saturate in 16 bits), so it is not called.
#pragma once
#include <cstdint>

#include "runtime/convolution.h"

namespace tandem {

enum class DotIsa : uint8_t { generic, avx2, vnni };
DotIsa best_dot_isa();

// What is on the left, as the loops want it: unsigned bytes x ^ flip that stand for x - zero_point + offset.
struct Bytes {
  const uint8_t* data;
  uint8_t flip;     // signed ones become unsigned by another first bit
  uint32_t offset;  // zero_point, of the bytes as they become
  uint8_t zero;     // zero_point, of the bytes as they are
};
Bytes bytes_of(const void* data, bool is_signed, int64_t zero_point);

// out[i, j] = sum over p of (x[i, p] - zero_point) * weight[j, p]; all contiguous.
struct IntegerLinear {
  int64_t rows, columns, depth;
  Bytes x;
  const int8_t* weight;
  int32_t* out;
};
void integer_linear(const IntegerLinear& args, DotIsa isa = best_dot_isa());

// The correlation of (source - zero_point), with zeros around it, and weights. Of the arguments, `computed`, `dtype` and
// `source` are not read; weights are int8, the result is int32.
void integer_convolution(const ConvolutionArgs& args, const Bytes& source, DotIsa isa = best_dot_isa());

// start[j] = -offset * the sum of row j of `weight`, modulo 2^32.
void negative_offsets(const int8_t* weight, int64_t rows, int64_t depth, uint32_t offset, uint32_t* start, DotIsa isa);
// Rows with zeros behind them, up to a multiple of four bytes.
void pad_rows(const uint8_t* from, int64_t rows, int64_t depth, uint8_t flip, uint8_t* to);

}  // namespace tandem
