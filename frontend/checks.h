// td.debug_nans: results of eager operations are looked at as they are made.
#pragma once
#include "frontend/tensor.h"

namespace tandem {

// Bits of what is looked for.
inline constexpr unsigned kFindNans = 1, kFindInfinities = 2;

// Of the present thread, and of all threads; what either asks for counts. They return what was set before.
unsigned set_thread_checks(unsigned wanted);
unsigned set_process_checks(unsigned wanted);
// What is looked for on this thread; next to nothing while nobody asked.
unsigned result_checks();

// Throws Error{nonfinite} if `result` has a value of a kind that is looked for while no input has one.
// What an attribute gives is no discovery: `full` of NaN. Test: tests/test_debug_nans.py.
void check_result(unsigned wanted, const OpDef& op, std::span<const TensorRef> inputs, const Attrs& attrs,
                  const TensorRef& result);

}  // namespace tandem
