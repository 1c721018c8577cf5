// Stages whose inner points are visited one by one (column mode, scans, tree order, no vector axis), and reductions
// over several inner axes, whose vectors meet the lanes at any offset.
#include "codegen/llvm/emitter.h"

namespace tandem::llvm {

void Emitter::walk_stage() {
  const Stage& stage = *s_.stage;
  const bool reduces = !stage.reductions.empty();
  if (reduces) {
    lane_slots_ = part_slots("lanes", k_.order.lanes);
    stack_slots_ = one_block() ? std::vector<Value>{} : part_slots("stack", kStackUnits);
    blocks_slot_ = slot("blocks", "i64", 1);
    t_.op("store i64 0, ptr {}", blocks_slot_);
    init_lanes("0");
  }
  emit_level(0);
  const int condition = common_condition();
  std::vector<Loop> loops;
  loops.reserve(static_cast<size_t>(s_.levels));
  for (int level = 1; level <= s_.levels; ++level) {
    const bool last = level == s_.levels;
    std::vector<Carried> state{{"i64", last ? low_ : Value("0")}};
    for (const Scan& scan : stage.scans)
      for (int chunk = 0; chunk < shape_.count; ++chunk)
        state.push_back({type_of(scan.dtype, shape_.width), literal(scan.dtype, scan.init, shape_.width)});
    Loop& loop = loops.emplace_back(t_, state);
    loop.enter(t_.def("icmp slt i64 {}, {}", loop[0], last ? high_ : coef(inner_extent(level))));
    s_.carries = loop.values(1);
    enter_axis(level, loop[0]);
    if (last && condition >= 0)
      add_where(condition);
    else
      emit_level(level);
  }
  stores();
  if (reduces) {
    if (condition < 0) add_point();
    flush_if_complete(t_.def("add i64 {}, 1", position_[static_cast<size_t>(s_.levels)]));
  }
  for (; !loops.empty(); loops.pop_back()) {
    std::vector<Value> next{t_.def("add i64 {}, 1", loops.back()[0])};
    for (const Scan& scan : stage.scans)
      for (int chunk = 0; chunk < shape_.count; ++chunk) next.push_back(operand(scan.next, chunk, true));
    loops.back().close(next);
    for (size_t k = 0; k < stage.scans.size(); ++k) {
      const std::vector<Value> all = loops.back().values(1);
      const auto first = all.begin() + static_cast<ptrdiff_t>(k) * shape_.count;
      store_unit(result_slots_[s_.first_result + stage.reductions.size() + k], stage.scans[k].dtype, "0",
                 {first, first + shape_.count});
    }
  }
  if (reduces) flush_rest();
}

// Combines the present inner point with its lanes.
void Emitter::add_point() {
  const Value& position = position_[static_cast<size_t>(s_.levels)];
  const Value lane = k_.order.lanes == 1 ? Value("0") : t_.def("and i64 {}, {}", position, k_.order.lanes - 1);
  // The index of argmax counts from the start of the row, also where a split kernel sees one block of it.
  const Value absolute = k_.split ? plus(position, low_) : position;
  const std::vector<Value> now = load_units(lane_slots_, lane);
  store_units(lane_slots_, lane, combine(shape_, DType::i64, now, contribution(DType::i64, absolute), true));
}

// In column mode, the condition of a stage that only sums `condition ? x : 0`, where it is the same in all columns, so
// that rows without it need not be read: lanes start from +0 and so never are -0, the one number that adding 0 changes.
// -1 for any other stage. A failed check of a gather has to be reported wherever it happens.
int Emitter::common_condition() const {
  const Stage& stage = *s_.stage;
  if (!is_column_mode(k_) || stage.reductions.empty() || !stage.stores.empty() || !stage.scans.empty() ||
      !stage.loops.empty())
    return -1;
  int condition = -1;
  for (const Reduction& r : stage.reductions) {
    const ScalarNode& node = stage.body[static_cast<size_t>(r.value)];
    if (r.kind != ReduceKind::sum || node.op != ScalarOp::select) return -1;
    const ScalarNode& other = stage.body[static_cast<size_t>(node.c)];
    const auto a = static_cast<size_t>(node.a);
    if (other.op != ScalarOp::constant || other.imm != 0 || s_.varying[a] || s_.level[a] != s_.levels) return -1;
    if (condition >= 0 && condition != node.a) return -1;
    condition = node.a;
  }
  for (size_t a = 0; a < s_.used_access.size(); ++a)
    if (s_.used_access[a] && gathers_lanes(access_of(static_cast<int>(a)))) return -1;
  return condition;
}

// The innermost level of such a stage.
void Emitter::add_where(int condition) {
  emit_level(s_.levels, Nodes::uniform);
  const Value chosen = t_.fresh("chosen"), both = t_.fresh("both");
  t_.branch(s_.values[static_cast<size_t>(condition)][0], chosen, both);
  t_.begin_block(chosen);
  emit_level(s_.levels, Nodes::varying);
  add_point();
  t_.jump(both);
  t_.begin_block(both);
}

// Adds the run of elements that starts at lane `lane` and inner point `position`.
void Emitter::add_run(const Value& lane, const Value& position) {
  std::vector<Value> places, now;
  for (size_t p = 0; p < s_.parts.size(); ++p) {
    const DType dtype = s_.parts[p].dtype;
    places.push_back(element(memory_type(dtype), lane_slots_[p], lane));
    const Value loaded =
        t_.def("load {}, ptr {}, align {}", vector_of(memory_type(dtype), shape_.width), places[p], size_of(dtype));
    now.push_back(ops_.from_memory(dtype, shape_.width, loaded));
  }
  std::vector<Value> mine = contribution(DType::i64, position);
  for (size_t p = 0; p < s_.parts.size(); ++p)
    if (s_.parts[p].is_index && shape_.width > 1)
      mine[p] = t_.def("add {} {}, {}", vector_of("i64", shape_.width), mine[p], iota("i64", 0));
  const std::vector<Value> sums = combine(shape_, DType::i64, now, mine, true);
  for (size_t p = 0; p < s_.parts.size(); ++p) {
    const DType dtype = s_.parts[p].dtype;
    Value value = sums[p];
    if (!shape_.masks.empty()) {
      const std::string type = type_of(dtype, shape_.width);
      value = t_.def("select {} {}, {} {}, {} {}", vector_of("i1", shape_.width), shape_.masks[0], type, value, type,
                     now[p]);
    }
    t_.op("store {} {}, ptr {}, align {}", vector_of(memory_type(dtype), shape_.width),
          ops_.to_memory(dtype, shape_.width, value), places[p], size_of(dtype));
  }
}

// The run of inner points from `from` to the end of the vector, the lanes or the row; returns their number.
Value Emitter::reduce_run(const Value& from, const Value& position, const Value& lane) {
  const Value lanes_left = t_.def("sub i64 {}, {}", k_.order.lanes, lane);
  Value run = minimum(minimum(lanes_left, t_.def("sub i64 {}, {}", high_, from)), fmt::format("{}", kVectorWidth));
  const auto add = [&](const Shape& shape) {
    shape_ = shape;
    if (target_.masked) set_masks(run);
    element_body(from);
    add_run(lane, position);
  };
  const Shape whole{kVectorWidth, 1, {}, {}};
  if (target_.masked) {
    add(whole);
    return run;
  }
  const Value vector = t_.fresh("vector"), one = t_.fresh("one"), both = t_.fresh("both");
  t_.branch(t_.def("icmp eq i64 {}, {}", run, kVectorWidth), vector, one);
  t_.begin_block(vector);
  add(whole);
  const Value from_vector = t_.block();
  t_.jump(both);
  t_.begin_block(one);
  add(Shape{});
  const Value from_one = t_.block();
  t_.jump(both);
  t_.begin_block(both);
  return t_.def("phi i64 [ {}, {} ], [ 1, {} ]", kVectorWidth, from_vector, from_one);
}

// Where all lanes have a point before the end of the row and the block, in registers; else by `run`.
Value Emitter::reduce_groups_or(const std::function<Value()>& run, const Value& from, const Value& position,
                                const Value& lane, const Value& row) {
  const Value block_left =
      t_.def("sub i64 {}, {}", k_.order.block, t_.def("and i64 {}, {}", position, k_.order.block - 1));
  const Value limit = minimum(t_.def("add i64 {}, {}", from, block_left), high_);
  const Value enough = t_.def("icmp sge i64 {}, {}", t_.def("sub i64 {}, {}", limit, from), k_.order.lanes);
  const Value aligned = t_.def("icmp eq i64 {}, 0", lane);
  const Value groups = t_.fresh("groups"), rest = t_.fresh("rest"), both = t_.fresh("both");
  t_.branch(t_.def("and i1 {}, {}", enough, aligned), groups, rest);
  t_.begin_block(groups);
  const Value grouped = t_.def("sub i64 {}, {}", reduce_whole_groups(from, limit, row), from);
  const Value from_groups = t_.block();
  t_.jump(both);
  t_.begin_block(rest);
  const Value counted = run();
  const Value from_rest = t_.block();
  t_.jump(both);
  t_.begin_block(both);
  return t_.def("phi i64 [ {}, {} ], [ {}, {} ]", grouped, from_groups, counted, from_rest);
}

void Emitter::chunk_reduce_stage() {
  const Shape scalar;
  const int lanes = k_.order.lanes;
  shape_ = scalar;
  lane_slots_ = part_slots("lanes", lanes + kVectorWidth);  // a masked vector may reach beyond the last lane
  stack_slots_ = one_block() ? std::vector<Value>{} : part_slots("stack", kStackUnits);
  blocks_slot_ = slot("blocks", "i64", 1);
  t_.op("store i64 0, ptr {}", blocks_slot_);
  init_lanes("0");
  emit_level(0);
  std::vector<Loop> loops;
  open_levels(loops, s_.levels - 1);
  const Value row = times(position_[static_cast<size_t>(s_.levels) - 1], coef(inner_extent(s_.levels)));
  Loop loop(t_, {{"i64", "0"}});
  loop.enter(t_.def("icmp slt i64 {}, {}", loop[0], high_));
  const Value position = plus(row, loop[0]);
  const Value lane = t_.def("and i64 {}, {}", position, lanes - 1);
  const auto run = [&] { return reduce_run(loop[0], position, lane); };
  const Value count = reduces_whole_groups() ? reduce_groups_or(run, loop[0], position, lane, row) : run();
  shape_ = scalar;
  flush_if_complete(t_.def("add i64 {}, {}", position, count));
  loop.close({t_.def("add i64 {}, {}", loop[0], count)});
  close_levels(loops);
  flush_rest();
}

}  // namespace tandem::llvm
