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
std::vector<int> loops_of(const Stage& stage, const std::vector<Access>& accesses);

// Per node: whether it is a carry that is read behind its loop.
std::vector<char> read_behind(const Stage& stage, const std::vector<Access>& accesses);
// Per node: whether the condition of a loop of which it is a part needs it. All else in there is for rounds that happen.
std::vector<char> before_condition(const Stage& stage, const std::vector<Access>& accesses);

}  // namespace tandem
