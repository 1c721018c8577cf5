// What `numerics="fast"` does to kernels, and to graphs: before and after.
#include "passes/relax.h"

#include <algorithm>
#include <map>

#include "codegen/plan.h"
#include "passes/simplify.h"
#include "passes/simplify_rules.h"
#include "tests/ir/random_graph.h"
#include "tests/passes/cases.h"
#include "tests/passes/run_plan.h"

using namespace tandem;
using namespace tandem::testing;

namespace {

Plan plan_of(std::string_view text, Numerics numerics) {
  const Graph graph = optimize(parse_graph(text), {}, numerics);
  return build_plan(graph, {}, interpreter(), {}, {}, {.numerics = numerics});
}

// How often each primitive stands in the kernels of a plan.
std::map<ScalarOp, int> primitives(const Plan& plan) {
  std::map<ScalarOp, int> count;
  for (const Kernel& kernel : plan.kernels)
    for (const Stage& stage : kernel.stages)
      for (const ScalarNode& node : stage.body) ++count[node.op];
  return count;
}

std::map<ScalarOp, int> relaxed(std::string_view text) {
  const Plan plan = plan_of(text, Numerics::fast);
  for (const Kernel& kernel : plan.kernels) {
    CHECK_NOTHROW(verify(kernel));
    CHECK(relax(kernel).stages == kernel.stages);
  }
  return primitives(plan);
}

}  // namespace

TEST_CASE("relax: a product that one sum reads becomes a fused multiply-add") {
  const auto sum = relaxed(R"(graph @f(%x: f32[8], %y: f32[8], %z: f32[8]) -> f32[8], f32[8], f32[8], f32[8] {
    %0 = multiply %x, %y : f32[8]
    %1 = add %0, %z : f32[8]
    %2 = multiply %y, %z : f32[8]
    %3 = subtract %x, %2 : f32[8]
    %4 = multiply %x, %z : f32[8]
    %5 = subtract %4, %y : f32[8]
    %6 = multiply %x, %x : f32[8]
    %7 = multiply %y, %y : f32[8]
    %8 = add %6, %7 : f32[8]
    return %1, %3, %5, %8
  })");
  CHECK(sum.at(ScalarOp::fma) == 4);
  CHECK(sum.at(ScalarOp::mul) == 1);  // of the sum of two products one is left
  CHECK(!sum.contains(ScalarOp::add));
  CHECK(!sum.contains(ScalarOp::sub));
}

TEST_CASE("relax: products with other readers, and integers, stay as they are") {
  const std::string_view text = R"(graph @f(%x: f32[8], %i: i32[8]) -> f32[8], f32[8], i32[8] {
    %0 = multiply %x, %x : f32[8]
    %1 = add %0, %x : f32[8]
    %2 = multiply %i, %i : i32[8]
    %3 = add %2, %i : i32[8]
    return %0, %1, %3
  })";
  CHECK(!relaxed(text).contains(ScalarOp::fma));
  CHECK(relaxed(text) == primitives(plan_of(text, Numerics::strict)));
}

TEST_CASE("relax: 16-bit values are rounded when they are stored, not before") {
  for (const std::string_view dtype : {"f16", "bf16"}) {
    std::string text = R"(graph @f(%x: D[8], %y: D[8]) -> D[8], D[8] {
      %0 = add %x, %y : D[8]
      %1 = exp %0 : D[8]
      %2 = subtract %1, %x : D[8]
      %3 = abs %2 : D[8]
      return %1, %3
    })";
    for (size_t at = text.find("D["); at != std::string::npos; at = text.find("D[")) text.replace(at, 1, dtype);
    const auto strict = primitives(plan_of(text, Numerics::strict)), fast = relaxed(text);
    CHECK(fast.at(ScalarOp::cast) == 4);  // two loads, two stores
    CHECK(strict.at(ScalarOp::cast) > 6);
  }
}

TEST_CASE("relax: every stage, reduction and check of an index keeps its values") {
  const Sizes sizes{3, 300};
  const std::string_view text = R"(graph @f(%x: f32[N, M], %t: f32[8, 2], %i: i64[N]) -> f32[N, M], f32[N, 2] {
    %0 = max %x axis=[1] keepdims=true : f32[N, 1]
    %1 = subtract %0, %x : f32[N, M]
    %2 = sqrt %1 : f32[N, M]
    %3 = multiply %2, %2 : f32[N, M]
    %4 = subtract %3, %1 : f32[N, M]
    %5 = sum %4 axis=[1] keepdims=true dtype=f32 : f32[N, 1]
    %6 = divide %4, %5 : f32[N, M]
    %7 = take %t, %i axis=0 : f32[N, 2]
    %8 = multiply %7, %7 : f32[N, 2]
    %9 = add %8, %7 : f32[N, 2]
    return %6, %9
  })";
  const Graph graph = optimize(parse_graph(text), {}, Numerics::fast);
  const auto run = [&](Backend& backend, Numerics numerics) {
    const Plan plan = build_plan(graph, sizes, backend, {}, {}, {.numerics = numerics});
    for (const Kernel& kernel : plan.kernels) verify(kernel);
    return run_plan(plan, graph, random_inputs(graph, sizes, 5), sizes).results;
  };
  const auto fast = run(interpreter(), Numerics::fast), strict = run(interpreter(), Numerics::strict);
  CHECK(fast[0].bits != strict[0].bits);  // the square of a root is not what it was, and the product is not rounded
  CHECK(agree(strict[1], fast[1], 0));
  if (Backend* llvm = llvm_backend()) {
    const auto native = run(*llvm, Numerics::fast);
    for (size_t k = 0; k < fast.size(); ++k) CHECK(agree(fast[k], native[k], 0));
  }
}

