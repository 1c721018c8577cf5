// Index arrays and masks of x[key], after integers and slices have been applied.
#pragma once
#include "frontend/recorder.h"
#include "frontend/tensor.h"

namespace tandem {

struct IndexArray {
  TensorRef index;     // integers, or a mask over as many axes as it has
  int64_t axis = 0;    // the first one, of the sliced tensor
  int64_t source = 0;  // the same axis of x, for messages
};

// What `arrays` pick from x, with the axes of their common shape put before the `place`-th of the other axes. Reads only:
// the one recorded index of rank 0 gives a view.
TensorRef pick(const TensorRef& x, std::vector<IndexArray> arrays, int64_t place, ShapeEnv& env);

// x[mask] = value where no size depends on the mask; false where the values are to be counted out.
bool assign_masked(const TensorRef& x, const IndexArray& mask, const TensorRef& value, ShapeEnv& env);

// The elements of x at these places of its row-major order become `value`, the last one where places repeat.
void assign_places(const TensorRef& x, const TensorRef& places, const TensorRef& value, ShapeEnv& env);

}  // namespace tandem
