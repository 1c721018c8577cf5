// What the text form of a Graph, its parser and its verifier share. Grammar: docs/ir.md.
#pragma once
#include <string>
#include <vector>

#include "ir/graph.h"

namespace tandem {

// Names of the values as the text shows them, with the leading %: params by their (unique) names, others by number.
std::vector<std::string> value_names(const Graph& graph);
// One line, regions left out; does not mind an ill-formed graph.
std::string node_text(const Graph& graph, size_t node, const std::vector<std::string>& names);
// Labels of the regions of a control operation, in order; none for any other.
std::vector<std::string_view> region_labels(const OpDef& op);

// Equality bit by bit: unlike ==, 0.0 and -0.0 differ and a NaN equals itself.
bool identical(const Attr& a, const Attr& b);
bool identical(const Attrs& a, const Attrs& b);
// Whether a value is of the kind its row declares.
bool fits(const AttrSpec& spec, const Attr& attr);

}  // namespace tandem
