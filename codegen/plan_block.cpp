// In which order the steps of a block come, and those that are kernels.
#include "codegen/plan_block.h"

#include <algorithm>

#include "passes/dce.h"
#include "passes/part_updates.h"

namespace tandem {

BlockBuilder::BlockBuilder(ProgramBuilder& program, const Graph& graph, std::vector<Place> params, bool portion)
    : p_(program),
      portion_(portion),
      graph_(graph),
      fusion_(fuse(graph, program.hints)),
      producers_(graph.producers()),
      places_(graph.types.size()),
      emitted_(graph.nodes.size(), false),
      within_(graph.nodes.size(), false),
      stored_(graph.types.size(), false) {
  for (size_t i = 0; i < params.size(); ++i) places_[index(graph.params[i].value)] = std::move(params[i]);
  for (const Group& group : fusion_.groups)
    for (ValueId value : group.outputs) stored_[index(value)] = true;
  for (const Node& node : graph.nodes)
    if (is(*node.op, Structure::view_update))
      if (const Node* update = update_within(graph, producers_, node))
        within_[index(producers_[index(update->outputs[0])])] = true;
}

Block BlockBuilder::run(std::vector<Place>& results) {
  // In the order of the program, as far as what they need allows: what a node reads is then let go of as early as in
  // eager code. From the results backwards, all gradients that enter weights would wait for those of the first layer.
  const std::vector<int> turns = turns_of_groups();
  const std::vector<bool> needed = needed_nodes(graph_);  // a check that is left out, say, leaves what only it read
  for (size_t n = 0; n < graph_.nodes.size(); ++n) {
    if (!needed[n]) continue;
    const int group = fusion_.group_of[n];
    if (group >= 0 && turns[index(group)] == static_cast<int>(n)) emit_group(group);
    if (group < 0 && !fusion_.inlined[n] && !within_[n] && !is_view(*graph_.nodes[n].op))
      require_node(static_cast<int>(n));
  }
  for (ValueId result : graph_.results) require(result);
  for (ValueId result : graph_.results) results.push_back(place(result));
  return std::move(block_);
}

OriginRef BlockBuilder::origin(std::string_view name, const SourceLoc& loc) {
  StepOrigin made{std::string(name), {}};
  if (loc.known()) made.sources.push_back(loc);
  return std::make_shared<const StepOrigin>(std::move(made));
}

int BlockBuilder::contiguous(ProgramBuilder& p, Block& block, const Place& from, const TensorType& type,
                             const Node& reader) {
  const Shape strides = contiguous_strides(type.shape);
  bool whole = from.layout.offset.is(0) && p.program->slots[static_cast<size_t>(from.slot)].dtype == type.dtype &&
               p.program->slots[static_cast<size_t>(from.slot)].shape == p.dims(type.shape);
  for (size_t d = 0; whole && d < strides.size(); ++d)
    whole = type.shape[d].is(1) || from.layout.strides[d] == strides[d];
  if (whole) return from.slot;
  const int slot = p.new_slot(type.dtype, type.shape);
  block.push_back({Allocate{slot, p.dim(element_count(type.shape)), -1}});
  block.push_back({Copy{p.view(from, type.shape), p.view({slot, {0, strides}}, type.shape), origin("copy", reader)}});
  return slot;
}

Place BlockBuilder::place(ValueId value) {
  Place& known = places_[index(value)];
  if (known.slot >= 0) return known;
  const int made_by = producers_[index(value)];
  if (made_by < 0) return {};
  const Node& node = graph_.nodes[index(made_by)];
  if (!is_view(*node.op)) return {};
  const Place from = place(node.inputs[0]);
  if (from.slot < 0) return {};
  auto layout =
      std::get<ViewRule>(node.op->lower)(type(node.inputs[0]), from.layout, *node.op, node.attrs, type(value));
  if (!layout) return {};
  return known = {from.slot, std::move(*layout)};
}

void BlockBuilder::require(ValueId value) {
  const int made_by = producers_[index(value)];
  if (made_by < 0 || places_[index(value)].slot >= 0) return;
  const Node& node = graph_.nodes[index(made_by)];
  const int group = fusion_.group_of[index(made_by)];
  const bool reads_through = is_view(*node.op) || (fusion_.inlined[index(made_by)] && !stored_[index(value)]);
  if (reads_through) {
    for (ValueId input : node.inputs) require(input);
  } else if (group >= 0) {
    emit_group(group);
  } else {
    require_node(made_by);
  }
}

void BlockBuilder::require_node(int n) {
  if (emitted_[index(n)]) return;
  emitted_[index(n)] = true;
  emit_node(n);
}

std::vector<int> BlockBuilder::ready_from() const {
  constexpr int64_t kLittle = 1 << 14;  // elements
  std::vector<int> ready(graph_.nodes.size());
  for (size_t n = 0; n < ready.size(); ++n) {
    const Node& node = graph_.nodes[n];
    ready[n] = static_cast<int>(n);
    const Structure* structure = structure_of(*node.op);
    const bool cheap = std::holds_alternative<PointwiseRule>(node.op->lower) || is_view(*node.op) ||
                       (structure && (*structure == Structure::full || *structure == Structure::from_dim));
    if (!cheap || node.outputs.size() != 1) continue;
    const Dim count = element_count(type(node.outputs[0]).shape);
    if (!count.is_constant() || count.constant() > kLittle) continue;
    int from = -1;
    for (const ValueId input : node.inputs)
      if (const int made_by = producers_[index(input)]; made_by >= 0) from = std::max(from, ready[index(made_by)]);
    ready[n] = from;
  }
  return ready;
}

std::vector<int> BlockBuilder::turns_of_groups() const {
  const std::vector<int> ready = ready_from();
  std::vector<int> turns;
  turns.reserve(fusion_.groups.size());
  for (const Group& group : fusion_.groups) {
    int turn = -1, last = -1;
    bool reduces = false, is_member = false;
    for (const int n : group.members) {
      turn = std::max(turn, ready[index(n)]);
      last = std::max(last, n);
      reduces = reduces || std::holds_alternative<ReduceRule>(graph_.nodes[index(n)].op->lower);
    }
    for (const int n : group.members) is_member = is_member || n == turn;
    turns.push_back(reduces && is_member ? turn : last);
  }
  for (const Node& node : graph_.nodes) {
    const Structure* structure = structure_of(*node.op);
    if (!structure || (*structure != Structure::concat && *structure != Structure::view_update)) continue;
    for (const ValueId part : node.inputs)
      if (const int made_by = producers_[index(part)]; made_by >= 0 && fusion_.group_of[index(made_by)] >= 0)
        turns[index(fusion_.group_of[index(made_by)])] = -1;
  }
  return turns;
}

int BlockBuilder::allocate(DType dtype, const Shape& shape) {
  const int slot = p_.new_slot(dtype, shape);
  block_.push_back({Allocate{slot, p_.dim(element_count(shape)), -1}});
  return slot;
}

void BlockBuilder::emit_group(int g) {
  const Group& group = fusion_.groups[index(g)];
  if (emitted_[index(group.members[0])]) return;
  for (int n : group.members) emitted_[index(n)] = true;
  std::vector<int> members = group.members;
  std::sort(members.begin(), members.end());
  for (int n : members)
    for (ValueId input : graph_.nodes[index(n)].inputs) {
      const int made_by = producers_[index(input)];
      if (made_by < 0 || !group.maps.contains(made_by)) require_beyond(input, group);
    }
  launch_group(fusion_, g);
}

void BlockBuilder::launch_group(const Fusion& fusion, int g) {
  const Group& group = fusion.groups[index(g)];
  for (ValueId value : group.outputs)
    if (places_[index(value)].slot < 0) places_[index(value)] = fresh(type(value));
  const LowerContext context{graph_,
                             producers_,
                             fusion,
                             p_.hints,
                             [this](ValueId value) { return place(value); },
                             [this](DType dtype, const Shape& shape) { return allocate(dtype, shape); },
                             products_};
  const auto first = static_cast<int>(p_.plan.kernels.size());
  for (const LoweredKernel& kernel : lower_group(context, g)) p_.launch(kernel, block_);
  const auto count = static_cast<int>(p_.plan.kernels.size()) - first;
  std::vector<int> members = group.members;
  std::sort(members.begin(), members.end());
  p_.plan.groups.push_back({&graph_, std::move(members), first, count});
}

void BlockBuilder::require_beyond(ValueId value, const Group& group) {
  const int made_by = producers_[index(value)];
  if (made_by < 0 || group.maps.contains(made_by)) return;
  const Node& node = graph_.nodes[index(made_by)];
  if (is_view(*node.op) || (fusion_.inlined[index(made_by)] && !stored_[index(value)])) {
    for (ValueId input : node.inputs) require_beyond(input, group);
  } else {
    require(value);
  }
}

}  // namespace tandem
