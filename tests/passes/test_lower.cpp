// Graph text in, kernel structure out. That the kernels compute the right numbers is test_plan's affair.
#include "passes/lower.h"

#include <algorithm>

#include "passes/layout.h"
#include "passes/pipeline.h"
#include "tests/passes/cases.h"

using namespace tandem;

namespace {

constexpr int kFirstTemporary = 1000;

// All kernels of a graph. A stored value has a contiguous buffer of its own: the slot is its id.
struct Lowered {
  explicit Lowered(std::string_view text, std::vector<int64_t> hints = {})
      : graph(normalize_layout(optimize(parse_graph(text)))), fusion(fuse(graph, hints)), producers(graph.producers()) {
    stored.assign(graph.types.size(), false);
    for (const Param& param : graph.params) stored[static_cast<size_t>(param.value)] = true;
    for (const Group& group : fusion.groups)
      for (ValueId value : group.outputs) stored[static_cast<size_t>(value)] = true;
    const LowerContext context{graph,
                               producers,
                               fusion,
                               hints,
                               [this](ValueId value) { return place(value); },
                               [this](DType, const Shape& shape) {
                                 temporaries.push_back(shape);
                                 return kFirstTemporary + static_cast<int>(temporaries.size()) - 1;
                               }};
    for (size_t g = 0; g < fusion.groups.size(); ++g)
      for (LoweredKernel& kernel : lower_group(context, static_cast<int>(g))) {
        verify(kernel.kernel);
        kernels.push_back(std::move(kernel));
      }
  }

  Place place(ValueId value) const {
    const auto placed = resolve_views(graph, producers, value, &stored);
    if (!placed || !stored[static_cast<size_t>(placed->root)]) return {};
    return {placed->root, placed->layout};
  }
  const LoweredKernel& only() const {
    REQUIRE(kernels.size() == 1);
    return kernels[0];
  }

  Graph graph;
  Fusion fusion;
  std::vector<int> producers;
  std::vector<bool> stored;
  std::vector<Shape> temporaries;
  std::vector<LoweredKernel> kernels;
};

std::string name_of(const Coef& coef, const LoweredKernel& lowered) {
  return coef.literal ? std::to_string(coef.value) : to_text(lowered.vals[static_cast<size_t>(coef.value)]);
}

std::string_view name_of(ReduceKind kind) {
  constexpr std::string_view names[] = {"sum", "prod", "max", "min", "argmax", "argmin"};
  return names[static_cast<size_t>(kind)];
}

// "N | 64: max; sum keep; out": the axes (outer | inner), then what the stages do: reductions, `scan`, stores to a
// buffer (`out`) or to scratch (`keep`); `once` before a stage of the outer axes only. Marks of the kernel follow.
std::string outline(const LoweredKernel& lowered) {
  const Kernel& k = lowered.kernel;
  std::string text;
  for (size_t a = 0; a < k.axes.size(); ++a) {
    const auto outer = static_cast<size_t>(k.outer_rank);
    text += (a == outer ? (a ? " | " : "| ") : a ? ", " : "") + name_of(k.axes[a].extent, lowered);
  }
  std::string stages;
  for (const Stage& stage : k.stages) {
    stages += stages.empty() ? ":" : ";";
    if (!stage.inner) stages += " once";
    for (const Reduction& reduction : stage.reductions) stages += fmt::format(" {}", name_of(reduction.kind));
    if (!stage.scans.empty()) stages += " scan";
    for (const Store& store : stage.stores) {
      const Access& access = k.accesses[static_cast<size_t>(store.access)];
      const bool scratch = k.buffers[static_cast<size_t>(access.buffer)].role == BufferRole::scratch;
      stages += scratch ? " keep" : " out";
    }
  }
  text += stages;
  if (is_column_mode(k)) text += ", columns";
  if (k.split) text += ", split";
  if (k.single_block) text += ", single block";
  if (k.order == kTreeOrder) text += ", tree";
  return text;
}

std::string outline(std::string_view text, std::vector<int64_t> hints = {}) {
  return outline(Lowered(text, std::move(hints)).only());
}

// Strides of all accesses to buffers, in the order of the accesses: "[8, 1] [0, 1]".
std::string strides(const LoweredKernel& lowered) {
  std::string text;
  for (const Access& access : lowered.kernel.accesses) {
    if (lowered.kernel.buffers[static_cast<size_t>(access.buffer)].role == BufferRole::scratch) continue;
    text += text.empty() ? "[" : " [";
    for (size_t a = 0; a < access.strides.size(); ++a) text += (a ? ", " : "") + name_of(access.strides[a], lowered);
    text += "]";
  }
  return text;
}

int count(const LoweredKernel& lowered, ScalarOp op) {
  int found = 0;
  for (const Stage& stage : lowered.kernel.stages)
    for (const ScalarNode& node : stage.body) found += node.op == op;
  return found;
}

bool streams(const LoweredKernel& lowered) {
  return std::any_of(lowered.kernel.buffers.begin(), lowered.kernel.buffers.end(),
                     [](const KernelBuffer& buffer) { return buffer.streaming; });
}

std::string with_sizes(std::string text, std::string_view rows, std::string_view columns) {
  for (const auto& [symbol, size] : {std::pair{'N', rows}, std::pair{'M', columns}})
    for (size_t at = text.find(symbol); at != std::string::npos; at = text.find(symbol)) text.replace(at, 1, size);
  return text;
}

}  // namespace

