// Finds the steps that may share rows and joins them (Rows in runtime/program.h).
//
// Around a batched product of float32 whose result is large, those steps belong together that touch such results row by
// row, or sum along rows: they, and all that is as large as the product, are a *chain*. A step that needs all of a
// chain's results, like a loss, cuts it into groups, each of which becomes one step: what groups have in common is
// kept, or, where that is large and its product short, computed again by each from rows that are there anyway.
#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "codegen/plan.h"
#include "codegen/row_steps.h"
#include "codegen/steps.h"
#include "passes/cost.h"

namespace tandem {

namespace {

constexpr int64_t kWorthIt = 64 << 10;  // elements: fewer stay in the caches
// A product without a batch is a layer, mostly, unless it is large and has so many more columns than depth.
constexpr int64_t kAlone = 1 << 20, kMostDepth = 256;
constexpr int64_t kColumnsOfDepth = 4;
class RowJoining {
 public:
  RowJoining(Program& program, Plan& plan, std::span<const SharePair> shareable,
             const std::function<int64_t(DimRef)>& hint)
      : program_(program), plan_(plan), shareable_(shareable), hint_(hint), rows_(program, plan.kernels) {
    for (Step& step : program.body) for_each_slot(step, [this](int slot) { ++references_[slot]; });
    for (const View& output : program.outputs) ++references_[output.slot];
  }

  void run(Block& block) {
    for (Step& step : block) {
      if (auto* branch = std::get_if<Branch>(&step.op)) run(branch->then_block), run(branch->else_block);
      if (auto* loop = std::get_if<Loop>(&step.op)) run(loop->condition), run(loop->body);
    }
    begin(std::move(block));
    for (int id = 0; std::cmp_less(id, first_copy_); ++id)
      if (const std::optional<RowSpace> space = space_of(id)) join_chain(*space, id);
    block = end();
  }

 private:
  using Group = std::vector<int>;  // numbers of steps

  // ---- the block -----------------------------------------------------------------------------------------------------

  void begin(Block block) {
    steps_ = std::move(block);
    first_copy_ = steps_.size();
    known_.clear();
    order_.clear();
    joined_.clear();
    taken_.assign(steps_.size(), false);
    allocations_.clear();
    between_.clear();
    copied_.clear();
    for (const Step& step : steps_) {
      order_.push_back(static_cast<int>(known_.size()));
      known_.push_back(rows_.known(step));
      if (const auto* allocate = std::get_if<Allocate>(&step.op)) ++allocations_[allocate->slot];
    }
  }

  Block end() {
    Block block;
    for (const int id : order_) {
      Step& step = steps_[index(id)];
      const auto* allocate = std::get_if<Allocate>(&step.op);
      if (allocate && between_.contains(allocate->slot)) continue;
      if (const auto joined = joined_.find(id); joined != joined_.end())
        block.push_back({std::move(joined->second)});
      else
        block.push_back(std::move(step));
    }
    return block;
  }

  // That of a product whose result had better not be kept.
  std::optional<RowSpace> space_of(int id) const {
    const auto* product = std::get_if<Matmul>(&steps_[index(id)].op);
    if (!product || product->then || taken_[index(id)] || dtype(product->out.slot) != DType::f32) return {};
    const std::vector<DimRef>& shape = product->out.shape;
    if (product->b.shape.size() != shape.size() || elements(product->out.slot) < kWorthIt) return {};
    if (dim(shape.back()).is(1) || dim(shape[shape.size() - 2]).is(1)) return {};
    const int64_t depth = hint_(product->a.shape.back());
    if (shape.size() == 2 &&
        (depth > kMostDepth || hint_(shape.back()) < kColumnsOfDepth * depth || elements(product->out.slot) < kAlone))
      return {};
    return RowSpace{{shape.begin(), shape.end() - 1}, shape.back()};
  }

  // ---- groups ----------------------------------------------------------------------------------------------------------

