// `grad` of leaves across branches and loops, each of which may change it, or may not run.
//
// A branch that leaves another gradient than there was hands it out as a result of its `if`, and so with it whether there
// is one, where the branches differ in that. A loop carries what its body changes. A gradient that the body only replaces
// is carried from the end on; one that it also reads must be a variable from the start, so the body is recorded again.
#include <algorithm>

#include "frontend/recorder.h"
#include "passes/gradient_parts.h"

namespace tandem {

Recorder::Gradients Recorder::known_gradients() const {
  Gradients now;
  for (const Leaf& each : leaves_) now[each.tracking.get()] = {each.tracking->grad, each.given, each.replaced};
  return now;
}

// What was not known of then had what it has from outside.
Recorder::GradientState Recorder::state_in(const Gradients& gradients, const Leaf& leaf) const {
  const auto found = gradients.find(leaf.tracking.get());
  return found != gradients.end() ? found->second : GradientState{leaf.before, nullptr, false};
}

void Recorder::restore(const Gradients& gradients) {
  for (Leaf& each : leaves_) {
    const GradientState state = state_in(gradients, each);
    each.tracking->grad = state.grad;
    each.given = state.given;
    each.replaced = state.replaced;
  }
}

// In the top frame.
ValueId Recorder::gradient_value(const GradientState& state, const TensorType& type) {
  GraphBuilder builder(top().graph, env_);
  return state.grad ? with_shape(read(state.grad), type.shape) : nothing(builder, type).id;
}

ValueId Recorder::given_value(const GradientState& state) {
  GraphBuilder builder(top().graph, env_);
  return state.given ? read(state.given) : truth(builder, state.grad != nullptr).id;
}

// ---- Branches ----

// Called in the else branch; appends what the branches yield.
std::vector<Recorder::MergedGradient> Recorder::merge_gradients(OpenIf& open, std::vector<ValueId>& then_ids,
                                                                std::vector<ValueId>& else_ids) {
  const size_t first = then_ids.size();
  const Gradients otherwise = known_gradients();
  std::vector<MergedGradient> merged;
  for (Leaf& each : leaves_) {
    if (each.input < 0 && !open.gradients.contains(each.tracking.get())) continue;
    const GradientState before = state_in(open.gradients, each), now = state_in(otherwise, each);
    const auto then_found = open.then_gradients.find(each.tracking.get());
    const GradientState then = then_found != open.then_gradients.end() ? then_found->second : before;
    const auto same = [](const GradientState& a, const GradientState& b) {
      return a.grad == b.grad && a.given == b.given && a.replaced == b.replaced;
    };
    if (same(then, before) && same(now, before)) continue;
    merged.push_back({&each, then, now});
    MergedGradient& made = merged.back();
    if (!then.grad && !now.grad) continue;
    // Where a branch leaves what was there before, that is looked at.
    if ((!then.replaced || !now.replaced) && !before.replaced) each.read = true;
    const TensorType type = (then.grad ? then.grad : now.grad)->type();
    const bool unsure = !then.grad || !now.grad || then.given || now.given;
    const auto append = [&](int& place, const auto& value) {
      place = static_cast<int>(else_ids.size() - first);
      else_ids.push_back(value(now));
      std::swap(frames_.back(), open.then_frame);
      then_ids.push_back(value(then));
      std::swap(frames_.back(), open.then_frame);
    };
    // What the first branch wrote to what was there before is what it leaves.
    const auto written = std::find_if(open.then_written.begin(), open.then_written.end(), [&](const auto& entry) {
      return then.grad && then.grad->recorded && then.grad->recorded->cell == entry.first;
    });
    append(made.grad, [&](const GradientState& state) {
      const bool is_then = state.grad == then.grad && written != open.then_written.end() &&
                           written->second.frame == top().id && then.grad->recorded->views.empty();
      return is_then ? written->second.value : gradient_value(state, type);
    });
    if (unsure) append(made.given, [&](const GradientState& state) { return given_value(state); });
  }
  return merged;
}

void Recorder::settle_gradients(std::span<const MergedGradient> merged, std::span<const ValueId> results) {
  for (const MergedGradient& each : merged) {
    const auto result = [&](int place) { return place < 0 ? nullptr : wrap(results[static_cast<size_t>(place)]); };
    each.leaf->tracking->grad = result(each.grad);
    each.leaf->given = result(each.given);
    each.leaf->replaced = each.then.replaced && each.otherwise.replaced;
  }
}

// ---- Loops ----

Recorder::CarriedGradient Recorder::gradient_cells(const Leaf& leaf, const GradientState& before,
                                                   const TensorType& type, bool unsure) {
  CarriedGradient carried{leaf.tracking, wrap(gradient_value(before, type))->recorded->cell, nullptr, nullptr};
  if (unsure) carried.given = wrap(given_value(before))->recorded->cell;
  return carried;
}

// Before the loop: what an attempt to record its body has shown to be read and changed in there.
void Recorder::carry_gradients(OpenWhile& open) {
  for (const auto& [tracking, wanted] : std::exchange(wanted_gradients_, {})) {
    Leaf* each = leaf(tracking);
    if (!each) continue;
    known_gradient(each->tracking);
    const GradientState now{each->tracking->grad, each->given, each->replaced};
    open.carried.push_back(gradient_cells(*each, now, wanted.type, wanted.unsure));
  }
}

// At the beginning of the condition, and of the body.
void Recorder::start_gradients(OpenWhile& open, bool body) {
  for (CarriedGradient& carried : open.carried) {
    Leaf* each = leaf(carried.tracking.get());
    carried.value = read(carried.grad, frames_.size() - 1);
    carried.start = wrap(carried.value);
    each->tracking->grad = carried.start;
    each->given = carried.given ? wrap(read(carried.given, frames_.size() - 1)) : nullptr;
  }
  if (!body) return;
  for (Leaf& each : leaves_) {
    open.read[each.tracking.get()] = std::exchange(each.read, false);
    each.replaced = false;
  }
}

// Writes to the cells what the body leaves. Returns false where it must be recorded again. `after`: what holds behind the
// loop as far as the types go; the tensors come with `leave_gradients`.
bool Recorder::end_gradients(OpenWhile& open, bool runs, Gradients& after) {
  wanted_gradients_.clear();
  after = known_gradients();
  const auto carried_of = [&open](const Leaf& each) {
    const auto found = std::find_if(open.carried.begin(), open.carried.end(),
                                    [&](const CarriedGradient& one) { return one.tracking == each.tracking; });
    return found != open.carried.end() ? &*found : nullptr;
  };
  std::vector<Leaf*> changed;
  for (Leaf& each : leaves_) {
    if (each.input < 0 && !open.gradients.contains(each.tracking.get())) continue;
    const GradientState before = state_in(open.gradients, each);
    const CarriedGradient* carried = carried_of(each);
    const bool same = carried ? each.tracking->grad == carried->start && read(carried->start) == carried->value
                              : each.tracking->grad == before.grad && each.given == before.given;
    if (!same) changed.push_back(&each);
  }
  for (const Leaf* each : changed) {
    const GradientState before = state_in(open.gradients, *each), now = after[each->tracking.get()];
    const CarriedGradient* carried = carried_of(*each);
    const bool unsure = !now.grad || now.given;
    if (carried ? !unsure || carried->given : !each->read) continue;
    wanted_gradients_[each->tracking.get()] = {(now.grad ? now.grad : before.grad)->type(),
                                               unsure || !before.grad || before.given};
  }
  if (!wanted_gradients_.empty()) {
    // What was carried stays so.
    for (const CarriedGradient& carried : open.carried)
      wanted_gradients_.try_emplace(carried.tracking.get(),
                                    WantedGradient{carried.grad->type, carried.given != nullptr});
    return false;
  }
  Gradients left;
  for (Leaf* each : changed) {
    GradientState now = after[each->tracking.get()];
    if (!carried_of(*each)) {
      // What was there before matters where the loop may not run.
      const GradientState before = state_in(open.gradients, *each);
      const bool unsure = !now.grad || now.given || (!runs && (!before.grad || before.given));
      const TensorType type = (now.grad ? now.grad : before.grad)->type();
      if (!runs && !before.replaced) open.read[each->tracking.get()] = true;
      Frame body = std::move(frames_.back());
      frames_.pop_back();
      open.carried.push_back(gradient_cells(*each, runs ? GradientState{} : before, type, unsure));
      frames_.push_back(std::move(body));
    }
    const CarriedGradient& carried = *carried_of(*each);
    write(carried.grad, gradient_value(now, carried.grad->type));
    if (carried.given) write(carried.given, given_value(now));
    left[each->tracking.get()] = now;
  }
  after = std::move(left);
  return true;
}

// Behind the loop.
void Recorder::leave_gradients(const OpenWhile& open, bool runs, const Gradients& after) {
  std::map<const Tracking*, std::pair<bool, bool>> body;  // read and replaced
  for (const Leaf& each : leaves_) body[each.tracking.get()] = {each.read, each.replaced};
  restore(open.gradients);
  for (Leaf& each : leaves_) {
    const auto [read_in_body, replaced_in_body] = body[each.tracking.get()];
    const auto read_before = open.read.find(each.tracking.get());
    each.read = (read_before != open.read.end() && read_before->second) || (read_in_body && !each.replaced);
    const auto found = after.find(each.tracking.get());
    if (found == after.end()) continue;
    const auto carried = std::find_if(open.carried.begin(), open.carried.end(),
                                      [&](const CarriedGradient& one) { return one.tracking == each.tracking; });
    const GradientState before = state_in(open.gradients, each);
    const GradientState& last = found->second;
    const bool none = !last.grad && (runs || !before.grad);
    const bool certain = last.grad && !last.given && (runs || (before.grad && !before.given));
    each.tracking->grad = none ? nullptr : wrap(read(carried->grad, frames_.size() - 1));
    each.given = none || certain ? nullptr : wrap(read(carried->given, frames_.size() - 1));
    each.replaced = each.replaced || (runs && replaced_in_body);
    if (each.input >= 0) takes_gradients_ = true;
  }
}

}  // namespace tandem
