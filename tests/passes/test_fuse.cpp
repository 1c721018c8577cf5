// Graph text in, groups out: one line per kernel-to-be.
#include "passes/fuse.h"

#include <algorithm>
#include <functional>
#include <set>

#include "ir/builder.h"
#include "passes/layout.h"
#include "passes/pipeline.h"
#include "tests/passes/cases.h"

using namespace tandem;
using namespace tandem::testing;

namespace {

// "[N, 8*] max exp sum divide -> divide": the axes (* where reduced), the members in graph order, what is stored. Then
// the nodes in no group, those evaluated where they are read in brackets; views are left out.
std::string describe(const Graph& graph, const Fusion& fusion) {
  const auto producers = graph.producers();
  const auto name = [&](int n) { return std::string(graph.nodes[static_cast<size_t>(n)].op->name); };
  std::vector<Group> groups = fusion.groups;
  for (Group& group : groups) std::sort(group.members.begin(), group.members.end());
  std::sort(groups.begin(), groups.end(), [](const Group& a, const Group& b) { return a.members[0] < b.members[0]; });
  std::string text;
  for (const Group& group : groups) {
    text += "[";
    for (size_t a = 0; a < group.axes.size(); ++a)
      text += (a ? ", " : "") + to_text(group.axes[a]) + (group.reduced[a] ? "*" : "");
    text += "]";
    for (int n : group.members) text += " " + name(n);
    std::vector<int> stored;
    for (ValueId value : group.outputs) stored.push_back(producers[static_cast<size_t>(value)]);
    std::sort(stored.begin(), stored.end());
    text += " ->";
    for (int n : stored) text += " " + name(n);
    text += "\n";
  }
  std::string rest;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    if (fusion.group_of[n] >= 0 || is_view(*graph.nodes[n].op)) continue;
    const std::string one = name(static_cast<int>(n));
    rest += " " + (fusion.inlined[n] ? "(" + one + ")" : one);
  }
  return text + (rest.empty() ? "" : "rest:" + rest + "\n");
}

// What the header guarantees, whatever the groups are.
void check_sound(const Graph& graph, const Fusion& fusion) {
  const auto producers = graph.producers();
  const size_t count = graph.nodes.size(), groups = fusion.groups.size();
  // Nodes of a group run as one; views and inlined nodes run where they are read, so what they read counts instead.
  const auto unit = [&](size_t n) {
    return fusion.group_of[n] >= 0 ? static_cast<size_t>(fusion.group_of[n]) : groups + n;
  };
  const auto transparent = [&](size_t n) {
    return fusion.group_of[n] < 0 && (is_view(*graph.nodes[n].op) || fusion.inlined[n]);
  };
  const std::function<void(ValueId, std::vector<size_t>&)> sources = [&](ValueId value, std::vector<size_t>& out) {
    if (producers[static_cast<size_t>(value)] < 0) return;
    const auto n = static_cast<size_t>(producers[static_cast<size_t>(value)]);
    if (!transparent(n)) return out.push_back(n);
    for (ValueId input : graph.nodes[n].inputs) sources(input, out);
  };
  const auto stored = [&](size_t n) {
    if (fusion.group_of[n] < 0) return true;
    const auto& outputs = fusion.groups[static_cast<size_t>(fusion.group_of[n])].outputs;
    return std::find(outputs.begin(), outputs.end(), graph.nodes[n].outputs[0]) != outputs.end();
  };
  std::vector<std::set<size_t>> needs(groups + count);
  for (size_t n = 0; n < count; ++n) {
    if (transparent(n)) continue;
    std::vector<size_t> from;
    for (ValueId input : graph.nodes[n].inputs) sources(input, from);
    for (size_t source : from) {
      if (unit(source) == unit(n)) continue;
      CHECK(stored(source));
      needs[unit(n)].insert(unit(source));
    }
  }
  for (ValueId result : graph.results) {
    std::vector<size_t> from;
    sources(result, from);
    for (size_t source : from) CHECK(stored(source));
  }
  for (size_t g = 0; g < groups; ++g)
    for (int n : fusion.groups[g].members) CHECK(fusion.group_of[static_cast<size_t>(n)] == static_cast<int>(g));
  // Acyclic: taking away whatever waits for nothing leaves nothing.
  size_t left = needs.size();
  for (bool progress = true; progress;) {
    progress = false;
    for (size_t u = 0; u < needs.size(); ++u) {
      if (!needs[u].empty()) continue;
      for (auto& other : needs) other.erase(u);
      needs[u].insert(u);  // waits for itself from now on: done
      --left, progress = true;
    }
  }
  CHECK(left == 0);
}

