#include "codegen/plan.h"

#include <algorithm>
#include <chrono>
#include <unordered_map>

#include "codegen/steps.h"
#include "ir/text.h"
#include "passes/dce.h"
#include "passes/layout.h"
#include "passes/relax.h"
#include "passes/rounds.h"
#include "runtime/parallel.h"

namespace tandem {

namespace {

constexpr int64_t kTiles = 4, kManyTiles = 32;  // of columns, for a thread at a time, and from how many on

const Structure* structure_of(const OpDef& op) { return std::get_if<Structure>(&op.lower); }

// State of the whole program; regions of control flow share its slots and sizes.
class ProgramBuilder {
 public:
  ProgramBuilder(std::span<const int64_t> hints, Backend& backend, const PlanOptions& options, std::stop_token stop)
      : hints(hints), backend_(backend), options_(options), stop_(std::move(stop)) {}

  int new_slot(DType dtype, const Shape& shape) {
    Slot slot{dtype, {}};
    for (const Dim& d : shape) slot.shape.push_back(dim(d));
    program->slots.push_back(std::move(slot));
    return static_cast<int>(program->slots.size()) - 1;
  }

  DimRef dim(Dim value) {
    const auto [it, inserted] = dims_.try_emplace(value, static_cast<DimRef>(program->dims.size()));
    if (inserted) program->dims.push_back(value);
    return it->second;
  }
  std::vector<DimRef> dims(const Shape& shape) {
    std::vector<DimRef> out;
    for (const Dim& d : shape) out.push_back(dim(d));
    return out;
  }
  View view(const Place& place, const Shape& shape) {
    return {place.slot, dim(place.layout.offset), dims(shape), dims(place.layout.strides)};
  }

  void launch(LoweredKernel lowered, Block& block) {
    check_stop();
    if (options_.numerics == Numerics::fast) lowered.kernel = relax(std::move(lowered.kernel));
    auto code = std::make_shared<KernelCode>();
    code->name = lowered.kernel.name;
    code->sources = lowered.kernel.sources;
    code->weights = lowered.kernel.weights;
    code->bytes_read = lowered.bytes_read;
    code->bytes_written = lowered.bytes_written;
    for (const auto& check : lowered.checks) code->access_messages.push_back(message(check));
    Launch step;
    step.kernel = static_cast<int>(program->kernels.size());
    for (int slot : lowered.slots) step.args.push_back({slot, dim(0)});
    for (const Dim& value : lowered.vals) step.vals.push_back(dim(value));
    step.range = dim(lowered.range);
    const double items = static_cast<double>(std::max<int64_t>(hint(lowered.range), 1));
    step.cost = lowered.cost * static_cast<double>(std::max<int64_t>(hint(lowered.points), 1)) / items;
    step.grain = is_flat_map(lowered.kernel) ? 1024 : items >= kManyTiles && reads_far(lowered.kernel) ? kTiles : 1;
    if (!lowered.scratch_bytes.is(0)) step.scratch_bytes = dim(lowered.scratch_bytes);
    note_shareable(lowered, step.kernel);
    program->kernels.push_back(code);
    codes_.push_back(std::move(code));
    plan.kernels.push_back(std::move(lowered.kernel));
    block.push_back({std::move(step)});
  }

