#include "passes/recorded.h"

#include <algorithm>
#include <set>

#include "ir/put_mode.h"
#include "passes/fold.h"
#include "passes/part_updates.h"
#include "passes/ranges.h"

namespace tandem {

namespace {

// A loop that a kernel can run step by step: no loops within it, and no branch of which but one side may be computed.
bool is_plain(const Graph& region) {
  return std::ranges::all_of(region.nodes, [](const Node& node) {
    if (node.op->name == "if")
      return std::ranges::all_of(node.regions, [](const auto& side) { return is_light(*side) && is_plain(*side); });
    return node.regions.empty();
  });
}

class Finder {
 public:
  Finder(const Graph& graph, const Node& loop)
      : graph_(graph), loop_(loop), body_(*loop.regions[1]), producers_(body_.producers()) {}

  std::optional<Recorded> run() {
    if (!find_counter()) return std::nullopt;
    const size_t carried = loop_.outputs.size();
    out_.is_array.assign(carried, false);
    for (size_t k = 0; k < carried; ++k)
      if (k != out_.counter && !find_writes(k)) return std::nullopt;
    if (out_.writes.empty() || !are_apart()) return std::nullopt;
    for (size_t n = 0; n < out_.writes.size(); ++n)
      if (!reads_are_known(out_.writes[n].version, n)) return std::nullopt;
    return fits() ? std::optional(std::move(out_)) : std::nullopt;
  }

 private:
  const Node* maker(ValueId value) const {
    const int made_by = producers_[static_cast<size_t>(value)];
    return made_by < 0 ? nullptr : &body_.nodes[static_cast<size_t>(made_by)];
  }

  static std::optional<Dim> known(const Node& node) {
    if (is_full(*node.op)) return Dim(fill_bits(node.attrs));
    if (is(*node.op, Structure::from_dim)) return attr_as<std::vector<Dim>>(*node.op, node.attrs, "size")[0];
    return std::nullopt;
  }

  // The condition compares a value that begins at 0 and goes up by one with a number that is known.
  bool find_counter() {
    const Graph& condition = *loop_.regions[0];
    const std::vector<int> makers = condition.producers(), outside = graph_.producers();
    const auto made = [](const Graph& graph, const std::vector<int>& by, ValueId value) {
      const int n = by[static_cast<size_t>(value)];
      return n < 0 ? nullptr : &graph.nodes[static_cast<size_t>(n)];
    };
    const Node* less = made(condition, makers, condition.results[0]);
    if (!less || less->op->name != "less") return false;
    const Node* bound = made(condition, makers, less->inputs[1]);
    const auto rounds = bound ? known(*bound) : std::nullopt;
    const size_t carried = loop_.outputs.size();
    size_t k = 0;
    while (k < carried && condition.params[k].value != less->inputs[0]) ++k;
    if (!rounds || k == carried || graph_.type(loop_.outputs[k]) != scalar_index()) return false;
    const Node* first = made(graph_, outside, loop_.inputs[k]);
    if (!first || known(*first) != Dim(0)) return false;
    out_.counter = k;
    out_.rounds = *rounds;
    const auto next = linear(body_.results[k]);
    return next && next->coefficients[0].is(1) && next->offset.is(1);
  }
  TensorType scalar_index() const { return {DType::i64, {}, graph_.type(loop_.outputs[0]).device}; }

  // A value of the body as a linear function of the number of rounds before.
  std::optional<Linear> linear(ValueId value) const {
    if (value == body_.params[out_.counter].value) return Linear{0, {Dim(1)}};
    const Node* node = maker(value);
    if (!node || body_.type(value).dtype != DType::i64 || !body_.type(value).shape.empty()) return std::nullopt;
    if (const auto number = known(*node)) return Linear{*number, {Dim(0)}};
    if (node->op->name == "copy" || node->op->name == "check_index") return linear(node->inputs[0]);
    const bool minus = node->op->name == "subtract", times = node->op->name == "multiply";
    if (!minus && !times && node->op->name != "add") return std::nullopt;
    auto a = linear(node->inputs[0]), b = linear(node->inputs[1]);
    if (!a || !b) return std::nullopt;
    if (times) {
      if (!b->coefficients[0].is(0)) std::swap(a, b);
      if (!b->coefficients[0].is(0) || !b->offset.is_constant()) return std::nullopt;
      return Linear{a->offset * b->offset, {a->coefficients[0] * b->offset}};
    }
    const Dim sign = minus ? -1 : 1;
    return Linear{a->offset + sign * b->offset, {a->coefficients[0] + sign * b->coefficients[0]}};
  }

