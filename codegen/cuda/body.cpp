#include <algorithm>

#include "codegen/cuda/emitter.h"
#include "ir/loops.h"

namespace tandem::cuda {

namespace {

bool computes(ScalarOp op) {
  return op != ScalarOp::constant && op != ScalarOp::index && op != ScalarOp::extent && op != ScalarOp::load &&
         op != ScalarOp::result && op != ScalarOp::carry;
}

}  // namespace

// Whether the innermost loop runs over it: of a map the last axis in its order, of tiles their axes, else the inner ones.
bool Emitter::on_inner_axis(size_t axis) const {
  if (rule_.schedule == DeviceSchedule::map) return axis == last_axis(k_);
  if (rule_.schedule == DeviceSchedule::tiles)
    return axis == last_axis(k_) || static_cast<int>(axis) == crossing_axis(k_);
  return axis >= inner_begin();
}

bool Emitter::is_carry(const ScalarNode& node) const {
  return node.op == ScalarOp::result && static_cast<size_t>(node.imm) >= s_.first_result + s_.stage->reductions.size();
}

void Emitter::analyse(const Stage& stage, size_t first_result) {
  s_ = StageState{};
  s_.stage = &stage;
  s_.first_result = first_result;
  const size_t count = stage.body.size(), accesses = k_.accesses.size();
  s_.used.assign(count, 0);
  s_.inner.assign(count, 0);
  s_.used_access.assign(accesses, 0);
  s_.reach.assign(accesses, Reach::element);
  s_.pointer.assign(accesses, {});
  s_.loop = loops_of(stage, k_.accesses);
  s_.around = loops_around(stage);
  s_.in_loop.assign(accesses, 0);
  for (size_t n = 0; n < count && stage.inner; ++n)
    if (stage.body[n].op == ScalarOp::load && s_.loop[n] >= 0) s_.in_loop[static_cast<size_t>(stage.body[n].imm)] = 1;
  for (size_t n = 0; n < count; ++n) {
    const ScalarNode& node = stage.body[n];
    bool inner = false;
    if (node.op == ScalarOp::index)
      inner = on_inner_axis(static_cast<size_t>(node.imm));
    else if (node.op == ScalarOp::load)
      inner = is_inner_access(static_cast<int>(node.imm));
    else if (node.op == ScalarOp::result)
      inner = is_carry(node);
    else if (node.op == ScalarOp::carry)
      inner = stage.inner;
    else if (computes(node.op))
      for (const int id : {node.a, node.b, node.c}) inner |= id >= 0 && s_.inner[static_cast<size_t>(id)] != 0;
    s_.inner[n] = inner;
  }
  const auto use = [&](int id) {
    if (id >= 0) s_.used[static_cast<size_t>(id)] = 1;
  };
  const auto use_access = [&](int access) {
    s_.used_access[static_cast<size_t>(access)] = 1;
    for (const Gather& g : access_of(access).gathers) use(g.value);
  };
  for (const Store& store : stage.stores) use(store.value), use_access(store.access);
  for (const Reduction& r : stage.reductions) use(r.value);
  for (const Scan& scan : stage.scans) use(scan.next);
  for (const ScalarLoop& loop : stage.loops)
    for (const int node : needs_of(loop)) use(node);
  for (size_t n = count; n-- > 0;) {
    if (!s_.used[n]) continue;
    const ScalarNode& node = stage.body[n];
    if (computes(node.op)) use(node.a), use(node.b), use(node.c);
    if (node.op == ScalarOp::load) use_access(static_cast<int>(node.imm));
  }
  for (size_t a = 0; a < accesses && !stage.loops.empty(); ++a)
    s_.may_fail = s_.may_fail || (s_.used_access[a] && !access_of(static_cast<int>(a)).gathers.empty());
  find_rare();
}

// Nodes that only the first values of rare selects need: they stand in a branch that is seldom taken.
void Emitter::find_rare() {
  const std::vector<ScalarNode>& body = s_.stage->body;
  s_.rare.assign(body.size(), 1);
  const auto common = [&](int id) {
    if (id >= 0) s_.rare[static_cast<size_t>(id)] = 0;
  };
  for (const Store& store : s_.stage->stores) common(store.value);
  for (const Reduction& r : s_.stage->reductions) common(r.value);
  for (const Scan& scan : s_.stage->scans) common(scan.next);
  for (const ScalarLoop& loop : s_.stage->loops)
    for (const int node : needs_of(loop)) common(node);
  for (size_t a = 0; a < s_.used_access.size(); ++a)
    if (s_.used_access[a])
      for (const Gather& g : k_.accesses[a].gathers) common(g.value);
  for (size_t n = body.size(); n-- > 0;) {
    const ScalarNode& node = body[n];
    if (!s_.used[n] || !computes(node.op) || !s_.inner[n]) s_.rare[n] = 0;
    if (s_.rare[n] || !s_.used[n] || !computes(node.op)) continue;
    common(node.a), common(node.c);
    if (!is_rare(node) || !s_.inner[n]) common(node.b);
  }
}

// Operations for every inner point.
int Emitter::weight() const {
  int count = 0;
  for (size_t n = 0; n < s_.used.size(); ++n)
    count += s_.used[n] && s_.inner[n] && !s_.rare[n] && computes(s_.stage->body[n].op);
  return count;
}

void Emitter::nodes(bool inner) {
  size_t done = 0;
  for (size_t k = 0; k < s_.stage->loops.size(); ++k) {
    if (s_.around[k] >= 0) continue;
    const auto last = static_cast<size_t>(s_.stage->loops[k].last);
    nodes_between(done, last, -1, inner);  // of a loop, what does not change in it
    if (inner == s_.stage->inner) loop(static_cast<int>(k));
    done = last;
  }
  nodes_between(done, s_.used.size(), -1, inner);
}

void Emitter::nodes_between(size_t first, size_t last, int loop, bool inner) {
  for (size_t n = first; n < last; ++n)
    if (s_.used[n] && !s_.rare[n] && s_.loop[n] == loop && (s_.inner[n] != 0) == inner) node(n);
}

void Emitter::loop(int number) {
  const ScalarLoop& loop = s_.stage->loops[static_cast<size_t>(number)];
  const auto count = static_cast<int>(loop.init.size());
  const auto type = [&](int k) {
    return register_type(s_.stage->body[static_cast<size_t>(loop.first) + static_cast<size_t>(k)].dtype);
  };
  for (int k = 0; k < count; ++k)
    t_.line("{} v{} = {};", type(k), loop.first + k, operand(loop.init[static_cast<size_t>(k)]));
  const std::vector<char> early = before_condition(*s_.stage, k_.accesses, static_cast<size_t>(number));
  const auto first = static_cast<size_t>(loop.first) + loop.init.size(), last = static_cast<size_t>(loop.last);
  const auto loads = [&](const auto& each) {
    for (size_t n = first; n < last; ++n)
      if (s_.used[n] && s_.stage->body[n].op == ScalarOp::load) each(static_cast<int>(s_.stage->body[n].imm));
  };
  // Others may load through the same pointers behind the loop.
  if (s_.stage->inner) loads([&](int access) { pointer(access); });
  t_.open("while (true)");
  const auto part = [&](bool before) {
    size_t n = first;
    const auto nodes = [&](size_t end) {
      for (; n < end; ++n)
        if ((early[n] != 0) == before) nodes_between(n, n + 1, number, s_.stage->inner);
    };
    for (size_t k = 0; k < s_.stage->loops.size(); ++k) {
      if (s_.around[k] != number) continue;
      const ScalarLoop& inner = s_.stage->loops[k];
      nodes(static_cast<size_t>(inner.last));  // of an inner loop, what does not change in it
      if (needs_loop(early, inner) == before) this->loop(static_cast<int>(k));
    }
    nodes(last);
  };
  part(true);
  t_.line("if (!{}{}) break;", operand(loop.condition), s_.may_fail ? " || failed" : "");
  part(false);
  for (int k = 0; k < count; ++k)
    t_.line("const {} next{} = {};", type(k), k, operand(loop.next[static_cast<size_t>(k)]));
  for (int k = 0; k < count; ++k) t_.line("v{} = next{};", loop.first + k, k);
  t_.close();
  if (!s_.stage->inner) loads([&](int access) { s_.pointer[static_cast<size_t>(access)].clear(); });
}

void Emitter::node(size_t number) {
  const ScalarNode& node = s_.stage->body[number];
  const std::string_view type = register_type(node.dtype);
  std::string value;
  switch (node.op) {
    case ScalarOp::constant: value = literal(node.dtype, node.imm); break;
    case ScalarOp::index: value = fmt::format("i{}", node.imm); break;
    case ScalarOp::extent: value = coef(Coef{false, node.imm}); break;
    case ScalarOp::load: value = load(static_cast<int>(node.imm)); break;
    case ScalarOp::result: value = fmt::format("r{}", node.imm); break;
    default:
      if (is_rare(node) && s_.inner[number] && s_.rare[static_cast<size_t>(node.b)]) {
        t_.line("{} v{} = {};", type, number, operand(node.c));
        t_.open("if ({})", operand(node.a));
        std::vector<char> wanted(static_cast<size_t>(node.b) + 1);
        wanted.back() = 1;
        for (size_t n = wanted.size(); n-- > 0;) {
          const ScalarNode& own = s_.stage->body[n];
          if (wanted[n] && computes(own.op))
            for (const int id : {own.a, own.b, own.c})
              if (id >= 0 && s_.rare[static_cast<size_t>(id)]) wanted[static_cast<size_t>(id)] = 1;
        }
        for (size_t n = 0; n < wanted.size(); ++n)
          if (wanted[n]) this->node(n);
        t_.line("v{} = {};", number, operand(node.b));
        t_.close();
        return;
      }
      value = operation(node.op, node.dtype, s_.stage->body[static_cast<size_t>(node.a)].dtype, operand(node.a),
                        node.b < 0 ? std::string() : operand(node.b), node.c < 0 ? std::string() : operand(node.c));
  }
  t_.line("const {} v{} = {};", type, number, value);
}

}  // namespace tandem::cuda