std::string fused(std::string_view text, std::vector<int64_t> hints = {}) {
  const Graph graph = parse_graph(text);
  verify(graph);
  const Graph normal = normalize_layout(optimize(graph));
  const Fusion fusion = fuse(normal, hints);
  INFO(to_text(normal));
  check_sound(normal, fusion);
  return describe(normal, fusion);
}

}  // namespace

TEST_CASE("fuse: a chain of pointwise operations is one group") {
  CHECK(fused(R"(graph @f(%x: f32[N, 8], %y: f32[8], %z: f32[N, 1]) -> f32[N, 8] {
    %0 = exp %x : f32[N, 8]
    %1 = multiply %0, %y : f32[N, 8]
    %2 = add %1, %z : f32[N, 8]
    %3 = tanh %2 : f32[N, 8]
    return %3
  })") == "[N, 8] exp multiply add tanh -> tanh\n");
}

TEST_CASE("fuse: normalisations are one group each") {
  CHECK(fused(R"(graph @f(%x: f32[N, 64]) -> f32[N, 64] {
    %0 = softmax %x : f32[N, 64]
    return %0
  })") == "[N, 64*] max subtract exp sum divide multiply -> multiply\nrest: (full)\n");
  CHECK(fused(R"(graph @f(%x: f32[N, 64]) -> f32[N, 64] {
    %0 = softmax %x axis=0 : f32[N, 64]
    return %0
  })") == "[N*, 64] max subtract exp sum divide multiply -> multiply\nrest: (full)\n");
  CHECK(fused(R"(graph @f(%x: f32[N, 64]) -> f32[N, 64] {
    %0 = log_softmax %x : f32[N, 64]
    return %0
  })") == "[N, 64*] max subtract exp sum log subtract -> subtract\n");
  CHECK(fused(R"(graph @f(%x: f32[N, 64]) -> f32[N] {
    %0 = logsumexp %x axis=1 : f32[N]
    return %0
  })") == "[N, 64*] max isfinite where subtract exp sum log add -> add\nrest: (full)\n");
  CHECK(fused(R"(graph @f(%x: f32[N, 64]) -> f32[N] {
    %0 = var %x axis=1 : f32[N]
    return %0
  })") == "[N, 64*] sum multiply subtract multiply sum multiply -> multiply\nrest: (full)\n");
  CHECK(fused(R"(graph @f(%x: f32[N, 64], %w: f32[64], %b: f32[64]) -> f32[N, 64] {
    %0 = layer_norm %x, %w, %b : f32[N, 64]
    return %0
  })") ==
        "[N, 64*] sum multiply subtract multiply sum multiply add rsqrt multiply multiply add -> add\n"
        "rest: (full) (full)\n");
}

TEST_CASE("fuse: reductions of one value over the same axes are siblings") {
  CHECK(fused(R"(graph @f(%x: f32[N, 64]) -> f32[N, 1], f32[N] {
    %0 = mean %x axis=1 keepdims=true : f32[N, 1]
    %1 = var %x axis=1 : f32[N]
    return %0, %1
  })") == "[N, 64*] sum multiply subtract multiply sum multiply -> multiply multiply\nrest: (full)\n");
  CHECK(fused(R"(graph @f(%x: f32[N, 64]) -> f32[N], f32[N] {
    %0 = exp %x : f32[N, 64]
    %1 = mean %0 axis=1 : f32[N]
    %2 = var %0 axis=1 : f32[N]
    return %1, %2
  })") == "[N, 64*] exp sum multiply sum multiply subtract multiply sum multiply -> multiply multiply\nrest: (full)\n");
  // Not over other axes, and not where nothing is shared.
  CHECK(fused(R"(graph @f(%x: f32[8, 8]) -> f32[8], f32[8] {
    %0 = exp %x : f32[8, 8]
    %1 = sum %0 axis=0 : f32[8]
    %2 = sum %0 axis=1 : f32[8]
    return %1, %2
  })") == "[8, 8] exp -> exp\n[8*, 8] sum -> sum\n[8, 8*] sum -> sum\n");
  CHECK(fused(R"(graph @f(%x: f32[N, 8], %y: f32[N, 8]) -> f32[N], f32[N] {
    %0 = sum %x axis=1 : f32[N]
    %1 = sum %y axis=1 : f32[N]
    return %0, %1
  })") == "[N, 8*] sum -> sum\n[N, 8*] sum -> sum\n");
}

