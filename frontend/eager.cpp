#include "frontend/eager.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>

#include "codegen/device.h"
#include "codegen/plan.h"
#include "frontend/autocast.h"
#include "frontend/checks.h"
#include "frontend/detach.h"
#include "frontend/eager_table.h"
#include "frontend/recorder.h"
#include "frontend/tape.h"
#include "ir/text.h"
#include "passes/expand.h"
#include "passes/fuse.h"
#include "passes/pipeline.h"
#include "runtime/counts.h"
#include "runtime/signature.h"

namespace tandem {

namespace {

struct OfCalls;
using Calls = ThreadCounts<OfCalls, 1>;

// `target`: the parameter that the result is written to; none: it is returned.
std::shared_ptr<const Program> compile(Graph graph, std::span<const int64_t> hints, Device device,
                                       std::optional<size_t> target = {}) {
  graph.name = "eager";
  Graph optimized = optimize(graph, {});
  detach_results(optimized, target ? 0 : 1);
  std::vector<std::pair<int, int>> writebacks;
  if (target) writebacks.emplace_back(0, static_cast<int>(*target));
  return build_plan(optimized, hints, backend_of(device), writebacks, {}, {.device = device}).program;
}

// Programs of other devices are others.
void add_device(EagerKey& key, Device device) {
  if (!is_cpu(device)) [[unlikely]]
    key.add(int64_t{1} << 40 | device.index);
}

// ---- pointwise: one program for all sizes ----

constexpr int kMaxInputs = 4;
constexpr int64_t kStreamingElements = 8 << 20;  // passes/schedule.cpp streams from 32 MB on

// The inputs and the result walked together: neighbouring axes merged, sizes and strides per axis.
struct Domain {
  int rank = 0;
  int inputs = 0;
  int64_t extents[kMaxRank];
  int64_t strides[kMaxInputs][kMaxRank];
};

bool same_sizes(std::span<const TensorRef> inputs) {
  for (const TensorRef& input : inputs.subspan(1))
    if (!(input->sizes == inputs[0]->sizes)) return false;
  return true;
}

Sizes broadcast_sizes(const OpDef& op, std::span<const TensorRef> inputs) {
  if (same_sizes(inputs)) return inputs[0]->sizes;
  int rank = 0;
  for (const TensorRef& input : inputs) rank = std::max(rank, input->rank());
  Sizes out;
  for (int k = 0; k < rank; ++k) out.push_back(1);
  for (const TensorRef& input : inputs)
    for (int k = 0; k < input->rank(); ++k) {
      int64_t& have = out[rank - input->rank() + k];
      const int64_t want = input->sizes[k];
      if (want == 1 || want == have) continue;
      if (have != 1) {
        std::vector<Shape> shapes;
        for (const TensorRef& each : inputs) shapes.push_back(each->type().shape);
        ShapeEnv none;
        broadcast_shapes(op.name, shapes, none);  // throws with the message
      }
      have = want;
    }
  return out;
}

Domain merged(std::span<const TensorRef> inputs, const Sizes& out) {
  Domain d;
  d.inputs = static_cast<int>(inputs.size());
  const int rank = out.size();
  for (int k = rank; k-- > 0;) {
    const int64_t extent = out[k];
    if (extent == 1) continue;
    int64_t strides[kMaxInputs];
    for (int i = 0; i < d.inputs; ++i) {
      const Tensor& x = *inputs[static_cast<size_t>(i)];
      const int axis = k - (rank - x.rank());
      strides[i] = axis < 0 || x.sizes[axis] == 1 ? 0 : x.strides[axis];
    }
    bool joins = d.rank > 0;
    for (int i = 0; joins && i < d.inputs; ++i) joins = strides[i] == d.strides[i][d.rank - 1] * d.extents[d.rank - 1];
    if (joins) {
      d.extents[d.rank - 1] *= extent;
    } else {
      for (int i = 0; i < d.inputs; ++i) d.strides[i][d.rank] = strides[i];
      d.extents[d.rank++] = extent;
    }
  }
  return d;  // axes from the innermost to the outermost
}

// Symbols: the extents from the outermost in, then the strides of inputs that are not contiguous in the domain.
struct PointwiseLayout {
  int64_t symbols[kMaxRank * (1 + kMaxInputs)];
  int symbol_count = 0;
  uint32_t broadcast[kMaxInputs] = {};  // bit k: axis k (outermost first) is broadcast
  bool contiguous[kMaxInputs] = {};
  int64_t inner[kMaxInputs] = {};  // the stride along the innermost axis where that is 1 or 2, else 0
  uint32_t repeated = 0;           // axes along which every input is broadcast: the first one walks them with stride 0
};

PointwiseLayout layout_of(const Domain& d) {
  PointwiseLayout l;
  for (int k = 0; k < d.rank; ++k) l.symbols[l.symbol_count++] = d.extents[d.rank - 1 - k];
  for (int i = 0; i < d.inputs; ++i) {
    int64_t expected = 1;
    bool contiguous = true;
    for (int k = 0; k < d.rank; ++k) {
      const int64_t stride = d.strides[i][k];
      if (stride == 0) {
        l.broadcast[i] |= 1u << (d.rank - 1 - k);
      } else {
        contiguous = contiguous && stride == expected;
        expected *= d.extents[k];
      }
    }
    l.contiguous[i] = contiguous;
    l.repeated = i == 0 ? l.broadcast[0] : l.repeated & l.broadcast[i];
  }
  if (l.repeated != 0) {
    l.broadcast[0] &= ~l.repeated;
    l.contiguous[0] = false;
  }
  for (int i = 0; i < d.inputs; ++i) {
    if (l.contiguous[i]) continue;
    const int64_t inner = d.strides[i][0];
    l.inner[i] = inner == 1 || inner == 2 ? inner : 0;
    for (int k = 0; k < d.rank; ++k) {
      const int64_t stride = d.strides[i][d.rank - 1 - k];
      const bool fixed = k == d.rank - 1 && l.inner[i] != 0;
      if (stride != 0 && !fixed) l.symbols[l.symbol_count++] = stride;
    }
  }
  return l;
}

// Null: the result has not the dtype of the input that it is to be written to.
std::shared_ptr<const Program> plan_pointwise(const OpDef& op, std::span<const TensorRef> inputs, const Attrs& attrs,
                                              const Domain& d, const PointwiseLayout& l, std::optional<size_t> target) {
  Graph graph;
  ShapeEnv env;
  Shape extents;
  for (int k = 0; k < d.rank; ++k) extents.push_back(env.add_symbol(l.symbols[k]));
  GraphBuilder builder(graph, env);
  std::vector<Value> values;
  for (size_t i = 0; i < inputs.size(); ++i) {
    Shape shape = extents;
    for (int k = 0; k < d.rank; ++k)
      if (l.broadcast[i] >> k & 1) shape[static_cast<size_t>(k)] = 1;
    const ValueId id = graph.add_param({inputs[i]->dtype, shape, {}}, fmt::format("x{}", i));
    if (!l.contiguous[i]) {
      Param& param = graph.params.back();
      param.contiguous = false;
      for (int k = 0; k < d.rank; ++k) {
        const int64_t stride = d.strides[i][d.rank - 1 - k];
        if (stride == 0)
          param.strides.emplace_back(0);
        else if (k == d.rank - 1 && l.inner[i] != 0)
          param.strides.emplace_back(stride);
        else
          param.strides.push_back(env.add_symbol(stride));
      }
    }
    values.push_back(builder.at(id));
  }
  // Without a full operand (x[:, 1] + y[1, :]) the shapes still broadcast to the extents.
  const Value result = builder.emit(op, values, attrs);
  if (target && result.type().dtype != inputs[*target]->dtype) return nullptr;
  graph.results = {result.id};
  return compile(std::move(graph), env.hints(), inputs[0]->device, target);
}

// With a `target`, the result goes there; null: it cannot.
TensorRef run_pointwise(const OpDef& op, std::span<const TensorRef> inputs, Attrs attrs,
                        std::optional<size_t> target = {}) {
  if (!op.has(Trait::mixed) || op.name == "where") {
    // Dtype errors carry the operation's own message.
    for (const TensorRef& input : inputs) {
      const bool wrong = (op.accepts == Accepts::numeric && input->dtype == DType::boolean) ||
                         (op.accepts == Accepts::integral_or_bool && is_inexact(input->dtype)) ||
                         (is_complex(input->dtype) && !takes_complex(op)) ||
                         (op.name == "where" && inputs[0]->dtype != DType::boolean);
      if (!wrong) continue;
      std::vector<TensorType> types;
      for (const TensorRef& each : inputs) types.push_back(each->type());
      ShapeEnv none;
      infer_type(op, types, attrs, none);
    }
  }
  const Sizes out_sizes = broadcast_sizes(op, inputs);
  const Domain d = merged(inputs, out_sizes);
  const PointwiseLayout l = layout_of(d);
  if (target && !(l.contiguous[*target] && inputs[*target]->sizes == out_sizes)) return nullptr;
  EagerKey key(op, attrs);
  int64_t total = 1;
  for (int k = 0; k < d.rank; ++k) total *= d.extents[k];
  key.add(d.rank * 2 + (total >= kStreamingElements) + (static_cast<int64_t>(l.repeated) << 8));
  for (int i = 0; i < d.inputs; ++i) {
    const auto u = static_cast<size_t>(i);
    key.add(static_cast<int64_t>(inputs[u]->dtype) | static_cast<int64_t>(l.broadcast[i]) << 8 |
            static_cast<int64_t>(l.contiguous[i]) << 32 | l.inner[i] << 33);
  }
  if (target) key.add(static_cast<int64_t>(*target) + 1);
  add_device(key, inputs[0]->device);
  const auto make = [&] { return EagerProgram{plan_pointwise(op, inputs, attrs, d, l, target), {}}; };
  const Program* const found = find_eager_program(key, make).program.get();
  if (!found) return nullptr;
  const Program& program = *found;
  Buffer buffers[kMaxInputs];
  for (size_t i = 0; i < inputs.size(); ++i) buffers[i] = {inputs[i]->storage, inputs[i]->data};
  if (target) {
    run(program, {buffers, inputs.size()}, l.symbols, {});
    return inputs[*target];
  }
  Buffer out;
  run(program, {buffers, inputs.size()}, l.symbols, {&out, 1});
  const DType dtype = program.slots[static_cast<size_t>(program.outputs[0].slot)].dtype;
  return std::make_shared<Tensor>(dtype, out_sizes, contiguous_strides(out_sizes), std::move(out.storage), out.data);
}

// x ** 2, which the row of `pow` says is x * x. In a graph, where the exponent is a constant, a rule of simplify sees it.
bool is_square(const OpDef& op, std::span<const TensorRef> inputs) {
  static const OpDef& power = tandem::op("pow");
  if (&op != &power) [[likely]]
    return false;
  const Tensor &x = *inputs[0], &exponent = *inputs[1];
  if (exponent.rank() != 0 || !is_cpu(exponent.device) || exponent.dtype != x.dtype || x.dtype == DType::boolean ||
      is_complex(x.dtype))
    return false;
  int64_t bits = 0;
  std::memcpy(&bits, exponent.data, static_cast<size_t>(size_of(x.dtype)));
  return bits == constant_bits_of(x.dtype, 2);
}

// ---- views: no program at all ----

TensorRef run_view(const OpDef& op, const TensorRef& x, Attrs attrs) {
  ShapeEnv none;
  const TensorType type = x->type();
  const TensorType result = infer_type(op, {&type, 1}, attrs, none);
  Layout layout;
  for (int64_t stride : x->strides) layout.strides.emplace_back(stride);
  const auto view = std::get<ViewRule>(op.lower)(type, layout, op, attrs, result);
  if (!view) {
    TensorRef copy = run_view(op, contiguous_copy(x), std::move(attrs));
    copy->base = nullptr;
    return copy;
  }
  Sizes sizes, strides;
  for (const Dim& d : result.shape) sizes.push_back(d.constant());
  for (const Dim& s : view->strides) strides.push_back(s.constant());
  auto out = std::make_shared<Tensor>(x->dtype, sizes, strides, x->storage,
                                      static_cast<char*>(x->data) + view->offset.constant() * size_of(x->dtype));
  out->writable = x->writable && op.name != "broadcast_to";
  out->base = x->base ? x->base : x;
  out->seen = out->base->writes;
  return out;
}

// ---- everything else: planned for exact sizes; as those are symbols in the plan, kernels are shared ----

// Sizes as symbols of a graph; equal ones are one symbol, and those of 1 stay 1, because they broadcast.
class SizeSymbols {
 public:
  explicit SizeSymbols(ShapeEnv& env) : env_(env) {}
  Dim of_size(int64_t size) {
    if (size == 1) return 1;
    const auto known = std::find_if(known_.begin(), known_.end(), [size](const auto& k) { return k.first == size; });
    return known != known_.end() ? known->second : known_.emplace_back(size, env_.add_symbol(size)).second;
  }
  // Those that code is made for stay numbers, and a row as long as the next axis stays that.
  Shape of_strides(const Tensor& x, const Shape& shape) {
    Shape strides(x.strides.size());
    for (int k = x.rank(); k-- > 0;) {
      const int64_t stride = x.strides[k];
      const auto at = static_cast<size_t>(k);
      if (stride >= -1 && stride <= 2)
        strides[at] = stride;
      else if (k + 1 < x.rank() && stride == x.strides[k + 1] * x.sizes[k + 1])
        strides[at] = strides[at + 1] * shape[at + 1];
      else
        strides[at] = env_.add_symbol(stride);
    }
    return strides;
  }

