#include "passes/fuse.h"

#include <algorithm>

#include "passes/rounds.h"

namespace tandem {

bool Group::has_reduction() const { return std::find(reduced.begin(), reduced.end(), true) != reduced.end(); }

namespace {

bool is_fusable(const OpDef& op) { return is_pointwise(op) || is_reduction(op) || is_scan(op); }

// What recomputing costs little: about a memory access.
constexpr int kCheap = 4;
constexpr size_t kMaxMembers = 256;
// A value with more readers, counted through what is evaluated where it is read, is stored: chains of such values would
// be computed, and looked through here, a number of times that is exponential in their length.
constexpr size_t kMostReads = 8;
// Below this many outer points a long reduction is cut into blocks for the threads instead of being fused with what
// needs its result along the same axis.
constexpr int64_t kFewRows = 16;
constexpr int64_t kLongRow = 1 << 16;

struct Use {
  int group = -1;       // -1: outside every group, or not as a linear function of its axes
  IndexMap map;         // of the value in the axes of that group
  int by_address = -1;  // the group that reads the value from memory, in an order of its own
};

class Fuser {
 public:
  Fuser(const Graph& graph, std::span<const int64_t> hints)
      : graph_(graph), hints_(hints), producers_(graph.producers()), dear_values_(graph.nodes.size(), -1) {
    fusion_.group_of.assign(graph.nodes.size(), -1);
    fusion_.inlined.assign(graph.nodes.size(), false);
    consumers_.resize(graph.types.size());
    is_result_.assign(graph.types.size(), false);
    for (size_t i = 0; i < graph.nodes.size(); ++i)
      for (size_t k = 0; k < graph.nodes[i].inputs.size(); ++k)
        consumers_[static_cast<size_t>(graph.nodes[i].inputs[k])].push_back({static_cast<int>(i), k});
    for (ValueId result : graph.results) is_result_[static_cast<size_t>(result)] = true;
    for (const Node& node : graph.nodes) loops_.push_back(!node.regions.empty() && runs_by_element(graph, node));
  }

  Fusion run() {
    for (size_t i = graph_.nodes.size(); i-- > 0;) {
      const Node& node = graph_.nodes[i];
      if (is_fusable(*node.op) || loops_[i]) place(static_cast<int>(i));
    }
    drop_empty_groups();
    return std::move(fusion_);
  }

 private:
  const Node& node(int n) const { return graph_.nodes[static_cast<size_t>(n)]; }
  Group& group(int g) { return fusion_.groups[static_cast<size_t>(g)]; }
  const Shape& shape(ValueId value) const { return graph_.type(value).shape; }
  // Of what a node makes: of a loop the values of all its elements.
  const Shape& shape_of(int n) const {
    return loops_[static_cast<size_t>(n)] ? element_shape(graph_, node(n)) : shape(node(n).outputs[0]);
  }

  std::vector<int> reduced_axes(const Group& g) const {
    std::vector<int> axes;
    for (size_t a = 0; a < g.reduced.size(); ++a)
      if (g.reduced[a]) axes.push_back(static_cast<int>(a));
    return axes;
  }

  // Every place `value` is read in, looking through views and inlined nodes.
  std::vector<Use> uses(ValueId value) {
    std::vector<Use> out;
    if (is_result_[static_cast<size_t>(value)]) out.push_back({});
    for (const auto& [consumer, k] : consumers_[static_cast<size_t>(value)]) {
      const Node& c = node(consumer);
      const int g = fusion_.group_of[static_cast<size_t>(consumer)];
      if (g >= 0) {
        auto map = input_map(graph_, c, k, group(g).maps.at(consumer), reduced_axes(group(g)), group(g).axes.size());
        out.push_back(map ? Use{g, std::move(*map), -1} : Use{-1, {}, g});
      } else if (is_view(*c.op) || fusion_.inlined[static_cast<size_t>(consumer)]) {
        for (Use& use : uses(c.outputs[0])) {
          if (use.group < 0) {
            out.push_back({-1, {}, use.by_address});
            continue;
          }
          auto map = input_map(graph_, c, k, use.map, {}, group(use.group).axes.size());
          out.push_back(map ? Use{use.group, std::move(*map), -1} : Use{-1, {}, use.group});
        }
      } else {
        out.push_back({});
      }
    }
    return out;
  }

