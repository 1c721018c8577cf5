#include "passes/schedule.h"

#include <algorithm>
#include <numeric>

#include "passes/cost.h"
#include "passes/product_rows.h"

namespace tandem {

namespace {

// Outputs from this size on are written past the caches.
constexpr int64_t kStreamingBytes = 32 << 20;
// What is read column by column is fetched ahead from this size on, where it cannot lie in a core's own caches.
constexpr int64_t kFarBytes = 4 << 20;
constexpr int64_t kManyTiles = 4;
// Fewer outer points than this cannot keep threads busy; a reduction over at least so many elements is then split.
constexpr int64_t kFewRows = 16;
constexpr int64_t kLongRow = 1 << 16;
// Rows of fewer elements than a vector has: what is read and written once per row takes a time that counts.
constexpr int64_t kShortRow = 8;

class Scheduler {
 public:
  Scheduler(const LowerContext& context, LoopNest nest) : c_(context), nest_(std::move(nest)) {}

  std::vector<LoweredKernel> run() {
    order_axes();
    if (!nest_.is_scan && !reduces() && keep_rows()) return {finish(false)};
    merge(outer_);
    merge(inner_);
    if (!nest_.is_scan && !reduces() && !outer_.empty()) {
      // A plain map: one list of axes, whose last is walked by vectors.
      std::vector<int> all = all_axes();
      merge(all);
      inner_ = {all.back()};
      all.pop_back();
      outer_ = all;
    }
    if (reduces() && pick_column()) return {finish(true)};
    if (splittable()) return split();
    const bool column =
        nest_.is_scan && (pick_column() || walks_side_by_side() || (nest_.is_recorded && !outer_.empty()));
    if (reduces() && inner_.size() == 1) walk_in_order_of_rows();
    return {finish(column)};
  }

 private:
  bool reduces() const {
    return std::any_of(nest_.stages.begin(), nest_.stages.end(), [](const Stage& s) { return !s.reductions.empty(); });
  }
  Dim extent(int axis) const { return nest_.axes[static_cast<size_t>(axis)]; }
  int64_t hint(Dim dim) const {
    if (dim.is_constant()) return dim.constant();
    return dim.symbol_count() <= static_cast<int>(c_.hints.size()) ? dim.evaluate(c_.hints.data()) : 1024;
  }
  Dim product(const std::vector<int>& axes) const {
    Dim count = 1;
    for (int a : axes) count = count * extent(a);
    return count;
  }

  bool indexed(int axis) const {
    for (const Stage& stage : nest_.stages)
      for (const ScalarNode& node : stage.body)
        if (node.op == ScalarOp::index && node.imm == axis) return true;
    return false;
  }

  void order_axes() {
    const bool along = nest_.is_scan || reduces();
    for (size_t a = 0; a < nest_.axes.size(); ++a) {
      if (nest_.axes[a].is(1)) {
        for (Stage& stage : nest_.stages)
          for (ScalarNode& node : stage.body)
            if (node.op == ScalarOp::index && node.imm == static_cast<int64_t>(a))
              node = {ScalarOp::constant, DType::i64};
        continue;
      }
      (along && nest_.reduced[a] ? inner_ : outer_).push_back(static_cast<int>(a));
    }
    if (inner_.empty()) {
      if (!along && !outer_.empty()) {
        inner_ = {outer_.back()};
        outer_.pop_back();
      } else {
        // Everything reduced has size 1, or there is a single element: one point.
        inner_ = {static_cast<int>(nest_.axes.size())};
        nest_.axes.emplace_back(1);
        nest_.reduced.push_back(along);
        for (NestAccess& access : nest_.accesses) access.strides.emplace_back(0);
      }
    }
  }

  // Neighbours that every access walks as one become one.
  void merge(std::vector<int>& axes) {
    for (size_t k = axes.size(); k-- > 1;) {
      const int a = axes[k - 1], b = axes[k];
      if (indexed(a) || indexed(b)) continue;
      bool one = true;
      for (const NestAccess& access : nest_.accesses)
        one = one && (access.slot < 0 ||
                      access.strides[static_cast<size_t>(a)] == access.strides[static_cast<size_t>(b)] * extent(b));
      if (!one) continue;
      for (NestAccess& access : nest_.accesses)
        if (access.slot >= 0) access.strides[static_cast<size_t>(a)] = access.strides[static_cast<size_t>(b)];
      nest_.axes[static_cast<size_t>(a)] = extent(a) * extent(b);
      axes.erase(axes.begin() + static_cast<long>(k));
    }
  }