  void compile() {
    constexpr double kKernel = 5e6;  // ns, roughly
    const auto start = std::chrono::steady_clock::now();
    parallel_for(static_cast<int64_t>(codes_.size()), 1, kKernel, [&](int64_t begin, int64_t end) {
      for (auto k = static_cast<size_t>(begin); k < static_cast<size_t>(end); ++k) {
        check_stop();
        const std::string symbol = fmt::format("{}.k{}_{}", plan.graph->name, k, plan.kernels[k].name);
        codes_[k]->code = backend_.compile(plan.kernels[k], {.disk_cache = options_.disk_cache, .symbol = symbol});
      }
    });
    plan.compile_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  // Whether tiles of columns are read from memory: neighbouring ones then belong together (codegen/llvm/emit).
  static bool reads_far(const Kernel& kernel) {
    return is_column_mode(kernel) && std::ranges::any_of(kernel.buffers, [](const KernelBuffer& buffer) {
             return buffer.streaming && buffer.role == BufferRole::input;
           });
  }

  int64_t hint(Dim value) const {
    if (value.is_constant()) return value.constant();
    return value.symbol_count() <= static_cast<int>(hints.size()) ? value.evaluate(hints.data()) : 1024;
  }

  std::span<const int64_t> hints;
  Plan plan;
  std::shared_ptr<Program> program = std::make_shared<Program>();
  std::vector<SharePair> shareable;
  std::vector<Place> inputs;  // of the program

 private:
  void check_stop() const {
    if (stop_.stop_requested()) throw Stopped{};
  }

  std::string message(const LoweredKernel::Check& check) {
    std::string text = check.message;
    for (size_t at = text.find("{size}"); at != std::string::npos; at = text.find("{size}"))
      text.replace(at, 6, fmt::format("{{d{}}}", dim(check.extent)));
    return text;
  }

  // An output may be written over an input when every element of the input is read at the place, and not later than,
  // it is written at.
  void note_shareable(const LoweredKernel& lowered, int kernel) {
    const Kernel& k = lowered.kernel;
    std::vector<int> read_last(k.accesses.size(), -1), written(k.accesses.size(), -1);
    for (size_t s = 0; s < k.stages.size(); ++s) {
      for (const ScalarNode& node : k.stages[s].body)
        if (node.op == ScalarOp::load) read_last[static_cast<size_t>(node.imm)] = static_cast<int>(s);
      for (const Store& store : k.stages[s].stores) written[static_cast<size_t>(store.access)] = static_cast<int>(s);
    }
    for (size_t o = 0; o < k.accesses.size(); ++o) {
      if (written[o] < 0 || k.buffers[static_cast<size_t>(k.accesses[o].buffer)].role != BufferRole::output) continue;
      const Access& out = k.accesses[o];
      const DType out_dtype = k.buffers[static_cast<size_t>(out.buffer)].dtype;
      for (size_t b = 0; b < lowered.slots.size(); ++b) {
        if (k.buffers[b].role != BufferRole::input || size_of(k.buffers[b].dtype) != size_of(out_dtype)) continue;
        bool safe = true;
        for (size_t i = 0; i < k.accesses.size() && safe; ++i) {
          const Access& in = k.accesses[i];
          if (in.buffer != static_cast<int>(b)) continue;
          safe = false;  // unless one of the writes (two, of complex numbers) is to the same places
          for (size_t w = 0; w < k.accesses.size() && in.gathers.empty(); ++w)
            safe = safe || (k.accesses[w].buffer == out.buffer && k.accesses[w].offset == in.offset &&
                            k.accesses[w].strides == in.strides && read_last[i] <= written[w]);
        }
        if (safe) shareable.push_back({kernel, out.buffer, static_cast<int>(b)});
      }
    }
  }

  struct DimHash {
    size_t operator()(const Dim& d) const { return d.hash(); }
  };
  Backend& backend_;
  const PlanOptions& options_;
  std::stop_token stop_;
  std::vector<std::shared_ptr<KernelCode>> codes_;  // those of `program`, which sees them as constants
  std::unordered_map<Dim, DimRef, DimHash> dims_;
};

// Emits the steps of one graph (the function, or a region) into one block.
class BlockBuilder {
 public:
  // `portion`: the graph is one of Plan::portions.
  BlockBuilder(ProgramBuilder& program, const Graph& graph, std::vector<Place> params, bool portion = false)
      : p_(program),
        portion_(portion),
        graph_(graph),
        fusion_(fuse(graph, program.hints)),
        producers_(graph.producers()),
        places_(graph.types.size()),
        emitted_(graph.nodes.size(), false),
        stored_(graph.types.size(), false) {
    for (size_t i = 0; i < params.size(); ++i) places_[index(graph.params[i].value)] = std::move(params[i]);
    for (const Group& group : fusion_.groups)
      for (ValueId value : group.outputs) stored_[index(value)] = true;
  }

  Block run(std::vector<Place>& results) {
    // In the order of the program, as far as what they need allows: what a node reads is then let go of as early as in
    // eager code. From the results backwards, all gradients that enter weights would wait for those of the first layer.
    const std::vector<int> turns = turns_of_groups();
    const std::vector<bool> needed = needed_nodes(graph_);  // a check that is left out, say, leaves what only it read
    for (size_t n = 0; n < graph_.nodes.size(); ++n) {
      if (!needed[n]) continue;
      const int group = fusion_.group_of[n];
      if (group >= 0 && turns[index(group)] == static_cast<int>(n)) emit_group(group);
      if (group < 0 && !fusion_.inlined[n] && !is_view(*graph_.nodes[n].op)) require_node(static_cast<int>(n));
    }
    for (ValueId result : graph_.results) require(result);
    for (ValueId result : graph_.results) results.push_back(place(result));
    return std::move(block_);
  }

  // The value in a contiguous buffer of its own, at offset 0.
  static OriginRef origin(std::string_view name, const SourceLoc& loc) {
    StepOrigin made{std::string(name), {}};
    if (loc.known()) made.sources.push_back(loc);
    return std::make_shared<const StepOrigin>(std::move(made));
  }
  static OriginRef origin(std::string_view name, const Node& node) { return origin(name, node.loc); }