  static std::vector<int> groups_of(const std::vector<Use>& reads) {
    std::vector<int> groups;
    for (const Use& use : reads)
      if (std::find(groups.begin(), groups.end(), use.group) == groups.end()) groups.push_back(use.group);
    return groups;
  }

  void place(int n) {
    const Node& me = node(n);
    std::vector<Use> reads;
    std::vector<ValueId> read, kept;  // by anybody; from outside of groups
    for (const ValueId value : me.outputs) {
      std::vector<Use> found = uses(value);
      if (found.empty()) continue;
      read.push_back(value);
      if (std::any_of(found.begin(), found.end(), [](const Use& u) { return u.group < 0; })) kept.push_back(value);
      std::ranges::move(found, std::back_inserter(reads));
    }
    const bool external = !kept.empty();
    std::vector<int> by_address;
    by_address.reserve(reads.size());
    for (const Use& use : reads) by_address.push_back(use.by_address);
    std::erase_if(reads, [](const Use& u) { return u.group < 0; });
    if (reads.empty() && !external) return;  // dead
    if (is_source(*me.op)) {
      fusion_.inlined[static_cast<size_t>(n)] = true;
      if (external) start_group(n, kept);
      return;
    }
    if (is_scan(*me.op) || reads.empty()) {
      start_group(n, read);
      return;
    }
    const std::vector<int> groups = groups_of(reads);
    // What joins several values that nobody else reads is stored in their place: one value instead of several.
    const bool joins = groups.size() > 1 && dear_values(n) > 1;
    const bool inlinable =
        !external && !joins && is_pointwise(*me.op) && reads.size() <= kMostReads && me.inputs.size() <= 2;
    if (groups.size() > 1 && inlinable && scalar_cost(*me.op, input_dtype(me)) <= 1) {
      fusion_.inlined[static_cast<size_t>(n)] = true;
      return;
    }
    size_t members = 0;
    for (const int g : groups) members += group(g).members.size();
    const bool full = members >= kMaxMembers;
    int target = groups.size() > 1 ? merge_all(groups) : groups[0];
    if (groups.size() > 1 && target >= 0) {  // all of them are one now
      for (Use& use : reads) use.group = target;
      for (int& address : by_address)
        if (std::ranges::find(groups, address) != groups.end()) address = target;
    }
    // Too large to be one group: a part of the one that was started last, which the others read from memory.
    if (target < 0 && full) {
      target = *std::max_element(groups.begin(), groups.end());
      kept = read;
    }
    const bool blocked = std::find(by_address.begin(), by_address.end(), target) != by_address.end();
    if (target >= 0 && !blocked && (kept.empty() || !reaches_group(n, target)) && try_join(n, target, reads, kept))
      return;
    if (inlinable && !full && cheap(me)) {
      fusion_.inlined[static_cast<size_t>(n)] = true;
      return;
    }
    start_group(n, read);
  }

  DType input_dtype(const Node& n) const {
    DType dtype = graph_.type(n.inputs.empty() ? n.outputs[0] : n.inputs[0]).dtype;
    if (!n.op->has(Trait::mixed))
      for (ValueId input : n.inputs) dtype = promote(dtype, graph_.type(input).dtype);
    return dtype;
  }
  bool cheap(const Node& n) const { return scalar_cost(*n.op, input_dtype(n)) <= kCheap && n.inputs.size() <= 2; }

  // How many values would be stored for the sake of this node alone, were it evaluated wherever it is read.
  int dear_values(int n) {
    int& count = dear_values_[static_cast<size_t>(n)];
    if (count >= 0) return count;
    count = 0;
    for (const ValueId input : node(n).inputs) {
      const int made_by = producers_[static_cast<size_t>(input)];
      if (made_by < 0 || consumers_[static_cast<size_t>(input)].size() > 1 || is_result_[static_cast<size_t>(input)])
        continue;
      const Node& maker = node(made_by);
      if (is_view(*maker.op) || (is_pointwise(*maker.op) && cheap(maker)))
        count += dear_values(made_by);
      else if (is_pointwise(*maker.op))
        ++count;
    }
    return count;
  }