  // A plain map over the rows and columns of a product keeps them apart, so that it can run on a block of both.
  bool keep_rows() {
    const std::vector<int> axes = in_order_of_rows(nest_, c_.products, all_axes());
    const ProductRows found = find_rows(axes);
    if (found.columns == 0) return false;
    std::vector<int> rows(axes.begin(), axes.end() - static_cast<long>(found.columns));
    std::vector<int> inner(axes.end() - static_cast<long>(found.columns), axes.end());
    merge(rows);
    merge(inner);
    has_window_ = inner.size() == 1;
    outer_ = rows;
    outer_.insert(outer_.end(), inner.begin(), inner.end() - 1);
    inner_ = {inner.back()};
    if (has_window_) rows_of_ = found.of;
    return has_window_;
  }

  // Reductions along the rows of a product.
  void walk_in_order_of_rows() {
    const std::vector<int> axes = in_order_of_rows(nest_, c_.products, all_axes());
    const ProductRows found = find_rows(axes);
    if (found.columns != 1) return;
    outer_.assign(axes.begin(), axes.end() - 1);
    rows_of_ = found.of;
  }

  ProductRows find_rows(const std::vector<int>& axes) const {
    return product_rows(nest_, c_.products, axes, [this](Dim dim) { return hint(dim); });
  }

  std::vector<int> all_axes() const {
    std::vector<int> axes = outer_;
    axes.insert(axes.end(), inner_.begin(), inner_.end());
    return axes;
  }

  // Whether each access belongs to every point of the inner axes, rather than to each outer point once.
  std::vector<bool> walked() const {
    std::vector<bool> found(nest_.accesses.size());
    for (const Stage& stage : nest_.stages) {
      if (!stage.inner) continue;
      for (const ScalarNode& node : stage.body)
        if (node.op == ScalarOp::load) found[static_cast<size_t>(node.imm)] = true;
      for (const Store& store : stage.stores) found[static_cast<size_t>(store.access)] = true;
    }
    return found;
  }

  // Whether vectors along the axis are put together of elements that lie apart, for every point.
  bool is_picked(const NestAccess& access, int axis) const {
    if (access.slot < 0 || access.strides[static_cast<size_t>(axis)].is(0) || access.reads_vectors(axis)) return false;
    return std::ranges::any_of(inner_, [&](int inner) { return !access.strides[static_cast<size_t>(inner)].is(0); });
  }

  // Vectors run over an outer axis where memory is contiguous along that axis rather than along the inner one. Along
  // rows that are not short, what is done once per row (the update of a parameter after the sum that is its gradient,
  // say) only decides between equals.
  bool pick_column() {
    if (outer_.empty()) return false;
    const std::vector<bool> inside = walked();
    const int weight = hint(extent(inner_.back())) < kShortRow ? 1 : static_cast<int>(nest_.accesses.size()) + 1;
    const auto score = [&](int axis) {
      int count = 0;
      for (size_t k = 0; k < nest_.accesses.size(); ++k) {
        const NestAccess& access = nest_.accesses[k];
        if (access.slot >= 0 && access.reads_vectors(axis))
          count += inside[k] ? weight : 1;
        else if (inside[k] && is_picked(access, axis))
          count -= weight;
      }
      return count;
    };
    const int row = nest_.is_scan && score(inner_.back()) > 0 ? 0 : score(inner_.back());
    size_t best = 0;
    for (size_t k = 0; k < outer_.size(); ++k)
      if (score(outer_[k]) >= score(outer_[best])) best = k;
    // A result stored along the outer axis always counts for it; loads decide.
    int loads = 0;
    for (const NestAccess& access : nest_.accesses)
      loads += access.slot >= 0 && !access.output && access.reads_vectors(outer_[best]);
    if ((loads == 0 || score(outer_[best]) <= row) && !pick_broadcast(best)) return false;
    std::rotate(outer_.begin() + static_cast<long>(best), outer_.begin() + static_cast<long>(best) + 1, outer_.end());
    return true;
  }

