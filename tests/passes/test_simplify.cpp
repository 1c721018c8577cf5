// Every rule of simplify: the pattern becomes the replacement, in every order of commutative operands, and both give
// the same bits on the numbers that algebra goes wrong on.
#include "passes/simplify.h"

#include <algorithm>
#include <map>
#include <set>

#include "ir/builder.h"
#include "passes/dce.h"
#include "passes/simplify_rules.h"
#include "tests/ir/real_dtypes.h"
#include "tests/passes/cases.h"
#include "tests/passes/evaluate.h"

using namespace tandem;
using namespace tandem::testing;

namespace {

Graph simplify_and_clean(const Graph& graph) { return dce(simplify(graph)); }

// Rules over operations with attributes or other conditions, which a pattern alone does not show: before, after.
struct Example {
  std::string_view rule, before, after;
};
constexpr Example kExamples[] = {
    {"divide by power of two",
     "(%x: D[5]) -> D[5] { %0 = full shape=[] fill_value=4.0 dtype=D : D[] %1 = divide %x, %0 : D[5] return %1 }",
     "(%x: D[5]) -> D[5] { %0 = full shape=[] fill_value=0.25 dtype=D : D[] %1 = multiply %x, %0 : D[5] return %1 }"},
    {"product over one", "(%x: D[5, 1], %y: D[1, 4]) -> D[5, 4] { %0 = matmul %x, %y : D[5, 4] return %0 }",
     "(%x: D[5, 1], %y: D[1, 4]) -> D[5, 4] { %0 = single_product %x, %y : D[5, 4] return %0 }"},
    {"round of integer", "(%x: D[5]) -> D[5] { %0 = round %x decimals=2 : D[5] return %0 }",
     "(%x: D[5]) -> D[5] { return %x }"},
    {"round of round", "(%x: D[5]) -> D[5] { %0 = round %x : D[5] %1 = round %0 : D[5] return %1 }",
     "(%x: D[5]) -> D[5] { %0 = round %x : D[5] return %0 }"},
    {"cast to own dtype", "(%x: D[5]) -> D[5] { %0 = cast %x dtype=D : D[5] return %0 }",
     "(%x: D[5]) -> D[5] { return %x }"},
    {"reshape to own shape", "(%x: D[5]) -> D[5] { %0 = reshape %x shape=[5] : D[5] return %0 }",
     "(%x: D[5]) -> D[5] { return %x }"},
    {"reshape of reshape",
     "(%x: D[6]) -> D[3, 2] { %0 = reshape %x shape=[2, 3] : D[2, 3] %1 = reshape %0 shape=[3, 2] : D[3, 2] return %1 "
     "}",
     "(%x: D[6]) -> D[3, 2] { %0 = reshape %x shape=[3, 2] : D[3, 2] return %0 }"},
    {"reshape of expand_dims",
     "(%x: D[6]) -> D[3, 2] { %0 = expand_dims %x : D[1, 6] %1 = reshape %0 shape=[3, 2] : D[3, 2] return %1 }",
     "(%x: D[6]) -> D[3, 2] { %0 = reshape %x shape=[3, 2] : D[3, 2] return %0 }"},
    {"reshape of squeeze",
     "(%x: D[6, 1]) -> D[3, 2] { %0 = squeeze %x axis=[1] : D[6] %1 = reshape %0 shape=[3, 2] : D[3, 2] return %1 }",
     "(%x: D[6, 1]) -> D[3, 2] { %0 = reshape %x shape=[3, 2] : D[3, 2] return %0 }"},
    {"squeeze of expand_dims",
     "(%x: D[6]) -> D[6] { %0 = expand_dims %x axis=1 : D[6, 1] %1 = squeeze %0 axis=[1] : D[6] return %1 }",
     "(%x: D[6]) -> D[6] { return %x }"},
    {"expand_dims of squeeze",
     "(%x: D[6, 1]) -> D[6, 1] { %0 = squeeze %x axis=[1] : D[6] %1 = expand_dims %0 axis=1 : D[6, 1] return %1 }",
     "(%x: D[6, 1]) -> D[6, 1] { return %x }"},
    {"squeeze nothing", "(%x: D[6]) -> D[6] { %0 = squeeze %x axis=[] : D[6] return %0 }",
     "(%x: D[6]) -> D[6] { return %x }"},
    {"permute nothing", "(%x: D[2, 2]) -> D[2, 2] { %0 = permute_dims %x axes=[0, 1] : D[2, 2] return %0 }",
     "(%x: D[2, 2]) -> D[2, 2] { return %x }"},
    {"permute of permute",
     "(%x: D[2, 3, 4]) -> D[3, 2, 4] { %0 = permute_dims %x axes=[2, 0, 1] : D[4, 2, 3] %1 = permute_dims %0 axes=[2, "
     "1, 0] : D[3, 2, 4] return %1 }",
     "(%x: D[2, 3, 4]) -> D[3, 2, 4] { %0 = permute_dims %x axes=[1, 0, 2] : D[3, 2, 4] return %0 }"},
    {"broadcast to own shape", "(%x: D[6]) -> D[6] { %0 = broadcast_to %x shape=[6] : D[6] return %0 }",
     "(%x: D[6]) -> D[6] { return %x }"},
    {"broadcast of broadcast",
     "(%x: D[1, 2]) -> D[3, 2, 2] { %0 = broadcast_to %x shape=[2, 2] : D[2, 2] %1 = broadcast_to %0 shape=[3, 2, 2] : "
     "D[3, 2, 2] return %1 }",
     "(%x: D[1, 2]) -> D[3, 2, 2] { %0 = broadcast_to %x shape=[3, 2, 2] : D[3, 2, 2] return %0 }"},
    {"broadcast of expand_dims",
     "(%x: D[2]) -> D[3, 2] { %0 = expand_dims %x : D[1, 2] %1 = broadcast_to %0 shape=[3, 2] : D[3, 2] return %1 }",
     "(%x: D[2]) -> D[3, 2] { %0 = broadcast_to %x shape=[3, 2] : D[3, 2] return %0 }"},
    {"flip nothing", "(%x: D[1, 4]) -> D[1, 4] { %0 = flip %x axis=[0] : D[1, 4] return %0 }",
     "(%x: D[1, 4]) -> D[1, 4] { return %x }"},
    {"flip of flip",
     "(%x: D[2, 3]) -> D[2, 3] { %0 = flip %x axis=[0, 1] : D[2, 3] %1 = flip %0 axis=[1] : D[2, 3] return %1 }",
     "(%x: D[2, 3]) -> D[2, 3] { %0 = flip %x axis=[0] : D[2, 3] return %0 }"},
    {"stop gradient", "(%x: D[5]) -> D[5] { %0 = stop_gradient %x : D[5] return %0 }",
     "(%x: D[5]) -> D[5] { return %x }"},
    {"slice everything",
     "(%x: D[2, 1]) -> D[2, 1] { %0 = slice %x starts=[0, 0] sizes=[2, 1] steps=[1, -1] : D[2, 1] return %0 }",
     "(%x: D[2, 1]) -> D[2, 1] { return %x }"},
    {"slice of slice",
     "(%x: D[9]) -> D[2] { %0 = slice %x starts=[8] sizes=[4] steps=[-2] : D[4] %1 = slice %0 starts=[1] sizes=[2] "
     "steps=[2] : D[2] return %1 }",
     "(%x: D[9]) -> D[2] { %0 = slice %x starts=[6] sizes=[2] steps=[-4] : D[2] return %0 }"},
    {"copy to be changed",
     "(%x: D[6], %y: D[2]) -> D[6] { %0 = copy %x : D[6] %1 = slice_update %0, %y starts=[1] sizes=[2] steps=[2] : "
     "D[6] "
     "return %1 }",
     "(%x: D[6], %y: D[2]) -> D[6] { %0 = slice_update %x, %y starts=[1] sizes=[2] steps=[2] : D[6] return %0 }"},
    {"concat of one", "(%x: D[6]) -> D[6] { %0 = concat %x : D[6] return %0 }", "(%x: D[6]) -> D[6] { return %x }"},
    {"sum over no axes", "(%x: D[6]) -> D[6] { %0 = sum %x axis=[] dtype=D : D[6] return %0 }",
     "(%x: D[6]) -> D[6] { return %x }"},
    {"product over no axes", "(%x: D[6]) -> D[6] { %0 = prod %x axis=[] dtype=D : D[6] return %0 }",
     "(%x: D[6]) -> D[6] { return %x }"},
    {"maximum over no axes", "(%x: D[6]) -> D[6] { %0 = max %x axis=[] : D[6] return %0 }",
     "(%x: D[6]) -> D[6] { return %x }"},
    {"minimum over no axes", "(%x: D[6]) -> D[6] { %0 = min %x axis=[] : D[6] return %0 }",
     "(%x: D[6]) -> D[6] { return %x }"},
    {"any over no axes", "(%x: D[6]) -> D[6] { %0 = any %x axis=[] : D[6] return %0 }",
     "(%x: D[6]) -> D[6] { return %x }"},
    {"all over no axes", "(%x: D[6]) -> D[6] { %0 = all %x axis=[] : D[6] return %0 }",
     "(%x: D[6]) -> D[6] { return %x }"},
};

// A graph that computes a pattern on x, y, z of one dtype and c, all of one length.
class PatternGraph {
 public:
  PatternGraph(DType dtype, int64_t length) : dtype_(dtype), builder_(graph_, env_) {
    for (const char* name : {"x", "y", "z"}) graph_.add_param({dtype, {length}, {}}, name);
    graph_.add_param({DType::boolean, {length}, {}}, "c");
  }
  // `type` of the result, which a constant alone does not tell.
  Graph make(const Pattern& pattern, const TensorType* type = nullptr) {
    if (type != nullptr && (pattern.kind == Pattern::Kind::number || pattern.kind == Pattern::Kind::truth))
      graph_.results = {builder_.full(type->shape, type->dtype, pattern.number).id};
    else
      graph_.results = {value(pattern).id};
    return std::move(graph_);
  }