TEST_CASE("lower: neighbouring axes that every access walks as one are one") {
  const Lowered flat(R"(graph @f(%x: f32[N, M], %y: f32[N, M]) -> f32[N, M] {
    %0 = add %x, %y : f32[N, M]
    %1 = exp %0 : f32[N, M]
    return %1
  })");
  CHECK(outline(flat.only()) == "| M*N: out");
  CHECK(strides(flat.only()) == "[1] [1] [1]");
  CHECK(is_flat_map(flat.only().kernel));
  CHECK(to_text(flat.only().range) == "M*N");

  const Lowered row(R"(graph @f(%x: f32[N, M], %y: f32[M]) -> f32[N, M] {
    %0 = add %x, %y : f32[N, M]
    return %0
  })");
  CHECK(outline(row.only()) == "N | M: out");
  CHECK(strides(row.only()) == "[M, 1] [0, 1] [M, 1]");
  CHECK(to_text(row.only().range) == "N");

  CHECK(outline(R"(graph @f(%x: f32[2, N, M, 3], %y: f32[M, 1]) -> f32[2, N, M, 3] {
    %0 = add %x, %y : f32[2, N, M, 3]
    return %0
  })") == "2*N, M | 3: out");
  CHECK(outline(R"(graph @f(%x: f32[N, M] strides [1, N]) -> f32[N, M] {
    %0 = negative %x : f32[N, M]
    return %0
  })") == "N | M: out");
  // A reduction over both is one over their product; the axes it keeps merge as well.
  CHECK(outline(R"(graph @f(%x: f32[2, N, M, 3]) -> f32[2, N] {
    %0 = max %x axis=[2, 3] : f32[2, N]
    return %0
  })") == "2*N | 3*M: max; once out");
}

TEST_CASE("lower: axes of size 1 have no loop; a single element is one point") {
  CHECK(outline(R"(graph @f(%x: f32[1, N, 1]) -> f32[1, N, 1] {
    %0 = negative %x : f32[1, N, 1]
    return %0
  })") == "| N: out");
  CHECK(outline(R"(graph @f(%x: f32[]) -> f32[] {
    %0 = negative %x : f32[]
    return %0
  })") == "| 1: out");
}

