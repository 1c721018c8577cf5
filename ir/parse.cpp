// Reads the text form of a Graph (grammar: docs/ir.md) by recursive descent. Whatever cannot be read is an
// Error{value} with line and column; types are taken as written, so that `verify` has something to check.
#include <algorithm>
#include <cctype>
#include <charconv>
#include <unordered_map>

#include "ir/symbols.h"
#include "ir/text.h"

namespace tandem {

namespace {

constexpr int kMaxDepth = 64;        // nested regions
constexpr size_t kMaxDimText = 400;  // characters of one size: bounds the recursion of parse_dim

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Graph all() {
    expect("graph");
    expect("@");
    Graph graph = parse_region(take_while("a graph name",
                                          [](char c) {
                                            return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' ||
                                                   c == '.' || c == '<' || c == '>';
                                          }),
                               0);
    skip();
    if (at_ != text_.size()) fail("the end of the text");
    return graph;
  }

 private:
  using Names = std::unordered_map<std::string, ValueId>;

  [[noreturn]] void fail_at(size_t place, std::string_view message) const {
    const std::string_view before = text_.substr(0, place);
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const size_t start = before.rfind('\n');
    const size_t column = place - (start == std::string_view::npos ? 0 : start + 1) + 1;
    throw_error(ErrorKind::value, "graph text:{}:{}: {}", line, column, message);
  }
  [[noreturn]] void fail(std::string_view need) {
    skip();
    size_t end = at_;
    while (end < text_.size() && end < at_ + 20 && text_[end] != '\n') ++end;
    const std::string got = at_ == text_.size() ? "the end" : fmt::format("'{}'", text_.substr(at_, end - at_));
    fail_at(at_, fmt::format("got {}; need {}", got, need));
  }

  // ---- words ----
  // Behind white space and comments.
  size_t next() const {
    size_t place = at_;
    while (place < text_.size()) {
      if (text_[place] == '#') {
        place = std::min(text_.find('\n', place), text_.size());
      } else if (std::isspace(static_cast<unsigned char>(text_[place])) != 0) {
        ++place;
      } else {
        break;
      }
    }
    return place;
  }
  void skip() { at_ = next(); }
  static bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }
  // Does not move, so that a comment stays where `location` looks for it.
  bool next_is(std::string_view token) const {
    const size_t place = next();
    if (text_.substr(place, token.size()) != token) return false;
    const size_t end = place + token.size();
    return !is_word(token.back()) || end >= text_.size() || !is_word(text_[end]);
  }
  bool accept(std::string_view token) {
    if (!next_is(token)) return false;
    at_ = next() + token.size();
    return true;
  }
  void expect(std::string_view token) {
    if (!accept(token)) fail(fmt::format("'{}'", token));
  }
  template <class Accept>
  std::string take_while(std::string_view what, Accept accept_char) {
    skip();
    const size_t start = at_;
    while (at_ < text_.size() && accept_char(text_[at_])) ++at_;
    if (at_ == start) fail(what);
    return std::string(text_.substr(start, at_ - start));
  }
  std::string word(std::string_view what) { return take_while(what, is_word); }
  std::string value_name() {
    expect("%");
    return take_while("a value name", [](char c) { return is_word(c) || c == '.'; });
  }
  // The user's line, when a comment of the form `# file:line` follows on the same line.
  SourceLoc location() {
    size_t place = at_;
    while (place < text_.size() && text_[place] == ' ') ++place;
    if (text_.substr(place, 2) != "# ") return {};
    const size_t end = std::min(text_.find('\n', place), text_.size());
    const std::string_view comment = text_.substr(place + 2, end - place - 2);
    const size_t colon = comment.rfind(':');
    if (colon == std::string_view::npos || colon == 0) return {};
    SourceLoc loc{std::string(comment.substr(0, colon)), 0};
    const char* last = comment.data() + comment.size();
    const auto [stop, problem] = std::from_chars(comment.data() + colon + 1, last, loc.line);
    if (problem != std::errc() || stop != last) return {};
    at_ = end;
    return loc;
  }

