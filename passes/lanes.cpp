#include "passes/lanes.h"

#include <algorithm>
#include <deque>

#include "passes/expand.h"
#include "passes/index_map.h"

namespace tandem {

namespace {

[[noreturn]] void refuse(const Node& node, std::string_view got, std::string_view need, std::string_view hint) {
  std::string text = fmt::format("vectorize: got {}; need {}; try {}", got, need, hint);
  if (node.loc.known()) text += fmt::format(" (at {}:{})", node.loc.file, node.loc.line);
  throw_error(ErrorKind::capture, "{}", text);
}

// Whether an operation on scalars is the same on arrays, element by element.
bool is_elementwise(const Graph& graph, const Node& node) {
  if (std::holds_alternative<PointwiseRule>(node.op->lower)) return true;
  if (!node.regions.empty() || graph.type(node.outputs[0]).rank() != 0) return false;
  Graph alone;
  std::vector<ValueId> inputs;
  for (const ValueId input : node.inputs) {
    if (graph.type(input).rank() != 0) return false;
    inputs.push_back(alone.add_param(graph.type(input), fmt::format("x{}", inputs.size())));
  }
  const auto formula = formula_graph(std::move(alone), *node.op, inputs, node.attrs);
  if (!formula) return false;
  const Graph plain = expand(*formula);
  return std::all_of(plain.nodes.begin(), plain.nodes.end(), [](const Node& part) {
    return std::holds_alternative<PointwiseRule>(part.op->lower) || is_source(*part.op);
  });
}

// ---- What differs from element to element ---------------------------------------------------------------------------

using Flags = std::vector<bool>;

// `masked`: not all elements are there. Then what is read of floating point varies, for the sake of gradients, and so do
// indices, which only elements that are there need have within bounds.
Flags as_read(const Graph& region, Flags params, bool masked) {
  for (size_t k = 0; masked && k < params.size(); ++k) {
    const TensorType& type = region.type(region.params[k].value);
    params[k] = params[k] || (type.rank() == 0 && is_inexact(type.dtype));
  }
  return params;
}

struct LoopFlags {
  Flags carried;
  bool condition;
};
LoopFlags flags_of(const Graph& graph, const Node& loop, Flags inputs, bool masked);

// Of the results of a region.
Flags flags_of(const Graph& region, const Flags& params, bool masked) {
  Flags varies(region.types.size(), false);
  for (size_t k = 0; k < params.size(); ++k) varies[static_cast<size_t>(region.params[k].value)] = params[k];
  const auto flag = [&](ValueId value) -> bool { return varies[static_cast<size_t>(value)]; };
  for (const Node& node : region.nodes) {
    Flags in;
    for (const ValueId input : node.inputs) in.push_back(flag(input));
    const auto set = [&](size_t k, bool on) { varies[static_cast<size_t>(node.outputs[k])] = on; };
    if (node.op->name == "while") {
      const LoopFlags found = flags_of(region, node, in, masked);
      for (size_t k = 0; k < node.outputs.size(); ++k) set(k, found.carried[k]);
    } else if (node.op->name == "if") {
      const bool apart = in[0];
      in.erase(in.begin());
      Flags either(node.outputs.size(), apart);
      for (const auto& branch : node.regions) {
        const Flags found = flags_of(*branch, as_read(*branch, in, apart), masked || apart);
        for (size_t k = 0; k < either.size(); ++k) either[k] = either[k] || found[k];
      }
      for (size_t k = 0; k < either.size(); ++k) set(k, either[k]);
    } else {
      const bool any = std::find(in.begin(), in.end(), true) != in.end();
      for (size_t k = 0; k < node.outputs.size(); ++k) set(k, any || (masked && is(*node.op, Structure::check_index)));
    }
  }
  Flags out;
  for (const ValueId result : region.results) out.push_back(flag(result));
  return out;
}

// A carried value that nobody reads behind the loop may be the same for all elements, though they stop at different times:
// a counter is right for those that are still there.
LoopFlags flags_of(const Graph& graph, const Node& loop, Flags inputs, bool masked) {
  const std::vector<int> uses = graph.use_counts();
  for (;;) {
    const bool apart = flags_of(*loop.regions[0], inputs, masked)[0];
    const Flags next = flags_of(*loop.regions[1], as_read(*loop.regions[1], inputs, apart), masked || apart);
    bool more = false;
    for (size_t k = 0; k < loop.outputs.size(); ++k) {
      const bool varies = next[k] || (apart && uses[static_cast<size_t>(loop.outputs[k])] > 0);
      more = more || (varies && !inputs[k]);
      inputs[k] = inputs[k] || varies;
    }
    if (!more) {
      inputs.resize(loop.outputs.size());
      return {std::move(inputs), apart};
    }
  }
}

// ---- The operations on arrays ---------------------------------------------------------------------------------------

// What a scalar is in all lanes.
struct Lane {
  Value value;  // of the shape of all elements, or the same for all; of a part of a tensor, the whole tensor
  bool varies = false;
  std::vector<Lane> index = {};  // which part it is: places along the first axes
  bool is_part() const { return !index.empty(); }
};

class LaneWriter {
 public:
  // `builder`: of the graph; outlives what is written.
  LaneWriter(Graph& graph, GraphBuilder& builder, const Shape& shape, std::optional<Value> mask)
      : graph_(graph), builder_(builder), shape_(shape), mask_(mask) {}

