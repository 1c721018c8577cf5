#include "passes/layout.h"

#include <algorithm>
#include <unordered_set>

#include "passes/fold.h"

namespace tandem {

namespace {

using Dims = std::vector<Dim>;

class Normalizer {
 public:
  explicit Normalizer(const Graph& graph) : in_(graph) {
    out_.name = graph.name;
    map_.assign(graph.types.size(), -1);
  }

  Graph run() {
    for (const Param& param : in_.params) {
      const ValueId value = out_.add_param(in_.type(param.value), param.name);
      out_.params.back().contiguous = param.contiguous;
      out_.params.back().strides = param.strides;
      map_[static_cast<size_t>(param.value)] = value;
    }
    for (const Node& node : in_.nodes) visit(node);
    for (ValueId result : in_.results) out_.results.push_back(map_[static_cast<size_t>(result)]);
    return std::move(out_);
  }

 private:
  ValueId add(std::string_view name, std::vector<ValueId> inputs, Attrs attrs, const TensorType& type) {
    return out_.add_node(op(name), std::move(inputs), std::move(attrs), {&type, 1}, loc_).outputs[0];
  }
  const TensorType& type(ValueId value) const { return out_.type(value); }

  ValueId to_dtype(ValueId value, DType dtype) {
    if (type(value).dtype == dtype) return value;
    return add("cast", {value}, {dtype}, {dtype, type(value).shape, type(value).device});
  }
  ValueId with_shape(ValueId value, const Shape& shape) {
    return add("reshape", {value}, {shape}, {type(value).dtype, shape, type(value).device});
  }
  ValueId broadcast(ValueId value, const Shape& shape) {
    if (type(value).shape == shape) return value;
    return add("broadcast_to", {value}, {shape}, {type(value).dtype, shape, type(value).device});
  }
  // A copy that writes the place of a part of something larger.
  ValueId part(ValueId value, DType dtype, const Shape& shape) {
    value = broadcast(value, shape);
    const TensorType out{dtype, shape, type(value).device};
    return type(value).dtype == dtype ? add("copy", {value}, {}, out) : add("cast", {value}, {dtype}, out);
  }

  // A constant that is to be written to: another one if this has been asked for before, whose memory is then written to
  // without a copy.
  ValueId unread_constant(ValueId value) {
    const int made = producers()[static_cast<size_t>(value)];
    if (made < 0 || !is_full(*out_.nodes[static_cast<size_t>(made)].op) || written_.insert(value).second) return value;
    return add("full", {}, Attrs(out_.nodes[static_cast<size_t>(made)].attrs), TensorType(type(value)));
  }

  void visit(const Node& node) {
    loc_ = node.loc;
    std::vector<ValueId> inputs;
    inputs.reserve(node.inputs.size());
    for (ValueId input : node.inputs) inputs.push_back(map_[static_cast<size_t>(input)]);
    Node copy = node;
    if (const auto* structure = std::get_if<Structure>(&node.op->lower)) {
      switch (*structure) {
        case Structure::matmul: {
          const ValueId value = matmul(node, inputs);
          map_[static_cast<size_t>(node.outputs[0])] = value;
          return;
        }
        case Structure::concat: {
          const TensorType& out = in_.type(node.outputs[0]);
          for (ValueId& input : inputs) input = part(input, out.dtype, type(input).shape);
          break;
        }
        case Structure::view_update: {
          const TensorType& out = in_.type(node.outputs[0]);
          inputs[0] = unread_constant(inputs[0]);
          inputs[1] = part(inputs[1], out.dtype, attr_as<Dims>(*node.op, node.attrs, "sizes"));
          break;
        }
        case Structure::index_update: {
          const TensorType& out = in_.type(node.outputs[0]);
          Shape place = out.shape;
          const Shape& picked = type(inputs[1]).shape;
          const auto axis = place.begin() + attr_as<int64_t>(*node.op, node.attrs, "axis");
          place.insert(place.erase(axis), picked.begin(), picked.end());
          inputs[1] = to_dtype(inputs[1], DType::i64);
          inputs[2] = broadcast(to_dtype(inputs[2], out.dtype), place);
          break;
        }
        case Structure::control:
          for (auto& region : copy.regions) region = std::make_shared<Graph>(normalize_layout(*region));
          break;
        default: break;
      }
    }
    if (const auto* rule = std::get_if<ReduceRule>(&node.op->lower); rule && single_element(node)) {
      map_[static_cast<size_t>(node.outputs[0])] = reduced_single(rule->kind, inputs[0], in_.type(node.outputs[0]));
      return;
    }
    if (node.op->name == "reshape" && !reshape_fits(inputs[0], in_.type(node.outputs[0])))
      inputs[0] = add("copy", {inputs[0]}, {}, type(inputs[0]));
    std::vector<TensorType> types;
    types.reserve(node.outputs.size());
    for (ValueId out : node.outputs) types.push_back(in_.type(out));
    Node& made = out_.add_node(*node.op, std::move(inputs), node.attrs, types, node.loc);
    made.regions = copy.regions;
    for (size_t i = 0; i < node.outputs.size(); ++i) map_[static_cast<size_t>(node.outputs[i])] = made.outputs[i];
  }