  // `reader`: for which it is.
  static int contiguous(ProgramBuilder& p, Block& block, const Place& from, const TensorType& type,
                        const Node& reader) {
    const Shape strides = contiguous_strides(type.shape);
    bool whole = from.layout.offset.is(0) && p.program->slots[static_cast<size_t>(from.slot)].dtype == type.dtype &&
                 p.program->slots[static_cast<size_t>(from.slot)].shape == p.dims(type.shape);
    for (size_t d = 0; whole && d < strides.size(); ++d)
      whole = type.shape[d].is(1) || from.layout.strides[d] == strides[d];
    if (whole) return from.slot;
    const int slot = p.new_slot(type.dtype, type.shape);
    block.push_back({Allocate{slot, p.dim(element_count(type.shape)), -1}});
    block.push_back({Copy{p.view(from, type.shape), p.view({slot, {0, strides}}, type.shape), origin("copy", reader)}});
    return slot;
  }

 private:
  static size_t index(int i) { return static_cast<size_t>(i); }
  const TensorType& type(ValueId value) const { return graph_.type(value); }

  // Place of a stored value or of a view of one; slot -1 when there is none (yet).
  Place place(ValueId value) {
    Place& known = places_[index(value)];
    if (known.slot >= 0) return known;
    const int made_by = producers_[index(value)];
    if (made_by < 0) return {};
    const Node& node = graph_.nodes[index(made_by)];
    if (!is_view(*node.op)) return {};
    const Place from = place(node.inputs[0]);
    if (from.slot < 0) return {};
    auto layout =
        std::get<ViewRule>(node.op->lower)(type(node.inputs[0]), from.layout, *node.op, node.attrs, type(value));
    if (!layout) return {};
    return known = {from.slot, std::move(*layout)};
  }

  // Makes sure that everything a reader of `value` loads has been computed.
  void require(ValueId value) {
    const int made_by = producers_[index(value)];
    if (made_by < 0 || places_[index(value)].slot >= 0) return;
    const Node& node = graph_.nodes[index(made_by)];
    const int group = fusion_.group_of[index(made_by)];
    const bool reads_through = is_view(*node.op) || (fusion_.inlined[index(made_by)] && !stored_[index(value)]);
    if (reads_through) {
      for (ValueId input : node.inputs) require(input);
    } else if (group >= 0) {
      emit_group(group);
    } else {
      require_node(made_by);
    }
  }

  void require_node(int n) {
    if (emitted_[index(n)]) return;
    emitted_[index(n)] = true;
    emit_node(n);
  }

  // By node: from which node on it can be computed, where that takes next to nothing; else itself.
  std::vector<int> ready_from() const {
    constexpr int64_t kLittle = 1 << 14;  // elements
    std::vector<int> ready(graph_.nodes.size());
    for (size_t n = 0; n < ready.size(); ++n) {
      const Node& node = graph_.nodes[n];
      ready[n] = static_cast<int>(n);
      const Structure* structure = structure_of(*node.op);
      const bool cheap = std::holds_alternative<PointwiseRule>(node.op->lower) || is_view(*node.op) ||
                         (structure && (*structure == Structure::full || *structure == Structure::from_dim));
      if (!cheap || node.outputs.size() != 1) continue;
      const Dim count = element_count(type(node.outputs[0]).shape);
      if (!count.is_constant() || count.constant() > kLittle) continue;
      int from = -1;
      for (const ValueId input : node.inputs)
        if (const int made_by = producers_[index(input)]; made_by >= 0) from = std::max(from, ready[index(made_by)]);
      ready[n] = from;
    }
    return ready;
  }

  // The node of each group at which it is computed, if not earlier for a reader: the last one; but the sum of a group
  // that else has little to do, so that what enters the update of a bias is let go of before the update's own turn. -1: by
  // what it is a part of, which knows the place.
  std::vector<int> turns_of_groups() const {
    const std::vector<int> ready = ready_from();
    std::vector<int> turns;
    turns.reserve(fusion_.groups.size());
    for (const Group& group : fusion_.groups) {
      int turn = -1, last = -1;
      bool reduces = false, is_member = false;
      for (const int n : group.members) {
        turn = std::max(turn, ready[index(n)]);
        last = std::max(last, n);
        reduces = reduces || std::holds_alternative<ReduceRule>(graph_.nodes[index(n)].op->lower);
      }
      for (const int n : group.members) is_member = is_member || n == turn;
      turns.push_back(reduces && is_member ? turn : last);
    }
    for (const Node& node : graph_.nodes) {
      const Structure* structure = structure_of(*node.op);
      if (!structure || (*structure != Structure::concat && *structure != Structure::view_update)) continue;
      for (const ValueId part : node.inputs)
        if (const int made_by = producers_[index(part)]; made_by >= 0 && fusion_.group_of[index(made_by)] >= 0)
          turns[index(fusion_.group_of[index(made_by)])] = -1;
    }
    return turns;
  }

