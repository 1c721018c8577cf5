#include "passes/components.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "ir/symbols.h"
#include "passes/index_map.h"
#include "passes/rewrite.h"

namespace tandem {

namespace {

using Dims = std::vector<Dim>;

constexpr int64_t kShort = 4;
// What computing it for every component would cost more than a few memory accesses.
constexpr int kDear = 8;
constexpr int kDeepest = 32;  // operations that are looked through

class Components : public Rewriter {
 public:
  Components(const Graph& graph, const ShapeEnv& env) : Rewriter(graph, env), makers_of_(graph.producers()) {
    readers_.resize(graph.types.size());
    for (size_t n = 0; n < graph.nodes.size(); ++n)
      for (const ValueId input : graph.nodes[n].inputs) readers_[at(input)].push_back(static_cast<int>(n));
  }

 private:
  static size_t at(int i) { return static_cast<size_t>(i); }
  const Shape& shape(ValueId value) const { return source_.type(value).shape; }
  const Node* made(ValueId value) const {
    const int n = makers_of_[at(value)];
    return n < 0 ? nullptr : &source_.nodes[at(n)];
  }
  static bool computes(const Node& node) {
    return is_pointwise(*node.op) && !is_source(*node.op) && !is_take(*node.op) && node.outputs.size() == 1;
  }
  int cost(const Node& node) const {
    DType dtype = source_.type(node.inputs[0]).dtype;
    for (const ValueId input : node.inputs) dtype = promote(dtype, source_.type(input).dtype);
    return scalar_cost(*node.op, dtype);
  }

  void begin() override {
    for (const Node& node : source_.nodes)
      if (const auto axis = kept_short(node)) split_[node.outputs[0]] = *axis;
    for (const auto& [value, axis] : split_) note_taken_apart(made(value)->inputs[0], input_axis(*made(value), axis));
  }

  void visit(const Node& node) override {
    if (!is_reduction(*node.op) || node.outputs.size() != 1) return copy(node);
    const auto axis = split_.find(node.outputs[0]);
    if (axis != split_.end()) return split(node, axis->second);
    if (const auto along = adds_up(node)) return add_up(node, *along);
    copy(node);
  }
  Graph rewrite_region(const Node& node, size_t index) override { return Components(*node.regions[index], env_).run(); }

  static bool is_short(const Dim& dim) { return dim.is_constant() && dim.constant() >= 2 && dim.constant() <= kShort; }

  // ---- what is done ----

  // Whether `value` can be computed for one index along `axis` at no more than its share: it is made, by operations
  // that nobody else would repeat, from what lies in memory or is the same along that axis.
  bool separable(ValueId value, size_t axis, int depth = kDeepest) const {
    const Dim& extent = shape(value)[axis];
    if (extent.is(1)) return true;
    if (!is_short(extent) || depth == 0) return false;
    const Node* node = made(value);
    if (node == nullptr) return true;
    if (is_view(*node->op)) return lies_in_memory(node->inputs[0]);
    if (!computes(*node)) return !is_fused(*node);
    if (readers_[at(value)].size() > 1 && cost(*node) >= kDear) return false;
    for (const ValueId input : node->inputs) {
      const auto own = aligned(value, axis, input);
      if (!own) continue;
      const Dim& have = shape(input)[*own];
      if (!(have == extent || have.is(1)) || !separable(input, *own, depth - 1)) return false;
    }
    return true;
  }
  static bool is_fused(const Node& node) {
    return (is_pointwise(*node.op) && !is_source(*node.op)) || is_reduction(*node.op) || is_scan(*node.op);
  }
  bool lies_in_memory(ValueId value) const {
    for (const Node* node = made(value); node != nullptr; node = made(value)) {
      if (!is_view(*node->op)) return !is_fused(*node);
      value = node->inputs[0];
    }
    return true;
  }
  // The axis of an input of a pointwise operation that is axis `axis` of its result.
  std::optional<size_t> aligned(ValueId value, size_t axis, ValueId input) const {
    const size_t extra = shape(value).size() - shape(input).size();
    return axis < extra ? std::nullopt : std::optional(axis - extra);
  }

