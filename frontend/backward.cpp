// Backward passes over the tape: from the last operation to the first, each by the gradient formula of its row.
#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "frontend/autocast.h"
#include "frontend/recorder.h"

namespace tandem {

namespace {

// Carries out a gradient formula on tensors. The values of the tape are looked at only where the formula uses them, and
// what it computes is let go of behind its last use: formulas of ten operations would keep as many large tensors.
class FormulaRunner : public Builder {
 public:
  using Builder::emit;

  FormulaRunner(const GradNode& node, const TrackingRef& result, bool create_graph)
      : node_(node), result_(result), create_graph_(create_graph) {
    for (const SavedValue& input : node.inputs) add(type_of(input), nullptr);
    add(type_of(node.output), nullptr);
  }
  Value add(TensorType type, TensorRef tensor) {
    types_.push_back(std::move(type));
    tensors_.push_back(std::move(tensor));
    return at(static_cast<ValueId>(tensors_.size()) - 1);
  }
  Value at(ValueId id) { return {this, id}; }
  // Carried out when its result is asked for: no gradient is computed that nobody wants.
  Value emit(const OpDef& op, std::span<const Value> inputs, Attrs attrs) override {
    Deferred made{&op, {}, complete_attrs(op, std::move(attrs))};
    std::vector<TensorType> types;
    for (const Value& input : inputs) {
      made.inputs.push_back(input.id);
      types.push_back(input.type());
    }
    Attrs inferred = made.attrs;
    TensorType type = infer_type(op, types, inferred, env_);
    deferred_.emplace(static_cast<ValueId>(tensors_.size()), std::move(made));
    return add(std::move(type), nullptr);
  }
  const TensorType& type(ValueId id) const override { return types_[static_cast<size_t>(id)]; }
  ShapeEnv& env() override { return env_; }

  // `tensor` will be asked for each of these once.
  void want(const std::vector<ValueId>& ids) {
    uses_.assign(tensors_.size(), 0);
    std::vector<ValueId> open = ids;
    while (!open.empty()) {
      const ValueId id = open.back();
      open.pop_back();
      if (++uses_[static_cast<size_t>(id)] > 1) continue;
      if (const auto found = deferred_.find(id); found != deferred_.end())
        open.insert(open.end(), found->second.inputs.begin(), found->second.inputs.end());
    }
  }
  TensorRef tensor(ValueId id) {
    TensorRef found = evaluated(id);
    if (--uses_[static_cast<size_t>(id)] == 0) tensors_[static_cast<size_t>(id)] = nullptr;
    return found;
  }

 private:
  const TensorRef& evaluated(ValueId id) {
    TensorRef& known = tensors_[static_cast<size_t>(id)];
    if (known) return known;
    if (const auto found = deferred_.find(id); found != deferred_.end()) {
      std::vector<TensorRef> operands;
      operands.reserve(found->second.inputs.size());
      for (const ValueId input : found->second.inputs) operands.push_back(tensor(input));
      return known = call(*found->second.op, operands, found->second.attrs);
    }
    const auto k = static_cast<size_t>(id);
    const bool is_output = k == node_.inputs.size();
    const SavedValue& value = is_output ? node_.output : node_.inputs[k];
    check_internal(value.tensor != nullptr, "the gradient of {} reads a value that was not kept", node_.op->name);
    if (value.tensor->storage && value.tensor->storage->version != value.version)
      throw_error(ErrorKind::autograd,
                  "backward: got {} of '{}' ({}) that was written to after the operation; need it as it was; try "
                  "writing to a copy, or x = x + ... instead of x += ...",
                  is_output ? "the result" : fmt::format("input {}", k + 1), node_.op->name,
                  to_text(value.tensor->type()));
    known = value.tensor;
    if (!create_graph_) return known;
    const TrackingRef& past = is_output ? result_ : value.tracking;
    if (known->tracking != past || known->base) {
      known = detached(known);
      known->tracking = past;
    }
    return known;
  }

  static TensorType type_of(const SavedValue& value) {
    TensorType type{value.dtype, {}, {}};
    for (const int64_t size : value.sizes) type.shape.emplace_back(size);
    return type;
  }

  struct Deferred {
    const OpDef* op;
    std::vector<ValueId> inputs;
    Attrs attrs;
  };

