#include "frontend/eager_pointwise.h"

#include <algorithm>
#include <cstdlib>

#include "frontend/eager_table.h"

namespace tandem {

namespace {

constexpr int kMaxInputs = kMaxPointwiseInputs;
constexpr int64_t kStreamingElements = 8 << 20;  // passes/schedule.cpp streams from 32 MB on

// The inputs and the result walked together: neighbouring axes merged, sizes and strides per axis, innermost first.
struct Domain {
  int rank = 0;
  int inputs = 0;
  int64_t extents[kMaxRank];
  int64_t strides[kMaxInputs][kMaxRank];
  int64_t starts[kMaxInputs] = {};  // of the elements that come first
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

// Walked as the result is laid out, row by row, or as the target lies in memory.
Domain merged(std::span<const TensorRef> inputs, const Sizes& out, std::optional<Target> target) {
  Domain d;
  d.inputs = static_cast<int>(inputs.size());
  const int rank = out.size();
  int order[kMaxRank] = {};  // from the innermost axis to the outermost
  for (int k = 0; k < rank; ++k) order[k] = rank - 1 - k;
  const Sizes* const given =
      target && inputs[target->input]->rank() == rank ? &inputs[target->input]->strides : nullptr;
  if (given)
    std::sort(order, order + rank, [&](int a, int b) {
      const int64_t of_a = std::abs((*given)[a]), of_b = std::abs((*given)[b]);
      return of_a != of_b ? of_a < of_b : a > b;
    });
  for (int o = 0; o < rank; ++o) {
    const int k = order[o];
    const int64_t extent = out[k];
    if (extent == 1) continue;
    const bool backwards = given && (*given)[k] < 0;
    int64_t strides[kMaxInputs];
    for (int i = 0; i < d.inputs; ++i) {
      const Tensor& x = *inputs[static_cast<size_t>(i)];
      const int axis = k - (rank - x.rank());
      strides[i] = axis < 0 || x.sizes[axis] == 1 ? 0 : x.strides[axis];
      if (!backwards) continue;
      d.starts[i] += (extent - 1) * strides[i];
      strides[i] = -strides[i];
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
  return d;
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

// Null: the result has another kind of number than the input that it is to be written to.
std::shared_ptr<const Program> plan_pointwise(const OpDef& op, std::span<const TensorRef> inputs, const Attrs& attrs,
                                              const Domain& d, const PointwiseLayout& l, std::optional<Target> target) {
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
  Value result = builder.emit(op, values, attrs);
  if (target) {
    const DType dtype = inputs[target->input]->dtype;
    const bool fits =
        target->casting == Casting::none ? result.dtype() == dtype : info(result.dtype()).kind <= info(dtype).kind;
    if (!fits) return nullptr;
    if (result.dtype() != dtype) result = builder.emit("cast", {result}, {dtype});
  }
  graph.results = {result.id};
  const std::optional<size_t> written = target ? std::optional(target->input) : std::nullopt;
  return plan_eagerly(std::move(graph), env.hints(), inputs[0]->device, written);
}

}  // namespace

bool is_pointwise(const OpDef& op, std::span<const TensorRef> inputs) {
  return std::holds_alternative<PointwiseRule>(op.lower) && !inputs.empty() && inputs.size() <= kMaxPointwiseInputs &&
         inputs.size() == op.inputs.size();
}

TensorRef run_pointwise(const OpDef& op, std::span<const TensorRef> inputs, const Attrs& attrs,
                        std::optional<Target> target) {
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
      Attrs checked = attrs;
      infer_type(op, types, checked, none);
    }
  }
  const Sizes out_sizes = broadcast_sizes(op, inputs);
  if (target && !(inputs[target->input]->sizes == out_sizes)) return nullptr;
  const Domain d = merged(inputs, out_sizes, target);
  const PointwiseLayout l = layout_of(d);
  EagerKey key(op, attrs);
  int64_t total = 1;
  for (int k = 0; k < d.rank; ++k) total *= d.extents[k];
  key.add(d.rank * 2 + (total >= kStreamingElements) + (static_cast<int64_t>(l.repeated) << 8));
  for (int i = 0; i < d.inputs; ++i) {
    const auto u = static_cast<size_t>(i);
    key.add(static_cast<int64_t>(inputs[u]->dtype) | static_cast<int64_t>(l.broadcast[i]) << 8 |
            static_cast<int64_t>(l.contiguous[i]) << 32 | l.inner[i] << 33);
  }
  if (target) key.add((static_cast<int64_t>(target->input) + 1) << 1 | static_cast<int64_t>(target->casting));
  key.add(inputs[0]->device);
  const auto make = [&] { return EagerProgram{plan_pointwise(op, inputs, attrs, d, l, target), {}}; };
  const Program* const found = find_eager_program(key, make).program.get();
  if (!found) return nullptr;
  const Program& program = *found;
  Buffer buffers[kMaxInputs];
  for (size_t i = 0; i < inputs.size(); ++i)
    buffers[i] = {inputs[i]->storage, static_cast<char*>(inputs[i]->data) + d.starts[i] * size_of(inputs[i]->dtype)};
  if (target) {
    run(program, {buffers, inputs.size()}, l.symbols, {});
    return inputs[target->input];
  }
  Buffer out;
  run(program, {buffers, inputs.size()}, l.symbols, {&out, 1});
  const DType dtype = program.slots[static_cast<size_t>(program.outputs[0].slot)].dtype;
  return std::make_shared<Tensor>(dtype, out_sizes, contiguous_strides(out_sizes), std::move(out.storage), out.data);
}

}  // namespace tandem