  // Whether something dear enters that is the same along `axis`.
  bool repeats_work(ValueId value, size_t axis, int depth = kDeepest) const {
    const Node* node = made(value);
    if (node == nullptr || depth == 0 || !computes(*node)) return false;
    return std::ranges::any_of(node->inputs, [&](ValueId input) {
      const auto own = aligned(value, axis, input);
      if (!own || shape(input)[*own].is(1)) return work(input, depth - 1) >= kDear;
      return repeats_work(input, *own, depth - 1);
    });
  }
  int work(ValueId value, int depth) const {
    const Node* node = made(value);
    if (node == nullptr || depth == 0) return 0;
    if (is_view(*node->op)) return work(node->inputs[0], depth);
    if (is_reduction(*node->op)) return kDear;
    if (!computes(*node)) return 0;
    int sum = cost(*node);
    for (const ValueId input : node->inputs)
      if (sum < kDear) sum += work(input, depth - 1);
    return sum;
  }

  // The axis of the result of a reduction along which it is taken apart.
  std::optional<size_t> kept_short(const Node& node) const {
    if (!is_reduction(*node.op) || node.outputs.size() != 1 || is_complex(source_.type(node.outputs[0]).dtype))
      return std::nullopt;
    const auto reduced = reduced_dims(source_, node);
    const ValueId x = node.inputs[0];
    const bool kept = shape(node.outputs[0]).size() == shape(x).size();
    size_t result_axis = 0;
    for (size_t d = 0; d < reduced.size(); ++d) {
      if (reduced[d]) {
        result_axis += kept;
        continue;
      }
      if (is_short(shape(x)[d]) && repeats_work(x, d) && separable(x, d)) return result_axis;
      ++result_axis;
    }
    return std::nullopt;
  }
  size_t input_axis(const Node& node, size_t result_axis) const {
    const auto reduced = reduced_dims(source_, node);
    if (shape(node.outputs[0]).size() == reduced.size()) return result_axis;
    size_t d = 0;
    for (;; ++d)
      if (!reduced[d] && result_axis-- == 0) return d;
  }
  void note_taken_apart(ValueId value, size_t axis, int depth = kDeepest) {
    const Node* node = made(value);
    if (node == nullptr || depth == 0 || !computes(*node) || shape(value)[axis].is(1)) return;
    if (!apart_.insert(value).second) return;
    for (const ValueId input : node->inputs)
      if (const auto own = aligned(value, axis, input)) note_taken_apart(input, *own, depth - 1);
  }

  // The axis over which a sum becomes additions.
  std::optional<size_t> adds_up(const Node& node) const {
    const auto& rule = std::get<ReduceRule>(node.op->lower);
    const ValueId x = node.inputs[0];
    const DType dtype = source_.type(x).dtype;
    if (rule.kind != ReduceKind::sum || (dtype != DType::f32 && dtype != DType::f64) ||
        source_.type(node.outputs[0]).dtype != dtype)
      return std::nullopt;
    const auto reduced = reduced_dims(source_, node);
    if (std::count(reduced.begin(), reduced.end(), true) != 1) return std::nullopt;
    const auto axis = static_cast<size_t>(std::find(reduced.begin(), reduced.end(), true) - reduced.begin());
    if (!is_short(shape(x)[axis])) return std::nullopt;
    const Node* maker = made(x);
    if (maker == nullptr || !computes(*maker) || !separable(x, axis) || spreads(node.outputs[0])) return std::nullopt;
    return axis;
  }
  // Whether the elements of a value are needed once for each of several elements: then it is better kept than computed
  // where it is read.
  bool spreads(ValueId value) const {
    std::set<ValueId> seen{value};
    std::vector<ValueId> front{value};
    const Dim count = element_count(shape(value));
    while (!front.empty() && seen.size() < 64) {
      const ValueId now = front.back();
      front.pop_back();
      for (const int n : readers_[at(now)]) {
        const Node& reader = source_.nodes[at(n)];
        if (!is_view(*reader.op) && !computes(reader)) continue;  // a branch may have no results at all
        const ValueId out = reader.outputs[0];
        if (apart_.contains(out) || !seen.insert(out).second) continue;
        if (!(element_count(shape(out)) == count)) return true;
        front.push_back(out);
      }
    }
    return false;
  }

