#include "frontend/tape.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <set>
#include <unordered_map>

#include "frontend/eager.h"
#include "frontend/recorder.h"

namespace tandem {

thread_local bool GradMode::on = true;

namespace {

std::atomic<uint64_t> nodes_made{0};

bool differentiable(DType dtype) { return is_inexact(dtype); }

// Which values the gradients of an operation are computed from: of each input, flags for all inputs and the result.
using Reads = std::vector<std::vector<bool>>;

Reads find_reads(const OpDef& op, std::span<const TensorRef> inputs, Attrs attrs, const Tensor& result) {
  Reads reads(inputs.size(), std::vector<bool>(inputs.size() + 1, false));
  const auto* rule = std::get_if<GradRule>(&op.grad);
  if (!rule) return reads;
  Graph graph;
  ShapeEnv env;
  GraphBuilder builder(graph, env);
  std::vector<Value> values;
  std::vector<TensorType> types;
  for (const TensorRef& input : inputs) {
    types.push_back(input->type());
    values.push_back(builder.at(graph.add_param(types.back(), "")));
  }
  const Value output = builder.at(graph.add_param(result.type(), ""));
  const Value upstream = builder.at(graph.add_param(result.type(), ""));
  infer_type(op, types, attrs, env);
  const std::vector<Value> grads = (*rule)({builder, values, output, upstream, op, attrs});
  const std::vector<int> producers = graph.producers();
  for (size_t k = 0; k < grads.size(); ++k) {
    std::vector<ValueId> open;
    if (grads[k]) open.push_back(grads[k].id);
    while (!open.empty()) {
      const ValueId id = open.back();
      open.pop_back();
      for (size_t j = 0; j <= values.size(); ++j)
        if ((j < values.size() ? values[j] : output).id == id) reads[k][j] = true;
      if (const int made_by = producers[static_cast<size_t>(id)]; made_by >= 0)
        for (const ValueId input : graph.nodes[static_cast<size_t>(made_by)].inputs) open.push_back(input);
    }
  }
  return reads;
}

// What formulas read depends on the operation, its attributes and dtypes, and for routines of the runtime on the shapes.
class ReadsCache {
 public:
  const Reads& of(const OpDef& op, std::span<const TensorRef> inputs, const Attrs& attrs, const Tensor& result) {
    std::lock_guard lock(mutex_);
    std::deque<Entry>& entries = of_op_[&op];
    const auto* structure = std::get_if<Structure>(&op.lower);
    const bool shapes = structure && *structure == Structure::library;
    for (const Entry& entry : entries)
      if (entry.fits(inputs, attrs, shapes)) return entry.reads;
    constexpr size_t kMost = 16;  // then attributes are likely to be others in every call
    Entry entry{attrs, {}, {}, find_reads(op, inputs, attrs, result)};
    for (const TensorRef& input : inputs) {
      entry.dtypes.push_back(input->dtype);
      if (shapes) entry.sizes.push_back(input->sizes);
    }
    if (entries.size() < kMost) return entries.emplace_back(std::move(entry)).reads;
    entries.back() = std::move(entry);
    return entries.back().reads;
  }

