#include "frontend/recorder.h"

#include <algorithm>

#include "frontend/tape.h"

namespace tandem {

namespace {

thread_local Recorder* active = nullptr;

bool is_view_op(const OpDef& op) { return std::holds_alternative<ViewRule>(op.lower); }

// Operators that Python itself has for numbers: on weak values only, their result is a number again.
bool is_number_operator(const OpDef& op) {
  constexpr std::string_view names[] = {"add",           "subtract",    "multiply",       "divide",      "floor_divide",
                                        "remainder",     "pow",         "negative",       "positive",    "abs",
                                        "equal",         "not_equal",   "less",           "less_equal",  "greater",
                                        "greater_equal", "logical_and", "logical_or",     "logical_not", "bitwise_and",
                                        "bitwise_or",    "bitwise_xor", "bitwise_invert", "minimum",     "maximum"};
  return std::find(std::begin(names), std::end(names), op.name) != std::end(names);
}

bool is_arithmetic(const OpDef& op) {
  constexpr std::string_view names[] = {"add",       "subtract", "multiply", "divide",   "floor_divide",
                                        "remainder", "pow",      "negative", "positive", "abs"};
  return op.name == "bitwise_invert" || std::find(std::begin(names), std::end(names), op.name) != std::end(names);
}

}  // namespace

std::function<SourceLoc()> Recorder::locate;

Layout layout_after(const ViewStep& step, Layout layout) {
  if (!step.index) return *std::get<ViewRule>(step.op->lower)(step.input, layout, *step.op, step.attrs, step.output);
  layout.strides.erase(layout.strides.begin() + std::get<int64_t>(step.attrs[0]));
  return layout;
}

void throw_leaked(std::string_view what, const Tensor& tensor) {
  const SourceLoc& born = tensor.recorded->born;
  throw_error(ErrorKind::capture,
              "{}: got a tensor that exists only while a function is being captured{}; need a tensor with a value; try "
              "returning it from the function instead of storing it",
              what, born.known() ? fmt::format(" (made at {}:{})", born.file, born.line) : "");
}

bool may_overlap(const Recorded& a, const Recorded& b) {
  if (a.cell != b.cell) return false;
  if (a.views.empty() || b.views.empty() || a.views[0].op->name != "slice" || b.views[0].op->name != "slice")
    return true;
  const auto place = [](const ViewStep& step, size_t attr, size_t axis) {
    return std::get<std::vector<Dim>>(step.attrs[attr])[axis];
  };
  for (size_t k = 0; k < a.cell->type.shape.size(); ++k) {
    int64_t low[2], high[2];
    bool known = true;
    for (const ViewStep* step : {&a.views[0], &b.views[0]}) {
      const Dim start = place(*step, 0, k), last = start + (place(*step, 1, k) - Dim(1)) * place(*step, 2, k);
      const size_t side = step == &b.views[0];
      known = known && start.is_constant() && last.is_constant();
      if (!known) break;
      low[side] = std::min(start.constant(), last.constant());
      high[side] = std::max(start.constant(), last.constant());
    }
    if (known && (high[0] < low[1] || high[1] < low[0])) return false;
  }
  return true;
}

Recorder::Recorder(std::string name) : name_(std::move(name)) {
  frames_.push_back(open_frame());
  top().graph.name = name_;
}

Recorder* Recorder::current() { return active; }
void Recorder::start() {
  grad_mode_ = GradMode::enabled();
  previous_ = active;
  active = this;
}
void Recorder::stop() { active = previous_; }

Recorder::Frame Recorder::open_frame() {
  Frame frame;
  frame.id = next_frame_++;
  return frame;
}

size_t Recorder::node_count() const {
  size_t count = 0;
  for (const Frame& frame : frames_) count += frame.graph.nodes.size();
  return count;
}

size_t Recorder::level_of(int frame) const {
  for (size_t level = frames_.size(); level-- > 0;)
    if (frames_[level].id == frame) return level;
  throw_error(ErrorKind::capture,
              "got a tensor that was made inside a branch or loop body and is used outside of it; need a value that "
              "leaves it through a variable assigned on every path");
}

TensorRef Recorder::wrap_cell(std::shared_ptr<Cell> cell, bool weak) {
  auto recorded = std::make_unique<Recorded>();
  recorded->recorder = shared_from_this();
  recorded->type = cell->type;
  recorded->cell = std::move(cell);
  recorded->weak = weak;
  if (locate) recorded->born = locate();
  auto made = std::make_shared<Tensor>(std::move(recorded));
  made->device = device_;
  return made;
}

void Recorder::want_device(Device device, std::string_view what) {
  if (device == device_) return;
  if (is_cpu(device) || !is_cpu(device_) || elsewhere_)
    throw_error(
        ErrorKind::backend,
        "{}: got the device {} in a captured function that runs on {}; need one device; try leaving device= out", what,
        to_text(device), to_text(device_));
  device_ = device;
}

TensorRef Recorder::wrap(ValueId value, bool weak) {
  auto cell = std::make_shared<Cell>();
  cell->now = {top().id, value};
  cell->type = top().graph.type(value);
  cell->home = top().id;
  return wrap_cell(std::move(cell), weak);
}

ValueId Recorder::read(const std::shared_ptr<Cell>& cell, size_t level) {
  const ValueId value = value_in(cell, level);
  if (cell->tracking && grad_mode_) watch_value(frames_[level], value, cell->tracking);
  return value;
}

ValueId Recorder::value_in(const std::shared_ptr<Cell>& cell, size_t level) {
  Frame& frame = frames_[level];
  if (cell->now.frame == frame.id) return cell->now.value;
  level_of(cell->now.frame);
  const auto known = frame.imported.find(cell.get());
  if (known != frame.imported.end()) return known->second;
  check_internal(level > 0, "a cell has no value in the function");
  read(cell, level - 1);
  const ValueId value =
      frames_[level].graph.add_param(cell->type, fmt::format("c{}", frames_[level].graph.params.size()));
  frames_[level].imported[cell.get()] = value;
  frames_[level].imports.emplace_back(cell, value);
  return value;
}

ValueId Recorder::emit(const OpDef& op, const std::vector<ValueId>& inputs, Attrs attrs) {
  if (GradMode::enabled() && !grad_mode_) differentiable_ = false;
  GraphBuilder builder(top().graph, env_);
  if (line_.known())
    builder.set_location(line_);
  else if (locate)
    builder.set_location(locate());
  std::vector<Value> values;
  values.reserve(inputs.size());
  for (ValueId input : inputs) values.push_back(builder.at(input));
  const ValueId made = builder.emit(op, values, std::move(attrs)).id;
  // A view has a past, or none, since it was made.
  const bool stops = is_view_op(op) ? op.name == "stop_gradient" : grad_mode_ && !GradMode::enabled();
  top().graph.nodes.back().no_grad = stops;
  return made;
}

// Each view is computed once, as in eager code: gradients are summed up in the same order.
ValueId Recorder::apply_views(ValueId base, const std::vector<ViewStep>& views, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const ViewStep& step = views[i];
    std::vector<ValueId> inputs = {base};
    if (step.index) inputs.push_back(read(step.index, frames_.size() - 1));
    std::vector<SeenView>& seen = top().views[base];
    const auto known = std::find_if(seen.begin(), seen.end(), [&](const SeenView& view) {
      return view.number == step.number && view.index == (step.index ? inputs[1] : -1);
    });
    if (known != seen.end()) {
      base = known->result;
      continue;
    }
    const ValueId made = emit(*step.op, inputs, step.attrs);
    top().views[base].push_back({step.number, step.index ? inputs[1] : -1, made});
    base = made;
  }
  return base;
}

