// Loops within a body: all lanes walk together, and those whose condition has become false keep what they have.
#include <algorithm>

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
  for (int chunk = 0; apart && chunk < shape_.count; ++chunk)
    state.push_back({mask, shape_.masks.empty() ? literal(DType::boolean, 1, shape_.width)
                                                : shape_.masks[static_cast<size_t>(chunk)]});
  Loop rounds(t_, state);
  size_t at = 0;
  for (size_t k = 0; k < loop.init.size(); ++k) {
    std::vector<Value> values;
    values.reserve(static_cast<size_t>(chunks(k)));
    for (int chunk = 0; chunk < chunks(k); ++chunk) values.push_back(rounds[at++]);
    define(static_cast<size_t>(carry_of(k)), std::move(values));
  }

  // What the condition needs comes before it, the rest behind it.
  const std::vector<char> early = before_condition(*s_.stage, k_.accesses);
  const auto emit = [&](bool before) {
    for (int n = carry_of(loop.init.size()); n < loop.last; ++n) {
      const auto node = static_cast<size_t>(n);
      if (s_.used[node] && !s_.rare[node] && s_.loop[node] == static_cast<int>(number) && (early[node] != 0) == before)
        define(node, emit_node(n));
    }
  };
  // Places that a round reads are its own.
  const auto forget_places = [&] {
    for (int n = loop.first; n < loop.last; ++n)
      if (const ScalarNode& node = s_.stage->body[static_cast<size_t>(n)]; node.op == ScalarOp::load)
        s_.pointers[static_cast<size_t>(node.imm)][static_cast<size_t>(s_.levels)].clear();
  };
  forget_places();
  emit(true);
  std::vector<Value> active;
  Value go = apart ? Value() : operand(loop.condition, 0, false);
  for (int chunk = 0; apart && chunk < shape_.count; ++chunk) {
    active.push_back(t_.def("and {} {}, {}", mask, rounds[first_active + static_cast<size_t>(chunk)],
                            operand(loop.condition, chunk, true)));
    go = chunk == 0 ? active[0] : t_.def("or {} {}, {}", mask, go, active.back());
  }
  if (apart && shape_.width > 1)
    go = t_.def("icmp ne i{0} {1}, 0", shape_.width, t_.def("bitcast {} {} to i{}", mask, go, shape_.width));
  rounds.enter(go);
  emit(false);
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
  rounds.close(next);
}

}  // namespace tandem::llvm
