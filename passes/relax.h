// relax: `numerics="fast"` inside a kernel. Only the last bits of results change.
//
// Effect: a product that only one sum or difference reads becomes a fused multiply-add with it; a 16-bit value that is
//   computed with at once is not rounded to 16 bits first (what is stored is). Dead nodes go.
// Needs: a verified kernel.
// Guarantees: the same axes, buffers, accesses, stores and reductions; only stage bodies differ. Equal kernels become
//   equal kernels, and the text of a relaxed one, which is its key in the kernel cache, says what it computes.
// Test: tests/passes/test_relax.cpp
#pragma once
#include "ir/kernel.h"

namespace tandem {

Kernel relax(Kernel kernel);

}  // namespace tandem