ValueId Recorder::read(const TensorRef& tensor) {
  if (!tensor->recorded) return read(constant(tensor));
  if (tensor->recorded->recorder.get() != this) throw_leaked("capture", *tensor);
  if (tensor->recorded->selection) throw_selection(*tensor);
  if (const auto& lost = tensor->recorded->cell->uncertain)
    throw_error(
        ErrorKind::capture,
        "read: got a tensor that is another variable's, too, on some paths only, after a write through that one "
        "(at {}:{}); need names that are one tensor on every path, or on none; try 'x = x + ...' instead of "
        "'x += ...'",
        lost->file, lost->line);
  const ValueId base = read(tensor->recorded->cell, frames_.size() - 1);
  const ValueId value = apply_views(base, tensor->recorded->views, tensor->recorded->views.size());
  if (tensor->tracking) watch_value(top(), value, tensor->tracking);
  return value;
}

bool Recorder::is_weak_result(const OpDef& op, std::span<const TensorRef> inputs) const {
  return !inputs.empty() && is_number_operator(op) &&
         std::all_of(inputs.begin(), inputs.end(), [](const TensorRef& t) { return t->recorded && t->recorded->weak; });
}

bool Recorder::settle(const OpDef& op, Attrs& attrs) {
  bool changed = false;
  for (size_t k = 0; k < op.attrs.size(); ++k) {
    auto* sizes = std::get_if<std::vector<Dim>>(&attrs[k]);
    if (!sizes || (op.attrs[k].kind != AttrKind::shape && op.attrs[k].name != "sizes")) continue;
    for (Dim& size : *sizes) {
      if (size.is_constant() || env_.hint(size) > 1 || env_.hint(size) < 0) continue;
      size = env_.specialize(size);
      changed = true;
    }
  }
  return changed;
}

