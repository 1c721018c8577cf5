// Gradients of the recorder: `backward` and its kin inside of a function that is being captured.
//
// The graph recorded so far is the tape: a backward pass appends the gradients to it (passes/gradient.h). Which values
// somebody wants to know of is noted when they are read. The `grad` of tensors from outside is kept here until the
// capture ends; what has changed is an effect of the program.
#include <algorithm>

#include "frontend/autocast.h"
#include "frontend/eager.h"
#include "frontend/recorder.h"
#include "passes/gradient_parts.h"

namespace tandem {

namespace {

bool contains(const std::vector<TrackingRef>& all, const TrackingRef& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

void check_without_effects(const Graph& graph, size_t first, std::string_view what) {
  if (std::any_of(graph.nodes.begin() + static_cast<std::ptrdiff_t>(first), graph.nodes.end(), has_effects))
    throw_error(ErrorKind::capture,
                "{}: got a function that does something else than to compute, for a gradient that exists on some paths "
                "through branches and loops only; need one that computes; try calling backward in the branch",
                what);
}

TensorRef sum_of(const TensorRef& before, const TensorRef& more) { return before ? call("add", {before, more}) : more; }

}  // namespace

Tracked tracked_as(const Tensor& x) {
  if (!x.tracking && !(x.base && x.base->tracking)) return Tracked::no;
  return x.tracking && !x.base && x.tracking->is_leaf() ? Tracked::leaf : Tracked::computed;
}

// ---- Who wants to know of what ----

void Recorder::note_tracking(const TensorRef& tensor, const std::shared_ptr<Cell>& cell) {
  tracked_.resize(arguments_.size(), Tracked::no);
  tracked_.back() = tracked_as(*tensor);
  if (tracked_.back() == Tracked::no) return;
  const TrackingRef& there = tracking_of(tensor);
  if (!there) return;
  cell->tracking = std::make_shared<Tracking>();
  cell->tracking->made_by = there->made_by;
  cell->tracking->grad = there->grad;
  cell->tracking->hooks = there->hooks;
  leaves_.push_back({.input = cell->argument, .tracking = cell->tracking, .before = there->grad});
}

Recorder::Leaf* Recorder::leaf(const Tracking* tracking) {
  const auto found = std::find_if(leaves_.begin(), leaves_.end(),
                                  [tracking](const Leaf& each) { return each.tracking.get() == tracking; });
  return found != leaves_.end() ? &*found : nullptr;
}

Recorder::Leaf* Recorder::outer(const Tracking* tracking) {
  Leaf* found = leaf(tracking);
  return found && found->input >= 0 ? found : nullptr;
}

void Recorder::watch_value(Frame& frame, ValueId value, const TrackingRef& tracking) {
  std::vector<TrackingRef>& known = frame.watched[value];
  if (!contains(known, tracking)) known.push_back(tracking);
}

TrackingRef Recorder::tracking_in(const TensorRef& given) {
  const TensorRef x = given->recorded ? given : constant(given);
  if (x->recorded->recorder.get() != this) throw_leaked("gradient", *x);
  if (x->tracking) return x->tracking;
  return x->recorded->views.empty() ? x->recorded->cell->tracking : nullptr;
}

void Recorder::aim_at_watched(Reverse& reverse, size_t level) {
  for (const auto& [value, trackings] : frames_[level].watched)
    if (std::any_of(trackings.begin(), trackings.end(),
                    [this](const TrackingRef& each) { return each->is_leaf() || outer(each.get()); }))
      reverse.aim(value);
  if (level == 0) return;
  for (const auto& [cell, value] : frames_[level].imports)
    if (is_inexact(cell->type.dtype) && leads(level - 1, value_in(cell, level - 1))) reverse.aim(value);
}

Reverse Recorder::reaching(size_t level) {
  Reverse reverse(frames_[level].graph, env_);
  reverse.set_rules(frames_[level].rules);
  aim_at_watched(reverse, level);
  reverse.spread();
  return reverse;
}

// Whether gradients flow from a value of an open region to a leaf.
bool Recorder::leads(size_t level, ValueId value) { return reaching(level).leads(value); }

bool Recorder::requires_grad(const TensorRef& x) {
  asks_tracking_ = true;
  if (tracking_in(x)) return true;
  return is_inexact(x->dtype) && leads(frames_.size() - 1, read(x));
}

bool Recorder::is_leaf(const TensorRef& x) {
  asks_tracking_ = true;
  if (const TrackingRef tracking = tracking_in(x)) return tracking->is_leaf();
  return !is_inexact(x->dtype) || !leads(frames_.size() - 1, read(x));
}

void Recorder::require_grad(const TensorRef& given, bool required) {
  const TensorRef x = given->recorded ? given : constant(given);
  asks_tracking_ = true;
  const TrackingRef tracking = tracking_in(x);
  if ((tracking && tracking->is_leaf()) == required) return;
  if (x->recorded->cell->argument >= 0 && x->recorded->views.empty())
    throw_error(ErrorKind::capture,
                "requires_grad_: got a tensor from outside of a function that is being captured; need one that is made "
                "in it; try calling it before, or on x.detach()");
  Recorded& r = *x->recorded;
  if (!required) {
    if (tracking && !tracking->is_leaf())
      throw_error(ErrorKind::autograd,
                  "requires_grad_: got False for a tensor that was computed from others that require gradients; need a "
                  "leaf; try x.detach()");
    for (auto& [value, watchers] : top().watched) std::erase(watchers, tracking);
    r.cell->tracking = nullptr;
    return;
  }
  if (!is_inexact(x->dtype))
    throw_error(ErrorKind::dtype,
                "requires_grad_: got a tensor of {}; need a floating-point or complex dtype; try x.astype(td.float32)",
                info(x->dtype).name);
  const ValueId value = read(x);
  if (leads(frames_.size() - 1, value)) return;
  if (!r.views.empty()) {
    // A cell of its own, which is always a view of the other one.
    std::shared_ptr<Cell> cell = wrap(value)->recorded->cell;
    link(cell, {r.cell, std::exchange(r.views, {}), true, {{lift(Kind::boolean, 0, 1), true}}});
    r.cell = std::move(cell);
  }
  r.cell->tracking = std::make_shared<Tracking>();
  leaves_.push_back({.input = -1, .tracking = r.cell->tracking, .before = nullptr});
  watch_value(top(), value, r.cell->tracking);
}

TrackingRef Recorder::watch(const TensorRef& x, std::string_view what) {
  asks_tracking_ = true;
  if (TrackingRef tracking = tracking_in(x)) return tracking;
  const ValueId value = read(x);
  if (!leads(frames_.size() - 1, value)) throw_untracked(what, *x);
  differentiable_ = false;
  auto tracking = std::make_shared<Tracking>();
  tracking->made_by = std::make_shared<GradNode>();
  tracking->made_by->name = "captured";
  x->tracking = tracking;
  watch_value(top(), value, tracking);
  return tracking;
}

// ---- What is no operation ----

TensorRef Recorder::detached(const TensorRef& x) {
  return is_inexact(x->dtype) ? record(op("stop_gradient"), {&x, 1}, {}) : x;
}

TensorRef Recorder::same(const TensorRef& x) { return wrap(emit(op("copy"), {read(x)}, {})); }

void Recorder::own_rule(std::span<const TensorRef> inputs, std::span<const TensorRef> results,
                        std::function<std::vector<TensorRef>(std::span<const TensorRef>)> rule) {
  differentiable_ = false;
  OwnRule own;
  for (const TensorRef& input : inputs) own.inputs.push_back(input ? read(input) : -1);
  for (const TensorRef& result : results) {
    // A value of its own, so that its gradient is not that of others.
    const ValueId value = emit(op("copy"), {read(result)}, {});
    top().graph.nodes.back().no_grad = true;
    own.outputs.push_back(value);
    result->recorded->cell = wrap(value)->recorded->cell;
    result->recorded->views.clear();
  }
  own.position = top().graph.nodes.size();
  own.gradients = [this, rule = std::move(rule)](std::span<const ValueId> upstream) {
    std::vector<TensorRef> given;
    for (const ValueId each : upstream) given.push_back(each >= 0 ? wrap(each) : nullptr);
    std::vector<ValueId> found;
    for (const TensorRef& each : rule(given)) found.push_back(each ? read(each) : -1);
    return found;
  };
  top().rules.push_back(std::move(own));
}

// ---- `grad` ----

TensorRef Recorder::known_gradient(const TrackingRef& tracking) {
  if (Leaf* from = leaf(tracking.get()); from && !from->replaced) from->read = true;
  return tracking->grad;
}

TensorRef Recorder::given_of(const Tracking* tracking) const {
  const auto found = std::find_if(leaves_.begin(), leaves_.end(),
                                  [tracking](const Leaf& each) { return each.tracking.get() == tracking; });
  return found != leaves_.end() ? found->given : nullptr;
}

TensorRef Recorder::grad(const TensorRef& x) {
  const auto [gradient, given] = grad_where(x);
  if (given)
    throw_error(
        ErrorKind::capture,
        "grad: got that of a tensor which has one on some paths through branches and loops only, so that it may "
        "be None; need one that is there in every call; try td.optim or td.grad, which know, or a gradient of "
        "zeros before backward");
  return gradient;
}

std::pair<TensorRef, TensorRef> Recorder::grad_where(const TensorRef& x) {
  asks_tracking_ = true;
  const TrackingRef tracking = tracking_in(x);
  if (!tracking) return {};
  return {known_gradient(tracking), given_of(tracking.get())};
}

void Recorder::set_grad(const TensorRef& x, TensorRef gradient) {
  asks_tracking_ = true;
  const TrackingRef tracking = tracking_in(x);
  if (!tracking) {
    if (gradient) throw_untracked("grad", *x);
    return;
  }
  if (gradient) check_gradient(*x, *gradient);
  replace_gradient(tracking, std::move(gradient));
}

void Recorder::replace_gradient(const TrackingRef& tracking, TensorRef gradient, TensorRef given) {
  tracking->grad = std::move(gradient);
  Leaf* from = leaf(tracking.get());
  if (!from) return;
  if (!from->replaced) {
    const std::vector<Node>& nodes = frames_[0].graph.nodes;
    from->at_once = frames_.size() == 1 && std::none_of(nodes.begin(), nodes.end(), has_effects);
  }
  from->given = std::move(given);
  from->replaced = true;
  if (from->input >= 0) takes_gradients_ = true;
}

void Recorder::add_gradient(const TrackingRef& tracking, TensorRef gradient, TensorRef given) {
  const TensorRef before = known_gradient(tracking), known = given_of(tracking.get());
  if (before && (!known || !given))
    given = nullptr;
  else if (before)
    given = call("logical_or", {known, given});
  replace_gradient(tracking, sum_of(before, gradient), std::move(given));
}

std::vector<Recorder::ChangedGradient> Recorder::changed_gradients() {
  std::vector<ChangedGradient> changed;
  for (const Leaf& each : leaves_)
    if (each.input >= 0 && (each.tracking->grad != each.before || (each.replaced && !each.before)))
      changed.push_back({each.input, each.tracking->grad, each.given});
  return changed;
}

// ---- Backward passes ----

std::vector<std::pair<ValueId, ValueId>> Recorder::starts(std::span<const TensorRef> roots,
                                                          std::span<const TensorRef> upstream) {
  asks_tracking_ = true;
  std::vector<std::pair<ValueId, ValueId>> found;
  for (size_t k = 0; k < roots.size(); ++k) {
    const ValueId root = read(roots[k]);
    if (!leads(frames_.size() - 1, root)) throw_untracked("backward", *roots[k]);
    const TensorType type = top().graph.type(root);
    const TensorRef up = k < upstream.size() ? upstream[k] : nullptr;
    if (!up) {
      for (const Dim& size : type.shape)
        if (!env_.equal(size, 1)) throw_no_gradient_given(*roots[k]);
      found.emplace_back(root, emit(op("full"), {}, {type.shape, 1.0, type.dtype}));
      continue;
    }
    const ValueId given = read(up);
    const Shape shape = top().graph.type(given).shape;
    bool fits = shape.size() == type.shape.size();
    for (size_t axis = 0; fits && axis < shape.size(); ++axis) fits = env_.equal(shape[axis], type.shape[axis]);
    if (!fits)
      throw_error(ErrorKind::shape, "backward: got a gradient of shape {} for a tensor of shape {}; need equal ones",
                  to_text(shape), to_text(type.shape));
    found.emplace_back(root, with_shape(given, type.shape));
  }
  return found;
}

void Recorder::run_backward(Reverse& reverse, std::span<const std::pair<ValueId, ValueId>> starts,
                            const BackwardOptions& options) {
  Frame& frame = top();
  std::set<ValueId> done;
  reverse.set_rules(frame.rules);
  reverse.on_complete = [&](ValueId value, ValueId gradient) {
    bool leaf = false;
    if (const auto watched = frame.watched.find(value); watched != frame.watched.end())
      for (const TrackingRef& tracking : std::vector<TrackingRef>(watched->second)) {
        leaf = leaf || tracking->is_leaf() || outer(tracking.get());
        const ValueId given = reverse.given(value);
        const size_t before = frame.graph.nodes.size();
        for (const auto& hook : tracking->hooks)
          if (const TensorRef replaced = hook(wrap(gradient))) gradient = read(replaced);
        if (given >= 0 && !tracking->hooks.empty()) {
          check_without_effects(frame.graph, before, "register_hook");
          GraphBuilder builder(frame.graph, env_);
          gradient = only_where(builder, given, builder.at(gradient)).id;
        }
        if (!tracking->keeps_grad || leaf) continue;
        if (given >= 0)
          throw_error(ErrorKind::capture,
                      "retain_grad: got a tensor whose gradient exists on some paths through branches and loops only; "
                      "need one that is there in every call; try td.grad");
        tracking->grad = sum_of(tracking->grad, wrap(gradient));
      }
    if (leaf) return gradient;
    if (frame.freed.contains(value)) {
      const int made_by = frame.graph.producers()[static_cast<size_t>(value)];
      throw_freed(made_by >= 0 ? frame.graph.nodes[static_cast<size_t>(made_by)].op->name : "an argument");
    }
    done.insert(value);
    return gradient;
  };
  reverse.spread();
  for (const auto& [root, gradient] : starts) reverse.add(root, gradient);
  reverse.run();
  reverse.on_complete = nullptr;
  if (!options.retain && !options.create_graph) frame.freed.insert(done.begin(), done.end());
}

namespace {

// Gradients that are not to be differentiated in turn are constants.
class ConstantsFrom {
 public:
  ConstantsFrom(Graph& graph, bool wanted) : graph_(graph), first_(static_cast<ValueId>(graph.types.size())) {
    if (!wanted) first_ = std::numeric_limits<ValueId>::max();
  }
  ~ConstantsFrom() {
    for (Node& node : graph_.nodes)
      if (!node.outputs.empty() && node.outputs[0] >= first_) node.no_grad = true;
  }
  ConstantsFrom(const ConstantsFrom&) = delete;
  ConstantsFrom& operator=(const ConstantsFrom&) = delete;

