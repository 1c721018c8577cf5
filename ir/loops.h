// What back ends ask of the loops within a body.
#pragma once
#include <vector>

#include "ir/kernel.h"

namespace tandem {

// The nodes that a loop needs whether or not anybody reads its carries: its condition, what the carries begin with, and
// what they become.
std::vector<int> needs_of(const ScalarLoop& loop);

// Per node: the loop that computes it anew in every round, since it depends on its carries; -1 for all others, within
// loops, too.
std::vector<int> loops_of(const Stage& stage);

}  // namespace tandem
