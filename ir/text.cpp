#include "ir/text.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <unordered_set>

namespace tandem {

namespace {

constexpr size_t kCommentColumn = 56;

bool is_name_char(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.'; }

// Values are called by identifiers; whatever else a name holds becomes an underscore.
std::string identifier(std::string_view name, std::string_view if_empty) {
  std::string text;
  for (const char c : name) text += is_name_char(c) ? c : '_';
  if (text.empty()) text = if_empty;
  if (std::isdigit(static_cast<unsigned char>(text[0])) != 0) text = "_" + text;
  return text;
}

std::string graph_name(std::string_view name) {
  std::string text;
  for (const char c : name) text += is_name_char(c) || c == '<' || c == '>' ? c : '_';
  return text.empty() ? "graph" : text;
}

std::string name_at(const std::vector<std::string>& names, ValueId value) {
  const auto place = static_cast<size_t>(value);
  return value >= 0 && place < names.size() ? names[place] : fmt::format("%?{}", value);
}

std::string type_at(const Graph& graph, ValueId value) {
  const auto place = static_cast<size_t>(value);
  return value >= 0 && place < graph.types.size() ? to_text(graph.types[place]) : "?";
}

template <class Item, class Text>
std::string joined(const std::vector<Item>& items, Text text) {
  std::string all;
  for (const Item& item : items) all += (all.empty() ? "" : ", ") + text(item);
  return all;
}

std::string types_text(const Graph& graph, const std::vector<ValueId>& values) {
  if (values.empty()) return "()";
  return joined(values, [&](ValueId value) { return type_at(graph, value); });
}

std::string params_text(const Graph& graph, const std::vector<std::string>& names) {
  return joined(graph.params, [&](const Param& param) {
    std::string text = name_at(names, param.value) + ": " + type_at(graph, param.value);
    if (!param.contiguous) text += " strides " + to_text(param.strides);
    return text;
  });
}

void append_line(std::string& out, int indent, std::string line, const SourceLoc& loc, bool with_locations) {
  line = std::string(static_cast<size_t>(indent), ' ') + line;
  if (with_locations && loc.known()) {
    line.resize(std::max(line.size() + 2, kCommentColumn), ' ');
    std::string file = loc.file;
    std::replace_if(file.begin(), file.end(), [](char c) { return c == '\n' || c == '\r'; }, '?');
    line += fmt::format("# {}:{}", file, loc.line);
  }
  out += line + "\n";
}

void append_body(std::string& out, const Graph& graph, int indent, bool with_locations) {
  const auto names = value_names(graph);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const auto labels = region_labels(*node.op);
    const std::string line = node_text(graph, i, names);
    append_line(out, indent, node.regions.empty() ? line : line + " {", node.loc, with_locations);
    if (node.regions.empty()) continue;
    for (size_t r = 0; r < node.regions.size(); ++r) {
      const Graph& region = *node.regions[r];
      const std::string_view label = r < labels.size() ? labels[r] : "region";
      append_line(out, indent + 2,
                  fmt::format("{}({}) -> {} {{", label, params_text(region, value_names(region)),
                              types_text(region, region.results)),
                  {}, false);
      append_body(out, region, indent + 4, with_locations);
      append_line(out, indent + 2, "}", {}, false);
    }
    append_line(out, indent, "}", {}, false);
  }
  const std::string values = joined(graph.results, [&](ValueId value) { return name_at(names, value); });
  append_line(out, indent, values.empty() ? "return" : "return " + values, {}, false);
}

}  // namespace

std::vector<std::string_view> region_labels(const OpDef& op) {
  if (op.name == "if") return {"then", "else"};
  if (op.name == "while") return {"cond", "body"};
  return {};
}

std::vector<std::string> value_names(const Graph& graph) {
  std::vector<std::string> names(graph.types.size());
  const auto set = [&names](ValueId value, std::string name) {
    const auto place = static_cast<size_t>(value);
    if (value >= 0 && place < names.size()) names[place] = std::move(name);
  };
  std::unordered_set<std::string> taken;
  for (const Param& param : graph.params) {
    const std::string wanted = identifier(param.name, "arg");
    std::string name = wanted;
    for (int k = 1; !taken.insert(name).second; ++k) name = fmt::format("{}_{}", wanted, k);
    set(param.value, "%" + name);
  }
  int number = 0;
  for (const Node& node : graph.nodes)
    for (const ValueId out : node.outputs) set(out, fmt::format("%{}", number++));
  for (size_t i = 0; i < names.size(); ++i)
    if (names[i].empty()) names[i] = fmt::format("%?{}", i);
  return names;
}

std::string node_text(const Graph& graph, size_t index, const std::vector<std::string>& names) {
  const Node& node = graph.nodes[index];
  const auto name = [&](ValueId value) { return name_at(names, value); };
  std::string line = joined(node.outputs, name);
  line += (line.empty() ? "" : " = ") + std::string(node.op->name);
  if (!node.inputs.empty()) line += " " + joined(node.inputs, name);
  for (size_t k = 0; k < node.attrs.size(); ++k) {
    if (k >= node.op->attrs.size()) {
      line += " ?=" + to_text(node.attrs[k]);
      continue;
    }
    const AttrSpec& spec = node.op->attrs[k];
    if (spec.fallback && identical(*spec.fallback, node.attrs[k])) continue;
    line += fmt::format(" {}={}", spec.name, to_text(node.attrs[k]));
  }
  if (node.no_grad) line += " no_grad";
  return line + " : " + types_text(graph, node.outputs);
}

std::string to_text(const Graph& graph, bool with_locations) {
  std::string out = fmt::format("graph @{}({}) -> {} {{\n", graph_name(graph.name),
                                params_text(graph, value_names(graph)), types_text(graph, graph.results));
  append_body(out, graph, 2, with_locations);
  return out + "}\n";
}

bool identical(const Attr& a, const Attr& b) {
  const auto *left = std::get_if<double>(&a), *right = std::get_if<double>(&b);
  if (left == nullptr || right == nullptr) return a == b;
  return std::bit_cast<uint64_t>(*left) == std::bit_cast<uint64_t>(*right);
}

bool identical(const Attrs& a, const Attrs& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Attr& left, const Attr& right) { return identical(left, right); });
}

bool fits(const AttrSpec& spec, const Attr& attr) {
  if (std::holds_alternative<std::monostate>(attr))
    return spec.fallback && std::holds_alternative<std::monostate>(*spec.fallback);
  const auto* dims = std::get_if<std::vector<Dim>>(&attr);
  switch (spec.kind) {
    case AttrKind::boolean: return std::holds_alternative<bool>(attr);
    case AttrKind::integer:
    case AttrKind::axis: return std::holds_alternative<int64_t>(attr);
    case AttrKind::real: return std::holds_alternative<double>(attr);
    case AttrKind::number:
      return std::holds_alternative<bool>(attr) || std::holds_alternative<int64_t>(attr) ||
             std::holds_alternative<double>(attr);
    case AttrKind::dtype: return std::holds_alternative<DType>(attr);
    case AttrKind::axes:
      if (dims == nullptr) return std::holds_alternative<int64_t>(attr);
      return std::all_of(dims->begin(), dims->end(), [](const Dim& axis) { return axis.is_constant(); });
    case AttrKind::shape:
    case AttrKind::dims: return dims != nullptr;
  }
  return false;
}

}  // namespace tandem