  // Where elements lie apart along rows, all columns of a tile read the same ones, and along an outer axis nothing has
  // to be picked for every point: vectors then need no gathers.
  bool pick_broadcast(size_t& best) const {
    const std::vector<bool> inside = walked();
    const auto gathers = [&](int axis) {
      for (size_t k = 0; k < nest_.accesses.size(); ++k) {
        const NestAccess& access = nest_.accesses[k];
        if (inside[k] && access.slot >= 0 && (!access.gathers.empty() || is_picked(access, axis))) return true;
      }
      return false;
    };
    if (nest_.is_scan || !gathers(inner_.back())) return false;
    for (size_t k = outer_.size(); k-- > 0;) {
      if (hint(extent(outer_[k])) < kManyTiles * kColumnTile || gathers(outer_[k])) continue;
      best = k;
      return true;
    }
    return false;
  }

  // Running results along rows: each step waits for the one before, so several rows are walked at once. Tiles of rows are
  // then shared among threads, for which there must be enough of them.
  bool walks_side_by_side() const {
    if (outer_.empty() || hint(extent(outer_.back())) < kManyTiles * kColumnTile) return false;
    return std::all_of(nest_.stages.begin(), nest_.stages.end(),
                       [](const Stage& stage) { return !stage.inner || !stage.scans.empty(); }) &&
           std::all_of(nest_.accesses.begin(), nest_.accesses.end(),
                       [](const NestAccess& access) { return access.gathers.empty(); });
  }

  // Where whole blocks of the order of reductions are made of the last inner axes and a part of the one before: that
  // one's place among the inner axes, and the extent of the part.
  struct WholeBlocks {
    size_t at;
    int64_t part;
  };
  std::optional<WholeBlocks> whole_blocks() const {
    int64_t rest = 1;
    for (size_t k = inner_.size(); k-- > 0 && kBlockOrder.block % rest == 0;) {
      const Dim size = extent(inner_[k]);
      if (!size.is_constant() || indexed(inner_[k])) return std::nullopt;
      const int64_t part = kBlockOrder.block / rest;
      if (size.constant() >= part)
        return size.constant() % part == 0 ? std::optional(WholeBlocks{k, part}) : std::nullopt;
      rest *= std::max<int64_t>(size.constant(), 1);
    }
    return std::nullopt;
  }

  bool splittable() const {
    if (nest_.is_scan || !reduces() || (inner_.size() != 1 && !whole_blocks())) return false;
    int reducing = 0;
    for (const Stage& stage : nest_.stages) {
      if (stage.inner && stage.reductions.empty()) return false;
      reducing += stage.inner;
      for (const Reduction& r : stage.reductions)
        if (r.kind == ReduceKind::argmax || r.kind == ReduceKind::argmin) return false;
    }
    return reducing == 1 && hint(product(outer_)) < kFewRows && hint(product(inner_)) >= kLongRow;
  }

  // Blocks become outer points; returns their axes. Those of a single inner axis are parts of it, and the last one may be
  // shorter; else an axis is cut in two.
  std::vector<int> make_blocks() {
    const auto block_axis = static_cast<int>(nest_.axes.size());
    if (inner_.size() == 1) {
      nest_.axes.push_back(ceil_div(extent(inner_[0]), kBlockOrder.block));
      for (NestAccess& access : nest_.accesses) access.strides.emplace_back(0);
      nest_.reduced.push_back(false);
      return {block_axis};
    }
    const auto [at, part] = *whole_blocks();
    const auto cut = static_cast<size_t>(inner_[at]);
    nest_.axes.emplace_back(nest_.axes[cut].constant() / part);
    nest_.axes[cut] = part;
    for (NestAccess& access : nest_.accesses) access.strides.push_back(access.strides[cut] * Dim(part));
    nest_.reduced.push_back(false);
    std::vector<int> blocks(inner_.begin(), inner_.begin() + static_cast<long>(at));
    blocks.push_back(block_axis);
    inner_.erase(inner_.begin(), inner_.begin() + static_cast<long>(at));
    return blocks;
  }