 private:
  ShapeEnv& env_;
  std::vector<std::pair<int64_t, Dim>> known_;
};

EagerProgram plan_exact(const OpDef& op, std::span<const TensorRef> inputs, const Attrs& attrs) {
  // Errors name the sizes as they are.
  std::vector<TensorType> types;
  for (const TensorRef& input : inputs) types.push_back(input->type());
  Attrs checked = attrs;
  ShapeEnv none;
  const TensorType result = infer_type(op, types, checked, none);
  Graph graph;
  ShapeEnv env;
  GraphBuilder builder(graph, env);
  SizeSymbols symbols(env);
  std::vector<Value> values;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Tensor& x = *inputs[i];
    TensorType type{x.dtype, {}, {}};
    for (int64_t size : x.sizes) type.shape.push_back(symbols.of_size(size));
    values.push_back(builder.at(graph.add_param(type, fmt::format("x{}", i))));
    if (x.is_contiguous()) continue;
    graph.params.back().contiguous = false;
    graph.params.back().strides = symbols.of_strides(x, type.shape);
  }
  // Where nothing is taken, no kernel looks at the indices; and those beyond int64 are not to be converted to it.
  const auto is_unlooked_at = [&] {
    return element_count(result.shape).is(0) || types[static_cast<size_t>(op.checks->indices)].dtype == DType::u64;
  };
  if (op.checks && is_unlooked_at()) {
    std::vector<TensorType> symbolic;
    symbolic.reserve(values.size());
    for (const Value& value : values) symbolic.push_back(value.type());
    const int64_t axis = checked_axis(op, types, result, checked).axis;
    const Dim size = checked_axis(op, symbolic, result, checked).size;
    Value& indices = values[static_cast<size_t>(op.checks->indices)];
    indices = builder.emit("check_index", {indices}, {std::vector<Dim>{size}, axis, true});
  }
  graph.results = {builder.emit(op, values, attrs).id};
  // Here, where the sizes are known that a formula may look at. What reduces nothing would refuse to.
  const auto has_elements = [](const TensorRef& x) { return element_count(x->sizes) > 0; };
  if (std::ranges::all_of(inputs, has_elements)) graph = expand(graph, env);
  auto hints = env.hints();
  return {compile(std::move(graph), hints, inputs.empty() ? CreationDevice::current() : inputs[0]->device), hints};
}

TensorRef run_exact(const OpDef& op, std::span<const TensorRef> inputs, Attrs attrs) {
  EagerKey key(op, attrs);
  for (const TensorRef& input : inputs) {
    key.add(static_cast<int64_t>(input->dtype) | static_cast<int64_t>(input->rank()) << 8 |
            static_cast<int64_t>(input->is_contiguous()) << 16);
    for (int64_t size : input->sizes) key.add(size);
    if (!input->is_contiguous())
      for (int64_t stride : input->strides) key.add(stride);
  }
  add_device(key, inputs.empty() ? CreationDevice::current() : inputs[0]->device);
  const EagerProgram& found = find_eager_program(key, [&] { return plan_exact(op, inputs, attrs); });
  Buffer few[kMaxInputs];
  std::vector<Buffer> many(inputs.size() > kMaxInputs ? inputs.size() : 0);
  const std::span<Buffer> buffers = many.empty() ? std::span(few, inputs.size()) : many;
  for (size_t i = 0; i < inputs.size(); ++i) buffers[i] = {inputs[i]->storage, inputs[i]->data};
  Buffer out;
  run(*found.program, buffers, found.symbols.data(), {&out, 1});
  return output_tensor(*found.program, 0, std::move(out), found.symbols.data());
}

TensorRef run_on(const OpDef& op, std::span<const TensorRef> inputs, Attrs attrs) {
  if (std::holds_alternative<ViewRule>(op.lower) && inputs.size() == 1)
    return run_view(op, inputs[0], std::move(attrs));
  if (std::holds_alternative<PointwiseRule>(op.lower) && !inputs.empty() && inputs.size() <= kMaxInputs &&
      inputs.size() == op.inputs.size())
    return run_pointwise(op, inputs, std::move(attrs));
  return run_exact(op, inputs, std::move(attrs));
}

}  // namespace