  int allocate(DType dtype, const Shape& shape) {
    const int slot = p_.new_slot(dtype, shape);
    block_.push_back({Allocate{slot, p_.dim(element_count(shape)), -1}});
    return slot;
  }
  Place fresh(const TensorType& t) { return {allocate(t.dtype, t.shape), {0, contiguous_strides(t.shape)}}; }

  void emit_group(int g) {
    const Group& group = fusion_.groups[index(g)];
    if (emitted_[index(group.members[0])]) return;
    for (int n : group.members) emitted_[index(n)] = true;
    std::vector<int> members = group.members;
    std::sort(members.begin(), members.end());
    for (int n : members)
      for (ValueId input : graph_.nodes[index(n)].inputs) {
        const int made_by = producers_[index(input)];
        if (made_by < 0 || !group.maps.contains(made_by)) require_beyond(input, group);
      }
    launch_group(fusion_, g);
  }

  void launch_group(const Fusion& fusion, int g) {
    const Group& group = fusion.groups[index(g)];
    for (ValueId value : group.outputs)
      if (places_[index(value)].slot < 0) places_[index(value)] = fresh(type(value));
    const LowerContext context{graph_,
                               producers_,
                               fusion,
                               p_.hints,
                               [this](ValueId value) { return place(value); },
                               [this](DType dtype, const Shape& shape) { return allocate(dtype, shape); }};
    const auto first = static_cast<int>(p_.plan.kernels.size());
    for (const LoweredKernel& kernel : lower_group(context, g)) p_.launch(kernel, block_);
    const auto count = static_cast<int>(p_.plan.kernels.size()) - first;
    std::vector<int> members = group.members;
    std::sort(members.begin(), members.end());
    p_.plan.groups.push_back({&graph_, std::move(members), first, count});
  }

  // Views and inlined nodes between a group and what it loads; those may lead back to members of the group.
  void require_beyond(ValueId value, const Group& group) {
    const int made_by = producers_[index(value)];
    if (made_by < 0 || group.maps.contains(made_by)) return;
    const Node& node = graph_.nodes[index(made_by)];
    if (is_view(*node.op) || (fusion_.inlined[index(made_by)] && !stored_[index(value)])) {
      for (ValueId input : node.inputs) require_beyond(input, group);
    } else {
      require(value);
    }
  }

  void emit_node(int n) {
    const Node& node = graph_.nodes[index(n)];
    const Structure* structure = structure_of(*node.op);
    check_internal(structure != nullptr, "{} reached the plan", node.op->name);
    switch (*structure) {
      case Structure::matmul: return emit_matmul(node);
      case Structure::library: return emit_call(node);
      case Structure::concat: return emit_concat(node);
      case Structure::view_update: return emit_view_update(node);
      case Structure::host_call: return emit_host_call(node);
      case Structure::check_index: return emit_check_index(node);
      case Structure::failure_point: return emit_failure_point(node);
      case Structure::index_update: return emit_index_update(node);
      case Structure::control:
        return node.op->name == "if" ? emit_if(node) : portion_ ? emit_portion(node) : emit_while(node);
      default: throw InternalError(fmt::format("{} reached the plan", node.op->name));
    }
  }

  void emit_matmul(const Node& node) {
    for (ValueId input : node.inputs) require(input);
    const ValueId out = node.outputs[0];
    const size_t rank = type(out).shape.size();
    const auto operand = [&](ValueId value, bool right) {
      Place at = place(value);
      Shape shape = type(out).shape;
      const Shape& own = type(value).shape;
      if (right && own.size() == 2) return p_.view(at, own);
      const size_t extra = rank - own.size();
      at.layout.strides.insert(at.layout.strides.begin(), extra, Dim(0));
      for (size_t d = 0; d < own.size(); ++d) {
        const bool batch = d + 2 < own.size();
        if (!batch)
          shape[d + extra] = own[d];
        else if (own[d].is(1))
          at.layout.strides[d + extra] = 0;
      }
      return p_.view(at, shape);
    };
    View a = operand(node.inputs[0], false), b = operand(node.inputs[1], true);
    places_[index(out)] = fresh(type(out));
    const OriginRef made = origin(node.op->name, node);
    block_.push_back({Matmul{std::move(a), std::move(b), p_.view(places_[index(out)], type(out).shape), made}});
    p_.plan.libraries.push_back({&graph_, static_cast<int>(&node - graph_.nodes.data()), made});
  }