  // Block partials first, threads sharing the blocks; then their pairwise combination and what follows.
  std::vector<LoweredKernel> split() {
    const Dim blocks = ceil_div(product(inner_), kBlockOrder.block);
    const bool parts_of_axis = inner_.size() == 1;
    const int combined = inner_[0];  // the axis of the blocks in the second kernel
    LoopNest combine = nest_;
    const std::vector<int> block_axes = make_blocks();
    const auto stage = std::find_if(nest_.stages.begin(), nest_.stages.end(), [](const Stage& s) { return s.inner; });

    Shape partial_shape;
    for (int a : outer_) partial_shape.push_back(extent(a));
    partial_shape.push_back(blocks);
    const Shape strides = contiguous_strides(partial_shape);
    Stage write, read;
    write.inner = false;
    combine.accesses.clear();
    std::vector<int> moved(nest_.accesses.size(), -1);
    for (size_t k = 0; k < stage->reductions.size(); ++k) {
      const Reduction& r = stage->reductions[k];
      const DType dtype = stage->body[static_cast<size_t>(r.value)].dtype;
      NestAccess partial;
      partial.slot = c_.temporary(dtype, partial_shape);
      partial.dtype = dtype;
      partial.strides.assign(nest_.axes.size(), Dim(0));
      for (size_t i = 0; i < outer_.size(); ++i) partial.strides[static_cast<size_t>(outer_[i])] = strides[i];
      // In the first kernel blocks are the last outer axes, in the second one the inner axis.
      NestAccess loaded = partial;
      Dim step = 1;
      for (size_t b = block_axes.size(); b-- > 0; step = step * extent(block_axes[b]))
        partial.strides[static_cast<size_t>(block_axes[b])] = step;
      partial.output = true;
      loaded.strides[static_cast<size_t>(combined)] = 1;
      loaded.strides.pop_back();
      write.body.push_back({ScalarOp::result, dtype, -1, -1, -1, static_cast<int64_t>(k)});
      write.stores.push_back({static_cast<int>(nest_.accesses.size()), static_cast<int>(k)});
      nest_.accesses.push_back(partial);
      read.body.push_back({ScalarOp::load, dtype, -1, -1, -1, static_cast<int64_t>(combine.accesses.size())});
      read.reductions.push_back({r.kind, static_cast<int>(k)});
      combine.accesses.push_back(loaded);
    }
    std::vector<Stage> rest;
    for (Stage& s : combine.stages) {
      if (s.inner) continue;
      const auto move_access = [&](int access) {
        int& to = moved[static_cast<size_t>(access)];
        if (to < 0) {
          to = static_cast<int>(combine.accesses.size());
          NestAccess copy = nest_.accesses[static_cast<size_t>(access)];
          copy.strides.pop_back();
          combine.accesses.push_back(std::move(copy));
        }
        return to;
      };
      for (ScalarNode& node : s.body)
        if (node.op == ScalarOp::load) node.imm = move_access(static_cast<int>(node.imm));
      for (Store& store : s.stores) store.access = move_access(store.access);
      rest.push_back(std::move(s));
    }
    combine.stages = {read};
    combine.stages.insert(combine.stages.end(), rest.begin(), rest.end());
    combine.axes[static_cast<size_t>(combined)] = blocks;
    combine.name += "_combine";

    nest_.stages = {*stage, write};
    drop_unused_accesses(nest_);
    Scheduler second(c_, std::move(combine));
    second.outer_ = outer_;
    second.inner_ = {combined};
    outer_.insert(outer_.end(), block_axes.begin(), block_axes.end());
    LoweredKernel first = finish(false, parts_of_axis);
    first.kernel.split = parts_of_axis;
    LoweredKernel last = second.finish(false);
    last.kernel.order = kTreeOrder;
    last.kernel.single_block = false;
    return {std::move(first), std::move(last)};
  }

