#include "frontend/differentiation.h"

#include <algorithm>

#include "passes/gradient.h"

namespace tandem {

namespace {

std::vector<Tensor*> pointers(std::span<const TensorRef> tensors) {
  std::vector<Tensor*> out;
  out.reserve(tensors.size());
  for (const TensorRef& x : tensors) out.push_back(x.get());
  return out;
}

// What a backward pass needs of a call.
struct TapedCall {
  std::shared_ptr<const Executable> program;
  const Executable::Pair* pair = nullptr;  // of the program
  std::vector<TensorRef> inputs;
  std::vector<TensorRef> kept;     // further results
  std::vector<uint32_t> versions;  // of the inputs' memory
  std::vector<bool> wanted;        // inputs that gradients flow to
  std::vector<size_t> outputs;     // that are on the tape
  std::vector<bool> expected;      // outputs that `pair` takes gradients of
  std::vector<int64_t> symbols;    // some are numbers that no input has as a size

  std::vector<TensorRef> gradients(std::span<const TensorRef> upstream) const {
    std::vector<bool> from(expected.size(), false);
    for (size_t k = 0; k < outputs.size(); ++k) from[outputs[k]] = upstream[k] != nullptr;
    // Gradients that are differentiated in turn rest on the inputs alone; so do those of other results than were expected.
    const bool again = GradMode::enabled() || from != expected;
    if (from != expected) program->expect_outputs(from);
    for (size_t k = 0; k < inputs.size(); ++k)
      if ((again || pair->reads[k]) && inputs[k]->storage && inputs[k]->storage->version != versions[k])
        throw_error(ErrorKind::autograd,
                    "backward: got input {} of '{}' ({}) that was written to after the call; need it as it was; try "
                    "writing to a copy, or x = x + ... instead of x += ...",
                    k + 1, program->name(), to_text(inputs[k]->type()));
    const Executable::Gradient& made = again ? program->gradient(from, wanted) : pair->backward;
    std::vector<TensorRef> given = inputs;
    for (const TensorRef& up : upstream)
      if (up) given.push_back(up->is_contiguous() ? up : call("copy", {up}));
    if (!again) given.insert(given.end(), kept.begin(), kept.end());
    std::vector<int64_t> sizes = symbols;
    std::vector<TensorRef> found(made.program->outputs().size());
    check(*made.program, given, sizes);
    if (GradMode::enabled())
      run_taped(made.program, std::move(given), sizes.data(), found);
    else
      made.program->run(pointers(given), sizes.data(), found);
    std::vector<TensorRef> out(inputs.size());
    for (size_t k = 0; k < inputs.size(); ++k) {
      const auto [index, is_given] = made.found[k];
      if (index < 0 || (is_given >= 0 && !is_true(*found[static_cast<size_t>(is_given)]))) continue;
      out[k] = found[static_cast<size_t>(index)];
    }
    return out;
  }

 private:
  static bool is_true(const Tensor& x) { return *static_cast<const bool*>(x.data); }
  static void check(const Executable& made, std::span<const TensorRef> given, std::vector<int64_t>& sizes) {
    std::string reason;
    check_internal(made.matches(pointers(given), sizes.data(), &reason),
                   "a gradient does not take what its program took: {}", reason);
  }
};

}  // namespace

void run_taped(const std::shared_ptr<const Executable>& program, std::vector<TensorRef> inputs, const int64_t* symbols,
               std::span<TensorRef> outputs) {
  // What the program writes to is kept as it is now: the gradient computes from that.
  std::vector<TensorRef> given = inputs;
  for (const auto& [result, written] : program->writebacks()) {
    TensorRef& x = inputs[static_cast<size_t>(written)];
    x = contiguous_copy(x);
  }
  auto taped = std::make_shared<TapedCall>();
  for (const TensorRef& x : inputs) {
    taped->wanted.push_back(is_tracked(*x) && is_inexact(x->dtype) && tracking_of(x) != nullptr);
    taped->versions.push_back(x->storage ? x->storage->version : 0);
  }
  if (std::find(taped->wanted.begin(), taped->wanted.end(), true) == taped->wanted.end())
    return program->run(pointers(given), symbols, outputs);
  const std::vector<CapturedOutput>& captured = program->outputs();
  std::vector<bool> differentiable;
  std::vector<TensorRef> results;
  for (size_t k = 0; k < captured.size(); ++k) {
    differentiable.push_back(!captured[k].identical && is_inexact(program->result_type(captured[k].index).dtype));
    if (differentiable[k]) taped->outputs.push_back(k);
  }
  taped->expected = program->expected_outputs(differentiable);
  taped->pair = &program->with_gradient(taped->expected, taped->wanted);
  std::vector<TensorRef> made(taped->pair->forward->outputs().size());
  taped->pair->forward->run(pointers(given), symbols, made);
  std::move(made.begin(), made.begin() + static_cast<std::ptrdiff_t>(outputs.size()), outputs.begin());
  taped->kept.assign(made.begin() + static_cast<std::ptrdiff_t>(outputs.size()), made.end());
  for (const size_t k : taped->outputs) results.push_back(outputs[k]);
  taped->program = program;
  taped->symbols.assign(symbols, symbols + program->symbol_count() + 1);
  taped->inputs = inputs;
  tape_function(program->name(), inputs, results,
                [taped](std::span<const TensorRef> upstream) { return taped->gradients(upstream); });
}

}  // namespace tandem
