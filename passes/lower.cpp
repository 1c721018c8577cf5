#include "passes/lower.h"

#include <algorithm>
#include <map>

#include "passes/body.h"
#include "passes/schedule.h"

namespace tandem {

namespace {

class GroupLowering {
 public:
  GroupLowering(const LowerContext& context, const Group& group) : c_(context), g_(group), body_(context, group) {}

  LoopNest run() {
    if (g_.records) {
      nest().axes = g_.axes;
      nest().reduced = g_.reduced;
      body_.record(g_.members[0]);
      return std::move(body_.nest());
    }
    for (int n : g_.members) depth(n);
    int deepest = 0;
    for (const auto& [n, d] : depth_) deepest = std::max(deepest, d);
    nest().axes = g_.axes;
    nest().reduced = g_.reduced;
    for (int level = 1; level <= deepest; ++level) reduce_stage(level);
    final_stages(deepest);
    return std::move(body_.nest());
  }

 private:
  LoopNest& nest() { return body_.nest(); }
  const Node& node(int n) const { return c_.graph.nodes[static_cast<size_t>(n)]; }

  // Number of reductions on the longest way to the result of a member, itself included.
  int depth(int n) {
    const auto known = depth_.find(n);
    if (known != depth_.end()) return known->second;
    depth_[n] = 0;
    int deepest = 0;
    for (ValueId input : node(n).inputs) deepest = std::max(deepest, value_depth(input));
    return depth_[n] = deepest + (is_reduction(*node(n).op) ? 1 : 0);
  }
  int value_depth(ValueId value) {
    const int made_by = body_.producer(value);
    if (made_by < 0) return 0;
    if (g_.maps.contains(made_by)) return depth(made_by);
    const bool transparent = is_view(*node(made_by).op) || c_.fusion.inlined[static_cast<size_t>(made_by)];
    if (!transparent) return 0;
    int deepest = 0;
    for (ValueId input : node(made_by).inputs) deepest = std::max(deepest, value_depth(input));
    return deepest;
  }

  bool is_inner(int n) const {
    for (const Linear& coordinate : g_.maps.at(n))
      for (size_t a = 0; a < g_.axes.size(); ++a)
        if (g_.reduced[a] && !coordinate.coefficients[a].is(0)) return true;
    return false;
  }

  void store_outputs(int level, bool inner, bool last) {
    for (ValueId value : g_.outputs) {
      const int n = body_.producer(value);
      if (is_inner(n) != inner || body_.is_scan(n)) continue;
      const int d = depth_.at(n);
      if (inner && !(last ? d >= level : d == level)) continue;
      body_.store(value, g_.maps.at(n));
    }
  }

  void reduce_stage(int level) {
    body_.begin_stage(true);
    for (int n : ordered_members())
      if (is_reduction(*node(n).op) && depth_.at(n) == level) body_.reduce(n);
    store_outputs(level - 1, true, false);
    body_.end_stage();
  }

  void final_stages(int deepest) {
    const bool along = g_.has_reduction();
    bool inner = !along, outer = false, scan = false;
    for (ValueId value : g_.outputs) {
      const int n = body_.producer(value);
      if (body_.is_scan(n))
        scan = true;
      else if (!along || (is_inner(n) && depth_.at(n) >= deepest))
        inner = true;
      else if (!is_inner(n))
        outer = true;
    }
    if (scan) {
      body_.begin_stage(true);
      for (ValueId value : g_.outputs) {
        const int n = body_.producer(value);
        if (body_.is_scan(n))
          body_.scan(n);
        else if (is_inner(n))
          body_.store(value, g_.maps.at(n));
      }
      body_.end_stage();
      inner = false;
    }
    if (!along) {
      body_.begin_stage(true);
      for (ValueId value : g_.outputs) body_.store(value, g_.maps.at(body_.producer(value)));
      body_.end_stage();
      return;
    }
    if (inner) {
      body_.begin_stage(true);
      store_outputs(deepest, true, true);
      body_.end_stage();
    }
    if (outer) {
      body_.begin_stage(false);
      store_outputs(0, false, true);
      body_.end_stage();
    }
  }

  std::vector<int> ordered_members() const {
    std::vector<int> members = g_.members;
    std::sort(members.begin(), members.end());
    return members;
  }

  const LowerContext& c_;
  const Group& g_;
  BodyBuilder body_;
  std::map<int, int> depth_;
};

}  // namespace

std::vector<LoweredKernel> lower_group(const LowerContext& context, int group) {
  const Group& g = context.fusion.groups[static_cast<size_t>(group)];
  return schedule(context, GroupLowering(context, g).run());
}

}  // namespace tandem
