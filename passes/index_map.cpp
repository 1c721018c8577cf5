#include "passes/index_map.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "ir/builder.h"
#include "passes/rounds.h"

namespace tandem {

bool is_view(const OpDef& op) { return std::holds_alternative<ViewRule>(op.lower); }
bool is_reduction(const OpDef& op) { return std::holds_alternative<ReduceRule>(op.lower); }

namespace {

const Structure* structure_of(const OpDef& op) { return std::get_if<Structure>(&op.lower); }

}  // namespace

bool is(const OpDef& op, Structure structure) {
  const auto* own = std::get_if<Structure>(&op.lower);
  return own && *own == structure;
}

bool is_scan(const OpDef& op) { return std::holds_alternative<ScanRule>(op.lower); }

bool is_source(const OpDef& op) {
  const Structure* s = structure_of(op);
  return s && (*s == Structure::full || *s == Structure::from_dim || *s == Structure::iota);
}

bool is_take(const OpDef& op) {
  const Structure* s = structure_of(op);
  return s && (*s == Structure::take || *s == Structure::take_along_axis);
}

bool is_pointwise(const OpDef& op) {
  return std::holds_alternative<PointwiseRule>(op.lower) || is_source(op) || is_take(op);
}

int scalar_cost(const OpDef& op, DType dtype) {
  if (!std::holds_alternative<PointwiseRule>(op.lower)) return is_take(op) ? 3 : 1;
  static std::mutex mutex;
  static std::map<std::pair<const OpDef*, DType>, int> known;
  std::lock_guard lock(mutex);
  const auto [it, inserted] = known.try_emplace({&op, dtype}, 1);
  if (!inserted || op.has(Trait::mixed)) return it->second;
  if (op.accepts == Accepts::promote_to_float && !is_inexact(dtype)) return it->second;
  ScalarBuilder builder;
  int64_t parts = 0;
  const auto load = [&] { return builder.emit(ScalarOp::load, real_type(compute_type(dtype)), -1, -1, -1, parts++); };
  if (is_complex(dtype)) {
    std::vector<Complex> inputs(op.inputs.size());
    for (Complex& input : inputs) input.re = load(), input.im = load();
    op.on_complex(inputs, op, complete_attrs(op, {}));
  } else {
    std::vector<Scalar> inputs(op.inputs.size());
    for (Scalar& input : inputs) input = load();
    std::get<PointwiseRule>(op.lower)(inputs, op, complete_attrs(op, {}));
  }
  int cost = 0;
  for (const ScalarNode& node : builder.body())
    if (node.op != ScalarOp::constant && node.op != ScalarOp::load)
      cost += node.op == ScalarOp::div || node.op == ScalarOp::rem || node.op == ScalarOp::sqrt ? 4 : 1;
  return it->second = std::max(cost, 1);
}

std::vector<bool> reduced_dims(const Graph& graph, const Node& node) {
  std::vector<bool> reduced(graph.type(node.inputs[0]).shape.size(), false);
  if (is_scan(*node.op)) {
    reduced[static_cast<size_t>(attr_as<int64_t>(*node.op, node.attrs, "axis"))] = true;
  } else {
    for (const Dim& axis : attr_as<std::vector<Dim>>(*node.op, node.attrs, "axis"))
      reduced[static_cast<size_t>(axis.constant())] = true;
  }
  return reduced;
}

std::optional<IndexMap> input_map(const Graph& graph, const Node& node, size_t k, const IndexMap& map,
                                  const std::vector<int>& reduced_axes, size_t axis_count) {
  const TensorType& input = graph.type(node.inputs[k]);
  const TensorType& output = graph.type(node.outputs[0]);
  const Linear zero{0, std::vector<Dim>(axis_count, Dim(0))};
  IndexMap out;
  if (is_view(*node.op)) {
    // No element is read. Strides of views of nothing are whatever they are: from view to view they would only grow.
    if (element_count(input.shape).is(0)) return IndexMap(input.shape.size(), zero);
    // Feed the rule one coordinate at a time: its "strides" are then the coordinate's dependence on the result's index.
    for (size_t d = 0; d < input.shape.size(); ++d) {
      Layout unit{0, Shape(input.shape.size(), Dim(0))};
      unit.strides[d] = 1;
      const auto moved = std::get<ViewRule>(node.op->lower)(input, unit, *node.op, node.attrs, output);
      if (!moved) return std::nullopt;
      Linear coordinate = zero;
      coordinate.offset = moved->offset;
      for (size_t j = 0; j < moved->strides.size(); ++j) {
        if (moved->strides[j].is(0)) continue;
        coordinate.offset = coordinate.offset + moved->strides[j] * map[j].offset;
        for (size_t a = 0; a < axis_count; ++a)
          coordinate.coefficients[a] = coordinate.coefficients[a] + moved->strides[j] * map[j].coefficients[a];
      }
      out.push_back(std::move(coordinate));
    }
    return out;
  }
  if (is_reduction(*node.op)) {
    const auto reduced = reduced_dims(graph, node);
    const bool kept = output.shape.size() == input.shape.size();
    size_t next_axis = 0, next_dim = 0;
    for (size_t d = 0; d < input.shape.size(); ++d) {
      if (!reduced[d]) {
        out.push_back(map[kept ? d : next_dim++]);
        continue;
      }
      Linear coordinate = zero;
      if (!input.shape[d].is(1)) {
        check_internal(next_axis < reduced_axes.size(), "a reduction has no axes in its group");
        coordinate.coefficients[static_cast<size_t>(reduced_axes[next_axis++])] = 1;
      }
      out.push_back(std::move(coordinate));
    }
    return out;
  }
  if (is_take(*node.op) && node.op->name == "take") {
    if (k == 0) return std::nullopt;  // read by address
    const auto axis = attr_as<int64_t>(*node.op, node.attrs, "axis");
    out.assign(map.begin() + axis, map.begin() + axis + static_cast<long>(input.shape.size()));
    return out;
  }
  if (is_take(*node.op)) {
    if (k == 0) return std::nullopt;
    return map;
  }
  if (is_scan(*node.op)) return map;
  if (!node.regions.empty()) {  // a loop that elements run by themselves (passes/rounds.h)
    if (is_table(node, k)) return std::nullopt;
    if (input.shape.empty()) return out;
    return input.shape.size() == map.size() ? std::optional(map) : std::nullopt;
  }
  // Pointwise: NumPy's broadcasting.
  const size_t extra = output.shape.size() - input.shape.size();
  for (size_t d = 0; d < input.shape.size(); ++d) {
    const Dim have = input.shape[d], want = output.shape[d + extra];
    if (have == want) {
      out.push_back(map[d + extra]);
    } else if (have.is(1)) {
      out.push_back(zero);
    } else {
      // Equal by a guard, or a symbol that is 1 and broadcast: min(have - 1, 1) is 0 in that case and 1 otherwise.
      const Dim factor = want.is_constant() && have.is_constant() ? Dim(1) : dim_min(have - Dim(1), 1);
      Linear scaled = map[d + extra];
      scaled.offset = scaled.offset * factor;
      for (Dim& c : scaled.coefficients) c = c * factor;
      out.push_back(std::move(scaled));
    }
  }
  return out;
}

}  // namespace tandem