TensorRef Recorder::record(const OpDef& op, std::span<const TensorRef> inputs, Attrs attrs) {
  attrs = complete_attrs(op, std::move(attrs));
  if (std::any_of(inputs.begin(), inputs.end(), [](const TensorRef& x) { return is_selection(*x); }))
    return record_on_selections(op, inputs, std::move(attrs));
  settle(op, attrs);
  if (is_view_op(op)) {
    TensorRef x = inputs[0]->recorded ? inputs[0] : constant(inputs[0]);
    if (x->recorded->recorder.get() != this) throw_leaked(op.name, *x);
    if (!GradMode::enabled() && grad_mode_ && op.name != "stop_gradient" && is_inexact(x->dtype)) x = detached(x);
    const TensorType type = x->recorded->type;
    TensorType result = infer_type(op, {&type, 1}, attrs, env_);
    if (settle(op, attrs)) result = infer_type(op, {&type, 1}, attrs, env_);  // a size that was -1
    // A view where strides allow it, as in eager code; else a copy, which writes do not go through.
    Layout layout;
    const Cell& cell = *x->recorded->cell;
    if (cell.argument >= 0)
      layout = {0, frames_[0].graph.params[static_cast<size_t>(cell.argument)].contiguous
                       ? contiguous_strides(cell.type.shape)
                       : frames_[0].graph.params[static_cast<size_t>(cell.argument)].strides};
    else
      layout = {0, contiguous_strides(cell.type.shape)};
    for (const ViewStep& step : x->recorded->views) layout = layout_after(step, std::move(layout));
    if (!std::get<ViewRule>(op.lower)(type, layout, op, attrs, result)) {
      for (const Dim& size : type.shape) env_.decide(size, Relation::eq, 1);  // whose stride would not matter
      return wrap(emit(op, {read(x)}, std::move(attrs)));
    }
    auto recorded = std::make_unique<Recorded>(*x->recorded);
    recorded->views.push_back({&op, std::move(attrs), type, result, nullptr, ++next_view_});
    recorded->type = std::move(result);
    recorded->weak = false;
    if (locate) recorded->born = locate();
    auto out = std::make_shared<Tensor>(std::move(recorded));
    out->writable = x->writable && op.name != "broadcast_to";
    if (cell.now.frame == top().id) read(out);  // in its place among what is computed
    return out;
  }
  const bool weak = is_weak_result(op, inputs);
  std::vector<ValueId> ids;
  std::optional<DType> strong;
  const auto is_condition = [&](const TensorRef& input) {
    return (op.name == "where" && &input == inputs.data()) ||
           (op.checks && &input == &inputs[static_cast<size_t>(op.checks->indices)]);
  };
  for (const TensorRef& input : inputs)
    if (!(input->recorded && input->recorded->weak) && !is_condition(input))
      strong = strong ? promote(*strong, input->dtype) : input->dtype;
  for (const TensorRef& input : inputs) {
    ValueId id = read(input);
    const bool unlike = op.has(Trait::mixed) && op.name != "where" && !op.checks;
    const bool as_it_is = unlike && (op.has(Trait::internal) || op.name == "cast");
    if (!weak && input->recorded && input->recorded->weak && !as_it_is) {
      // As a Python number: it takes the tensors' dtype unless it is of a larger kind, or counts for itself.
      const Kind kind = info(input->dtype).kind;
      const DType alone = kind == Kind::floating  ? default_dtype()
                          : kind == Kind::integer ? DType::i64
                                                  : DType::boolean;
      const DType to = strong && !unlike ? weak_result(*strong, kind) : alone;
      if (to != input->dtype && !is_condition(input)) id = emit(tandem::op("cast"), {id}, {to});
    }
    ids.push_back(id);
  }
  if (weak && is_arithmetic(op))  // Python computes with True as with 1
    for (size_t i = 0; i < ids.size(); ++i)
      if (top().graph.type(ids[i]).dtype == DType::boolean) ids[i] = emit(tandem::op("cast"), {ids[i]}, {DType::i64});
  if (weak && op.name == "divide")
    for (size_t i = 0; i < ids.size(); ++i)
      if (!is_floating(top().graph.type(ids[i]).dtype)) ids[i] = emit(tandem::op("cast"), {ids[i]}, {DType::f64});
  if (op.checks) {
    std::vector<TensorType> types;
    types.reserve(ids.size());
    for (const ValueId id : ids) types.push_back(top().graph.type(id));
    const TensorType result = infer_type(op, types, attrs, env_);  // normalises the axis
    const auto [axis, size] = checked_axis(op, types, result, attrs);
    ValueId& id = ids[static_cast<size_t>(op.checks->indices)];
    id = checked(id, size, axis);
  }
  if (op.has(Trait::may_fail)) ids[0] = before_failure(ids[0]);
  return wrap(emit(op, ids, std::move(attrs)), weak);
}

