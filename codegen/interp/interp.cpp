#include "codegen/interp/interp.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "ir/loops.h"
#include "ir/scalar.h"

namespace tandem {

namespace {

// Little-endian: the low bytes of the bit pattern are the element.
void write_element(DType dtype, char* place, int64_t bits) {
  std::memcpy(place, &bits, static_cast<size_t>(size_of(dtype)));
}

bool is_arg(ReduceKind kind) { return kind == ReduceKind::argmax || kind == ReduceKind::argmin; }

int64_t identity_of(ReduceKind kind, DType dtype) {
  const double infinity = std::numeric_limits<double>::infinity();
  switch (kind) {
    case ReduceKind::sum: return 0;
    case ReduceKind::prod: return constant_bits_of(dtype, 1);
    case ReduceKind::max: return dtype == DType::boolean ? 0 : constant_bits_of(dtype, -infinity);
    case ReduceKind::min: return constant_bits_of(dtype, infinity);
    case ReduceKind::argmax:
    case ReduceKind::argmin: break;
  }
  return 0;
}

int64_t combine(ReduceKind kind, DType dtype, int64_t earlier, int64_t later) {
  switch (kind) {
    case ReduceKind::sum: return evaluate(ScalarOp::add, dtype, dtype, earlier, later);
    case ReduceKind::prod: return evaluate(ScalarOp::mul, dtype, dtype, earlier, later);
    case ReduceKind::max: return evaluate(ScalarOp::max, dtype, dtype, later, earlier);
    case ReduceKind::min: return evaluate(ScalarOp::min, dtype, dtype, later, earlier);
    case ReduceKind::argmax:
    case ReduceKind::argmin: break;
  }
  return earlier;
}

// One reduction while its elements arrive in order.
class Accumulator {
 public:
  Accumulator(const Reduction& reduction, DType dtype, const ReduceOrder& order)
      : kind_(reduction.kind), dtype_(dtype), order_(order), lanes_(static_cast<size_t>(order.lanes)) {
    start_block();
  }

  void add(int64_t value, int64_t index) {
    if (is_arg(kind_)) {
      if (!any_ || is_better(value)) best_ = value, best_index_ = index;
      any_ = true;
      return;
    }
    int64_t& lane = lanes_[static_cast<size_t>(filled_ % order_.lanes)];
    lane = combine(kind_, dtype_, lane, value);
    if (++filled_ == order_.block) finish_block();
  }

  int64_t result() {
    if (is_arg(kind_)) return best_index_;
    if (filled_ > 0) finish_block();
    if (partials_.empty()) return identity_of(kind_, dtype_);
    // Adjacent partials are combined in rounds; an odd last one passes up unchanged.
    while (partials_.size() > 1) {
      size_t kept = 0;
      for (size_t k = 0; k < partials_.size(); k += 2)
        partials_[kept++] =
            k + 1 < partials_.size() ? combine(kind_, dtype_, partials_[k], partials_[k + 1]) : partials_[k];
      partials_.resize(kept);
    }
    return partials_[0];
  }

 private:
  bool is_nan(int64_t value) const { return evaluate(ScalarOp::ne, DType::boolean, dtype_, value, value) != 0; }
  bool is_better(int64_t value) const {
    if (is_nan(best_)) return false;
    if (is_nan(value)) return true;
    return kind_ == ReduceKind::argmax ? evaluate(ScalarOp::lt, DType::boolean, dtype_, best_, value) != 0
                                       : evaluate(ScalarOp::lt, DType::boolean, dtype_, value, best_) != 0;
  }
  void start_block() {
    std::fill(lanes_.begin(), lanes_.end(), identity_of(kind_, dtype_));
    filled_ = 0;
  }
  void finish_block() {
    for (size_t half = lanes_.size() / 2; half > 0; half /= 2)
      for (size_t j = 0; j < half; ++j) lanes_[j] = combine(kind_, dtype_, lanes_[j], lanes_[j + half]);
    partials_.push_back(lanes_[0]);
    start_block();
  }