bool on_same_device(std::span<const TensorRef> inputs) {
  return std::ranges::all_of(inputs, [&](const TensorRef& input) { return input->device == inputs[0]->device; });
}

std::vector<TensorRef> on_one_device(const OpDef& op, std::span<const TensorRef> inputs) {
  Device device;
  for (const TensorRef& input : inputs)
    if (!is_cpu(input->device) && (is_cpu(device) || input->rank() > 0)) device = input->device;
  std::vector<TensorRef> moved;
  for (const TensorRef& input : inputs) {
    if (!(input->device == device) && (input->rank() > 0 || !is_cpu(input->device)))
      throw_error(
          ErrorKind::backend,
          "{}: got tensors on {} and {}; need all on one device (only tensors without axes may stay on the CPU); try "
          "x.to('{}')",
          op.name, to_text(inputs[0]->device), to_text(inputs[0]->device == input->device ? device : input->device),
          to_text(device));
    moved.push_back(to_device(input, device));
  }
  return moved;
}

OriginRef (*eager_origin)(std::string_view operation) = nullptr;

namespace {

// What profiles count operations by. A place for every row of the table is found by its address; none is ever freed.
class OperationSources {
 public:
  EventSource& of(const OpDef& op) {
    for (size_t i = hash(op);; i = (i + 1) % kPlaces) {
      const Entry* entry = places_[i].load(std::memory_order_acquire);
      if (!entry) return add(op);
      if (entry->op == &op) return *entry->source;
    }
  }