  static void drop_unused_accesses(LoopNest& nest) {
    std::vector<int> renumbered(nest.accesses.size(), -1);
    std::vector<NestAccess> kept;
    const auto keep = [&](int access) {
      int& to = renumbered[static_cast<size_t>(access)];
      if (to < 0) {
        to = static_cast<int>(kept.size());
        kept.push_back(nest.accesses[static_cast<size_t>(access)]);
      }
      return to;
    };
    for (Stage& stage : nest.stages) {
      for (ScalarNode& node : stage.body)
        if (node.op == ScalarOp::load) node.imm = keep(static_cast<int>(node.imm));
      for (Store& store : stage.stores) store.access = keep(store.access);
    }
    nest.accesses = std::move(kept);
  }

  // ---- to a Kernel ----

  static Coef coef(Dim dim, LoweredKernel& out) {
    // Small numbers are structure (contiguous, broadcast, reversed); all others are data.
    if (dim.is_constant() && dim.constant() >= -1 && dim.constant() <= 1) return {true, dim.constant()};
    return {false, slot_of(dim, out)};
  }
  // Contiguous complex numbers have the stride 2, and every second element is read by whole vectors.
  static Coef stride_coef(const NestAccess& access, size_t axis, bool of_vectors, LoweredKernel& out) {
    const Dim stride = access.strides[axis];
    return (access.part >= 0 || of_vectors) && stride.is(2) ? Coef{true, 2} : coef(stride, out);
  }
  static int64_t slot_of(Dim dim, LoweredKernel& out) {
    auto it = std::find(out.vals.begin(), out.vals.end(), dim);
    if (it == out.vals.end()) it = out.vals.insert(out.vals.end(), dim);
    return it - out.vals.begin();
  }

  LoweredKernel finish(bool column, bool split = false) {
    LoweredKernel out;
    Kernel& k = out.kernel;
    k.name = nest_.name;
    k.sources = nest_.sources;
    k.weights = nest_.weights;
    std::vector<int> place(nest_.axes.size(), -1);
    for (const auto* axes : {&outer_, &inner_})
      for (int a : *axes) {
        place[static_cast<size_t>(a)] = static_cast<int>(k.axes.size());
        k.axes.push_back({coef(extent(a), out)});
      }
    k.outer_rank = static_cast<int>(outer_.size());
    k.vector_axis = column ? k.outer_rank - 1 : static_cast<int>(k.axes.size()) - 1;
    const Dim inner_points = product(inner_);
    k.single_block = reduces() && inner_points.is_constant() && inner_points.constant() <= kBlockOrder.block;

    // Of a split reduction the blocks are outer points, each of which walks its own part of the inner axis.
    const Dim walked = split ? Dim(kBlockOrder.block) : inner_points;
    const int64_t points = hint(product(outer_)) * hint(walked);
    // Buffers: one per slot and role, then the scratch rows. A buffer both read and written is passed twice. The two
    // parts of a complex result have one buffer.
    std::vector<int> buffer_of(nest_.accesses.size());
    std::vector<std::pair<int, bool>> known;
    for (size_t i = 0; i < nest_.accesses.size(); ++i) {
      const NestAccess& access = nest_.accesses[i];
      if (access.slot < 0) continue;
      const std::pair<int, bool> key{access.slot, access.output};
      auto it = std::find(known.begin(), known.end(), key);
      const bool second = access.part == 1 && i > 0 && nest_.accesses[i - 1].slot == access.slot &&
                          nest_.accesses[i - 1].output && nest_.accesses[i - 1].part == 0;
      if (access.output && second) it = known.end() - 1;
      if (it == known.end() || (access.output && !second)) {
        known.push_back(key);
        it = known.end() - 1;
        const bool streaming =
            access.output ? points * size_of(access.dtype) >= kStreamingBytes && access.is_contiguous(inner_.back())
                          : column && walked_bytes(access) >= kFarBytes;
        k.buffers.push_back({access.dtype, access.output ? BufferRole::output : BufferRole::input, streaming});
        out.slots.push_back(access.slot);
      }
      buffer_of[i] = static_cast<int>(it - known.begin());
    }
    const int first_scratch = static_cast<int>(k.buffers.size());
    for (DType dtype : nest_.scratch) k.buffers.push_back({dtype, BufferRole::scratch, false});

    for (size_t i = 0; i < nest_.accesses.size(); ++i) {
      const NestAccess& from = nest_.accesses[i];
      Access access;
      out.checks.push_back({from.message, from.gathers.empty() ? Dim(0) : from.gathers[0].extent});
      if (from.slot < 0) {
        access.buffer = first_scratch + from.scratch;
        k.accesses.push_back(std::move(access));
        continue;
      }
      access.buffer = buffer_of[i];
      access.offset = coef(from.offset, out);
      access.strides.resize(k.axes.size());
      for (size_t a = 0; a < place.size(); ++a)
        if (place[a] >= 0)
          access.strides[static_cast<size_t>(place[a])] = stride_coef(from, a, place[a] == k.vector_axis, out);
      for (const auto& gather : from.gathers)
        access.gathers.push_back({gather.value, coef(gather.stride, out), coef(gather.extent, out)});
      k.accesses.push_back(std::move(access));
    }
    for (Stage stage : nest_.stages) {
      for (ScalarNode& node : stage.body) {
        if (node.op == ScalarOp::index) node.imm = place[static_cast<size_t>(node.imm)];
        if (node.op == ScalarOp::extent) node.imm = slot_of(nest_.vals[static_cast<size_t>(node.imm)], out);
      }
      k.stages.push_back(std::move(stage));
    }
    // Nothing else may have these two, which are the only ones that change from block to block.
    if (has_window_) {
      k.window = static_cast<int>(out.vals.size());
      out.vals.emplace_back(0);
      out.vals.push_back(extent(inner_.back()));
    }
    if (!column) out.rows_of = rows_of_;
    set_range(out, column);
    for (DType dtype : nest_.scratch) {
      const Dim row = inner_points * Dim(size_of(dtype)) * Dim(column ? kColumnTile : 1);
      out.scratch_bytes = out.scratch_bytes + ceil_div(row, 64) * Dim(64);
    }
    out.points = product(outer_) * walked;
    count_bytes(out);
    out.cost = nanoseconds_per_point(k);
    const double own = out.cost * static_cast<double>(hint(out.points));
    for (RowsOf& rows : out.rows_of) rows.share /= rows.share + own;
    return out;
  }

