#include "codegen/row_steps.h"

#include <algorithm>
#include <utility>

namespace tandem {

bool RowSteps::is_large(const RowSpace& space, int slot) const {
  const std::vector<DimRef>& shape = slot_of(slot).shape;
  return slot >= program_.input_count && shape.size() == space.extents.size() + 1 && shape.back() == space.columns &&
         has_rows(space, slot);
}
bool RowSteps::has_rows(const RowSpace& space, int slot) const {
  const std::vector<DimRef>& shape = slot_of(slot).shape;
  return shape.size() >= space.extents.size() && std::equal(space.extents.begin(), space.extents.end(), shape.begin());
}

std::vector<Touch> RowSteps::touches(const RowSpace& space, const Step& step) const {
  std::vector<Touch> found;
  const auto* product = std::get_if<Matmul>(&step.op);
  const auto* launch = std::get_if<Launch>(&step.op);
  const auto is_one = [&](const Operand& arg) { return is_large(space, arg.slot); };
  if (product)
    found = touches(space, *product);
  else if (launch && std::ranges::any_of(launch->args, is_one))  // most have none, and kernels are long
    found = touches(space, *launch);
  const bool takes_part = std::ranges::any_of(
      found, [&](const Touch& touch) { return touch.by != By::whole && is_large(space, touch.slot); });
  return takes_part ? found : std::vector<Touch>{};
}

std::vector<Touch> RowSteps::touches(const RowSpace& space, const Matmul& product) const {
  const View &a = product.a, &b = product.b, &out = product.out;
  const size_t rank = out.shape.size();
  if (product.then || slot_of(out.slot).dtype != DType::f32 || b.shape.size() != rank ||
      rank != space.extents.size() + 1 || !std::equal(out.shape.begin(), out.shape.end() - 2, space.extents.begin()))
    return {};
  const bool turned = is_large(space, a.slot) && lies(a, true), right = is_large(space, b.slot) && lies(b, false);
  if (turned || right) {
    if ((turned && (right || is_large(space, b.slot))) || (right && is_large(space, a.slot)) ||
        a.shape.back() != space.extents.back())
      return {};
    return {{a.slot, turned ? By::sum : By::whole, false},
            {b.slot, right ? By::sum : By::whole, false},
            {out.slot, By::whole, true}};
  }
  if (out.shape[rank - 2] != space.extents.back() || !lies(out, false)) return {};
  return {
      {a.slot, lies(a, false) ? By::rows : By::whole, false}, {b.slot, By::whole, false}, {out.slot, By::rows, true}};
}

bool RowSteps::lies(const View& view, bool turned) const {
  std::vector<DimRef> shape = view.shape, strides = view.strides;
  if (shape.size() < 2 || !dim(view.offset).is(0)) return false;
  if (turned) std::swap(shape.end()[-1], shape.end()[-2]), std::swap(strides.end()[-1], strides.end()[-2]);
  if (shape != slot_of(view.slot).shape) return false;
  Dim stride = 1;
  for (size_t d = shape.size(); d-- > 0; stride = stride * dim(shape[d]))
    if (!(dim(strides[d]) == stride) && !dim(shape[d]).is(1)) return false;
  return true;
}

std::vector<Touch> RowSteps::touches(const RowSpace& space, const Launch& launch) const {
  const Kernel& kernel = kernels_[static_cast<size_t>(launch.kernel)];
  if (kernel.split || may_fail(launch)) return {};
  std::vector<Touch> found;
  for (size_t i = 0; i < launch.args.size(); ++i) {
    const int slot = launch.args[i].slot;
    const bool writes = kernel.buffers[i].role == BufferRole::output;
    if (writes && slot < program_.input_count) return {};
    found.push_back({slot, by_rows(space, launch, kernel, i) ? By::rows : By::whole, writes});
  }
  return found;
}

bool RowSteps::by_rows(const RowSpace& space, const Launch& launch, const Kernel& kernel, size_t arg) const {
  const int slot = launch.args[arg].slot;
  if (!has_rows(space, slot) || !dim(launch.args[arg].offset).is(0)) return false;
  const auto value = [&](const Coef& coef) {
    return coef.literal ? Dim(coef.value) : dim(launch.vals[static_cast<size_t>(coef.value)]);
  };
  Dim rows = 1, width = 1;
  const std::vector<DimRef>& shape = slot_of(slot).shape;
  for (size_t d = 0; d < shape.size(); ++d)
    (d < space.extents.size() ? rows : width) = (d < space.extents.size() ? rows : width) * dim(shape[d]);
  const Dim range = dim(launch.range);
  if (!(range == rows) && !(range == rows * dim(space.columns))) return false;
  const Dim item = range == rows ? width : Dim(1);  // elements, of a point of the range
  if (!(item * range == rows * width)) return false;
  const auto outer = static_cast<size_t>(kernel.outer_rank);
  for (const Access& access : kernel.accesses) {
    if (access.buffer != static_cast<int>(arg)) continue;
    if (!access.gathers.empty() || !access.offset.is(0)) return false;
    Dim step = item, run = 1;
    for (size_t k = outer; k-- > 0; step = step * value(kernel.axes[k].extent))
      if (!(value(access.strides[k]) == step) && !value(kernel.axes[k].extent).is(1)) return false;
    if (!(step == item * range)) return false;
    for (size_t k = kernel.axes.size(); k-- > outer;) {
      if (value(access.strides[k]).is(0)) continue;
      if (!(value(access.strides[k]) == run)) return false;
      run = run * value(kernel.axes[k].extent);
    }
    if (!(run == item) && !run.is(1)) return false;
  }
  return true;
}

namespace {

bool intersects(const Slots& a, const Slots& b) {
  return std::ranges::any_of(a, [&](int slot) { return b.contains(slot); });
}

}  // namespace

void Several::add(const KnownStep& step) {
  used.insert(step.used.begin(), step.used.end());
  changes.insert(step.changes.begin(), step.changes.end());
  ordered = ordered || step.ordered;
}
bool Several::conflicts(const KnownStep& step) const {
  return (ordered && step.ordered) || intersects(step.changes, used) || intersects(step.changes, changes) ||
         intersects(step.used, changes);
}

KnownStep RowSteps::known(const Step& step) const {
  KnownStep made;
  collect(step, made.used, made.changes);
  collect_changes({&step, 1}, kernels_, made.changes);
  const auto* call = std::get_if<Call>(&step.op);
  const Launch* launch = launch_of(step);
  made.ordered = std::holds_alternative<HostCall>(step.op) || std::holds_alternative<CheckIndex>(step.op) ||
                 std::holds_alternative<Put>(step.op) || std::holds_alternative<Branch>(step.op) ||
                 std::holds_alternative<Loop>(step.op) || (call && call->may_fail) || (launch && may_fail(*launch)) ||
                 std::ranges::any_of(made.changes, [this](int slot) { return slot < program_.input_count; });
  return made;
}

bool RowSteps::may_fail(const Launch& launch) const {
  const auto& messages = program_.kernels[static_cast<size_t>(launch.kernel)]->access_messages;
  return std::ranges::any_of(messages, [](const std::string& message) { return !message.empty(); });
}

std::vector<Between> in_buffers(const Program& program, std::span<const Step> steps,
                                std::span<const std::vector<Touch>> touches, const Slots& between,
                                std::span<const SharePair> shareable) {
  struct Life {
    int slot;
    size_t last;
    bool summed;
  };
  const auto slot_of = [&](int slot) -> const Slot& { return program.slots[static_cast<size_t>(slot)]; };
  std::vector<Between> made;
  std::vector<Life> buffers;
  for (size_t at = 0; at < steps.size(); ++at)
    for (const Touch& touch : touches[at]) {
      if (!touch.writes || !between.contains(touch.slot)) continue;
      Life life{touch.slot, at, false};
      for (size_t k = at; k < steps.size(); ++k)
        for (const Touch& other : touches[k])
          if (other.slot == touch.slot) life.last = k, life.summed = life.summed || other.by == By::sum;
      const auto* launch = std::get_if<Launch>(&steps[at].op);
      const auto buffer = std::ranges::find_if(buffers, [&](const Life& old) {
        const Slot &one = slot_of(old.slot), &other = slot_of(touch.slot);
        return !old.summed && one.shape == other.shape && size_of(one.dtype) == size_of(other.dtype) &&
               (old.last < at ||
                (old.last == at && launch && reads_in_place(*launch, touch.slot, old.slot, shareable)));
      });
      made.push_back({touch.slot, static_cast<int>(buffer - buffers.begin())});
      if (buffer == buffers.end())
        buffers.push_back(life);
      else
        *buffer = life;
    }
  return made;
}

}  // namespace tandem