TEST_CASE("lower: softmax has three stages and keeps its exponentials") {
  const Lowered rows(R"(graph @f(%x: f32[N, M]) -> f32[N, M] {
    %0 = softmax %x : f32[N, M]
    return %0
  })",
                     {100, 64});
  CHECK(outline(rows.only()) == "N | M: max; sum keep; out");
  CHECK(to_text(rows.only().scratch_bytes) == "64*div(4*M+63, 64)");
  // Longer rows would leave the caches: the exponentials are computed again.
  CHECK(outline(R"(graph @f(%x: f32[N, M]) -> f32[N, M] {
    %0 = softmax %x : f32[N, M]
    return %0
  })",
                {100, 100000}) == "N | M: max; sum; out");
  // A row of known length within one block of the order of combination.
  CHECK(outline(R"(graph @f(%x: f32[N, 64]) -> f32[N, 64] {
    %0 = softmax %x : f32[N, 64]
    return %0
  })") == "N | 64: max; sum keep; out, single block");
  // Nothing that costs much is used twice.
  CHECK(outline(R"(graph @f(%x: f32[N, M]) -> f32[N] {
    %0 = logsumexp %x axis=1 : f32[N]
    return %0
  })") == "N | M: max; sum; once out");
  CHECK(outline(R"(graph @f(%x: f32[N, M]) -> f32[N] {
    %0 = var %x axis=1 : f32[N]
    return %0
  })") == "N | M: sum; sum; once out");
}

TEST_CASE("lower: vectors run along memory, over columns where rows are not contiguous") {
  CHECK(outline(R"(graph @f(%x: f32[N, M]) -> f32[M] {
    %0 = sum %x axis=0 : f32[M]
    return %0
  })") == "M | N: sum; once out, columns");
  CHECK(outline(R"(graph @f(%x: f32[N, M]) -> f32[N, M] {
    %0 = softmax %x axis=0 : f32[N, M]
    return %0
  })") == "M | N: max; sum keep; out, columns");
  // The same reduction of a transposed tensor runs along its rows, and the other way round.
  CHECK(outline(R"(graph @f(%x: f32[N, M] strides [1, N]) -> f32[M] {
    %0 = sum %x axis=0 : f32[M]
    return %0
  })") == "M | N: sum; once out");
  CHECK(outline(R"(graph @f(%x: f32[N, M] strides [1, N]) -> f32[N] {
    %0 = sum %x axis=1 : f32[N]
    return %0
  })") == "N | M: sum; once out, columns");
  // However much is read once per row afterwards, as for the update of a bias by its gradient: the rows decide.
  const std::string_view update = R"(graph @f(%g: f32[K, N, M], %w: f32[N], %m: f32[N]) -> f32[N] {
    %0 = sum %g axis=[0, 2] : f32[N]
    %1 = multiply %0, %m : f32[N]
    %2 = subtract %w, %1 : f32[N]
    return %2
  })";
  CHECK(outline(update) == "N | K, M: sum; once out");
  // Short rows are another matter: there are as many of those as of their elements.
  CHECK(outline(update, {1000, 4, 4}).ends_with("columns"));
  const Lowered columns(R"(graph @f(%x: f32[N, M]) -> f32[M] {
    %0 = sum %x axis=0 : f32[M]
    return %0
  })");
  CHECK(to_text(columns.only().range) == "div(M+63, 64)");  // tiles of kColumnTile
}

TEST_CASE("lower: a long reduction over few rows is split into blocks and their combination") {
  const char* text = R"(graph @f(%x: f32[N, M]) -> f32[N] {
    %0 = square %x : f32[N, M]
    %1 = sum %0 axis=1 : f32[N]
    %2 = sqrt %1 : f32[N]
    return %2
  })";
  CHECK(outline(text, {100, 1 << 20}) == "N | M: sum; once out");
  CHECK(outline(text, {2, 1000}) == "N | M: sum; once out");
  const Lowered split(text, {2, 1 << 20});
  REQUIRE(split.kernels.size() == 2);
  CHECK(outline(split.kernels[0]) == "N, div(M+4095, 4096) | M: sum; once out, split");
  CHECK(outline(split.kernels[1]) == "N | div(M+4095, 4096): sum; once out, tree");
  REQUIRE(split.temporaries.size() == 1);
  CHECK(to_text(split.temporaries[0]) == "[N, div(M+4095, 4096)]");
  CHECK(split.kernels[0].slots.back() == kFirstTemporary);
  CHECK(split.kernels[1].slots.front() == kFirstTemporary);
  // Every element once, whatever the number of blocks.
  CHECK(split.kernels[0].points.evaluate(std::vector<int64_t>{2, 1 << 20}.data()) == 2 << 20);
  CHECK(count(split.kernels[0], ScalarOp::sqrt) == 0);
  CHECK(count(split.kernels[1], ScalarOp::sqrt) == 1);
  // Axes that do not become one are cut where whole blocks begin.
  const char* axes = R"(graph @f(%x: f32[6, 64, 512], %w: f32[64, 1]) -> f32[] {
    %0 = multiply %x, %w : f32[6, 64, 512]
    %1 = sum %0 axis=[0, 1, 2] : f32[]
    return %1
  })";
  const Lowered cut(axes, {});
  REQUIRE(cut.kernels.size() == 2);
  CHECK(outline(cut.kernels[0]) == "6, 8 | 8, 512: sum; once out, single block");
  CHECK(outline(cut.kernels[1]) == "| 48: sum; once out, tree");
  CHECK(outline(R"(graph @f(%x: f32[6, 64, 500], %w: f32[64, 1]) -> f32[] {
    %0 = multiply %x, %w : f32[6, 64, 500]
    %1 = sum %0 axis=[0, 1, 2] : f32[]
    return %1
  })",
                {}) == "| 6, 64, 500: sum; once out");
  // Their order of combination is not that of blocks.
  CHECK(outline(R"(graph @f(%x: f32[N]) -> i64[] {
    %0 = argmax %x : i64[]
    return %0
  })",
                {1 << 20}) == "| N: argmax; once out");
}