 private:
  struct Entry {
    const OpDef* op;
    std::shared_ptr<EventSource> source;
  };
  static constexpr size_t kPlaces = 1024;
  static size_t hash(const OpDef& op) {
    return (reinterpret_cast<size_t>(&op) / alignof(OpDef) * 0x9E3779B1u >> 12) % kPlaces;
  }

  EventSource& add(const OpDef& op) {
    const std::lock_guard lock(mutex_);
    check_internal(2 * all_ops().size() <= kPlaces, "{} operations have {} places", all_ops().size(), kPlaces);
    size_t i = hash(op);
    for (; places_[i]; i = (i + 1) % kPlaces)
      if (const Entry* entry = places_[i]; entry->op == &op) return *entry->source;
    auto* made = new Entry{&op, std::make_shared<EventSource>(EventKind::operation)};
    places_[i].store(made, std::memory_order_release);
    return *made->source;
  }

  std::mutex mutex_;
  std::atomic<const Entry*> places_[kPlaces] = {};
};

EventSource& operation_source(const OpDef& op) {
  static auto* sources = new OperationSources;
  return sources->of(op);
}

OriginRef operation_origin(const void* op) {
  return eager_origin ? eager_origin(static_cast<const OpDef*>(op)->name) : nullptr;
}

}  // namespace

