// Loops over arrays whose rounds can be done several at a time (TimeTiling in runtime/program.h): heat, waves, reactions.
//
// A loop is one when its body falls into two parts that have no slot in common: one that decides how many rounds there are,
// and one that makes new arrays of old ones by launches and copies, one step after the other in the same buffers. It must be
// known what every row reads and writes, which it is where no address depends on data.
#include <algorithm>
#include <optional>
#include <unordered_map>

#include "codegen/plan.h"
#include "codegen/steps.h"

namespace tandem {

namespace {

class Tiling {
 public:
  Tiling(Program& program, std::span<Kernel> kernels, const std::function<DimRef(const Dim&)>& dim)
      : program_(program), kernels_(kernels), dim_(dim) {}

  void run(Block& block) {
    for (Step& step : block) {
      if (auto* branch = std::get_if<Branch>(&step.op)) run(branch->then_block), run(branch->else_block);
      auto* loop = std::get_if<Loop>(&step.op);
      if (!loop) continue;
      run(loop->condition), run(loop->body);
      if (auto tiling = tiled(*loop)) loop->tiling = std::move(tiling);
    }
  }

 private:
  static bool shares(const Slots& a, const Slots& b) {
    return std::ranges::any_of(a, [&](int slot) { return b.contains(slot); });
  }
  static Slots slots_of(const Step& step) {
    Slots all;
    collect(step, all, all);
    return all;
  }

  // Slots that change in the loop and have to do with how often it runs.
  static Slots counting(const Loop& loop) {
    Slots changing, all;
    for (const Block* block : {&loop.condition, &loop.body})
      for (const Step& step : *block) {
        Slots used;
        collect(step, used, changing);
      }
    for (const auto& [to, from] : loop.carried) changing.insert(to), changing.insert(from);
    all.insert(loop.predicate);
    for (const Step& step : loop.condition) all.merge(slots_of(step));
    std::erase_if(all, [&](int slot) { return !changing.contains(slot); });
    for (size_t before = 0; before != all.size();) {
      before = all.size();
      for (const auto& [to, from] : loop.carried)
        if (all.contains(to) || all.contains(from)) all.insert(to), all.insert(from);
      for (const Step& step : loop.body) {
        Slots mine = slots_of(step);
        std::erase_if(mine, [&](int slot) { return !changing.contains(slot); });
        if (shares(mine, all)) all.merge(mine);
      }
    }
    return all;
  }

  std::optional<TimeTiling> tiled(Loop& loop) const {
    const Slots counts = counting(loop);
    auto arrays = arrays_of(loop, counts);
    if (!arrays) return std::nullopt;
    TimeTiling tiling{*std::move(arrays), 0, {}, {}};
    Slots known, made;
    for (const TimeTiling::Array& array : tiling.arrays) {
      known.insert({array.old, array.made});
      known.insert(array.names.begin(), array.names.end());
      made.insert(array.names.begin(), array.names.end());
    }
    Block parts, others;
    std::vector<int> kernels;
    for (const Step& step : loop.body) {
      const Slots mine = slots_of(step);
      const auto* launch = std::get_if<Launch>(&step.op);
      const auto* allocate = std::get_if<Allocate>(&step.op);
      const bool moves = allocate || std::holds_alternative<Release>(step.op);
      if (shares(mine, counts)) {
        if (!moves && !std::holds_alternative<Bind>(step.op) && !(launch && never_fails(program_, *launch)))
          return std::nullopt;
        others.push_back(step);
        continue;
      }
      const auto* copy = std::get_if<Copy>(&step.op);
      const bool fits = allocate ? made.contains(allocate->slot)
                        : launch ? describe(*launch, known, made, tiling)
                        : copy   ? stays_in_place(*copy, tiling)
                                 : moves && std::ranges::all_of(mine, [&](int slot) { return known.contains(slot); });
      if (!fits) return std::nullopt;
      if (launch) kernels.push_back(launch->kernel);
      parts.push_back(step);
    }
    if (kernels.empty()) return std::nullopt;
    for (const int kernel : kernels) {
      for (KernelBuffer& buffer : kernels_[static_cast<size_t>(kernel)].buffers)
        if (buffer.role == BufferRole::output) buffer.streaming = false;
      add_origin(tiling.origin, *program_.kernels[static_cast<size_t>(kernel)]);
    }
    tiling.others = static_cast<int>(parts.size());
    loop.body = std::move(parts);
    std::ranges::move(others, std::back_inserter(loop.body));
    return tiling;
  }

