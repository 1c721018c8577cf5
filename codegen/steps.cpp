#include "codegen/steps.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace tandem {

bool binds(const Block& block, int slot) {
  return std::any_of(block.begin(), block.end(), [slot](const Step& step) {
    const auto* bind = std::get_if<Bind>(&step.op);
    return bind && bind->to == slot;
  });
}

bool never_fails(const Program& program, const Launch& launch) {
  const auto& messages = program.kernels[static_cast<size_t>(launch.kernel)]->access_messages;
  return std::all_of(messages.begin(), messages.end(), [](const std::string& message) { return message.empty(); });
}

const Launch* launch_of(const Step& step) {
  if (const auto* product = std::get_if<Matmul>(&step.op)) return product->then ? &product->then->launch : nullptr;
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
                      [&](const Matmul& s) { use(s.a.slot), use(s.b.slot), use(s.out.slot); },
                      [&](const Rows& s) {
                        Slots inside, needed;
                        for (const Between& between : s.between) inside.insert(between.slot);
                        collect_nested(s.steps, needed, inside);
                        for (int slot : needed)
                          if (!inside.contains(slot)) use(slot);
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

Slots written_by(const Launch& launch, std::span<const Kernel> kernels) {
  const Kernel& kernel = kernels[static_cast<size_t>(launch.kernel)];
  Slots written;
  for (size_t i = 0; i < launch.args.size(); ++i)
    if (kernel.buffers[i].role == BufferRole::output) written.insert(launch.args[i].slot);
  return written;
}

void collect_changes(std::span<const Step> block, std::span<const Kernel> kernels, Slots& changes) {
  for (const Step& step : block) {
    Slots used;
    collect(step, used, changes);
    if (const Launch* launch = launch_of(step)) changes.merge(written_by(*launch, kernels));
    std::visit(
        Overload{[&](const Matmul& s) { changes.insert(s.out.slot); },
                 [&](const Call& s) { changes.insert(s.out.slot); }, [&](const Copy& s) { changes.insert(s.to.slot); },
                 [&](const Put& s) { changes.insert(s.to.slot); },
                 [&](const Rows& s) {
                   collect_changes(s.steps, kernels, changes);
                   for (const Between& between : s.between) changes.erase(between.slot);
                 },
                 [&](const Branch& s) {
                   collect_changes(s.then_block, kernels, changes);
                   collect_changes(s.else_block, kernels, changes);
                 },
                 [&](const Loop& s) {
                   collect_changes(s.condition, kernels, changes);
                   collect_changes(s.body, kernels, changes);
                 },
                 [](const auto&) {}},
        step.op);
  }
}

OriginRef joined_origin(const OriginRef& origin, const StepOrigin& more, double share) {
  constexpr double kAll = 1000;
  const auto scaled = [](std::span<const int> given, size_t count, double part) {
    std::vector<int> all(given.begin(), given.end());
    all.resize(count, 1);
    const int sum = std::max(1, std::accumulate(all.begin(), all.end(), 0));
    for (int& weight : all) weight = static_cast<int>(kAll * part * weight / sum) + 1;
    return all;
  };
  StepOrigin both = origin ? *origin : StepOrigin{};
  both.name += "+" + more.name;
  both.weights = scaled(both.weights, both.sources.size(), share);
  const std::vector<int> added = scaled(more.weights, more.sources.size(), 1 - share);
  for (size_t i = 0; i < more.sources.size(); ++i) {
    const auto known = std::find(both.sources.begin(), both.sources.end(), more.sources[i]);
    if (known != both.sources.end()) {
      both.weights[static_cast<size_t>(known - both.sources.begin())] += added[i];
      continue;
    }
    both.sources.push_back(more.sources[i]);
    both.weights.push_back(added[i]);
  }
  return std::make_shared<const StepOrigin>(std::move(both));
}

OriginRef joined_origin(const Program& program, std::span<const Step> steps,
                        const std::function<int64_t(DimRef)>& hint) {
  constexpr double kNanosecondsPerStep = 0.008;  // a multiply-add
  OriginRef all;
  double before = 0;
  const auto add = [&](const StepOrigin& more, double cost) {
    all = all ? joined_origin(all, more, before / (before + cost + 1)) : std::make_shared<const StepOrigin>(more);
    before += cost;
  };
  for (const Step& step : steps) {
    if (const auto* launch = std::get_if<Launch>(&step.op))
      add(*program.kernels[static_cast<size_t>(launch->kernel)],
          launch->cost * static_cast<double>(hint(launch->range)));
    const auto* product = std::get_if<Matmul>(&step.op);
    if (!product || !product->origin) continue;
    auto cost = static_cast<double>(hint(product->a.shape.back())) * kNanosecondsPerStep;
    for (const DimRef extent : product->out.shape) cost *= static_cast<double>(hint(extent));
    add(*product->origin, cost);
  }
  return all;
}

}  // namespace tandem