  void start_group(int n, const std::vector<ValueId>& stored) {
    const Node& me = node(n);
    Group g;
    const bool along = is_reduction(*me.op) || is_scan(*me.op);
    const Shape& domain = along ? shape(me.inputs[0]) : shape_of(n);
    g.axes = domain;
    g.reduced = along ? reduced_dims(graph_, me) : std::vector<bool>(domain.size(), false);
    IndexMap map;
    const auto unit = [&](size_t axis) {
      Linear coordinate{0, std::vector<Dim>(domain.size(), Dim(0))};
      coordinate.coefficients[axis] = 1;
      return coordinate;
    };
    const bool kept = shape_of(n).size() == domain.size();
    for (size_t d = 0; d < domain.size(); ++d) {
      if (!is_reduction(*me.op) || !g.reduced[d])
        map.push_back(unit(d));
      else if (kept)
        map.push_back({0, std::vector<Dim>(domain.size(), Dim(0))});
    }
    // Reduced dimensions of size 1 have no loop of their own.
    for (size_t d = 0; d < domain.size(); ++d)
      if (is_reduction(*me.op) && g.reduced[d] && domain[d].is(1)) g.reduced[d] = false;
    g.members.push_back(n);
    g.maps[n] = std::move(map);
    g.outputs = stored;
    fusion_.group_of[static_cast<size_t>(n)] = static_cast<int>(fusion_.groups.size());
    scan_group_.push_back(is_scan(*me.op));
    fusion_.groups.push_back(std::move(g));
  }

  // Axes a map depends on.
  static std::vector<bool> used_axes(const IndexMap& map, size_t count) {
    std::vector<bool> used(count, false);
    for (const Linear& coordinate : map)
      for (size_t a = 0; a < count; ++a) used[a] = used[a] || !coordinate.coefficients[a].is(0);
    return used;
  }

  // Every dimension of `type` is one axis of its own, from end to end.
  static bool is_identity(const Shape& dims, const IndexMap& map, const Group& g, std::vector<bool>& covered) {
    covered.assign(g.axes.size(), false);
    for (size_t d = 0; d < dims.size(); ++d) {
      if (dims[d].is(1)) {
        // Its one element is there even if the axis that walks a part of it has none.
        for (size_t a = 0; a < g.axes.size(); ++a)
          if (!map[d].coefficients[a].is(0) && !g.axes[a].is(1)) return false;
        continue;
      }
      if (!map[d].offset.is(0)) return false;
      int axis = -1;
      for (size_t a = 0; a < g.axes.size(); ++a) {
        if (map[d].coefficients[a].is(0)) continue;
        if (axis >= 0 || !map[d].coefficients[a].is(1)) return false;
        axis = static_cast<int>(a);
      }
      if (axis < 0 || covered[static_cast<size_t>(axis)] || !(g.axes[static_cast<size_t>(axis)] == dims[d]))
        return false;
      covered[static_cast<size_t>(axis)] = true;
    }
    return true;
  }

  bool try_join(int n, int target, const std::vector<Use>& reads, const std::vector<ValueId>& stored) {
    const Node& me = node(n);
    Group& g = group(target);
    if (g.members.size() >= kMaxMembers) return false;
    IndexMap map;
    bool found = false, several = false;
    for (const Use& use : reads) {
      if (use.group != target) continue;
      if (found && use.map != map) several = true;
      map = use.map;
      found = true;
    }
    if (several) return false;
    if (is_reduction(*me.op)) {
      if (!join_reduction(me, g, map)) return false;
    } else {
      if (!worth_computing(n, g, map)) return false;
    }
    // A reduction may have added axes: the map gets coefficients for them.
    for (Linear& coordinate : map) coordinate.coefficients.resize(g.axes.size(), Dim(0));
    std::vector<bool> covered;
    const bool identity = is_identity(shape_of(n), map, g, covered);
    if (!stored.empty() && (!identity || !storable(g, covered))) return false;
    g.members.push_back(n);
    g.maps[n] = std::move(map);
    g.outputs.insert(g.outputs.end(), stored.begin(), stored.end());
    fusion_.group_of[static_cast<size_t>(n)] = target;
    return true;
  }