  void emit_call(const Node& node) {
    const Routine* routine = find_routine(node.op->name);
    check_internal(routine != nullptr, "there is no routine {}", node.op->name);
    Call call{routine, {}, {}, {}, 0, node.op->has(Trait::may_fail), origin(node.op->name, node)};
    for (const Place& input : region_inputs(node, 0)) {
      const Shape& shape = type(node.inputs[call.inputs.size()]).shape;
      call.inputs.push_back(p_.view(input, shape));
      call.cost = std::max(call.cost, static_cast<double>(p_.hint(element_count(shape))));
    }
    for (const Attr& attr : node.attrs) append_param(attr, call.params);
    if (const auto known = failures_.find(node.inputs[0]); call.may_fail && known != failures_.end())
      std::tie(call.function, call.failure) = known->second;
    const ValueId out = node.outputs[0];
    places_[index(out)] = fresh(type(out));
    call.out = p_.view(places_[index(out)], type(out).shape);
    p_.plan.libraries.push_back({&graph_, static_cast<int>(&node - graph_.nodes.data()), call.origin});
    block_.push_back({std::move(call)});
  }

  void append_param(const Attr& attr, std::vector<DimRef>& params) {
    if (const auto* flag = std::get_if<bool>(&attr)) {
      params.push_back(p_.dim(*flag ? 1 : 0));
    } else if (const auto* number = std::get_if<int64_t>(&attr)) {
      params.push_back(p_.dim(*number));
    } else if (const auto* list = std::get_if<std::vector<Dim>>(&attr)) {
      params.push_back(p_.dim(static_cast<int64_t>(list->size())));
      for (const Dim& dim : *list) params.push_back(p_.dim(dim));
    } else {
      throw InternalError("a routine takes booleans, integers and lists of integers");
    }
  }

  // Every part is written to its place by the kernel that computes it.
  void emit_concat(const Node& node) {
    const ValueId out = node.outputs[0];
    const auto axis = static_cast<size_t>(attr_as<int64_t>(*node.op, node.attrs, "axis"));
    const Place whole = fresh(type(out));
    places_[index(out)] = whole;
    Dim start = 0;
    std::vector<Place> targets;
    targets.reserve(node.inputs.size());
    for (ValueId part : node.inputs) {
      targets.push_back(whole);
      targets.back().layout.offset = start * whole.layout.strides[axis];
      start = start + type(part).shape[axis];
    }
    for (size_t k = 0; k < targets.size(); ++k) {
      const int g = writer(node.inputs[k]);
      if (g < 0 || !makes_only(g, node.inputs)) continue;
      for (size_t i = k; i < targets.size(); ++i)
        if (writer(node.inputs[i]) == g) places_[index(node.inputs[i])] = targets[i];
      emit_group(g);
    }
    for (size_t k = 0; k < targets.size(); ++k)
      if (places_[index(node.inputs[k])].slot != whole.slot) write_part(node, node.inputs[k], targets[k]);
  }

  // The group that will compute a value which has no place yet, or -1.
  int writer(ValueId value) const {
    const int made_by = producers_[index(value)];
    if (made_by < 0 || places_[index(value)].slot >= 0) return -1;
    return fusion_.group_of[index(made_by)];
  }
  bool makes_only(int group, std::span<const ValueId> values) const {
    return std::ranges::all_of(fusion_.groups[index(group)].outputs,
                               [&](ValueId output) { return std::ranges::find(values, output) != values.end(); });
  }

  void write_part(const Node& whole, ValueId part, const Place& target) {
    if (const int group = writer(part); group >= 0 && makes_only(group, std::span(&part, 1))) {
      places_[index(part)] = target;
      emit_group(group);
      return;
    }
    require(part);
    block_.push_back(
        {Copy{p_.view(place(part), type(part).shape), p_.view(target, type(part).shape), origin("copy", whole)}});
  }

  void emit_view_update(const Node& node) {
    require(node.inputs[0]);
    const ValueId out = node.outputs[0];
    const Place whole = fresh(type(out));
    places_[index(out)] = whole;
    if (reads_around(node)) {
      copy_around(node, whole);
    } else {
      block_.push_back({Copy{p_.view(place(node.inputs[0]), type(out).shape), p_.view(whole, type(out).shape),
                             origin("copy", node)}});
    }
    const OpDef& view = view_of_update(*node.op);
    const auto target = std::get<ViewRule>(view.lower)(type(out), whole.layout, view, node.attrs, type(node.inputs[1]));
    write_part(node, node.inputs[1], {whole.slot, *target});
  }

