#include "frontend/executable.h"

#include <algorithm>

#include "codegen/cuda/backend.h"
#include "codegen/device.h"
#include "frontend/detach.h"
#include "frontend/eager.h"
#include "ir/symbols.h"
#include "passes/gradient.h"
#include "passes/gradient_split.h"
#include "passes/pipeline.h"

namespace tandem {

namespace {

std::vector<SourceLoc> result_lines(const Graph& graph) {
  const auto producers = graph.producers();
  std::vector<SourceLoc> lines;
  for (const ValueId result : graph.results) {
    const int made_by = producers[static_cast<size_t>(result)];
    lines.push_back(made_by < 0 ? SourceLoc{} : graph.nodes[static_cast<size_t>(made_by)].loc);
  }
  return lines;
}

// Launches of known size that take some microseconds, and nothing else.
bool is_brief(const Program& program, size_t symbols) {
  constexpr double kBrief = 5e3;  // ns
  if (symbols > 0) return false;
  double cost = 0;
  for (const Step& step : program.body) {
    if (const auto* launch = std::get_if<Launch>(&step.op))
      cost += launch->cost * static_cast<double>(program.dims[static_cast<size_t>(launch->range)].constant());
    else if (!std::holds_alternative<Allocate>(step.op) && !std::holds_alternative<Release>(step.op))
      return false;
  }
  return cost < kBrief;
}

struct Pointed {
  std::span<Tensor* const> tensors;
  const Tensor& operator[](size_t i) const { return *tensors[i]; }
};

}  // namespace

Executable::Executable(Capture capture, const PlanOptions& options, Clock::time_point deadline)
    : deadline(deadline), capture_(std::move(capture)), options_(options) {
  captured_ = std::move(capture_.graph);
  capture_.devices.resize(captured_.params.size(), capture_.device);
  node_count = captured_.nodes.size();
  options_.device = capture_.device;
  signature_ = Signature(input_specs(), capture_.guards, capture_.hints.size());
}

std::vector<InputSpec> Executable::input_specs() const {
  std::vector<InputSpec> inputs;
  for (const Param& param : captured_.params) {
    const TensorType& type = captured_.type(param.value);
    inputs.push_back({type.dtype, param.contiguous, type.shape, param.strides});
  }
  return inputs;
}

bool Executable::uses(int input) const {
  const Graph& graph = made().optimized;
  const ValueId value = graph.params[static_cast<size_t>(input)].value;
  const auto is_it = [value](const std::vector<ValueId>& values) {
    return std::find(values.begin(), values.end(), value) != values.end();
  };
  const auto reads_it = [&](const Node& node) { return is_it(node.inputs); };
  return is_it(graph.results) || std::any_of(graph.nodes.begin(), graph.nodes.end(), reads_it);
}

void Executable::compile(std::stop_token stop) {
  const auto start = Clock::now();
  // Nothing of this object changes until all is made: a forked child may have to begin again.
  auto made = std::make_unique<Made>();
  made->optimized = optimize(captured_, {}, options_.numerics);
  size_t results = 0;
  std::set<size_t> bases;
  for (const CapturedOutput& output : capture_.outputs) {
    for (const CapturedOutput& choice : output.choices)
      results = std::max(results, static_cast<size_t>(choice.flag) + 1);
    if (output.kind == CapturedOutput::Kind::argument_view) continue;
    const auto index = static_cast<size_t>(output.index);
    results = std::max(results, index + 1);
    if (output.kind == CapturedOutput::Kind::result_view || output.contiguous) bases.insert(index);
  }
  detach_results(made->optimized, results, bases, result_lines(captured_));
  made->plan = build_plan(made->optimized, capture_.hints, backend_of(capture_.device), capture_.writebacks,
                          capture_.host, options_, std::move(stop));
  made->brief = is_brief(*made->plan.program, capture_.hints.size());
  made->seconds = std::chrono::duration<double>(Clock::now() - start).count();
  made_ = std::move(made);
  ready_.store(made_.get(), std::memory_order_release);
}

const TensorType& Executable::input_type(int index) const {
  return captured_.type(captured_.params[static_cast<size_t>(index)].value);
}

// Whether the inputs require gradients where they did.
bool Executable::tracks(std::span<Tensor* const> inputs, std::string* reason) const {
  const auto fail = [&](size_t i, std::string_view what) {
    if (reason) *reason = fmt::format("{}: {}", i < input_names_.size() ? input_names_[i] : "an input", what);
    return false;
  };
  if (GradMode::enabled() != capture_.grad_mode) return fail(0, "gradients were recorded, or not, in the first call");
  for (size_t i = 0; i < inputs.size(); ++i)
    if (tracked_as(*inputs[i]) != capture_.tracked[i]) return fail(i, "requires_grad or is_leaf was another");
  for (const int i : capture_.without_gradient) {
    const Tensor& x = *inputs[static_cast<size_t>(i)];
    if (x.tracking && x.tracking->grad) return fail(static_cast<size_t>(i), "grad was None");
  }
  return true;
}

bool Executable::matches(std::span<Tensor* const> inputs, int64_t* symbols, std::string* reason) const {
  const auto fail = [&]<class... Args>(int input, fmt::format_string<Args...> text, Args&&... args) {
    if (!reason) return false;
    const auto i = static_cast<size_t>(std::max(input, 0));
    *reason = (i < input_names_.size() ? input_names_[i] : fmt::format("input {}", i)) + ": " +
              fmt::format(text, std::forward<Args>(args)...);
    return false;
  };
  if (default_dtype() != default_dtype_) {
    if (reason)
      *reason = fmt::format("the default dtype was {}, is {}", info(default_dtype_).name, info(default_dtype()).name);
    return false;
  }
  if (Autocast::current() != autocast_) {
    const auto text = [](std::optional<DType> dtype) { return dtype ? info(*dtype).name : std::string_view("off"); };
    if (reason) *reason = fmt::format("autocast was {}, is {}", text(autocast_), text(Autocast::current()));
    return false;
  }
  for (size_t i = 0; i < inputs.size(); ++i)
    if (!(inputs[i]->device == capture_.devices[i])) [[unlikely]]
      return fail(static_cast<int>(i), "device was {}, is {}", to_text(capture_.devices[i]),
                  to_text(inputs[i]->device));
  if (!signature_.match(Pointed{inputs}, symbols, fail)) return false;
  if (capture_.asks_tracking && !tracks(inputs, reason)) return false;
  // A program that writes to an input was captured with memory of its own behind every input.
  for (const auto& [result, written] : capture_.writebacks) {
    const Tensor& target = *inputs[static_cast<size_t>(written)];
    const Extent memory = extent_of(target);
    for (size_t i = 0; i < inputs.size(); ++i)
      if (static_cast<int>(i) != written && extent_of(*inputs[i]).overlaps(memory))
        return fail(static_cast<int>(i), "it shares memory with input {}, which the function writes to", written);
    if (!target.writable) return fail(written, "it is read-only, and the function writes to it");
  }
  return true;
}

void Executable::run(std::span<Tensor* const> inputs, const int64_t* symbols, std::span<TensorRef> outputs) const {
  const Program& program = *plan().program;
  std::array<Buffer, 16> few;
  std::vector<Buffer> many(inputs.size() > few.size() ? inputs.size() : 0);
  Buffer* buffers = inputs.size() > few.size() ? many.data() : few.data();
  for (size_t i = 0; i < inputs.size(); ++i) buffers[i] = {inputs[i]->storage, inputs[i]->data};
  const size_t results = program.outputs.size();
  std::array<Buffer, 8> few_made;
  std::vector<Buffer> many_made(results > few_made.size() ? results : 0);
  Buffer* made = results > few_made.size() ? many_made.data() : few_made.data();
  {
    // Whether it ends or throws.
    struct Written {
      ~Written() {
        for (const auto& [result, written] : writebacks) changed(*inputs[static_cast<size_t>(written)]);
      }
      const std::vector<std::pair<int, int>>& writebacks;
      std::span<Tensor* const> inputs;
    } const written{capture_.writebacks, inputs};
    if (!is_cpu(program.device) && cuda::graphs_used()) [[unlikely]] {
      std::call_once(graphs_once_, [&] { graphs_ = std::make_unique<cuda::ProgramGraphs>(program); });
      std::vector<size_t> bytes;
      for (const Tensor* x : inputs)
        bytes.push_back(x->is_contiguous() ? static_cast<size_t>(element_count(x->sizes) * size_of(x->dtype)) : 0);
      graphs_->run({buffers, inputs.size()}, bytes, {symbols, capture_.hints.size()}, {made, results});
    } else {
      tandem::run(program, {buffers, inputs.size()}, symbols, {made, results});
    }
  }
  for (size_t k = 0; k < outputs.size(); ++k) {
    const CapturedOutput& output = chosen(capture_.outputs[k], {made, results});
    const auto i = static_cast<size_t>(output.index);
    if (output.identical) {
      outputs[k] = TensorRef(TensorRef(), inputs[i]);
      continue;
    }
    if (output.kind == CapturedOutput::Kind::value) {
      outputs[k] = output_tensor(program, i, std::move(made[i]), symbols);
      continue;
    }
    const TensorRef result =
        output.kind == CapturedOutput::Kind::result_view ? output_tensor(program, i, made[i], symbols) : nullptr;
    const Tensor& base = result ? *result : *inputs[i];
    const ArrayLayout layout = layout_of_view(output, symbols);
    outputs[k] = std::make_shared<Tensor>(base.dtype, layout.sizes, layout.strides, base.storage,
                                          static_cast<char*>(base.data) + layout.offset * size_of(base.dtype));
    outputs[k]->writable = base.writable;
  }
}

// Whether what is written to inputs depends on no others, as far as gradients see.
bool Executable::writes_constants() const {
  if (capture_.writebacks.empty()) return true;
  Graph graph = captured_;
  ShapeEnv env = assumed_env(graph);
  Reverse reverse(graph, env);
  for (size_t k = 0; k < graph.params.size(); ++k) {
    const bool written = std::any_of(capture_.writebacks.begin(), capture_.writebacks.end(),
                                     [k](const auto& each) { return each.second == static_cast<int>(k); });
    if (!written && is_inexact(graph.type(graph.params[k].value).dtype)) reverse.aim(graph.params[k].value);
  }
  reverse.spread();
  return std::none_of(capture_.writebacks.begin(), capture_.writebacks.end(), [&](const auto& written) {
    return reverse.leads(captured_.results[static_cast<size_t>(written.first)]);
  });
}

bool Executable::is_tracked() const {
  std::call_once(tracked_once_, [&] {
    if (!capture_.differentiable) return;  // it has rules of its own
    const auto is_new_view = [](const CapturedOutput& output) {
      return output.kind == CapturedOutput::Kind::argument_view && !output.identical;
    };
    for (const CapturedOutput& output : capture_.outputs)
      if (is_new_view(output) || std::any_of(output.choices.begin(), output.choices.end(), is_new_view)) return;
    Graph graph = captured_;
    ShapeEnv env = assumed_env(graph);
    Reverse reverse(graph, env);
    for (const Param& param : graph.params)
      if (is_inexact(graph.type(param.value).dtype)) reverse.aim(param.value);
    reverse.spread();
    is_tracked_ = std::any_of(captured_.results.begin(), captured_.results.end(),
                              [&](ValueId result) { return reverse.leads(result); });
  });
  return is_tracked_;
}

bool Executable::is_differentiable() const {
  const auto plain = [](const CapturedOutput& output) {
    return output.choices.empty() && !output.weak && (output.identical || output.kind == CapturedOutput::Kind::value);
  };
  std::call_once(differentiable_once_, [&] {
    is_differentiable_ = capture_.differentiable &&
                         std::all_of(capture_.outputs.begin(), capture_.outputs.end(), plain) && writes_constants();
  });
  return is_differentiable_;
}

// The results of the graph that these outputs are.
Executable::Flags Executable::results_of(const Flags& outputs) const {
  Flags results(captured_.results.size(), false);
  for (size_t k = 0; k < outputs.size(); ++k)
    if (outputs[k]) results[static_cast<size_t>(capture_.outputs[k].index)] = true;
  return results;
}

std::shared_ptr<const Executable> Executable::gradient_program(Graph graph) const {
  Capture capture;
  for (size_t k = 0; k < graph.results.size(); ++k) {
    CapturedOutput output;
    output.index = static_cast<int>(k);
    capture.outputs.push_back(std::move(output));
  }
  capture.hints = capture_.hints;
  capture.guards = capture_.guards;
  capture.numbers = capture_.numbers;
  capture.numbers.resize(graph.params.size());
  capture.device = capture_.device;
  capture.devices = capture_.devices;
  graph.name = "gradient_of_" + captured_.name;
  capture.graph = std::move(graph);
  const auto made = std::make_shared<Executable>(std::move(capture), options_);
  made->default_dtype_ = default_dtype_;
  made->autocast_.reset();  // as it is in backward passes
  made->compile();
  return made;
}

const Executable::Gradient& Executable::gradient(const Flags& of_outputs, const Flags& wanted) const {
  std::lock_guard lock(gradients_mutex_);
  Gradient& known = gradients_[{of_outputs, wanted}];
  if (known.program) return known;
  GradientGraph made = gradient_graph(captured_, results_of(of_outputs), wanted);
  known.found = std::move(made.found);
  known.program = gradient_program(std::move(made.graph));
  return known;
}

Executable::Flags Executable::expected_outputs(const Flags& all) const {
  std::lock_guard lock(gradients_mutex_);
  return expected_.empty() ? all : expected_;
}

void Executable::expect_outputs(const Flags& outputs) const {
  std::lock_guard lock(gradients_mutex_);
  expected_ = outputs;
}

const Executable::Pair& Executable::with_gradient(const Flags& of_outputs, const Flags& wanted) const {
  std::lock_guard lock(gradients_mutex_);
  Pair& known = pairs_[{of_outputs, wanted}];
  if (known.forward) return known;
  const bool has_token = std::any_of(capture_.host.begin(), capture_.host.end(),
                                     [](const HostFunction& host) { return host.call != nullptr; });
  const size_t hidden = capture_.writebacks.size() + (has_token ? 1 : 0);
  const size_t visible = captured_.results.size() - hidden;
  std::optional<std::span<const int64_t>> hints;
  if (is_cpu(capture_.device)) hints = capture_.hints;
  SplitGradient split = split_gradient(captured_, hidden, results_of(of_outputs), wanted, hints);
  Capture capture = capture_;
  for (size_t k = 0; k < split.kept; ++k) {
    CapturedOutput output;
    output.index = static_cast<int>(visible + k);
    output.contiguous = true;
    capture.outputs.push_back(std::move(output));
  }
  for (auto& [result, input] : capture.writebacks) result += static_cast<int>(split.kept);
  capture.graph = std::move(split.forward);
  const auto forward = std::make_shared<Executable>(std::move(capture), options_);
  forward->default_dtype_ = default_dtype_;
  forward->compile();
  known.backward = {gradient_program(std::move(split.backward)), std::move(split.found)};
  known.reads = std::move(split.reads);
  known.forward = forward;
  return known;
}

std::string Executable::ir(std::string_view stage) const {
  if (stage == "captured") return to_text(captured_);
  if (stage == "optimized") return to_text(made().optimized);
  if (stage == "program") return to_text(*plan().program);
  std::string text;
  if (stage == "kernels") {
    for (const Kernel& kernel : plan().kernels) text += to_text(kernel) + "\n";
    return text;
  }
  if (stage == "llvm" || stage == "asm") {
    Backend* llvm = llvm_backend();
    if (!llvm)
      throw_error(ErrorKind::backend, "ir: got the stage '{}'; need the LLVM back end: {}", stage,
                  llvm_unavailable_reason());
    for (const Kernel& kernel : plan().kernels)
      text += fmt::format("; kernel {}\n{}\n", kernel.name, llvm->text(kernel, stage));
    return text;
  }
  if (stage == "cuda" || stage == "ptx") {
    for (const Kernel& kernel : plan().kernels)
      text += fmt::format("// kernel {}\n{}\n", kernel.name, cuda::text(kernel, stage));
    return text;
  }
  throw_error(ErrorKind::value,
              "ir: got the stage '{}'; need captured, optimized, kernels, program, llvm, asm, cuda or ptx", stage);
}

const std::vector<std::pair<std::string, std::string>>& Executable::passes() const {
  std::call_once(passes_once_, [this] {
    passes_.emplace_back("captured", to_text(captured_));
    const auto keep = [this](std::string_view pass, const Graph& graph, bool, double) {
      passes_.emplace_back(std::string(pass), to_text(graph));
    };
    optimize(captured_, keep, options_.numerics);
  });
  return passes_;
}

}  // namespace tandem
