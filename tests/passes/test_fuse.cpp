// Graph text in, groups out: one line per kernel-to-be.
#include "passes/fuse.h"

#include <algorithm>

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
  const size_t count = graph.nodes.size();
  std::vector<int> unit(count);  // nodes that run as one
  for (size_t n = 0; n < count; ++n)
    unit[n] = fusion.group_of[n] >= 0 ? fusion.group_of[n] : static_cast<int>(fusion.groups.size() + n);
  for (size_t g = 0; g < fusion.groups.size(); ++g)
    for (int n : fusion.groups[g].members) CHECK(fusion.group_of[static_cast<size_t>(n)] == static_cast<int>(g));
  // Repeatedly take away units whose inputs are all there.
  const size_t units = fusion.groups.size() + count;
  std::vector<bool> done(units, false);
  for (size_t round = 0; round < units; ++round)
    for (size_t u = 0; u < units; ++u) {
      bool ready = true;
      for (size_t n = 0; n < count; ++n)
        for (ValueId input : unit[n] == static_cast<int>(u) ? graph.nodes[n].inputs : std::vector<ValueId>{}) {
          const int from = producers[static_cast<size_t>(input)];
          ready = ready && (from < 0 || unit[static_cast<size_t>(from)] == static_cast<int>(u) ||
                            done[static_cast<size_t>(unit[static_cast<size_t>(from)])]);
        }
      if (ready) done[u] = true;
    }
  CHECK(std::find(done.begin(), done.end(), false) == done.end());
  const auto stored = [&](int n) {
    const auto& outputs = fusion.groups[static_cast<size_t>(fusion.group_of[static_cast<size_t>(n)])].outputs;
    return std::find(outputs.begin(), outputs.end(), graph.nodes[static_cast<size_t>(n)].outputs[0]) != outputs.end();
  };
  for (ValueId result : graph.results) {
    const int n = producers[static_cast<size_t>(result)];
    if (n >= 0 && fusion.group_of[static_cast<size_t>(n)] >= 0) CHECK(stored(n));
  }
  for (size_t n = 0; n < count; ++n)
    for (ValueId input : graph.nodes[n].inputs) {
      const int from = producers[static_cast<size_t>(input)];
      if (from < 0 || fusion.group_of[static_cast<size_t>(from)] < 0) continue;
      const bool elsewhere = fusion.group_of[n] >= 0 && fusion.group_of[n] != fusion.group_of[static_cast<size_t>(from)];
      const bool call = fusion.group_of[n] < 0 && !fusion.inlined[n] && !is_view(*graph.nodes[n].op);
      if (elsewhere || call) CHECK(stored(from));
    }
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
  })") == "[N, 64*] max subtract exp sum divide -> divide\n");
  CHECK(fused(R"(graph @f(%x: f32[N, 64]) -> f32[N, 64] {
    %0 = softmax %x axis=0 : f32[N, 64]
    return %0
  })") == "[N*, 64] max subtract exp sum divide -> divide\n");
  CHECK(fused(R"(graph @f(%x: f32[N, 64]) -> f32[N, 64] {
    %0 = log_softmax %x : f32[N, 64]
    return %0
  })") == "");
  CHECK(fused(R"(graph @f(%x: f32[N, 64]) -> f32[N] {
    %0 = logsumexp %x axis=1 : f32[N]
    return %0
  })") == "");
  CHECK(fused(R"(graph @f(%x: f32[N, 64]) -> f32[N] {
    %0 = var %x axis=1 : f32[N]
    return %0
  })") == "");
  CHECK(fused(R"(graph @f(%x: f32[N, 64], %w: f32[64], %b: f32[64]) -> f32[N, 64] {
    %0 = layer_norm %x, %w, %b : f32[N, 64]
    return %0
  })") == "");
}

TEST_CASE("fuse: reductions over the same axes are siblings") {
  CHECK(fused(R"(graph @f(%x: f32[N, 64]) -> f32[N], f32[N] {
    %0 = mean %x axis=1 : f32[N]
    %1 = var %x axis=1 : f32[N]
    return %0, %1
  })") == "");
  // Nothing is shared, so nothing is gained.
  CHECK(fused(R"(graph @f(%x: f32[N, 8], %y: f32[N, 8]) -> f32[N], f32[N] {
    %0 = sum %x axis=1 : f32[N]
    %1 = sum %y axis=1 : f32[N]
    return %0, %1
  })") == "");
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
    %0 = iota shape=[N] axis=0 : i64[N]
    %1 = multiply %x, %0 : f32[N]
    return %1
  })") == "");
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
  })") == "");
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
  })") == "");
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
  CHECK(fused(R"(graph @f(%x: f32[N, 8], %v: f32[8]) -> f32[N, 8] {
    %0 = exp %v : f32[8]
    %1 = slice_update %x, %0 starts=[0, 0] sizes=[N, 8] steps=[1, 1] : f32[N, 8]
    return %1
  })") == "");
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