  // Whether a block of a tensor is replaced by what is computed from other blocks of it, as in a step of a stencil: it
  // then cannot be written where it lies, and the block itself need not be copied.
  bool reads_around(const Node& node) const {
    const int group = writer(node.inputs[1]);
    if (node.op->name != "slice_update" || group < 0) return false;
    const auto& steps = attr_as<std::vector<Dim>>(*node.op, node.attrs, "steps");
    if (!std::ranges::all_of(steps, [](const Dim& step) { return step.is(1); })) return false;
    return std::ranges::any_of(graph_.nodes, [&](const Node& other) {
      return other.op->name == "slice" && other.inputs[0] == node.inputs[0] && !identical(other.attrs, node.attrs) &&
             std::ranges::any_of(graph_.nodes, [&](const Node& reader) {
               return std::ranges::find(reader.inputs, other.outputs[0]) != reader.inputs.end() &&
                      fusion_.group_of[index(producers_[index(reader.outputs[0])])] == group;
             });
    });
  }

  // Copies of the base what lies before and behind the block, axis by axis.
  void copy_around(const Node& node, const Place& whole) {
    const auto& starts = attr_as<std::vector<Dim>>(*node.op, node.attrs, "starts");
    const auto& sizes = attr_as<std::vector<Dim>>(*node.op, node.attrs, "sizes");
    const Place& from = place(node.inputs[0]);
    Shape rest = type(node.outputs[0]).shape;
    std::vector<Dim> first(rest.size(), Dim(0));
    const auto copy = [&](size_t axis, const Dim& begin, const Dim& size) {
      if (size.is(0)) return;
      Shape part = rest;
      part[axis] = size;
      const auto within = [&](Place place) {
        for (size_t a = 0; a < first.size(); ++a)
          place.layout.offset = place.layout.offset + (a == axis ? begin : first[a]) * place.layout.strides[a];
        return p_.view(place, part);
      };
      block_.push_back({Copy{within(from), within(whole), origin("copy", node)}});
    };
    for (size_t axis = 0; axis < rest.size(); ++axis) {
      const Dim end = starts[axis] + sizes[axis];
      copy(axis, 0, starts[axis]);
      copy(axis, end, rest[axis] - end);
      first[axis] = starts[axis];
      rest[axis] = sizes[axis];
    }
  }

  // The value is computed first: it may read the base, which the copy then takes over where it can.
  void emit_index_update(const Node& node) {
    for (ValueId input : node.inputs) require(input);
    const TensorType& index_type = type(node.inputs[1]);
    const int indices = contiguous(p_, block_, place(node.inputs[1]), index_type, node);
    const ValueId out = node.outputs[0];
    const Place whole = fresh(type(out));
    places_[index(out)] = whole;
    block_.push_back(
        {Copy{p_.view(place(node.inputs[0]), type(out).shape), p_.view(whole, type(out).shape), origin("copy", node)}});
    const auto axis = static_cast<int>(attr_as<int64_t>(*node.op, node.attrs, "axis"));
    block_.push_back({Put{p_.view(place(node.inputs[2]), type(node.inputs[2]).shape), p_.view(whole, type(out).shape),
                          axis, p_.view({indices, {0, contiguous_strides(index_type.shape)}}, index_type.shape),
                          static_cast<PutMode>(attr_as<int64_t>(*node.op, node.attrs, "mode")), origin("put", node),
                          attr_as<bool>(*node.op, node.attrs, "checked") || is_checked(node.inputs[1])}});
  }

  std::vector<Place> region_inputs(const Node& node, size_t first) {
    std::vector<Place> out;
    for (size_t k = first; k < node.inputs.size(); ++k) {
      require(node.inputs[k]);
      const TensorType& t = type(node.inputs[k]);
      out.push_back({contiguous(p_, block_, place(node.inputs[k]), t, node), {0, contiguous_strides(t.shape)}});
    }
    return out;
  }

  void emit_host_call(const Node& node) {
    const std::vector<Place> args = region_inputs(node, 0);
    const auto function = static_cast<int>(attr_as<int64_t>(*node.op, node.attrs, "function"));
    HostCall call{function, {}, origin(p_.program->host[index(function)].text, node), {}};
    const size_t count = p_.program->host[index(function)].arguments + 1;
    for (size_t k = 1; k < count; ++k) call.args.push_back(p_.view(args[k], type(node.inputs[k]).shape));
    call.failure = on_failure(node, args, count, function);
    block_.push_back({std::move(call)});
    places_[index(node.outputs[0])] = args[0];  // the token has no contents
  }

