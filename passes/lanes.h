// What a graph computes of scalars, for every element of arrays: the graph of a function that `td.vectorize` maps.
//
// Values of the scalar graph are 0-d, but for tensors that are the same for all elements, of which operations may make
// what they like, and which elements may index. What depends on an element becomes an operation on arrays. Of an `if` both
// branches are computed, and elements choose. A `while` whose condition depends on an element carries a mask: it goes on
// while any element is left, and the others keep what they have; `mask_of` knows such loops again, which run in kernels
// where each element stops by itself (passes/rounds.h).
//
// Gradients: what a branch or a body reads is `where(mask, x, stop_gradient(x))`, x itself, so that what elements that are
// not there would contribute, which may be NaN, goes nowhere.
// Throws Error{capture} that names the line of what is no scalar operation. Tests: tests/frontend/test_vectorize.py.
#pragma once
#include "ir/builder.h"

namespace tandem {

// `inputs`: one for each param of `scalars`; the first `mapped` of them broadcast to `shape` and have an element for each
// scalar, the others are the same for all. The results have the shape `shape`, or none where they are the same for all.
std::vector<ValueId> map_lanes(Graph& graph, ShapeEnv& env, const Graph& scalars, std::span<const ValueId> inputs,
                               size_t mapped, const Shape& shape);

}  // namespace tandem