  std::vector<Lane> run(const Graph& scalars, const std::vector<Lane>& params) {
    std::vector<Lane> lanes(scalars.types.size());
    for (size_t k = 0; k < params.size(); ++k) lanes[static_cast<size_t>(scalars.params[k].value)] = params[k];
    for (const Node& node : scalars.nodes) {
      builder_.set_location(node.loc);
      const size_t before = graph_.nodes.size();
      std::vector<Lane> inputs;
      inputs.reserve(node.inputs.size());
      for (const ValueId input : node.inputs) inputs.push_back(lanes[static_cast<size_t>(input)]);
      std::vector<Lane> made = write(scalars, node, inputs);
      for (size_t k = 0; k < made.size(); ++k) lanes[static_cast<size_t>(node.outputs[k])] = std::move(made[k]);
      for (size_t n = before; n < graph_.nodes.size(); ++n)
        graph_.nodes[n].no_grad = graph_.nodes[n].no_grad || node.no_grad;
    }
    std::vector<Lane> out;
    out.reserve(scalars.results.size());
    for (const ValueId result : scalars.results) out.push_back(lanes[static_cast<size_t>(result)]);
    return out;
  }

  // For all elements.
  Value spread(const Lane& lane) { return broadcast_to(lane.value, shape_); }

 private:
  // A region of a node of the graph, whose params stand for lanes.
  struct Region {
    Region(LaneWriter& writer, std::string name)
        : outer(writer), graph(std::make_shared<Graph>()), builder(*graph, writer.builder_.env()) {
      graph->name = std::move(name);
    }
    Lane add(const Lane& lane) {
      Lane inside{param(lane.value), lane.varies, {}};
      for (const Lane& place : lane.index) inside.index.push_back(add(place));
      return inside;
    }
    Value param(Value value) {
      inputs.push_back(value.id);
      return builder.at(graph->add_param(value.type(), fmt::format("p{}", graph->params.size())));
    }
    LaneWriter writer(std::optional<Value> mask) { return {*graph, builder, outer.shape_, mask}; }

    LaneWriter& outer;
    std::shared_ptr<Graph> graph;
    GraphBuilder builder;
    std::vector<ValueId> inputs = {};  // of the node that has the region
  };

