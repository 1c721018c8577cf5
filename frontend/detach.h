// Results of a function are memory of their own.
//
// Effect: of the first `count` results, those that optimisation turned into an input, a view of one, the value of another
// result, or what a branch or loop may pass through from an input, are read through a `copy`. Results that are views of
// one tensor in eager code are one result here (recorder.h); those in `bases` are contiguous for that reason. `lines`:
// where the results come from.
#pragma once
#include <set>
#include <vector>

#include "ir/graph.h"

namespace tandem {

void detach_results(Graph& graph, size_t count, const std::set<size_t>& bases = {},
                    const std::vector<SourceLoc>& lines = {});

}  // namespace tandem
