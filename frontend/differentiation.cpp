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
  std::vector<bool> outputs;       // that gradients come from
  std::vector<TensorType> types;   // of these
  std::vector<int64_t> symbols;    // some are numbers that no input has as a size

  std::vector<TensorRef> gradients(std::span<const TensorRef> upstream) const {
    // Gradients that are differentiated in turn rest on the inputs alone.
    const bool again = GradMode::enabled();
    for (size_t k = 0; k < inputs.size(); ++k)
      if ((again || pair->reads[k]) && inputs[k]->storage && inputs[k]->storage->version != versions[k])
        throw_error(ErrorKind::autograd,
                    "backward: got input {} of '{}' ({}) that was written to after the call; need it as it was; try "
                    "writing to a copy, or x = x + ... instead of x += ...",
                    k + 1, program->name(), to_text(inputs[k]->type()));
    std::vector<TensorRef> given = inputs;
    for (size_t k = 0; k < types.size(); ++k) {
      TensorRef up = upstream[k];
      if (!up) {
        const TensorRef zero = to_device(scalar_tensor(types[k].dtype, 0.0), program->device());
        up = call("broadcast_to", {zero}, {types[k].shape});
      }
      given.push_back(up->is_contiguous() ? up : call("copy", {up}));
    }
    std::vector<int64_t> sizes = symbols;
    std::vector<TensorRef> found;
    if (again) {
      const std::shared_ptr<const Executable> made = program->gradient(outputs, wanted);
      found.resize(made->outputs().size());
      check(*made, given, sizes);
      run_taped(made, std::move(given), sizes.data(), found);
    } else {
      given.insert(given.end(), kept.begin(), kept.end());
      found.resize(pair->backward->outputs().size());
      check(*pair->backward, given, sizes);
      pair->backward->run(pointers(given), sizes.data(), found);
    }
    std::vector<TensorRef> out(inputs.size());
    for (size_t k = 0, next = 0; k < inputs.size(); ++k)
      if (wanted[k]) out[k] = found[next++];
    return out;
  }

 private:
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
  for (const CapturedOutput& output : captured)
    taped->outputs.push_back(!output.identical && is_inexact(program->result_type(output.index).dtype));
  taped->pair = &program->with_gradient(taped->outputs, taped->wanted);
  std::vector<TensorRef> made(taped->pair->forward->outputs().size());
  taped->pair->forward->run(pointers(given), symbols, made);
  std::move(made.begin(), made.begin() + static_cast<std::ptrdiff_t>(outputs.size()), outputs.begin());
  taped->kept.assign(made.begin() + static_cast<std::ptrdiff_t>(outputs.size()), made.end());
  std::vector<TensorRef> results;
  for (size_t k = 0; k < outputs.size(); ++k) {
    if (!taped->outputs[k]) continue;
    taped->types.push_back(outputs[k]->type());
    results.push_back(outputs[k]);
  }
  taped->program = program;
  taped->symbols.assign(symbols, symbols + program->symbol_count() + 1);
  taped->inputs = inputs;
  tape_function(program->name(), inputs, results,
                [taped](std::span<const TensorRef> upstream) { return taped->gradients(upstream); });
}

}  // namespace tandem
