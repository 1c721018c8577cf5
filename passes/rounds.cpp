#include "passes/rounds.h"

#include <algorithm>
#include <unordered_map>

namespace tandem {

namespace {

// A body with more scalar primitives takes long to compile, and the time of a launch is no matter next to it.
constexpr int kMostPrimitives = 600;
// Computing both sides of a branch takes less time than a jump that is not foreseen.
constexpr int kLightPrimitives = 24;
// Rounds of a launch: enough to make it worth while, few enough to be interrupted.
constexpr int kRounds = 64, kNestedScalarRounds = 512, kScalarRounds = 4096;

const Node* maker(const Graph& graph, ValueId value) {
  const int made_by = graph.producers()[static_cast<size_t>(value)];
  return made_by < 0 ? nullptr : &graph.nodes[static_cast<size_t>(made_by)];
}

// The param of which a value is a view, or -1.
int viewed_param(const Graph& region, ValueId value) {
  while (const Node* view = maker(region, value)) {
    if (!is_view(*view->op)) return -1;
    value = view->inputs[0];
  }
  for (size_t k = 0; k < region.params.size(); ++k)
    if (region.params[k].value == value) return static_cast<int>(k);
  return -1;
}

bool is_loop(const Node& node) { return node.op->name == "while"; }

// Walks what evaluating values of a region takes.
class Reader {
 public:
  Reader(const Graph& region, size_t axis_count)
      : region_(region), producers_(region.producers()), axis_count_(axis_count) {}

  bool walk(ValueId value, const IndexMap& map) {
    if (const auto known = known_.find(value); known != known_.end()) return known->second == map;
    const auto [first, last] = seen_.equal_range(value);
    if (std::any_of(first, last, [&](const auto& entry) { return entry.second == map; })) return true;
    seen_.emplace(value, map);
    const int made_by = producers_[static_cast<size_t>(value)];
    if (made_by < 0) {
      const auto param =
          std::find_if(region_.params.begin(), region_.params.end(), [&](const Param& p) { return p.value == value; });
      reads.params.push_back({static_cast<size_t>(param - region_.params.begin()), map});
      return true;
    }
    const Node& node = region_.nodes[static_cast<size_t>(made_by)];
    if (!node.regions.empty()) return walk_regions(node, value, map);
    if (!(is_view(*node.op) || is_pointwise(*node.op))) return false;
    if (is_take(*node.op) && !read_by_address(node.inputs[0])) return false;
    for (size_t k = is_take(*node.op) ? 1 : 0; k < node.inputs.size(); ++k) {
      const auto inner = input_map(region_, node, k, map, {}, axis_count_);
      if (!inner || !walk(node.inputs[k], *inner)) return false;
    }
    return true;
  }

  // There is no need to walk further, but it is there at `map` only.
  void know(ValueId value, const IndexMap& map) { known_.emplace(value, map); }

  Reads reads;

 private:
  bool read_by_address(ValueId value) {
    const int table = viewed_param(region_, value);
    if (table >= 0) reads.tables.push_back(static_cast<size_t>(table));
    return table >= 0;
  }

  // A loop or a branch within the region: all that is computed with the value.
  bool walk_regions(const Node& node, ValueId value, const IndexMap& map) {
    const Shape& shape = region_.type(value).shape;
    const std::vector<bool> wanted = together(region_, node, shape);
    for (size_t k = 0; k < wanted.size(); ++k)
      if (wanted[k]) seen_.emplace(node.outputs[k], map_of(region_, node.outputs[k], map));
    if (is_loop(node)) {
      const auto rounds = rounds_of(region_, node, wanted, shape, map, axis_count_);
      if (!rounds || !walk_inputs(node, rounds->reads)) return false;
      for (size_t k = 0; k < wanted.size(); ++k)
        if (rounds->needed[k] && !walk(node.inputs[k], map_of(region_, node.outputs[k], map))) return false;
      return true;
    }
    if (node.op->name != "if" || !walk(node.inputs[0], {})) return false;
    for (size_t side = 0; side < 2; ++side) {
      const auto reads = side_reads(node, side, wanted, map, axis_count_);
      if (!reads || !walk_inputs(node, *reads)) return false;
    }
    return true;
  }

  bool walk_inputs(const Node& node, const Reads& inner) {
    const size_t first = first_param(node);
    return std::all_of(inner.params.begin(), inner.params.end(),
                       [&](const ParamRead& read) { return walk(node.inputs[first + read.param], read.map); }) &&
           std::all_of(inner.tables.begin(), inner.tables.end(),
                       [&](size_t table) { return read_by_address(node.inputs[first + table]); });
  }

