// Eager execution: every operation is a one-operation program of the same compiler, looked up by operation, attributes,
// dtypes and layout class. Pointwise operations share one program for all sizes; the others are planned per shape
// (their kernels are shared all the same).
#pragma once
#include "frontend/eager_pointwise.h"
#include "runtime/profile.h"
#include "runtime/program.h"

namespace tandem {

TensorRef run_eager(const OpDef& op, std::span<const TensorRef> inputs, Attrs attrs);
// Computes a pointwise operation into its input number `target`, without memory for the result. Returns false, and has
// done nothing, where somebody could tell: the result has another shape or kind of number (another dtype, if there is to be
// no casting), the target's elements are not apart, another input may share some, or gradients, checks or a capture want
// to see the result.
bool run_in_place(const OpDef& op, std::span<const TensorRef> inputs, size_t target,
                  Casting casting = Casting::same_kind);

bool on_same_device(std::span<const TensorRef> inputs);
// On the device of those that have axes; others follow them there, as Python's numbers do. Throws Error{backend} where
// tensors with axes are on several.
std::vector<TensorRef> on_one_device(const OpDef& op, std::span<const TensorRef> inputs);

// For profiles: the user's line that is asking for an operation now. Null, also as a result: unknown.
extern OriginRef (*eager_origin)(std::string_view operation);

// Tensors for the outputs of a finished program.
TensorRef output_tensor(const Program& program, size_t index, Buffer buffer, const int64_t* symbols);

struct EagerStats {
  int64_t programs = 0;  // planned so far
  int64_t calls = 0;
};
EagerStats eager_stats();
void clear_eager_programs();

}  // namespace tandem
