// What back ends ask of the loops within a body.
#pragma once
#include <vector>

#include "ir/kernel.h"

namespace tandem {

// The nodes that a loop needs whether or not anybody reads its carries: its condition, what the carries begin with, and
// what they become.
std::vector<int> needs_of(const ScalarLoop& loop);

// Of a loop and itself: yes.
inline bool lies_within(const ScalarLoop& inner, const ScalarLoop& outer) {
  return outer.first <= inner.first && inner.last <= outer.last;
}

// Per loop: the innermost one around it, or -1.
std::vector<int> loops_around(const Stage& stage);

// Per node: the innermost loop that computes it anew in every round, since it depends on its carries, or reads memory at
// a place that is checked, which has to happen in rounds that happen; -1 for all others, within loops, too.
std::vector<int> loops_of(const Stage& stage, const std::vector<Access>& accesses);

// Per node: whether it is a carry that is read behind its loop.
std::vector<char> read_behind(const Stage& stage, const std::vector<Access>& accesses);

// Per node: whether the condition of a loop needs it, of the nodes in there. All else is for rounds that happen. A loop
// within it is needed as a whole, or not: `needs_loop` of what this returns.
std::vector<char> before_condition(const Stage& stage, const std::vector<Access>& accesses, size_t number);
bool needs_loop(const std::vector<char>& nodes, const ScalarLoop& loop);

}  // namespace tandem