TEST_CASE("relax: random graphs give the same bits in the interpreter and in machine code") {
  Backend* llvm = llvm_backend();
  if (llvm == nullptr) return;
  int graphs = 0, contracted = 0;
  for (uint64_t seed = 0; graphs < 40; ++seed) {
    const Graph graph = optimize(RandomGraph(seed).make(20), {}, Numerics::fast);
    if (to_text(graph).find("host_call") != std::string::npos) continue;  // there is no host here
    ++graphs;
    const auto outputs = [&](Backend& backend) {
      const Plan plan = build_plan(graph, {}, backend, {}, {}, {.numerics = Numerics::fast});
      contracted += primitives(plan)[ScalarOp::fma] > 0;
      return run_plan(plan, graph, random_inputs(graph, {}, static_cast<unsigned>(seed)), {}).results;
    };
    INFO("seed " << seed << "\n" << to_text(graph));
    const auto expected = outputs(interpreter()), got = outputs(*llvm);
    for (size_t k = 0; k < expected.size(); ++k) CHECK(agree(expected[k], got[k], 0));
  }
  CHECK(contracted > 0);
}

// ---- reassociate ----

namespace {

// Numbers stand for constants.
struct Example {
  std::string_view rule, before, after;
};
constexpr Example kExamples[] = {
    {"divide by constant", "divide %x, 8", "multiply %x, 0.125"},
    {"divide twice", "divide (divide %x, %y), %z", "divide %x, (multiply %y, %z)"},
    {"multiply twice", "multiply (multiply %x, 3), 8", "multiply %x, 24"},
    {"add twice", "add (add %x, 3), 8", "add %x, 11"},
    {"subtract twice", "subtract (subtract %x, 3), 8", "subtract %x, 11"},
    {"add and subtract", "subtract (add %x, 3), 8", "add %x, -5"},
    {"subtract and add", "add (subtract %x, 3), 8", "add %x, 5"},
    {"power three", "pow %x, 3", "multiply (square %x), %x"},
    {"power minus one", "pow %x, -1", "reciprocal %x"},
    {"power one half", "pow %x, 0.5", "sqrt %x"},
};

// Turns a nested expression into a graph.
class Expression {
 public:
  explicit Expression(std::string_view text) : rest_(text) {}
  std::string graph() {
    const std::string result = call();
    return fmt::format("graph @f(%x: f32[3], %y: f32[3], %z: f32[3]) -> f32[3] {{\n{}return {}\n}}", nodes_, result);
  }

 private:
  std::string call() {
    const std::string op(rest_.substr(0, rest_.find(' ')));
    rest_.remove_prefix(op.size());
    std::vector<std::string> operands;
    do {
      rest_.remove_prefix(rest_.find_first_not_of(" ,"));
      operands.push_back(operand());
    } while (rest_.starts_with(','));
    return node(fmt::format("{} {} : f32[3]", op, fmt::join(operands, ", ")));
  }
  std::string operand() {
    if (rest_.starts_with('(')) {
      rest_.remove_prefix(1);
      std::string value = call();
      rest_.remove_prefix(1);
      return value;
    }
    std::string name(rest_.substr(0, rest_.find_first_of(",)")));
    rest_.remove_prefix(name.size());
    if (name.starts_with('%')) return name;
    return node(fmt::format("full shape=[] fill_value={:#} : f32[]", std::stod(name)));
  }
  std::string node(const std::string& text) {
    nodes_ += fmt::format("%{} = {}\n", count_, text);
    return fmt::format("%{}", count_++);
  }

  std::string_view rest_;
  std::string nodes_;
  int count_ = 0;
};

}  // namespace

TEST_CASE("reassociate: every rule, before and after, and only under fast numerics") {
  CHECK(std::size(kExamples) == reassociate_rules().size());
  for (const Rule& rule : reassociate_rules()) {
    INFO(rule.name);
    const auto example =
        std::find_if(std::begin(kExamples), std::end(kExamples), [&](const Example& e) { return e.rule == rule.name; });
    REQUIRE(example != std::end(kExamples));
    const Graph before = parse_graph(Expression(example->before).graph());
    const Graph after = parse_graph(Expression(example->after).graph());
    REQUIRE_NOTHROW(verify(before));
    const auto text = [](const Graph& graph) { return to_text(in_order_of_use(graph)); };
    CHECK(text(reassociate(before)) == text(in_order_of_use(after)));
    CHECK(text(optimize(before, {}, Numerics::fast)) == text(optimize(after)));
    if (rule.name != "divide by constant") CHECK(text(optimize(before)) != text(optimize(after)));
  }
}

TEST_CASE("reassociate: nothing where a step would overflow, in 16 bits, or with two things that vary") {
  for (const std::string_view expression : {"divide %x, 0", "add (add %x, %y), 8", "multiply (multiply %x, %y), 8"}) {
    const std::string text = Expression(expression).graph();
    CHECK(to_text(reassociate(parse_graph(text))) == to_text(parse_graph(text)));
  }
  check_nothing_to_do(reassociate, R"(graph @f(%x: f16[3]) -> f16[3] {
    %0 = full shape=[] fill_value=3.0 dtype=f16 : f16[]
    %1 = divide %x, %0 : f16[3]
    return %1
  })");
}