 private:
  Value value(const Pattern& pattern) {
    switch (pattern.kind) {
      case Pattern::Kind::variable: return builder_.at(pattern.variable);
      case Pattern::Kind::number: return builder_.scalar(dtype_, pattern.number);
      case Pattern::Kind::truth: return builder_.scalar(DType::boolean, pattern.number);
      case Pattern::Kind::call: break;
    }
    std::vector<Value> args;
    for (const Pattern& arg : pattern.args) args.push_back(value(arg));
    return builder_.emit(*pattern.op, args, {});
  }

  DType dtype_;
  Graph graph_;
  ShapeEnv env_;
  GraphBuilder builder_;
};

// Every pair of special values for x and y, with c false and true.
std::vector<Tensor> special_inputs(DType dtype) {
  const auto special = special_bits(dtype);
  std::vector<Tensor> inputs(4);
  for (int k = 0; k < 3; ++k) inputs[static_cast<size_t>(k)].dtype = dtype;
  inputs[3].dtype = DType::boolean;
  for (const int64_t x : special)
    for (const int64_t y : special)
      for (const int64_t c : {0, 1}) {
        inputs[0].bits.push_back(x);
        inputs[1].bits.push_back(y);
        inputs[2].bits.push_back(y);
        inputs[3].bits.push_back(c);
      }
  for (Tensor& input : inputs) input.shape = {static_cast<int64_t>(input.bits.size())};
  return inputs;
}

bool is_plain(const Pattern& pattern) {
  if (pattern.kind != Pattern::Kind::call) return true;
  if (!std::holds_alternative<PointwiseRule>(pattern.op->lower) || !pattern.op->attrs.empty()) return false;
  return std::all_of(pattern.args.begin(), pattern.args.end(), is_plain);
}

std::string with_dtype(std::string_view text, std::string_view dtype) {
  std::string out = "graph @f";
  for (const char c : text) {
    if (c == 'D')
      out += dtype;
    else
      out += c;
  }
  return out;
}

// Inputs of the shapes of a graph, filled with special values round and round.
std::vector<Tensor> inputs_for(const Graph& graph) {
  std::vector<Tensor> inputs;
  for (const Param& param : graph.params) {
    const TensorType& type = graph.type(param.value);
    const auto special = special_bits(type.dtype);
    Tensor input{type.dtype, {}, {}};
    int64_t count = 1;
    for (const Dim& size : type.shape) {
      input.shape.push_back(size.constant());
      count *= size.constant();
    }
    for (int64_t k = 0; k < count; ++k) input.bits.push_back(special[static_cast<size_t>(k) % special.size()]);
    inputs.push_back(std::move(input));
  }
  return inputs;
}

}  // namespace