  ReduceKind kind_;
  DType dtype_;
  ReduceOrder order_;
  std::vector<int64_t> lanes_, partials_;
  int64_t filled_ = 0;
  int64_t best_ = 0, best_index_ = 0;
  bool any_ = false;
};

struct StageFacts {
  // Per node: whether a store, reduction, scan or loop needs it. Other nodes are not evaluated, which shows when a gather
  // of theirs is out of range.
  std::vector<char> used;
  std::vector<int> around;                // per loop, see loops_around
  std::vector<std::vector<char>> before;  // per loop, see before_condition
};

std::vector<StageFacts> facts_of(const Kernel& kernel) {
  std::vector<StageFacts> all;
  for (const Stage& stage : kernel.stages) {
    StageFacts& facts = all.emplace_back();
    std::vector<char>& used = facts.used;
    used.resize(stage.body.size());
    const auto use = [&used](int node) {
      if (node >= 0) used[static_cast<size_t>(node)] = 1;
    };
    const auto use_access = [&](int64_t access) {
      for (const Gather& g : kernel.accesses[static_cast<size_t>(access)].gathers) use(g.value);
    };
    for (const Store& store : stage.stores) use(store.value), use_access(store.access);
    for (const Reduction& r : stage.reductions) use(r.value);
    for (const Scan& scan : stage.scans) use(scan.next);
    for (const ScalarLoop& loop : stage.loops)
      for (const int node : needs_of(loop)) use(node);
    for (size_t n = used.size(); n-- > 0;) {
      if (!used[n]) continue;
      const ScalarNode& node = stage.body[n];
      use(node.a), use(node.b), use(node.c);
      if (node.op == ScalarOp::load) use_access(node.imm);
    }
    facts.around = loops_around(stage);
    for (size_t k = 0; k < stage.loops.size(); ++k) facts.before.push_back(before_condition(stage, kernel.accesses, k));
  }
  return all;
}

class Run {
 public:
  Run(const Kernel& kernel, const std::vector<StageFacts>& facts, void* const* ptrs, const int64_t* vals, void* scratch,
      int64_t* status)
      : k_(kernel), facts_(facts), vals_(vals), status_(status), index_(kernel.axes.size()) {
    for (const Axis& axis : k_.axes) extents_.push_back(value_of(axis.extent, vals));
    int64_t points = 1;
    for (size_t axis = inner_begin(); axis < extents_.size(); ++axis) points *= extents_[axis];
    if (k_.split) points = std::min<int64_t>(points, k_.order.block);
    auto* free = static_cast<char*>(scratch);
    for (const KernelBuffer& buffer : k_.buffers) {
      if (buffer.role != BufferRole::scratch) {
        bases_.push_back(static_cast<char*>(*ptrs++));
        continue;
      }
      bases_.push_back(free);
      free += (points * size_of(buffer.dtype) + 63) / 64 * 64;
    }
  }

  void range(int64_t begin, int64_t end) {
    if (is_flat_map(k_)) {
      low_ = begin, high_ = end;
      point();
      return;
    }
    const size_t rank = inner_begin();
    const bool column = is_column_mode(k_);
    for (int64_t number = begin; number < end; ++number) {
      int64_t rest = number;
      for (size_t axis = rank; axis-- > 0;) {
        const bool tiled = column && axis + 1 == rank;
        const int64_t extent = tiled ? (extents_[axis] + kColumnTile - 1) / kColumnTile : extents_[axis];
        index_[axis] = axis == 0 ? rest : rest % extent;
        rest /= extent;
      }
      low_ = 0;
      high_ = extents_.size() > rank ? extents_.back() : 1;
      if (k_.split) {
        low_ = index_[rank - 1] * k_.order.block;
        high_ = std::min(high_, low_ + k_.order.block);
      }
      if (k_.window >= 0) low_ = vals_[k_.window], high_ = vals_[k_.window + 1];
      if (!column) {
        point();
        continue;
      }
      int64_t& last = index_[rank - 1];
      const int64_t start = last * kColumnTile;
      for (last = start; last < std::min(extents_[rank - 1], start + kColumnTile); ++last) point();
    }
  }

