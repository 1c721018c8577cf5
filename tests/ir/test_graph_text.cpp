// Graph text, its parser and the verifier.
#include <catch2/catch.hpp>

#include "ir/symbols.h"
#include "ir/text.h"
#include "tests/ir/random_graph.h"

using namespace tandem;
using tandem::testing::RandomGraph;

namespace {

constexpr std::string_view kMlp = R"(graph @mlp(%x: f32[N, 64], %w: f32[64, 10], %b: f32[10]) -> f32[N, 10] {
  %0 = matmul %x, %w : f32[N, 10]                       # model.py:12
  %1 = add %0, %b : f32[N, 10]                          # model.py:12
  return %1
}
)";

constexpr std::string_view kLoop = R"(graph @halve(%h: f32[N, 4] strides [1, N], %go: bool[]) -> f32[N, 4], i64[] {
  %0 = full shape=[] fill_value=0 dtype=i64 : i64[]
  %1, %2 = while %0, %h, %go : i64[], f32[N, 4] {       # my model.py:3
    cond(%i: i64[], %h: f32[N, 4], %go: bool[]) -> bool[] {
      return %go
    }
    body(%i: i64[], %h: f32[N, 4], %go: bool[]) -> i64[], f32[N, 4] {
      %0 = full shape=[] fill_value=0.5 : f32[]
      %1 = multiply %h, %0 : f32[N, 4]
      %2 = if %go, %1 : f32[N, 4] {
        then(%a: f32[N, 4]) -> f32[N, 4] {
          %0 = negative %a : f32[N, 4]
          return %0
        }
        else(%a: f32[N, 4]) -> f32[N, 4] {
          return %a
        }
      }
      return %i, %2
    }
  }
  return %2, %1
}
)";

std::string verify_message(std::string_view text) {
  const Graph graph = parse_graph(text);
  try {
    verify(graph);
  } catch (const InternalError& error) {
    return error.what();
  }
  return "verified";
}

std::string parse_message(std::string_view text) {
  try {
    parse_graph(text);
  } catch (const Error& error) {
    REQUIRE(error.kind == ErrorKind::value);
    return error.what();
  }
  return "parsed";
}

}  // namespace

TEST_CASE("graph text round-trips") {
  for (const std::string_view text : {kMlp, kLoop}) {
    const Graph graph = parse_graph(text);
    CHECK(to_text(graph) == text);
    CHECK_NOTHROW(verify(graph));
  }
}

TEST_CASE("random graphs round-trip and verify") {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const Graph graph = RandomGraph(seed).make();
    const std::string text = to_text(graph);
    const Graph read = parse_graph(text);
    REQUIRE(to_text(read) == text);
    REQUIRE(to_text(parse_graph(to_text(graph, false))) == to_text(graph, false));
    REQUIRE_NOTHROW(verify(graph));
    REQUIRE_NOTHROW(verify(read));
  }
}

TEST_CASE("graph text says which nodes no gradient flows through") {
  const std::string text =
      "graph @f(%x: f32[3]) -> f32[3] {\n"
      "  %0 = stop_gradient %x no_grad : f32[3]\n"
      "  %1 = sum %0 axis=[0] keepdims=true no_grad : f32[1]\n"
      "  %2 = multiply %0, %1 : f32[3]\n"
      "  return %2\n"
      "}\n";
  const Graph graph = parse_graph(text);
  CHECK(graph.nodes[1].no_grad);
  CHECK_FALSE(graph.nodes[2].no_grad);
  CHECK(parse_graph(to_text(graph)).nodes[0].no_grad);
  CHECK(to_text(graph) == to_text(parse_graph(to_text(graph))));
}