  // What is carried and does not count, in pairs of buffers.
  std::optional<std::vector<TimeTiling::Array>> arrays_of(const Loop& loop, const Slots& counts) const {
    std::unordered_map<int, int> allocated;  // by new slot: the slot it takes over, or -1
    for (const Step& step : loop.body)
      if (const auto* allocate = std::get_if<Allocate>(&step.op))
        if (!allocated.emplace(allocate->slot, allocate->reuse).second) return std::nullopt;
    Slots carried;
    for (const auto& [to, from] : loop.carried)
      if (!counts.contains(to)) carried.insert(to);
    // Of what moves on to be the array of a round ago: to which slot.
    std::unordered_map<int, int> before;
    for (const auto& [to, from] : loop.carried)
      if (carried.contains(from) && !before.emplace(from, to).second) return std::nullopt;
    std::vector<TimeTiling::Array> arrays;
    Slots all;
    for (const auto& [to, from] : loop.carried) {
      if (!carried.contains(to) || carried.contains(from)) continue;
      TimeTiling::Array array{to, from, true, {}};
      for (int slot = from; array.allocated;) {
        const auto made = allocated.find(slot);
        if (made == allocated.end() || !all.insert(slot).second) return std::nullopt;
        array.names.insert(array.names.begin(), slot);
        array.made = slot;
        if (made->second < 0) break;
        slot = made->second;
        const auto ago = before.find(to);
        if (ago == before.end() || ago->second != slot) continue;
        array.made = slot;
        array.allocated = false;
      }
      if (array.allocated == before.contains(to) || is_complex(slot_of(to).dtype)) return std::nullopt;
      if (slot_of(array.made).shape != slot_of(to).shape) return std::nullopt;
      arrays.push_back(std::move(array));
    }
    size_t pairs = 0;
    for (const TimeTiling::Array& array : arrays) pairs += array.allocated ? 1 : 2;
    if (arrays.empty() || pairs != carried.size()) return std::nullopt;
    return arrays;
  }

  // Whether elements of an old array, or of the one that is being made, go to the same places of that.
  static bool stays_in_place(const Copy& copy, const TimeTiling& tiling) {
    const bool of_one = std::ranges::any_of(tiling.arrays, [&](const TimeTiling::Array& array) {
      const auto is_name = [&](int slot) { return std::ranges::count(array.names, slot) > 0; };
      const bool from =
          copy.from.slot == array.old || is_name(copy.from.slot) || (!array.allocated && copy.from.slot == array.made);
      return from && is_name(copy.to.slot);
    });
    return of_one && same_layout(copy.from, copy.to);
  }

  // Adds what the launch touches of the arrays. False where that is not known, or it writes to others.
  bool describe(const Launch& launch, const Slots& known, const Slots& made, TimeTiling& tiling) const {
    const Kernel& kernel = kernels_[static_cast<size_t>(launch.kernel)];
    const bool by_rows = (kernel.outer_rank > 0 && !is_column_mode(kernel)) || is_flat_map(kernel);
    if (!by_rows || kernel.split || kernel.window >= 0 || !never_fails(program_, launch)) return false;
    std::vector<DimRef> shape;
    shape.reserve(kernel.axes.size());
    for (const Axis& axis : kernel.axes) shape.push_back(dim(axis.extent, launch));
    TimeTiling::Touches touches;
    for (const Access& access : kernel.accesses) {
      if (!access.gathers.empty()) return false;
      const auto buffer = static_cast<size_t>(access.buffer);
      if (kernel.buffers[buffer].role == BufferRole::scratch) continue;
      const Operand& operand = launch.args[buffer];
      const bool output = kernel.buffers[buffer].role == BufferRole::output;
      if (output && !made.contains(operand.slot)) return false;
      if (!known.contains(operand.slot)) continue;
      const DimRef offset = dim(access.offset, launch);
      View view{operand.slot, dim_(size(operand.offset) + size(offset)), shape, {}};
      for (const Coef& stride : access.strides) view.strides.push_back(dim(stride, launch));
      (output ? touches.writes : touches.reads).push_back(std::move(view));
    }
    tiling.launches.push_back(std::move(touches));
    return true;
  }

  const Dim& size(DimRef ref) const { return program_.dims[static_cast<size_t>(ref)]; }
  DimRef dim(const Coef& coef, const Launch& launch) const {
    return coef.literal ? dim_(coef.value) : launch.vals[static_cast<size_t>(coef.value)];
  }
  const Slot& slot_of(int slot) const { return program_.slots[static_cast<size_t>(slot)]; }

  static void add_origin(OriginRef& origin, const StepOrigin& more) {
    StepOrigin all = origin ? *origin : StepOrigin{};
    all.name += (origin ? "+" : "") + more.name;
    all.sources.insert(all.sources.end(), more.sources.begin(), more.sources.end());
    all.weights.insert(all.weights.end(), more.weights.begin(), more.weights.end());
    all.weights.resize(all.sources.size(), 1);
    origin = std::make_shared<const StepOrigin>(std::move(all));
  }

  Program& program_;
  std::span<Kernel> kernels_;
  const std::function<DimRef(const Dim&)>& dim_;
};

}  // namespace

void tile_loops(Program& program, std::span<Kernel> kernels, const std::function<DimRef(const Dim&)>& dim) {
  Tiling(program, kernels, dim).run(program.body);
}

}  // namespace tandem