  bool single_element(const Node& node) const {
    for (const Dim& axis : attr_as<Dims>(*node.op, node.attrs, "axis"))
      if (!in_.type(node.inputs[0]).shape[static_cast<size_t>(axis.constant())].is(1)) return false;
    return true;
  }

  // A reduction over single elements, with the bits the loop would give: 0 + x is not x where x is -0.
  ValueId reduced_single(ReduceKind kind, ValueId x, const TensorType& out) {
    const auto constant = [&](Attr value) {
      return add("full", {}, {Dims{}, std::move(value), out.dtype}, {out.dtype, {}, out.device});
    };
    // Like every result of a reduction it is memory of its own, row by row.
    if (kind == ReduceKind::argmax || kind == ReduceKind::argmin)
      return add("copy", {add("broadcast_to", {constant(int64_t{0})}, {out.shape}, out)}, {}, out);
    x = with_shape(to_dtype(x, out.dtype), out.shape);
    if (kind != ReduceKind::sum || !is_inexact(out.dtype)) return add("copy", {x}, {}, out);  // never the memory of x
    return add("add", {x, constant(0.0)}, {}, out);
  }

  // Whether strides can express the reshape of a value that is made of views of a parameter or library result.
  // Values computed by kernels are stored contiguously and always can.
  bool reshape_fits(ValueId value, const TensorType& to) {
    const auto placed = resolve_views(out_, producers(), value);
    if (!placed) return false;
    const OpDef& reshape = op("reshape");
    return std::get<ViewRule>(reshape.lower)(type(value), placed->layout, reshape, {to.shape}, to).has_value();
  }

  // Kept up to date node by node.
  const std::vector<int>& producers() {
    made_by_.resize(out_.types.size(), -1);
    for (; seen_ < out_.nodes.size(); ++seen_)
      for (ValueId value : out_.nodes[seen_].outputs) made_by_[static_cast<size_t>(value)] = static_cast<int>(seen_);
    return made_by_;
  }

  ValueId matmul(const Node& node, std::vector<ValueId> inputs) {
    const TensorType& result = in_.type(node.outputs[0]);
    ValueId a = to_dtype(inputs[0], result.dtype), b = to_dtype(inputs[1], result.dtype);
    const bool row = type(a).rank() == 1, column = type(b).rank() == 1;
    if (!row && !column) return add("matmul", {a, b}, {}, result);
    Shape shape = result.shape;
    if (row) {
      a = with_shape(a, {Dim(1), type(a).shape[0]});
      shape.insert(column ? shape.end() : shape.end() - 1, Dim(1));
    }
    if (column) {
      b = with_shape(b, {type(b).shape[0], Dim(1)});
      shape.push_back(Dim(1));
    }
    return with_shape(add("matmul", {a, b}, {}, {result.dtype, shape, result.device}), result.shape);
  }

  const Graph& in_;
  Graph out_;
  std::vector<ValueId> map_;
  std::unordered_set<ValueId> written_;  // constants that were asked for to be written to
  std::vector<int> made_by_;
  size_t seen_ = 0;
  SourceLoc loc_;
};

}  // namespace

Graph normalize_layout(const Graph& graph) { return Normalizer(graph).run(); }

Layout layout_of_param(const Graph& graph, ValueId value) {
  for (const Param& param : graph.params)
    if (param.value == value && !param.contiguous) return {0, param.strides};
  return {0, contiguous_strides(graph.type(value).shape)};
}

std::optional<Placed> resolve_views(const Graph& graph, const std::vector<int>& producers, ValueId value,
                                    const std::vector<bool>* stop) {
  std::vector<const Node*> path;
  while (true) {
    const int producer = producers[static_cast<size_t>(value)];
    if (producer < 0 || (stop && (*stop)[static_cast<size_t>(value)])) break;
    const Node& node = graph.nodes[static_cast<size_t>(producer)];
    if (!std::holds_alternative<ViewRule>(node.op->lower)) break;
    path.push_back(&node);
    value = node.inputs[0];
  }
  Placed placed{value, layout_of_param(graph, value)};
  for (size_t i = path.size(); i-- > 0;) {
    const Node& node = *path[i];
    auto layout = std::get<ViewRule>(node.op->lower)(graph.type(node.inputs[0]), placed.layout, *node.op, node.attrs,
                                                     graph.type(node.outputs[0]));
    if (!layout) return std::nullopt;
    placed.layout = std::move(*layout);
  }
  return placed;
}

}  // namespace tandem