TEST_CASE("graph text keeps every attribute value exactly") {
  for (const std::string_view value :
       {"-0.0", "0.1", "1e+300", "5e-324", "inf", "-inf", "nan", "-nan", "3", "true", "-9223372036854775808"}) {
    const std::string text = fmt::format(
        "graph @f() -> f64[] {{\n  %0 = full shape=[] fill_value={} dtype=f64 : f64[]\n  return %0\n}}\n", value);
    CHECK(to_text(parse_graph(text)) == text);
  }
  CHECK_FALSE(identical(Attr(0.0), Attr(-0.0)));
  CHECK(identical(Attr(0.0 / 0.0), Attr(0.0 / 0.0)));
  CHECK_FALSE(identical(Attr(int64_t{1}), Attr(1.0)));
}

TEST_CASE("graph text makes names valid and unique, and numbers values in order") {
  Graph graph;
  graph.name = "my graph";
  const ValueId a = graph.add_param({DType::f32, {2}, {}}, "x y");
  graph.add_param({DType::f32, {2}, {}}, "x_y");
  graph.add_param({DType::f32, {2}, {}}, "3");
  graph.add_param({DType::f32, {2}, {Device::Type::cuda, 1}}, "");
  graph.add_value({DType::f32, {}, {}});  // a number that is not used leaves no gap
  const TensorType type{DType::f32, {2}, {}};
  graph.results = {graph.add_node(op("negative"), {a}, {}, {&type, 1}, {"a\nb.py", 3}).outputs[0]};
  const std::string text = to_text(graph);
  CHECK(text ==
        "graph @my_graph(%x_y: f32[2], %x_y_1: f32[2], %_3: f32[2], %arg: f32[2]@cuda:1) -> f32[2] {\n"
        "  %0 = negative %x_y : f32[2]                           # a?b.py:3\n"
        "  return %0\n}\n");
  CHECK(to_text(parse_graph(text)) == text);
}

TEST_CASE("graph text reads symbolic sizes and comments") {
  const std::string text =
      "graph @f(%x: f32[2*N+1, min(N, div(M, 2))]) -> f32[2*N+1, min(N, div(M, 2))] {\n  return %x\n}\n";
  CHECK(to_text(parse_graph(text)) == text);
  CHECK(to_text(parse_graph("# a\ngraph @f() # b\n -> () { # c:x\n return # d\n }\n# e")) ==
        "graph @f() -> () {\n  return\n}\n");
}

TEST_CASE("parse errors name line, column and what is needed") {
  const auto body = [](std::string_view line) {
    return fmt::format("graph @f(%x: f32[2]) -> f32[2] {{\n  {}\n  return %x\n}}\n", line);
  };
  CHECK(parse_message("") == "graph text:1:1: got the end; need 'graph'");
  CHECK(parse_message(body("%0 = foo %x : f32[2]")) ==
        "graph text:2:8: got the operation 'foo'; need one of the operation table");
  CHECK(parse_message(body("%0 = negative %y : f32[2]")) ==
        "graph text:2:17: got %y; need a value that was made before");
  CHECK(parse_message(body("%x = negative %x : f32[2]")) ==
        "graph text:2:3: got a second value %x; need each name once");
  CHECK(parse_message(body("%0 = sum %x foo=1 : f32[]")) ==
        "graph text:2:15: got the attribute 'foo', which sum has not");
  CHECK(parse_message(body("%0 = sum %x axis=1.5 : f32[]")) ==
        "graph text:2:15: got axis=1.5; need a value of another kind");
  CHECK(parse_message(body("%0 = sum %x axis=[0] axis=[0] : f32[]")) ==
        "graph text:2:24: got the attribute 'axis' twice");
  CHECK(parse_message(body("%0 = cast %x : f32[2]")) == "graph text:2:16: got no attribute 'dtype'; cast needs it");
  CHECK(parse_message(body("%0 = negative %x : f33[2]")) ==
        "graph text:2:22: got the dtype 'f33'; need one such as f32");
  CHECK(parse_message(body("%0 = negative %x : f32[2")) == "graph text:3:3: got 'return %x'; need ','");
  CHECK(parse_message(body("%0, %1 = negative %x : f32[2]")) ==
        "graph text:2:12: got 1 types for 2 values; need one type per value");
  CHECK(parse_message("graph @f(%x: f32[2]) -> f32[3] {\n  return %x\n}\n") ==
        "graph text:1:25: got the result type f32[3]; need f32[2]");
  CHECK(parse_message("graph @f(%x: f32[N*]) -> f32[3] {").starts_with("graph text:1:18: size: got 'N*'"));
  CHECK(
      parse_message("graph @f(%x: f32[9999999999999999999999]) -> f32[3] {").starts_with("graph text:1:18: size: got"));
  CHECK(parse_message("graph @f() -> () { return } x") == "graph text:1:29: got 'x'; need the end of the text");
  std::string deep = "graph @f(%x: bool[]) -> () {\n";
  for (int k = 0; k < 100; ++k) deep += "if %x, %x : () { then(%x: bool[]) -> () {";
  CHECK(parse_message(deep).find("need at most 64 nested regions") != std::string::npos);
  CHECK(parse_message("graph @f(%x: f32[" + std::string(100000, '-') + "1]) -> () {").find("too long") !=
        std::string::npos);
}

