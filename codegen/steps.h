// Which slots a step touches, as seen from the block it stands in. Shared by the passes over a Program's steps.
#pragma once
#include <functional>
#include <span>
#include <unordered_set>

#include "ir/kernel.h"
#include "runtime/program.h"

namespace tandem {

using Slots = std::unordered_set<int>;

// Adds what the step reads or writes to `used` and what it defines to `defined`; of nested blocks, what they need from
// outside and what both sides of a branch, or a loop, define for it.
void collect(const Step& step, Slots& used, Slots& defined);
// Both sides of a branch bind its results; whatever only one side defines is its own affair.
bool binds(const Block& block, int slot);

// What a launch writes to.
Slots written_by(const Launch& launch, std::span<const Kernel> kernels);
// Adds all that a block changes: slots that get another buffer, and those whose elements do.
void collect_changes(std::span<const Step> block, std::span<const Kernel> kernels, Slots& changes);

// To profiles a step that is made of two is one of all lines, each by its share of the time. `share`: of what `origin`
// stands for; `more` has the rest.
OriginRef joined_origin(const OriginRef& origin, const StepOrigin& more, double share);
// The same of launches and products, by roughly what they take. `hint`: of a size.
OriginRef joined_origin(const Program& program, std::span<const Step> steps,
                        const std::function<int64_t(DimRef)>& hint);

// Whether both show the same elements of buffers of one shape.
inline bool same_layout(const View& a, const View& b) {
  return a.offset == b.offset && a.shape == b.shape && a.strides == b.strides;
}
// Whether no index that the launch reads at is checked.
bool never_fails(const Program& program, const Launch& launch);

// The launch that the step is, or ends with; null: neither.
const Launch* launch_of(const Step& step);

// (to, from) for every slot that takes another one's buffer, in the block and those inside it.
using Renames = std::vector<std::pair<int, int>>;
Renames renames_in(const Block& block);
// The slots whose buffer this one may have in the end: itself, and those it got it from.
Slots may_be(const Renames& renames, int slot);

// Calls visit(slot) for every reference to a slot in the step and the blocks inside it, so that it can be changed.
template <class Visit>
void for_each_slot(Step& step, Visit&& visit);

template <class... F>
struct Overload : F... {
  using F::operator()...;
};
template <class... F>
Overload(F...) -> Overload<F...>;

template <class Visit>
void for_each_slot(Step& step, Visit&& visit) {
  const auto inside = [&](Block& block) {
    for (Step& inner : block) for_each_slot(inner, visit);
  };
  const auto on_launch = [&](Launch& launch) {
    for (Operand& arg : launch.args) visit(arg.slot);
  };
  const auto on_failure = [&](OnFailure& failure) {
    for (auto& [from, to] : failure.copies) visit(from.slot), visit(to.slot);
    for (View& arg : failure.args) visit(arg.slot);
  };
  std::visit(Overload{[&](Allocate& s) {
                        visit(s.slot);
                        if (s.reuse >= 0) visit(s.reuse);
                      },
                      [&](Launch& s) { on_launch(s); },
                      [&](Matmul& s) {
                        visit(s.a.slot), visit(s.b.slot), visit(s.out.slot);
                        if (s.then) on_launch(s.then->launch);
                      },
                      [&](Rows& s) {
                        for (Between& between : s.between) visit(between.slot);
                        inside(s.steps);
                      },
                      [&](Call& s) {
                        for (View& input : s.inputs) visit(input.slot);
                        visit(s.out.slot);
                        on_failure(s.failure);
                      },
                      [&](Copy& s) { visit(s.from.slot), visit(s.to.slot); }, [&](Release& s) { visit(s.slot); },
                      [&](Put& s) { visit(s.from.slot), visit(s.to.slot), visit(s.index.slot); },
                      [&](Bind& s) { visit(s.from), visit(s.to); },
                      [&](Branch& s) { visit(s.predicate), inside(s.then_block), inside(s.else_block); },
                      [&](Loop& s) {
                        visit(s.predicate), inside(s.condition), inside(s.body);
                        for (auto& [to, from] : s.carried) visit(to), visit(from);
                      },
                      [&](HostCall& s) {
                        for (View& arg : s.args) visit(arg.slot);
                        on_failure(s.failure);
                      },
                      [&](CheckIndex& s) { visit(s.indices.slot), on_failure(s.failure); }},
             step.op);
}

}  // namespace tandem