TEST_CASE("lower: siblings share their loads") {
  const Lowered both(R"(graph @f(%x: f32[N, M]) -> f32[N], f32[N] {
    %0 = max %x axis=1 : f32[N]
    %1 = sum %x axis=1 : f32[N]
    %2 = multiply %0, %1 : f32[N]
    return %1, %2
  })");
  CHECK(outline(both.only()) == "N | M: max sum; once out out");
  CHECK(count(both.only(), ScalarOp::load) == 1);
}

TEST_CASE("lower: a value that is stored on the way is written in its stage") {
  CHECK(outline(R"(graph @f(%x: f32[N, M]) -> f32[N, M], f32[N, M] {
    %0 = negative %x : f32[N, M]
    %1 = max %0 axis=1 keepdims=true : f32[N, 1]
    %2 = subtract %0, %1 : f32[N, M]
    return %0, %2
  })") == "N | M: max out; out");
}

TEST_CASE("lower: equal structure gives equal text, whatever the sizes") {
  const auto same = [](const char* text) {
    const Lowered small(with_sizes(text, "4", "8")), large(with_sizes(text, "100", "200")), open(text);
    REQUIRE(small.kernels.size() == large.kernels.size());
    for (size_t i = 0; i < small.kernels.size(); ++i) {
      CHECK(to_text(small.kernels[i].kernel) == to_text(large.kernels[i].kernel));
      CHECK(small.kernels[i].vals != large.kernels[i].vals);
    }
    return to_text(small.kernels[0].kernel) == to_text(open.kernels[0].kernel);
  };
  CHECK(same(R"(graph @f(%x: f32[N, M], %y: f32[M]) -> f32[N, M] {
    %0 = add %x, %y : f32[N, M]
    %1 = exp %0 : f32[N, M]
    return %1
  })"));
  CHECK(same(R"(graph @f(%x: f32[N, M], %y: f32[M, N]) -> f32[M, N] {
    %0 = permute_dims %x axes=[1, 0] : f32[M, N]
    %1 = flip %y axis=[0] : f32[M, N]
    %2 = add %0, %1 : f32[M, N]
    return %2
  })"));
  CHECK(same(R"(graph @f(%x: f32[N, M]) -> f32[N, M] {
    %0 = iota shape=[N, M] axis=1 dtype=i64 : i64[N, M]
    %1 = multiply %x, %0 : f32[N, M]
    return %1
  })"));
  // A row of known length may promise that it is a single block, which one of unknown length cannot.
  CHECK_FALSE(same(R"(graph @f(%x: f32[N, M]) -> f32[N, M] {
    %0 = softmax %x : f32[N, M]
    return %0
  })"));
}