  // A stored value is written once per element: its axes are all of the group's, or all that are not reduced.
  static bool storable(const Group& g, const std::vector<bool>& covered) {
    bool all = true, outer = true;
    for (size_t a = 0; a < g.axes.size(); ++a) {
      if (g.axes[a].is(1)) continue;
      if (!covered[a]) {
        all = false;
        if (!g.reduced[a]) outer = false;
      } else if (g.reduced[a]) {
        outer = false;
      }
    }
    return all || (outer && g.has_reduction());
  }

  // Whether evaluating a pointwise node at `map` inside the group repeats expensive work.
  bool worth_computing(int n, const Group& g, const IndexMap& map) const {
    if (!loops_[static_cast<size_t>(n)] && cheap(node(n))) return true;
    const auto used = used_axes(map, g.axes.size());
    size_t last = g.axes.size();
    for (size_t a = 0; a < g.axes.size(); ++a)
      if (!g.axes[a].is(1)) last = a;
    for (size_t a = 0; a < g.axes.size(); ++a)
      if (!used[a] && !g.axes[a].is(1) && !g.reduced[a] && a != last) return false;
    return true;
  }

  int64_t hint(Dim dim) const {
    return dim.is_constant()                                       ? dim.constant()
           : dim.symbol_count() <= static_cast<int>(hints_.size()) ? dim.evaluate(hints_.data())
                                                                   : 1024;
  }

  bool join_reduction(const Node& me, Group& g, const IndexMap& map) {
    if (scan_group_[static_cast<size_t>(&g - fusion_.groups.data())]) return false;
    std::vector<bool> covered;
    if (!is_identity(shape(me.outputs[0]), map, g, covered)) return false;
    const Shape& domain = shape(me.inputs[0]);
    const auto reduced = reduced_dims(graph_, me);
    std::vector<Dim> extents;
    for (size_t d = 0; d < domain.size(); ++d)
      if (reduced[d] && !domain[d].is(1)) extents.push_back(domain[d]);
    std::vector<int> rest;
    int64_t outer = 1, inner = 1;
    for (size_t a = 0; a < g.axes.size(); ++a) {
      if (g.axes[a].is(1)) continue;
      if (!covered[a])
        rest.push_back(static_cast<int>(a));
      else
        outer *= std::max<int64_t>(hint(g.axes[a]), 1);
    }
    for (const Dim& extent : extents) inner *= std::max<int64_t>(hint(extent), 1);
    const auto fits = [&](const std::vector<int>& axes) {
      if (axes.size() != extents.size()) return false;
      for (size_t i = 0; i < axes.size(); ++i)
        if (!(g.axes[static_cast<size_t>(axes[i])] == extents[i])) return false;
      return true;
    };
    if (g.has_reduction()) return reduced_axes(g) == rest && fits(rest);
    if (!rest.empty()) {
      if (!fits(rest) || (outer < kFewRows && inner >= kLongRow)) return false;
      for (int a : rest) g.reduced[static_cast<size_t>(a)] = true;
      return true;
    }
    for (const Dim& extent : extents) {
      g.axes.push_back(extent);
      g.reduced.push_back(true);
    }
    for (auto& [member, member_map] : g.maps)
      for (Linear& coordinate : member_map) coordinate.coefficients.resize(g.axes.size(), Dim(0));
    return true;
  }

