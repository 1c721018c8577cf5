// Tensors that are put together of parts: each part is computed where it belongs.
#include <algorithm>

#include "codegen/plan_block.h"
#include "ir/text.h"
#include "passes/part_updates.h"

namespace tandem {

void BlockBuilder::emit_concat(const Node& node) {
  const ValueId out = node.outputs[0];
  const auto axis = static_cast<size_t>(attr_as<int64_t>(*node.op, node.attrs, "axis"));
  const Place whole = fresh(type(out));
  places_[index(out)] = whole;
  Dim start = 0;
  std::vector<Place> targets;
  targets.reserve(node.inputs.size());
  for (ValueId part : node.inputs) {
    targets.push_back(whole);
    targets.back().layout.offset = start * whole.layout.strides[axis];
    start = start + type(part).shape[axis];
  }
  std::vector<bool> written(targets.size());
  for (size_t k = 0; k < targets.size(); ++k) {
    const int g = writer(node.inputs[k]);
    if (g < 0 || !makes_only(g, node.inputs)) continue;
    for (size_t i = k; i < targets.size(); ++i) {
      if (writer(node.inputs[i]) != g) continue;
      places_[index(node.inputs[i])] = targets[i];
      written[i] = true;
    }
    emit_group(g);
  }
  for (size_t k = 0; k < targets.size(); ++k)
    if (!written[k]) write_part(node, node.inputs[k], targets[k]);
}

bool BlockBuilder::make_in(ValueId result, ValueId param) {
  const int group = writer(result);
  if (group < 0 || std::ranges::count(graph_.results, result) != 1 ||
      std::ranges::find(graph_.results, param) != graph_.results.end() || !makes_only(group, std::span(&result, 1)))
    return false;
  const Shape& shape = type(result).shape;
  for (size_t n = 0; n < graph_.nodes.size(); ++n) {
    const Node& node = graph_.nodes[n];
    const bool reads = std::ranges::find(node.inputs, param) != node.inputs.end();
    const bool plain = std::holds_alternative<PointwiseRule>(node.op->lower) && node.outputs.size() == 1;
    if (fusion_.group_of[n] == group) {
      if (!plain || type(node.outputs[0]).shape != shape) return false;
    } else if (reads || !plain || std::ranges::find(node.inputs, result) != node.inputs.end()) {
      return false;
    }
  }
  places_[index(result)] = place(param);
  return true;
}

int BlockBuilder::writer(ValueId value) const {
  const int made_by = producers_[index(value)];
  if (made_by < 0 || places_[index(value)].slot >= 0) return -1;
  return fusion_.group_of[index(made_by)];
}

bool BlockBuilder::makes_only(int group, std::span<const ValueId> values) const {
  return std::ranges::all_of(fusion_.groups[index(group)].outputs,
                             [&](ValueId output) { return std::ranges::find(values, output) != values.end(); });
}

void BlockBuilder::write_part(const Node& whole, ValueId part, const Place& target) {
  if (const int group = writer(part); group >= 0 && makes_only(group, std::span(&part, 1))) {
    places_[index(part)] = target;
    emit_group(group);
    return;
  }
  require(part);
  block_.push_back(
      {Copy{p_.view(place(part), type(part).shape), p_.view(target, type(part).shape), origin("copy", whole)}});
}

void BlockBuilder::emit_view_update(const Node& node) {
  if (const Node* update = update_within(graph_, producers_, node); update && emit_update_within(node, *update)) return;
  require(node.inputs[0]);
  const ValueId out = node.outputs[0];
  const Changed whole = to_be_changed(node.inputs[0]);
  places_[index(out)] = whole.place;
  if (reads_around(node))
    copy_around(node, whole.place);
  else
    copy_base(whole, node);
  const OpDef& view = view_of_update(*node.op);
  const auto target =
      std::get<ViewRule>(view.lower)(type(out), whole.place.layout, view, node.attrs, type(node.inputs[1]));
  write_part(node, node.inputs[1], {whole.place.slot, *target});
}

bool BlockBuilder::emit_update_within(const Node& node, const Node& update) {
  const ValueId out = node.outputs[0];
  const auto layout =
      layout_in(graph_, producers_, update.inputs[0], node.inputs[0], {0, contiguous_strides(type(out).shape)});
  if (!layout) return false;
  for (const ValueId input : {update.inputs[1], update.inputs[2], node.inputs[0]}) require(input);
  const Changed whole = to_be_changed(node.inputs[0]);
  places_[index(out)] = whole.place;
  places_[index(update.outputs[0])] = {whole.place.slot, *layout};
  emitted_[index(producers_[index(update.outputs[0])])] = true;
  copy_base(whole, update);
  put(update);
  return true;
}

BlockBuilder::Changed BlockBuilder::to_be_changed(ValueId value) {
  const ValueId base = beyond_shapes(graph_, producers_, value);
  const Place whole = fresh(type(base));
  if (const auto layout = layout_in(graph_, producers_, value, base, whole.layout))
    return {{whole.slot, *layout}, base};
  return {fresh(type(value)), value};
}

void BlockBuilder::copy_base(const Changed& whole, const Node& node) {
  const TensorType& base = type(whole.base);
  block_.push_back(
      {Copy{p_.view(place(whole.base), base.shape),
            p_.view({whole.place.slot, {0, contiguous_strides(base.shape)}}, base.shape), origin("copy", node)}});
}

bool BlockBuilder::reads_around(const Node& node) const {
  const int group = writer(node.inputs[1]);
  if (node.op->name != "slice_update" || group < 0) return false;
  const auto& steps = attr_as<std::vector<Dim>>(*node.op, node.attrs, "steps");
  if (!std::ranges::all_of(steps, [](const Dim& step) { return step.is(1); })) return false;
  return std::ranges::any_of(graph_.nodes, [&](const Node& other) {
    return other.op->name == "slice" && other.inputs[0] == node.inputs[0] && !identical(other.attrs, node.attrs) &&
           std::ranges::any_of(graph_.nodes, [&](const Node& reader) {
             return std::ranges::find(reader.inputs, other.outputs[0]) != reader.inputs.end() &&
                    fusion_.group_of[index(producers_[index(reader.outputs[0])])] == group;
           });
  });
}

void BlockBuilder::copy_around(const Node& node, const Place& whole) {
  const auto& starts = attr_as<std::vector<Dim>>(*node.op, node.attrs, "starts");
  const auto& sizes = attr_as<std::vector<Dim>>(*node.op, node.attrs, "sizes");
  const Place& from = place(node.inputs[0]);
  Shape rest = type(node.outputs[0]).shape;
  std::vector<Dim> first(rest.size(), Dim(0));
  const auto copy = [&](size_t axis, const Dim& begin, const Dim& size) {
    if (size.is(0)) return;
    Shape part = rest;
    part[axis] = size;
    const auto within = [&](Place place) {
      for (size_t a = 0; a < first.size(); ++a)
        place.layout.offset = place.layout.offset + (a == axis ? begin : first[a]) * place.layout.strides[a];
      return p_.view(place, part);
    };
    block_.push_back({Copy{within(from), within(whole), origin("copy", node)}});
  };
  for (size_t axis = 0; axis < rest.size(); ++axis) {
    const Dim end = starts[axis] + sizes[axis];
    copy(axis, 0, starts[axis]);
    copy(axis, end, rest[axis] - end);
    first[axis] = starts[axis];
    rest[axis] = sizes[axis];
  }
}

}  // namespace tandem
