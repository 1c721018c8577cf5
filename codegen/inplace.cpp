// Writing to an argument where it lies.
//
// An argument that the function writes to becomes, in the graph, a new value that is copied back at the end; its first
// version often is a copy of the argument of which a part is replaced. Here such buffers become the argument's own
// memory, and the copies go, where nobody can tell the difference: nobody reads the old contents after the first write,
// and no other name for the buffer leaves the steps that are looked at. A step that may fail after the first write must say
// what the argument holds then.
#include <algorithm>
#include <optional>

#include "codegen/plan.h"
#include "codegen/steps.h"

namespace tandem {

namespace {

// Whether the slot gets, anywhere in the block, a second name.
bool is_renamed(const Block& block, int slot) {
  const Renames renames = renames_in(block);
  return std::any_of(renames.begin(), renames.end(),
                     [slot](const auto& pair) { return pair.first == slot || pair.second == slot; });
}

class InPlace {
 public:
  InPlace(Program& program, const std::vector<SharePair>& shareable) : program_(program), shareable_(shareable) {}

  // `back`: index of the step that copies the new contents into the argument. Returns whether it is needed no more.
  bool run(size_t back) {
    const auto* copy = std::get_if<Copy>(&program_.body[back].op);
    if (!copy || !same_layout(copy->from, copy->to)) return false;
    const int argument = copy->to.slot;
    Slots chain;
    if (!trace(copy->from.slot, argument, back, chain) || is_renamed(program_.body, argument)) return false;
    for (const View& output : program_.outputs)
      if (chain.contains(output.slot) || output.slot == argument) return false;
    // The old contents may be read until the first write; by the first writer itself only element by element.
    bool changed = false;
    for (size_t i = 0; i < program_.body.size(); ++i) {
      if (i == back || is_identity(i, argument, chain) || is_allocation(i, chain)) continue;
      const auto written = std::find_if(chain.begin(), chain.end(), [&](int slot) { return uses(i, slot); });
      if (uses(i, argument)) {
        const auto* launch = std::get_if<Launch>(&program_.body[i].op);
        if (changed || (written != chain.end() && !(launch && reads_in_place(*launch, *written, argument, shareable_))))
          return false;
      }
      changed = changed || written != chain.end();
      if (changed && !settles(program_.body[i], argument)) return false;
    }
    replace(back, argument, chain);
    return true;
  }

 private:
  // False when the step may fail without saying what the argument then holds.
  bool settles(const Step& step, int argument) const {
    const auto gives = [argument](const OnFailure& failure) {
      return std::any_of(failure.copies.begin(), failure.copies.end(),
                         [argument](const auto& copy) { return copy.second.slot == argument; });
    };
    const auto all = [&](const Block& block) {
      return std::all_of(block.begin(), block.end(), [&](const Step& inner) { return settles(inner, argument); });
    };
    if (const auto* call = std::get_if<HostCall>(&step.op)) return gives(call->failure);
    if (const auto* check = std::get_if<CheckIndex>(&step.op)) return gives(check->failure);
    if (const auto* put = std::get_if<Put>(&step.op)) return put->checked;
    if (const auto* call = std::get_if<Call>(&step.op)) return !call->may_fail || gives(call->failure);
    if (const auto* branch = std::get_if<Branch>(&step.op)) return all(branch->then_block) && all(branch->else_block);
    if (const auto* loop = std::get_if<Loop>(&step.op)) return all(loop->condition) && all(loop->body);
    const auto* launch = std::get_if<Launch>(&step.op);
    return !launch || never_fails(program_, *launch);
  }

  bool uses(size_t step, int slot) const {
    Slots used, defined;
    collect(program_.body[step], used, defined);
    return used.contains(slot) || defined.contains(slot);
  }
  bool is_allocation(size_t step, const Slots& chain) const {
    const auto* allocate = std::get_if<Allocate>(&program_.body[step].op);
    return allocate && chain.contains(allocate->slot);
  }
  // A copy between what becomes one buffer.
  bool is_identity(size_t step, int argument, const Slots& chain) const {
    const auto* copy = std::get_if<Copy>(&program_.body[step].op);
    const auto one = [&](int slot) { return slot == argument || chain.contains(slot); };
    return copy && same_layout(copy->from, copy->to) && one(copy->from.slot) && one(copy->to.slot);
  }

  // Follows the buffer back through copies of whole buffers that die in them, and collects what may become the
  // argument's memory. False when the buffer cannot.
  bool trace(int slot, int argument, size_t end, Slots& chain) const {
    for (;;) {
      if (slot < program_.input_count || chain.contains(slot) || is_renamed(program_.body, slot)) return false;
      std::optional<size_t> made, written;
      for (size_t i = 0; i < end && !written; ++i) {
        const auto* allocate = std::get_if<Allocate>(&program_.body[i].op);
        if (allocate && allocate->slot == slot)
          made = i;
        else if (uses(i, slot))
          written = i;
      }
      if (!made || !written) return false;
      chain.insert(slot);
      const auto* copy = std::get_if<Copy>(&program_.body[*written].op);
      if (!copy || copy->from.slot == argument) return !copy || same_layout(copy->from, copy->to);
      if (!same_layout(copy->from, copy->to) || copy->from.slot < program_.input_count ||
          !dies(copy->from.slot, slot, *written))
        return true;
      slot = copy->from.slot;
      end = *written;
    }
  }

  // Whether `old`, copied to `now` by the step `copied`, could be the same memory: it is read until `now` changes, by the
  // step that changes it only element by element, and never again.
  bool dies(int old, int now, size_t copied) const {
    bool changed = false;
    for (size_t i = copied + 1; i < program_.body.size(); ++i) {
      const bool writes = uses(i, now);
      if (uses(i, old)) {
        const auto* launch = std::get_if<Launch>(&program_.body[i].op);
        if (changed || (writes && !(launch && reads_in_place(*launch, now, old, shareable_)))) return false;
      }
      changed = changed || writes;
    }
    return true;
  }

  void replace(size_t back, int argument, const Slots& chain) {
    Block kept;
    for (size_t i = 0; i < program_.body.size(); ++i) {
      Step& step = program_.body[i];
      if (i == back || is_allocation(i, chain) || is_identity(i, argument, chain)) continue;
      for_each_slot(step, [&](int& slot) {
        if (chain.contains(slot)) slot = argument;
      });
      kept.push_back(std::move(step));
    }
    program_.body = std::move(kept);
  }

  Program& program_;
  const std::vector<SharePair>& shareable_;
};

}  // namespace

void write_in_place(Program& program, int writebacks, const std::vector<SharePair>& shareable) {
  // The copies back are the last steps; removing one leaves the others where they can be found, counted from the end.
  size_t from_end = 1;
  for (int i = 0; i < writebacks; ++i)
    if (!InPlace(program, shareable).run(program.body.size() - from_end)) ++from_end;
}

}  // namespace tandem