 private:
  Graph& graph_;
  ValueId first_;
};

}  // namespace

void Recorder::backward(std::span<const TensorRef> roots, std::span<const TensorRef> upstream,
                        const BackwardOptions& options) {
  const GradMode mode(options.create_graph);
  const Autocast as_recorded({});
  const auto from = starts(roots, upstream);
  const ConstantsFrom constants(top().graph, !options.create_graph);
  Reverse reverse(top().graph, env_);
  aim_at_watched(reverse, frames_.size() - 1);
  run_backward(reverse, from, options);
  const auto throw_from_outside = [] {
    throw_error(ErrorKind::capture,
                "backward: got a gradient that flows out of what is being captured, to a tensor that was computed "
                "before; need one that is computed from leaves in it, and outside of branches and loops; try td.grad, "
                "or calling backward outside");
  };
  for (const auto& [cell, value] : top().imports)
    if (reverse.gradient(value) >= 0 && !top().watched.contains(value)) throw_from_outside();
  const std::map<ValueId, std::vector<TrackingRef>> watched = top().watched;
  for (const auto& [value, trackings] : watched) {
    const ValueId gradient = reverse.gradient(value);
    if (gradient < 0) continue;
    for (const TrackingRef& tracking : trackings) {
      const bool outside = outer(tracking.get()) != nullptr;
      if (!tracking->is_leaf()) {
        if (outside) throw_from_outside();
        continue;
      }
      const ValueId given = reverse.given(value);
      add_gradient(tracking, wrap(gradient), given >= 0 ? wrap(given) : nullptr);
    }
  }
}

std::vector<TensorRef> Recorder::gradients(std::span<const TensorRef> roots, std::span<const TensorRef> upstream,
                                           std::span<const TensorRef> inputs, const BackwardOptions& options) {
  const GradMode mode(options.create_graph);
  const Autocast as_recorded({});
  const auto from = starts(roots, upstream);
  const ConstantsFrom constants(top().graph, !options.create_graph);
  Reverse reverse(top().graph, env_);
  std::vector<std::vector<ValueId>> values(inputs.size());
  for (size_t k = 0; k < inputs.size(); ++k) {
    values[k] = {read(inputs[k])};
    if (const TrackingRef tracking = tracking_in(inputs[k]))
      for (const auto& [value, trackings] : top().watched)
        if (value != values[k][0] && contains(trackings, tracking)) values[k].push_back(value);
    for (const ValueId value : values[k]) reverse.aim(value);
  }
  run_backward(reverse, from, options);
  std::vector<TensorRef> found;
  for (const std::vector<ValueId>& each : values) {
    TensorRef sum, given;
    bool certain = false;
    for (const ValueId value : each) {
      const ValueId gradient = reverse.gradient(value), is_given = reverse.given(value);
      if (gradient < 0) continue;
      sum = sum_of(sum, wrap(gradient));
      certain = certain || is_given < 0;
      if (is_given >= 0) given = given ? call("logical_or", {given, wrap(is_given)}) : wrap(is_given);
    }
    // Zeros where there is none: what asks for gradients of functions gives these.
    if (sum && !certain) sum = call("where", {given, sum, scalar_tensor(sum->dtype, 0.0)});
    found.push_back(std::move(sum));
  }
  return found;
}

// The results of a function that computes gradients itself are on no tape: no gradient may be expected to flow from them.
void Recorder::check_untracked(std::span<const TensorRef> outputs) {
  const Reverse reverse = reaching(0);
  for (const TensorRef& output : outputs) {
    if (!output->recorded || output->recorded->cell->argument >= 0 || !is_inexact(output->dtype)) continue;
    const ValueId value = read(output);
    if (reverse.leads(value) && !top().freed.contains(value))
      throw_error(ErrorKind::capture,
                  "return: got a result that gradients would flow from, of a function that also calls backward; need "
                  "one or the other; try returning y.detach()");
  }
}

}  // namespace tandem