  std::vector<Lane> write(const Graph& scalars, const Node& node, const std::vector<Lane>& inputs) {
    if (node.op->name == "if") return write_if(node, inputs);
    if (node.op->name == "while") return write_while(scalars, node, inputs);
    if (is(*node.op, Structure::host_call))
      refuse(node, "a print, an assert or a raise in the function",
             "one without effects, of which all elements are "
             "computed at once",
             "doing that with the arrays, outside of it");
    if (is(*node.op, Structure::check_index)) return {checked(node, inputs)};
    if (node.op->name == "take" && (inputs[0].is_part() || inputs[1].varies)) return {part(scalars, node, inputs)};
    const bool varies = std::any_of(inputs.begin(), inputs.end(), [](const Lane& lane) { return lane.varies; });
    if (!varies) {
      if (is(*node.op, Structure::failure_point) || node.op->has(Trait::may_fail))
        refuse(node, fmt::format("'{}', which may fail,", node.op->name), "operations on one element",
               "calling it outside of the function");
      return {emit(node, inputs)};
    }
    for (const Lane& lane : inputs)
      if (lane.is_part()) refuse_part(node);
    if (is_view(*node.op) && node.op->name != "stop_gradient" && node.op->name != "again") {
      if (scalars.type(node.inputs[0]).rank() == 0 && scalars.type(node.outputs[0]).rank() == 0) return {inputs[0]};
    } else if (is_view(*node.op) || is_elementwise(scalars, node)) {
      return {emit(node, inputs)};
    }
    refuse(node,
           fmt::format("'{}', which makes {} of an element,", node.op->name, to_text(scalars.type(node.outputs[0]))),
           "operations on scalars: every value that depends on an element is one number",
           "arithmetic on the elements, or calling it outside of the function");
  }

  [[noreturn]] static void refuse_part(const Node& node) {
    refuse(node, fmt::format("'{}' of a part of a tensor that an element chose", node.op->name),
           "an index for every axis of the tensor, so that it is one number", "x[i, j] with all indices");
  }

  Lane emit(const Node& node, const std::vector<Lane>& inputs) {
    std::vector<Value> values;
    bool varies = false;
    for (const Lane& lane : inputs) {
      values.push_back(lane.value);
      varies = varies || lane.varies;
    }
    return {builder_.emit(*node.op, values, node.attrs), varies, {}};
  }

  Lane checked(const Node& node, std::vector<Lane> inputs) {
    for (const Lane& lane : inputs)
      if (lane.is_part() || (lane.varies && &lane != inputs.data())) refuse_part(node);
    if (mask_) {
      // Elements that are not there index what they like.
      inputs[0].value = where(*mask_, spread(inputs[0]), builder_.scalar(inputs[0].value.dtype(), 0));
      inputs[0].varies = true;
    }
    return emit(node, inputs);
  }

  Lane part(const Graph& scalars, const Node& node, const std::vector<Lane>& inputs) {
    Lane lane = inputs[0];
    if (lane.varies && !lane.is_part()) refuse_part(node);
    if (inputs[1].is_part() || scalars.type(node.inputs[1]).rank() != 0) refuse_part(node);
    if (attr_as<int64_t>(*node.op, node.attrs, "axis") != 0)
      refuse(node, "an index along a later axis that differs from element to element", "indices from the first axis on",
             "x[i, j], or a transposed tensor");
    lane.varies = true;
    lane.index.push_back(inputs[1]);
    const Shape shape = lane.value.shape();
    if (lane.index.size() < shape.size()) return lane;
    Value flat = cast(lane.index[0].value, DType::i64);
    Value table = lane.value;
    if (shape.size() > 1) {
      for (size_t k = 0; k < shape.size(); ++k) {
        const Value size = builder_.emit("from_dim", {}, {std::vector<Dim>{shape[k]}, DType::i64});
        const Value place = cast(lane.index[k].value, DType::i64);
        const Value from_start = where(binary("less", place, builder_.scalar(DType::i64, 0)), place + size, place);
        flat = k == 0 ? from_start : flat * size + from_start;
      }
      table = reshape(table, {element_count(shape)});
    }
    return {builder_.emit("take", {table, broadcast_to(flat, shape_)}, {int64_t{0}}), true, {}};
  }

  // As it is read where not all elements are there; see the header.
  static Lane guarded(LaneWriter& writer, Lane lane) {
    if (lane.is_part() || !is_inexact(lane.value.dtype()) || (!lane.varies && lane.value.type().rank() != 0))
      return lane;
    const Value x = writer.spread(lane);
    return {where(*writer.mask_, x, unary("stop_gradient", x)), true, {}};
  }