TEST_CASE("simplify: every plain rule, before and after, and bit by bit") {
  for (const Rule& rule : simplify_rules()) {
    const Pattern replacement = parse_pattern(rule.replacement);
    if (!is_plain(parse_pattern(rule.pattern)) || rule.guard != nullptr) continue;
    for (const Pattern& pattern : commuted(parse_pattern(rule.pattern))) {
      for (const DTypeInfo& row : kRealDTypes) {
        if ((rule.dtypes & dtype_bit(row.dtype)) == 0) continue;
        INFO(rule.name << " on " << row.text);
        const auto inputs = special_inputs(row.dtype);
        const int64_t length = inputs[0].shape[0];
        Graph before;
        try {
          before = PatternGraph(row.dtype, length).make(pattern);
        } catch (const Error& error) {
          // The operation does not take bool at all, so a rule cannot claim it wrongly.
          REQUIRE((error.kind == ErrorKind::dtype && row.dtype == DType::boolean));
          continue;
        }
        const TensorType& type = before.type(before.results[0]);
        const Graph meant = PatternGraph(row.dtype, length).make(replacement, &type);
        std::set<std::string> expected;  // a commuted pattern may bind x and y the other way round
        for (const Pattern& order : commuted(replacement))
          expected.insert(to_text(simplify_and_clean(PatternGraph(row.dtype, length).make(order, &type))));
        REQUIRE_NOTHROW(verify(before));
        const Graph after = simplify_and_clean(before);
        REQUIRE_NOTHROW(verify(after));
        CHECK(expected.count(to_text(after)) == 1);
        CHECK(to_text(after) != to_text(before));
        CHECK(evaluate_graph(before, inputs) == evaluate_graph(after, inputs));
        CHECK(evaluate_graph(before, inputs) == evaluate_graph(meant, inputs));
      }
    }
  }
}