TensorRef output_tensor(const Program& program, size_t index, Buffer buffer, const int64_t* symbols) {
  const ArrayLayout layout = layout_of_value(program, index, symbols);
  const DType dtype = program.slots[static_cast<size_t>(program.outputs[index].slot)].dtype;
  return std::make_shared<Tensor>(dtype, layout.sizes, layout.strides, std::move(buffer.storage), buffer.data);
}

TensorRef run_eager(const OpDef& op, std::span<const TensorRef> inputs, Attrs attrs) {
  Calls::add(0, 1);
  const ProfileScope profile(profiling() ? &operation_source(op) : nullptr, operation_origin, &op);
  attrs = complete_attrs(op, std::move(attrs));
  if (is_square(op, inputs)) return run_pointwise(tandem::op("square"), inputs.first(1), {});
  if (!on_same_device(inputs)) [[unlikely]]
    return run_on(op, on_one_device(op, inputs), std::move(attrs));
  return run_on(op, inputs, std::move(attrs));
}

bool run_in_place(const OpDef& op, std::span<const TensorRef> inputs, size_t target) {
  const Tensor& x = *inputs[target];
  if (!std::holds_alternative<PointwiseRule>(op.lower) || inputs.size() > kMaxInputs ||
      inputs.size() != op.inputs.size() || !op.attrs.empty() || Autocast::current() || Recorder::current() ||
      result_checks() != 0 || !x.writable)
    return false;
  const Extent written = extent_of(x);
  for (const TensorRef& input : inputs) {
    if (input->recorded || is_tracked(*input) || !(input->device == x.device)) return false;
    // The very elements of the target may be read: each before it is written.
    if (input->data == x.data && input->strides == x.strides && input->sizes == x.sizes && input->dtype == x.dtype)
      continue;
    const Extent read = extent_of(*input);
    if (read.begin < written.end && written.begin < read.end) return false;
  }
  if (op.accepts == Accepts::promote_to_float && !is_inexact(x.dtype)) return false;
  Calls::add(0, 1);
  const ProfileScope profile(profiling() ? &operation_source(op) : nullptr, operation_origin, &op);
  const bool squares = target == 0 && is_square(op, inputs);
  if (!run_pointwise(squares ? tandem::op("square") : op, squares ? inputs.first(1) : inputs, {}, target)) return false;
  changed(x);
  return true;
}

EagerStats eager_stats() { return {eager_programs_made(), Calls::sum()[0]}; }

void clear_eager_programs() { forget_eager_programs(); }

}  // namespace tandem
