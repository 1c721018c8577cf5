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
  std::vector<TensorRef> inputs;
  std::vector<uint32_t> versions;  // of the inputs' memory
  std::vector<bool> wanted;        // inputs that gradients flow to
  std::vector<size_t> outputs;     // that gradients come from
  std::vector<TensorType> types;   // of these
  std::vector<int64_t> symbols;    // some are numbers that no input has as a size

  std::vector<TensorRef> gradients(std::span<const TensorRef> upstream) const {
    for (size_t k = 0; k < inputs.size(); ++k)
      if (inputs[k]->storage && inputs[k]->storage->version != versions[k])
        throw_error(ErrorKind::autograd,
                    "backward: got input {} of '{}' ({}) that was written to after the call; need it as it was; try "
                    "writing to a copy, or x = x + ... instead of x += ...",
                    k + 1, program->name(), to_text(inputs[k]->type()));
    std::vector<TensorRef> given = inputs;
    for (size_t k = 0; k < outputs.size(); ++k) {
      TensorRef up = upstream[k];
      if (!up) up = call("broadcast_to", {scalar_tensor(types[k].dtype, 0.0)}, {types[k].shape});
      given.push_back(up->is_contiguous() ? up : call("copy", {up}));
    }
    std::vector<bool> of_results(program->outputs().size(), false);
    for (const size_t k : outputs) of_results[k] = true;
    const std::shared_ptr<const Executable> made = program->gradient(of_results, wanted);
    std::vector<int64_t> sizes = symbols;
    std::string reason;
    const std::vector<Tensor*> raw = pointers(given);
    check_internal(made->matches(raw, sizes.data(), &reason), "a gradient does not take what its program took: {}",
                   reason);
    std::vector<TensorRef> found(made->outputs().size());
    run_taped(made, std::move(given), sizes.data(), found);
    std::vector<TensorRef> out(inputs.size());
    for (size_t k = 0, next = 0; k < inputs.size(); ++k)
      if (wanted[k]) out[k] = found[next++];
    return out;
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
  program->run(pointers(given), symbols, outputs);
  auto taped = std::make_shared<TapedCall>();
  for (const TensorRef& x : inputs) {
    taped->wanted.push_back(is_tracked(*x) && is_inexact(x->dtype) && tracking_of(x) != nullptr);
    taped->versions.push_back(x->storage ? x->storage->version : 0);
  }
  if (std::find(taped->wanted.begin(), taped->wanted.end(), true) == taped->wanted.end()) return;
  std::vector<TensorRef> results;
  for (size_t k = 0; k < outputs.size(); ++k) {
    if (program->outputs()[k].identical || !is_inexact(outputs[k]->dtype)) continue;
    taped->outputs.push_back(k);
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