 private:
  struct Entry {
    Attrs attrs;
    std::vector<DType> dtypes;
    std::vector<Sizes> sizes;
    Reads reads;
    bool fits(std::span<const TensorRef> inputs, const Attrs& wanted, bool shapes) const {
      if (dtypes.size() != inputs.size() || attrs != wanted) return false;
      for (size_t k = 0; k < inputs.size(); ++k)
        if (dtypes[k] != inputs[k]->dtype || (shapes && !(sizes[k] == inputs[k]->sizes))) return false;
      return true;
    }
  };
  std::mutex mutex_;
  std::unordered_map<const OpDef*, std::deque<Entry>> of_op_;
};

ReadsCache& reads_cache() {
  static ReadsCache* instance = new ReadsCache;
  return *instance;
}

// The same memory as another tensor.
TensorRef alias(const Tensor& x) {
  auto out = std::make_shared<Tensor>(x.dtype, x.sizes, x.strides, x.storage, x.data);
  out->writable = x.writable;
  return out;
}

SavedValue saved(const TensorRef& x, TrackingRef tracking, bool read) {
  SavedValue value{nullptr, std::move(tracking), x->dtype, x->sizes, x->storage ? x->storage->version : 0};
  if (read) value.tensor = x;
  return value;
}

TrackingRef tracking_for(const OpDef& op, std::span<const TensorRef> inputs, const Attrs& given,
                         const TensorRef& result) {
  auto node = std::make_shared<GradNode>();
  node->op = &op;
  node->attrs = complete_attrs(op, given);
  node->number = nodes_made.fetch_add(1, std::memory_order_relaxed);
  const bool view = std::holds_alternative<ViewRule>(op.lower);  // no element is read
  const Reads none;
  const Reads& reads = view ? none : reads_cache().of(op, inputs, node->attrs, *result);
  const auto is_read = [&](size_t j) {
    for (size_t k = 0; k < reads.size(); ++k)
      if (reads[k][j] && tracking_of(inputs[k])) return true;
    return false;
  };
  node->inputs.reserve(inputs.size());
  for (size_t k = 0; k < inputs.size(); ++k)
    node->inputs.push_back(saved(inputs[k], tracking_of(inputs[k]), is_read(k)));
  node->output = saved(result, nullptr, false);
  if (is_read(inputs.size())) node->output.tensor = alias(*result);
  auto tracking = std::make_shared<Tracking>();
  tracking->made_by = std::move(node);
  return tracking;
}

// How the elements of a tensor lie in its base, seen as the vector that its memory is.
struct Place {
  TensorRef ordered, vector;  // the base with its axes in the order of memory; as one axis
  std::vector<Dim> order;     // of the base's axes
  Attrs attrs;                // of the part, in `vector`
};

Place place_in(const TensorRef& x, const TensorRef& base) {
  std::vector<int> order(static_cast<size_t>(base->rank()));
  for (size_t k = 0; k < order.size(); ++k) order[k] = static_cast<int>(k);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return base->strides[a] > base->strides[b]; });
  Place place;
  Sizes sizes, strides;
  for (const int axis : order) {
    place.order.emplace_back(axis);
    sizes.push_back(base->sizes[axis]);
    strides.push_back(base->strides[axis]);
  }
  place.ordered = std::make_shared<Tensor>(base->dtype, sizes, strides, base->storage, base->data);
  if (!place.ordered->is_contiguous())
    throw_error(ErrorKind::autograd,
                "assignment: got a view of a tensor whose elements do not lie next to each other; need one that "
                "gradients can follow; try writing to a copy");
  const int64_t count = element_count(sizes);
  place.vector = std::make_shared<Tensor>(base->dtype, Sizes{count}, Sizes{1}, base->storage, base->data);
  const int64_t offset = (static_cast<const char*>(x->data) - static_cast<const char*>(base->data)) / size_of(x->dtype);
  std::vector<Dim> shape, steps;
  for (const int64_t size : x->sizes) shape.emplace_back(size);
  for (const int64_t stride : x->strides) steps.emplace_back(stride);
  place.attrs = {std::move(shape), std::move(steps), std::vector<Dim>{Dim(offset)}};
  return place;
}

void track(const OpDef& op, const TensorRef& from, const Attrs& attrs, const TensorRef& to) {
  to->tracking = from->tracking ? tracking_for(op, {&from, 1}, attrs, to) : nullptr;
}

// From the base to the vector, whose tracking is set.
void flatten(const Place& place, const TensorRef& base) {
  track(op("permute_dims"), base, {place.order}, place.ordered);
  track(op("reshape"), place.ordered, {place.vector->type().shape}, place.vector);
}

