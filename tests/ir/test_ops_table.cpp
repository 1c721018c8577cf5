// Completeness of the operation table: nothing is missing that is not declared absent.
#include <catch2/catch.hpp>

#include <cctype>
#include <set>

#include "ir/op.h"

using namespace tandem;

namespace {

bool is_identifier(std::string_view name) {
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) != 0) return false;
  for (const char c : name)
    if (std::islower(static_cast<unsigned char>(c)) == 0 && std::isdigit(static_cast<unsigned char>(c)) == 0 &&
        c != '_')
      return false;
  return true;
}

// "(3, 4) (4,):positive | axis=1, keepdims=True" -> number of inputs; -1 when it does not parse.
class Sample {
 public:
  explicit Sample(std::string_view text) : text_(text) {}

  bool parse() {
    for (skip(); at_ < text_.size() && text_[at_] == '('; skip()) {
      if (!shape()) return false;
      ++inputs;
    }
    if (at_ == text_.size()) return true;
    if (text_[at_++] != '|') return false;
    do {
      skip();
      const std::string name = word();
      skip();
      if (name.empty() || !accept('=') || !value()) return false;
      attrs.push_back(name);
      skip();
    } while (accept(','));
    return at_ == text_.size();
  }

  int inputs = 0;
  std::vector<std::string> attrs;

 private:
  void skip() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool accept(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::string word() {
    const size_t start = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '_'))
      ++at_;
    return std::string(text_.substr(start, at_ - start));
  }
  bool shape() {
    accept('(');
    while (!accept(')')) {
      skip();
      if (at_ >= text_.size() || std::isdigit(static_cast<unsigned char>(text_[at_])) == 0) return false;
      word();
      skip();
      if (!accept(',') && (at_ >= text_.size() || text_[at_] != ')')) return false;
      skip();
    }
    return !accept(':') || !word().empty();
  }
  bool value() {
    const size_t start = at_;
    for (int depth = 0; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      depth += (c == '(' ? 1 : 0) - (c == ')' ? 1 : 0);
      if (depth < 0 || (depth == 0 && c == ',')) break;
    }
    return at_ > start;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

TEST_CASE("every row has every column") {
  REQUIRE(all_ops().size() >= 90);
  for (const OpDef* row : all_ops()) {
    INFO(row->name);
    CHECK(is_identifier(row->name));
    CHECK(row->infer != nullptr);
    CHECK_FALSE(std::holds_alternative<std::monostate>(row->lower));
    CHECK_FALSE(std::holds_alternative<std::monostate>(row->grad));
    if (const auto* none = std::get_if<NoGrad>(&row->grad)) CHECK_FALSE(none->reason.empty());
    CHECK((row->onnx == "compose" || row->onnx.starts_with("none: ") || row->onnx.starts_with("rule: ") ||
           std::isupper(static_cast<unsigned char>(row->onnx.empty() ? ' ' : row->onnx[0])) != 0));
    if (row->onnx == "compose") CHECK(std::holds_alternative<ComposeRule>(row->lower));
    if (const auto* formula = std::get_if<ComposeRule>(&row->lower)) CHECK(*formula != nullptr);
    if (const auto* pointwise = std::get_if<PointwiseRule>(&row->lower)) CHECK(*pointwise != nullptr);
    if (const auto* view = std::get_if<ViewRule>(&row->lower)) CHECK(*view != nullptr);
  }
}

TEST_CASE("names of rows, inputs and attributes are unique identifiers") {
  std::set<std::string_view> names;
  for (const OpDef* row : all_ops()) {
    INFO(row->name);
    CHECK(names.insert(row->name).second);
    CHECK(find_op(row->name) == row);
    CHECK(&op(row->name) == row);
    std::set<std::string_view> arguments;
    for (const std::string_view input : row->inputs) CHECK((is_identifier(input) && arguments.insert(input).second));
    for (const AttrSpec& attr : row->attrs) {
      CHECK((is_identifier(attr.name) && arguments.insert(attr.name).second));
      CHECK(row->attr_index(attr.name) == static_cast<int>(&attr - row->attrs.data()));
    }
  }
  CHECK(find_op("no_such_operation") == nullptr);
  CHECK_THROWS_AS(op("no_such_operation"), InternalError);
}

TEST_CASE("inputs and traits go together") {
  for (const OpDef* row : all_ops()) {
    INFO(row->name);
    if (row->has(Trait::variadic)) CHECK(row->inputs.size() == 1);
    if (row->has(Trait::commutative))
      CHECK((row->inputs.size() == 2 && std::holds_alternative<PointwiseRule>(row->lower)));
    if (row->has(Trait::wide)) CHECK(std::holds_alternative<ComposeRule>(row->lower));
    CHECK(row->optional_inputs <= static_cast<int>(row->inputs.size()));
    if (row->inputs.empty()) CHECK(std::holds_alternative<NoGrad>(row->grad));
  }
}

TEST_CASE("attributes with a default come after those without, as arguments of a function must") {
  for (const OpDef* row : all_ops()) {
    bool optional = false;
    for (const AttrSpec& attr : row->attrs) {
      INFO(row->name << " " << attr.name);
      CHECK((attr.fallback.has_value() || !optional));
      optional = optional || attr.fallback.has_value();
    }
  }
}

TEST_CASE("docs are one imperative sentence first, with an example and samples unless internal") {
  // Verbs that begin with the third person would read "Returns ..."; the imperative never ends in s here.
  for (const OpDef* row : all_ops()) {
    INFO(row->name);
    const std::string doc(row->doc);
    REQUIRE_FALSE(doc.empty());
    CHECK(std::isupper(static_cast<unsigned char>(doc[0])) != 0);
    CHECK(doc.back() == '.');
    CHECK(doc.find('\n') == std::string::npos);
    const std::string verb = doc.substr(0, doc.find(' '));
    CHECK((verb.back() != 's' || verb.ends_with("ss")));
    if (row->has(Trait::internal)) continue;
    CHECK(row->example.starts_with("td."));
    CHECK(row->example.find("  # ") != std::string_view::npos);
    CHECK(row->example.find(row->name) != std::string_view::npos);
    CHECK_FALSE(row->samples.empty());
  }
}

TEST_CASE("samples parse, and fit the inputs and attributes of their row") {
  for (const OpDef* row : all_ops()) {
    for (const std::string_view text : row->samples) {
      INFO(row->name << ": " << text);
      Sample sample(text);
      REQUIRE(sample.parse());
      const int most = static_cast<int>(row->inputs.size());
      if (row->has(Trait::variadic))
        CHECK(sample.inputs >= 1);
      else
        CHECK((sample.inputs <= most && sample.inputs >= most - row->optional_inputs));
      for (const std::string& attr : sample.attrs) CHECK_NOTHROW(row->attr_index(attr));
    }
  }
  CHECK_FALSE(Sample("(3, 4 | axis=1").parse());
  CHECK_FALSE(Sample("(3,) axis=1").parse());
  CHECK_FALSE(Sample("(3,) | axis").parse());
}
