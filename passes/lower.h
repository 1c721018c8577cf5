// Lowering: one fusion group -> one Kernel (two for a long reduction over few rows: blocks, then their combination).
//
// Chooses stages, axis order, merged axes, what is kept in scratch between stages, row or column vectors, splits and
// streaming stores. Sizes become run-time values; only structure is baked in, so that equal structure gives equal text.
// Test: tests/passes/test_lower.cpp.
#pragma once
#include <functional>

#include "passes/fuse.h"

namespace tandem {

// Where a value lies: a buffer of the program, and the layout of the value in it.
struct Place {
  int slot = -1;
  Layout layout;
};

// A matrix product that lies, whole and row by row, in a buffer.
struct ProductPlace {
  int slot;
  Dim rows, columns;
  double nanoseconds;  // roughly, for its share in profiles
};

// A kernel whose outer points are the rows of a product, of which each point reads its own row only: `parts` runs, one
// behind the other, as long as the inner axis. With a window (Kernel::window) a point reads of each run its own column.
struct RowsOf {
  int slot;  // of the product
  int parts;
  double share = 1;  // of the product in the time of both, roughly
};

struct LoweredKernel {
  Kernel kernel;
  std::vector<int> slots;                 // per kernel buffer that is no scratch: the slot passed for it
  std::vector<Dim> vals;                  // run-time values in the order of Coef slots
  Dim range = 1;                          // parallel range
  Dim points = 1;                         // scalar evaluations in all, for the cost
  double cost = 1;                        // rough nanoseconds per point
  Dim bytes_read = 0, bytes_written = 0;  // each buffer counted once, and of it the part that is walked
  Dim scratch_bytes = 0;
  // Per access: what to say when its gather is out of bounds, "{size}" standing for the extent.
  struct Check {
    std::string message;
    Dim extent;
  };
  std::vector<Check> checks;
  std::vector<RowsOf> rows_of = {};
};

struct LowerContext {
  const Graph& graph;
  std::span<const int> producers;  // of `graph`
  const Fusion& fusion;
  std::span<const int64_t> hints;
  // Place of a value that is stored, or a view of one; slot -1 when it has none yet.
  std::function<Place(ValueId)> place;
  // A fresh buffer, for partial results.
  std::function<int(DType, const Shape&)> temporary;
  // On blocks of whose rows the kernel could run.
  std::span<const ProductPlace> products = {};
};

std::vector<LoweredKernel> lower_group(const LowerContext& context, int group);

}  // namespace tandem