  std::vector<Lane> write_if(const Node& node, const std::vector<Lane>& inputs) {
    const Lane& predicate = inputs[0];
    const std::vector<Lane> captured(inputs.begin() + 1, inputs.end());
    if (predicate.is_part()) refuse_part(node);
    if (!predicate.varies) return write_uniform_if(node, predicate, captured);
    std::vector<std::vector<Lane>> made;
    for (size_t side = 0; side < 2; ++side) {
      Value mask = side == 0 ? predicate.value : unary("logical_not", predicate.value);
      if (mask_) mask = binary("logical_and", *mask_, mask);
      LaneWriter branch(graph_, builder_, shape_, mask);
      std::vector<Lane> params;
      params.reserve(captured.size());
      for (const Lane& lane : captured) params.push_back(guarded(branch, lane));
      made.push_back(branch.run(*node.regions[side], params));
    }
    std::vector<Lane> out;
    for (size_t k = 0; k < made[0].size(); ++k) {
      const Lane &a = made[0][k], &b = made[1][k];
      if (a.is_part() || b.is_part() || (!a.varies && a.value.type().rank() != 0)) refuse_part(node);
      out.push_back({broadcast_to(where(predicate.value, a.value, b.value), shape_), true, {}});
    }
    return out;
  }

  std::vector<Lane> write_uniform_if(const Node& node, const Lane& predicate, const std::vector<Lane>& captured) {
    std::deque<Region> regions;
    std::vector<std::vector<Lane>> made;
    std::vector<LaneWriter> writers;
    for (size_t side = 0; side < 2; ++side) {
      Region& region = regions.emplace_back(*this, side == 0 ? "then" : "else");
      std::vector<Lane> params;
      params.reserve(captured.size());
      for (const Lane& lane : captured) params.push_back(region.add(lane));
      std::optional<Value> mask;
      if (mask_) mask = region.param(*mask_);
      made.push_back(writers.emplace_back(region.writer(mask)).run(*node.regions[side], params));
    }
    std::vector<TensorType> types;
    std::vector<bool> varies;
    for (size_t k = 0; k < made[0].size(); ++k) {
      if (made[0][k].is_part() || made[1][k].is_part()) refuse_part(node);
      varies.push_back(made[0][k].varies || made[1][k].varies);
      for (size_t side = 0; side < 2; ++side)
        regions[side].graph->results.push_back(varies[k] ? writers[side].spread(made[side][k]).id
                                                         : made[side][k].value.id);
      types.push_back(regions[0].graph->type(regions[0].graph->results[k]));
    }
    std::vector<ValueId> ids{predicate.value.id};
    ids.insert(ids.end(), regions[0].inputs.begin(), regions[0].inputs.end());
    Node& added = graph_.add_node(*node.op, std::move(ids), {}, types, node.loc);
    added.regions = {regions[0].graph, regions[1].graph};
    std::vector<Lane> out;
    out.reserve(varies.size());
    for (size_t k = 0; k < varies.size(); ++k) out.push_back({builder_.at(added.outputs[k]), varies[k], {}});
    return out;
  }

