#include "passes/cost.h"

#include <algorithm>

namespace tandem {

namespace {

// Measured on a core with vectors of 64 bytes, most of which takes twice as long where they have 32.
constexpr double kPoint = 0.01;        // of the loop
constexpr double kByteRead = 0.0072;   // of whole vectors
constexpr double kByteAgain = 0.002;   // of a row that is read again and again
constexpr double kPairedByte = 0.012;  // of every second element
constexpr double kGathered = 0.22;     // of elements that lie apart, whatever their size
constexpr double kByteComputed = 0.003;
constexpr double kSlowByte = 0.020;  // division and the like
constexpr double kAccumulated = 4;   // bytes
constexpr double kStep = 0.4;        // of a running result, each of which waits for the one before

bool is_slow(const ScalarNode& node) {
  return node.op == ScalarOp::div || node.op == ScalarOp::rem || node.op == ScalarOp::sqrt;
}

bool computes(ScalarOp op) {
  return op != ScalarOp::constant && op != ScalarOp::load && op != ScalarOp::result && op != ScalarOp::carry;
}

double of_node(const ScalarNode& node) {
  if (!computes(node.op)) return 0;
  return (is_slow(node) ? kSlowByte : kByteComputed) * size_of(compute_type(node.dtype));
}

double of_access(const Kernel& k, const Access& access) {
  const KernelBuffer& buffer = k.buffers[static_cast<size_t>(access.buffer)];
  const double bytes = size_of(buffer.dtype);
  if (buffer.role == BufferRole::scratch) return kByteAgain * bytes;
  if (!access.gathers.empty()) return kGathered;
  const auto is_fixed = [](const Coef& stride) { return stride.is(0); };
  const Coef& stride = access.strides[static_cast<size_t>(k.vector_axis)];
  if (stride.is(0)) return 0;
  if (stride.is(2)) return kPairedByte * bytes;
  if (!stride.is(1) && !stride.is(-1)) return kGathered;
  return (std::any_of(access.strides.begin(), access.strides.end(), is_fixed) ? kByteAgain : kByteRead) * bytes;
}

}  // namespace

double nanoseconds_per_point(const Kernel& kernel) {
  double total = kPoint;
  std::vector<double> used(kernel.accesses.size(), 0);  // how often
  const auto use = [&](int64_t access, double times = 1) {
    used[static_cast<size_t>(access)] = std::max(used[static_cast<size_t>(access)], times);
  };
  for (const Stage& stage : kernel.stages) {
    if (!stage.inner) continue;
    std::vector<double> rounds(stage.body.size(), 1);
    for (const ScalarLoop& loop : stage.loops)
      std::for_each(rounds.begin() + loop.first, rounds.begin() + loop.last,
                    [&](double& times) { times *= loop.rounds; });
    for (size_t n = 0; n < stage.body.size(); ++n) {
      total += rounds[n] * of_node(stage.body[n]);
      if (stage.body[n].op == ScalarOp::load) use(stage.body[n].imm, rounds[n]);
    }
    for (const Store& store : stage.stores) use(store.access);
    total += kByteComputed * kAccumulated * static_cast<double>(stage.reductions.size());
    if (!stage.scans.empty() && !is_column_mode(kernel)) total += kStep;
  }
  for (size_t a = 0; a < used.size(); ++a)
    if (used[a] > 0) total += used[a] * of_access(kernel, kernel.accesses[a]);
  return total;
}

bool is_computed_again(int64_t elements, int64_t depth) {
  constexpr int64_t kMostKept = 4 << 20, kMostDepth = 256;
  return elements >= kMostKept && depth <= kMostDepth;
}

}  // namespace tandem