 private:
  size_t inner_begin() const { return static_cast<size_t>(k_.outer_rank); }

  void point() {
    results_.clear();
    for (stage_ = 0; stage_ < k_.stages.size(); ++stage_) run_stage(k_.stages[stage_]);
  }

  void run_stage(const Stage& stage) {
    const size_t first_scan = results_.size() + stage.reductions.size();
    values_.assign(stage.body.size(), 0);
    if (!stage.inner) {
      evaluate_body(stage);
      return;
    }
    std::vector<Accumulator> accumulators;
    accumulators.reserve(stage.reductions.size());
    for (const Reduction& r : stage.reductions)
      accumulators.emplace_back(r, stage.body[static_cast<size_t>(r.value)].dtype, k_.order);
    results_.resize(first_scan);  // the results of this stage's reductions are not visible in its own body
    for (const Scan& scan : stage.scans) results_.push_back(scan.init);
    walk(stage, inner_begin(), 0, accumulators, first_scan);
    for (size_t k = 0; k < accumulators.size(); ++k)
      results_[first_scan - accumulators.size() + k] = accumulators[k].result();
  }

  // `position`: the flattened index along the inner axes so far.
  void walk(const Stage& stage, size_t axis, int64_t position, std::vector<Accumulator>& accumulators,
            size_t first_scan) {
    if (axis < index_.size()) {
      const bool last = axis + 1 == index_.size();
      const int64_t low = last ? low_ : 0;
      const int64_t high = last ? high_ : extents_[axis];
      for (index_[axis] = low; index_[axis] < high; ++index_[axis])
        walk(stage, axis + 1, position * extents_[axis] + index_[axis], accumulators, first_scan);
      return;
    }
    position_ = k_.split ? position - low_ : position;
    evaluate_body(stage);
    for (size_t k = 0; k < accumulators.size(); ++k) accumulators[k].add(value(stage.reductions[k].value), position);
    next_.clear();
    for (const Scan& scan : stage.scans) next_.push_back(value(scan.next));
    std::copy(next_.begin(), next_.end(), results_.begin() + static_cast<ptrdiff_t>(first_scan));
  }

  int64_t value(int node) const { return node < 0 ? 0 : values_[static_cast<size_t>(node)]; }

  void evaluate_body(const Stage& stage) {
    evaluate_part(stage, -1, 0, false);
    for (const Store& store : stage.stores)
      write_element(stage.body[static_cast<size_t>(store.value)].dtype, address(store.access), value(store.value));
  }

  // The nodes from `first` to the end of loop `number`, or of the body, and the loops there: what its condition needs, or
  // all else.
  void evaluate_part(const Stage& stage, int number, int first, bool before) {
    const StageFacts& facts = facts_[stage_];
    const auto* early = number < 0 ? nullptr : &facts.before[static_cast<size_t>(number)];
    const auto nodes = [&](int last) {
      for (auto n = static_cast<size_t>(first); n < static_cast<size_t>(last); ++n)
        if (facts.used[n] && (early == nullptr || ((*early)[n] != 0) == before)) evaluate_node(stage, n);
    };
    for (size_t k = 0; k < stage.loops.size(); ++k) {
      if (facts.around[k] != number) continue;
      const ScalarLoop& loop = stage.loops[k];
      nodes(loop.first);
      if (early == nullptr || needs_loop(*early, loop) == before) run_loop(stage, k);
      first = loop.last;
    }
    nodes(number < 0 ? static_cast<int>(stage.body.size()) : stage.loops[static_cast<size_t>(number)].last);
  }