  // The operands from `first` on: what is copied into inputs, then what the function gets.
  OnFailure on_failure(const Node& node, const std::vector<Place>& args, size_t first, int function) {
    OnFailure out;
    for (const int target : p_.program->host[index(function)].targets) {
      const Shape& shape = type(node.inputs[first]).shape;
      out.copies.emplace_back(p_.view(args[first], shape), p_.view(p_.inputs[index(target)], shape));
      ++first;
    }
    for (; first < args.size(); ++first) out.args.push_back(p_.view(args[first], type(node.inputs[first]).shape));
    return out;
  }

  void emit_check_index(const Node& node) {
    const std::vector<Place> args = region_inputs(node, 0);
    CheckIndex check{p_.view(args[0], type(node.inputs[0]).shape),
                     p_.dim(attr_as<std::vector<Dim>>(*node.op, node.attrs, "size")[0]),
                     static_cast<int>(attr_as<int64_t>(*node.op, node.attrs, "axis")), origin("check", node)};
    check.function = static_cast<int>(attr_as<int64_t>(*node.op, node.attrs, "function"));
    if (check.function >= 0)
      check.failure = on_failure(node, args, 1 + p_.program->host[index(check.function)].arguments, check.function);
    block_.push_back({std::move(check)});
    places_[index(node.outputs[0])] = args[0];
  }

  void emit_failure_point(const Node& node) {
    const std::vector<Place> args = region_inputs(node, 0);
    const auto function = static_cast<int>(attr_as<int64_t>(*node.op, node.attrs, "function"));
    const size_t first = 1 + p_.program->host[index(function)].arguments;
    failures_[node.outputs[0]] = {function, on_failure(node, args, first, function)};
    places_[index(node.outputs[0])] = args[0];
  }

  bool is_checked(ValueId index_value) const {
    const int made_by = producers_[index(index_value)];
    if (made_by < 0) return false;
    const Node& node = graph_.nodes[index(made_by)];
    if (node.op->name == "cast") return is_checked(node.inputs[0]);
    const Structure* structure = structure_of(*node.op);
    return structure && *structure == Structure::check_index;
  }

  void emit_if(const Node& node) {
    require(node.inputs[0]);
    const int predicate = contiguous(p_, block_, place(node.inputs[0]), type(node.inputs[0]), node);
    const auto captured = region_inputs(node, 1);
    std::vector<int> results;
    for (ValueId out : node.outputs) {
      results.push_back(p_.new_slot(type(out).dtype, type(out).shape));
      places_[index(out)] = {results.back(), {0, contiguous_strides(type(out).shape)}};
    }
    Branch branch{predicate, {}, {}};
    for (int side = 0; side < 2; ++side) {
      const Graph& region = *node.regions[static_cast<size_t>(side)];
      std::vector<Place> made;
      Block block = BlockBuilder(p_, region, captured).run(made);
      for (size_t i = 0; i < made.size(); ++i)
        block.push_back({Bind{results[i], contiguous(p_, block, made[i], type(node.outputs[i]), node)}});
      (side == 0 ? branch.then_block : branch.else_block) = std::move(block);
    }
    block_.push_back({std::move(branch)});
  }

  void emit_while(const Node& node) {
    const size_t carried = node.outputs.size();
    std::vector<Place> params = region_inputs(node, 0);
    for (size_t i = 0; i < carried; ++i) {
      const TensorType& t = type(node.outputs[i]);
      const int slot = p_.new_slot(t.dtype, t.shape);
      block_.push_back({Bind{slot, params[i].slot}});
      params[i].slot = slot;
      places_[index(node.outputs[i])] = params[i];
    }
    Loop loop;
    std::vector<Place> predicate, next;
    loop.condition = BlockBuilder(p_, *node.regions[0], params).run(predicate);
    loop.predicate =
        contiguous(p_, loop.condition, predicate[0], node.regions[0]->type(node.regions[0]->results[0]), node);
    const bool in_kernel = runs_in_kernel(graph_, node);
    const Graph& body = in_kernel ? p_.plan.portions.emplace_back(portion_of(node)) : *node.regions[1];
    loop.body = BlockBuilder(p_, body, params, in_kernel).run(next);
    for (size_t i = 0; i < carried; ++i) {
      const int slot = contiguous(p_, loop.body, next[i], type(node.outputs[i]), node);
      loop.carried.emplace_back(params[i].slot, slot);
    }
    block_.push_back({std::move(loop)});
  }

