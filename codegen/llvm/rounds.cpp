// Loops within a body: all lanes walk together, and those whose condition has become false keep what they have.
#include <algorithm>
#include <utility>

#include "codegen/llvm/emitter.h"
#include "ir/loops.h"

namespace tandem::llvm {

// Whether a carry was found to vary that was not known to. It does if what it begins with does, or what follows, or, where
// somebody reads it behind the loop, for how long.
bool Emitter::vary_carries() {
  bool found = false;
  for (const ScalarLoop& loop : s_.stage->loops) {
    const auto varies = [&](int node) { return s_.varying[static_cast<size_t>(node)] != 0; };
    for (size_t k = 0; k < loop.init.size(); ++k) {
      const size_t node = static_cast<size_t>(loop.first) + k;
      char& carry = s_.varying[node];
      const bool apart = varies(loop.condition) && s_.read_behind[node];
      if (carry || !(varies(loop.init[k]) || varies(loop.next[k]) || apart)) continue;
      carry = 1;
      found = true;
    }
  }
  return found;
}

// In a loop whose rounds are counted, a node that, where it is false in all lanes, says that no further round changes what
// varies: `z = where(inside, z * z + c, z)` keeps what it has. One that is false stays false, and what is added to where it
// is true gets zeros. -1 when there is none, when something else is read of the loop than what varies, or when loops lie within it.
int Emitter::freezing_condition(size_t number) const {
  const Stage& stage = *s_.stage;
  const ScalarLoop& loop = stage.loops[number];
  const auto node = [&](int n) -> const ScalarNode& { return stage.body[static_cast<size_t>(n)]; };
  const auto varies = [&](int n) { return s_.varying[static_cast<size_t>(n)] != 0; };
  const int count = static_cast<int>(loop.init.size());
  if (std::find(s_.around.begin(), s_.around.end(), static_cast<int>(number)) != s_.around.end()) return -1;
  const auto is_carry = [&](int n) { return n >= loop.first && n < loop.first + count; };
  const auto next_of = [&](int carry) { return loop.next[static_cast<size_t>(carry - loop.first)]; };

  const auto is_counter = [&](int n) { return is_carry(n) && !varies(n); };
  for (size_t n = static_cast<size_t>(loop.last); n < stage.body.size(); ++n)
    for (const int id : {stage.body[n].a, stage.body[n].b, stage.body[n].c})
      if (is_counter(id)) return -1;
  for (const Store& store : stage.stores)
    if (is_counter(store.value)) return -1;
  for (const Reduction& r : stage.reductions)
    if (is_counter(r.value)) return -1;
  for (const Scan& scan : stage.scans)
    if (is_counter(scan.next)) return -1;
  for (size_t k = 0; k < stage.loops.size(); ++k)
    for (const int need : needs_of(stage.loops[k]))
      if (k != number && is_counter(need)) return -1;

  const auto keeps = [&](int carry, int condition) {
    const int next = next_of(carry);
    return next == carry || (node(next).op == ScalarOp::select && node(next).a == condition && node(next).c == carry);
  };
  // It changes once at most, and nothing that decides reads it: -0.0 + 0.0 is 0.0.
  const auto settles = [&](int carry, int condition) {
    const ScalarNode& next = node(next_of(carry));
    if (next_of(carry) == condition) return true;
    if (next.op != ScalarOp::add || (next.a != carry && next.b != carry)) return false;
    const ScalarNode& added = node(next.a == carry ? next.b : next.a);
    if (added.op == ScalarOp::cast) return added.a == condition;
    return added.op == ScalarOp::select && added.a == condition && node(added.c).op == ScalarOp::constant &&
           node(added.c).imm == 0;
  };
  // Whether a node that is false is so in the next round.
  const auto stays = [&](int condition) {
    if (node(condition).op == ScalarOp::bit_and)
      for (const int part : {node(condition).a, node(condition).b})
        if (is_carry(part) && next_of(part) == condition) return true;
    std::vector<char> needed(static_cast<size_t>(loop.last));
    needed[static_cast<size_t>(condition)] = 1;
    for (int n = condition; n >= loop.first; --n) {
      if (!needed[static_cast<size_t>(n)]) continue;
      if (is_carry(n) && !(varies(n) && keeps(n, condition))) return false;
      for (const int id : {node(n).a, node(n).b, node(n).c})
        if (id >= 0) needed[static_cast<size_t>(id)] = 1;
    }
    return true;
  };
  for (int n = loop.first + count; n < loop.last; ++n) {
    const auto at = static_cast<size_t>(n);
    if (node(n).dtype != DType::boolean || !s_.used[at] || s_.rare[at] || !varies(n) ||
        s_.loop[at] != static_cast<int>(number) || !stays(n))
      continue;
    bool all = true;
    for (int carry = loop.first; carry < loop.first + count; ++carry)
      all = all && (!varies(carry) || keeps(carry, n) || settles(carry, n));
    if (all) return n;
  }
  return -1;
}

void Emitter::emit_loop(size_t number) {
  const ScalarLoop& loop = s_.stage->loops[number];
  const auto varies = [&](int node) { return s_.varying[static_cast<size_t>(node)] != 0; };
  const bool apart = varies(loop.condition);  // lanes do not end together
  const std::string mask = vector_of("i1", shape_.width);
  std::vector<Carried> state;
  const auto carry_of = [&](size_t k) { return loop.first + static_cast<int>(k); };
  const auto chunks = [&](size_t k) { return varies(carry_of(k)) ? shape_.count : 1; };
  for (size_t k = 0; k < loop.init.size(); ++k)
    for (int chunk = 0; chunk < chunks(k); ++chunk)
      state.push_back(
          {type_of(s_.stage->body[static_cast<size_t>(carry_of(k))].dtype, varies(carry_of(k)) ? shape_.width : 1),
           operand(loop.init[k], chunk, varies(carry_of(k)))});
  const size_t first_active = state.size();
  // Of a loop within one whose lanes end by themselves, only those that are left there.
  const std::vector<Value>& real = s_.active.empty() ? shape_.masks : s_.active;
  for (int chunk = 0; apart && chunk < shape_.count; ++chunk)
    state.push_back({mask, real.empty() ? literal(DType::boolean, 1, shape_.width) : real[static_cast<size_t>(chunk)]});
  const int freezing = apart ? -1 : freezing_condition(number);
  if (freezing >= 0) state.push_back({"i1", "true"});
  Loop rounds(t_, state);
  size_t at = 0;
  for (size_t k = 0; k < loop.init.size(); ++k) {
    std::vector<Value> values;
    values.reserve(static_cast<size_t>(chunks(k)));
    for (int chunk = 0; chunk < chunks(k); ++chunk) values.push_back(rounds[at++]);
    define(static_cast<size_t>(carry_of(k)), std::move(values));
  }

  // What the condition needs comes before it, the rest behind it.
  const std::vector<char> early = before_condition(*s_.stage, k_.accesses, number);
  const auto emit = [&](bool before) {
    int n = carry_of(loop.init.size());
    const auto nodes = [&](int last) {
      for (; n < last; ++n) {
        const auto node = static_cast<size_t>(n);
        if (s_.used[node] && !s_.rare[node] && s_.loop[node] == static_cast<int>(number) &&
            (early[node] != 0) == before)
          define(node, emit_node(n));
      }
    };
    for (size_t k = number + 1; k < s_.stage->loops.size(); ++k) {
      if (s_.around[k] != static_cast<int>(number)) continue;
      const ScalarLoop& inner = s_.stage->loops[k];
      nodes(inner.last);  // of an inner loop, what does not change in it
      if (needs_loop(early, inner) == before) emit_loop(k);
    }
    nodes(loop.last);
  };
  // Places that a round reads are its own.
  const auto forget_places = [&] {
    for (int n = loop.first; n < loop.last; ++n)
      if (const ScalarNode& node = s_.stage->body[static_cast<size_t>(n)]; node.op == ScalarOp::load)
        s_.pointers[static_cast<size_t>(node.imm)][static_cast<size_t>(s_.levels)].clear();
  };
  forget_places();
  emit(true);
  const auto any_lane = [&](const Value& lanes) {
    if (shape_.width == 1) return lanes;
    return t_.def("icmp ne i{0} {1}, 0", shape_.width, t_.def("bitcast {} {} to i{}", mask, lanes, shape_.width));
  };
  std::vector<Value> active;
  Value go = apart ? Value() : operand(loop.condition, 0, false);
  for (int chunk = 0; apart && chunk < shape_.count; ++chunk) {
    active.push_back(t_.def("and {} {}, {}", mask, rounds[first_active + static_cast<size_t>(chunk)],
                            operand(loop.condition, chunk, true)));
    go = chunk == 0 ? active[0] : t_.def("or {} {}, {}", mask, go, active.back());
  }
  if (apart) go = any_lane(go);
  if (freezing >= 0) go = t_.def("and i1 {}, {}", go, rounds[first_active]);
  // What a wrong place says may go on for ever.
  if (s_.may_fail) go = t_.def("and i1 {}, {}", go, t_.def("icmp eq i64 {}, 0", t_.def("load i64, ptr %status")));
  rounds.enter(go);
  const std::vector<Value> outside = apart ? std::exchange(s_.active, active) : s_.active;
  emit(false);
  s_.active = outside;
  std::vector<Value> next;
  for (size_t k = 0; k < loop.init.size(); ++k)
    for (int chunk = 0; chunk < chunks(k); ++chunk) {
      const Value value = operand(loop.next[k], chunk, varies(carry_of(k)));
      const std::string& type = state[next.size()].type;
      next.push_back(apart && varies(carry_of(k))
                         ? t_.def("select {} {}, {} {}, {} {}", mask, active[static_cast<size_t>(chunk)], type, value,
                                  type, rounds[next.size()])
                         : value);
    }
  next.insert(next.end(), active.begin(), active.end());
  if (freezing >= 0) {
    Value moving;
    for (int chunk = 0; chunk < shape_.count; ++chunk) {
      Value lanes = operand(freezing, chunk, true);
      if (!shape_.masks.empty()) lanes = t_.def("and {} {}, {}", mask, lanes, shape_.masks[static_cast<size_t>(chunk)]);
      moving = chunk == 0 ? lanes : t_.def("or {} {}, {}", mask, moving, lanes);
    }
    next.push_back(any_lane(moving));
  }
  rounds.close(next);
  forget_places();
}

}  // namespace tandem::llvm