  // ---- types and attributes ----
  Dim dim(std::string_view text, size_t place) {
    if (text.size() > kMaxDimText) fail_at(place, "got a size expression that is too long to read");
    try {
      const Dim parsed = parse_dim(text);
      if (parsed.symbol_count() > kMaxSymbols) fail_at(place, fmt::format("got more than {} symbols", kMaxSymbols));
      return parsed;
    } catch (const Error& error) {
      if (error.kind == ErrorKind::value && std::string_view(error.what()).starts_with("graph text")) throw;
      fail_at(place, error.what());
    }
  }
  std::vector<Dim> dims() {
    expect("[");
    std::vector<Dim> all;
    if (accept("]")) return all;
    while (true) {
      skip();
      const size_t start = at_;
      for (int depth = 0; at_ < text_.size(); ++at_) {
        const char c = text_[at_];
        depth += (c == '(' ? 1 : 0) - (c == ')' ? 1 : 0);
        if (c == ']' || c == '\n' || (c == ',' && depth == 0)) break;
      }
      size_t end = at_;
      while (end > start && text_[end - 1] == ' ') --end;
      all.push_back(dim(text_.substr(start, end - start), start));
      if (accept("]")) return all;
      expect(",");
    }
  }
  int64_t integer(std::string_view what) {
    skip();
    int64_t value = 0;
    const auto [stop, problem] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (problem != std::errc()) fail(what);
    at_ = static_cast<size_t>(stop - text_.data());
    return value;
  }
  DType dtype() {
    const size_t place = at_;
    const std::string name = word("a dtype");
    for (const DTypeInfo& row : kDTypes)
      if (row.text == name) return row.dtype;
    fail_at(place, fmt::format("got the dtype '{}'; need one such as f32", name));
  }
  TensorType type() {
    TensorType type;
    skip();
    type.dtype = dtype();
    type.shape = dims();
    if (!accept("@")) return type;
    if (accept("cpu")) return type;
    expect("cuda");
    expect(":");
    type.device = {Device::Type::cuda, static_cast<int>(std::clamp<int64_t>(integer("a device number"), 0, 4095))};
    return type;
  }
  std::vector<TensorType> types() {
    std::vector<TensorType> all;
    if (accept("(")) {
      expect(")");
      return all;
    }
    do {
      all.push_back(type());
    } while (accept(","));
    return all;
  }
  Attr attribute() {
    if (next_is("[")) return dims();
    if (accept("none")) return std::monostate{};
    if (accept("true")) return true;
    if (accept("false")) return false;
    skip();
    const char c = at_ < text_.size() ? text_[at_] : '\0';
    const bool is_number =
        c == '-' || std::isdigit(static_cast<unsigned char>(c)) != 0 || next_is("inf") || next_is("nan");
    if (!is_number) return dtype();
    const size_t place = at_;
    const std::string number =
        take_while("a number", [](char d) { return is_word(d) || d == '.' || d == '-' || d == '+'; });
    const char *first = number.data(), *last = first + number.size();
    if (number.find_first_of(".einf") == std::string::npos) {
      int64_t value = 0;
      const auto [stop, problem] = std::from_chars(first, last, value);
      if (problem != std::errc() || stop != last) fail_at(place, fmt::format("got '{}'; need a number", number));
      return value;
    }
    double value = 0;
    const auto [stop, problem] = std::from_chars(first, last, value);
    if (problem != std::errc() || stop != last) fail_at(place, fmt::format("got '{}'; need a number", number));
    return value;
  }

  // ---- graphs ----
  ValueId use(const Names& names) {
    skip();
    const size_t place = at_;
    const std::string name = value_name();
    const auto found = names.find(name);
    if (found == names.end()) fail_at(place, fmt::format("got %{}; need a value that was made before", name));
    return found->second;
  }
  std::vector<ValueId> uses(const Names& names) {
    std::vector<ValueId> all;
    if (!next_is("%")) return all;
    do {
      all.push_back(use(names));
    } while (accept(","));
    return all;
  }
  void define(Names& names, const std::string& name, ValueId value, size_t place) const {
    if (!names.emplace(name, value).second)
      fail_at(place, fmt::format("got a second value %{}; need each name once", name));
  }

  void param(Graph& graph, Names& names) {
    skip();
    const size_t place = at_;
    const std::string name = value_name();
    if (std::isdigit(static_cast<unsigned char>(name[0])) != 0)
      fail_at(place, fmt::format("got the param %{}; need a name that does not begin with a digit", name));
    expect(":");
    define(names, name, graph.add_param(type(), name), place);
    if (!accept("strides")) return;
    graph.params.back().contiguous = false;
    graph.params.back().strides = dims();
  }

