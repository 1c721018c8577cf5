// Steps that are no kernels: library calls, copies, control flow, the host.
#include <algorithm>

#include "codegen/plan_block.h"
#include "passes/rounds.h"
#include "passes/trips.h"

namespace tandem {

void BlockBuilder::emit_node(int n) {
  const Node& node = graph_.nodes[index(n)];
  const Structure* structure = structure_of(*node.op);
  check_internal(structure != nullptr, "{} reached the plan", node.op->name);
  switch (*structure) {
    case Structure::matmul: return emit_matmul(node);
    case Structure::library: return emit_call(node);
    case Structure::concat: return emit_concat(node);
    case Structure::view_update: return emit_view_update(node);
    case Structure::host_call: return emit_host_call(node);
    case Structure::check_index: return emit_check_index(node);
    case Structure::failure_point: return emit_failure_point(node);
    case Structure::index_update: return emit_index_update(node);
    case Structure::control:
      return node.op->name == "if" ? emit_if(node) : portion_ ? emit_portion(node) : emit_while(node);
    default: throw InternalError(fmt::format("{} reached the plan", node.op->name));
  }
}

void BlockBuilder::emit_matmul(const Node& node) {
  for (ValueId input : node.inputs) require(input);
  const ValueId out = node.outputs[0];
  const size_t rank = type(out).shape.size();
  const auto operand = [&](ValueId value, bool right) {
    Place at = place(value);
    Shape shape = type(out).shape;
    const Shape& own = type(value).shape;
    if (right && own.size() == 2) return p_.view(at, own);
    const size_t extra = rank - own.size();
    at.layout.strides.insert(at.layout.strides.begin(), extra, Dim(0));
    for (size_t d = 0; d < own.size(); ++d) {
      const bool batch = d + 2 < own.size();
      if (!batch)
        shape[d + extra] = own[d];
      else if (own[d].is(1))
        at.layout.strides[d + extra] = 0;
    }
    return p_.view(at, shape);
  };
  View a = operand(node.inputs[0], false), b = operand(node.inputs[1], true);
  places_[index(out)] = fresh(type(out));
  note_product(node);
  const OriginRef made = origin(node.op->name, node);
  block_.push_back({Matmul{std::move(a), std::move(b), p_.view(places_[index(out)], type(out).shape), made}});
  p_.plan.libraries.push_back({&graph_, static_cast<int>(&node - graph_.nodes.data()), made});
}

void BlockBuilder::note_product(const Node& node) {
  constexpr double kLeast = 1 << 17;  // multiply-adds, each of which takes
  constexpr double kNanoseconds = 0.008;
  const TensorType& out = type(node.outputs[0]);
  const size_t rank = out.shape.size();
  if (!p_.on_cpu() || (out.dtype != DType::f32 && out.dtype != DType::bf16)) return;
  const Dim count = element_count(out.shape), columns = out.shape[rank - 1];
  const Dim depth = type(node.inputs[0]).shape.back();
  const double products = static_cast<double>(p_.hint(count)) * static_cast<double>(p_.hint(depth));
  if (products < kLeast) return;
  Dim rows = 1;
  for (size_t d = 0; d + 1 < rank; ++d) rows = rows * out.shape[d];
  products_.push_back({places_[index(node.outputs[0])].slot, rows, columns, kNanoseconds * products});
}

void BlockBuilder::emit_call(const Node& node) {
  const Routine* routine = find_routine(node.op->name);
  check_internal(routine != nullptr, "there is no routine {}", node.op->name);
  Call call{routine, {}, {}, {}, 0, node.op->has(Trait::may_fail), origin(node.op->name, node)};
  for (const Place& input : region_inputs(node, 0)) {
    const Shape& shape = type(node.inputs[call.inputs.size()]).shape;
    call.inputs.push_back(p_.view(input, shape));
    call.cost = std::max(call.cost, static_cast<double>(p_.hint(element_count(shape))));
  }
  for (const Attr& attr : node.attrs) append_param(attr, call.params);
  if (const auto known = failures_.find(node.inputs[0]); call.may_fail && known != failures_.end())
    std::tie(call.function, call.failure) = known->second;
  const ValueId out = node.outputs[0];
  places_[index(out)] = fresh(type(out));
  call.out = p_.view(places_[index(out)], type(out).shape);
  p_.plan.libraries.push_back({&graph_, static_cast<int>(&node - graph_.nodes.data()), call.origin});
  block_.push_back({std::move(call)});
}

void BlockBuilder::append_param(const Attr& attr, std::vector<DimRef>& params) {
  if (const auto* flag = std::get_if<bool>(&attr)) {
    params.push_back(p_.dim(*flag ? 1 : 0));
  } else if (const auto* number = std::get_if<int64_t>(&attr)) {
    params.push_back(p_.dim(*number));
  } else if (const auto* list = std::get_if<std::vector<Dim>>(&attr)) {
    params.push_back(p_.dim(static_cast<int64_t>(list->size())));
    for (const Dim& dim : *list) params.push_back(p_.dim(dim));
  } else {
    throw InternalError("a routine takes booleans, integers and lists of integers");
  }
}

void BlockBuilder::emit_index_update(const Node& node) {
  for (ValueId input : node.inputs) require(input);
  const Changed whole = to_be_changed(node.inputs[0]);
  places_[index(node.outputs[0])] = whole.place;
  copy_base(whole, node);
  put(node);
}

void BlockBuilder::put(const Node& node) {
  const TensorType& index_type = type(node.inputs[1]);
  const int indices = contiguous(p_, block_, place(node.inputs[1]), index_type, node);
  const auto axis = static_cast<int>(attr_as<int64_t>(*node.op, node.attrs, "axis"));
  const ValueId out = node.outputs[0];
  block_.push_back(
      {Put{p_.view(place(node.inputs[2]), type(node.inputs[2]).shape), p_.view(place(out), type(out).shape), axis,
           p_.view({indices, {0, contiguous_strides(index_type.shape)}}, index_type.shape),
           static_cast<PutMode>(attr_as<int64_t>(*node.op, node.attrs, "mode")), origin("put", node),
           attr_as<bool>(*node.op, node.attrs, "checked") || is_checked(node.inputs[1])}});
}

std::vector<Place> BlockBuilder::region_inputs(const Node& node, size_t first) {
  std::vector<Place> out;
  for (size_t k = first; k < node.inputs.size(); ++k) {
    require(node.inputs[k]);
    const TensorType& t = type(node.inputs[k]);
    out.push_back({contiguous(p_, block_, place(node.inputs[k]), t, node), {0, contiguous_strides(t.shape)}});
  }
  return out;
}

void BlockBuilder::emit_host_call(const Node& node) {
  const std::vector<Place> args = region_inputs(node, 0);
  const auto function = static_cast<int>(attr_as<int64_t>(*node.op, node.attrs, "function"));
  HostCall call{function, {}, origin(p_.program->host[index(function)].text, node), {}};
  const size_t count = p_.program->host[index(function)].arguments + 1;
  for (size_t k = 1; k < count; ++k) call.args.push_back(p_.view(args[k], type(node.inputs[k]).shape));
  call.failure = on_failure(node, args, count, function);
  block_.push_back({std::move(call)});
  places_[index(node.outputs[0])] = args[0];  // the token has no contents
}

OnFailure BlockBuilder::on_failure(const Node& node, const std::vector<Place>& args, size_t first, int function) {
  OnFailure out;
  for (const int target : p_.program->host[index(function)].targets) {
    const Shape& shape = type(node.inputs[first]).shape;
    out.copies.emplace_back(p_.view(args[first], shape), p_.view(p_.inputs[index(target)], shape));
    ++first;
  }
  for (; first < args.size(); ++first) out.args.push_back(p_.view(args[first], type(node.inputs[first]).shape));
  return out;
}

void BlockBuilder::emit_check_index(const Node& node) {
  const std::vector<Place> args = region_inputs(node, 0);
  CheckIndex check{p_.view(args[0], type(node.inputs[0]).shape),
                   p_.dim(attr_as<std::vector<Dim>>(*node.op, node.attrs, "size")[0]),
                   static_cast<int>(attr_as<int64_t>(*node.op, node.attrs, "axis")), origin("check", node)};
  check.function = static_cast<int>(attr_as<int64_t>(*node.op, node.attrs, "function"));
  if (check.function >= 0)
    check.failure = on_failure(node, args, 1 + p_.program->host[index(check.function)].arguments, check.function);
  block_.push_back({std::move(check)});
  places_[index(node.outputs[0])] = args[0];
}

void BlockBuilder::emit_failure_point(const Node& node) {
  const std::vector<Place> args = region_inputs(node, 0);
  const auto function = static_cast<int>(attr_as<int64_t>(*node.op, node.attrs, "function"));
  const size_t first = 1 + p_.program->host[index(function)].arguments;
  failures_[node.outputs[0]] = {function, on_failure(node, args, first, function)};
  places_[index(node.outputs[0])] = args[0];
}

bool BlockBuilder::is_checked(ValueId index_value) const {
  const int made_by = producers_[index(index_value)];
  if (made_by < 0) return false;
  const Node& node = graph_.nodes[index(made_by)];
  if (node.op->name == "cast") return is_checked(node.inputs[0]);
  const Structure* structure = structure_of(*node.op);
  return structure && *structure == Structure::check_index;
}

void BlockBuilder::emit_if(const Node& node) {
  require(node.inputs[0]);
  const int predicate = contiguous(p_, block_, place(node.inputs[0]), type(node.inputs[0]), node);
  const auto captured = region_inputs(node, 1);
  std::vector<int> results;
  for (ValueId out : node.outputs) {
    results.push_back(p_.new_slot(type(out).dtype, type(out).shape));
    places_[index(out)] = {results.back(), {0, contiguous_strides(type(out).shape)}};
  }
  Branch branch{predicate, {}, {}};
  for (int side = 0; side < 2; ++side) {
    const Graph& region = *node.regions[static_cast<size_t>(side)];
    std::vector<Place> made;
    Block block = BlockBuilder(p_, region, captured).run(made);
    for (size_t i = 0; i < made.size(); ++i)
      block.push_back({Bind{results[i], contiguous(p_, block, made[i], type(node.outputs[i]), node)}});
    (side == 0 ? branch.then_block : branch.else_block) = std::move(block);
  }
  block_.push_back({std::move(branch)});
}

void BlockBuilder::emit_while(const Node& node) {
  if (const auto recorded = recorded_of(graph_, node)) return emit_recorded(node, *recorded);
  const size_t carried = node.outputs.size();
  std::vector<Place> params = region_inputs(node, 0);
  for (size_t i = 0; i < carried; ++i) {
    const TensorType& t = type(node.outputs[i]);
    const int slot = p_.new_slot(t.dtype, t.shape);
    block_.push_back({Bind{slot, params[i].slot}});
    params[i].slot = slot;
    places_[index(node.outputs[i])] = params[i];
  }
  Loop loop;
  std::vector<Place> predicate, next;
  loop.condition = BlockBuilder(p_, *node.regions[0], params).run(predicate);
  loop.predicate =
      contiguous(p_, loop.condition, predicate[0], node.regions[0]->type(node.regions[0]->results[0]), node);
  const bool in_kernel = runs_in_kernel(graph_, node);
  const Graph& body = in_kernel ? p_.plan.portions.emplace_back(portion_of(node)) : *node.regions[1];
  loop.body = BlockBuilder(p_, body, params, in_kernel).run(next);
  for (size_t i = 0; i < carried; ++i) {
    const int slot = contiguous(p_, loop.body, next[i], type(node.outputs[i]), node);
    loop.carried.emplace_back(params[i].slot, slot);
  }
  if (const Trips trips = trips_of(graph_, node); trips.exact)
    loop.rounds = p_.dim(ceil_div(*trips.most, in_kernel ? tandem::portion_of(graph_, node) : 1));
  block_.push_back({std::move(loop)});
}

// A kernel for each shape of what is used of it; that of what is written first.
void BlockBuilder::emit_recorded(const Node& loop, const Recorded& recorded) {
  for (const ValueId input : loop.inputs) require(input);
  std::vector<Shape> shapes{recorded.shape};
  const std::vector<int> uses = graph_.use_counts();
  for (size_t k = 0; k < loop.outputs.size(); ++k) {
    const ValueId out = loop.outputs[k];
    if (recorded.is_array[k]) {
      const Changed whole = to_be_changed(loop.inputs[k]);
      places_[index(out)] = whole.place;
      copy_base(whole, loop);
    } else if (uses[index(out)] > 0 && std::ranges::find(shapes, type(out).shape) == shapes.end()) {
      shapes.push_back(type(out).shape);
    }
  }
  const auto n = static_cast<int>(&loop - graph_.nodes.data());
  for (const Shape& shape : shapes) {
    Fusion alone{{}, std::vector<int>(graph_.nodes.size(), -1), fusion_.inlined};
    alone.group_of[index(n)] = 0;
    Group& group = alone.groups.emplace_back();
    group.records = true;
    group.axes = shape;
    group.axes.insert(group.axes.begin(), recorded.rounds);
    group.reduced.assign(group.axes.size(), false);
    group.reduced[0] = true;
    group.members = {n};
    group.maps[n] = recorded_map(shape);
    for (size_t k = 0; k < loop.outputs.size(); ++k)
      if (!recorded.is_array[k] && uses[index(loop.outputs[k])] > 0 && type(loop.outputs[k]).shape == shape)
        group.outputs.push_back(loop.outputs[k]);
    launch_group(alone, 0);
  }
}

Graph BlockBuilder::portion_of(const Node& loop) {
  Graph out;
  out.name = graph_.name;
  std::vector<TensorType> types;
  std::vector<ValueId> inputs;
  types.reserve(loop.outputs.size());
  inputs.reserve(loop.regions[1]->params.size());
  for (const Param& param : loop.regions[1]->params)
    inputs.push_back(out.add_param(loop.regions[1]->type(param.value), param.name));
  for (const ValueId value : loop.outputs) types.push_back(type(value));
  Node& copy = out.add_node(*loop.op, std::move(inputs), loop.attrs, types, loop.loc);
  copy.regions = loop.regions;
  out.results = copy.outputs;
  return out;
}

void BlockBuilder::emit_portion(const Node& loop) {
  const auto n = static_cast<int>(&loop - graph_.nodes.data());
  for (const ValueId first : loop.outputs) {
    if (places_[index(first)].slot >= 0) continue;
    Fusion alone{{}, std::vector<int>(graph_.nodes.size(), 0), std::vector<bool>(graph_.nodes.size(), false)};
    Group& group = alone.groups.emplace_back();
    group.axes = type(first).shape;
    group.reduced.assign(group.axes.size(), false);
    group.members = {n};
    group.maps[n] = identity_map(group.axes);
    for (const ValueId value : loop.outputs)
      if (type(value).shape == group.axes) group.outputs.push_back(value);
    launch_group(alone, 0);
  }
}

}  // namespace tandem
