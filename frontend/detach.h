// Results of a function are memory of their own.
//
// Effect: a result that optimisation turned into an input, a view of one, or the value of another result (which eager
// code keeps apart) is read through a `copy`. `owners`: results with equal numbers may share memory, as the tensors they
// stand for do in eager code; the results beyond the end of `owners` are not handed out and are left alone. `lines`:
// where the user's program made each result; those beyond its end are unknown.
#pragma once
#include <vector>

#include "ir/graph.h"

namespace tandem {

void detach_results(Graph& graph, const std::vector<int>& owners, const std::vector<SourceLoc>& lines = {});

}  // namespace tandem