  // The loop alone, from its parameters to what it carries.
  Graph portion_of(const Node& loop) {
    Graph out;
    out.name = graph_.name;
    std::vector<TensorType> types;
    std::vector<ValueId> inputs;
    inputs.reserve(loop.regions[1]->params.size());
    for (const Param& param : loop.regions[1]->params)
      inputs.push_back(out.add_param(loop.regions[1]->type(param.value), param.name));
    for (const ValueId value : loop.outputs) types.push_back(type(value));
    Node& copy = out.add_node(*loop.op, std::move(inputs), loop.attrs, types, loop.loc);
    copy.regions = loop.regions;
    out.results = copy.outputs;
    return out;
  }

  // One kernel for each shape.
  void emit_portion(const Node& loop) {
    const auto n = static_cast<int>(&loop - graph_.nodes.data());
    for (const ValueId first : loop.outputs) {
      if (places_[index(first)].slot >= 0) continue;
      Fusion alone{{}, std::vector<int>(graph_.nodes.size(), 0), std::vector<bool>(graph_.nodes.size(), false)};
      Group& group = alone.groups.emplace_back();
      group.axes = type(first).shape;
      group.reduced.assign(group.axes.size(), false);
      group.members = {n};
      group.maps[n] = identity_map(group.axes);
      for (const ValueId value : loop.outputs)
        if (type(value).shape == group.axes) group.outputs.push_back(value);
      launch_group(alone, 0);
    }
  }

  ProgramBuilder& p_;
  bool portion_;
  const Graph& graph_;
  Fusion fusion_;
  std::vector<int> producers_;
  std::vector<Place> places_;
  std::vector<bool> emitted_;
  std::vector<bool> stored_;
  std::unordered_map<ValueId, std::pair<int, OnFailure>>
      failures_;  // of failure points: the host function, what is left
  Block block_;
};

}  // namespace

Plan build_plan(const Graph& graph, std::span<const int64_t> hints, Backend& backend,
                const std::vector<std::pair<int, int>>& writebacks, std::vector<HostFunction> host,
                const PlanOptions& options, std::stop_token stop) {
  ProgramBuilder builder(hints, backend, options, std::move(stop));
  builder.plan.graph = std::make_shared<Graph>(normalize_layout(graph));
  const Graph& normal = *builder.plan.graph;
  Program& program = *builder.program;
  program.name = graph.name;
  program.device = options.device;
  const bool has_token = std::any_of(host.begin(), host.end(), [](const HostFunction& f) { return f.call != nullptr; });
  const size_t hidden = writebacks.size() + (has_token ? 1 : 0);
  program.host = std::move(host);
  program.input_count = static_cast<int>(normal.params.size());
  program.writes_inputs = !writebacks.empty();
  std::vector<Place> params;
  for (const Param& param : normal.params) {
    const TensorType& type = normal.type(param.value);
    params.push_back({builder.new_slot(type.dtype, type.shape), layout_of_param(normal, param.value)});
  }
  builder.inputs = params;
  std::vector<Place> results;
  program.body = BlockBuilder(builder, normal, params).run(results);
  const std::vector<int> producers = normal.producers();
  // What is written back may be another input as it was: everything is read before anything is written.
  std::vector<Step> copies;
  const Renames renames = renames_in(program.body);
  for (const auto& [result, input] : writebacks) {
    const auto r = static_cast<size_t>(result), i = static_cast<size_t>(input);
    const TensorType& type = normal.type(normal.results[r]);
    Place from = results[r];
    const int made_by = producers[static_cast<size_t>(normal.results[r])];
    const OriginRef origin =
        BlockBuilder::origin("copy", made_by < 0 ? SourceLoc{} : normal.nodes[static_cast<size_t>(made_by)].loc);
    const Slots memory = may_be(renames, from.slot);
    const bool is_other = std::any_of(writebacks.begin(), writebacks.end(), [&](const auto& other) {
      return other.second != input && memory.contains(other.second);
    });
    if (is_other) {
      const Place held{builder.new_slot(type.dtype, type.shape), {0, contiguous_strides(type.shape)}};
      program.body.push_back({Allocate{held.slot, builder.dim(element_count(type.shape)), -1}});
      program.body.push_back({Copy{builder.view(from, type.shape), builder.view(held, type.shape), origin}});
      from = held;
    }
    copies.push_back({Copy{builder.view(from, type.shape), builder.view(params[i], type.shape), origin}});
  }
  for (Step& copy : copies) program.body.push_back(std::move(copy));
  for (size_t i = 0; i + hidden < results.size(); ++i)
    program.outputs.push_back(builder.view(results[i], normal.type(normal.results[i]).shape));
  for (const auto& [result, input] : writebacks) program.written.push_back(input);
  write_in_place(program, static_cast<int>(copies.size()), builder.shareable);
  plan_lifetimes(program, builder.shareable);
  builder.compile();
  verify(program);
  builder.plan.program = builder.program;
  return std::move(builder.plan);
}

}  // namespace tandem
