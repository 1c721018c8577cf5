#include "passes/recorded.h"

#include "passes/layout.h"
#include "tests/passes/cases.h"

using namespace tandem;
using namespace tandem::testing;

namespace {

// Of a loop over `rounds` whose body has the lines `body` and gives `results` for x: f32[4] and a: f32[N, 4].
std::optional<Recorded> recorded(const std::string& body, const std::string& results, const std::string& rounds = "N",
                                 const std::string& size = "N") {
  std::string text = R"(graph @f(%x: f32[4], %a: f32[N, 4]) -> f32[N, 4], f32[4] {
    %0 = full shape=[] fill_value=0 dtype=i64 : i64[]
    %1, %2, %3 = while %0, %x, %a : i64[], f32[4], f32[N, 4] {
      cond(%i: i64[], %x: f32[4], %a: f32[N, 4]) -> bool[] {
        %0 = from_dim size=[)" +
                     rounds + R"(] dtype=i64 : i64[]
        %1 = less %i, %0 : bool[]
        return %1
      }
      body(%i: i64[], %x: f32[4], %a: f32[N, 4]) -> i64[], f32[4], f32[N, 4] {
        %0 = full shape=[] fill_value=1 dtype=i64 : i64[]
        %1 = add %i, %0 : i64[]
        %2 = exp %x : f32[4]
)" + body + "return %1, " +
                     results + R"(
      }
    }
    return %3, %2
  })";
  for (size_t at; size != "N" && (at = text.find("[N, 4]")) != std::string::npos;)
    text.replace(at, 6, "[" + size + ", 4]");
  const Graph graph = normalize_layout(parse_graph(text));
  for (const Node& node : graph.nodes)
    if (node.op->name == "while") return recorded_of(graph, node);
  return std::nullopt;
}

}  // namespace

TEST_CASE("recorded: a row a round") {
  const auto found = recorded("%3 = index_update %a, %i, %2 : f32[N, 4]\n", "%2, %3");
  REQUIRE(found);
  CHECK(found->counter == 0);
  CHECK(found->writes.size() == 1);
  CHECK(found->writes[0].at == Linear{0, {Dim(1)}});
  CHECK(found->shape == Shape{Dim(4)});
}

TEST_CASE("recorded: from the next row, and from the last one on") {
  CHECK(recorded("%3 = index_update %a, %1, %2 : f32[N, 4]\n", "%2, %3", "N-1"));
  const std::string last = R"(%3 = from_dim size=[N-1] dtype=i64 : i64[]
    %4 = subtract %3, %i : i64[]
    %5 = index_update %a, %4, %2 : f32[N, 4]
)";
  const auto found = recorded(last, "%2, %5");
  REQUIRE(found);
  CHECK(found->writes[0].at.coefficients[0].is(-1));
  CHECK_FALSE(recorded(last, "%2, %5", "N+1"));
}

TEST_CASE("recorded: not beyond the axis") {
  CHECK_FALSE(recorded("%3 = index_update %a, %1, %2 : f32[N, 4]\n", "%2, %3"));
  CHECK_FALSE(recorded("%3 = index_update %a, %i, %2 : f32[N, 4]\n", "%2, %3", "N+1"));
}

TEST_CASE("recorded: what is there, or was made a round before, may be read") {
  const auto found = recorded(R"(%3 = take %a, %i axis=0 : f32[4]
    %4 = subtract %i, %0 : i64[]
    %5 = take %a, %4 axis=0 : f32[4]
    %6 = add %5, %3 : f32[4]
    %7 = index_update %a, %i, %6 : f32[N, 4]
)",
                              "%2, %7");
  REQUIRE(found);
  CHECK(found->reads.size() == 2);
  CHECK(found->reads[0].of == Recorded::Read::Of::old);
  CHECK(found->reads[1].of == Recorded::Read::Of::earlier);
  CHECK(found->reads[1].ago == 1);
}

TEST_CASE("recorded: what is read from the end on must not be written yet") {
  const auto four_before = [](int64_t size) {
    std::string body = R"(%3 = full shape=[] fill_value=4 dtype=i64 : i64[]
    %4 = subtract %1, %3 : i64[]
    %5 = take %a, %4 axis=0 : f32[4]
    %6 = index_update %a, %1, %5 : f32[N, 4]
)";
    return recorded(body, "%2, %6", std::to_string(size - 1), std::to_string(size)).has_value();
  };
  CHECK(four_before(4));
  CHECK_FALSE(four_before(3));  // the second round reads what the first one wrote
}

TEST_CASE("recorded: what is added to, or read elsewhere, is no record") {
  CHECK_FALSE(recorded("%3 = index_update %a, %i, %2 mode=1 : f32[N, 4]\n", "%2, %3"));
  CHECK_FALSE(recorded(R"(%3 = take %a, %0 axis=0 : f32[4]
    %4 = add %2, %3 : f32[4]
    %5 = index_update %a, %i, %4 : f32[N, 4]
)",
                       "%2, %5"));
  CHECK_FALSE(recorded("%3 = exp %a : f32[N, 4]\n", "%2, %3"));
}

TEST_CASE("recorded: a row may be written to again, and be read in between") {
  const auto found = recorded(R"(%3 = index_update %a, %i, %x : f32[N, 4]
    %4 = take %3, %i axis=0 : f32[4]
    %5 = add %4, %2 : f32[4]
    %6 = index_update %3, %i, %5 : f32[N, 4]
)",
                              "%2, %6");
  REQUIRE(found);
  CHECK(found->writes.size() == 2);
  CHECK(found->reads[0].of == Recorded::Read::Of::this_round);
  CHECK_FALSE(recorded(R"(%3 = index_update %a, %i, %x : f32[N, 4]
    %4 = index_update %3, %1, %2 : f32[N, 4]
)",
                       "%2, %4", "N-1"));
}

TEST_CASE("recorded: parts of a row") {
  CHECK(recorded(R"(%3 = slice %a starts=[0, 1] sizes=[N, 2] steps=[1, 1] : f32[N, 2]
    %4 = slice %2 starts=[0] sizes=[2] steps=[1] : f32[2]
    %5 = index_update %3, %i, %4 : f32[N, 2]
    %6 = slice_update %a, %5 starts=[0, 1] sizes=[N, 2] steps=[1, 1] : f32[N, 4]
)",
                 "%2, %6") == std::nullopt);  // elements of another shape than what is carried
  const auto found = recorded(R"(%3 = index_update %a, %i, %2 : f32[N, 4]
)",
                              "%x, %3");
  CHECK(found);
}