// The tracking of the base when `vector` is what its memory is now.
TrackingRef unflattened(const Place& place, const TensorRef& vector, const TensorRef& base) {
  const TensorRef ordered = alias(*place.ordered), whole = alias(*base);
  track(op("reshape"), vector, {ordered->type().shape}, ordered);
  std::vector<Dim> back(place.order.size());
  for (size_t k = 0; k < back.size(); ++k)
    back[static_cast<size_t>(place.order[k].constant())] = static_cast<int64_t>(k);
  track(op("permute_dims"), ordered, {back}, whole);
  return whole->tracking;
}

}  // namespace

const TrackingRef& tracking_of(const TensorRef& x) {
  if (!x->base || x->seen == x->base->writes) return x->tracking;
  x->seen = x->base->writes;
  x->tracking = nullptr;
  if (!tracking_of(x->base)) return x->tracking;
  const Place place = place_in(x, x->base);
  flatten(place, x->base);
  track(op("as_strided"), place.vector, place.attrs, x);
  return x->tracking;
}

void tape_operation(const OpDef& op, std::span<const TensorRef> inputs, const Attrs& attrs, const TensorRef& result) {
  if (!differentiable(result->dtype)) return;
  if (std::none_of(inputs.begin(), inputs.end(), [](const TensorRef& x) { return tracking_of(x) != nullptr; })) return;
  result->tracking = tracking_for(op, inputs, attrs, result);
  if (result->base) result->seen = result->base->writes;
}

void keep_before_write(const TensorRef& result, const Tensor& written) {
  if (!result->tracking || result->tracking->is_leaf()) return;
  for (SavedValue& input : result->tracking->made_by->inputs)
    if (input.tensor && input.tensor->storage.get() == written.storage.get()) {
      input.tensor = contiguous_copy(input.tensor);
      input.version = input.tensor->storage->version;
    }
}

void tape_function(std::string name, std::span<const TensorRef> inputs, std::span<const TensorRef> results,
                   std::function<std::vector<TensorRef>(std::span<const TensorRef>)> rule) {
  if (Recorder* recorder = Recorder::current()) return recorder->own_rule(inputs, results, std::move(rule));
  if (std::none_of(inputs.begin(), inputs.end(), [](const TensorRef& x) { return tracking_of(x) != nullptr; })) return;
  auto node = std::make_shared<GradNode>();
  node->name = std::move(name);
  node->rule = std::move(rule);
  node->number = nodes_made.fetch_add(1, std::memory_order_relaxed);
  node->outputs = static_cast<int>(results.size());
  for (const TensorRef& input : inputs) node->inputs.push_back(saved(input, tracking_of(input), false));
  for (size_t k = 0; k < results.size(); ++k) {
    if (!differentiable(results[k]->dtype)) continue;
    auto tracking = std::make_shared<Tracking>();
    tracking->made_by = node;
    tracking->output = static_cast<int>(k);
    results[k]->tracking = std::move(tracking);
    results[k]->base = nullptr;
  }
}

uint64_t tape_position() { return nodes_made.load(std::memory_order_relaxed); }

std::vector<TensorRef> tape_sources(std::span<const TensorRef> results, std::span<const TensorRef> known,
                                    uint64_t position) {
  std::set<const void*> seen;
  for (const TensorRef& x : known) seen.insert(tracking_of(x).get());
  const auto is_before = [&](const Tracking& tracking) {
    return tracking.is_leaf() || tracking.made_by->number < position;
  };
  std::vector<TensorRef> found;
  std::vector<const GradNode*> open;
  const Device device = results.empty() ? Device{} : results[0]->device;
  const auto meet = [&](const TrackingRef& tracking, DType dtype, const Sizes& sizes) {
    if (!tracking) return;
    if (!is_before(*tracking)) {
      if (seen.insert(tracking->made_by.get()).second) open.push_back(tracking->made_by.get());
    } else if (seen.insert(tracking.get()).second) {
      const GradMode off(false);
      std::vector<Dim> shape(sizes.begin(), sizes.end());
      const TensorRef zero = to_device(scalar_tensor(dtype, 0.0), device);
      found.push_back(alias(*call("broadcast_to", {zero}, {std::move(shape)})));
      found.back()->tracking = tracking;
    }
  };
  for (const TensorRef& x : results) meet(tracking_of(x), x->dtype, x->sizes);
  while (!open.empty()) {
    const GradNode* node = open.back();
    open.pop_back();
    for (const SavedValue& input : node->inputs) meet(input.tracking, input.dtype, input.sizes);
  }
  return found;
}

