// Loops over arrays whose rounds can be done several at a time (TimeTiling in runtime/program.h): heat, waves, reactions.
//
// A loop is one when its body falls into two parts that have no slot in common: one that decides how many rounds there are,
// and one that makes new arrays of old ones by launches. Of these it must be known what every row reads and writes, which
// it is where no address depends on data.
#include <algorithm>
#include <optional>

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
    TimeTiling tiling{{}, 0, 0, 0, {}, {}};
    Slots old, made;
    for (size_t k = 0; k < loop.carried.size(); ++k) {
      const auto& [to, from] = loop.carried[k];
      if (counts.contains(to)) continue;
      if (is_complex(dtype(to)) || !old.insert(to).second || !made.insert(from).second) return std::nullopt;
      tiling.arrays.push_back(static_cast<int>(k));
    }
    if (tiling.arrays.empty() || shares(old, made)) return std::nullopt;
    Block first, launches, releases, others;
    for (const Step& step : loop.body) {
      const Slots mine = slots_of(step);
      const auto* allocate = std::get_if<Allocate>(&step.op);
      const auto* copy = std::get_if<Copy>(&step.op);
      const auto* launch = std::get_if<Launch>(&step.op);
      const bool release = std::holds_alternative<Release>(step.op);
      if (shares(mine, counts)) {
        const bool simple =
            allocate || release || (launch && never_fails(*launch)) || std::holds_alternative<Bind>(step.op);
        if (!simple) return std::nullopt;
        others.push_back(step);
      } else if (allocate && allocate->reuse < 0 && made.contains(allocate->slot)) {
        first.push_back(step);
      } else if (copy && is_to_its_place(*copy, loop, tiling)) {
        first.push_back(step);
      } else if (launch && describe(*launch, old, made, tiling)) {
        launches.push_back(step);
      } else if (release && shares(mine, old)) {
        releases.push_back(step);
      } else {
        return std::nullopt;
      }
    }
    if (launches.empty()) return std::nullopt;
    for (const Step& step : launches) {
      const int kernel = std::get<Launch>(step.op).kernel;
      for (KernelBuffer& buffer : kernels_[static_cast<size_t>(kernel)].buffers)
        if (buffer.role == BufferRole::output) buffer.streaming = false;
      add_origin(tiling.origin, *program_.kernels[static_cast<size_t>(kernel)]);
    }
    loop.body = std::move(first);
    const auto append = [&](Block& more) {
      const auto at = static_cast<int>(loop.body.size());
      std::ranges::move(more, std::back_inserter(loop.body));
      return at;
    };
    tiling.launches = append(launches);
    tiling.releases = append(releases);
    tiling.others = append(others);
    return tiling;
  }

  bool never_fails(const Launch& launch) const {
    const auto& messages = program_.kernels[static_cast<size_t>(launch.kernel)]->access_messages;
    return std::ranges::all_of(messages, [](const std::string& message) { return message.empty(); });
  }

  // Whether elements of an old array go to the same places of the new one, before anything else is written there.
  static bool is_to_its_place(const Copy& copy, const Loop& loop, const TimeTiling& tiling) {
    const bool pair = std::ranges::any_of(tiling.arrays, [&](int k) {
      return loop.carried[static_cast<size_t>(k)] == std::pair(copy.from.slot, copy.to.slot);
    });
    const bool later = std::ranges::any_of(tiling.writes, [&](const View& view) { return view.slot == copy.to.slot; });
    return pair && !later && copy.from.offset == copy.to.offset && copy.from.shape == copy.to.shape &&
           copy.from.strides == copy.to.strides;
  }

  // Adds what the launch reads of old arrays and writes to new ones. False where that is not known, or not all.
  bool describe(const Launch& launch, const Slots& old, const Slots& made, TimeTiling& tiling) const {
    const Kernel& kernel = kernels_[static_cast<size_t>(launch.kernel)];
    const bool by_rows = (kernel.outer_rank > 0 && !is_column_mode(kernel)) || is_flat_map(kernel);
    if (!by_rows || kernel.split || kernel.window >= 0 || !never_fails(launch)) return false;
    for (size_t i = 0; i < launch.args.size(); ++i) {
      const bool output = kernel.buffers[i].role == BufferRole::output;
      if (output ? !made.contains(launch.args[i].slot) : made.contains(launch.args[i].slot)) return false;
    }
    std::vector<DimRef> shape;
    shape.reserve(kernel.axes.size());
    for (const Axis& axis : kernel.axes) shape.push_back(dim(axis.extent, launch));
    if (!tiling.writes.empty() && tiling.writes[0].shape[0] != shape[0]) return false;
    for (const Access& access : kernel.accesses) {
      if (!access.gathers.empty()) return false;
      const auto buffer = static_cast<size_t>(access.buffer);
      if (kernel.buffers[buffer].role == BufferRole::scratch) continue;
      const Operand& operand = launch.args[buffer];
      const bool output = kernel.buffers[buffer].role == BufferRole::output;
      if (!output && !old.contains(operand.slot)) continue;
      const DimRef offset = dim(access.offset, launch);
      View view{operand.slot, dim_(size(operand.offset) + size(offset)), shape, {}};
      for (const Coef& stride : access.strides) view.strides.push_back(dim(stride, launch));
      (output ? tiling.writes : tiling.reads).push_back(std::move(view));
    }
    return true;
  }

  const Dim& size(DimRef ref) const { return program_.dims[static_cast<size_t>(ref)]; }
  DimRef dim(const Coef& coef, const Launch& launch) const {
    return coef.literal ? dim_(coef.value) : launch.vals[static_cast<size_t>(coef.value)];
  }
  DType dtype(int slot) const { return program_.slots[static_cast<size_t>(slot)].dtype; }

  static void add_origin(OriginRef& origin, const StepOrigin& more) {
    StepOrigin all = origin ? *origin : StepOrigin{};
    all.name += (origin ? "+" : "") + more.name;
    all.weights.resize(all.sources.size(), 1);
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
