#include "deploy/method.h"

#include <algorithm>

#include "deploy/wire.h"

namespace tandem::deploy {

// Everything here is part of the file format. What is added later is read only where the version of the file says so.

// ---- kernels ---------------------------------------------------------------------------------------------------------

template <class Wire>
void describe(Wire& wire, DType& dtype) {
  choice(wire, dtype, kDTypes.back().dtype);
}
template <class Wire>
void describe(Wire& wire, Coef& c) {
  wire(c.literal, c.value);
}
template <class Wire>
void describe(Wire& wire, ScalarNode& n) {
  choice(wire, n.op, ScalarOp::carry);
  wire(n.dtype, n.a, n.b, n.c, n.imm);
}
template <class Wire>
void describe(Wire& wire, Axis& axis) {
  wire(axis.extent);
}
template <class Wire>
void describe(Wire& wire, KernelBuffer& b) {
  wire(b.dtype);
  choice(wire, b.role, BufferRole::scratch);
  wire(b.streaming);
}
template <class Wire>
void describe(Wire& wire, Gather& g) {
  wire(g.value, g.stride, g.extent);
}
template <class Wire>
void describe(Wire& wire, Access& a) {
  wire(a.buffer, a.offset, a.strides, a.gathers);
}
template <class Wire>
void describe(Wire& wire, Reduction& r) {
  choice(wire, r.kind, ReduceKind::argmin);
  wire(r.value);
}
template <class Wire>
void describe(Wire& wire, Scan& s) {
  wire(s.next, s.init, s.dtype);
}
template <class Wire>
void describe(Wire& wire, Store& s) {
  wire(s.access, s.value);
}
template <class Wire>
void describe(Wire& wire, ScalarLoop& loop) {
  wire(loop.first, loop.last, loop.condition, loop.init, loop.next, loop.rounds);
}
template <class Wire>
void describe(Wire& wire, Stage& s) {
  wire(s.inner, s.body, s.stores, s.reductions, s.scans);
  if (wire.version() >= 2) wire(s.loops);
}
template <class Wire>
void describe(Wire& wire, Kernel& k) {
  wire(k.name, k.axes, k.outer_rank, k.vector_axis, k.split, k.single_block, k.order.block, k.order.lanes, k.buffers,
       k.accesses, k.stages);
  if (wire.version() >= 3) wire(k.window);
}

template <class Wire>
void describe(Wire& wire, LaunchRule& rule) {
  choice(wire, rule.schedule, DeviceSchedule::walk);
  wire(rule.outer, rule.inner, rule.elements, rule.split, rule.tree, rule.spreads, rule.scratch, rule.kept);
}
template <class Wire>
void describe(Wire& wire, DeviceKernel& k) {
  wire(k.entry, k.code, k.is_ptx, k.buffers, k.vals, k.rule);
}

// ---- programs --------------------------------------------------------------------------------------------------------

template <class Wire>
void describe(Wire& wire, SourceLoc& loc) {
  wire(loc.file, loc.line);
}
template <class Wire>
void describe(Wire& wire, StepOrigin& origin) {
  wire(origin.name, origin.sources, origin.weights, origin.detail);
}
template <class Wire>
void describe(Wire& wire, Slot& slot) {
  wire(slot.dtype, slot.shape);
}
template <class Wire>
void describe(Wire& wire, Operand& operand) {
  wire(operand.slot, operand.offset);
}
template <class Wire>
void describe(Wire& wire, View& view) {
  wire(view.slot, view.offset, view.shape, view.strides);
}
template <class Wire>
void describe(Wire& wire, OnFailure& failure) {
  wire(failure.copies, failure.args);
}
template <class Wire>
void describe(Wire& wire, Allocate& s) {
  wire(s.slot, s.count, s.reuse);
}
template <class Wire>
void describe(Wire& wire, Launch& s) {
  wire(s.kernel, s.args, s.vals, s.range, s.grain, s.cost, s.scratch_bytes);
}
template <class Wire>
void describe(Wire& wire, Epilogue& s) {
  wire(s.launch, s.parts, s.window);
}
template <class Wire>
void describe(Wire& wire, Between& s) {
  wire(s.slot, s.memory);
}
template <class Wire>
void describe(Wire& wire, Rows& s) {
  wire(s.extents, s.between, s.steps, s.origin);
}
template <class Wire>
void describe(Wire& wire, Matmul& s) {
  wire(s.a, s.b, s.out, s.origin);
  if (wire.version() >= 3) wire(s.then, s.b_stays);
}
template <class Wire>
void describe(Wire& wire, const Routine*& routine) {
  std::string name = Wire::kReads ? std::string() : std::string(routine->name);
  wire(name);
  if constexpr (Wire::kReads) {
    routine = find_routine(name);
    if (routine == nullptr)
      throw_error(ErrorKind::serialization, "load: got the routine '{}', which this version does not have", name);
  }
}
template <class Wire>
void describe(Wire& wire, Call& s) {
  wire(s.routine, s.inputs, s.out, s.params, s.cost, s.may_fail, s.origin, s.function, s.failure);
}
template <class Wire>
void describe(Wire& wire, Copy& s) {
  wire(s.from, s.to, s.origin);
}
template <class Wire>
void describe(Wire& wire, Put& s) {
  wire(s.from, s.to, s.axis, s.index);
  choice(wire, s.mode, PutMode::minimum);
  wire(s.origin, s.checked);
}
template <class Wire>
void describe(Wire& wire, Release& s) {
  wire(s.slot);
}
template <class Wire>
void describe(Wire& wire, Bind& s) {
  wire(s.to, s.from);
}
template <class Wire>
void describe(Wire& wire, Branch& s) {
  wire(s.predicate, s.then_block, s.else_block);
}
template <class Wire>
void describe(Wire& wire, TimeTiling::Array& s) {
  wire(s.old, s.made, s.allocated, s.names);
}
template <class Wire>
void describe(Wire& wire, TimeTiling::Touches& s) {
  wire(s.reads, s.writes);
}
template <class Wire>
void describe(Wire& wire, TimeTiling& s) {
  wire(s.arrays, s.others, s.launches, s.origin);
}
template <class Wire>
void describe(Wire& wire, Loop& s) {
  wire(s.condition, s.predicate, s.body, s.carried);
  if (wire.version() >= 5) wire(s.tiling);
  if (wire.version() >= 8) wire(s.rounds);
}
template <class Wire>
void describe(Wire& wire, HostCall& s) {
  wire(s.function, s.args, s.origin, s.failure);
}
template <class Wire>
void describe(Wire& wire, CheckIndex& s) {
  wire(s.indices, s.size, s.axis, s.origin, s.function, s.failure);
}

// A product of versions 4 and 5 may go on to another one by way of its launch; this is what has become of it.
struct Onward {
  View a, b, out;
};
void describe(Reader& wire, Onward& s) { wire(s.a, s.b, s.out); }
void describe_onward(Reader& wire, Step& step) {
  std::optional<Onward> onward;
  wire(onward);
  if (!onward) return;
  Matmul first = std::get<Matmul>(std::move(step.op));
  if (!first.then || first.out.shape.empty()) Reader::fail("a product goes onward from nothing");
  Rows rows{{first.out.shape.begin(), first.out.shape.end() - 1},
            {{first.out.slot, 0}, {onward->a.slot, 1}},
            {},
            first.origin};
  Launch launch = std::move(first.then->launch);
  first.then.reset();
  rows.steps.push_back({std::move(first)});
  rows.steps.push_back({std::move(launch)});
  rows.steps.push_back({Matmul{std::move(onward->a), std::move(onward->b), std::move(onward->out)}});
  step.op = std::move(rows);
}

// The steps have the numbers of their places in the variant.
template <class Wire, size_t... K>
void describe_step(Wire& wire, Step& step, std::index_sequence<K...>) {
  size_t kind = step.op.index();
  wire(kind);
  if constexpr (Wire::kReads)
    if (kind >= sizeof...(K)) Reader::fail("a step is unknown");
  const auto each = [&]<size_t I>() {
    if (kind != I) return;
    if constexpr (Wire::kReads) step.op.template emplace<I>();
    wire(std::get<I>(step.op));
  };
  (each.template operator()<K>(), ...);
  if constexpr (Wire::kReads)
    if ((wire.version() == 4 || wire.version() == 5) && std::holds_alternative<Matmul>(step.op))
      describe_onward(wire, step);
}
template <class Wire>
void describe(Wire& wire, Step& step) {
  [[maybe_unused]] const auto deeper = wire.nested();
  describe_step(wire, step, std::make_index_sequence<std::variant_size_v<decltype(step.op)>>());
}
template <class Wire>
void describe(Wire& wire, Program& p) {
  wire(p.name, p.input_count, p.dims, p.slots, p.body, p.outputs);
}

// ---- methods ---------------------------------------------------------------------------------------------------------

template <class Wire>
void describe(Wire& wire, MethodInput& i) {
  wire(i.name, i.state, i.dtype, i.contiguous, i.sizes, i.strides);
}
template <class Wire>
void describe(Wire& wire, ShapeGuard& guard) {
  wire(guard.left);
  choice(wire, guard.relation, Relation::le);
  wire(guard.right);
}
template <class Wire>
void describe(Wire& wire, CapturedOutput& o) {
  [[maybe_unused]] const auto deeper = wire.nested();
  choice(wire, o.kind, CapturedOutput::Kind::result_view);
  wire(o.index, o.weak, o.identical, o.type.dtype, o.type.shape, o.layout.offset, o.layout.strides, o.choices, o.flag);
}
template <class Wire>
void describe(Wire& wire, MethodOutput& o) {
  wire(o.name);
  describe(wire, static_cast<CapturedOutput&>(o));
}
template <class Wire>
void describe(Wire& wire, KernelUse& use) {
  describe(wire, static_cast<StepOrigin&>(use));
  wire(use.kernel, use.bytes_read, use.bytes_written, use.access_messages);
}
template <class Wire>
void describe(Wire& wire, SavedHost& host) {
  wire(host.text, host.arguments);
}
template <class Wire>
void describe(Wire& wire, Method& m) {
  wire(m.name, m.doc, m.inputs, m.symbol_count, m.guards, m.outputs, m.writebacks, m.kernels, m.host, m.program);
}

TensorType type_of(const Method& m, const MethodOutput& o) {
  if (o.identical) {
    const MethodInput& input = m.inputs[static_cast<size_t>(o.index)];
    return {input.dtype, input.sizes, {}};
  }
  if (o.kind != CapturedOutput::Kind::value) return o.type;
  const View& view = m.program.outputs[static_cast<size_t>(o.index)];
  TensorType type{m.program.slots[static_cast<size_t>(view.slot)].dtype, {}, {}};
  for (DimRef d : view.shape) type.shape.push_back(m.program.dims[static_cast<size_t>(d)]);
  return type;
}

std::string method_bytes(const Method& method) { return to_bytes(method, kVersion); }
std::string kernels_bytes(const std::vector<Kernel>& kernels) { return to_bytes(kernels, kVersion); }

namespace {

void need(bool ok, std::string_view what) {
  if (!ok) Reader::fail(what);
}

bool is_index(int64_t value, size_t size) { return value >= 0 && static_cast<size_t>(value) < size; }

void check_output(const Method& m, const CapturedOutput& o) {
  const bool of_result = o.kind != CapturedOutput::Kind::argument_view && !o.identical;
  need(is_index(o.index, of_result ? m.program.outputs.size() : m.inputs.size()), "an output is none");
  need(o.layout.strides.size() == o.type.shape.size() || o.kind == CapturedOutput::Kind::value, "a layout is wrong");
  for (const CapturedOutput& choice : o.choices) {
    need(is_index(choice.flag, m.program.outputs.size()), "a flag is none");
    const View& flag = m.program.outputs[static_cast<size_t>(choice.flag)];
    need(m.program.slots[static_cast<size_t>(flag.slot)].dtype == DType::boolean, "a flag is no truth value");
    check_output(m, choice);
  }
}

void check_dims(const Method& m) {
  need(m.symbol_count >= 0 && m.symbol_count <= Method::kMostSymbols, "it has too many symbols");
  const auto known = [&m](Dim dim) { need(dim.symbol_count() <= m.symbol_count, "a symbol is unknown"); };
  for (const Dim& dim : m.program.dims) known(dim);
  for (const ShapeGuard& guard : m.guards) known(guard.left), known(guard.right);
  for (const KernelUse& use : m.kernels) known(use.bytes_read), known(use.bytes_written);
  for (const MethodInput& input : m.inputs) {
    need(input.contiguous || input.sizes.size() == input.strides.size(), "the strides of an input are missing");
    need(input.sizes.size() <= kMaxRank, "an input has too many axes");
    for (const Dim& dim : input.sizes) known(dim);
    for (const Dim& dim : input.strides) known(dim);
  }
}

}  // namespace

Method read_method(std::string_view bytes, int64_t version) { return from_bytes<Method>(bytes, version); }

void check(const Method& m) {
  need(m.program.input_count >= 0 && static_cast<size_t>(m.program.input_count) == m.inputs.size(),
       "the inputs of its program are others");
  need(m.inputs.size() <= m.program.slots.size(), "the inputs of its program are others");
  check_dims(m);
  for (size_t i = 0; i < m.inputs.size(); ++i)
    need(m.program.slots[i].dtype == m.inputs[i].dtype, "a dtype is another");
  for (const auto& [result, input] : m.writebacks)
    need(is_index(input, m.inputs.size()) && result >= 0, "what is written back is none");
  try {
    verify(m.program);
  } catch (const InternalError& error) {
    Reader::fail(error.what());
  }
  for (const MethodOutput& output : m.outputs) check_output(m, output);
}

std::vector<Kernel> read_kernels(std::string_view bytes, int64_t version) {
  std::vector<Kernel> kernels = from_bytes<std::vector<Kernel>>(bytes, version);
  try {
    for (const Kernel& kernel : kernels) verify(kernel);
  } catch (const InternalError& error) {
    Reader::fail(error.what());
  }
  return kernels;
}

std::string device_kernel_bytes(const DeviceKernel& kernel) { return to_bytes(kernel, kVersion); }

DeviceKernel read_device_kernel(std::string_view bytes, const Kernel& of, int64_t version) {
  constexpr int kWidestPack = 64, kWidestElement = 16;
  DeviceKernel kernel = from_bytes<DeviceKernel>(bytes, version);
  const LaunchRule& rule = kernel.rule;
  const auto is_extent = [&of](const Coef& c) {
    return std::any_of(of.axes.begin(), of.axes.end(), [&c](const Axis& axis) { return axis.extent == c; });
  };
  const auto is_size = [](int size) { return size > 0 && size <= kWidestElement; };
  need(static_cast<size_t>(kernel.buffers) == buffers_of(of) && kernel.vals >= 0 &&
           static_cast<size_t>(kernel.vals) <= values_of(of),
       "a kernel for a GPU is called in another way");
  need(std::all_of(rule.outer.begin(), rule.outer.end(), is_extent) &&
           std::all_of(rule.inner.begin(), rule.inner.end(), is_extent) && rule.outer.size() <= of.axes.size() &&
           rule.inner.size() <= of.axes.size(),
       "a kernel for a GPU walks along other axes");
  const size_t least = rule.schedule == DeviceSchedule::tiles ? 2 : rule.schedule == DeviceSchedule::columns ? 1 : 0;
  need(rule.outer.size() >= least && rule.elements > 0 && rule.elements <= kWidestPack &&
           std::all_of(rule.scratch.begin(), rule.scratch.end(), is_size) &&
           std::all_of(rule.kept.begin(), rule.kept.end(), is_size),
       "how a kernel for a GPU is launched is wrong");
  return kernel;
}

namespace {

// Of 16 bytes, as pairs along one axis more.
void see_copy(DType dtype, size_t rank, std::map<int, int>& most) {
  constexpr int kWidest = 8;
  const int bytes = size_of(dtype);
  int& known = most[std::min(bytes, kWidest)];
  known = std::max(known, static_cast<int>(rank) + (bytes > kWidest ? 1 : 0));
}

void see_copies(const Program& program, const Block& block, std::map<int, int>& most) {
  const auto see = [&](const View& view, size_t rank) {
    see_copy(program.slots[static_cast<size_t>(view.slot)].dtype, rank, most);
  };
  for (const Step& step : block) {
    if (const auto* copy = std::get_if<Copy>(&step.op)) see(copy->to, copy->to.shape.size());
    if (const auto* product = std::get_if<Matmul>(&step.op)) see(product->a, product->out.shape.size());
    if (const auto* rows = std::get_if<Rows>(&step.op)) see_copies(program, rows->steps, most);
    if (const auto* branch = std::get_if<Branch>(&step.op)) {
      see_copies(program, branch->then_block, most);
      see_copies(program, branch->else_block, most);
    }
    if (const auto* loop = std::get_if<Loop>(&step.op)) {
      see_copies(program, loop->condition, most);
      see_copies(program, loop->body, most);
    }
  }
}

}  // namespace

CacheKey copy_key(int bytes, int rank) {
  return {{static_cast<uint64_t>(bytes) << 8 | static_cast<uint64_t>(rank), 1}};
}

std::map<int, int> copies_of(const Method& method) {
  std::map<int, int> most;
  see_copies(method.program, method.program.body, most);
  for (const MethodInput& input : method.inputs)
    if (!input.state) see_copy(input.dtype, input.sizes.size(), most);
  return most;
}

}  // namespace tandem::deploy