  void join_chain(const RowSpace& space, int first) {
    Group open = chain_of(space, first);
    const std::vector<int> before = order_;
    std::vector<Group> groups;
    while (!open.empty()) groups.push_back(take_group(open));
    std::vector<Group> copies(groups.size());
    copy_producers(space, groups, copies);
    std::vector<std::optional<Joint>> plans = plans_of(space, groups, copies);
    for (size_t g = 0; g < groups.size(); ++g) {
      if (plans[g] || copies[g].empty()) continue;
      remove(groups, copies);  // a group that is none has to find what it reads
      plans = plans_of(space, groups, copies);
      break;
    }
    bool any = false;
    for (const std::optional<Joint>& plan : plans)
      if (plan) make_rows(space, *plan), any = true;
    if (!any) order_ = before;
  }

  // What is connected with a product by what is as large as its result.
  Group chain_of(const RowSpace& space, int first) {
    for (size_t id = 0; id < first_copy_; ++id)
      known_[id].touches = !taken_[id] ? rows_.touches(space, steps_[id]) : std::vector<Touch>{};
    Slots reached;
    std::set<int> chain;
    std::vector<int> fresh = {first};
    while (!fresh.empty()) {
      for (const int id : fresh) {
        chain.insert(id);
        for (const Touch& touch : known_[index(id)].touches)
          if (touch.by != By::whole && rows_.is_large(space, touch.slot)) reached.insert(touch.slot);
      }
      fresh.clear();
      for (const int id : order_)
        if (!chain.contains(id) && std::ranges::any_of(known_[index(id)].touches, [&](const Touch& touch) {
              return touch.by != By::whole && reached.contains(touch.slot);
            }))
          fresh.push_back(id);
    }
    Group sorted;
    std::ranges::copy_if(order_, std::back_inserter(sorted), [&](int id) { return chain.contains(id); });
    if (known_[index(first)].touches.empty()) sorted.clear();
    return sorted;
  }

  // Takes from `open` its first step and all that may run with it, and puts these next to each other: behind the steps in
  // between that do not need them, before the others.
  Group take_group(Group& open) {
    const auto begin = std::ranges::find(order_, open.front()), end = std::ranges::find(order_, open.back()) + 1;
    const std::set<int> candidates(open.begin(), open.end());
    Several members, later;
    Group group, before, after, left;
    for (auto at = begin; at != end; ++at) {
      const KnownStep& step = known_[index(*at)];
      if (is_deferred(*at)) continue;
      const bool can = !later.conflicts(step);
      if (can && candidates.contains(*at) && fits(group, step)) {
        group.push_back(*at);
        members.add(step);
        continue;
      }
      if (candidates.contains(*at)) left.push_back(*at);
      if (can && !members.conflicts(step)) {
        before.push_back(*at);
      } else {
        after.push_back(*at);
        later.add(step);
      }
    }
    before.insert(before.end(), group.begin(), group.end());
    before.insert(before.end(), after.begin(), after.end());
    put_in_order(begin, end, before);
    open = std::move(left);
    return group;
  }

  // Memory is given to a slot right before it is first used.
  bool is_deferred(int id) const {
    const auto* allocate = std::get_if<Allocate>(&steps_[index(id)].op);
    return allocate && allocations_.at(allocate->slot) == 1;
  }
  // The steps [begin, end) in this order, which leaves out what is deferred.
  void put_in_order(Group::iterator begin, Group::iterator end, std::span<const int> steps) {
    std::map<int, int> waiting;  // by slot
    for (auto at = begin; at != end; ++at)
      if (is_deferred(*at)) waiting[std::get<Allocate>(steps_[index(*at)].op).slot] = *at;
    Group ordered;
    for (const int id : steps) {
      for (auto next = waiting.begin(); next != waiting.end();) {
        if (known_[index(id)].used.contains(next->first)) {
          ordered.push_back(next->second);
          next = waiting.erase(next);
        } else {
          ++next;
        }
      }
      ordered.push_back(id);
    }
    for (const auto& [slot, id] : waiting) ordered.push_back(id);
    check_internal(std::cmp_equal(ordered.size(), end - begin), "steps were lost");
    std::ranges::copy(ordered, begin);
  }

  // Whether a step can go on where the group's steps are done with the same rows.
  bool fits(const Group& group, const KnownStep& step) const {
    for (const int id : group)
      for (const Touch& first : known_[index(id)].touches)
        for (const Touch& then : step.touches) {
          if (first.slot != then.slot || (!first.writes && !then.writes)) continue;
          const bool summed = first.writes && !then.writes && then.by == By::sum;
          if (first.by != By::rows || (then.by != By::rows && !summed)) return false;
        }
    return true;
  }