bool needs_tape(const TensorRef& target, const TensorRef& value) {
  return GradMode::enabled() && differentiable(target->dtype) &&
         (tracking_of(target) || tracking_of(value) || (target->base && tracking_of(target->base)));
}

void tape_assignment(const TensorRef& target, const TensorRef& value) {
  if (!needs_tape(target, value)) return;
  const TensorRef base = target->base ? target->base : target;
  if (const TrackingRef& tracking = tracking_of(base); tracking && tracking->is_leaf())
    throw_written_leaf(target->base != nullptr);
  TensorRef source = value->dtype == target->dtype ? value : call("cast", {value}, {target->dtype});
  if (!(source->sizes == target->sizes)) source = call("broadcast_to", {source}, {target->type().shape});
  if (base == target) {
    const bool known = tracking_of(source) != nullptr;
    base->tracking = known ? tracking_for(op("copy"), {&source, 1}, {}, target) : nullptr;
  } else {
    const Place place = place_in(target, base);
    flatten(place, base);
    const TensorRef after = alias(*place.vector);
    const TensorRef operands[] = {place.vector, source};
    after->tracking = tracking_for(op("strided_update"), operands, place.attrs, after);
    base->tracking = unflattened(place, after, base);
  }
  ++base->writes;
}

void throw_written_leaf(bool view) {
  throw_error(ErrorKind::autograd,
              "assignment: got {} that requires gradients and was made by no operation; need one that is computed; "
              "try `with td.no_grad():` around a step of an optimizer, or x = x + ... instead of x += ...",
              view ? "a view of a tensor" : "a tensor");
}

void check_gradient(const Tensor& x, const Tensor& gradient) {
  if (!(gradient.type().shape == x.type().shape) || gradient.dtype != x.dtype)
    throw_error(ErrorKind::autograd, "grad: got {} for {}; need equal shapes and dtypes", to_text(gradient.type()),
                to_text(x.type()));
}

void require_grad(const TensorRef& x, bool required) {
  if (Recorder* recorder = Recorder::current()) return recorder->require_grad(x, required);
  const TrackingRef& tracking = tracking_of(x);
  if (tracking && !tracking->is_leaf()) {
    if (required) return;
    throw_error(ErrorKind::autograd,
                "requires_grad_: got False for a tensor that was computed from others that require gradients; need a "
                "leaf; try x.detach()");
  }
  if (!required) {
    x->tracking = nullptr;
    return;
  }
  if (!differentiable(x->dtype))
    throw_error(ErrorKind::dtype,
                "requires_grad_: got a tensor of {}; need a floating-point or complex dtype; try x.astype(td.float32)",
                info(x->dtype).name);
  if (!tracking) x->tracking = std::make_shared<Tracking>();
}

TensorRef detached(const TensorRef& x) {
  Recorder* recorder = Recorder::current();
  return recorder ? recorder->detached(x) : alias(*x);
}

TensorRef same(const TensorRef& x) {
  if (Recorder* recorder = Recorder::current()) return recorder->same(x);
  TensorRef out = alias(*x);
  tape_function("argument", {&x, 1}, {&out, 1},
                [](std::span<const TensorRef> upstream) { return std::vector<TensorRef>{upstream[0]}; });
  return out;
}

}  // namespace tandem
