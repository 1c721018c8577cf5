#include "frontend/eager.h"

#include <algorithm>
#include <cstring>

#include "codegen/device.h"
#include "frontend/autocast.h"
#include "frontend/checks.h"
#include "frontend/eager_pointwise.h"
#include "frontend/eager_table.h"
#include "frontend/operation_sources.h"
#include "frontend/recorder.h"
#include "frontend/sharing.h"
#include "frontend/tape.h"
#include "ir/text.h"
#include "passes/expand.h"
#include "passes/fuse.h"
#include "runtime/counts.h"
#include "runtime/signature.h"

namespace tandem {

namespace {

struct OfCalls;
using Calls = ThreadCounts<OfCalls, 1>;

// One operation, as counts and profiles see it.
class OperationScope {
 public:
  explicit OperationScope(const OpDef& op) : profile_(profiling() ? &operation_source(op) : nullptr, origin, &op) {
    Calls::add(0, 1);
  }

 private:
  static OriginRef origin(const void* op) {
    return eager_origin ? eager_origin(static_cast<const OpDef*>(op)->name) : nullptr;
  }

  ProfileScope profile_;
};

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
  return {plan_eagerly(std::move(graph), hints, inputs.empty() ? CreationDevice::current() : inputs[0]->device), hints};
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
  key.add(inputs.empty() ? CreationDevice::current() : inputs[0]->device);
  const EagerProgram& found = find_eager_program(key, [&] { return plan_exact(op, inputs, attrs); });
  Buffer few[4];
  std::vector<Buffer> many(inputs.size() > std::size(few) ? inputs.size() : 0);
  const std::span<Buffer> buffers = many.empty() ? std::span(few, inputs.size()) : many;
  for (size_t i = 0; i < inputs.size(); ++i) buffers[i] = {inputs[i]->storage, inputs[i]->data};
  Buffer out;
  run(*found.program, buffers, found.symbols.data(), {&out, 1});
  return output_tensor(*found.program, 0, std::move(out), found.symbols.data());
}

TensorRef run_on(const OpDef& op, std::span<const TensorRef> inputs, Attrs attrs) {
  if (std::holds_alternative<ViewRule>(op.lower) && inputs.size() == 1)
    return run_view(op, inputs[0], std::move(attrs));
  if (is_pointwise(op, inputs)) return run_pointwise(op, inputs, attrs);
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

TensorRef output_tensor(const Program& program, size_t index, Buffer buffer, const int64_t* symbols) {
  const ArrayLayout layout = layout_of_value(program, index, symbols);
  const DType dtype = program.slots[static_cast<size_t>(program.outputs[index].slot)].dtype;
  return std::make_shared<Tensor>(dtype, layout.sizes, layout.strides, std::move(buffer.storage), buffer.data);
}

TensorRef run_eager(const OpDef& op, std::span<const TensorRef> inputs, Attrs attrs) {
  const OperationScope scope(op);
  attrs = complete_attrs(op, std::move(attrs));
  if (is_square(op, inputs)) return run_pointwise(tandem::op("square"), inputs.first(1), {});
  if (!on_same_device(inputs)) [[unlikely]]
    return run_on(op, on_one_device(op, inputs), std::move(attrs));
  return run_on(op, inputs, std::move(attrs));
}

bool run_in_place(const OpDef& op, std::span<const TensorRef> inputs, size_t target, Casting casting) {
  const Tensor& x = *inputs[target];
  if (!is_pointwise(op, inputs) || !op.attrs.empty() || Autocast::current() || Recorder::current() ||
      result_checks() != 0 || !x.writable || !has_places_apart(x))
    return false;
  for (const TensorRef& input : inputs) {
    if (input->recorded || is_tracked(*input) || !(input->device == x.device)) return false;
    // The very elements of the target may be read: each before it is written.
    const bool same =
        input->data == x.data && input->strides == x.strides && input->sizes == x.sizes && input->dtype == x.dtype;
    if (!same && may_share_elements(*input, x)) return false;
  }
  if (op.accepts == Accepts::promote_to_float && !is_inexact(x.dtype)) return false;
  const OperationScope scope(op);
  const bool squares = target == 0 && is_square(op, inputs);
  if (!run_pointwise(squares ? tandem::op("square") : op, squares ? inputs.first(1) : inputs, {}, {{target, casting}}))
    return false;
  changed(x);
  return true;
}

EagerStats eager_stats() { return {eager_programs_made(), Calls::sum()[0]}; }

void clear_eager_programs() { forget_eager_programs(); }

}  // namespace tandem