TEST_CASE("any text parses or is a value error, and what parses verifies or does not") {
  std::mt19937_64 random(7);
  const auto below = [&random](size_t bound) { return static_cast<size_t>(random() % bound); };
  int parsed = 0, verified = 0;
  for (int round = 0; round < 6000; ++round) {
    std::string text = round % 3 == 0 ? std::string(round % 2 ? kMlp : kLoop) : to_text(RandomGraph(below(60)).make(6));
    const std::string original = text;
    for (size_t edits = 1 + below(4); edits > 0 && !text.empty(); --edits) {
      const size_t place = below(text.size());
      const size_t from = below(original.size());
      constexpr std::string_view kChars = "%0123456789,:=()[]{}-+*.#@ \nNMfiuboltrendwhgxs_";
      switch (below(5)) {
        case 0: text.erase(place, 1 + below(8)); break;
        case 1: text[place] = kChars[below(kChars.size())]; break;
        case 2: text.insert(place, 1, static_cast<char>(below(256))); break;
        case 3: text.insert(place, original.substr(from, 1 + below(12))); break;
        default: text.insert(place, 1, kChars[below(kChars.size())]); break;
      }
    }
    try {
      const Graph graph = parse_graph(text);
      ++parsed;
      const std::string canonical = to_text(graph);
      REQUIRE(to_text(parse_graph(canonical)) == canonical);
      verify(graph);
      ++verified;
    } catch (const Error& error) {
      REQUIRE(error.kind == ErrorKind::value);
    } catch (const InternalError&) {}
  }
  CHECK(parsed > 100);
  CHECK(verified > 10);
  CHECK(verified < parsed);
}

TEST_CASE("the verifier names the rule, the node and the user's line") {
  const std::string message = verify_message(R"(graph @f(%x: f32[3], %y: f32[3]) -> f32[4] {
    %0 = negative %x : f32[3]
    %1 = add %0, %y : f32[4]  # model.py:12
    %2 = negative %1 : f32[4]
    return %2
  })");
  CHECK(message ==
        "internal error (please report it): graph @f breaks the rule 'type': got f32[4]; the operation "
        "gives f32[3]\n"
        "  in model.py:12\n"
        "    %0 = negative %x : f32[3]\n"
        "  > %1 = add %0, %y : f32[4]\n"
        "    %2 = negative %1 : f32[4]");
}

