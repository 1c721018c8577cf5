#include "codegen/steps.h"

#include <algorithm>

namespace tandem {

bool binds(const Block& block, int slot) {
  return std::any_of(block.begin(), block.end(), [slot](const Step& step) {
    const auto* bind = std::get_if<Bind>(&step.op);
    return bind && bind->to == slot;
  });
}

const Launch* launch_of(const Step& step) {
  if (const auto* product = std::get_if<Matmul>(&step.op))
    return product->then && !product->onward ? &product->then->launch : nullptr;
  return std::get_if<Launch>(&step.op);
}

Renames renames_in(const Block& block) {
  Renames found;
  const auto inside = [&](const Block& nested) {
    const Renames more = renames_in(nested);
    found.insert(found.end(), more.begin(), more.end());
  };
  for (const Step& step : block) {
    if (const auto* bind = std::get_if<Bind>(&step.op)) found.emplace_back(bind->to, bind->from);
    if (const auto* branch = std::get_if<Branch>(&step.op)) inside(branch->then_block), inside(branch->else_block);
    if (const auto* loop = std::get_if<Loop>(&step.op)) {
      inside(loop->condition), inside(loop->body);
      found.insert(found.end(), loop->carried.begin(), loop->carried.end());
    }
  }
  return found;
}

Slots may_be(const Renames& renames, int slot) {
  Slots found = {slot};
  std::vector<int> open = {slot};
  while (!open.empty()) {
    const int to = open.back();
    open.pop_back();
    for (const auto& [renamed, from] : renames)
      if (renamed == to && found.insert(from).second) open.push_back(from);
  }
  return found;
}

namespace {

// What a nested block needs from outside, and what it defines.
void collect_nested(const Block& block, Slots& needed, Slots& defined) {
  Slots used, made;
  for (const Step& step : block) collect(step, used, made);
  for (int slot : used)
    if (!made.contains(slot)) needed.insert(slot);
  defined.insert(made.begin(), made.end());
}

// The inputs that a failure writes to do not count: the program has ended by then.
void use_of_failure(const OnFailure& failure, Slots& used) {
  for (const auto& [from, to] : failure.copies) used.insert(from.slot);
  for (const View& arg : failure.args) used.insert(arg.slot);
}

}  // namespace

void collect(const Step& step, Slots& used, Slots& defined) {
  const auto use = [&](int slot) { used.insert(slot); };
  if (const Launch* launch = launch_of(step))
    for (const Operand& arg : launch->args) use(arg.slot);
  std::visit(Overload{[&](const Allocate& s) { defined.insert(s.slot); }, [&](const Launch&) {},
                      [&](const Matmul& s) {
                        use(s.a.slot), use(s.b.slot);
                        if (!s.onward) return use(s.out.slot);
                        use(s.onward->b.slot), use(s.onward->out.slot);
                        for (const Operand& arg : s.then->launch.args)
                          if (arg.slot != s.out.slot && arg.slot != s.onward->a.slot) use(arg.slot);
                      },
                      [&](const Call& s) {
                        for (const View& input : s.inputs) use(input.slot);
                        use(s.out.slot);
                        use_of_failure(s.failure, used);
                      },
                      [&](const Copy& s) { use(s.from.slot), use(s.to.slot); }, [&](const Release& s) { use(s.slot); },
                      [&](const Put& s) { use(s.from.slot), use(s.to.slot), use(s.index.slot); },
                      [&](const Bind& s) { use(s.from), defined.insert(s.to); },
                      [&](const Branch& s) {
                        Slots inside;
                        use(s.predicate);
                        collect_nested(s.then_block, used, inside);
                        collect_nested(s.else_block, used, inside);
                        for (int slot : inside)
                          if (binds(s.then_block, slot) && binds(s.else_block, slot)) defined.insert(slot);
                      },
                      [&](const Loop& s) {
                        Slots inside, needed;
                        collect_nested(s.condition, needed, inside);
                        collect_nested(s.body, needed, inside);
                        for (int slot : needed)
                          if (!inside.contains(slot)) use(slot);
                        for (const auto& [to, from] : s.carried) {
                          use(to), defined.insert(to);
                          if (!inside.contains(from)) use(from);
                        }
                        if (!inside.contains(s.predicate)) use(s.predicate);
                      },
                      [&](const HostCall& s) {
                        for (const View& arg : s.args) use(arg.slot);
                        use_of_failure(s.failure, used);
                      },
                      [&](const CheckIndex& s) { use(s.indices.slot), use_of_failure(s.failure, used); }},
             step.op);
}

}  // namespace tandem
