// What a loop keeps for its gradient: what it carries at the beginning of each iteration, and what is dear to compute again.
#include <algorithm>

#include "passes/gradient_parts.h"

namespace tandem {

namespace {

// Where the number of iterations has no bound, so many states of a loop are kept; those between them are computed again.
constexpr int64_t kCheckpoints = 256;

// Whether it costs less to keep a value than to compute it again.
bool is_dear(const Node& node) {
  const auto* structure = std::get_if<Structure>(&node.op->lower);
  const bool product = structure && (*structure == Structure::matmul || *structure == Structure::library);
  return node.outputs.size() == 1 && (product || std::holds_alternative<ReduceRule>(node.op->lower));
}

// The values of a body that are kept: what is dear, or, where that only enters a sum of the same size, that sum. Two
// products that are added need one stack instead of two, since the gradient of a sum reads neither.
std::vector<ValueId> values_to_keep(const Graph& body) {
  const std::vector<int> uses = body.use_counts();
  std::vector<ValueId> kept;
  int again = 0;  // between marks: what is to be computed again
  for (const Node& node : body.nodes) {
    if (node.op->name == "segment") again += std::get<bool>(node.attrs[0]) ? 1 : -1;
    if (again > 0) continue;
    if (is_dear(node)) {
      kept.push_back(node.outputs[0]);
    } else if (node.op->name == "add" || node.op->name == "subtract") {
      const auto enters = [&](ValueId value) {
        return std::find(node.inputs.begin(), node.inputs.end(), value) != node.inputs.end() &&
               uses[static_cast<size_t>(value)] == 1 && body.type(value).shape == body.type(node.outputs[0]).shape;
      };
      if (std::erase_if(kept, enters) > 0) kept.push_back(node.outputs[0]);
    }
  }
  return kept;
}

// More values for a region, behind the first `n` of its params.
std::vector<ValueId> add_params(Graph& region, size_t n, const std::vector<TensorType>& types) {
  std::vector<ValueId> made;
  std::vector<Param> params(region.params.begin() + static_cast<std::ptrdiff_t>(n), region.params.end());
  region.params.resize(n);
  made.reserve(types.size());
  for (const TensorType& type : types)
    made.push_back(region.add_param(type, fmt::format("saved{}", region.params.size() - n)));
  region.params.insert(region.params.end(), params.begin(), params.end());
  return made;
}

// Writes the state of one iteration into the stacks; returns the stride and the stacks. When they are full, every second
// state goes.
std::vector<ValueId> save_checkpoint(GraphBuilder& builder, Graph& body, Value count, Value stride,
                                     const std::vector<ValueId>& stacks, const std::vector<ValueId>& states) {
  const auto types_of = [](const Graph& graph, const std::vector<ValueId>& values) {
    std::vector<TensorType> types;
    types.reserve(values.size());
    for (const ValueId value : values) types.push_back(graph.type(value));
    return types;
  };
  const auto region_of = [&](const std::vector<TensorType>& types, std::string name) {
    Graph region;
    region.name = std::move(name);
    for (const TensorType& type : types) region.add_param(type, fmt::format("c{}", region.params.size()));
    for (const Param& param : region.params) region.results.push_back(param.value);
    return region;
  };
  // Thinned out: stride and stacks.
  std::vector<ValueId> kept = {stride.id};
  kept.insert(kept.end(), stacks.begin(), stacks.end());
  std::vector<TensorType> types = types_of(body, kept);
  Graph thin = region_of(types, "then"), same = region_of(types, "else");
  GraphBuilder in_thin(thin, builder.env());
  thin.results[0] = (in_thin.at(thin.results[0]) * in_thin.emit("full", {}, {Shape{}, int64_t{2}, DType::i64})).id;
  for (size_t k = 1; k < thin.results.size(); ++k) {
    const Shape shape = types[k].shape;
    Shape half = shape;
    half[0] = kCheckpoints / 2;
    std::vector<Dim> starts(shape.size(), Dim(0)), steps(shape.size(), Dim(1)), twice = steps;
    twice[0] = 2;
    const Value stack = in_thin.at(thin.results[k]);
    thin.results[k] =
        in_thin
            .emit("slice_update", {stack, in_thin.emit("slice", {stack}, {starts, half, twice})}, {starts, half, steps})
            .id;
  }
  // Saved: that, if the stacks are full, and then a new state.
  std::vector<ValueId> operands = {count.id};
  operands.insert(operands.end(), kept.begin(), kept.end());
  operands.insert(operands.end(), states.begin(), states.end());
  Graph save = region_of(types_of(body, operands), "then"), leave = save;
  leave.name = "else";
  leave.results.resize(1 + kept.size());
  leave.results.erase(leave.results.begin());
  GraphBuilder in_save(save, builder.env());
  const Value counted = in_save.at(save.params[0].value), before = in_save.at(save.params[1].value);
  const Value is_full = binary("equal", binary("floor_divide", counted, before), whole(in_save, kCheckpoints));
  std::vector<ValueId> inputs = {is_full.id};
  for (size_t k = 0; k < kept.size(); ++k) inputs.push_back(save.params[1 + k].value);
  Node& thinned = save.add_node(op("if"), inputs, {}, types);
  thinned.regions = {std::make_shared<Graph>(std::move(thin)), std::make_shared<Graph>(std::move(same))};
  const std::vector<ValueId> after = thinned.outputs;
  const Value slot = binary("floor_divide", counted, in_save.at(after[0]));
  save.results = {after[0]};
  for (size_t k = 0; k < stacks.size(); ++k)
    save.results.push_back(
        in_save
            .emit("index_update", {in_save.at(after[1 + k]), slot, in_save.at(save.params[1 + kept.size() + k].value)},
                  {int64_t{0}})
            .id);
  const Value due = binary("equal", binary("remainder", count, stride), whole(builder, 0));
  inputs = {due.id};
  inputs.insert(inputs.end(), operands.begin(), operands.end());
  Node& node = body.add_node(op("if"), inputs, {}, types);
  node.regions = {std::make_shared<Graph>(std::move(save)), std::make_shared<Graph>(std::move(leave))};
  return node.outputs;
}

}  // namespace

Saved save_iterations(Graph& graph, ShapeEnv& env, size_t i, const std::optional<Dim>& most) {
  const size_t n = graph.nodes[i].outputs.size();
  std::vector<TensorType> types = {{DType::i64, {}, {}}};
  if (!most) types.push_back(types[0]);  // the stride
  const size_t first = types.size();     // of the stacks
  const auto add_stack = [&](TensorType type) {
    type.shape.insert(type.shape.begin(), most ? *most : Dim(kCheckpoints));
    types.push_back(std::move(type));
  };
  for (const ValueId output : graph.nodes[i].outputs) add_stack(graph.type(output));
  std::vector<ValueId> dear;
  if (most) dear = values_to_keep(*graph.nodes[i].regions[1]);
  for (const ValueId value : dear) add_stack(graph.nodes[i].regions[1]->type(value));
  Graph condition = *graph.nodes[i].regions[0], body = *graph.nodes[i].regions[1];
  add_params(condition, n, types);
  const std::vector<ValueId> now = add_params(body, n, types);
  GraphBuilder in_body(body, env);
  const Value count = in_body.at(now[0]);
  std::vector<ValueId> next = {(count + whole(in_body, 1)).id},
                       stacks(now.begin() + static_cast<long>(first), now.end()), states;
  for (size_t k = 0; k < n; ++k) states.push_back(body.params[k].value);
  states.insert(states.end(), dear.begin(), dear.end());
  if (most) {
    for (size_t k = 0; k < states.size(); ++k)
      next.push_back(
          in_body.emit("index_update", {in_body.at(stacks[k]), count, in_body.at(states[k])}, {int64_t{0}}).id);
  } else {
    const auto kept = save_checkpoint(in_body, body, count, in_body.at(now[1]), stacks, states);
    next.insert(next.end(), kept.begin(), kept.end());
  }
  const auto behind = [n](std::vector<ValueId>& list, const std::vector<ValueId>& more) {
    list.insert(list.begin() + static_cast<std::ptrdiff_t>(n), more.begin(), more.end());
  };
  behind(body.results, next);
  // What the new values are before the loop stands in front of it.
  std::vector<Node> rest(std::make_move_iterator(graph.nodes.begin() + static_cast<std::ptrdiff_t>(i)),
                         std::make_move_iterator(graph.nodes.end()));
  graph.nodes.resize(i, Node{nullptr, {}, {}, {}, {}, {}});
  GraphBuilder builder(graph, env);
  builder.set_location(rest[0].loc);
  std::vector<ValueId> inits = {whole(builder, 0).id}, made;
  if (!most) inits.push_back(whole(builder, 1).id);
  for (size_t k = first; k < types.size(); ++k)
    inits.push_back(is_inexact(types[k].dtype)
                        ? builder.full(types[k].shape, types[k].dtype, 0).id
                        : builder.emit("full", {}, {types[k].shape, int64_t{0}, types[k].dtype}).id);
  for (const TensorType& type : types) made.push_back(graph.add_value(type));
  Node& loop = rest[0];
  behind(loop.inputs, inits);
  behind(loop.outputs, made);
  loop.regions = {std::make_shared<Graph>(std::move(condition)), std::make_shared<Graph>(std::move(body))};
  graph.nodes.insert(graph.nodes.end(), std::make_move_iterator(rest.begin()), std::make_move_iterator(rest.end()));
  const auto stack = made.begin() + static_cast<long>(first);
  return {{stack, stack + static_cast<long>(n)},
          made[0],
          most ? -1 : made[1],
          dear,
          {stack + static_cast<long>(n), made.end()}};
}

std::vector<ValueId> computed_again(Graph& graph, GraphBuilder& builder, const Graph& body, Value number, Value stride,
                                    const std::vector<ValueId>& stacks, const std::vector<ValueId>& captured) {
  const Value slot = binary("floor_divide", number, stride), from = slot * stride;
  std::vector<ValueId> inputs = {from.id};
  for (const ValueId stack : stacks) inputs.push_back(builder.emit("take", {builder.at(stack), slot}, {int64_t{0}}).id);
  const size_t carried = inputs.size();
  inputs.push_back(number.id);
  inputs.insert(inputs.end(), captured.begin(), captured.end());
  Graph condition, again;
  condition.name = "condition";
  again.name = "body";
  std::vector<TensorType> types;
  for (const ValueId input : inputs) {
    for (Graph* region : {&condition, &again})
      region->add_param(graph.type(input), fmt::format("v{}", region->params.size()));
    if (types.size() < carried) types.push_back(graph.type(input));
  }
  GraphBuilder in_condition(condition, builder.env()), in_again(again, builder.env());
  condition.results = {
      binary("less", in_condition.at(condition.params[0].value), in_condition.at(condition.params[carried].value)).id};
  std::vector<ValueId> params;
  for (size_t k = 1; k < again.params.size(); ++k)
    if (k != carried) params.push_back(again.params[k].value);
  again.results = append(again, body, params);
  again.results.insert(again.results.begin(), (in_again.at(again.params[0].value) + whole(in_again, 1)).id);
  Node& node = graph.add_node(op("while"), inputs, {}, types);
  node.regions = {std::make_shared<Graph>(std::move(condition)), std::make_shared<Graph>(std::move(again))};
  return {node.outputs.begin() + 1, node.outputs.end()};
}

}  // namespace tandem