  const GradNode& node_;
  const TrackingRef& result_;
  const bool create_graph_;
  std::map<ValueId, Deferred> deferred_;
  std::vector<TensorRef> tensors_;
  std::vector<int> uses_;         // that are still to come
  std::deque<TensorType> types_;  // references stay good
  ShapeEnv env_;
};

std::string name_of(const GradNode& node) { return node.op ? std::string(node.op->name) : node.name; }

// As many elements and of the kind that the value has: real numbers do not take the imaginary part of a gradient.
TensorRef fitted(TensorRef gradient, const SavedValue& value, const GradNode& node) {
  if (is_complex(gradient->dtype) && !is_complex(value.dtype)) gradient = call("real", {gradient});
  if (gradient->dtype != value.dtype) gradient = call("cast", {gradient}, {value.dtype});
  check_internal(gradient->type().shape.size() == static_cast<size_t>(value.sizes.size()) &&
                     (gradient->recorded || gradient->sizes == value.sizes),
                 "the gradient of {} has the shape {}", name_of(node), to_text(gradient->type().shape));
  return gradient;
}

template <class Wanted>
std::vector<TensorRef> apply_formula(const GradNode& node, const TrackingRef& result, TensorRef upstream,
                                     bool create_graph, const Wanted& wanted) {
  const GradRule rule = gradient_rule(*node.op);
  const CreationDevice there(upstream->device);  // of constants in the formula
  FormulaRunner runner(node, result, create_graph);
  std::vector<Value> inputs;
  std::vector<TensorType> types;
  for (size_t k = 0; k < node.inputs.size(); ++k) {
    inputs.push_back(runner.at(static_cast<ValueId>(k)));
    types.push_back(inputs.back().type());
  }
  const Value output = runner.at(static_cast<ValueId>(node.inputs.size()));
  const TensorType type = upstream->type();
  const Value up = runner.add(type, std::move(upstream));
  Attrs attrs = node.attrs;
  infer_type(*node.op, types, attrs, runner.env());  // writes the attributes as formulas expect them
  const std::vector<Value> grads = rule({runner, inputs, output, up, *node.op, attrs});
  std::vector<TensorRef> out(node.inputs.size());
  std::vector<ValueId> ids;
  for (size_t k = 0; k < grads.size(); ++k)
    if (grads[k] && wanted(node.inputs[k])) ids.push_back(grads[k].id);
  runner.want(ids);
  for (size_t k = 0; k < grads.size(); ++k)
    if (grads[k] && wanted(node.inputs[k])) out[k] = runner.tensor(grads[k].id);
  return out;
}

TensorRef ones_like(const TensorRef& x) {
  return call("broadcast_to", {to_device(scalar_tensor(x->dtype, 1.0), x->device)}, {x->type().shape});
}

class Pass {
 public:
  explicit Pass(const BackwardOptions& options) : options_(options) {}

  // From here on, only what leads to these counts.
  void aim_at(std::span<const TensorRef> inputs) {
    aimed_ = true;
    for (const TensorRef& input : inputs)
      if (const TrackingRef& tracking = tracking_of(input)) wanted_.insert(tracking.get());
  }

  void start(std::span<const TensorRef> roots, std::span<const TensorRef> upstream) {
    for (size_t k = 0; k < roots.size(); ++k) {
      const TensorRef& root = roots[k];
      const TrackingRef tracking = tracking_of(root);
      if (!tracking) throw_untracked("backward", *root);
      TensorRef up = k < upstream.size() ? upstream[k] : nullptr;
      if (!up) {
        if (element_count(root->sizes) != 1) throw_no_gradient_given(*root);
        up = ones_like(root);
      }
      if (!(up->type().shape == root->type().shape))
        throw_error(ErrorKind::shape, "backward: got a gradient of shape {} for a tensor of shape {}; need equal ones",
                    to_text(up->type().shape), to_text(root->type().shape));
      if (up->dtype != root->dtype) up = call("cast", {up}, {root->dtype});
      if (leads(*tracking)) add(tracking, std::move(up));
    }
  }

  // `finish(tracking, gradient)` takes the gradients of leaves, of what keeps its own, and of what is wanted.
  template <class Finish>
  void run(const Finish& finish) {
    while (!nodes_.empty()) {
      const auto last = std::prev(nodes_.end());
      const GradNodeRef node = last->second;
      nodes_.erase(last);
      step(node, finish);
    }
    for (auto& [tracking, pending] : pending_) finish(pending.tracking, hooked(pending));
  }

 private:
  struct Pending {
    TrackingRef tracking;
    TensorRef gradient;
  };

  void add(const TrackingRef& tracking, TensorRef gradient) {
    Pending& pending = pending_[tracking.get()];
    pending.tracking = tracking;
    pending.gradient = pending.gradient ? call("add", {pending.gradient, gradient}) : std::move(gradient);
    if (const GradNodeRef& node = tracking->made_by) {
      nodes_.emplace(node->number, node);
      auto& results = results_[node.get()];
      if (std::find(results.begin(), results.end(), tracking.get()) == results.end()) results.push_back(tracking.get());
    }
  }

  // Whether the gradient of a value is wanted, or leads to one that is.
  bool leads(const Tracking& tracking) {
    return !aimed_ || wanted_.contains(&tracking) || (tracking.made_by && leads(tracking.made_by));
  }
  bool leads(const GradNodeRef& node) {
    // Without recursion: tapes are long.
    std::vector<const GradNode*> open = {node.get()};
    while (!open.empty()) {
      const GradNode* at = open.back();
      bool waits = false, found = false;
      if (!leading_.contains(at)) {
        for (const SavedValue& input : at->inputs) {
          if (!input.tracking) continue;
          found = found || wanted_.contains(input.tracking.get());
          const GradNode* before = input.tracking->made_by.get();
          if (!before) continue;
          const auto known = leading_.find(before);
          if (known != leading_.end()) {
            found = found || known->second;
          } else {
            open.push_back(before);
            waits = true;
          }
        }
        if (waits) continue;
        leading_[at] = found;
      }
      open.pop_back();
    }
    return leading_[node.get()];
  }

