// x[mask] in a captured function. How many elements it has is not known, so it stays all of x until it is written to where
// the same mask is true: `x[mask] += 1` and `x[mask] = y[mask] * 2` are `where`. Pointwise operations on such
// selections, with one another or with what broadcasts to any number of elements, give selections; everything else needs
// the number and is refused.
#include <algorithm>

#include "frontend/recorder.h"
#include "ir/symbols.h"

namespace tandem {

struct Selection {
  int frame;
  ValueId mask;
  Shape shape;    // of the mask
  ValueId where;  // the mask with axes of 1 behind it, for those that it does not cover
  int rest;       // how many those are
};

namespace {

constexpr int kDeepestMask = 16;  // operations, from what it is computed from

bool same_value(const Graph& graph, const std::vector<int>& producers, ValueId a, ValueId b, int depth) {
  if (a == b) return true;
  const int x = producers[static_cast<size_t>(a)], y = producers[static_cast<size_t>(b)];
  if (x < 0 || y < 0 || depth == kDeepestMask) return false;
  const Node &m = graph.nodes[static_cast<size_t>(x)], &n = graph.nodes[static_cast<size_t>(y)];
  if (m.op != n.op || m.attrs != n.attrs || m.inputs.size() != n.inputs.size() || m.outputs.size() != 1 ||
      !m.regions.empty())
    return false;
  for (size_t k = 0; k < m.inputs.size(); ++k)
    if (!same_value(graph, producers, m.inputs[k], n.inputs[k], depth + 1)) return false;
  return true;
}

// All of what a selection is of.
TensorRef whole(const TensorRef& x) {
  if (!is_selection(*x)) return x;
  auto recorded = std::make_unique<Recorded>(*x->recorded);
  recorded->selection = nullptr;
  return std::make_shared<Tensor>(std::move(recorded));
}

}  // namespace

void throw_selection(const Tensor& selection) {
  const SourceLoc& born = selection.recorded->born;
  throw_error(
      ErrorKind::capture,
      "index: got a mask in a captured function, where the size of the result would depend on its values; need sizes "
      "that are known without them; try td.where(mask, x, other), or x[mask] = ...{}",
      born.known() ? fmt::format(" (at {}:{})", born.file, born.line) : "");
}

std::shared_ptr<const Selection> Recorder::select(const TensorRef& mask, int64_t axis, const Shape& shape) {
  const ValueId flags = read(mask);
  const Shape own = top().graph.type(flags).shape;
  const int rest = static_cast<int>(shape.size()) - static_cast<int>(axis) - static_cast<int>(own.size());
  Shape aligned = own;
  aligned.resize(own.size() + static_cast<size_t>(rest), Dim(1));
  const ValueId where = rest == 0 ? flags : emit(op("reshape"), {flags}, {aligned});
  return std::make_shared<Selection>(Selection{top().id, flags, own, where, rest});
}

bool Recorder::selects_alike(const Selection& a, const Selection& b) const {
  if (a.frame != b.frame || a.rest != b.rest || a.shape != b.shape) return false;
  const Frame& frame = frames_.back();
  return a.frame == frame.id && same_value(frame.graph, frame.graph.producers(), a.mask, b.mask, 0);
}

TensorRef Recorder::selection(const TensorRef& x, const TensorRef& mask, int64_t axis) {
  // A cell of its own: what x[mask] holds does not change when x does.
  TensorRef out = wrap(read(x));
  out->recorded->selection = select(mask, axis, x->type().shape);
  return out;
}

// What broadcasts to any number of elements.
void Recorder::check_beside(const TensorRef& x, const Selection& selection) const {
  if (x->rank() > selection.rest)
    throw_error(
        ErrorKind::capture,
        "index: got a tensor of shape {} with a selection by a mask, whose size is not known while the function "
        "is being captured; need a number, or a selection by the same mask; try td.where(mask, x, other)",
        to_text(x->type().shape));
}

TensorRef Recorder::record_on_selections(const OpDef& op, std::span<const TensorRef> inputs, Attrs attrs) {
  const TensorRef& first = *std::find_if(inputs.begin(), inputs.end(), [](const auto& x) { return is_selection(*x); });
  if (!std::holds_alternative<PointwiseRule>(op.lower)) throw_selection(*first);
  const std::shared_ptr<const Selection> selection = first->recorded->selection;
  std::vector<TensorRef> all;
  for (const TensorRef& x : inputs) {
    if (!is_selection(*x))
      check_beside(x, *selection);
    else if (!selects_alike(*x->recorded->selection, *selection))
      throw_selection(*x);
    all.push_back(whole(x));
  }
  TensorRef out = record(op, all, std::move(attrs));
  if (!same_shape(out->recorded->type.shape, first->recorded->type.shape, env_)) throw_selection(*first);
  out->recorded->selection = selection;
  return out;
}

void Recorder::assign_where(const TensorRef& x, const TensorRef& mask, int64_t axis, const TensorRef& value) {
  const auto selected = select(mask, axis, x->type().shape);
  const TensorRef all = whole(value);
  if (is_selection(*value)) {
    if (!selects_alike(*value->recorded->selection, *selected) ||
        !same_shape(all->recorded->type.shape, x->type().shape, env_))
      throw_selection(*value);
  }
  tandem::assign(x, tandem::call("where", {wrap(selected->where), assignable(x, all), x}));
}

// `s += 1` of a selection s, which is nobody else's memory.
void Recorder::assign_selection(const TensorRef& target, const TensorRef& value) {
  if (!is_selection(*target)) throw_selection(*value);
  const Selection& selection = *target->recorded->selection;
  if (!is_selection(*value))
    check_beside(value, selection);
  else if (!selects_alike(*value->recorded->selection, selection))
    throw_selection(*value);
  tandem::assign(whole(target), whole(value));
}

}  // namespace tandem
