#include "codegen/plan_program.h"

#include <algorithm>
#include <chrono>
#include <functional>

#include "passes/relax.h"
#include "runtime/parallel.h"

namespace tandem {

namespace {

constexpr int64_t kFewSteps = 4;                // of an access along one axis, to be looked at one by one
constexpr int64_t kTiles = 4, kManyTiles = 32;  // of columns, for a thread at a time, and from how many on

// Whether tiles of columns are read from memory: neighbouring ones then belong together (codegen/llvm/emit).
bool reads_far(const Kernel& kernel) {
  return is_column_mode(kernel) && std::ranges::any_of(kernel.buffers, [](const KernelBuffer& buffer) {
           return buffer.streaming && buffer.role == BufferRole::input;
         });
}

struct Walk {
  int64_t extent, stride;  // the stride is positive
};

// Whether steps along the axes, fewer than there are points, lead as far as `distance`. Axes from the largest stride on.
bool leads_to(std::span<const Walk> axes, int64_t distance) {
  if (axes.empty()) return distance == 0;
  const auto& [extent, stride] = axes[0];
  int64_t rest = 0;  // what the other axes can do
  for (const Walk& axis : axes.subspan(1)) rest += (axis.extent - 1) * axis.stride;
  const int64_t first = std::max(1 - extent, (distance - rest) / stride - 1);
  const int64_t last = std::min(extent - 1, (distance + rest) / stride + 1);
  if (last - first > kFewSteps) return true;  // as far as is known
  for (int64_t steps = first; steps <= last; ++steps)
    if (std::abs(distance - steps * stride) <= rest && leads_to(axes.subspan(1), distance - steps * stride))
      return true;
  return false;
}

// Whether two accesses that walk alike have no element in common, whatever the sizes are: neither at any point has one
// that the other has at another.
bool are_apart(const LoweredKernel& lowered, const Access& a, const Access& b) {
  const auto size = [&](const Coef& coef) {
    return coef.literal ? Dim(coef.value) : lowered.vals[static_cast<size_t>(coef.value)];
  };
  if (a.strides != b.strides || !a.gathers.empty() || !b.gathers.empty()) return false;
  const Dim distance = size(a.offset) - size(b.offset);
  Dim span = 1;
  std::vector<Walk> axes;
  bool constant = distance.is_constant();
  for (size_t k = 0; k < a.strides.size(); ++k) {
    const Dim extent = size(lowered.kernel.axes[k].extent), stride = size(a.strides[k]);
    if (extent.is(1) || stride.is(0)) continue;
    if (stride.is_constant() && stride.constant() < 0) return false;
    span = span + (extent - Dim(1)) * stride;
    constant = constant && extent.is_constant() && stride.is_constant();
    if (constant) axes.push_back({extent.constant(), stride.constant()});
  }
  if (constant) {
    std::ranges::sort(axes, std::ranges::greater{}, &Walk::stride);
    return !leads_to(axes, distance.constant());
  }
  const auto beyond = [&](const Dim& from) {
    const Dim rest = from - span;
    return rest.is_constant() && rest.constant() >= 0;
  };
  return beyond(distance) || beyond(Dim(0) - distance);
}

}  // namespace

ProgramBuilder::ProgramBuilder(std::span<const int64_t> hints, Backend& backend, const PlanOptions& options,
                               std::stop_token stop)
    : hints(hints), backend_(backend), options_(options), stop_(std::move(stop)) {}

void ProgramBuilder::launch(LoweredKernel lowered, Block& block) {
  check_stop();
  if (options_.numerics == Numerics::fast) lowered.kernel = relax(std::move(lowered.kernel));
  auto code = std::make_shared<KernelCode>();
  code->name = lowered.kernel.name;
  code->sources = lowered.kernel.sources;
  code->weights = lowered.kernel.weights;
  code->bytes_read = lowered.bytes_read;
  code->bytes_written = lowered.bytes_written;
  for (const auto& check : lowered.checks) code->access_messages.push_back(message(check));
  Launch step;
  step.kernel = static_cast<int>(program->kernels.size());
  for (int slot : lowered.slots) step.args.push_back({slot, dim(0)});
  for (const Dim& value : lowered.vals) step.vals.push_back(dim(value));
  step.range = dim(lowered.range);
  const double items = static_cast<double>(std::max<int64_t>(hint(lowered.range), 1));
  step.cost = lowered.cost * static_cast<double>(std::max<int64_t>(hint(lowered.points), 1)) / items;
  step.grain = is_flat_map(lowered.kernel) ? 1024 : items >= kManyTiles && reads_far(lowered.kernel) ? kTiles : 1;
  if (!lowered.scratch_bytes.is(0)) step.scratch_bytes = dim(lowered.scratch_bytes);
  note_shareable(lowered, step.kernel);
  rows_of.push_back(lowered.rows_of);
  program->kernels.push_back(code);
  codes_.push_back(std::move(code));
  plan.kernels.push_back(std::move(lowered.kernel));
  block.push_back({std::move(step)});
}

void ProgramBuilder::compile() {
  constexpr double kKernel = 5e6;  // ns, roughly
  const auto start = std::chrono::steady_clock::now();
  parallel_for(static_cast<int64_t>(codes_.size()), 1, kKernel, [&](int64_t begin, int64_t end) {
    for (auto k = static_cast<size_t>(begin); k < static_cast<size_t>(end); ++k) {
      check_stop();
      const std::string symbol = fmt::format("{}.k{}_{}", plan.graph->name, k, plan.kernels[k].name);
      codes_[k]->code = backend_.compile(plan.kernels[k], {.disk_cache = options_.disk_cache, .symbol = symbol});
    }
  });
  plan.compile_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::string ProgramBuilder::message(const LoweredKernel::Check& check) {
  std::string text = check.message;
  for (size_t at = text.find("{size}"); at != std::string::npos; at = text.find("{size}"))
    text.replace(at, 6, fmt::format("{{d{}}}", dim(check.extent)));
  return text;
}

void ProgramBuilder::note_shareable(const LoweredKernel& lowered, int kernel) {
  const Kernel& k = lowered.kernel;
  std::vector<int> read_last(k.accesses.size(), -1), written(k.accesses.size(), -1);
  for (size_t s = 0; s < k.stages.size(); ++s) {
    for (const ScalarNode& node : k.stages[s].body)
      if (node.op == ScalarOp::load) read_last[static_cast<size_t>(node.imm)] = static_cast<int>(s);
    for (const Store& store : k.stages[s].stores) written[static_cast<size_t>(store.access)] = static_cast<int>(s);
  }
  for (size_t o = 0; o < k.accesses.size(); ++o) {
    if (written[o] < 0 || k.buffers[static_cast<size_t>(k.accesses[o].buffer)].role != BufferRole::output) continue;
    const Access& out = k.accesses[o];
    const DType out_dtype = k.buffers[static_cast<size_t>(out.buffer)].dtype;
    for (size_t b = 0; b < lowered.slots.size(); ++b) {
      if (k.buffers[b].role != BufferRole::input || size_of(k.buffers[b].dtype) != size_of(out_dtype)) continue;
      bool safe = true;
      for (size_t i = 0; i < k.accesses.size() && safe; ++i) {
        const Access& in = k.accesses[i];
        if (in.buffer != static_cast<int>(b)) continue;
        // One of the writes (two, of complex numbers) is to the same places, or all are to others.
        bool same = false, apart = true;
        for (size_t w = 0; w < k.accesses.size() && in.gathers.empty(); ++w) {
          if (k.accesses[w].buffer != out.buffer) continue;
          same = same || (k.accesses[w].offset == in.offset && k.accesses[w].strides == in.strides &&
                          read_last[i] <= written[w]);
          apart = apart && are_apart(lowered, in, k.accesses[w]);
        }
        safe = in.gathers.empty() && (same || apart);
      }
      if (safe) shareable.push_back({kernel, out.buffer, static_cast<int>(b)});
    }
  }
}

}  // namespace tandem
