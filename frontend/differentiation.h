// Compiled programs through which gradients flow: the results are put on the tape with a rule that is the compiled gradient
// of the program, and that is a program through which gradients flow in turn.
#pragma once
#include "frontend/executable.h"
#include "frontend/tape.h"

namespace tandem {

// Runs a program that is_differentiable on inputs that match, as Executable::run does.
void run_taped(const std::shared_ptr<const Executable>& program, std::vector<TensorRef> inputs, const int64_t* symbols,
               std::span<TensorRef> outputs);

}  // namespace tandem