  int64_t walked_bytes(const NestAccess& access) const {
    int64_t bytes = size_of(access.dtype);
    for (const auto* axes : {&outer_, &inner_})
      for (const int a : *axes)
        if (!access.strides[static_cast<size_t>(a)].is(0)) bytes *= hint(extent(a));
    return bytes;
  }

  // What one launch moves, for profiles. A gather may hit any place, so it counts one element for every point.
  void count_bytes(LoweredKernel& out) const {
    std::vector<std::pair<int, Dim>> read, written;
    for (const NestAccess& access : nest_.accesses) {
      if (access.slot < 0) continue;
      Shape walked{size_of(access.dtype)};
      for (const auto* axes : {&outer_, &inner_})
        for (const int a : *axes)
          if (!access.gathers.empty() || !access.strides[static_cast<size_t>(a)].is(0)) walked.push_back(extent(a));
      const Dim bytes = element_count(walked);
      auto& known = access.output ? written : read;
      const auto same = std::find_if(known.begin(), known.end(), [&](const auto& k) { return k.first == access.slot; });
      if (same == known.end())
        known.emplace_back(access.slot, bytes);
      else if (same->second != bytes)
        same->second = dim_max(same->second, bytes);
    }
    for (const auto& [slot, bytes] : read) out.bytes_read = out.bytes_read + bytes;
    for (const auto& [slot, bytes] : written) out.bytes_written = out.bytes_written + bytes;
  }

  void set_range(LoweredKernel& out, bool column) const {
    if (is_flat_map(out.kernel)) {
      out.range = extent(inner_[0]);
      return;
    }
    for (size_t i = 0; i < outer_.size(); ++i) {
      const Dim size = extent(outer_[i]);
      out.range = out.range * (column && i + 1 == outer_.size() ? ceil_div(size, kColumnTile) : size);
    }
  }

  const LowerContext& c_;
  LoopNest nest_;
  std::vector<int> outer_, inner_;
  std::vector<RowsOf> rows_of_;
  bool has_window_ = false;  // over a part of the columns of `rows_of_`
};

}  // namespace

std::vector<LoweredKernel> schedule(const LowerContext& context, LoopNest nest) {
  return Scheduler(context, std::move(nest)).run();
}

}  // namespace tandem