  std::vector<Lane> write_while(const Graph& scalars, const Node& node, std::vector<Lane> inputs) {
    const Graph &condition = *node.regions[0], &body = *node.regions[1];
    const size_t carried = node.outputs.size();
    Flags varies;
    for (const Lane& lane : inputs) varies.push_back(lane.varies);
    const LoopFlags flags = flags_of(scalars, node, varies, mask_.has_value());
    for (size_t k = 0; k < carried; ++k) {
      if (inputs[k].is_part()) refuse_part(node);
      if (flags.carried[k]) inputs[k] = {spread(inputs[k]), true, {}};
    }
    // A mask of its own, or the carried value that is the condition.
    std::optional<size_t> mask_at;
    if (flags.condition) {
      mask_at = carried;
      for (size_t k = 0; k < carried; ++k)
        if (condition.params[k].value == condition.results[0]) mask_at = k;
      Value start = spread(run(condition, inputs)[0]);
      if (mask_) start = binary("logical_and", *mask_, start);
      const Lane mask{start, true, {}};
      if (*mask_at < carried)
        inputs[*mask_at] = mask;
      else
        inputs.insert(inputs.begin() + static_cast<std::ptrdiff_t>(carried), mask);
    }
    Region test(*this, "condition"), step(*this, "body");
    std::vector<Lane> test_params, step_params;
    for (const Lane& lane : inputs) {
      test_params.push_back(test.add(lane));
      step_params.push_back(step.add(lane));
    }
    if (!flags.condition) {
      std::optional<Value> mask, inside;
      if (mask_) mask = test.param(*mask_), inside = step.param(*mask_);
      test.graph->results = {test.writer(mask).run(condition, test_params)[0].value.id};
      LaneWriter writer = step.writer(inside);
      const std::vector<Lane> next = writer.run(body, step_params);
      for (size_t k = 0; k < carried; ++k)
        step.graph->results.push_back(flags.carried[k] ? writer.spread(next[k]).id : next[k].value.id);
    } else {
      std::vector<Dim> axes;
      axes.reserve(shape_.size());
      for (size_t axis = 0; axis < shape_.size(); ++axis) axes.emplace_back(static_cast<int64_t>(axis));
      test.builder.set_location(node.loc);
      test.graph->results = {test.builder.emit("any", {test_params[*mask_at].value}, {axes, false}).id};
      const Value mask = step_params[*mask_at].value;
      LaneWriter writer = step.writer(mask);
      step.builder.set_location(node.loc);
      std::vector<Lane> params;
      for (size_t k = 0; k < step_params.size(); ++k)
        if (k != *mask_at || k < carried) params.push_back(guarded(writer, step_params[k]));
      const std::vector<Lane> next = writer.run(body, params);
      std::vector<Lane> again = next;
      again.insert(again.end(), params.begin() + static_cast<std::ptrdiff_t>(carried), params.end());
      const Value goes_on = binary("logical_and", mask, writer.spread(writer.run(condition, again)[0]));
      for (size_t k = 0; k < carried; ++k) {
        if (next[k].is_part()) refuse_part(node);
        const Value result = k == *mask_at      ? goes_on
                             : flags.carried[k] ? where(mask, writer.spread(next[k]), step_params[k].value)
                                                : next[k].value;
        step.graph->results.push_back(result.id);
      }
      if (*mask_at == carried) step.graph->results.push_back(goes_on.id);
    }
    std::vector<TensorType> types;
    for (const ValueId result : step.graph->results) types.push_back(step.graph->type(result));
    Node& added = graph_.add_node(*node.op, step.inputs, {}, types, node.loc);
    added.regions = {test.graph, step.graph};
    std::vector<Lane> out;
    out.reserve(carried);
    for (size_t k = 0; k < carried; ++k) out.push_back({builder_.at(added.outputs[k]), flags.carried[k], {}});
    return out;
  }

  Graph& graph_;
  GraphBuilder& builder_;
  const Shape& shape_;
  std::optional<Value> mask_;  // which elements are there; none: all
};

}  // namespace

std::vector<ValueId> map_lanes(Graph& graph, ShapeEnv& env, const Graph& scalars, std::span<const ValueId> inputs,
                               size_t mapped, const Shape& shape) {
  GraphBuilder builder(graph, env);
  std::vector<Lane> params;
  for (size_t k = 0; k < inputs.size(); ++k) {
    const Value x = builder.at(inputs[k]);
    const bool varies = k < mapped && x.type().rank() > 0;
    params.push_back({varies ? broadcast_to(x, shape) : x, varies, {}});
  }
  std::vector<ValueId> out;
  for (const Lane& lane : LaneWriter(graph, builder, shape, std::nullopt).run(scalars, params)) {
    if (lane.is_part() || (!lane.varies && lane.value.type().rank() != 0))
      throw_error(
          ErrorKind::capture,
          "vectorize: got a function that returns {} for an element; need one number, or a tuple, list or dict of "
          "them; try returning its elements one by one",
          lane.is_part() ? "a part of a tensor" : to_text(lane.value.type()));
    out.push_back(lane.value.id);
  }
  return out;
}

}  // namespace tandem
