// What may end a program by an exception, and what that leaves behind: calls of the host, checks of indices, operations
// that fail for some contents of their inputs.
//
// Eager code has done everything before the exception, and nothing after it. So each place that may fail takes along, as
// further operands, what the arguments hold by then, and what the changes outside of tensors are made of. In a loop that is
// known only when the loop ends: there every argument is taken along, and those that turn out to be as they were given
// are dropped at the end of the capture.
#include <algorithm>

#include "frontend/recorder.h"

namespace tandem {

ValueId Recorder::token() {
  if (!token_) {
    // Made in the function itself, whatever region is open.
    Graph& graph = frames_[0].graph;
    GraphBuilder builder(graph, env_);
    if (locate) builder.set_location(locate());
    const ValueId none = builder.emit(op("full"), {}, {std::vector<Dim>{}, int64_t{0}, DType::boolean}).id;
    token_ = std::make_shared<Cell>();
    token_->now = {frames_[0].id, none};
    token_->type = graph.type(none);
  }
  return read(token_, frames_.size() - 1);
}

Recorder::Failure Recorder::failure() {
  Failure out;
  for (const auto& cell : arguments_) {
    const auto at = static_cast<size_t>(cell->argument);
    const bool number = at < numbers_.size() && numbers_[at];
    const bool as_given = cell->now == Variable{frames_[0].id, frames_[0].graph.params[at].value};
    if (!number && !cell->uncertain && (!as_given || !whiles_.empty())) out.arguments.push_back(cell);
  }
  if (pending) out.pending = pending();
  return out;
}

void Recorder::append(Failure failure, std::vector<ValueId>& inputs, HostFunction& function) {
  for (const auto& cell : failure.arguments) {
    inputs.push_back(read(cell, frames_.size() - 1));
    function.targets.push_back(cell->argument);
  }
  for (const TensorRef& tensor : failure.pending.tensors) inputs.push_back(read(tensor));
  function.failed = std::move(failure.pending.failed);
}

void Recorder::host_call(HostFunction function, std::span<const TensorRef> tensors) {
  std::vector<ValueId> inputs{token()};
  for (const TensorRef& tensor : tensors) inputs.push_back(read(tensor));
  function.arguments = tensors.size();
  append(failure(), inputs, function);
  write(token_, emit(op("host_call"), inputs, {static_cast<int64_t>(host_.size())}));
  host_.push_back(std::move(function));
}

int64_t Recorder::note_failure(std::string text, std::vector<ValueId>& inputs) {
  Failure left = failure();
  if (!token_ && left.empty()) return -1;
  HostFunction function{std::move(text), nullptr};
  if (token_) {
    inputs.push_back(token());
    function.arguments = 1;
  }
  append(std::move(left), inputs, function);
  host_.push_back(std::move(function));
  return static_cast<int64_t>(host_.size()) - 1;
}

ValueId Recorder::before_failure(ValueId operand) {
  std::vector<ValueId> inputs{operand};
  const int64_t number = note_failure("failure", inputs);
  return number < 0 ? operand : emit(op("failure_point"), inputs, {number});
}

ValueId Recorder::checked(ValueId indices, Dim size, int64_t axis) {
  auto& known = checked_[{top().id, indices}];
  for (const auto& [extent, value] : known)
    if (extent == size) return value;
  std::vector<ValueId> inputs{indices};
  const int64_t number = note_failure("index", inputs);
  const ValueId value = emit(op("check_index"), inputs, {std::vector<Dim>{size}, axis, false, number});
  checked_[{top().id, indices}].emplace_back(size, value);
  checked_[{top().id, value}].emplace_back(size, value);
  return value;
}

namespace {

// Follows values that stand for an argument as it was given through the regions of control flow.
class Settler {
 public:
  Settler(std::vector<HostFunction>& host, bool ordered) : host_(host), ordered_(ordered) {}

  // `given`: per param, the argument that it is, or -1.
  void run(Graph& graph, const std::vector<int>& given) {
    std::vector<int> argument(graph.types.size(), -1);
    for (size_t k = 0; k < given.size(); ++k) argument[static_cast<size_t>(graph.params[k].value)] = given[k];
    for (Node& node : graph.nodes) {
      std::vector<int> inputs;
      inputs.reserve(node.inputs.size());
      for (const ValueId value : node.inputs) inputs.push_back(argument[static_cast<size_t>(value)]);
      const bool is_if = node.op->name == "if";
      for (auto& region : node.regions) {
        std::vector<int> known(inputs.begin() + (is_if ? 1 : 0), inputs.end());
        if (!is_if) std::fill_n(known.begin(), node.outputs.size(), -1);
        auto changed = std::make_shared<Graph>(*region);
        run(*changed, known);
        region = std::move(changed);
      }
      settle(node, std::move(inputs));
    }
  }

 private:
  // `arguments`: which of them its inputs are.
  void settle(Node& node, std::vector<int> arguments) {
    const bool check = node.op->name == "check_index";
    if (!check && node.op->name != "host_call" && node.op->name != "failure_point") return;
    const auto order = [&](bool ordered) {
      if (check) node.attrs[static_cast<size_t>(node.op->attr_index("ordered"))] = ordered;
    };
    order(ordered_);
    const auto number = std::get<int64_t>(node.attrs[static_cast<size_t>(node.op->attr_index("function"))]);
    if (number < 0) return;
    HostFunction& function = host_[static_cast<size_t>(number)];
    size_t at = 1 + function.arguments;
    std::vector<int> targets;
    for (const int target : function.targets) {
      if (arguments[at] == target) {
        node.inputs.erase(node.inputs.begin() + static_cast<std::ptrdiff_t>(at));
        arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(at));
        continue;
      }
      targets.push_back(target);
      ++at;
    }
    function.targets = std::move(targets);
    order(ordered_ || !function.targets.empty() || function.failed);
  }

  std::vector<HostFunction>& host_;
  bool ordered_;
};

bool may_fail(const Graph& graph) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(), [](const Node& node) {
    return node.op->has(Trait::may_fail) ||
           std::any_of(node.regions.begin(), node.regions.end(), [](const auto& region) { return may_fail(*region); });
  });
}

}  // namespace

void Recorder::settle_failures(Graph& graph, bool ordered) {
  std::vector<int> given(graph.params.size());
  for (size_t k = 0; k < given.size(); ++k) given[k] = static_cast<int>(k);
  Settler(host_, ordered || may_fail(graph)).run(graph, given);
}

}  // namespace tandem
