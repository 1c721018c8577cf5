// Control flow of the recorder: regions, what they import, what they write.
#include <algorithm>

#include "frontend/recorder.h"

namespace tandem {

namespace {

// Params of a region in the order of the node's inputs.
void order_params(Graph& graph, const std::vector<ValueId>& order) {
  std::vector<Param> sorted;
  for (ValueId value : order)
    for (Param& param : graph.params)
      if (param.value == value) sorted.push_back(param);
  graph.params = std::move(sorted);
}

void check_single(const TensorRef& predicate) {
  const TensorType type = predicate->type();
  for (const Dim& d : type.shape)
    if (!d.is(1))
      throw_error(ErrorKind::value,
                  "condition: got a tensor of shape {}; need a single truth value; try .any() or .all()",
                  to_text(type.shape));
}

std::string label(const std::vector<std::string>& names, size_t i) {
  return i < names.size() ? fmt::format("'{}'", names[i]) : fmt::format("number {}", i);
}

}  // namespace

void Recorder::if_begin(const TensorRef& predicate) {
  check_single(predicate);
  TensorRef flag = predicate;
  if (flag->dtype != DType::boolean) flag = record(op("cast"), {&flag, 1}, {DType::boolean});
  if (flag->rank() != 0) flag = record(op("reshape"), {&flag, 1}, {std::vector<Dim>{}});
  flag = wrap(read(flag));  // as it is now: the tensor may be written to
  ifs_.push_back({flag, {}, {}, {}, {}, false, known_gradients(), {}});
  frames_.push_back(open_frame());
}

void Recorder::if_otherwise(const std::vector<TensorRef>& outputs) {
  OpenIf& open = ifs_.back();
  open.then_gradients = known_gradients();
  for (const TensorRef& output : outputs) {
    open.then_values.push_back({top().id, read(output)});
    open.then_outputs.push_back(output);
  }
  for (auto& [cell, before] : top().written) open.then_written.emplace_back(cell, cell->now);
  undo_writes(top());
  open.then_frame = std::move(frames_.back());
  frames_.pop_back();
  frames_.push_back(open_frame());
  open.in_else = true;
  restore(open.gradients);
}

std::vector<TensorRef> Recorder::if_end(const std::vector<TensorRef>& outputs, const std::vector<std::string>& names) {
  OpenIf open = std::move(ifs_.back());
  ifs_.pop_back();
  check_internal(outputs.size() == open.then_values.size(), "the branches of an if yield different numbers of values");
  std::vector<ValueId> then_ids, else_ids;
  for (const Variable& value : open.then_values) then_ids.push_back(value.value);
  for (const TensorRef& output : outputs) else_ids.push_back(read(output));
  std::vector<bool> weak;
  const auto weak_of = [](const TensorRef& t) { return t->recorded && t->recorded->weak; };

  for (size_t i = 0; i < outputs.size(); ++i) {
    const TensorType a = open.then_frame.graph.type(then_ids[i]), b = top().graph.type(else_ids[i]);
    const bool weak_a = weak_of(open.then_outputs[i]), weak_b = weak_of(outputs[i]);
    bool same_shape = a.rank() == b.rank();
    for (size_t k = 0; same_shape && k < a.shape.size(); ++k) same_shape = env_.equal(a.shape[k], b.shape[k]);
    DType common = a.dtype;
    if (weak_a != weak_b)
      common = weak_a ? weak_result(b.dtype, info(a.dtype).kind) : weak_result(a.dtype, info(b.dtype).kind);
    const bool same_dtype = weak_a == weak_b ? a.dtype == b.dtype : common == (weak_a ? b.dtype : a.dtype);
    if (!same_shape || !same_dtype)
      throw_error(ErrorKind::capture,
                  "if: got {} as {} in one branch and {} in the other; need one dtype and shape; try "
                  "converting one of them",
                  label(names, i), to_text(a), to_text(b));
    if (a.dtype != common) {
      // Recorded in the graph of the other branch.
      std::swap(frames_.back(), open.then_frame);
      then_ids[i] = emit(op("cast"), {then_ids[i]}, {common});
      std::swap(frames_.back(), open.then_frame);
    }
    if (b.dtype != common) else_ids[i] = emit(op("cast"), {else_ids[i]}, {common});
    else_ids[i] = with_shape(else_ids[i], a.shape);
    weak.push_back(weak_a && weak_b);
  }

  // What a branch knows of tensors that are one on some of its paths goes with its results.
  std::swap(frames_.back(), open.then_frame);
  std::vector<InnerLink> inner = inner_links(open.then_outputs, 0);
  std::swap(frames_.back(), open.then_frame);
  std::ranges::move(inner_links(outputs, 1), std::back_inserter(inner));
  for (InnerLink& link : inner) {
    if (!link.is_flagged()) continue;
    if (link.branch == 0) std::swap(frames_.back(), open.then_frame);
    link.flag = holds(link.link.where);
    std::swap(frames_.back(), open.then_frame);
    link.otherwise = lift(Kind::boolean, 0, 0)->recorded->cell->now.value;
    if (link.branch == 1) std::swap(frames_.back(), open.then_frame);
  }

  const size_t first_gradient = then_ids.size();
  const std::vector<MergedGradient> gradients = merge_gradients(open, then_ids, else_ids);

  // Cells written on either side leave as further results.
  const size_t first_written = then_ids.size();
  std::vector<std::shared_ptr<Cell>> written;
  written.reserve(open.then_written.size());
  for (auto& [cell, value] : open.then_written) written.push_back(cell);
  for (auto& [cell, before] : top().written)
    if (std::find(written.begin(), written.end(), cell) == written.end()) written.push_back(cell);
  const size_t level = frames_.size() - 1;
  for (const auto& cell : written) else_ids.push_back(read(cell, level));
  undo_writes(top());
  Frame else_frame = std::move(frames_.back());
  frames_.pop_back();
  frames_.push_back(std::move(open.then_frame));
  for (const auto& cell : written) {
    const auto changed = std::find_if(open.then_written.begin(), open.then_written.end(),
                                      [&](const auto& entry) { return entry.first == cell; });
    then_ids.push_back(changed != open.then_written.end() ? changed->second.value : read(cell, level));
  }
  for (const InnerLink& link : inner) {
    if (!link.is_flagged()) continue;
    then_ids.push_back(link.branch == 0 ? link.flag : link.otherwise);
    else_ids.push_back(link.branch == 1 ? link.flag : link.otherwise);
  }
  Frame then_frame = std::move(frames_.back());
  frames_.pop_back();

  // Both regions take the union of what either imports, in one order.
  std::vector<std::shared_ptr<Cell>> captured;
  captured.reserve(then_frame.imports.size());
  for (const auto& [cell, value] : then_frame.imports) captured.push_back(cell);
  for (const auto& [cell, value] : else_frame.imports)
    if (!then_frame.imported.contains(cell.get())) captured.push_back(cell);
  std::vector<ValueId> inputs = {read(open.predicate)};
  std::vector<ValueId> then_order, else_order;
  for (const auto& cell : captured) {
    inputs.push_back(read(cell, frames_.size() - 1));
    for (auto [frame, order] : {std::pair{&then_frame, &then_order}, std::pair{&else_frame, &else_order}}) {
      const auto known = frame->imported.find(cell.get());
      order->push_back(known != frame->imported.end()
                           ? known->second
                           : frame->graph.add_param(cell->type, fmt::format("c{}", frame->graph.params.size())));
    }
  }
  order_params(then_frame.graph, then_order);
  order_params(else_frame.graph, else_order);
  then_frame.graph.name = "then";
  else_frame.graph.name = "else";
  then_frame.graph.results = then_ids;
  else_frame.graph.results = else_ids;
  std::vector<TensorType> types;
  types.reserve(then_ids.size());
  for (ValueId id : then_ids) types.push_back(then_frame.graph.type(id));
  Node& node = top().graph.add_node(op("if"), inputs, {}, types, locate ? locate() : SourceLoc{});
  node.regions = {std::make_shared<Graph>(std::move(then_frame.graph)),
                  std::make_shared<Graph>(std::move(else_frame.graph))};
  node.no_grad = grad_mode_ && !GradMode::enabled();
  const std::vector<ValueId> results = node.outputs;
  std::vector<TensorRef> out;
  for (size_t i = 0; i < outputs.size(); ++i) {
    out.push_back(wrap(results[i], weak[i]));
    note_alias(out.back(), open.then_outputs[i], open.predicate, true);
    note_alias(out.back(), outputs[i], open.predicate, false);
  }
  settle_gradients(gradients, std::span(results).subspan(first_gradient));
  size_t next = first_written + written.size();
  for (InnerLink& inner_link : inner) {
    MaybeView& outer = inner_link.link;
    if (inner_link.base) outer.base = out[*inner_link.base]->recorded->cell;
    if (inner_link.is_flagged())
      outer.where = {{wrap(results[next++]), true}};
    else if (outer.known)
      outer.where = {{open.predicate, inner_link.branch == 0}};
    link(out[inner_link.output]->recorded->cell, outer);
  }
  for (size_t i = 0; i < written.size(); ++i) write(written[i], results[first_written + i]);
  return out;
}

// The carried values, as params of the region that is open.
std::vector<TensorRef> Recorder::add_carried(const OpenWhile& open) {
  std::vector<TensorRef> params;
  for (size_t i = 0; i < open.inits.size(); ++i) {
    const bool named = i < open.names.size() && !open.names[i].empty();
    const TensorRef& init = open.inits[i];
    const ValueId value = top().graph.add_param(init->type(), named ? open.names[i] : fmt::format("v{}", i));
    params.push_back(wrap(value, init->recorded->weak));
  }
  return params;
}

std::vector<TensorRef> Recorder::while_begin(const std::vector<TensorRef>& inits, std::vector<std::string> names) {
  OpenWhile open;
  open.names = std::move(names);
  for (const TensorRef& init : inits) {
    read(init);
    open.inits.push_back(init->recorded ? init : constant(init));
  }
  carry_gradients(open);
  open.gradients = known_gradients();
  whiles_.push_back(std::move(open));
  frames_.push_back(open_frame());
  std::vector<TensorRef> params = add_carried(whiles_.back());
  start_gradients(whiles_.back(), false);
  return params;
}

std::vector<TensorRef> Recorder::while_body(const TensorRef& condition) {
  check_single(condition);
  OpenWhile& open = whiles_.back();
  TensorRef flag = condition;
  if (flag->dtype != DType::boolean) flag = record(op("cast"), {&flag, 1}, {DType::boolean});
  if (flag->rank() != 0) flag = record(op("reshape"), {&flag, 1}, {std::vector<Dim>{}});
  open.predicate = read(flag);
  if (!top().written.empty())
    throw_error(ErrorKind::capture,
                "while: got an in-place write inside the condition; need a condition that only reads");
  open.condition = std::move(frames_.back());
  frames_.pop_back();
  frames_.push_back(open_frame());
  open.params = add_carried(open);
  start_gradients(open, true);
  return open.params;
}

std::optional<std::vector<TensorRef>> Recorder::while_end(const std::vector<TensorRef>& nexts, bool runs) {
  Gradients gradients;
  if (!end_gradients(whiles_.back(), runs, gradients)) return std::nullopt;
  OpenWhile open = std::move(whiles_.back());
  whiles_.pop_back();
  const size_t n = open.inits.size();
  check_internal(nexts.size() == n, "a loop body yields another number of values than it takes");
  std::vector<ValueId> results;
  for (size_t i = 0; i < n; ++i) {
    ValueId id = read(nexts[i]);
    const TensorType have = top().graph.type(id), want = open.inits[i]->type();
    bool fits = have.rank() == want.rank();
    for (size_t k = 0; fits && k < have.shape.size(); ++k) fits = env_.equal(have.shape[k], want.shape[k]);
    const bool weak_next = nexts[i]->recorded && nexts[i]->recorded->weak;
    const bool weak_init = open.inits[i]->recorded->weak;
    fits = fits && (weak_next || !weak_init) &&
           (have.dtype == want.dtype || (weak_next && weak_result(want.dtype, info(have.dtype).kind) == want.dtype));
    if (!fits)
      throw_error(ErrorKind::capture,
                  "while: got {} as {} before the loop and {} after one pass; need one dtype and shape "
                  "throughout; try converting it before the loop",
                  label(open.names, i), to_text(want), to_text(have));
    if (have.dtype != want.dtype) id = emit(op("cast"), {id}, {want.dtype});
    results.push_back(with_shape(id, want.shape));
  }
  // Cells written in the body are carried, too. Reading them first makes sure they are params.
  std::vector<std::shared_ptr<Cell>> written;
  for (auto& [cell, before] : top().written) {
    written.push_back(cell);
    results.push_back(cell->now.value);
  }
  const std::vector<InnerLink> inner = inner_links(nexts, 0);
  undo_writes(top());
  for (const auto& cell : written) read(cell, frames_.size() - 1);
  Frame body = std::move(frames_.back());
  frames_.pop_back();
  Frame condition = std::move(open.condition);

  const auto is_written = [&](const std::shared_ptr<Cell>& cell) {
    return std::find(written.begin(), written.end(), cell) != written.end();
  };
  std::vector<std::shared_ptr<Cell>> order = written;
  for (Frame* frame : {&condition, &body})
    for (const auto& [cell, value] : frame->imports)
      if (!is_written(cell) && std::find(order.begin(), order.end(), cell) == order.end()) order.push_back(cell);
  std::vector<ValueId> inputs, condition_params, body_params;
  for (const TensorRef& init : open.inits) inputs.push_back(read(init));
  for (size_t i = 0; i < n; ++i) {
    condition_params.push_back(condition.graph.params[i].value);
    body_params.push_back(body.graph.params[i].value);
  }
  for (const auto& cell : order) {
    inputs.push_back(read(cell, frames_.size() - 1));
    for (auto [frame, params] : {std::pair{&condition, &condition_params}, std::pair{&body, &body_params}}) {
      const auto known = frame->imported.find(cell.get());
      params->push_back(known != frame->imported.end()
                            ? known->second
                            : frame->graph.add_param(cell->type, fmt::format("c{}", frame->graph.params.size())));
    }
  }
  order_params(condition.graph, condition_params);
  order_params(body.graph, body_params);
  condition.graph.name = "condition";
  body.graph.name = "body";
  condition.graph.results = {open.predicate};
  body.graph.results = results;
  std::vector<TensorType> types;
  types.reserve(n + written.size());
  for (size_t i = 0; i < n; ++i) types.push_back(open.inits[i]->type());
  for (const auto& cell : written) types.push_back(cell->type);
  Node& node = top().graph.add_node(op("while"), inputs, {}, types, locate ? locate() : SourceLoc{});
  node.regions = {std::make_shared<Graph>(std::move(condition.graph)), std::make_shared<Graph>(std::move(body.graph))};
  node.no_grad = grad_mode_ && !GradMode::enabled();
  const std::vector<ValueId> made = node.outputs;
  std::vector<TensorRef> out;
  for (size_t i = 0; i < n; ++i) {
    out.push_back(wrap(made[i], open.inits[i]->recorded->weak));
    if (!runs) note_alias(out.back(), open.inits[i], nullptr, true);
    note_alias(out.back(), nexts[i], nullptr, true);
  }
  for (const InnerLink& each : inner)
    if (each.base) link(out[each.output]->recorded->cell, {out[*each.base]->recorded->cell, {}, false, {}});
  // What an iteration hands on as it got it: after some of them a variable may be what another one was before the loop.
  const auto handed_on = [&](size_t i) {
    const auto same = [&](const TensorRef& p) {
      return nexts[i]->recorded && nexts[i]->recorded->cell == p->recorded->cell;
    };
    return static_cast<size_t>(std::find_if(open.params.begin(), open.params.end(), same) - open.params.begin());
  };
  for (size_t i = 0; i < n; ++i) {
    std::vector<bool> seen(n, false);
    for (size_t j = handed_on(i); j < n && !seen[j]; j = handed_on(j)) {
      seen[j] = true;
      note_alias(out[i], open.inits[j], nullptr, true);
    }
  }
  for (size_t i = 0; i < written.size(); ++i) write(written[i], made[n + i]);
  leave_gradients(open, runs, gradients);
  return out;
}

void Recorder::rewind(const Mark& mark) {
  while (frames_.size() > mark.frames) {
    undo_writes(frames_.back());
    frames_.pop_back();
  }
  restore(mark.gradients);
  for (size_t k = mark.whiles; k < whiles_.size(); ++k)
    for (Leaf& each : leaves_)
      if (const auto read = whiles_[k].read.find(each.tracking.get()); read != whiles_[k].read.end())
        each.read = read->second || (each.read && !each.replaced);
  ifs_.resize(std::min(ifs_.size(), mark.ifs));
  whiles_.resize(std::min(whiles_.size(), mark.whiles));
  lanes_.resize(std::min(lanes_.size(), mark.lanes));
}

}  // namespace tandem
