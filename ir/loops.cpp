#include "ir/loops.h"

#include <algorithm>

namespace tandem {

std::vector<int> needs_of(const ScalarLoop& loop) {
  std::vector<int> nodes{loop.condition};
  for (const auto* list : {&loop.init, &loop.next}) nodes.insert(nodes.end(), list->begin(), list->end());
  return nodes;
}

std::vector<int> loops_around(const Stage& stage) {
  std::vector<int> around(stage.loops.size(), -1);
  for (size_t k = 1; k < stage.loops.size(); ++k) {
    int outer = static_cast<int>(k) - 1;
    while (outer >= 0 && !lies_within(stage.loops[k], stage.loops[static_cast<size_t>(outer)]))
      outer = around[static_cast<size_t>(outer)];
    around[k] = outer;
  }
  return around;
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

bool is_checked(const ScalarNode& node, const std::vector<Access>& accesses) {
  return node.op == ScalarOp::load && !accesses[static_cast<size_t>(node.imm)].gathers.empty();
}

}  // namespace

std::vector<int> loops_of(const Stage& stage, const std::vector<Access>& accesses) {
  const std::vector<int> around = loops_around(stage);
  const auto holds = [&](int loop, int node) {
    return stage.loops[static_cast<size_t>(loop)].first <= node && node < stage.loops[static_cast<size_t>(loop)].last;
  };
  const auto up = [&](int loop, int node) {  // to the innermost one that holds the node
    while (loop >= 0 && !holds(loop, node)) loop = around[static_cast<size_t>(loop)];
    return loop;
  };
  std::vector<int> found(stage.body.size(), -1);
  int present = -1;
  size_t next = 0;
  for (int n = 0; n < static_cast<int>(stage.body.size()); ++n) {
    while (next < stage.loops.size() && stage.loops[next].first == n) present = static_cast<int>(next++);
    present = up(present, n);
    const ScalarNode& node = stage.body[static_cast<size_t>(n)];
    int& own = found[static_cast<size_t>(n)];
    if (node.op == ScalarOp::carry || is_checked(node, accesses)) own = present;
    // Loops around a node lie in each other: the later one is the inner one.
    operands_of(node, accesses, [&](int id) { own = std::max(own, up(found[static_cast<size_t>(id)], n)); });
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
      if (!lies_within(other, loop))
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

bool needs_loop(const std::vector<char>& nodes, const ScalarLoop& loop) {
  const auto first = nodes.begin() + loop.first;
  return std::find(first, first + static_cast<std::ptrdiff_t>(loop.init.size()), 1) !=
         first + static_cast<std::ptrdiff_t>(loop.init.size());
}

std::vector<char> before_condition(const Stage& stage, const std::vector<Access>& accesses, size_t number) {
  std::vector<char> found(stage.body.size(), 0);
  const ScalarLoop& loop = stage.loops[number];
  const auto need = [&found](int node) { found[static_cast<size_t>(node)] = 1; };
  need(loop.condition);
  for (int n = loop.last - 1; n >= loop.first; --n) {
    // All that reads carries of a loop that ends here has been looked at.
    for (size_t k = number + 1; k < stage.loops.size(); ++k)
      if (stage.loops[k].last == n + 1 && lies_within(stage.loops[k], loop) && needs_loop(found, stage.loops[k]))
        for (const int node : needs_of(stage.loops[k])) need(node);
    if (found[static_cast<size_t>(n)]) operands_of(stage.body[static_cast<size_t>(n)], accesses, need);
  }
  return found;
}

}  // namespace tandem