  // Siblings over the same axes become one group when neither depends on the other. Returns the group or -1.
  int merge_all(const std::vector<int>& groups) {
    if (groups.size() > 4) return -1;
    int target = groups[0];
    for (size_t i = 1; i < groups.size(); ++i) {
      if (!mergeable(target, groups[i])) return -1;
    }
    for (size_t i = 1; i < groups.size(); ++i) {
      if (!mergeable(target, groups[i])) return -1;
      merge(target, groups[i]);
    }
    return target;
  }

  bool mergeable(int a, int b) {
    Group &x = group(a), &y = group(b);
    if (scan_group_[static_cast<size_t>(a)] || scan_group_[static_cast<size_t>(b)]) return false;
    if (x.axes != y.axes || x.members.size() + y.members.size() > kMaxMembers) return false;
    if (x.has_reduction() && y.has_reduction() && x.reduced != y.reduced) return false;
    // A stored value of the one that has no reduction stays storable: it covers all axes. Of the other: its outer ones.
    return !group_reaches(a, b) && !group_reaches(b, a);
  }

  void merge(int into, int from) {
    Group &x = group(into), &y = group(from);
    for (int n : y.members) {
      x.members.push_back(n);
      x.maps[n] = std::move(y.maps.at(n));
      fusion_.group_of[static_cast<size_t>(n)] = into;
    }
    x.outputs.insert(x.outputs.end(), y.outputs.begin(), y.outputs.end());
    for (size_t a = 0; a < x.reduced.size(); ++a) x.reduced[a] = x.reduced[a] || y.reduced[a];
    y = {};
  }

  // Whether something that reads what the nodes in `front` make, outside `target`, leads to `target`. Groups run as a
  // whole: reaching one member is reaching all.
  bool search(std::vector<int> front, int target, bool skip_direct) {
    std::vector<bool> seen(graph_.nodes.size(), false);
    for (int n : front) seen[static_cast<size_t>(n)] = true;
    bool first = skip_direct;
    while (!front.empty()) {
      std::vector<int> next;
      for (int n : front)
        for (ValueId out : node(n).outputs)
          for (const auto& [consumer, k] : consumers_[static_cast<size_t>(out)]) {
            const int g = fusion_.group_of[static_cast<size_t>(consumer)];
            if (g == target) {
              if (first) continue;
              return true;
            }
            if (seen[static_cast<size_t>(consumer)]) continue;
            const auto visit = [&](int m) {
              if (!seen[static_cast<size_t>(m)]) {
                seen[static_cast<size_t>(m)] = true;
                next.push_back(m);
              }
            };
            visit(consumer);
            if (g >= 0)
              for (int m : group(g).members) visit(m);
          }
      front = std::move(next);
      // Views and inlined nodes right behind the start still are direct reads.
      if (first)
        first = std::all_of(front.begin(), front.end(),
                            [&](int n) { return is_view(*node(n).op) || fusion_.inlined[static_cast<size_t>(n)]; });
    }
    return false;
  }
  bool group_reaches(int from, int to) { return search(group(from).members, to, false); }
  bool reaches_group(int n, int target) { return search({n}, target, true); }

  void drop_empty_groups() {
    std::vector<int> renumbered(fusion_.groups.size(), -1);
    std::vector<Group> kept;
    for (size_t g = 0; g < fusion_.groups.size(); ++g) {
      if (fusion_.groups[g].members.empty()) continue;
      renumbered[g] = static_cast<int>(kept.size());
      kept.push_back(std::move(fusion_.groups[g]));
    }
    fusion_.groups = std::move(kept);
    for (int& g : fusion_.group_of)
      if (g >= 0) g = renumbered[static_cast<size_t>(g)];
  }

  const Graph& graph_;
  std::span<const int64_t> hints_;
  std::vector<int> producers_;
  std::vector<int> dear_values_;  // per node; -1: not asked for yet
  Fusion fusion_;
  std::vector<bool> scan_group_;
  std::vector<std::vector<std::pair<int, size_t>>> consumers_;
  std::vector<bool> is_result_;
  std::vector<bool> loops_;  // per node: a loop that elements run by themselves
};

}  // namespace

Fusion fuse(const Graph& graph, std::span<const int64_t> hints) { return Fuser(graph, hints).run(); }

}  // namespace tandem
