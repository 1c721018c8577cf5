#include "ir/loops.h"

namespace tandem {

std::vector<int> needs_of(const ScalarLoop& loop) {
  std::vector<int> nodes{loop.condition};
  for (const auto* list : {&loop.init, &loop.next}) nodes.insert(nodes.end(), list->begin(), list->end());
  return nodes;
}

std::vector<int> loops_of(const Stage& stage) {
  std::vector<int> found(stage.body.size(), -1);
  for (size_t k = 0; k < stage.loops.size(); ++k) {
    const ScalarLoop& loop = stage.loops[k];
    const auto own = [&](int node) { return node >= 0 && found[static_cast<size_t>(node)] == static_cast<int>(k); };
    for (int n = loop.first; n < loop.last; ++n) {
      const ScalarNode& node = stage.body[static_cast<size_t>(n)];
      if (node.op == ScalarOp::carry || own(node.a) || own(node.b) || own(node.c))
        found[static_cast<size_t>(n)] = static_cast<int>(k);
    }
  }
  return found;
}

}  // namespace tandem