TensorRef Recorder::element(const TensorRef& base, const TensorRef& index, int64_t axis) {
  const TensorRef x = base->recorded ? base : constant(base);
  if (x->recorded->recorder.get() != this) throw_leaked("index", *x);
  const OpDef& take = op("take");
  Attrs attrs = {axis};
  const TensorType types[] = {x->recorded->type, index->type()};
  const TensorType result = infer_type(take, types, attrs, env_);
  // A cell of its own, because the index may be written to later.
  const Dim size = types[0].shape[static_cast<size_t>(std::get<int64_t>(attrs[0]))];
  const ValueId value = checked(read(index), size, std::get<int64_t>(attrs[0]));
  std::shared_ptr<Cell>& cell = index_cells_[(int64_t{top().id} << 32) | value];
  if (!cell) {
    cell = std::make_shared<Cell>();
    cell->now = {top().id, value};
    cell->type = top().graph.type(value);
    cell->home = top().id;
  }
  auto recorded = std::make_unique<Recorded>(*x->recorded);
  recorded->views.push_back({&take, std::move(attrs), x->recorded->type, result, cell, ++next_view_});
  recorded->type = result;
  recorded->weak = false;
  auto out = std::make_shared<Tensor>(std::move(recorded));
  out->writable = x->writable;
  if (x->recorded->cell->now.frame == top().id) read(out);
  return out;
}

TensorRef Recorder::lift(Kind kind, double real, int64_t whole) {
  const DType dtype = kind == Kind::floating ? DType::f64 : kind == Kind::integer ? DType::i64 : DType::boolean;
  const Attr value = kind == Kind::floating ? Attr(real) : Attr(whole);
  return wrap(emit(op("full"), {}, {std::vector<Dim>{}, value, dtype}), true);
}