  void run_loop(const Stage& stage, size_t number) {
    const ScalarLoop& loop = stage.loops[number];
    const int first = loop.first + static_cast<int>(loop.init.size());
    std::vector<int64_t> now;
    now.reserve(loop.init.size());
    for (const int node : loop.init) now.push_back(value(node));
    while (true) {
      std::copy(now.begin(), now.end(), values_.begin() + loop.first);
      evaluate_part(stage, static_cast<int>(number), first, true);
      if (value(loop.condition) == 0 || status_[0] != 0) return;
      evaluate_part(stage, static_cast<int>(number), first, false);
      for (size_t k = 0; k < now.size(); ++k) now[k] = value(loop.next[k]);
    }
  }

  void evaluate_node(const Stage& stage, size_t n) {
    const ScalarNode& node = stage.body[n];
    switch (node.op) {
      case ScalarOp::constant: values_[n] = evaluate(ScalarOp::constant, node.dtype, node.dtype, node.imm); break;
      case ScalarOp::index: values_[n] = index_[static_cast<size_t>(node.imm)]; break;
      case ScalarOp::extent: values_[n] = vals_[node.imm]; break;
      case ScalarOp::load: values_[n] = read_element(node.dtype, address(static_cast<int>(node.imm))); break;
      case ScalarOp::result: values_[n] = results_[static_cast<size_t>(node.imm)]; break;
      default:
        values_[n] = evaluate(node.op, node.dtype, stage.body[static_cast<size_t>(node.a)].dtype, value(node.a),
                              value(node.b), value(node.c));
    }
  }

  char* address(int number) {
    const Access& access = k_.accesses[static_cast<size_t>(number)];
    const KernelBuffer& buffer = k_.buffers[static_cast<size_t>(access.buffer)];
    char* base = bases_[static_cast<size_t>(access.buffer)];
    if (buffer.role == BufferRole::scratch) return base + position_ * size_of(buffer.dtype);
    int64_t offset = value_of(access.offset, vals_);
    for (size_t axis = 0; axis < index_.size(); ++axis)
      if (!access.strides[axis].is(0)) offset += value_of(access.strides[axis], vals_) * index_[axis];
    for (const Gather& g : access.gathers) {
      int64_t at = value(g.value);
      if (at < 0 || at >= value_of(g.extent, vals_)) {
        if (status_[0] == 0) status_[1] = at;
        if (status_[0] == 0) status_[0] = number + 1;
        at = 0;
      }
      offset += at * value_of(g.stride, vals_);
    }
    return base + offset * size_of(buffer.dtype);
  }

  const Kernel& k_;
  const std::vector<StageFacts>& facts_;
  const int64_t* vals_;
  int64_t* status_;
  std::vector<char*> bases_;
  std::vector<int64_t> extents_, index_, values_, results_, next_;
  int64_t low_ = 0, high_ = 1;  // range of the last inner axis
  int64_t position_ = 0;
  size_t stage_ = 0;
};

class InterpretedKernel final : public CompiledKernel {
 public:
  explicit InterpretedKernel(const Kernel& kernel) : kernel_(kernel), facts_(facts_of(kernel)) {}
  void run(int64_t begin, int64_t end, void* const* ptrs, const int64_t* vals, void* scratch,
           int64_t* status) const override {
    Run(kernel_, facts_, ptrs, vals, scratch, status).range(begin, end);
  }

 private:
  Kernel kernel_;
  std::vector<StageFacts> facts_;
};

class Interpreter final : public Backend {
 public:
  std::string_view name() const override { return "interp"; }
  std::shared_ptr<const CompiledKernel> compile(const Kernel& kernel, const CompileOptions&) override {
    return std::make_shared<InterpretedKernel>(kernel);
  }
  std::string text(const Kernel&, std::string_view stage) override {
    throw_error(ErrorKind::value, "ir: got stage '{}'; the interpreter has no text of its own; try stage 'kernels'",
                stage);
  }
};

}  // namespace

std::unique_ptr<Backend> make_interpreter() { return std::make_unique<Interpreter>(); }

}  // namespace tandem