  // From what becomes of the carried value back to what it is. False: that is more than writes.
  bool find_writes(size_t k) {
    const ValueId param = body_.params[k].value;
    std::vector<Recorded::Write> writes;
    for (ValueId value = body_.results[k]; value != param;) {
      const Node* node = maker(beyond_shapes(body_, producers_, value));
      const bool whole = node && is(*node->op, Structure::view_update);
      const Node* update = whole ? update_within(body_, producers_, *node) : node;
      if (!update || !is(*update->op, Structure::index_update)) return writes.empty();
      const ValueId version = beyond_shapes(body_, producers_, whole ? node->inputs[0] : update->inputs[0]);
      auto write = write_of(k, *update, version);
      if (!write) return false;
      writes.push_back(std::move(*write));
      for (const Node* made : {node, update}) makers_.insert(made);
      value = version;
    }
    out_.is_array[k] = !writes.empty();
    out_.writes.insert(out_.writes.end(), std::make_move_iterator(writes.rbegin()),
                       std::make_move_iterator(writes.rend()));
    return true;
  }

  // Of an array as it is before write `n`, whatever reads `value`, a view of it.
  bool reads_are_known(ValueId value, size_t n) {
    if (std::ranges::find(body_.results, value) != body_.results.end()) return false;
    return std::ranges::all_of(body_.nodes, [&](const Node& node) {
      if (std::ranges::find(node.inputs, value) == node.inputs.end() || makers_.contains(&node)) return true;
      if (is_view(*node.op)) return reads_are_known(node.outputs[0], n);
      return node.op->name == "take" && node.inputs[0] == value && find_read(node, n);
    });
  }

  bool find_read(const Node& take, size_t n) {
    const auto axis = static_cast<size_t>(attr_as<int64_t>(*take.op, take.attrs, "axis"));
    const Recorded::Write& version = out_.writes[n];
    const auto at = linear(take.inputs[1]);
    const auto layout = layout_of(take.inputs[0], version.version);
    if (!at || !layout) return false;
    std::optional<size_t> now, last;  // the write of this place before this version, and the last one
    for (size_t k = 0; k < out_.writes.size(); ++k) {
      const Recorded::Write& write = out_.writes[k];
      if (write.array != version.array || write.axis != axis || !same_layout(*layout, layout_of(write)) ||
          body_.type(take.inputs[0]).shape != body_.type(write.part).shape)
        continue;
      if (k < n) now = k;
      last = k;
    }
    if (!last) return false;
    using enum Recorded::Read::Of;
    const Linear& place = out_.writes[*last].at;
    if (*at == place) {
      out_.reads.push_back({now ? this_round : old, take.outputs[0], now.value_or(*last)});
      return true;
    }
    // What was written so many rounds ago; in the first rounds it is read within the axis, or from its end on.
    const int64_t step = place.coefficients[0].constant();
    const Dim distance = place.offset - at->offset, size = body_.type(take.inputs[0]).shape[axis];
    if (at->coefficients != place.coefficients || !distance.is_constant() || distance.constant() % step != 0)
      return false;
    const int64_t ago = distance.constant() / step;
    const bool from_start = at_most(0, at->offset);
    const bool from_end =
        at->offset.is(-1) || (at->offset.is_constant() && at_most(distance, size));  // not yet written
    const bool within = step > 0 ? from_start || from_end : at_most(at->offset, size - Dim(1));
    if (ago < 1 || ago > Recorded::kMostAgo || !within) return false;
    out_.reads.push_back({earlier, take.outputs[0], *last, ago});
    return true;
  }