TEST_CASE("fuse: what feeds a reduction and what follows it joins it") {
  CHECK(fused(R"(graph @f(%x: f32[N, 8]) -> f32[N] {
    %0 = square %x : f32[N, 8]
    %1 = sum %0 axis=1 : f32[N]
    %2 = sqrt %1 : f32[N]
    return %2
  })") == "[N, 8*] square sum sqrt -> sqrt\n");
  // A second reduction over another axis cannot.
  CHECK(fused(R"(graph @f(%x: f32[N, 8]) -> f32[] {
    %0 = sum %x axis=1 : f32[N]
    %1 = max %0 : f32[]
    return %1
  })") == "[N, 8*] sum -> sum\n[N*] max -> max\n");
}

TEST_CASE("fuse: a costly value is computed once") {
  // Read with two different index maps: stored.
  CHECK(fused(R"(graph @f(%x: f32[N, N]) -> f32[N, N] {
    %0 = exp %x : f32[N, N]
    %1 = permute_dims %0 axes=[1, 0] : f32[N, N]
    %2 = add %0, %1 : f32[N, N]
    return %2
  })") == "[N, N] exp -> exp\n[N, N] add -> add\n");
  // Broadcast along an outer axis it would be computed for every row.
  CHECK(fused(R"(graph @f(%x: f32[64], %y: f32[N, 64]) -> f32[N, 64] {
    %0 = exp %x : f32[64]
    %1 = add %0, %y : f32[N, 64]
    return %1
  })") == "[64] exp -> exp\n[N, 64] add -> add\n");
  // Along the innermost axis it is computed once per row all the same.
  CHECK(fused(R"(graph @f(%x: f32[N, 1], %y: f32[N, 64]) -> f32[N, 64] {
    %0 = exp %x : f32[N, 1]
    %1 = add %0, %y : f32[N, 64]
    return %1
  })") == "[N, 64] exp add -> add\n");
  // Two readers over the same axes become one group around it.
  CHECK(fused(R"(graph @f(%x: f32[N, 8]) -> f32[N, 8], f32[N, 8] {
    %0 = exp %x : f32[N, 8]
    %1 = sin %0 : f32[N, 8]
    %2 = cos %0 : f32[N, 8]
    return %1, %2
  })") == "[N, 8] exp sin cos -> sin cos\n");
}

TEST_CASE("fuse: cheap values are evaluated wherever they are read") {
  CHECK(fused(R"(graph @f(%x: f32[64], %y: f32[N, 64]) -> f32[N, 64] {
    %0 = negative %x : f32[64]
    %1 = add %0, %y : f32[N, 64]
    return %1
  })") == "[N, 64] negative add -> add\n");
  CHECK(fused(R"(graph @f(%x: f32[N, 8], %y: f32[N]) -> f32[N, 8], f32[N] {
    %0 = add %y, %y : f32[N]
    %1 = expand_dims %0 axis=1 : f32[N, 1]
    %2 = multiply %x, %1 : f32[N, 8]
    %3 = exp %0 : f32[N]
    return %2, %3
  })") == "[N, 8] multiply -> multiply\n[N] exp -> exp\nrest: (add)\n");
  CHECK(fused(R"(graph @f(%x: f32[N]) -> f32[N] {
    %0 = iota shape=[N] axis=0 dtype=i64 : i64[N]
    %1 = multiply %x, %0 : f32[N]
    return %1
  })") == "[N] multiply -> multiply\nrest: (iota)\n");
}

