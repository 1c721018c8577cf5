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
TensorRef pick(const TensorRef& x, const std::vector<IndexArray>& arrays, int64_t place, ShapeEnv& env);

// x[mask] = value where no size depends on the mask; false where the values are to be counted out.
bool assign_masked(const TensorRef& x, const IndexArray& mask, const TensorRef& value, ShapeEnv& env);

// New axes of what is picked, where they were if those of the index arrays, from `arrays_at` on, were not there.
struct NewAxes {
  std::vector<int64_t> axes;
  int64_t arrays_at;
};
// What `pick` would return, with new axes, becomes `value`, the last one where indices repeat.
void assign_picked(const TensorRef& x, const std::vector<IndexArray>& arrays, int64_t place, const NewAxes& added,
                   const TensorRef& value, ShapeEnv& env);

}  // namespace tandem