TEST_CASE("the verifier checks every rule") {
  const auto broken = [](std::string_view rule, Graph graph) {
    try {
      verify(graph);
    } catch (const InternalError& error) {
      INFO(error.what());
      CHECK(std::string(error.what()).find(fmt::format("rule '{}'", rule)) != std::string::npos);
      return;
    }
    FAIL("verified; the rule " << rule << " should be broken");
  };
  const Graph good = parse_graph(
      "graph @f(%x: f32[3]) -> f32[] {\n  %0 = negative %x : f32[3]\n  %1 = sum %0 axis=[0] dtype=f32 : f32[]\n"
      "  return %1\n}\n");
  const auto changed = [&good](auto change) {
    Graph graph = good;
    change(graph);
    return graph;
  };
  REQUIRE_NOTHROW(verify(good));
  broken("values", changed([](Graph& g) { g.nodes[0].outputs[0] = 9; }));
  broken("values", changed([](Graph& g) { g.nodes[1].outputs[0] = g.nodes[0].outputs[0]; }));
  broken("values", changed([](Graph& g) { g.nodes[1].inputs[0] = -1; }));
  broken("order", changed([](Graph& g) { std::swap(g.nodes[0], g.nodes[1]); }));
  broken("results", changed([](Graph& g) { g.results[0] = 77; }));
  broken("results", changed([](Graph& g) { g.results[0] = g.add_value({}); }));
  broken("attributes", changed([](Graph& g) { g.nodes[1].attrs.pop_back(); }));
  broken("attributes", changed([](Graph& g) { g.nodes[1].attrs[2] = int64_t{1}; }));
  broken("arity", changed([](Graph& g) { g.nodes[0].op = nullptr; }));
  broken("arity", changed([](Graph& g) { g.nodes[0].outputs.push_back(g.add_value({})); }));
  broken("type", changed([](Graph& g) { g.nodes[0].inputs.push_back(0); }));
  broken("type", changed([](Graph& g) { g.types[1].dtype = DType::f64; }));
  broken("sizes", changed([](Graph& g) { g.types[0].shape[0] = -3; }));
  broken("params", changed([](Graph& g) { g.params[0].contiguous = false; }));
  broken("regions", changed([](Graph& g) { g.nodes[0].regions.push_back(std::make_shared<Graph>()); }));

  const Graph loop = parse_graph(kLoop);
  const auto loop_changed = [&loop](auto change) {
    Graph graph = loop;
    Graph condition = *loop.nodes[1].regions[0], body = *loop.nodes[1].regions[1];
    change(condition, body);
    graph.nodes[1].regions = {std::make_shared<Graph>(condition), std::make_shared<Graph>(body)};
    return graph;
  };
  broken("regions", loop_changed([](Graph& c, Graph&) { c.results = {c.params[0].value}; }));
  broken("regions", loop_changed([](Graph& c, Graph&) { c.results.clear(); }));
  broken("regions", loop_changed([](Graph&, Graph& b) { b.results.pop_back(); }));
  broken("regions", loop_changed([](Graph&, Graph& b) {
           b.params.pop_back(), b.nodes.clear();
           b.results = {0, 1};
         }));
  broken("regions", loop_changed([](Graph&, Graph& b) { std::swap(b.results[0], b.results[1]); }));
  broken("order", loop_changed([](Graph&, Graph& b) { std::swap(b.nodes[0], b.nodes[1]); }));
}

TEST_CASE("sizes are equal symbolically, or where an operation needs them to be") {
  CHECK(verify_message("graph @f(%x: f32[N], %y: f32[M]) -> f32[N] {\n %0 = add %x, %y : f32[N]\n return %0\n}") ==
        "verified");
  CHECK(verify_message("graph @f(%x: f32[N], %y: f32[4]) -> f32[4] {\n %0 = add %x, %y : f32[4]\n return %0\n}") ==
        "verified");
  CHECK(verify_message(
            "graph @f(%x: f32[N, 3], %y: f32[M, 4]) -> f32[N, 3] {\n %0 = add %x, %y : f32[N, 3]\n return %0\n}")
            .find("rule 'type'") != std::string::npos);
  CHECK(verify_message("graph @f(%x: f32[N]) -> f32[N+1] {\n %0 = negative %x : f32[N+1]\n return %0\n}")
            .find("rule 'type'") != std::string::npos);
  CHECK(verify_message("graph @f(%x: f32[N, 6]) -> f32[2*N, 3] {\n %0 = reshape %x shape=[2*N, 3] : f32[2*N, 3]\n "
                       "return %0\n}") == "verified");
}
