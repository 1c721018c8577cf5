#include <algorithm>

#include "codegen/llvm/emitter.h"
#include "ir/loops.h"

namespace tandem::llvm {

namespace {

// Vector loops with fewer operations a round run ahead far enough for the hardware to fetch in time.
constexpr int kPrefetchFrom = 20;

int operand_count(const ScalarNode& node) { return (node.a >= 0) + (node.b >= 0) + (node.c >= 0); }

}  // namespace

void Emitter::analyse(const Stage& stage, size_t first_result) {
  s_ = StageState{};
  s_.stage = &stage;
  s_.first_result = first_result;
  s_.levels = stage.inner ? inner_rank() : 0;
  const size_t count = stage.body.size();
  const size_t accesses = k_.accesses.size();
  s_.level.assign(count, 0);
  s_.varying.assign(count, 0);
  s_.used.assign(count, 0);
  s_.in_lanes.assign(count, 0);
  s_.values.resize(count);
  s_.splats.resize(count);
  s_.used_access.assign(accesses, 0);
  s_.pointers.assign(accesses, std::vector<Value>(static_cast<size_t>(s_.levels) + 1));
  s_.lane_offsets.resize(accesses);
  s_.gather_offsets.resize(accesses);
  s_.read_behind = read_behind(stage, k_.accesses);
  s_.loop = loops_of(stage, k_.accesses);
  s_.around = loops_around(stage);
  s_.in_loop.assign(accesses, 0);
  for (size_t n = 0; n < count; ++n)
    if (stage.body[n].op == ScalarOp::load && s_.loop[n] >= 0) s_.in_loop[static_cast<size_t>(stage.body[n].imm)] = 1;
  do analyse_nodes();
  while (vary_carries());
  const auto use_access = [&](int access) {
    s_.used_access[static_cast<size_t>(access)] = 1;
    for (const Gather& g : k_.accesses[static_cast<size_t>(access)].gathers) s_.used[static_cast<size_t>(g.value)] = 1;
  };
  const auto use_in_lanes = [&](int node) {
    s_.used[static_cast<size_t>(node)] = 1;
    s_.in_lanes[static_cast<size_t>(node)] = 1;
  };
  std::vector<int> roots;
  for (const Store& store : stage.stores) use_access(store.access), roots.push_back(store.value);
  for (const Reduction& r : stage.reductions) roots.push_back(r.value);
  for (const Scan& scan : stage.scans) roots.push_back(scan.next);
  for (const ScalarLoop& loop : stage.loops)
    for (const int node : needs_of(loop)) roots.push_back(node);
  for (const int root : roots) use_in_lanes(root);
  for (size_t n = count; n-- > 0;) {
    if (!s_.used[n]) continue;
    const ScalarNode& node = stage.body[n];
    if (node.op == ScalarOp::load) use_access(static_cast<int>(node.imm));
    for (const int id : {node.a, node.b, node.c}) {
      if (id < 0) continue;
      s_.used[static_cast<size_t>(id)] = 1;
      if (s_.varying[n]) s_.in_lanes[static_cast<size_t>(id)] = 1;
    }
  }
  for (size_t a = 0; a < accesses; ++a)
    if (s_.used_access[a])
      for (const Gather& g : k_.accesses[a].gathers) roots.push_back(g.value), s_.may_fail = true;
  find_rare(roots);
  find_partners();
  for (size_t k = 0; k < stage.reductions.size(); ++k) {
    const Reduction& r = stage.reductions[k];
    s_.parts.push_back({k, stage.body[static_cast<size_t>(r.value)].dtype, false});
    if (is_arg(r)) s_.parts.push_back({k, DType::i64, true});
  }
  // Later stages find what they read in the caches. What is cut into blocks comes from memory, at whose borders of pages
  // the processor's own prefetching ends.
  s_.prefetches = first_result == 0 && !is_column_mode(k_) && (k_.split || varying_nodes() >= kPrefetchFrom);
}

// At which level each node is known, and whether it varies, as far as that is known of the carries.
void Emitter::analyse_nodes() {
  const Stage& stage = *s_.stage;
  const auto inner_level = [&](int64_t axis) { return std::max<int>(0, static_cast<int>(axis) - k_.outer_rank + 1); };
  const size_t first_scan = s_.first_result + stage.reductions.size();
  for (size_t n = 0; n < stage.body.size(); ++n) {
    const ScalarNode& node = stage.body[n];
    int level = 0;
    bool varying = false;
    switch (node.op) {
      case ScalarOp::constant:
      case ScalarOp::extent: break;
      case ScalarOp::index:
        level = inner_level(node.imm);
        varying = node.imm == k_.vector_axis;
        break;
      case ScalarOp::load: {
        const Access& access = k_.accesses[static_cast<size_t>(node.imm)];
        level = access_level(static_cast<int>(node.imm));
        varying = varying_access(access);
        break;
      }
      case ScalarOp::result:
        if (static_cast<size_t>(node.imm) >= first_scan) level = s_.levels;
        varying = is_column_mode(k_);
        break;
      case ScalarOp::carry:
        level = s_.levels;
        varying = s_.varying[n] != 0;
        break;
      default:
        for (const int id : {node.a, node.b, node.c}) {
          if (id < 0) continue;
          level = std::max(level, s_.level[static_cast<size_t>(id)]);
          varying |= s_.varying[static_cast<size_t>(id)] != 0;
        }
    }
    s_.level[n] = level;
    s_.varying[n] = varying;
  }
}

void Emitter::define(size_t node, std::vector<Value> values) {
  s_.values[node] = std::move(values);
  if (!s_.varying[node] && s_.in_lanes[node] && s_.width > 1)
    s_.splats[node] = ops_.splat(register_type(s_.stage->body[node].dtype), s_.width, s_.values[node][0]);
}

void Emitter::emit_level(int level, Nodes which) {
  const auto at = static_cast<size_t>(level);
  if (which != Nodes::varying) {
    for (auto& pointers : s_.pointers) pointers[at].clear();
    for (auto& loaded : s_.parts_loaded) loaded.clear();
  }
  const auto emit = [&](size_t first, size_t last) {
    for (size_t n = first; n < last; ++n) {
      if (!s_.used[n] || s_.rare[n] || s_.level[n] != level || s_.loop[n] >= 0) continue;
      if (which == Nodes::all || (s_.varying[n] != 0) == (which == Nodes::varying))
        define(n, emit_node(static_cast<int>(n)));
    }
  };
  size_t done = 0;
  for (size_t k = 0; level == s_.levels && k < s_.stage->loops.size(); ++k) {
    if (s_.around[k] >= 0) continue;
    const auto last = static_cast<size_t>(s_.stage->loops[k].last);
    emit(done, last);
    emit_loop(k);
    done = last;
  }
  emit(done, s_.used.size());
  if (which == Nodes::uniform) return;
  for (size_t a = 0; a < s_.used_access.size(); ++a)
    if (s_.used_access[a] && s_.pointers[a][at].empty() && (level < s_.levels || !s_.in_loop[a]))
      step_pointer(static_cast<int>(a), level);
}

int Emitter::varying_nodes() const {
  int weight = 0;
  for (size_t n = 0; n < s_.used.size(); ++n)
    weight += s_.used[n] && !s_.rare[n] && s_.varying[n] && s_.level[n] == s_.levels &&
              s_.stage->body[n].op != ScalarOp::load;
  return weight;
}

Value Emitter::iota(std::string_view type, int chunk) const {
  if (shape_.width == 1) return fmt::format("{}", chunk);
  std::string out = "<";
  for (int lane = 0; lane < shape_.width; ++lane)
    fmt::format_to(std::back_inserter(out), "{}{} {}", lane ? ", " : "", type, chunk * shape_.width + lane);
  return out + ">";
}

void Emitter::set_masks(const Value& count) {
  const Value narrow = t_.def("trunc i64 {} to i32", count);
  const Value limit = ops_.splat("i32", shape_.width, narrow);
  shape_.masks.clear();
  for (int chunk = 0; chunk < shape_.count; ++chunk)
    shape_.masks.push_back(t_.def("icmp ult {} {}, {}", vector_of("i32", shape_.width), iota("i32", chunk), limit));
}

void Emitter::enter_axis(int level, const Value& index) {
  index_[static_cast<size_t>(k_.outer_rank + level - 1)] = index;
  bool needed = !s_.stage->reductions.empty();
  for (size_t a = 0; a < s_.used_access.size(); ++a) needed |= s_.used_access[a] && is_scratch(static_cast<int>(a));
  if (!needed) return;
  const Value& before = position_[static_cast<size_t>(level) - 1];
  Value own = index;
  if (k_.split) own = t_.def("sub i64 {}, {}", index, low_);
  position_[static_cast<size_t>(level)] = plus(times(before, coef(inner_extent(level))), own);
}

const Value& Emitter::operand(int node, int chunk, bool varying) {
  const auto n = static_cast<size_t>(node);
  if (s_.varying[n]) return s_.values[n][static_cast<size_t>(chunk)];
  if (!varying || shape_.width == 1) return s_.values[n][0];
  return s_.splats[n];
}

std::vector<Value> Emitter::result_values(int result, DType dtype) {
  const auto id = static_cast<size_t>(result);
  const size_t first_scan = s_.first_result + s_.stage->reductions.size();
  if (id >= first_scan) {
    const auto begin =
        s_.carries.begin() + static_cast<ptrdiff_t>((id - first_scan) * static_cast<size_t>(shape_.count));
    return {begin, begin + shape_.count};
  }
  if (is_column_mode(k_)) return load_unit(result_slots_[id], dtype, "0");
  const Value loaded = t_.def("load {}, ptr {}", memory_type(dtype), result_slots_[id]);
  return {ops_.from_memory(dtype, 1, loaded)};
}

std::vector<Value> Emitter::emit_node(int number, bool may_branch) {
  const ScalarNode& node = s_.stage->body[static_cast<size_t>(number)];
  if (may_branch && branches(static_cast<size_t>(number))) return emit_rare(node);
  const bool varying = s_.varying[static_cast<size_t>(number)] != 0;
  const int count = varying ? shape_.count : 1;
  const int width = varying ? shape_.width : 1;
  std::vector<Value> values;
  switch (node.op) {
    case ScalarOp::constant: return {literal(node.dtype, node.imm, 1)};
    case ScalarOp::extent: return {coef(Coef{false, node.imm})};
    case ScalarOp::index: {
      const Value& index = index_[static_cast<size_t>(node.imm)];
      if (width == 1) {
        for (int chunk = 0; chunk < count; ++chunk) values.push_back(plus(index, fmt::format("{}", chunk)));
        return values;
      }
      const Value start = ops_.splat("i64", width, index);
      for (int chunk = 0; chunk < count; ++chunk)
        values.push_back(t_.def("add {} {}, {}", vector_of("i64", width), start, iota("i64", chunk)));
      return values;
    }
    case ScalarOp::load: return load(static_cast<int>(node.imm), node.dtype, s_.level[static_cast<size_t>(number)]);
    case ScalarOp::result: return result_values(static_cast<int>(node.imm), node.dtype);
    default: break;
  }
  bool safe_divisor = false;
  if ((node.op == ScalarOp::div || node.op == ScalarOp::rem) && is_integer(node.dtype)) {
    const ScalarNode& divisor = s_.stage->body[static_cast<size_t>(node.b)];
    safe_divisor = divisor.op == ScalarOp::constant && divisor.imm != 0 && divisor.imm != -1;
  }
  const DType from = s_.stage->body[static_cast<size_t>(node.a)].dtype;
  for (int chunk = 0; chunk < count; ++chunk) {
    const Value a = operand(node.a, chunk, varying);
    const Value b = operand_count(node) > 1 ? operand(node.b, chunk, varying) : Value();
    const Value c = operand_count(node) > 2 ? operand(node.c, chunk, varying) : Value();
    values.push_back(ops_.emit(node.op, node.dtype, from, width, a, b, c, safe_divisor));
  }
  return values;
}

}  // namespace tandem::llvm
