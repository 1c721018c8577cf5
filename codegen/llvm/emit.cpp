#include "codegen/llvm/emit.h"

#include <algorithm>

#include "codegen/llvm/emitter.h"
#include "runtime/native_kernel.h"

namespace tandem::llvm {

namespace {

constexpr int kRowsAtOnce = 8;  // of a scan: additions that do not wait for one another
// Tiles of columns side by side, where rows come from memory: pieces of a row that are longer than 256 bytes are read
// faster. Their lanes still fit a core's first cache.
constexpr int kTilesAtOnce = 4;
constexpr int64_t kFewColumns = kColumnTile / 2;  // one vector after the other, rather than a tile that is mostly idle
constexpr size_t kLight = 6;                      // nodes of such stages

}  // namespace

std::string emit(const Kernel& kernel, const Target& target, bool debuggable) {
  return Emitter(kernel, target).run(debuggable);
}

Value Emitter::coef(const Coef& c) {
  if (c.literal) return fmt::format("{}", c.value);
  const auto k = static_cast<size_t>(c.value);
  if (k >= vals_.size()) vals_.resize(k + 1);
  if (vals_[k].empty()) vals_[k] = fmt::format("%s{}", k);  // loaded at the head of the function, see run()
  return vals_[k];
}

Value Emitter::slot(std::string_view stem, std::string_view type, int64_t elements) {
  Value name = t_.fresh(stem);
  fmt::format_to(std::back_inserter(slots_), "  {} = alloca [{} x {}], align 64\n", name, elements, type);
  return name;
}

Value Emitter::times(const Value& a, const Value& b) {
  if (a == "0" || b == "0") return "0";
  if (a == "1") return b;
  if (b == "1") return a;
  return t_.def("mul i64 {}, {}", a, b);
}

Value Emitter::plus(const Value& a, const Value& b) {
  if (a == "0") return b;
  if (b == "0") return a;
  return t_.def("add i64 {}, {}", a, b);
}

Value Emitter::minimum(const Value& a, const Value& b) {
  return t_.def("call i64 @llvm.smin.i64(i64 {}, i64 {})", a, b);
}

std::string Emitter::run(bool debuggable) {
  index_.resize(k_.axes.size());
  position_.resize(static_cast<size_t>(inner_rank()) + 1, "0");
  load_arguments();
  if (is_flat_map(k_)) {
    low_ = "%begin";
    high_ = "%end";
    total_ = t_.def("sub i64 %end, %begin");
    Shape scalar;
    stages(scalar);
  } else {
    outer_loop("%begin", "%end");
  }
  t_.op("ret void");

  std::string out = fmt::format(
      "define void @{}(i64 %begin, i64 %end, ptr %ptrs, ptr %vals, ptr %scratch, ptr %status) nounwind "
      "\"prefer-vector-width\"=\"512\" \"min-legal-vector-width\"=\"512\" {}{{\nentry:\n",
      kEntryPoint, debuggable ? "uwtable \"frame-pointer\"=\"all\" " : "");
  out += slots_;
  for (size_t k = 0; k < vals_.size(); ++k) {
    if (vals_[k].empty()) continue;
    fmt::format_to(std::back_inserter(out), "  %s{0}.p = getelementptr i64, ptr %vals, i64 {0}\n", k);
    fmt::format_to(std::back_inserter(out), "  %s{0} = load i64, ptr %s{0}.p\n", k);
  }
  out += t_.take();
  out += "}\n!0 = !{i32 1}\n!1 = !{!\"branch_weights\", i32 1, i32 4096}\n";
  return out;
}

void Emitter::load_arguments() {
  int argument = 0;
  for (const KernelBuffer& buffer : k_.buffers) {
    if (buffer.role == BufferRole::scratch) {
      pointers_.emplace_back();
      continue;
    }
    const Value place = t_.def("getelementptr ptr, ptr %ptrs, i64 {}", argument++);
    pointers_.push_back(t_.def("load ptr, ptr {}", place));
  }
  total_ = "1";
  for (int level = 1; level <= inner_rank(); ++level) total_ = times(total_, coef(inner_extent(level)));
  Value capacity = total_;
  if (k_.split) capacity = minimum(total_, fmt::format("{}", k_.order.block));
  if (is_column_mode(k_)) capacity = times(capacity, fmt::format("{}", kColumnTile));
  Value next = "%scratch";
  for (size_t k = 0; k < k_.buffers.size(); ++k) {
    if (k_.buffers[k].role != BufferRole::scratch) continue;
    pointers_[k] = next;
    const Value bytes = times(capacity, fmt::format("{}", size_of(k_.buffers[k].dtype)));
    const Value padded = t_.def("and i64 {}, -64", t_.def("add i64 {}, 63", bytes));
    next = t_.def("getelementptr i8, ptr {}, i64 {}", next, padded);
  }
  const bool column = is_column_mode(k_);
  for (const Stage& stage : k_.stages) {
    const auto add = [&](DType dtype) {
      result_types_.push_back(dtype);
      const int64_t units = column ? kColumnTile * (tiles_side_by_side() ? kTilesAtOnce : 1) : 1;
      result_slots_.push_back(slot("result", memory_type(dtype), units));
    };
    for (const Reduction& r : stage.reductions)
      add(is_arg(r) ? DType::i64 : stage.body[static_cast<size_t>(r.value)].dtype);
    for (const Scan& scan : stage.scans) add(scan.dtype);
  }
}

// The outer indices are decoded by division once and then counted up.
void Emitter::outer_loop(const Value& begin, const Value& end) {
  const auto rank = static_cast<size_t>(k_.outer_rank);
  const bool column = is_column_mode(k_);
  std::vector<Value> extents;
  for (size_t axis = 0; axis < rank; ++axis) {
    Value extent = coef(k_.axes[axis].extent);
    if (column && axis + 1 == rank)
      extent = t_.def("ashr i64 {}, 6", t_.def("add i64 {}, {}", extent, kColumnTile - 1));
    extents.push_back(extent);
  }
  static_assert(kColumnTile == 64);
  std::vector<Carried> carried{{"i64", begin}};
  Value rest = begin;
  std::vector<Value> first(rank);
  for (size_t axis = rank; axis-- > 1;) {
    // An empty range may come with zero extents.
    const Value divisor = t_.def("call i64 @llvm.smax.i64(i64 {}, i64 1)", extents[axis]);
    first[axis] = t_.def("urem i64 {}, {}", rest, divisor);
    rest = t_.def("udiv i64 {}, {}", rest, divisor);
  }
  if (rank > 0) first[0] = rest;
  if (rank > 1)
    for (const Value& value : first) carried.push_back({"i64", value});
  Loop loop(t_, carried);
  loop.enter(t_.def("icmp slt i64 {}, {}", loop[0], end));
  std::vector<Value> index;
  if (rank == 1) index.push_back(loop[0]);
  for (size_t axis = 0; rank > 1 && axis < rank; ++axis) index.push_back(loop[axis + 1]);
  const Value done = column && tiles_side_by_side() ? wide_or_one(index, t_.def("sub i64 {}, {}", end, loop[0]))
                                                    : (outer_point(index), Value("1"));
  std::vector<Value> next{t_.def("add i64 {}, {}", loop[0], done)};
  if (rank > 1) {
    std::vector<Value> counted(rank);
    Value carry = done;
    for (size_t axis = rank; axis-- > 0;) {
      counted[axis] = t_.def("add i64 {}, {}", index[axis], carry);
      if (axis == 0) break;
      const Value wraps = t_.def("icmp eq i64 {}, {}", counted[axis], extents[axis]);
      counted[axis] = t_.def("select i1 {}, i64 0, i64 {}", wraps, counted[axis]);
      carry = t_.def("zext i1 {} to i64", wraps);
    }
    next.insert(next.end(), counted.begin(), counted.end());
  }
  loop.close(next);
}

void Emitter::outer_point(const std::vector<Value>& index, int tiles) {
  const auto rank = static_cast<size_t>(k_.outer_rank);
  for (size_t axis = 0; axis < rank; ++axis) index_[axis] = index[axis];
  const Value full_extent = inner_rank() > 0 ? coef(inner_extent(inner_rank())) : Value("1");
  const Value all = total_;
  low_ = "0";
  high_ = full_extent;
  if (k_.split) {
    const Value block = fmt::format("{}", k_.order.block);
    low_ = times(index[rank - 1], block);
    high_ = minimum(t_.def("add i64 {}, {}", low_, block), full_extent);
    total_ = t_.def("sub i64 {}, {}", high_, low_);
  }
  if (k_.window >= 0) {
    low_ = coef({false, k_.window});
    high_ = coef({false, k_.window + 1});
    total_ = t_.def("sub i64 {}, {}", high_, low_);
  }
  if (is_column_mode(k_))
    column_tile(tiles);
  else
    stages(Shape{});
  total_ = all;
}

// A light sum of what is read from memory, as it lies.
bool Emitter::tiles_side_by_side() const {
  if (!is_column_mode(k_)) return false;
  size_t reductions = 0;
  bool far = false;
  for (const Stage& stage : k_.stages) {
    reductions += stage.reductions.size();
    if (!stage.scans.empty() || !stage.loops.empty() || (stage.inner && stage.body.size() > kLight)) return false;
    for (const Reduction& r : stage.reductions)
      if (is_arg(r) || size_of(stage.body[static_cast<size_t>(r.value)].dtype) > 4) return false;
  }
  for (const KernelBuffer& buffer : k_.buffers) {
    if (buffer.role == BufferRole::scratch) return false;
    far = far || (buffer.streaming && buffer.role == BufferRole::input);
  }
  return far && reductions == 1 && std::ranges::all_of(k_.accesses, [&](const Access& access) {
           const Coef& stride = access.strides[static_cast<size_t>(k_.vector_axis)];
           return access.gathers.empty() && (stride.is(0) || stride.is(1));
         });
}

// The tile at `index`, or several from there on where so many whole ones are `left` and in the row; returns how many.
Value Emitter::wide_or_one(const std::vector<Value>& index, const Value& left) {
  const auto axis = static_cast<size_t>(k_.vector_axis);
  const Value whole = t_.def("ashr i64 {}, 6", coef(k_.axes[axis].extent));
  const Value in_row = minimum(t_.def("sub i64 {}, {}", whole, index[axis]), left);
  const Value wide = t_.fresh("wide"), one = t_.fresh("one"), both = t_.fresh("both");
  t_.branch(t_.def("icmp sge i64 {}, {}", in_row, kTilesAtOnce), wide, one);
  t_.begin_block(wide);
  outer_point(index, kTilesAtOnce);
  const Value from_wide = t_.block();
  t_.jump(both);
  t_.begin_block(one);
  outer_point(index);
  const Value from_one = t_.block();
  t_.jump(both);
  t_.begin_block(both);
  return t_.def("phi i64 [ {}, {} ], [ 1, {} ]", kTilesAtOnce, from_wide, from_one);
}

void Emitter::column_tile(int tiles) {
  const auto axis = static_cast<size_t>(k_.vector_axis);
  const Value start = t_.def("shl i64 {}, 6", index_[axis]);
  const Value left = t_.def("sub i64 {}, {}", coef(k_.axes[axis].extent), start);
  const Value count = minimum(left, fmt::format("{}", kColumnTile));
  Shape tile{kVectorWidth, static_cast<int>(kColumnTile) / kVectorWidth * tiles, {}, {}};
  if (rows_side_by_side()) {
    const Value rest = column_rounds(start, "0", count, Shape{1, kRowsAtOnce, {}, {}});
    column_rounds(start, rest, count, Shape{});
    return;
  }
  index_[axis] = start;
  if (tiles > 1) {
    stages(tile);
    return;
  }
  const Value whole = t_.fresh("tile"), few = t_.fresh("columns"), done = t_.fresh("done");
  if (target_.masked) {
    t_.branch(t_.def("icmp sgt i64 {}, {}", count, kFewColumns), whole, few);
    t_.begin_block(whole);
    masked_tile(tile, count);
    t_.jump(done);
    t_.begin_block(few);
    Loop loop(t_, {{"i64", "0"}});
    loop.enter(t_.def("icmp slt i64 {}, {}", loop[0], count));
    index_[axis] = plus(start, loop[0]);
    masked_tile(Shape{kVectorWidth, 1, {}, {}}, t_.def("sub i64 {}, {}", count, loop[0]));
    loop.close({t_.def("add i64 {}, {}", loop[0], kVectorWidth)});
    t_.jump(done);
    t_.begin_block(done);
    return;
  }
  // Without masks an incomplete tile is done by single vectors, then four columns at once, then column by column.
  const Value full = t_.def("icmp eq i64 {}, {}", count, kColumnTile);
  t_.branch(full, whole, few);
  t_.begin_block(whole);
  stages(tile);
  t_.jump(done);
  t_.begin_block(few);
  Value done_columns = "0";
  for (const int width : {kVectorWidth, 4, 1})
    done_columns = column_rounds(start, done_columns, count, Shape{width, 1, {}, {}});
  t_.jump(done);
  t_.begin_block(done);
}

void Emitter::masked_tile(const Shape& shape, const Value& count) {
  const auto axis = static_cast<size_t>(k_.vector_axis);
  shape_ = shape;
  set_masks(count);
  if (std::any_of(k_.accesses.begin(), k_.accesses.end(),
                  [axis](const Access& access) { return axis < access.strides.size() && access.strides[axis].is(2); }))
    find_half_masks();
  stages(shape_);
  half_masks_.clear();
}

// Whether a tile is of rows that are far apart, which a scan walks side by side: it would wait for its own last step.
bool Emitter::rows_side_by_side() const {
  const auto axis = static_cast<size_t>(k_.vector_axis);
  return std::any_of(k_.stages.begin(), k_.stages.end(), [](const Stage& stage) { return !stage.scans.empty(); }) &&
         std::none_of(k_.accesses.begin(), k_.accesses.end(), [axis](const Access& access) {
           return axis < access.strides.size() && (access.strides[axis].is(1) || access.strides[axis].is(2));
         });
}

// Columns from start + `from` on of the tile, as many at once as the shape has; returns where fewer are left.
Value Emitter::column_rounds(const Value& start, const Value& from, const Value& count, const Shape& shape) {
  const int step = shape.width * shape.count;
  Loop loop(t_, {{"i64", from}});
  loop.enter(t_.def("icmp sle i64 {}, {}", plus(loop[0], fmt::format("{}", step)), count));
  index_[static_cast<size_t>(k_.vector_axis)] = t_.def("add i64 {}, {}", start, loop[0]);
  stages(shape);
  loop.close({t_.def("add i64 {}, {}", loop[0], step)});
  return loop[0];
}

void Emitter::stages(const Shape& shape) {
  size_t first_result = 0;
  for (const Stage& stage : k_.stages) {
    shape_ = shape;
    emit_stage(stage, first_result);
    first_result += stage.reductions.size() + stage.scans.size();
  }
}

void Emitter::emit_stage(const Stage& stage, size_t first_result) {
  analyse(stage, first_result);
  const bool row_vector = stage.inner && !is_column_mode(k_) && k_.vector_axis >= 0;
  const bool walked = !row_vector || !stage.scans.empty() || k_.order.lanes == 1;
  s_.width = walked ? shape_.width : kVectorWidth;
  if (!stage.inner) {
    emit_level(0);
    stores();
    return;
  }
  // Results of an empty inner domain; nothing may be loaded for it.
  std::optional<If> guard;
  bool may_be_empty = is_flat_map(k_) || k_.window >= 0;
  for (int level = 1; level <= inner_rank(); ++level)
    may_be_empty |= !inner_extent(level).literal || inner_extent(level).value <= 0;
  if (may_be_empty) {
    set_results(identities(shape_, DType::i64, "0"));
    for (size_t k = 0; k < stage.scans.size(); ++k) {
      const Scan& scan = stage.scans[k];
      store_unit(result_slots_[first_result + stage.reductions.size() + k], scan.dtype, "0",
                 std::vector<Value>(static_cast<size_t>(shape_.count), literal(scan.dtype, scan.init, shape_.width)));
    }
    guard.emplace(t_, t_.def("icmp sgt i64 {}, 0", total_));
  }
  if (walked)
    walk_stage();
  else if (stage.reductions.empty())
    map_stage();
  else if (inner_rank() == 1)
    reduce_stage();
  else
    chunk_reduce_stage();
  if (guard) guard->close();
}

}  // namespace tandem::llvm
