#include "passes/rewrite.h"

namespace tandem {

Rewriter::Rewriter(const Graph& source, const ShapeEnv& env) : source_(source), env_(env), builder_(graph_, env_) {}

Graph Rewriter::run() {
  Scope scope{&source_, std::vector<ValueId>(source_.types.size(), -1)};
  scope_ = &scope;
  graph_.name = source_.name;
  for (const Param& param : source_.params) {
    map(param.value, graph_.add_param(source_.type(param.value), param.name));
    graph_.params.back().contiguous = param.contiguous;
    graph_.params.back().strides = param.strides;
  }
  begin();
  visit_all(source_);
  graph_.results = mapped(source_.results);
  scope_ = nullptr;
  return std::move(graph_);
}

void Rewriter::visit_all(const Graph& graph) {
  for (const Node& node : graph.nodes) {
    loc_ = node.loc;
    builder_.set_location(node.loc);
    visit(node);
  }
}

std::vector<ValueId> Rewriter::mapped(const std::vector<ValueId>& values) const {
  std::vector<ValueId> all;
  all.reserve(values.size());
  for (const ValueId value : values) all.push_back(mapped(value));
  return all;
}

std::vector<std::shared_ptr<const Graph>> Rewriter::rewrite_regions(const Node& node) {
  std::vector<std::shared_ptr<const Graph>> regions;
  for (size_t k = 0; k < node.regions.size(); ++k)
    regions.push_back(std::make_shared<const Graph>(rewrite_region(node, k)));
  return regions;
}

void Rewriter::copy(const Node& node) { copy(node, node.attrs, rewrite_regions(node)); }

void Rewriter::copy(const Node& node, Attrs attrs, std::vector<std::shared_ptr<const Graph>> regions) {
  std::vector<TensorType> types;
  for (const ValueId out : node.outputs) types.push_back(source_type(out));
  Node& made = graph_.add_node(*node.op, mapped(node.inputs), std::move(attrs), types, node.loc);
  made.regions = std::move(regions);
  for (size_t k = 0; k < node.outputs.size(); ++k) map(node.outputs[k], made.outputs[k]);
}

std::vector<ValueId> Rewriter::splice(const Graph& region, const std::vector<ValueId>& arguments) {
  Scope inner{&region, std::vector<ValueId>(region.types.size(), -1)};
  for (size_t k = 0; k < arguments.size(); ++k) inner.map[static_cast<size_t>(region.params[k].value)] = arguments[k];
  Scope* const outer = std::exchange(scope_, &inner);
  const SourceLoc loc = loc_;
  visit_all(region);
  std::vector<ValueId> results = mapped(region.results);
  scope_ = outer;
  loc_ = loc;
  builder_.set_location(loc);
  return results;
}

ValueId Rewriter::constant(const TensorType& type, Attr fill_value) {
  static const OpDef& full = op("full");
  return graph_.add_node(full, {}, {type.shape, std::move(fill_value), type.dtype}, {&type, 1}, loc_).outputs[0];
}

const Node* Rewriter::maker(ValueId value) {
  makers_.resize(graph_.types.size(), -1);
  for (; makers_known_ < graph_.nodes.size(); ++makers_known_)
    for (const ValueId out : graph_.nodes[makers_known_].outputs)
      makers_[static_cast<size_t>(out)] = static_cast<int>(makers_known_);
  const int index = makers_[static_cast<size_t>(value)];
  return index < 0 ? nullptr : &graph_.nodes[static_cast<size_t>(index)];
}

}  // namespace tandem