TEST_CASE("fuse: views are index maps, not copies") {
  CHECK(fused(R"(graph @f(%x: f32[N, 8], %y: f32[4, N]) -> f32[4, N] {
    %0 = exp %x : f32[N, 8]
    %1 = slice %0 starts=[0, 0] sizes=[N, 4] steps=[1, 2] : f32[N, 4]
    %2 = permute_dims %1 axes=[1, 0] : f32[4, N]
    %3 = flip %2 axis=[0] : f32[4, N]
    %4 = add %3, %y : f32[4, N]
    return %4
  })") == "[4, N] exp add -> add\n");
  // A reshape that no index map expresses reads from memory.
  CHECK(fused(R"(graph @f(%x: f32[6, 4], %y: f32[3, 8]) -> f32[3, 8] {
    %0 = exp %x : f32[6, 4]
    %1 = reshape %0 shape=[3, 8] : f32[3, 8]
    %2 = add %1, %y : f32[3, 8]
    return %2
  })") == "[6, 4] exp -> exp\n[3, 8] add -> add\n");
  // One that only splits or joins axes with sizes of 1 is an index map like any other.
  CHECK(fused(R"(graph @f(%x: f32[6, 4], %y: f32[6, 1, 4]) -> f32[6, 1, 4] {
    %0 = exp %x : f32[6, 4]
    %1 = reshape %0 shape=[6, 1, 4] : f32[6, 1, 4]
    %2 = add %1, %y : f32[6, 1, 4]
    return %2
  })") == "[6, 1, 4] exp add -> add\n");
  CHECK(fused(R"(graph @f(%x: f32[N, 4] strides [1, N]) -> f32[4*N] {
    %0 = reshape %x shape=[4*N] : f32[4*N]
    %1 = negative %0 : f32[4*N]
    return %1
  })") == "[N, 4] copy -> copy\n[4*N] negative -> negative\n");
}

TEST_CASE("fuse: a value that is both an intermediate and a result is stored on the way") {
  CHECK(fused(R"(graph @f(%x: f32[N, 8]) -> f32[N, 8], f32[N, 8], f32[N] {
    %0 = exp %x : f32[N, 8]
    %1 = sum %0 axis=1 keepdims=true : f32[N, 1]
    %2 = divide %0, %1 : f32[N, 8]
    %3 = reshape %1 shape=[N] : f32[N]
    return %0, %2, %3
  })") == "[N, 8*] exp sum divide -> exp sum divide\n");
  // Not where the group would write it several times.
  CHECK(fused(R"(graph @f(%x: f32[1, 8], %y: f32[N, 8]) -> f32[1, 8], f32[N, 8] {
    %0 = negative %x : f32[1, 8]
    %1 = add %0, %y : f32[N, 8]
    return %0, %1
  })") == "[1, 8] negative -> negative\n[N, 8] add -> add\n");
}

TEST_CASE("fuse: no cycle through a library call") {
  // %0 feeds the product and what adds the product: one group of both would wait for itself.
  CHECK(fused(R"(graph @f(%x: f32[8, 8], %w: f32[8, 8]) -> f32[8, 8] {
    %0 = exp %x : f32[8, 8]
    %1 = matmul %0, %w : f32[8, 8]
    %2 = add %0, %1 : f32[8, 8]
    return %2
  })") == "[8, 8] exp -> exp\n[8, 8] add -> add\nrest: matmul\n");
  // Merging two groups around a shared value must not close a cycle either.
  CHECK(fused(R"(graph @f(%x: f32[8, 8], %w: f32[8, 8]) -> f32[8, 8], f32[8, 8] {
    %0 = exp %x : f32[8, 8]
    %1 = sin %0 : f32[8, 8]
    %2 = matmul %1, %w : f32[8, 8]
    %3 = tanh %2 : f32[8, 8]
    %4 = multiply %3, %0 : f32[8, 8]
    return %1, %4
  })") == "[8, 8] exp -> exp\n[8, 8] sin -> sin\n[8, 8] tanh multiply -> multiply\nrest: matmul\n");
}