TEST_CASE("simplify: rules with attributes and guards") {
  for (const Example& example : kExamples) {
    const auto rule = std::find_if(simplify_rules().begin(), simplify_rules().end(),
                                   [&](const Rule& r) { return r.name == example.rule; });
    REQUIRE(rule != simplify_rules().end());
    for (const DTypeInfo& row : kRealDTypes) {
      if ((rule->dtypes & dtype_bit(row.dtype)) == 0) continue;
      INFO(rule->name << " on " << row.text);
      const Graph before = parse_graph(with_dtype(example.before, row.text));
      const Graph after = simplify_and_clean(before);
      check_pass(simplify_and_clean, with_dtype(example.before, row.text), with_dtype(example.after, row.text));
      CHECK(evaluate_graph(before, inputs_for(before)) == evaluate_graph(after, inputs_for(after)));
    }
  }
}

TEST_CASE("simplify: every rule has a test, and a name of its own") {
  std::map<std::string_view, int> names;
  for (const Rule& rule : simplify_rules()) {
    INFO(rule.name);
    CHECK(++names[rule.name] == 1);
    const bool plain = is_plain(parse_pattern(rule.pattern)) && rule.guard == nullptr;
    const bool shown =
        rule.name == "cast of cast" ||
        std::any_of(std::begin(kExamples), std::end(kExamples), [&](const Example& e) { return e.rule == rule.name; });
    CHECK(plain != shown);
  }
  CHECK(names.size() >= 40);
}

TEST_CASE("simplify: a cast of a cast, for all dtypes") {
  for (const DTypeInfo& from : kRealDTypes)
    for (const DTypeInfo& middle : kRealDTypes)
      for (const DTypeInfo& to : kRealDTypes) {
        if (from.dtype == middle.dtype || middle.dtype == to.dtype) continue;
        const auto special = special_bits(from.dtype);
        const auto length = static_cast<int64_t>(special.size());
        const Graph before = parse_graph(fmt::format(
            "graph @f(%x: {0}[{3}]) -> {2}[{3}] {{ %0 = cast %x dtype={1} : {1}[{3}] %1 = cast %0 dtype={2} : {2}[{3}] "
            "return %1 }}",
            from.text, middle.text, to.text, length));
        const Graph after = simplify_and_clean(before);
        INFO(to_text(before) << to_text(after));
        const Tensor x{from.dtype, {length}, special};
        CHECK(evaluate_graph(before, {x}) == evaluate_graph(after, {x}));
        if (!is_lossless(from.dtype, middle.dtype)) CHECK(after.nodes.size() == 2);
        if (is_lossless(from.dtype, middle.dtype) && from.dtype == to.dtype) CHECK(after.nodes.empty());
      }
  // An i8 that goes through a float saturates in u8, where it would wrap without.
  CHECK(simplify_and_clean(parse_graph("graph @f(%x: i8[2]) -> u8[2] { %0 = cast %x dtype=f32 : f32[2] %1 = cast %0 "
                                       "dtype=u8 : u8[2] return %1 }"))
            .nodes.size() == 2);
  CHECK(simplify_and_clean(parse_graph("graph @f(%x: i8[2]) -> u8[2] { %0 = cast %x dtype=i32 : i32[2] %1 = cast %0 "
                                       "dtype=u8 : u8[2] return %1 }"))
            .nodes.size() == 1);
}

