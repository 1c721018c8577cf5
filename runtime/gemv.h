// Products with a vector, which read every element of the matrix once: nothing is packed that lies in memory as it should.
// Each is false, and does nothing, for types that are summed in another one. Test: tests/runtime/test_library.cpp.
#pragma once
#include "runtime/gemm.h"

namespace tandem {

// args.m == 1: a row times matrices, with the bits of any other product of ours: one chain over k for every element.
bool gemv(const MatmulArgs& args, Isa isa);

// args.m == 1, too, but every element is summed in the lanes of a vector, so that columns need not be turned: term p
// belongs to lane p % kProductLanes, the lanes are combined as a tree, like those of a sum.
bool gemv_in_lanes(const MatmulArgs& args, Isa isa);

// args.m == args.n == 1: vectors times vectors, in the order of a sum (ReduceOrder in ir/kernel.h).
bool dot_products(const MatmulArgs& args, Isa isa);

}  // namespace tandem