  // Everything from the params to the closing brace.
  Graph parse_region(std::string name, int depth) {
    if (depth > kMaxDepth) fail(fmt::format("at most {} nested regions", kMaxDepth));
    Graph graph;
    graph.name = std::move(name);
    Names names;
    expect("(");
    if (!accept(")")) {
      do {
        param(graph, names);
      } while (accept(","));
      expect(")");
    }
    expect("->");
    skip();
    const size_t place = at_;
    const std::vector<TensorType> declared = types();
    expect("{");
    while (!accept("return")) node(graph, names, depth);
    graph.results = uses(names);
    expect("}");
    if (declared.size() != graph.results.size())
      fail_at(place, fmt::format("got {} result types; need {}, one per value returned", declared.size(),
                                 graph.results.size()));
    for (size_t i = 0; i < declared.size(); ++i)
      if (declared[i] != graph.type(graph.results[i]))
        fail_at(place, fmt::format("got the result type {}; need {}", to_text(declared[i]),
                                   to_text(graph.type(graph.results[i]))));
    return graph;
  }

  void node(Graph& graph, Names& names, int depth) {
    std::vector<std::pair<std::string, size_t>> outputs;
    if (next_is("%")) {
      do {
        skip();
        const size_t place = at_;
        outputs.emplace_back(value_name(), place);
      } while (accept(","));
      expect("=");
    }
    skip();
    const size_t place = at_;
    const std::string name = word("an operation");
    const OpDef* row = find_op(name);
    if (row == nullptr) fail_at(place, fmt::format("got the operation '{}'; need one of the operation table", name));
    std::vector<ValueId> inputs = uses(names);
    Attrs attrs = attributes(*row);
    const bool no_grad = accept("no_grad");
    expect(":");
    const std::vector<TensorType> made = types();
    if (made.size() != outputs.size())
      fail_at(place, fmt::format("got {} types for {} values; need one type per value", made.size(), outputs.size()));
    const auto labels = region_labels(*row);
    if (!labels.empty()) expect("{");
    const SourceLoc loc = location();
    std::vector<std::shared_ptr<const Graph>> regions;
    for (const std::string_view label : labels) {
      expect(label);
      regions.push_back(std::make_shared<const Graph>(parse_region(std::string(label), depth + 1)));
    }
    if (!labels.empty()) expect("}");
    Node& node = graph.add_node(*row, std::move(inputs), std::move(attrs), made, loc);
    node.regions = std::move(regions);
    node.no_grad = no_grad;
    for (size_t i = 0; i < outputs.size(); ++i) define(names, outputs[i].first, node.outputs[i], outputs[i].second);
  }

  Attrs attributes(const OpDef& row) {
    Attrs attrs(row.attrs.size());
    std::vector<bool> given(row.attrs.size());
    skip();
    const size_t start = at_;
    while (!next_is(":") && !next_is("no_grad")) {
      const size_t place = at_;
      const std::string name = word("an attribute or ':'");
      const auto spec =
          std::find_if(row.attrs.begin(), row.attrs.end(), [&](const AttrSpec& s) { return s.name == name; });
      if (spec == row.attrs.end())
        fail_at(place, fmt::format("got the attribute '{}', which {} has not", name, row.name));
      const auto k = static_cast<size_t>(spec - row.attrs.begin());
      if (given[k]) fail_at(place, fmt::format("got the attribute '{}' twice", name));
      expect("=");
      given[k] = true;
      attrs[k] = attribute();
      if (!fits(*spec, attrs[k]))
        fail_at(place, fmt::format("got {}={}; need a value of another kind", name, to_text(attrs[k])));
      skip();
    }
    for (size_t k = 0; k < given.size(); ++k) {
      if (given[k]) continue;
      if (!row.attrs[k].fallback)
        fail_at(start, fmt::format("got no attribute '{}'; {} needs it", row.attrs[k].name, row.name));
      attrs[k] = *row.attrs[k].fallback;
    }
    return attrs;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Graph parse_graph(std::string_view text) { return Parser(text).all(); }

}  // namespace tandem
