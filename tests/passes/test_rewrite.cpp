#include "passes/rewrite.h"

#include "tests/ir/random_graph.h"
#include "tests/passes/cases.h"

using namespace tandem;
using namespace tandem::testing;

namespace {

class Copier : public Rewriter {
 public:
  using Rewriter::Rewriter;
  Graph rewrite_region(const Node& node, size_t index) override { return Copier(*node.regions[index], env_).run(); }
};

// Puts every first region of `if` in place of the node.
class Chooser : public Copier {
 public:
  using Copier::Copier;
  void visit(const Node& node) override {
    if (node.op->name != "if") return copy(node);
    const auto inputs = mapped(node.inputs);
    const auto results = splice(*node.regions[0], {inputs.begin() + 1, inputs.end()});
    for (size_t k = 0; k < results.size(); ++k) map(node.outputs[k], results[k]);
    CHECK(loc_ == node.loc);
  }
};

}  // namespace

TEST_CASE("rewrite: a copy is the same text, regions, strides and locations included") {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const Graph graph = RandomGraph(seed).make();
    REQUIRE(to_text(Copier(graph, ShapeEnv()).run()) == to_text(graph));
  }
  check_nothing_to_do(
      [](const Graph& graph) { return Copier(graph, ShapeEnv()).run(); },
      "graph @f(%x: f32[3, 2] strides [1, 3]) -> f32[3, 2] { %0 = exp %x : f32[3, 2] # a.py:1\n return %0 }");
}

TEST_CASE("rewrite: a region in place of its node keeps its own lines") {
  check_pass([](const Graph& graph) { return Chooser(graph, ShapeEnv()).run(); },
             R"(graph @f(%p: bool[], %x: f32[3]) -> f32[3] {
    %0 = if %p, %p, %x : f32[3] {  # a.py:1
      then(%q: bool[], %a: f32[3]) -> f32[3] {
        %0 = exp %a : f32[3]  # a.py:2
        %1 = if %q, %0 : f32[3] {
          then(%a: f32[3]) -> f32[3] {
            %0 = sin %a : f32[3]  # a.py:3
            return %0
          }
          else(%a: f32[3]) -> f32[3] {
            return %a
          }
        }
        return %1
      }
      else(%q: bool[], %a: f32[3]) -> f32[3] {
        return %a
      }
    }
    %1 = negative %0 : f32[3]  # a.py:4
    return %1
  })",
             R"(graph @f(%p: bool[], %x: f32[3]) -> f32[3] {
    %0 = exp %x : f32[3]  # a.py:2
    %1 = sin %0 : f32[3]  # a.py:3
    %2 = negative %1 : f32[3]  # a.py:4
    return %2
  })");
}