TEST_CASE("lower: sizes and places are run-time values, structure is not") {
  const Lowered views(R"(graph @f(%x: f32[N, 9]) -> f32[N, 4] {
    %0 = slice %x starts=[0, 1] sizes=[N, 4] steps=[1, 2] : f32[N, 4]
    %1 = flip %0 axis=[0] : f32[N, 4]
    %2 = negative %1 : f32[N, 4]
    return %2
  })");
  CHECK(outline(views.only()) == "N | 4: out");
  CHECK(strides(views.only()) == "[-9, 2] [4, 1]");
  CHECK(name_of(views.only().kernel.accesses[0].offset, views.only()) == "9*N-8");
  for (const Axis& axis : views.only().kernel.axes) CHECK_FALSE(axis.extent.literal);

  const Lowered broadcast(R"(graph @f(%x: f32[N, 1], %y: f32[1, M]) -> f32[N, M] {
    %0 = add %x, %y : f32[N, M]
    return %0
  })");
  CHECK(strides(broadcast.only()) == "[1, 0] [0, 1] [M, 1]");
  CHECK(broadcast.only().kernel.accesses[0].strides[1].is(0));

  // A number made from a size is a run-time value too.
  const Lowered mean(R"(graph @f(%x: f32[N, M]) -> f32[N] {
    %0 = mean %x axis=1 : f32[N]
    return %0
  })");
  CHECK(count(mean.only(), ScalarOp::extent) == 1);
}

TEST_CASE("lower: gathers are checked and say what they wanted") {
  const Lowered taken(R"(graph @f(%t: f32[M, 8], %i: i32[N]) -> f32[N, 8] {
    %0 = take %t, %i axis=0 : f32[N, 8]  # model.py:7
    return %0
  })");
  const LoweredKernel& lowered = taken.only();
  REQUIRE(lowered.checks.size() == lowered.kernel.accesses.size());
  int gathers = 0;
  for (size_t i = 0; i < lowered.checks.size(); ++i) {
    const Access& access = lowered.kernel.accesses[i];
    CHECK(access.gathers.empty() == lowered.checks[i].message.empty());
    if (access.gathers.empty()) continue;
    ++gathers;
    CHECK(name_of(access.gathers[0].extent, lowered) == "M");
    CHECK(name_of(access.gathers[0].stride, lowered) == "8");
    CHECK(lowered.checks[i].extent == Dim::symbol(1));
    CHECK(lowered.checks[i].message.find("index: got {} for axis 0 of size {size}; need -{size} <= index < {size}") ==
          0);
    CHECK(lowered.checks[i].message.find("model.py:7") != std::string::npos);
  }
  CHECK(gathers == 1);
}

TEST_CASE(
    "lower: cumulative sums walk their axis in order, side by side where memory runs across it or rows are many") {
  const char* along_rows = R"(graph @f(%x: f32[N, M]) -> f32[N, M] {
    %0 = cumsum %x axis=1 : f32[N, M]
    return %0
  })";
  CHECK(outline(along_rows, {255, 1000}) == "N | M: scan out");
  CHECK(outline(along_rows, {256, 1000}) == "N | M: scan out, columns");
  CHECK(outline(R"(graph @f(%x: f32[N, M]) -> f32[N, M] {
    %0 = cumsum %x axis=0 : f32[N, M]
    return %0
  })") == "M | N: scan out, columns");
}

TEST_CASE("lower: outputs from 32 MB on are written past the caches") {
  const char* text = R"(graph @f(%x: f32[N]) -> f32[N] {
    %0 = negative %x : f32[N]
    return %0
  })";
  const Lowered small(text, {(8 << 20) - 1}), large(text, {8 << 20});
  CHECK_FALSE(streams(small.only()));
  CHECK(streams(large.only()));
}

TEST_CASE("lower: kernels know the lines they come from") {
  const Lowered lowered(R"(graph @f(%x: f32[N]) -> f32[N] {
    %0 = exp %x : f32[N]  # a.py:3
    %1 = negative %0 : f32[N]  # b.py:9
    return %1
  })");
  const auto& sources = lowered.only().kernel.sources;
  REQUIRE(sources.size() == 2);
  for (const SourceLoc& loc : sources) CHECK((loc.line == 3 || loc.line == 9));
  CHECK(lowered.only().kernel.name == "exp_negative");
}
