#include "ir/loops.h"

namespace tandem {

std::vector<int> needs_of(const ScalarLoop& loop) {
  std::vector<int> nodes{loop.condition};
  for (const auto* list : {&loop.init, &loop.next}) nodes.insert(nodes.end(), list->begin(), list->end());
  return nodes;
}

namespace {

// What a node reads: its operands, and of a load the indices of its gathers.
template <class Read>
void operands_of(const ScalarNode& node, const std::vector<Access>& accesses, const Read& read) {
  for (const int id : {node.a, node.b, node.c})
    if (id >= 0) read(id);
  if (node.op == ScalarOp::load)
    for (const Gather& gather : accesses[static_cast<size_t>(node.imm)].gathers) read(gather.value);
}

}  // namespace

std::vector<int> loops_of(const Stage& stage, const std::vector<Access>& accesses) {
  std::vector<int> found(stage.body.size(), -1);
  for (size_t k = 0; k < stage.loops.size(); ++k) {
    const ScalarLoop& loop = stage.loops[k];
    for (int n = loop.first; n < loop.last; ++n) {
      const ScalarNode& node = stage.body[static_cast<size_t>(n)];
      bool own = node.op == ScalarOp::carry;
      operands_of(node, accesses, [&](int id) { own = own || found[static_cast<size_t>(id)] == static_cast<int>(k); });
      if (own) found[static_cast<size_t>(n)] = static_cast<int>(k);
    }
  }
  return found;
}

std::vector<char> read_behind(const Stage& stage, const std::vector<Access>& accesses) {
  std::vector<char> found(stage.body.size(), 0);
  for (const ScalarLoop& loop : stage.loops) {
    const int end = loop.first + static_cast<int>(loop.init.size());
    const auto read = [&](int node) {
      if (loop.first <= node && node < end) found[static_cast<size_t>(node)] = 1;
    };
    for (auto n = static_cast<size_t>(loop.last); n < stage.body.size(); ++n)
      operands_of(stage.body[n], accesses, read);
    for (const ScalarLoop& other : stage.loops)
      if (other.first >= loop.last)
        for (const int node : needs_of(other)) read(node);
    for (const Store& store : stage.stores) {
      read(store.value);
      for (const Gather& gather : accesses[static_cast<size_t>(store.access)].gathers) read(gather.value);
    }
    for (const Reduction& r : stage.reductions) read(r.value);
    for (const Scan& scan : stage.scans) read(scan.next);
  }
  return found;
}

std::vector<char> before_condition(const Stage& stage, const std::vector<Access>& accesses) {
  std::vector<char> found(stage.body.size(), 0);
  for (const ScalarLoop& loop : stage.loops) {
    found[static_cast<size_t>(loop.condition)] = 1;
    for (int n = loop.last - 1; n >= loop.first; --n)
      if (found[static_cast<size_t>(n)])
        operands_of(stage.body[static_cast<size_t>(n)], accesses, [&](int id) { found[static_cast<size_t>(id)] = 1; });
  }
  return found;
}

}  // namespace tandem