  // ---- what is computed again --------------------------------------------------------------------------------------------

  // References to a slot by these steps, if all are to rows; else none.
  int references_in(const Group& group, int slot) const {
    int count = 0;
    for (const int id : group)
      for (const Touch& touch : known_[index(id)].touches) {
        if (touch.slot == slot && touch.by == By::whole) return 0;
        if (touch.slot == slot) ++count;
      }
    return count;
  }
  bool is_all(int references, int slot) const {
    const auto allocations = allocations_.find(slot);
    return references > 0 && allocations != allocations_.end() && allocations->second <= 1 &&
           references + allocations->second == references_.at(slot);
  }

  // The step of the group that makes the slot row by row.
  std::optional<int> maker(const Group& group, int slot) const {
    std::optional<int> found;
    for (const int id : group)
      for (const Touch& touch : known_[index(id)].touches) {
        if (touch.slot != slot || !touch.writes) continue;
        if (found || touch.by != By::rows) return {};
        found = id;
      }
    return found;
  }

  // What is large, and made by one group and read by others, which had better make it again.
  std::set<int> computed_again(const RowSpace& space, const std::vector<Group>& groups) const {
    std::set<int> wanted;
    for (const Group& group : groups)
      for (const int id : group)
        for (const Touch& touch : known_[index(id)].touches)
          if (touch.writes && rows_.is_large(space, touch.slot) && is_computed_again(elements(touch.slot), 0))
            wanted.insert(touch.slot);
    std::erase_if(wanted, [&](int slot) {
      int count = 0;
      for (const Group& group : groups) count += references_in(group, slot);
      return !is_all(count, slot);
    });
    const auto has_none = [&](int slot) {
      for (size_t g = 0; g < groups.size(); ++g)
        if (takes(groups[g], slot) && !producers(space, groups, g, {slot}, wanted)) return true;
      return false;
    };
    while (std::erase_if(wanted, has_none) > 0) continue;
    return wanted;
  }
  bool takes(const Group& group, int slot) const { return reads(group, slot) && !maker(group, slot); }
  bool reads(const Group& group, int slot) const {
    return std::ranges::any_of(group, [&](int id) {
      return std::ranges::any_of(known_[index(id)].touches, [&](const Touch& touch) { return touch.slot == slot; });
    });
  }

  // The steps of earlier groups that make these slots from what is still there, as it was, in group `to`.
  std::optional<std::set<int>> producers(const RowSpace& space, const std::vector<Group>& groups, size_t to,
                                         const std::set<int>& slots, const std::set<int>& wanted) const {
    std::set<int> found;
    std::vector<int> open(slots.begin(), slots.end());
    while (!open.empty()) {
      const int slot = open.back();
      open.pop_back();
      const auto from = std::find_if(groups.begin(), groups.begin() + static_cast<long>(to),
                                     [&](const Group& group) { return maker(group, slot).has_value(); });
      if (from == groups.begin() + static_cast<long>(to)) return {};
      const int made = *maker(*from, slot);
      if (!found.insert(made).second) continue;
      if (const auto* product = std::get_if<Matmul>(&steps_[index(made)].op))
        if (!is_computed_again(elements(slot), hint_(product->a.shape.back()))) return {};
      for (const Touch& touch : known_[index(made)].touches) {
        if (touch.writes) {
          if (touch.by != By::rows) return {};
          continue;
        }
        const bool is_kept = !wanted.contains(touch.slot) && !is_all(references_in(*from, touch.slot), touch.slot);
        if (rows_.is_large(space, touch.slot) && maker(*from, touch.slot) && !is_kept)
          open.push_back(touch.slot);
        else if (changes_since(touch.slot, made, groups[to]))
          return {};
      }
    }
    return found;
  }

  // Whether anything from a step up to and with the last one of a group changes the slot.
  bool changes_since(int slot, int step, const Group& group) const {
    const auto begin = std::ranges::find(order_, step), end = std::ranges::find(order_, group.back()) + 1;
    return std::any_of(begin, end, [&](int id) { return known_[index(id)].changes.contains(slot); });
  }

