// Kernels with numbers to run on, for whoever checks that a back end agrees with the interpreter. A sink gets each filled.
#pragma once
#include <functional>

#include "harness.h"

namespace tandem::test {

using Sink = std::function<void(const Case&)>;

// cases_ops.cpp: every scalar primitive on every dtype it allows, on special values
void primitives(const Sink& sink);
void casts(const Sink& sink);
void narrowing(const Sink& sink);  // all 16-bit patterns, and all boundaries of rounding to 16 bits
void constants(const Sink& sink);
void constant_divisors(const Sink& sink);
// cases_shapes.cpp: usual kernels at all sizes
void maps(const Sink& sink);
void shared_memory(const Sink& sink);  // an output may be an input's
void transposes(const Sink& sink);
void softmaxes(const Sink& sink);
void reductions(const Sink& sink);
void many_blocks(const Sink& sink);
void first_extremes(const Sink& sink);
// cases_rare.cpp: selects whose first value is seldom wanted
void rare_selects(const Sink& sink);
void special_arguments(const Sink& sink);
// cases_rounds.cpp: loops within a body; sums that leave rows unread
void rounds(const Sink& sink);
void chosen_rows(const Sink& sink);
// cases_random.cpp: TANDEM_TEST_SEED, TANDEM_TEST_ROUNDS
void random_kernels(const Sink& sink);

inline constexpr void (*kCaseGroups[])(const Sink&) = {
    primitives, casts,       narrowing,     constants,   constant_divisors, maps,         shared_memory,
    softmaxes,  transposes,  reductions,    many_blocks, first_extremes,    rare_selects, special_arguments,
    rounds,     chosen_rows, random_kernels};

}  // namespace tandem::test