  const Graph& region_;
  std::vector<int> producers_;
  size_t axis_count_;
  std::unordered_multimap<ValueId, IndexMap> seen_;
  std::unordered_map<ValueId, IndexMap> known_;
};

bool holds_loop(const Graph& region) {
  return std::any_of(region.nodes.begin(), region.nodes.end(), [](const Node& node) {
    return is_loop(node) ||
           std::any_of(node.regions.begin(), node.regions.end(), [](const auto& inner) { return holds_loop(*inner); });
  });
}

int primitives(const Graph& region) {
  int count = 0;
  for (const Node& node : region.nodes) {
    for (const auto& inner : node.regions) count += primitives(*inner);
    if (!is_pointwise(*node.op) || is_source(*node.op)) continue;
    DType dtype = region.type(node.inputs[0]).dtype;
    if (!node.op->has(Trait::mixed))
      for (const ValueId input : node.inputs) dtype = promote(dtype, region.type(input).dtype);
    count += scalar_cost(*node.op, dtype);
  }
  return count;
}

}  // namespace

size_t first_param(const Node& node) { return is_loop(node) ? 0 : 1; }

IndexMap map_of(const Graph& graph, ValueId value, const IndexMap& map) {
  return graph.type(value).shape.empty() ? IndexMap{} : map;
}

bool is_table(const Node& node, size_t param) {
  const size_t first = first_param(node);
  if (param < first) return false;
  return std::any_of(node.regions.begin(), node.regions.end(), [&](const auto& region) {
    const auto views = [&](ValueId value) { return viewed_param(*region, value) == static_cast<int>(param - first); };
    return std::any_of(region->nodes.begin(), region->nodes.end(), [&](const Node& inner) {
      if (is_take(*inner.op)) return views(inner.inputs[0]);
      for (size_t k = 0; !inner.regions.empty() && k < inner.inputs.size(); ++k)
        if (views(inner.inputs[k]) && is_table(inner, k)) return true;
      return false;
    });
  });
}

IndexMap identity_map(const Shape& shape) {
  IndexMap map;
  for (size_t d = 0; d < shape.size(); ++d) {
    Linear coordinate{0, std::vector<Dim>(shape.size(), Dim(0))};
    coordinate.coefficients[d] = 1;
    map.push_back(std::move(coordinate));
  }
  return map;
}

std::vector<bool> carried_along(const Graph& graph, const Node& loop, const Shape& axes) {
  std::vector<bool> out;
  out.reserve(loop.outputs.size());
  for (const ValueId value : loop.outputs) out.push_back(graph.type(value).shape == axes);
  return out;
}

std::vector<bool> together(const Graph& graph, const Node& node, const Shape& shape) {
  std::vector<bool> out = carried_along(graph, node, shape);
  const std::vector<int> uses = graph.use_counts();
  for (size_t k = 0; k < out.size(); ++k)
    out[k] = (out[k] || graph.type(node.outputs[k]).shape.empty()) && uses[static_cast<size_t>(node.outputs[k])] > 0;
  return out;
}

std::optional<Reads> side_reads(const Node& node, size_t side, const std::vector<bool>& wanted, const IndexMap& map,
                                size_t axis_count) {
  const Graph& region = *node.regions[side];
  Reader reader(region, axis_count);
  for (size_t k = 0; k < wanted.size(); ++k)
    if (wanted[k] && !reader.walk(region.results[k], map_of(region, region.results[k], map))) return std::nullopt;
  return std::move(reader.reads);
}

bool is_small(const Graph& region) { return primitives(region) <= kMostPrimitives; }

bool is_light(const Graph& side) {
  return primitives(side) <= kLightPrimitives &&
         std::all_of(side.nodes.begin(), side.nodes.end(), [](const Node& node) {
           return !is_take(*node.op) && !is_loop(node) &&
                  std::all_of(node.regions.begin(), node.regions.end(),
                              [](const auto& inner) { return is_light(*inner); });
         });
}

std::optional<Rounds> rounds_of(const Graph& graph, const Node& loop, const std::vector<bool>& wanted,
                                const Shape& shape, const IndexMap& map, size_t axis_count, const OfRound& values) {
  const Graph &condition = *loop.regions[0], &body = *loop.regions[1];
  const size_t carried = loop.outputs.size();
  Rounds out{mask_of(graph, loop), wanted, {}};
  if (out.mask) {
    if (element_shape(graph, loop) != shape) return std::nullopt;
    out.needed.assign(carried, true);
  }
  std::vector<size_t> open;  // what it becomes has been looked at, up to a place
  for (size_t k = 0; k < carried; ++k)
    if (out.needed[k]) open.push_back(k);
  // What is read of carried values is there at the present point only, and what a round writes is not read by address.
  const auto take_in = [&](const Reader& reader, size_t from, bool single) {
    for (size_t n = from; n < reader.reads.params.size(); ++n) {
      const ParamRead& read = reader.reads.params[n];
      if (read.param >= carried) {
        if (std::find(out.reads.params.begin(), out.reads.params.end(), read) == out.reads.params.end())
          out.reads.params.push_back(read);
        continue;
      }
      const Shape& own = graph.type(loop.outputs[read.param]).shape;
      if (own.empty() ? !read.map.empty() : single || own != shape || read.map != map) return false;
      if (!out.needed[read.param]) open.push_back(read.param);
      out.needed[read.param] = true;
    }
    return true;
  };
  Reader test(condition, axis_count), step(body, axis_count);
  for (const ValueId value : values.known) step.know(value, map_of(body, value, map));
  if (!out.mask && (!test.walk(condition.results[0], {}) || !take_in(test, 0, true))) return std::nullopt;
  for (const ValueId value : values.wanted)
    if (const size_t known = step.reads.params.size();
        !step.walk(value, map_of(body, value, map)) || !take_in(step, known, false))
      return std::nullopt;
  for (size_t n = 0; n < open.size(); ++n) {
    const size_t k = open[n], known = step.reads.params.size();
    if (!step.walk(body.results[k], map_of(graph, loop.outputs[k], map)) || !take_in(step, known, false))
      return std::nullopt;
  }
  for (const Reader* reader : {&test, &step})
    for (const size_t table : reader->reads.tables) {
      if (table < carried) return std::nullopt;
      out.reads.tables.push_back(table);
    }
  return out;
}

int portion_of(const Graph& graph, const Node& loop) {
  const bool is_short = std::all_of(loop.outputs.begin(), loop.outputs.end(),
                                    [&](ValueId value) { return graph.type(value).shape.empty(); });
  if (!is_short) return kRounds;
  return holds_loop(*loop.regions[0]) || holds_loop(*loop.regions[1]) ? kNestedScalarRounds : kScalarRounds;
}

bool runs_in_kernel(const Graph& graph, const Node& loop) {
  const auto& outputs = loop.outputs;
  if (outputs.empty() || has_effects(loop) ||
      primitives(*loop.regions[0]) + primitives(*loop.regions[1]) > kMostPrimitives || mask_of(graph, loop))
    return false;
  return std::all_of(outputs.begin(), outputs.end(), [&](ValueId value) {
    const Shape& axes = graph.type(value).shape;
    return rounds_of(graph, loop, carried_along(graph, loop, axes), axes, identity_map(axes), axes.size()).has_value();
  });
}

std::optional<size_t> mask_of(const Graph& graph, const Node& loop) {
  if (loop.op->name != "while") return std::nullopt;
  const Graph &condition = *loop.regions[0], &body = *loop.regions[1];
  const size_t carried = loop.outputs.size();
  const Node* any = maker(condition, condition.results[0]);
  if (!any || any->op->name != "any" || !condition.type(condition.results[0]).shape.empty()) return std::nullopt;
  size_t mask = 0;
  while (mask < carried && condition.params[mask].value != any->inputs[0]) ++mask;
  if (mask == carried || graph.type(loop.outputs[mask]).dtype != DType::boolean) return std::nullopt;
  const ValueId left = body.params[mask].value;
  const std::vector<int> uses = graph.use_counts();
  for (size_t k = 0; k < carried; ++k) {
    const Shape& shape = graph.type(loop.outputs[k]).shape;
    if (shape.empty() && uses[static_cast<size_t>(loop.outputs[k])] == 0 && k != mask) continue;
    if (shape.empty() || shape != graph.type(loop.outputs[mask]).shape) return std::nullopt;
    if (body.results[k] == body.params[k].value) continue;
    const Node* made = maker(body, body.results[k]);
    if (!made) return std::nullopt;
    const bool holds =
        k == mask ? (made->op->name == "logical_and" || made->op->name == "bitwise_and") &&
                        (made->inputs[0] == left || made->inputs[1] == left)
                  : made->op->name == "where" && made->inputs[0] == left && made->inputs[2] == body.params[k].value;
    if (!holds) return std::nullopt;
  }
  return mask;
}

ValueId next_of(const Node& loop, size_t carried) {
  const Graph& body = *loop.regions[1];
  const Node* made = maker(body, body.results[carried]);
  const bool selects = made && made->op->name == "where" && made->inputs[2] == body.params[carried].value;
  return selects ? made->inputs[1] : body.results[carried];
}

const Shape& element_shape(const Graph& graph, const Node& loop) {
  size_t k = 0;
  while (graph.type(loop.outputs[k]).shape.empty()) ++k;
  return graph.type(loop.outputs[k]).shape;
}

bool runs_by_element(const Graph& graph, const Node& loop) {
  if (!mask_of(graph, loop) || has_effects(loop) || primitives(*loop.regions[1]) > kMostPrimitives) return false;
  const Shape& shape = element_shape(graph, loop);
  return rounds_of(graph, loop, {}, shape, identity_map(shape), shape.size()).has_value();
}

}  // namespace tandem