  // For each group, copies of the steps that make what had better be made again; it then takes what they make.
  void copy_producers(const RowSpace& space, const std::vector<Group>& groups, std::vector<Group>& copies) {
    const std::set<int> again = computed_again(space, groups);
    std::vector<std::optional<std::set<int>>> made_by(groups.size());
    for (size_t g = 0; g < groups.size(); ++g) {
      std::set<int> taken;
      std::ranges::copy_if(again, std::inserter(taken, taken.end()), [&](int slot) { return takes(groups[g], slot); });
      if (!taken.empty()) made_by[g] = producers(space, groups, g, taken, again);
    }
    for (size_t g = 0; g < groups.size(); ++g) {
      if (!made_by[g]) continue;
      std::map<int, int> names;
      for (const int id : *made_by[g])
        for (const Touch& touch : known_[index(id)].touches)
          if (touch.writes && !names.contains(touch.slot)) {
            const auto fresh = static_cast<int>(program_.slots.size());
            program_.slots.push_back(Slot(program_.slots[index(touch.slot)]));
            names[touch.slot] = fresh;
            allocations_[fresh] = 0;
          }
      for (const int id : order_) {
        if (!made_by[g]->contains(id)) continue;
        copies[g].push_back(static_cast<int>(steps_.size()));
        steps_.push_back(Step(steps_[index(id)]));
        known_.push_back(KnownStep(known_[index(id)]));
        taken_.push_back(false);
        for_each_slot(steps_.back(), [this](int slot) { ++references_[slot]; });
        rename(copies[g].back(), copied_);  // as the step was before its own group took copies
        rename(copies[g].back(), names);
      }
      for (const int id : groups[g]) rename(id, names);
      for (const auto& [slot, fresh] : names) copied_[fresh] = slot;
    }
  }
  void remove(const std::vector<Group>& groups, std::vector<Group>& copies) {
    for (const Group& group : groups)
      for (const int id : group) rename(id, copied_);
    for (Group& group : copies)
      for (const int id : std::exchange(group, {}))
        for_each_slot(steps_[index(id)], [this](int slot) { --references_[slot]; });
  }
  void rename(int id, const std::map<int, int>& names) {
    const auto name = [&](int slot) { return names.contains(slot) ? names.at(slot) : slot; };
    for_each_slot(steps_[index(id)], [&](int& slot) {
      --references_[slot];
      slot = name(slot);
      ++references_[slot];
    });
    std::vector<Touch> touches = std::move(known_[index(id)].touches);
    for (Touch& touch : touches) touch.slot = name(touch.slot);
    known_[index(id)] = rows_.known(steps_[index(id)]);
    known_[index(id)].touches = std::move(touches);
  }

  // ---- the step ----------------------------------------------------------------------------------------------------------

  // A step to be: what it keeps of some rows, its steps, and those of the group that come before or behind it.
  struct Joint {
    Slots between;
    Group members, before, after;
  };

  std::vector<std::optional<Joint>> plans_of(const RowSpace& space, const std::vector<Group>& groups,
                                             const std::vector<Group>& copies) const {
    std::vector<std::optional<Joint>> plans;
    for (size_t g = 0; g < groups.size(); ++g) {
      Group all = copies[g];
      all.insert(all.end(), groups[g].begin(), groups[g].end());
      plans.push_back(plan_of(space, all, !copies[g].empty()));
    }
    return plans;
  }

  // Those that touch what nobody else does, if that spares the operand of a product; `has_copies`: or if something else
  // has been spared.
  std::optional<Joint> plan_of(const RowSpace& space, const Group& group, bool has_copies) const {
    Joint plan;
    for (const int id : group)
      for (const Touch& touch : known_[index(id)].touches)
        if (touch.writes && touch.by == By::rows && is_all(references_in(group, touch.slot), touch.slot))
          plan.between.insert(touch.slot);
    bool spares = has_copies;
    Several members, behind;
    for (const int id : group) {
      const KnownStep& step = known_[index(id)];
      bool takes_part = false;
      for (const Touch& touch : step.touches) {
        if (!plan.between.contains(touch.slot)) continue;
        takes_part = true;
        spares = spares || (!touch.writes && elements(touch.slot) >= kWorthIt && rows_.is_large(space, touch.slot) &&
                            std::holds_alternative<Matmul>(steps_[index(id)].op));
      }
      if (takes_part) {
        if (behind.conflicts(step)) return {};
        members.add(step);
        plan.members.push_back(id);
      } else if (members.conflicts(step) || behind.conflicts(step)) {
        behind.add(step);
        plan.after.push_back(id);
      } else {
        plan.before.push_back(id);
      }
    }
    return spares ? std::optional<Joint>(std::move(plan)) : std::nullopt;
  }