TEST_CASE("simplify: rules work on what rules and folding leave") {
  check_pass(simplify_and_clean, R"(graph @f(%x: i32[3], %p: bool[], %y: i32[3]) -> i32[3] {
    %0 = subtract %x, %x : i32[3]
    %1 = multiply %0, %y : i32[3]
    %2 = add %y, %1 : i32[3]
    %3 = equal %2, %y : bool[3]
    %4 = where %3, %2, %x : i32[3]
    %5 = negative %4 : i32[3]  # a.py:5
    %6 = negative %5 : i32[3]
    %7 = abs %6 : i32[3]       # a.py:7
    return %7
  })",
             R"(graph @f(%x: i32[3], %p: bool[], %y: i32[3]) -> i32[3] {
    %0 = abs %y : i32[3]  # a.py:7
    return %0
  })");
}

TEST_CASE("simplify: an if whose predicate becomes known, and regions") {
  check_pass(simplify_and_clean, R"(graph @f(%i: i32[], %p: bool[], %x: f32[3]) -> f32[3] {
    %0 = equal %i, %i : bool[]
    %1 = if %0, %p, %x : f32[3] {
      then(%p: bool[], %x: f32[3]) -> f32[3] {
        %0 = if %p, %x : f32[3] {
          then(%x: f32[3]) -> f32[3] {
            %0 = negative %x : f32[3]
            %1 = negative %0 : f32[3]
            return %1
          }
          else(%x: f32[3]) -> f32[3] {
            %0 = exp %x : f32[3]
            return %0
          }
        }
        return %0
      }
      else(%p: bool[], %x: f32[3]) -> f32[3] {
        return %x
      }
    }
    return %1
  })",
             R"(graph @f(%i: i32[], %p: bool[], %x: f32[3]) -> f32[3] {
    %0 = if %p, %x : f32[3] {
      then(%x: f32[3]) -> f32[3] {
        return %x
      }
      else(%x: f32[3]) -> f32[3] {
        %0 = exp %x : f32[3]
        return %0
      }
    }
    return %0
  })");
}

TEST_CASE("simplify: equal but distinct values count as the same") {
  check_pass(simplify_and_clean, R"(graph @f(%x: f32[3]) -> f32[3] {
    %0 = exp %x : f32[3]
    %1 = exp %x : f32[3]
    %2 = maximum %0, %1 : f32[3]
    return %2
  })",
             "graph @f(%x: f32[3]) -> f32[3] { %0 = exp %x : f32[3] return %0 }");
}

TEST_CASE("simplify: nothing to do where a bit would change") {
  check_nothing_to_do(
      simplify, R"(graph @f(%x: f32[3], %i: i32[3]) -> f32[3], f32[3], f32[2, 3], i64[3], f32[3], bool[3], f32[3] {
    %0 = full shape=[] fill_value=0.0 : f32[]
    %1 = add %x, %0 : f32[3]
    %2 = full shape=[] fill_value=3.0 : f32[]
    %3 = divide %1, %2 : f32[3]
    %4 = full shape=[2, 1] fill_value=1.0 : f32[2, 1]
    %5 = multiply %x, %4 : f32[2, 3]
    %6 = full shape=[] fill_value=0 dtype=i64 : i64[]
    %7 = add %i, %6 : i64[3]
    %8 = sum %x axis=[] dtype=f32 : f32[3]
    %9 = less %x, %3 : bool[3]
    %10 = logical_not %9 : bool[3]
    %11 = multiply %x, %0 : f32[3]
    %12 = subtract %11, %11 : f32[3]
    return %1, %3, %5, %7, %8, %10, %12
  })");
  // 2^-24 is a number of f16, 2^24 is not.
  check_nothing_to_do(simplify, R"(graph @f(%x: f16[3]) -> f16[3] {
    %0 = full shape=[] fill_value=5.960464477539063e-08 dtype=f16 : f16[]
    %1 = divide %x, %0 : f16[3]
    return %1
  })");
}

TEST_CASE("simplify: symbolic shapes") {
  check_pass(simplify_and_clean, R"(graph @f(%x: f32[N, M]) -> f32[N, M] {
    %0 = reshape %x shape=[N*M] : f32[N*M]
    %1 = reshape %0 shape=[N, M] : f32[N, M]
    return %1
  })",
             "graph @f(%x: f32[N, M]) -> f32[N, M] { return %x }");
}

TEST_CASE("patterns: what cannot be read is named") {
  for (const std::string_view text : {"", "add(x", "add(x,)", "w", "add(x, y) z", "nothing(x)", "add(x y)"})
    CHECK_THROWS_AS(parse_pattern(text), InternalError);
  CHECK(commuted(parse_pattern("add(x, y)")).size() == 2);
  CHECK(commuted(parse_pattern("add(add(x, y), z)")).size() == 4);
  CHECK(commuted(parse_pattern("subtract(x, y)")).size() == 1);
}