  static TensorRef hooked(const Pending& pending) {
    TensorRef gradient = pending.gradient;
    for (const auto& hook : pending.tracking->hooks)
      if (TensorRef replaced = hook(gradient)) gradient = std::move(replaced);
    return gradient;
  }

  template <class Finish>
  void step(const GradNodeRef& node, const Finish& finish) {
    if (node->freed) throw_freed(name_of(*node));
    std::vector<TensorRef> upstream(static_cast<size_t>(node->outputs));
    TrackingRef result;
    for (const Tracking* tracking : results_[node.get()]) {
      const auto found = pending_.find(tracking);
      Pending pending = std::move(found->second);
      pending_.erase(found);
      pending.gradient = hooked(pending);
      if (aimed_ ? wanted_.contains(tracking) : tracking->keeps_grad) finish(pending.tracking, pending.gradient);
      TensorRef& sum = upstream[static_cast<size_t>(tracking->output)];
      sum = sum ? call("add", {sum, pending.gradient}) : pending.gradient;
      result = pending.tracking;
    }
    results_.erase(node.get());
    const auto counts = [this](const SavedValue& input) { return input.tracking && leads(*input.tracking); };
    if (std::none_of(node->inputs.begin(), node->inputs.end(), counts)) return;
    std::vector<TensorRef> grads =
        node->op ? apply_formula(*node, result, std::move(upstream[0]), options_.create_graph, counts)
                 : node->rule(upstream);
    upstream.clear();
    if (!options_.retain && !options_.create_graph) let_go(*node);
    for (size_t k = 0; k < node->inputs.size(); ++k)
      if (grads[k] && counts(node->inputs[k]))
        add(node->inputs[k].tracking, fitted(std::move(grads[k]), node->inputs[k], *node));
  }

  static void let_go(GradNode& node) {
    node.freed = true;
    for (SavedValue& input : node.inputs) input.tensor = nullptr;
    node.output.tensor = nullptr;
    node.rule = nullptr;
  }

  const BackwardOptions options_;
  std::map<const Tracking*, Pending> pending_;
  std::map<uint64_t, GradNodeRef> nodes_;  // in the order in which they were made
  std::map<const GradNode*, std::vector<const Tracking*>> results_;
  bool aimed_ = false;
  std::set<const Tracking*> wanted_;
  std::map<const GradNode*, bool> leading_;
};

}  // namespace

void throw_untracked(std::string_view what, const Tensor& x) {
  throw_error(ErrorKind::autograd,
              "{}: got {} that rests on no tensor with requires_grad; need one that does; try "
              "x.requires_grad_() before it is computed",
              what, to_text(x.type()));
}

void throw_no_gradient_given(const Tensor& root) {
  throw_error(ErrorKind::autograd,
              "backward: got a tensor of shape {} and no gradient for it; need one element, or a gradient of "
              "that shape; try .sum() or .mean(), or backward(td.ones_like(y))",
              to_text(root.type().shape));
}

void throw_freed(std::string_view name) {
  throw_error(ErrorKind::autograd,
              "backward: got a result of '{}' whose values were let go of by an earlier pass; need them once more; "
              "try backward(retain_graph=True) in the first pass",
              name);
}

void backward(std::span<const TensorRef> roots, std::span<const TensorRef> upstream, const BackwardOptions& options) {
  if (Recorder* recorder = Recorder::current()) return recorder->backward(roots, upstream, options);
  const GradMode mode(options.create_graph);
  const Autocast as_recorded({});  // the conversions of the operations have gradients of their own
  Pass pass(options);
  pass.start(roots, upstream);
  pass.run([](const TrackingRef& tracking, const TensorRef& gradient) {
    tracking->grad = tracking->grad ? call("add", {tracking->grad, gradient}) : gradient;
  });
}

std::vector<TensorRef> gradients(std::span<const TensorRef> roots, std::span<const TensorRef> upstream,
                                 std::span<const TensorRef> inputs, const BackwardOptions& options) {
  if (Recorder* recorder = Recorder::current()) return recorder->gradients(roots, upstream, inputs, options);
  std::map<const Tracking*, TensorRef> found;
  const GradMode mode(options.create_graph);
  const Autocast as_recorded({});  // the conversions of the operations have gradients of their own
  Pass pass(options);
  pass.aim_at(inputs);
  pass.start(roots, upstream);
  pass.run([&](const TrackingRef& tracking, const TensorRef& gradient) { found[tracking.get()] = gradient; });
  std::vector<TensorRef> out;
  for (const TensorRef& input : inputs) {
    const auto of_input = found.find(tracking_of(input).get());
    out.push_back(of_input != found.end() ? of_input->second : nullptr);
  }
  return out;
}

}  // namespace tandem
