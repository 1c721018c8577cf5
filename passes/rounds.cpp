#include "passes/rounds.h"

#include <algorithm>
#include <unordered_map>

namespace tandem {

namespace {

// A body with more scalar primitives takes long to compile, and the time of a launch is no matter next to it.
constexpr int kMostPrimitives = 600;

const Node* maker(const Graph& graph, ValueId value) {
  const int made_by = graph.producers()[static_cast<size_t>(value)];
  return made_by < 0 ? nullptr : &graph.nodes[static_cast<size_t>(made_by)];
}

// The param of which views a gather reads, or -1.
int table_of(const Graph& region, const Node& take) {
  ValueId value = take.inputs[0];
  while (const Node* view = maker(region, value)) {
    if (!is_view(*view->op)) return -1;
    value = view->inputs[0];
  }
  for (size_t k = 0; k < region.params.size(); ++k)
    if (region.params[k].value == value) return static_cast<int>(k);
  return -1;
}

class Reads {
 public:
  Reads(const Graph& region, size_t axis_count)
      : region_(region), producers_(region.producers()), axis_count_(axis_count) {}

  bool walk(ValueId value, const IndexMap& map) {
    const auto [first, last] = seen_.equal_range(value);
    if (std::any_of(first, last, [&](const auto& entry) { return entry.second == map; })) return true;
    seen_.emplace(value, map);
    const int made_by = producers_[static_cast<size_t>(value)];
    if (made_by < 0) {
      const auto param =
          std::find_if(region_.params.begin(), region_.params.end(), [&](const Param& p) { return p.value == value; });
      found.push_back({static_cast<size_t>(param - region_.params.begin()), map});
      return true;
    }
    const Node& node = region_.nodes[static_cast<size_t>(made_by)];
    if (!node.regions.empty() || !(is_view(*node.op) || is_pointwise(*node.op))) return false;
    if (is_take(*node.op)) {
      const int table = table_of(region_, node);
      if (table < 0) return false;
      tables.push_back(static_cast<size_t>(table));
    }
    for (size_t k = is_take(*node.op) ? 1 : 0; k < node.inputs.size(); ++k) {
      const auto inner = input_map(region_, node, k, map, {}, axis_count_);
      if (!inner || !walk(node.inputs[k], *inner)) return false;
    }
    return true;
  }

  std::vector<ParamRead> found;
  std::vector<size_t> tables;  // params that are read by address

 private:
  const Graph& region_;
  std::vector<int> producers_;
  size_t axis_count_;
  std::unordered_multimap<ValueId, IndexMap> seen_;
};

int primitives(const Graph& region) {
  int count = 0;
  for (const Node& node : region.nodes) {
    if (!is_pointwise(*node.op) || is_source(*node.op)) continue;
    DType dtype = region.type(node.inputs[0]).dtype;
    if (!node.op->has(Trait::mixed))
      for (const ValueId input : node.inputs) dtype = promote(dtype, region.type(input).dtype);
    count += scalar_cost(*node.op, dtype);
  }
  return count;
}

}  // namespace

std::optional<std::vector<ParamRead>> reads_of(const Graph& region, ValueId value, const IndexMap& map,
                                               size_t axis_count, size_t carried) {
  Reads reads(region, axis_count);
  if (!reads.walk(value, map)) return std::nullopt;
  // What a round writes is not read by address.
  if (std::any_of(reads.tables.begin(), reads.tables.end(), [&](size_t table) { return table < carried; }))
    return std::nullopt;
  return std::move(reads.found);
}

bool is_table(const Node& loop, size_t param) {
  return std::any_of(loop.regions.begin(), loop.regions.end(), [&](const auto& region) {
    return std::any_of(region->nodes.begin(), region->nodes.end(), [&](const Node& node) {
      return is_take(*node.op) && table_of(*region, node) == static_cast<int>(param);
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

std::optional<std::vector<bool>> carries_of(const Graph& graph, const Node& loop, const Shape& axes) {
  const Graph &condition = *loop.regions[0], &body = *loop.regions[1];
  const size_t carried = loop.outputs.size();
  const IndexMap identity = identity_map(axes);
  const auto shape = [&](size_t k) -> const Shape& { return graph.type(loop.outputs[k]).shape; };
  std::vector<bool> needed(carried, false);
  std::vector<size_t> open;
  const auto need = [&](const std::optional<std::vector<ParamRead>>& reads) {
    if (!reads) return false;
    for (const ParamRead& read : *reads) {
      if (read.param >= carried) continue;
      // A carried value is there at the present point only.
      if (!read.map.empty() && (shape(read.param) != axes || read.map != identity)) return false;
      if (!needed[read.param]) open.push_back(read.param);
      needed[read.param] = true;
    }
    return true;
  };
  const auto from_condition = reads_of(condition, condition.results[0], {}, axes.size(), carried);
  if (!need(from_condition)) return std::nullopt;
  if (std::any_of(open.begin(), open.end(), [&](size_t k) { return !shape(k).empty(); })) return std::nullopt;
  for (size_t k = 0; k < carried; ++k) {
    if (shape(k) != axes || needed[k]) continue;
    needed[k] = true;
    open.push_back(k);
  }
  while (!open.empty()) {
    const size_t k = open.back();
    open.pop_back();
    if (!need(reads_of(body, body.results[k], shape(k).empty() ? IndexMap{} : identity, axes.size(), carried)))
      return std::nullopt;
  }
  return needed;
}

bool runs_in_kernel(const Graph& graph, const Node& loop) {
  const auto& outputs = loop.outputs;
  if (outputs.empty() || has_effects(loop) ||
      primitives(*loop.regions[0]) + primitives(*loop.regions[1]) > kMostPrimitives)
    return false;
  return std::all_of(outputs.begin(), outputs.end(),
                     [&](ValueId value) { return carries_of(graph, loop, graph.type(value).shape).has_value(); });
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
  const auto mask = mask_of(graph, loop);
  if (!mask || has_effects(loop) || primitives(*loop.regions[1]) > kMostPrimitives) return false;
  const Graph& body = *loop.regions[1];
  const Shape& shape = element_shape(graph, loop);
  const IndexMap identity = identity_map(shape);
  for (size_t k = 0; k < loop.outputs.size(); ++k) {
    const bool single = graph.type(loop.outputs[k]).shape.empty();
    const auto reads =
        reads_of(body, body.results[k], single ? IndexMap{} : identity, shape.size(), loop.outputs.size());
    if (!reads) return false;
    for (const ParamRead& read : *reads) {
      const Shape& from = body.type(body.params[read.param].value).shape;
      if (!read.map.empty() && (from != shape || read.map != identity)) return false;
      if (read.map.empty() && !from.empty()) return false;
    }
  }
  return true;
}

}  // namespace tandem
