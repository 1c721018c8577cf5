// The end of a capture: what is returned, what is written back, what it rests on.
#include <algorithm>
#include <iterator>

#include "frontend/recorder.h"

namespace tandem {

std::vector<int> Recorder::written_inputs() const {
  std::vector<int> written;
  for (const auto& cell : arguments_)
    if (cell->now.value != frames_[0].graph.params[static_cast<size_t>(cell->argument)].value)
      written.push_back(cell->argument);
  return written;
}

namespace {

// An output that is views of what lies as `layout` says; nothing where one of them would have to copy.
std::optional<CapturedOutput> view_output(CapturedOutput::Kind kind, int index, const TensorType& type, Layout layout,
                                          std::span<const ViewStep> views) {
  CapturedOutput out;
  out.kind = kind;
  out.index = index;
  out.type = views.empty() ? type : views.back().output;
  for (const ViewStep& step : views) {
    auto next = std::get<ViewRule>(step.op->lower)(step.input, layout, *step.op, step.attrs, step.output);
    if (!next) return std::nullopt;
    layout = std::move(*next);
  }
  out.layout = std::move(layout);
  return out;
}

}  // namespace

std::optional<CapturedOutput> Recorder::view_of_argument(const Cell& cell, std::span<const ViewStep> views) const {
  const Param& param = frames_[0].graph.params[static_cast<size_t>(cell.argument)];
  const Layout layout{0, param.contiguous ? contiguous_strides(cell.type.shape) : param.strides};
  auto out = view_output(CapturedOutput::Kind::argument_view, cell.argument, cell.type, layout, views);
  if (out) out->identical = views.empty() || (views.size() == 1 && views[0].op->name == "as_strided");
  return out;
}

void Recorder::add_choices(const Recorded& r, const ResultPlaces& places, std::map<ValueId, int>& flags,
                           CapturedOutput& out) {
  if (r.weak || is_indexed(r.views)) return;
  std::vector<CapturedOutput> of_results;  // after those of arguments, which a result may be, too
  for (const MaybeView& link : r.cell->maybe) {
    if (!is_exact(link) || link.base->uncertain) continue;
    const std::vector<ViewStep> views = joined(link.views, r.views);
    const auto place = places.find(link.base.get());
    std::optional<CapturedOutput> choice;
    if (link.base->argument >= 0)
      choice = view_of_argument(*link.base, views);
    else if (place != places.end())
      choice = view_output(CapturedOutput::Kind::result_view, place->second, link.base->type,
                           {0, contiguous_strides(link.base->type.shape)}, views);
    if (!choice) continue;
    choice->identical &= views.empty();  // a part of memory that arguments share would not tell which of them it is
    std::vector<ValueId>& results = frames_[0].graph.results;
    const auto [flag, first] = flags.try_emplace(holds(link.where), static_cast<int>(results.size()));
    if (first) results.push_back(flag->first);
    choice->flag = flag->second;
    (choice->kind == CapturedOutput::Kind::argument_view ? out.choices : of_results).push_back(std::move(*choice));
  }
  std::move(of_results.begin(), of_results.end(), std::back_inserter(out.choices));
}

Capture Recorder::finish(const std::vector<TensorRef>& outputs) {
  check_internal(frames_.size() == 1, "a region is still open");
  Capture capture;
  if (takes_gradients_) check_untracked(outputs);
  for (size_t k = 0; k < leaves_.size(); ++k) {  // more may come
    const Leaf& leaf = leaves_[k];
    if (leaf.input < 0) continue;
    if (leaf.at_once && !leaf.read) capture.replaces_gradient.push_back(leaf.input);
    if (!leaf.read) continue;
    if (const TensorRef before = leaf.before)
      capture.gradient_inputs[constant(before)->recorded->cell->argument] = leaf.input;
    else
      capture.without_gradient.push_back(leaf.input);
  }
  Graph& graph = frames_[0].graph;
  // Results that are views of one tensor: it is computed once, and they are made as views of it.
  std::unordered_map<const Cell*, int> uses;
  ResultPlaces bases;
  std::vector<TensorRef> tensors;
  for (const TensorRef& output : outputs) {
    tensors.push_back(output->recorded ? output : constant(output));
    const Recorded& r = *tensors.back()->recorded;
    if (r.recorder.get() != this) throw_leaked("return", *tensors.back());
    if (r.cell->argument < 0) ++uses[r.cell.get()];
  }
  // So are those that may be views of one.
  for (const TensorRef& tensor : tensors)
    for (const MaybeView& link : tensor->recorded->cell->maybe)
      if (const auto base = uses.find(link.base.get()); base != uses.end()) ++base->second;
  for (const TensorRef& tensor : tensors) {
    const Recorded& r = *tensor->recorded;
    CapturedOutput out;
    const bool copied = is_indexed(r.views);
    if (r.cell->argument >= 0 && !copied) {
      out = view_of_argument(*r.cell, r.views).value();
    } else if (!copied && uses[r.cell.get()] > 1) {
      const auto [base, first] = bases.try_emplace(r.cell.get(), static_cast<int>(graph.results.size()));
      if (first) graph.results.push_back(read(r.cell, 0));
      out = view_output(CapturedOutput::Kind::result_view, base->second, r.cell->type,
                        {0, contiguous_strides(r.cell->type.shape)}, r.views)
                .value();
      out.weak = r.weak;
    } else {
      line_ = r.born;  // the user's function has returned: views it made are put into the graph only now
      const ValueId value = read(tensor);
      out.index = static_cast<int>(graph.results.size());
      out.weak = r.weak;
      graph.results.push_back(value);
    }
    capture.outputs.push_back(std::move(out));
  }
  std::map<ValueId, int> flags;
  for (size_t i = 0; i < tensors.size(); ++i) add_choices(*tensors[i]->recorded, bases, flags, capture.outputs[i]);
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
  devices_.resize(arguments_.size());
  capture.devices = devices_;
  capture.device = device_;
  capture.differentiable = differentiable_;
  capture.asks_tracking = asks_tracking_;
  tracked_.resize(arguments_.size(), Tracked::no);
  capture.tracked = tracked_;
  capture.takes_gradients = takes_gradients_;
  capture.grad_mode = grad_mode_;
  capture.hints = env_.hints();
  capture.guards = env_.guards();
  return capture;
}

}  // namespace tandem