  std::optional<Recorded::Write> write_of(size_t array, const Node& update, ValueId version) const {
    const auto axis = static_cast<size_t>(attr_as<int64_t>(*update.op, update.attrs, "axis"));
    const auto mode = static_cast<PutMode>(attr_as<int64_t>(*update.op, update.attrs, "mode"));
    const TensorType& part = body_.type(update.inputs[0]);
    const auto at = linear(update.inputs[1]);
    if (mode != PutMode::set || !at || body_.type(version) != graph_.type(loop_.outputs[array])) return std::nullopt;
    // Up or down, within the axis.
    const Dim step = at->coefficients[0], last = at->offset + step * (out_.rounds - Dim(1)), size = part.shape[axis];
    if (!step.is_constant() || step.is(0)) return std::nullopt;
    const bool up = step.constant() > 0;
    if (!at_most(0, up ? at->offset : last) || !at_most(up ? last : at->offset, size - Dim(1))) return std::nullopt;
    Shape element = part.shape;
    element.erase(element.begin() + static_cast<ptrdiff_t>(axis));
    if (body_.type(update.inputs[2]).shape != element || body_.type(update.inputs[2]).dtype != part.dtype)
      return std::nullopt;
    if (!layout_of(update.inputs[0], version)) return std::nullopt;
    return Recorded::Write{array, version, update.inputs[0], axis, *at, update.inputs[2]};
  }
  std::optional<Layout> layout_of(ValueId part, ValueId version) const {
    return layout_in(body_, producers_, part, version, {0, contiguous_strides(body_.type(version).shape)});
  }

  Layout layout_of(const Recorded::Write& write) const { return *layout_of(write.part, write.version); }

  // All write elements of one shape. What one writes no other writes in another round, or at another element.
  bool are_apart() {
    for (const Recorded::Write& write : out_.writes) {
      Shape shape = body_.type(write.part).shape;
      shape.erase(shape.begin() + static_cast<ptrdiff_t>(write.axis));
      if (&write == &out_.writes.front()) out_.shape = shape;
      if (shape != out_.shape) return false;
      const auto first = std::ranges::find(out_.writes, write.array, &Recorded::Write::array);
      if (&*first == &write) continue;
      if (write.axis != first->axis || !(write.at == first->at)) return false;
      if (!same_layout(layout_of(write), layout_of(*first)) && !(is_in_row(write) && is_in_row(*first))) return false;
    }
    return true;
  }

  static bool same_layout(const Layout& a, const Layout& b) { return a.offset == b.offset && a.strides == b.strides; }
  // Whether it is a single element of a row of the array.
  bool is_in_row(const Recorded::Write& write) const {
    const Shape &whole = body_.type(write.version).shape, part = body_.type(write.part).shape;
    return part.size() == 1 && part[0] == whole[0] && layout_of(write).strides[0] == contiguous_strides(whole)[0];
  }

  // Whether kernels can do the rest, one for every shape of what is used.
  bool fits() const {
    if (has_effects(loop_) || !is_plain(body_) || !is_small(body_)) return false;
    const std::vector<int> uses = graph_.use_counts();
    if (uses[static_cast<size_t>(loop_.outputs[out_.counter])] > 0) return false;
    const auto fits_in = [&](const Shape& shape) {
      return recorded_rounds(graph_, loop_, out_, together(graph_, loop_, shape), shape).has_value();
    };
    if (!fits_in(out_.shape)) return false;
    for (size_t k = 0; k < loop_.outputs.size(); ++k) {
      const ValueId value = loop_.outputs[k];
      if (k != out_.counter && !out_.is_array[k] && uses[static_cast<size_t>(value)] > 0 &&
          !fits_in(graph_.type(value).shape))
        return false;
    }
    return true;
  }

  const Graph& graph_;
  const Node& loop_;
  const Graph& body_;
  std::vector<int> producers_;
  std::set<const Node*> makers_;  // of the arrays
  Recorded out_{};
};

}  // namespace

IndexMap recorded_map(const Shape& shape) {
  IndexMap map = identity_map(shape);
  for (Linear& coordinate : map) coordinate.coefficients.insert(coordinate.coefficients.begin(), Dim(0));
  return map;
}

std::optional<Rounds> recorded_rounds(const Graph& graph, const Node& loop, const Recorded& recorded,
                                      const std::vector<bool>& wanted, const Shape& shape) {
  std::vector<bool> states = wanted;
  for (size_t k = 0; k < states.size(); ++k)
    states[k] = states[k] && !recorded.is_array[k] && graph.type(loop.outputs[k]).shape == shape;
  OfRound values;
  if (shape == recorded.shape) {
    for (const Recorded::Write& write : recorded.writes) values.wanted.push_back(write.value);
    for (const Recorded::Read& read : recorded.reads) values.known.push_back(read.value);
  }
  return rounds_of(graph, loop, states, shape, recorded_map(shape), shape.size() + 1, values);
}

std::optional<Recorded> recorded_of(const Graph& graph, const Node& loop) {
  return loop.op->name == "while" ? Finder(graph, loop).run() : std::nullopt;
}

}  // namespace tandem
