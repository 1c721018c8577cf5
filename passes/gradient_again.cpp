// Parts of a graph that are computed again for their gradients: see passes/gradient.h.
#include "passes/gradient_parts.h"

namespace tandem {

namespace {

bool is_mark(const Node& node, bool begins) {
  return node.op->name == "segment" && std::get<bool>(node.attrs[0]) == begins;
}

}  // namespace

// The mark that belongs to the one at `end`, if that is one.
std::optional<size_t> Reverse::begin_of_segment(size_t end) const {
  if (keeps_all_ || !is_mark(graph_.nodes[end], false)) return std::nullopt;
  int depth = 0;
  for (size_t i = end + 1; i-- > first_;) {
    if (is_mark(graph_.nodes[i], false)) ++depth;
    if (is_mark(graph_.nodes[i], true) && --depth == 0) return i;
  }
  return std::nullopt;
}

void Reverse::through_segment(size_t begin, size_t end) {
  Graph part;
  part.types = graph_.types;
  std::vector<bool> inside(graph_.types.size(), false), seen = inside;
  std::vector<ValueId> outside, made;
  for (size_t i = begin + 1; i < end; ++i) {
    const Node& node = graph_.nodes[i];
    part.nodes.push_back(node);
    for (const ValueId input : node.inputs) {
      const auto k = static_cast<size_t>(input);
      if (!inside[k] && !seen[k]) outside.push_back(input);
      seen[k] = true;
    }
    for (const ValueId output : node.outputs) {
      inside[static_cast<size_t>(output)] = true;
      made.push_back(output);
    }
  }
  const auto has_gradient = [this](ValueId value) { return leads(value) && gradients_.contains(value); };
  if (std::none_of(made.begin(), made.end(), has_gradient)) return;

  const size_t first = graph_.nodes.size();
  std::vector<ValueId> arguments, copies = made;
  for (const ValueId value : outside) {
    part.params.push_back({value, {}, true, {}});
    arguments.push_back(builder_.emit("again", {at(value)}).id);
  }
  append(graph_, part, arguments, copies);
  const size_t last = graph_.nodes.size();

  // Gradients go on from the copies.
  reached_.resize(graph_.types.size(), false);
  for (size_t k = 0; k < outside.size(); ++k)
    if (leads(outside[k])) reached_[static_cast<size_t>(arguments[k])] = true;
  const auto move = [](std::map<ValueId, ValueId>& known, ValueId from, ValueId to) {
    if (auto node = known.extract(from)) {
      node.key() = to;
      known.insert(std::move(node));
    }
  };
  for (size_t k = 0; k < made.size(); ++k) {
    if (leads(made[k])) reached_[static_cast<size_t>(copies[k])] = true;
    originals_[copies[k]] = made[k];
    move(gradients_, made[k], copies[k]);
    move(given_, made[k], copies[k]);
  }
  for (size_t i = last; i-- > first;) visit(i);
  for (size_t k = 0; k < made.size(); ++k) {
    move(gradients_, copies[k], made[k]);
    move(given_, copies[k], made[k]);
  }
}

}  // namespace tandem
