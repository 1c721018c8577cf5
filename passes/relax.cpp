#include "passes/relax.h"

#include "ir/scalar.h"

namespace tandem {

namespace {

// Every reference to a node of the body from outside of it.
std::vector<int*> roots_of(Stage& stage, std::vector<Access>& accesses) {
  std::vector<int*> roots;
  std::vector<bool> seen(accesses.size(), false);  // several loads may share an access
  const auto access = [&](int64_t index) {
    const auto i = static_cast<size_t>(index);
    for (Gather& gather : accesses[i].gathers)
      if (!seen[i]) roots.push_back(&gather.value);
    seen[i] = true;
  };
  for (const ScalarNode& node : stage.body)
    if (node.op == ScalarOp::load) access(node.imm);
  for (Store& store : stage.stores) {
    access(store.access);
    roots.push_back(&store.value);
  }
  for (Reduction& reduction : stage.reductions) roots.push_back(&reduction.value);
  for (Scan& scan : stage.scans) roots.push_back(&scan.next);
  return roots;
}

ScalarNode with_operands(ScalarNode node, const std::vector<int>& map) {
  for (int* operand : {&node.a, &node.b, &node.c})
    if (*operand >= 0) *operand = map[static_cast<size_t>(*operand)];
  return node;
}

class StageRelaxer {
 public:
  StageRelaxer(Stage& stage, std::vector<Access>& accesses) : stage_(stage), accesses_(accesses) {}

  void run() {
    count_uses();
    std::vector<int> map(stage_.body.size(), -1);
    for (size_t n = 0; n < map.size(); ++n) map[n] = relaxed(with_operands(stage_.body[n], map), stage_.body[n]);
    replace_body(builder_.take(), map);
    drop_dead();
  }

 private:
  void count_uses() {
    uses_.assign(stage_.body.size(), 0);
    const auto use = [&](int operand) {
      if (operand >= 0) ++uses_[static_cast<size_t>(operand)];
    };
    for (const ScalarNode& node : stage_.body)
      for (const int operand : {node.a, node.b, node.c}) use(operand);
    for (const int* root : roots_of(stage_, accesses_)) use(*root);
  }

  void replace_body(std::vector<ScalarNode> body, const std::vector<int>& map) {
    for (int* root : roots_of(stage_, accesses_)) *root = map[static_cast<size_t>(*root)];
    stage_.body = std::move(body);
  }

  const ScalarNode& made(int id) const { return builder_.body()[static_cast<size_t>(id)]; }
  Scalar value(int id) { return builder_.at(id); }

  // The node in the new body; `before` is the same with operands in the old one.
  int relaxed(const ScalarNode& node, const ScalarNode& before) {
    if (node.op == ScalarOp::cast && node.dtype == DType::f32) {
      const ScalarNode& rounded = made(node.a);
      if (rounded.op == ScalarOp::cast && is_half(rounded.dtype) && made(rounded.a).dtype == DType::f32)
        return rounded.a;
    }
    if ((node.op == ScalarOp::add || node.op == ScalarOp::sub) && is_floating(node.dtype)) {
      const bool minus = node.op == ScalarOp::sub;
      if (is_own_product(before.a, node.a)) {
        const Scalar c = value(node.b);
        return fma(value(made(node.a).a), value(made(node.a).b), minus ? -c : c).id;
      }
      if (is_own_product(before.b, node.b)) {
        const Scalar a = value(made(node.b).a);
        return fma(minus ? -a : a, value(made(node.b).b), value(node.a)).id;
      }
    }
    return builder_.emit(node.op, node.dtype, node.a, node.b, node.c, node.imm).id;
  }

  bool is_own_product(int before, int now) const {
    return uses_[static_cast<size_t>(before)] == 1 && made(now).op == ScalarOp::mul;
  }

  void drop_dead() {
    std::vector<bool> live(stage_.body.size(), false);
    for (const int* root : roots_of(stage_, accesses_)) live[static_cast<size_t>(*root)] = true;
    for (size_t n = live.size(); n-- > 0;)
      for (const int operand : {stage_.body[n].a, stage_.body[n].b, stage_.body[n].c})
        if (live[n] && operand >= 0) live[static_cast<size_t>(operand)] = true;
    std::vector<int> map(live.size(), -1);
    std::vector<ScalarNode> body;
    for (size_t n = 0; n < live.size(); ++n) {
      if (!live[n]) continue;
      map[n] = static_cast<int>(body.size());
      body.push_back(with_operands(stage_.body[n], map));
    }
    replace_body(std::move(body), map);
  }

  Stage& stage_;
  std::vector<Access>& accesses_;
  ScalarBuilder builder_;
  std::vector<int> uses_;
};

}  // namespace

Kernel relax(Kernel kernel) {
  for (Stage& stage : kernel.stages)
    if (stage.loops.empty()) StageRelaxer(stage, kernel.accesses).run();  // a body with a loop stays as it is
  return kernel;
}

}  // namespace tandem