  // ---- how ----

  // `value` at `index` along `axis`, which stays, with one element.
  ValueId component(ValueId value, size_t axis, int64_t index) {
    if (shape(value)[axis].is(1)) return mapped(value);
    const auto key = std::make_tuple(value, axis, index);
    if (const auto known = known_.find(key); known != known_.end()) return known->second;
    const Node* node = made(value);
    TensorType type = source_.type(value);
    type.shape[axis] = 1;
    ValueId result = -1;
    if (node != nullptr && computes(*node)) {
      std::vector<ValueId> inputs;
      for (const ValueId input : node->inputs) {
        const auto own = aligned(value, axis, input);
        inputs.push_back(own ? component(input, *own, index) : mapped(input));
      }
      result = graph_.add_node(*node->op, std::move(inputs), node->attrs, {&type, 1}, node->loc).outputs[0];
    } else {
      Dims starts(type.shape.size(), Dim(0));
      starts[axis] = index;
      result =
          builder_.emit("slice", {builder_.at(mapped(value))}, {starts, type.shape, Dims(type.shape.size(), Dim(1))})
              .id;
    }
    return known_[key] = result;
  }

  void split(const Node& node, size_t result_axis) {
    const size_t axis = input_axis(node, result_axis);
    TensorType type = source_.type(node.outputs[0]);
    const int64_t count = type.shape[result_axis].constant();
    type.shape[result_axis] = 1;
    std::vector<Value> parts;
    parts.reserve(kShort);
    for (int64_t k = 0; k < count; ++k) {
      const ValueId x = component(node.inputs[0], axis, k);
      parts.push_back(builder_.at(graph_.add_node(*node.op, {x}, node.attrs, {&type, 1}, node.loc).outputs[0]));
    }
    map(node.outputs[0], builder_.emit(op("concat"), parts, {static_cast<int64_t>(result_axis)}).id);
  }

  // A square is never -0.0, and no sum with one that is not is.
  bool is_square(ValueId value) const {
    const Node* node = made(value);
    return node != nullptr &&
           (node->op->name == "square" || (node->op->name == "multiply" && node->inputs[0] == node->inputs[1]));
  }

  void add_up(const Node& node, size_t axis) {
    const ValueId x = node.inputs[0];
    std::vector<Value> lanes;
    lanes.reserve(kShort);
    for (int64_t k = 0; k < shape(x)[axis].constant(); ++k) lanes.push_back(builder_.at(component(x, axis, k)));
    if (lanes.size() == 3) lanes.emplace_back();
    while (lanes.size() > 1) {
      const size_t half = lanes.size() / 2;
      for (size_t k = 0; k < half; ++k)
        if (lanes[k + half]) lanes[k] = lanes[k] + lanes[k + half];
      lanes.resize(half);
    }
    Value sum = lanes[0];
    if (!is_square(x)) sum = sum + 0.0;
    const TensorType& type = source_.type(node.outputs[0]);
    if (sum.shape() != type.shape) sum = builder_.emit("squeeze", {sum}, {Dims{Dim(static_cast<int64_t>(axis))}});
    map(node.outputs[0], sum.id);
  }

  std::vector<int> makers_of_;
  std::vector<std::vector<int>> readers_;
  std::map<ValueId, size_t> split_;  // reductions that are taken apart, and along which axis of their result
  std::set<ValueId> apart_;          // what is taken apart for them
  std::map<std::tuple<ValueId, size_t, int64_t>, ValueId> known_;
};

}  // namespace

Graph components(const Graph& graph) { return Components(graph, assumed_env(graph)).run(); }

}  // namespace tandem