  void make_rows(const RowSpace& space, const Joint& plan) {
    put_together(plan);
    Rows rows{space.extents, {}, {}};
    std::vector<std::vector<Touch>> touches;
    Several all;
    for (const int id : plan.members) {
      if (auto* launch = std::get_if<Launch>(&steps_[index(id)].op))
        for (size_t i = 0; i < launch->args.size(); ++i)
          if (plan.between.contains(launch->args[i].slot))
            plan_.kernels[index(launch->kernel)].buffers[i].streaming = false;
      all.add(known_[index(id)]);
      touches.push_back(known_[index(id)].touches);
      taken_[index(id)] = true;
      rows.steps.push_back(std::move(steps_[index(id)]));
    }
    rows.between = in_buffers(program_, rows.steps, touches, plan.between, shareable_);
    name(rows);
    const int last = plan.members.back();
    known_[index(last)] = {std::move(all.used), std::move(all.changes), all.ordered};
    const std::set<int> members(plan.members.begin(), plan.members.end());
    std::erase_if(order_, [&](int id) { return id != last && members.contains(id); });
    joined_[last] = std::move(rows);
    between_.insert(plan.between.begin(), plan.between.end());
  }

  void put_together(const Joint& plan) {
    if (plan.before.empty() && plan.after.empty()) return;
    Group steps = plan.before;
    std::ranges::copy_if(plan.members, std::back_inserter(steps),
                         [this](int id) { return std::cmp_less(id, first_copy_); });
    steps.insert(steps.end(), plan.after.begin(), plan.after.end());
    const std::set<int> moved(steps.begin(), steps.end());
    const auto is_moved = [&](int id) { return moved.contains(id); };
    const auto begin = std::ranges::find_if(order_, is_moved);
    const auto end = std::find_if(order_.rbegin(), order_.rend(), is_moved).base();
    put_in_order(begin, end, steps);
  }

  // Profiles and inspection know the products by the origin of the step.
  void name(Rows& rows) {
    rows.origin = joined_origin(program_, rows.steps, hint_);
    for (const Step& step : rows.steps)
      for (LibraryNode& library : plan_.libraries)
        if (const auto* product = std::get_if<Matmul>(&step.op); product && library.origin == product->origin)
          library.origin = rows.origin;
  }

  static size_t index(int i) { return static_cast<size_t>(i); }
  Dim dim(DimRef ref) const { return program_.dims[index(ref)]; }
  DType dtype(int slot) const { return program_.slots[index(slot)].dtype; }
  int64_t elements(int slot) const {
    int64_t count = 1;
    for (const DimRef extent : program_.slots[index(slot)].shape) count *= hint_(extent);
    return count;
  }

  Program& program_;
  Plan& plan_;
  std::span<const SharePair> shareable_;
  const std::function<int64_t(DimRef)>& hint_;
  RowSteps rows_;
  std::map<int, int> references_;  // by slot, in all of the program
  // Of the block: steps by number, the first of them its own, the others copies.
  std::vector<Step> steps_;
  size_t first_copy_ = 0;
  std::vector<KnownStep> known_;
  std::vector<int> order_;          // of its own
  std::vector<bool> taken_;         // by step: it is part of another one
  std::map<int, Rows> joined_;      // by the last of their steps, in the place of which they come
  std::map<int, int> allocations_;  // by slot
  std::map<int, int> copied_;       // slots of copies: what they are copies of
  Slots between_;
};

}  // namespace

void join_rows(Program& program, Plan& plan, std::span<const SharePair> shareable,
               const std::function<int64_t(DimRef)>& hint) {
  if (is_cpu(program.device)) RowJoining(program, plan, shareable, hint).run(program.body);
}

}  // namespace tandem
