// The end of a capture: what is returned, what is written back, what it rests on.
#include <algorithm>

#include "frontend/recorder.h"

namespace tandem {

std::vector<int> Recorder::written_inputs() const {
  std::vector<int> written;
  for (const auto& cell : arguments_)
    if (cell->now.value != frames_[0].graph.params[static_cast<size_t>(cell->argument)].value)
      written.push_back(cell->argument);
  return written;
}

Capture Recorder::finish(const std::vector<TensorRef>& outputs) {
  check_internal(frames_.size() == 1, "a region is still open");
  Capture capture;
  Graph& graph = frames_[0].graph;
  // Results that are views of one tensor: it is computed once, and they are made as views of it.
  std::unordered_map<const Cell*, int> uses, bases;
  for (const TensorRef& output : outputs)
    if (output->recorded && output->recorded->cell->argument < 0) ++uses[output->recorded->cell.get()];
  for (const TensorRef& output : outputs) {
    CapturedOutput out;
    const TensorRef tensor = output->recorded ? output : constant(output);
    const Recorded& r = *tensor->recorded;
    if (r.recorder.get() != this) throw_leaked("return", *tensor);
    const bool copied = std::any_of(r.views.begin(), r.views.end(), [](const ViewStep& step) { return step.index; });
    if (r.cell->argument >= 0 && !copied) {
      const Param& param = graph.params[static_cast<size_t>(r.cell->argument)];
      out.kind = CapturedOutput::Kind::argument_view;
      out.index = r.cell->argument;
      out.identical = r.views.empty() || (r.views.size() == 1 && r.views[0].op->name == "as_strided");
      out.type = r.type;
      out.layout = {0, param.contiguous ? contiguous_strides(r.cell->type.shape) : param.strides};
      for (const ViewStep& step : r.views) out.layout = layout_after(step, std::move(out.layout));
    } else if (!copied && uses[r.cell.get()] > 1) {
      out.kind = CapturedOutput::Kind::result_view;
      const auto [base, first] = bases.try_emplace(r.cell.get(), static_cast<int>(graph.results.size()));
      if (first) graph.results.push_back(read(r.cell, 0));
      out.index = base->second;
      out.weak = r.weak;
      out.type = r.type;
      out.layout = {0, contiguous_strides(r.cell->type.shape)};
      for (const ViewStep& step : r.views) out.layout = layout_after(step, std::move(out.layout));
    } else {
      line_ = r.born;  // the user's function has returned: views it made are put into the graph only now
      const ValueId value = read(tensor);
      out.index = static_cast<int>(graph.results.size());
      out.weak = r.weak;
      graph.results.push_back(value);
    }
    capture.outputs.push_back(std::move(out));
  }
  if (token_) graph.results.push_back(token_->now.value);
  for (const int argument : written_inputs()) {
    capture.writebacks.emplace_back(static_cast<int>(graph.results.size()), argument);
    graph.results.push_back(arguments_[static_cast<size_t>(argument)]->now.value);
  }
  settle_failures(graph, token_ || !capture.writebacks.empty());
  capture.host = host_;
  // Arguments come first among the params; constants met on the way were appended after them.
  capture.constants = constants_;
  capture.graph = std::move(graph);
  numbers_.resize(arguments_.size());
  capture.numbers = numbers_;
  capture.hints = env_.hints();
  capture.guards = env_.guards();
  return capture;
}

}  // namespace tandem