TEST_CASE("fuse: gathers read their table from memory") {
  CHECK(fused(R"(graph @f(%t: f32[100, 8], %i: i64[N], %y: f32[N, 8]) -> f32[N, 8] {
    %0 = exp %t : f32[100, 8]
    %1 = take %0, %i axis=0 : f32[N, 8]
    %2 = add %1, %y : f32[N, 8]
    return %2
  })") == "[100, 8] exp -> exp\n[N, 8] take add -> add\n");
  // Indices are values like any other.
  CHECK(fused(R"(graph @f(%t: f32[100], %i: i64[N]) -> f32[N] {
    %0 = add %i, %i : i64[N]
    %1 = take %t, %0 axis=0 : f32[N]
    %2 = exp %1 : f32[N]
    return %2
  })") == "[N] add take exp -> exp\n");
}

TEST_CASE("fuse: parts of a concat and values of an update belong to what computes them") {
  CHECK(fused(R"(graph @f(%x: f32[N], %y: f32[M]) -> f32[M + N] {
    %0 = exp %x : f32[N]
    %1 = sin %y : f32[M]
    %2 = concat %0, %1 : f32[M + N]
    return %2
  })") == "[N] exp copy -> copy\n[M] sin copy -> copy\nrest: concat\n");
  CHECK(fused(R"(graph @f(%x: f32[N, 8], %v: f32[2, 4]) -> f32[N, 8] {
    %0 = exp %v : f32[2, 4]
    %1 = slice_update %x, %0 starts=[0, 1] sizes=[2, 4] steps=[1, 2] : f32[N, 8]
    return %1
  })") == "[2, 4] exp copy -> copy\nrest: slice_update\n");
}

TEST_CASE("fuse: a cumulative sum starts a group, what it reads joins it") {
  CHECK(fused(R"(graph @f(%x: f32[N, 8]) -> f32[N, 8] {
    %0 = exp %x : f32[N, 8]
    %1 = cumsum %0 axis=1 : f32[N, 8]
    %2 = sqrt %1 : f32[N, 8]
    return %2
  })") == "[N, 8*] exp cumsum -> cumsum\n[N, 8] sqrt -> sqrt\n");
}

TEST_CASE("fuse: hints steer") {
  const char* text = R"(graph @f(%x: f32[N, M]) -> f32[N, M] {
    %0 = max %x axis=1 keepdims=true : f32[N, 1]
    %1 = subtract %x, %0 : f32[N, M]
    return %1
  })";
  const char* one = "[N, M*] max subtract -> subtract\n";
  CHECK(fused(text, {1000, 64}) == one);
  CHECK(fused(text) == one);
  // Few long rows: threads share the blocks of the reduction, so what follows cannot be the same kernel.
  CHECK(fused(text, {2, 1 << 20}) == "[N, M*] max -> max\n[N, M] subtract -> subtract\n");
}

TEST_CASE("fuse: dead nodes and nodes that are not fusable belong to no group") {
  const Graph graph = parse_graph(R"(graph @f(%x: f32[8, 8]) -> f32[8, 8] {
    %0 = exp %x : f32[8, 8]
    %1 = matmul %x, %x : f32[8, 8]
    return %1
  })");
  const Fusion fusion = fuse(graph, {});
  CHECK(fusion.groups.empty());
  CHECK(fusion.group_of == std::vector<int>{-1, -1});
}

TEST_CASE("fuse: values with many readers, deeper than a group may grow") {
  // Fibonacci: every value has two readers. Evaluating them where they are read would take time and code that are
  // exponential in the depth.
  Graph graph;
  ShapeEnv env;
  for (const char* name : {"a", "b"}) graph.add_param({DType::f32, {Dim(64)}, {}}, name);
  GraphBuilder builder(graph, env);
  Value a = builder.at(0), b = builder.at(1);
  constexpr int kSteps = 1500;
  for (int k = 0; k < kSteps; ++k) {
    const Value sum = builder.emit(op("add"), std::vector<Value>{a, b}, {});
    a = b;
    b = sum;
  }
  graph.results = {a.id, b.id};
  const Graph normal = normalize_layout(optimize(graph));
  const Fusion fusion = fuse(normal, {});
  check_sound(normal, fusion);
  CHECK(fusion.groups.size() <= 2 + kSteps / 200);
  CHECK(std::count(fusion.inlined.begin(), fusion.inlined.end(), true) <= kSteps / 50);
}