TensorRef Recorder::from_dim(Dim dim) {
  if (dim.is_constant()) return lift(Kind::integer, 0, dim.constant());
  return wrap(emit(op("from_dim"), {}, {std::vector<Dim>{dim}, DType::i64}), true);
}

// ---- in-place writes ----

void Recorder::write(const std::shared_ptr<Cell>& cell, ValueId value) {
  Frame& frame = top();
  if (cell->now.frame != frame.id) frame.written.emplace_back(cell, cell->now);
  cell->now = {frame.id, value};
}

void Recorder::undo_writes(Frame& frame) {
  for (auto& [cell, before] : frame.written) cell->now = before;
}

ValueId Recorder::with_shape(ValueId value, const Shape& shape) {
  return top().graph.type(value).shape == shape ? value : emit(op("broadcast_to"), {value}, {shape});
}

// The base with what `views[step:]` show of it replaced by `value`.
ValueId Recorder::updated(ValueId base, const std::vector<ViewStep>& views, size_t step, ValueId value) {
  if (step == views.size()) return with_shape(value, top().graph.type(base).shape);
  const ViewStep& view = views[step];
  const std::string_view name = view.op->name;
  const bool strided = name == "as_strided";
  const std::string_view update = strided ? "strided_update" : "slice_update";
  if ((name == "slice" || strided) && step + 1 == views.size()) return emit(op(update), {base, value}, view.attrs);
  if (view.index) {
    const ValueId chosen = read(view.index, frames_.size() - 1);
    if (step + 1 < views.size()) value = updated(emit(*view.op, {base, chosen}, view.attrs), views, step + 1, value);
    return emit(op("index_update"), {base, chosen, value}, view.attrs);
  }
  const ValueId seen = emit(*view.op, {base}, view.attrs);
  const ValueId changed = updated(seen, views, step + 1, value);
  if (name == "slice" || strided) return emit(op(update), {base, changed}, view.attrs);
  if (name == "stop_gradient") return changed;
  if (name == "flip") return emit(*view.op, {changed}, view.attrs);
  if (name == "permute_dims") {
    const auto& axes = std::get<std::vector<Dim>>(view.attrs[0]);
    std::vector<Dim> inverse(axes.size());
    for (size_t k = 0; k < axes.size(); ++k) inverse[static_cast<size_t>(axes[k].constant())] = static_cast<int64_t>(k);
    return emit(*view.op, {changed}, {inverse});
  }
  check_internal(name == "reshape" || name == "expand_dims" || name == "squeeze", "cannot write through {}", name);
  return emit(op("reshape"), {changed}, {top().graph.type(base).shape});
}

void Recorder::assign(const TensorRef& target_or_constant, const TensorRef& value) {
  const TensorRef target = target_or_constant->recorded ? target_or_constant : constant(target_or_constant);
  const Recorded& r = *target->recorded;
  if (r.recorder.get() != this) throw_leaked("assignment", *target);
  if (!target_or_constant->writable)
    throw_error(ErrorKind::value, "assignment: got a read-only tensor; need a writable one; try x.copy()");
  const bool hidden = std::any_of(r.views.begin(), r.views.end(),
                                  [](const ViewStep& step) { return step.op->name == "stop_gradient"; });
  if (r.cell->tracking && GradMode::enabled() && !hidden) throw_written_leaf(!r.views.empty());
  // `x[i] += y` in Python ends with x[i] = x[i].
  if (value->recorded && value->recorded->cell == r.cell && value->recorded->views == r.views) return;
  ValueId id = read(value);
  const TensorType type = top().graph.type(id);
  if (type.dtype != r.type.dtype) id = emit(op("cast"), {id}, {r.type.dtype});
  check_broadcast(type.shape, r.type.shape, env_);
  Shape shape = type.shape;
  while (shape.size() > r.type.shape.size() && env_.equal(shape[0], 1)) shape.erase(shape.begin());
  if (shape != type.shape) id = emit(op("reshape"), {id}, {shape});
  const ValueId base = read(r.cell, frames_.size() - 1);
  write(r.cell, updated(base, r.views, 0, id));
  write_aliases(r.cell);
}

}  // namespace tandem
