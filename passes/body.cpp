#include "passes/body.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

#include "passes/rounds.h"

namespace tandem {

namespace {

// Recomputing values cheaper than this in a later stage beats a round trip through scratch memory.
constexpr int kScratchCost = 8;
// A scratch row with more elements would leave the caches.
constexpr int64_t kScratchElements = 1 << 16;

// The access to one part of complex elements, whose buffer is seen as one of real numbers.
NestAccess part_of(NestAccess access, DType dtype, int part) {
  if (!is_complex(dtype)) return access;
  access.dtype = real_type(dtype);
  access.part = part;
  access.offset = access.offset * Dim(2) + Dim(part);
  for (Dim& stride : access.strides) stride = stride * Dim(2);
  for (NestAccess::Gather& gather : access.gathers) gather.stride = gather.stride * Dim(2);
  return access;
}

}  // namespace

BodyBuilder::BodyBuilder(const LowerContext& context, const Group& group) : c_(context), g_(group) {
  for (size_t a = 0; a < group.reduced.size(); ++a)
    if (group.reduced[a]) reduced_axes_.push_back(static_cast<int>(a));
  for (int n : group.members) note_source(context.graph.nodes[static_cast<size_t>(n)]);
  std::vector<int> members = group.members;
  std::sort(members.begin(), members.end());
  for (int n : members) {
    const std::string_view name = context.graph.nodes[static_cast<size_t>(n)].op->name;
    if (nest_.name.size() > 40) break;
    nest_.name += (nest_.name.empty() ? "" : "_") + std::string(name);
  }
}

bool BodyBuilder::is_scan(int node) const { return tandem::is_scan(*c_.graph.nodes[static_cast<size_t>(node)].op); }

void BodyBuilder::note_source(const Node& node) {
  if (!node.loc.known() || std::find(nest_.sources.begin(), nest_.sources.end(), node.loc) != nest_.sources.end())
    return;
  nest_.sources.push_back(node.loc);
  nest_.weights.push_back(1);
}

// Whether the node's line is one of the kernel's; if not, the work counts for whoever reads the value.
bool BodyBuilder::note_work(const Node& node, int primitives) {
  const auto line = std::find(nest_.sources.begin(), nest_.sources.end(), node.loc);
  if (line == nest_.sources.end()) return false;
  nest_.weights[static_cast<size_t>(line - nest_.sources.begin())] += primitives;
  return true;
}

void BodyBuilder::begin_stage(bool inner) {
  stage_ = {};
  stage_.inner = inner;
  builder_ = ScalarBuilder();
}

void BodyBuilder::end_stage() {
  stage_.body = builder_.take();
  if (!stage_.stores.empty() || !stage_.reductions.empty() || !stage_.scans.empty())
    nest_.stages.push_back(std::move(stage_));
}

int BodyBuilder::add_access(NestAccess access) {
  nest_.accesses.push_back(std::move(access));
  return static_cast<int>(nest_.accesses.size()) - 1;
}

NestAccess BodyBuilder::address(const Place& place, DType dtype, const IndexMap& map) const {
  NestAccess access;
  access.slot = place.slot;
  access.dtype = dtype;
  access.offset = place.layout.offset;
  access.strides.assign(g_.axes.size(), Dim(0));
  for (size_t d = 0; d < map.size(); ++d) {
    const Dim stride = place.layout.strides[d];
    access.offset = access.offset + stride * map[d].offset;
    for (size_t a = 0; a < g_.axes.size(); ++a)
      if (!map[d].coefficients[a].is(0)) access.strides[a] = access.strides[a] + stride * map[d].coefficients[a];
  }
  return access;
}

Complex BodyBuilder::load(const NestAccess& access, DType dtype) {
  const auto part = [&](int which) {
    return builder_.emit(ScalarOp::load, real_type(dtype), -1, -1, -1, add_access(part_of(access, dtype, which)));
  };
  if (!is_complex(dtype)) return part(0);
  const Scalar re = part(0);
  return {re, part(1)};
}

void BodyBuilder::write(NestAccess access, Complex x) {
  access.output = true;
  stage_.stores.push_back({add_access(part_of(access, x.dtype(), 0)), x.re.id});
  if (x.has_imaginary()) stage_.stores.push_back({add_access(part_of(access, x.dtype(), 1)), x.im.id});
}

Complex BodyBuilder::result(int node) {
  const DType dtype = result_dtype_.at(node);
  const auto part = [&](int which) {
    return builder_.emit(ScalarOp::result, real_type(dtype), -1, -1, -1, result_of_.at(node) + which);
  };
  if (!is_complex(dtype)) return part(0);
  const Scalar re = part(0);
  return {re, part(1)};
}

Scalar BodyBuilder::run_time_value(Dim dim) {
  if (dim.is_constant()) return builder_.constant_bits(DType::i64, dim.constant());
  auto it = std::find(nest_.vals.begin(), nest_.vals.end(), dim);
  if (it == nest_.vals.end()) it = nest_.vals.insert(nest_.vals.end(), dim);
  return builder_.emit(ScalarOp::extent, DType::i64, -1, -1, -1, it - nest_.vals.begin());
}

Scalar BodyBuilder::linear(const Linear& coordinate) {
  Scalar sum = run_time_value(coordinate.offset);
  for (size_t a = 0; a < coordinate.coefficients.size(); ++a) {
    if (coordinate.coefficients[a].is(0)) continue;
    Scalar term = builder_.emit(ScalarOp::index, DType::i64, -1, -1, -1, static_cast<int64_t>(a));
    if (!coordinate.coefficients[a].is(1)) term = term * run_time_value(coordinate.coefficients[a]);
    sum = coordinate.offset.is(0) && sum.id >= 0 &&
                  builder_.body()[static_cast<size_t>(sum.id)].op == ScalarOp::constant &&
                  builder_.body()[static_cast<size_t>(sum.id)].imm == 0
              ? term
              : sum + term;
  }
  return sum;
}

Complex BodyBuilder::full(const Node& node) {
  const Attr& value = node.attrs[1];
  const DType dtype = attr_as<DType>(*node.op, node.attrs, "dtype");
  if (const auto* real = std::get_if<double>(&value))
    return Complex(builder_.constant(real_type(dtype), *real)).cast(dtype);
  const int64_t whole =
      std::holds_alternative<bool>(value) ? static_cast<int64_t>(std::get<bool>(value)) : std::get<int64_t>(value);
  return Complex(builder_.constant_bits(DType::i64, whole)).cast(dtype);
}

bool BodyBuilder::keeps_in_scratch(ValueId, const Evaluated& earlier, const IndexMap& map) const {
  if (earlier.cost < kScratchCost || !stage_.inner) return false;
  // One element per inner point of the present outer point: the map must walk all axes.
  std::vector<bool> used(g_.axes.size(), false);
  for (const Linear& coordinate : map)
    for (size_t a = 0; a < used.size(); ++a) used[a] = used[a] || !coordinate.coefficients[a].is(0);
  int64_t row = 1;
  bool inner = false;
  for (size_t a = 0; a < used.size(); ++a) {
    if (!g_.reduced[a]) continue;
    inner = inner || used[a];
    const int64_t extent = g_.axes[a].is_constant() ? g_.axes[a].constant()
                           : g_.axes[a].symbol_count() <= static_cast<int>(c_.hints.size())
                               ? g_.axes[a].evaluate(c_.hints.data())
                               : 1024;
    row *= std::max<int64_t>(extent, 1);
  }
  return inner && row <= kScratchElements;
}

Complex BodyBuilder::evaluate(ValueId value, const IndexMap& at) {
  IndexMap map = at;  // an axis of one element has the index 0
  for (Linear& coordinate : map)
    for (size_t a = 0; a < g_.axes.size(); ++a)
      if (g_.axes[a].is(1)) coordinate.coefficients[a] = 0;
  const int stage = static_cast<int>(nest_.stages.size());
  const auto [first, last] = known_.equal_range(value);
  Evaluated* earlier = nullptr;
  for (auto it = first; it != last; ++it) {
    if (it->second.map != map) continue;
    if (it->second.stage == stage) {
      const Scalar re = builder_.at(it->second.id);
      return it->second.imaginary < 0 ? Complex(re) : Complex(re, builder_.at(it->second.imaginary));
    }
    earlier = &it->second;
  }
  if (earlier && keeps_in_scratch(value, *earlier, map)) {
    Stage& from = nest_.stages[static_cast<size_t>(earlier->stage)];
    const DType dtype = from.body[static_cast<size_t>(earlier->id)].dtype;
    if (from.inner) {
      if (earlier->scratch < 0) {
        earlier->scratch = static_cast<int>(nest_.scratch.size());
        for (const int id : {earlier->id, earlier->imaginary}) {
          if (id < 0) continue;
          NestAccess write;
          write.scratch = static_cast<int>(nest_.scratch.size());
          write.dtype = dtype;
          nest_.scratch.push_back(dtype);
          from.stores.push_back({add_access(std::move(write)), id});
        }
      }
      const auto part = [&](int which) {
        NestAccess read;
        read.scratch = earlier->scratch + which;
        read.dtype = dtype;
        return builder_.emit(ScalarOp::load, dtype, -1, -1, -1, add_access(std::move(read)));
      };
      Complex x = part(0);
      if (earlier->imaginary >= 0) x.im = part(1);
      known_.emplace(value, Evaluated{map, stage, x.re.id, x.im.id, 1, -1});
      return x;
    }
  }
  const size_t before = builder_.body().size();
  const int outside = std::exchange(accounted_, 0);
  const Complex x = compute(value, map);
  const int emitted = static_cast<int>(builder_.body().size() - before), made_by = producer(value);
  const bool noted = made_by >= 0 && note_work(c_.graph.nodes[static_cast<size_t>(made_by)], emitted - accounted_);
  accounted_ = outside + (noted ? emitted : accounted_);
  int cost = 0;
  for (size_t i = before; i < builder_.body().size(); ++i) {
    const ScalarOp op = builder_.body()[i].op;
    if (op != ScalarOp::constant && op != ScalarOp::load && op != ScalarOp::result) ++cost;
  }
  known_.emplace(value, Evaluated{map, stage, x.re.id, x.im.id, cost, -1});
  return x;
}

// Whether a value is a member of this group or a view of one: then it is computed here, even if it is also stored.
bool BodyBuilder::views_member(ValueId value) const {
  for (int made_by = producer(value); made_by >= 0; made_by = producer(value)) {
    if (g_.maps.contains(made_by)) return true;
    const Node& node = c_.graph.nodes[static_cast<size_t>(made_by)];
    if (!is_view(*node.op)) return false;
    value = node.inputs[0];
  }
  return false;
}

Complex BodyBuilder::compute(ValueId value, const IndexMap& map) {
  const DType dtype = c_.graph.type(value).dtype;
  const int made_by = producer(value);
  const bool mine = made_by >= 0 && (c_.fusion.inlined[static_cast<size_t>(made_by)] || views_member(value));
  if (!mine) {
    const Place place = c_.place(value);
    if (place.slot >= 0) return load(address(place, dtype, map), dtype);
  }
  check_internal(made_by >= 0, "a value that is read has no place");
  const Node& node = c_.graph.nodes[static_cast<size_t>(made_by)];
  if (is_view(*node.op)) {
    auto inner = input_map(c_.graph, node, 0, map, reduced_axes_, g_.axes.size());
    check_internal(inner.has_value(), "{} of a value that is not stored has no linear index map", node.op->name);
    return evaluate(node.inputs[0], *inner);
  }
  if (is_reduction(*node.op) || tandem::is_scan(*node.op)) return result(made_by).cast(dtype);
  if (is_source(*node.op)) return source(c_.graph, node, map);
  const Evaluate evaluate_here = [this](ValueId input, const IndexMap& at) { return evaluate(input, at); };
  if (is_take(*node.op)) return take(c_.graph, node, map, evaluate_here, c_.place(node.inputs[0]));
  if (is(*node.op, Structure::control)) {
    // All that the loop carries is known with it. One whose elements do not end by themselves is alone in its kernel.
    const bool ends = mask_of(c_.graph, node).has_value();
    const Shape& shape = ends ? element_shape(c_.graph, node) : g_.axes;
    std::map<ValueId, Complex> carried = rounds(nullptr, node, carried_along(c_.graph, node, shape), shape, map, !ends);
    const auto stage = static_cast<int>(nest_.stages.size());
    for (const auto& [other, x] : carried)
      if (other != value) known_.emplace(other, Evaluated{map, stage, x.re.id, x.im.id, kScratchCost, -1});
    return carried.at(value);
  }
  return pointwise(c_.graph, node, map, evaluate_here);
}

Complex BodyBuilder::source(const Graph& graph, const Node& node, const IndexMap& map) {
  const DType dtype = graph.type(node.outputs[0]).dtype;
  if (is(*node.op, Structure::full)) return full(node);
  if (is(*node.op, Structure::from_dim))
    return Complex(run_time_value(attr_as<std::vector<Dim>>(*node.op, node.attrs, "size")[0])).cast(dtype);
  check_internal(is(*node.op, Structure::iota), "{} cannot be evaluated inside a kernel", node.op->name);
  return Complex(linear(map[static_cast<size_t>(attr_as<int64_t>(*node.op, node.attrs, "axis"))])).cast(dtype);
}

Complex BodyBuilder::pointwise(const Graph& graph, const Node& node, const IndexMap& map, const Evaluate& evaluate) {
  const auto* rule = std::get_if<PointwiseRule>(&node.op->lower);
  check_internal(rule != nullptr, "{} cannot be evaluated inside a kernel", node.op->name);
  DType common = graph.type(node.inputs[0]).dtype;
  for (ValueId input : node.inputs) common = promote(common, graph.type(input).dtype);
  std::vector<Complex> inputs;
  const DType out = graph.type(node.outputs[0]).dtype;
  bool complex = is_complex(out);
  for (size_t k = 0; k < node.inputs.size(); ++k) {
    auto inner = input_map(graph, node, k, map, reduced_axes_, g_.axes.size());
    Complex x = evaluate(node.inputs[k], *inner);
    complex = complex || x.has_imaginary();
    // A cast reads its input as it is: going through the compute type would round twice.
    if (!node.op->has(Trait::mixed)) x = x.cast(common).cast(compute_type(common));
    inputs.push_back(x);
  }
  if (complex) return node.op->on_complex(inputs, *node.op, node.attrs).cast(out);
  std::vector<Scalar> scalars;
  scalars.reserve(inputs.size());
  for (const Complex& input : inputs) scalars.push_back(input.re);
  return (*rule)(scalars, *node.op, node.attrs).cast(out);
}

Complex BodyBuilder::take(const Graph& graph, const Node& node, const IndexMap& map, const Evaluate& evaluate,
                          const Place& place) {
  const auto axis = attr_as<int64_t>(*node.op, node.attrs, "axis");
  const TensorType& x = graph.type(node.inputs[0]);
  const auto index_map = input_map(graph, node, 1, map, reduced_axes_, g_.axes.size());
  Scalar index = evaluate(node.inputs[1], *index_map).re;
  if (index.dtype == DType::u64) index = min(index, index.constant_bits(std::numeric_limits<int64_t>::max()));
  index = index.cast(DType::i64);
  const Dim extent = x.shape[static_cast<size_t>(axis)];
  // An index below -size stays as it is, so that the error can name it.
  const Scalar wrapped = index + run_time_value(extent);
  index = select((index < index.constant(0)) & (index.constant(0) <= wrapped), wrapped, index);

  check_internal(place.slot >= 0, "{} reads a value that is not stored", node.op->name);
  IndexMap data_map;
  const Dim stride = place.layout.strides[static_cast<size_t>(axis)];
  const auto index_rank = static_cast<int64_t>(index_map->size());
  const bool along = is(*node.op, Structure::take_along_axis);
  for (int64_t d = 0; d < x.rank(); ++d) {
    if (d == axis)
      data_map.push_back({0, std::vector<Dim>(g_.axes.size(), Dim(0))});
    else
      data_map.push_back(map[static_cast<size_t>(along || d < axis ? d : d - 1 + index_rank)]);
  }
  NestAccess access = address(place, x.dtype, data_map);
  access.gathers.push_back({index.id, stride, extent});
  const int made_by = graph.producers()[static_cast<size_t>(node.inputs[1])];
  if (made_by >= 0 && is(*graph.nodes[static_cast<size_t>(made_by)].op, Structure::check_index))
    return load(access, x.dtype);  // it cannot fail
  access.message =
      fmt::format("index: got {{}} for axis {} of size {{size}}; need -{{size}} <= index < {{size}}", axis);
  if (node.loc.known()) access.message += fmt::format(" (at {}:{})", node.loc.file, node.loc.line);
  return load(access, x.dtype);
}

void BodyBuilder::store(ValueId value, const IndexMap& map) {
  const Complex x = evaluate(value, map);
  write(address(c_.place(value), c_.graph.type(value).dtype, map), x);
}

void BodyBuilder::reduce(int n) {
  const Node& node = c_.graph.nodes[static_cast<size_t>(n)];
  const ReduceKind kind = std::get<ReduceRule>(node.op->lower).kind;
  const auto map = input_map(c_.graph, node, 0, g_.maps.at(n), reduced_axes_, g_.axes.size());
  Complex x = evaluate(node.inputs[0], *map);
  const DType out = c_.graph.type(node.outputs[0]).dtype;
  const bool index = kind == ReduceKind::argmax || kind == ReduceKind::argmin;
  x = x.cast(index ? compute_type(x.dtype()) : compute_type(out));
  note_work(node, 1);
  result_of_[n] = results_;
  result_dtype_[n] = index ? DType::i64 : x.dtype();
  for (const Scalar& part : {x.re, x.im}) {
    if (part.id < 0) continue;
    stage_.reductions.push_back({kind, part.id});
    ++results_;
  }
}

namespace {

// One step of a running result; `carry` is that of the elements before, as in a reduction.
Complex following(ReduceKind kind, const Complex& carry, const Complex& x) {
  const bool is_real = !x.has_imaginary();
  switch (kind) {
    case ReduceKind::sum: return is_real ? Complex(carry.re + x.re) : carry + x;
    case ReduceKind::prod: return is_real ? Complex(carry.re * x.re) : carry * x;
    case ReduceKind::max: return max(x.re, carry.re);
    case ReduceKind::min: return min(x.re, carry.re);
    case ReduceKind::argmax:
    case ReduceKind::argmin: break;
  }
  throw InternalError("running indices of extremes are no scan");
}

int64_t before_first(ReduceKind kind, DType dtype) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (kind == ReduceKind::prod) return constant_bits_of(dtype, 1);
  if (kind == ReduceKind::max) return constant_bits_of(dtype, dtype == DType::boolean ? 0 : -kInfinity);
  return kind == ReduceKind::min ? constant_bits_of(dtype, kInfinity) : 0;
}

}  // namespace

void BodyBuilder::scan(int n) {
  const Node& node = c_.graph.nodes[static_cast<size_t>(n)];
  const DType dtype = c_.graph.type(node.outputs[0]).dtype;
  const ReduceKind kind = std::get<ScanRule>(node.op->lower).kind;
  const Complex x = evaluate(node.inputs[0], g_.maps.at(n)).cast(compute_type(dtype));
  result_of_[n] = results_;
  result_dtype_[n] = x.dtype();
  const Complex next = following(kind, result(n), x);
  const int64_t first = before_first(kind, x.re.dtype);
  for (const Scalar& part : {next.re, next.im}) {
    if (part.id < 0) continue;
    stage_.scans.push_back({part.id, part.id == next.re.id ? first : 0, part.dtype});
    ++results_;
  }
  nest_.is_scan = true;
  write(address(c_.place(node.outputs[0]), dtype, g_.maps.at(n)), next.cast(dtype));
}

}  // namespace tandem
