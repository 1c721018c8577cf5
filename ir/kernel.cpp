#include "ir/kernel.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "ir/loops.h"

namespace tandem {

namespace {

struct OpShape {
  std::string_view name;
  int operands;
};

// In the order of ScalarOp.
constexpr std::array<OpShape, 35> kOps{{
    {"constant", 0}, {"index", 0}, {"extent", 0},      {"load", 0},    {"result", 0}, {"add", 2},     {"sub", 2},
    {"mul", 2},      {"div", 2},   {"rem", 2},         {"neg", 1},     {"abs", 1},    {"min", 2},     {"max", 2},
    {"fma", 3},      {"sqrt", 1},  {"floor", 1},       {"ceil", 1},    {"trunc", 1},  {"round", 1},   {"eq", 2},
    {"ne", 2},       {"lt", 2},    {"le", 2},          {"bit_and", 2}, {"bit_or", 2}, {"bit_xor", 2}, {"bit_not", 1},
    {"shl", 2},      {"shr", 2},   {"shr_logical", 2}, {"select", 3},  {"cast", 1},   {"bitcast", 1}, {"carry", 0},
}};
constexpr std::array<std::string_view, 6> kReduceNames{"sum", "prod", "max", "min", "argmax", "argmin"};
constexpr std::array<std::string_view, 3> kRoleNames{"in", "out", "scratch"};

const OpShape& shape_of(ScalarOp op) { return kOps[static_cast<size_t>(op)]; }

int64_t round_up(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

int64_t inner_points(const Kernel& kernel, const int64_t* vals) {
  int64_t points = 1;
  for (size_t axis = static_cast<size_t>(kernel.outer_rank); axis < kernel.axes.size(); ++axis)
    points *= value_of(kernel.axes[axis].extent, vals);
  return kernel.split ? std::min<int64_t>(points, kernel.order.block) : points;
}

// The text is the key of the in-memory kernel cache and made on every look-up: plain appends, no formatting library.
class Text {
 public:
  Text() { out_.reserve(1024); }
  Text& operator<<(std::string_view text) {
    out_.append(text);
    return *this;
  }
  Text& operator<<(char c) {
    out_.push_back(c);
    return *this;
  }
  Text& operator<<(int64_t value) {
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out_.append(digits.data(), end);
    return *this;
  }
  Text& operator<<(int value) { return *this << static_cast<int64_t>(value); }
  Text& operator<<(const Coef& coef) {
    if (!coef.literal) out_.push_back('v');
    return *this << coef.value;
  }
  Text& operator<<(const ScalarNode& node) {
    const OpShape& shape = shape_of(node.op);
    *this << shape.name << '.' << info(node.dtype).text;
    const std::array<int, 3> operands{node.a, node.b, node.c};
    for (int k = 0; k < shape.operands; ++k) *this << " %" << operands[static_cast<size_t>(k)];
    if (shape.operands == 0) *this << ' ' << node.imm;
    if (is_rare(node)) *this << " rare";
    return *this;
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

class Verifier {
 public:
  explicit Verifier(const Kernel& kernel) : kernel_(kernel) {}

  void run() {
    const int rank = static_cast<int>(kernel_.axes.size());
    const int inner = rank - kernel_.outer_rank;
    require(kernel_.outer_rank >= 0 && inner >= 0, "0 <= outer_rank <= number of axes");
    require(kernel_.vector_axis == -1 || is_column_mode(kernel_) || (inner > 0 && kernel_.vector_axis == rank - 1),
            "vector_axis is -1, the last inner axis or the last outer axis");
    require(kernel_.order == kBlockOrder || kernel_.order == kTreeOrder, "order is kBlockOrder or kTreeOrder");
    require(!kernel_.split || (inner == 1 && kernel_.outer_rank >= 1 && !is_column_mode(kernel_)),
            "split needs one inner axis, an outer axis and row mode");
    require(kernel_.window < 0 || (inner == 1 && kernel_.outer_rank >= 1 && !is_column_mode(kernel_) && !kernel_.split),
            "a window needs one inner axis, an outer axis and row mode");
    require(kernel_.window < 0 || is_plain_map(), "a kernel with a window is a plain map");
    require(!kernel_.stages.empty(), "at least one stage");
    for (const Axis& axis : kernel_.axes) coef(axis.extent);
    for (size_t k = 0; k < kernel_.accesses.size(); ++k) access(static_cast<int>(k));
    std::vector<DType> results;
    for (stage_ = 0; stage_ < kernel_.stages.size(); ++stage_) stage(kernel_.stages[stage_], results);
  }

 private:
  void require(bool ok, std::string_view rule) const {
    if (ok) [[likely]]
      return;
    std::string where;
    if (stage_ < kernel_.stages.size() && node_ >= 0) {
      const auto& body = kernel_.stages[stage_].body;
      for (int k = std::max(0, node_ - 3); k < std::min(static_cast<int>(body.size()), node_ + 2); ++k) {
        Text text;
        text << (k == node_ ? "\n  > %" : "\n    %") << k << " = " << body[static_cast<size_t>(k)];
        where += text.take();
      }
      where = fmt::format(" in stage {}{}", stage_, where);
    }
    throw InternalError(
        fmt::format("internal error (please report it): kernel '{}' breaks the rule: {}{}", kernel_.name, rule, where));
  }
  bool is_plain_map() const {
    return std::all_of(kernel_.stages.begin(), kernel_.stages.end(),
                       [](const Stage& s) { return s.inner && s.reductions.empty() && s.scans.empty(); }) &&
           std::none_of(kernel_.buffers.begin(), kernel_.buffers.end(),
                        [](const KernelBuffer& b) { return b.role == BufferRole::scratch; });
  }
  void coef(const Coef& c) const { require(c.literal || is_value(c.value), "a value slot is not negative"); }
  // Far more than any kernel has: a count of them does not overflow.
  static bool is_value(int64_t slot) { return slot >= 0 && slot < int64_t{1} << 20; }

  void access(int number) const {
    const Access& a = kernel_.accesses[static_cast<size_t>(number)];
    require(a.buffer >= 0 && a.buffer < static_cast<int>(kernel_.buffers.size()), "an access names a buffer");
    coef(a.offset);
    if (kernel_.buffers[static_cast<size_t>(a.buffer)].role == BufferRole::scratch) {
      require(a.offset.is(0) && a.strides.empty() && a.gathers.empty(), "a scratch access has no address of its own");
      return;
    }
    require(a.strides.size() == kernel_.axes.size(), "an access has one stride per axis");
    for (const Coef& c : a.strides) coef(c);
    for (const Gather& g : a.gathers) coef(g.stride), coef(g.extent);
  }

  // `present`: nodes defined so far; gathers may refer to nothing later.
  void check_use(const Stage& stage, int64_t number, int present) const {
    require(number >= 0 && number < static_cast<int64_t>(kernel_.accesses.size()), "a load or store names an access");
    const Access& a = kernel_.accesses[static_cast<size_t>(number)];
    const bool scratch = kernel_.buffers[static_cast<size_t>(a.buffer)].role == BufferRole::scratch;
    require(!scratch || stage.inner, "scratch is used by inner stages only");
    for (size_t axis = static_cast<size_t>(kernel_.outer_rank); !stage.inner && axis < a.strides.size(); ++axis)
      require(a.strides[axis].is(0), "a stage that runs once has no inner index");
    for (const Gather& g : a.gathers) {
      require(g.value >= 0 && g.value < present, "a gather uses an earlier node of the same body");
      require(stage.body[static_cast<size_t>(g.value)].dtype == DType::i64, "a gather index is i64");
    }
  }

  void stage(const Stage& stage, std::vector<DType>& results) {
    const int first_scan = static_cast<int>(results.size() + stage.reductions.size());
    const int last = first_scan + static_cast<int>(stage.scans.size());
    const int inner = static_cast<int>(kernel_.axes.size()) - kernel_.outer_rank;
    require(stage.inner || (stage.reductions.empty() && stage.scans.empty()), "only inner stages reduce or scan");
    require(stage.scans.empty() || inner == 1, "a scan needs exactly one inner axis");
    for (node_ = 0; node_ < static_cast<int>(stage.body.size()); ++node_) {
      const ScalarNode& node = stage.body[static_cast<size_t>(node_)];
      if (node.op == ScalarOp::result && node.imm >= first_scan && node.imm < last)
        require(stage.scans[static_cast<size_t>(node.imm - first_scan)].dtype == node.dtype, "a carry has its dtype");
      else
        scalar(stage, node, results);
    }
    node_ = -1;
    loops(stage);
    const int present = static_cast<int>(stage.body.size());
    for (const Store& store : stage.stores) {
      check_use(stage, store.access, present);
      require(store.value >= 0 && store.value < present, "a store names a node");
      const Access& a = kernel_.accesses[static_cast<size_t>(store.access)];
      const KernelBuffer& buffer = kernel_.buffers[static_cast<size_t>(a.buffer)];
      require(buffer.role != BufferRole::input, "a store goes to an output or scratch");
      require(buffer.dtype == stage.body[static_cast<size_t>(store.value)].dtype, "a store keeps the dtype");
    }
    for (const Reduction& r : stage.reductions) {
      require(r.value >= 0 && r.value < present, "a reduction names a node");
      const DType dtype = stage.body[static_cast<size_t>(r.value)].dtype;
      require(!is_half(dtype), "a reduction is not done in 16-bit floats");
      results.push_back(r.kind == ReduceKind::argmax || r.kind == ReduceKind::argmin ? DType::i64 : dtype);
    }
    for (const Scan& scan : stage.scans) {
      require(scan.next >= 0 && scan.next < present, "a scan names a node");
      require(stage.body[static_cast<size_t>(scan.next)].dtype == scan.dtype, "a scan keeps its dtype");
      results.push_back(scan.dtype);
    }
  }

  void loops(const Stage& stage) {
    const auto size = static_cast<int>(stage.body.size());
    const auto node = [&](int id) -> const ScalarNode& { return stage.body[static_cast<size_t>(id)]; };
    std::vector<size_t> around;  // the present loop, from the outermost on
    int done = 0;
    size_t carries = 0;
    for (size_t number = 0; number < stage.loops.size(); ++number) {
      const ScalarLoop& loop = stage.loops[number];
      const auto count = static_cast<int>(loop.init.size());
      while (!around.empty() && stage.loops[around.back()].last <= loop.first) {
        done = stage.loops[around.back()].last;
        around.pop_back();
      }
      const int end = around.empty() ? size : stage.loops[around.back()].last;
      require(done <= loop.first && loop.first + count <= loop.last && loop.last <= end,
              "loops follow one another or lie within one another");
      require(loop.next.size() == loop.init.size() && count > 0, "a loop carries something");
      const auto within = [&](int id) { return 0 <= id && id < loop.last; };
      require(within(loop.condition) && node(loop.condition).dtype == DType::boolean, "a condition is a bool");
      for (int k = 0; k < count; ++k) {
        const int init = loop.init[static_cast<size_t>(k)], next = loop.next[static_cast<size_t>(k)];
        node_ = loop.first + k;
        require(node(node_).op == ScalarOp::carry && node(node_).imm == static_cast<int64_t>(number),
                "a loop begins with its carries");
        require(0 <= init && init < loop.first && within(next),
                "a carry begins with an earlier node and goes on with one of the loop or before");
        require(node(init).dtype == node(node_).dtype && node(next).dtype == node(node_).dtype,
                "a carry keeps its dtype");
      }
      for (node_ = loop.first; node_ < loop.last; ++node_)
        require(node(node_).op != ScalarOp::result, "a loop reads no results");
      behind(stage, loop);
      done = loop.first + count;
      around.push_back(number);
      carries += loop.init.size();
    }
    const auto found = std::count_if(stage.body.begin(), stage.body.end(),
                                     [](const ScalarNode& n) { return n.op == ScalarOp::carry; });
    require(static_cast<size_t>(found) == carries, "a carry belongs to a loop");
  }

  void behind(const Stage& stage, const ScalarLoop& loop) {
    const auto see = [&](int id) {
      require(id < loop.first + static_cast<int>(loop.init.size()) || id >= loop.last,
              "what is behind a loop sees its carries only");
    };
    const auto see_places = [&](int64_t access) {
      for (const Gather& gather : kernel_.accesses[static_cast<size_t>(access)].gathers) see(gather.value);
    };
    for (node_ = loop.last; node_ < static_cast<int>(stage.body.size()); ++node_) {
      const ScalarNode& node = stage.body[static_cast<size_t>(node_)];
      for (const int id : {node.a, node.b, node.c}) see(id);
      if (node.op == ScalarOp::load) see_places(node.imm);
    }
    node_ = -1;
    for (const ScalarLoop& other : stage.loops)
      if (!lies_within(other, loop))
        for (const int id : needs_of(other)) see(id);
    for (const Store& store : stage.stores) see(store.value), see_places(store.access);
    for (const Reduction& r : stage.reductions) see(r.value);
    for (const Scan& scan : stage.scans) see(scan.next);
  }

  void scalar(const Stage& stage, const ScalarNode& node, const std::vector<DType>& results) const {
    const int operands = shape_of(node.op).operands;
    const std::array<int, 3> ids{node.a, node.b, node.c};
    std::array<DType, 3> types{node.dtype, node.dtype, node.dtype};
    for (size_t k = 0; k < static_cast<size_t>(operands); ++k) {
      require(ids[k] >= 0 && ids[k] < node_, "operands are earlier nodes of the same body");
      types[k] = stage.body[static_cast<size_t>(ids[k])].dtype;
    }
    for (size_t k = static_cast<size_t>(operands); k < ids.size(); ++k)
      require(ids[k] >= -1 && ids[k] < node_, "operands that an operation does not have are -1 or earlier nodes");
    const auto same = [&] {
      return std::all_of(types.begin(), types.begin() + operands, [&](DType t) { return t == node.dtype; });
    };
    switch (node.op) {
      case ScalarOp::constant:
      case ScalarOp::carry: break;
      case ScalarOp::index:
        require(node.dtype == DType::i64, "index is i64");
        require(node.imm >= 0 && node.imm < static_cast<int64_t>(kernel_.axes.size()), "index names an axis");
        require(stage.inner || node.imm < kernel_.outer_rank, "a stage that runs once has no inner index");
        break;
      case ScalarOp::extent:
        require(node.dtype == DType::i64 && is_value(node.imm), "extent is i64 and names a slot");
        break;
      case ScalarOp::load: {
        check_use(stage, node.imm, node_);
        const Access& a = kernel_.accesses[static_cast<size_t>(node.imm)];
        require(kernel_.buffers[static_cast<size_t>(a.buffer)].dtype == node.dtype, "a load keeps the buffer's dtype");
        break;
      }
      case ScalarOp::result:
        require(node.imm >= 0 && node.imm < static_cast<int64_t>(results.size()), "a result is of an earlier stage");
        require(results[static_cast<size_t>(node.imm)] == node.dtype, "a result has its accumulator's dtype");
        break;
      case ScalarOp::fma:
      case ScalarOp::sqrt:
      case ScalarOp::floor:
      case ScalarOp::ceil:
      case ScalarOp::trunc:
      case ScalarOp::round:
        require(is_floating(node.dtype) && !is_half(node.dtype) && same(), "operands and result are f32 or f64");
        break;
      case ScalarOp::rem:
        require(node.dtype != DType::boolean && !is_half(node.dtype) && same(),
                "operands and result are of one integer dtype, f32 or f64");
        break;
      case ScalarOp::shl:
      case ScalarOp::shr:
      case ScalarOp::shr_logical:
        require(is_integer(node.dtype) && same(), "operands and result are of one integer dtype");
        break;
      case ScalarOp::bit_and:
      case ScalarOp::bit_or:
      case ScalarOp::bit_xor:
      case ScalarOp::bit_not:
        require(!is_floating(node.dtype) && same(), "operands and result are of one integer dtype or bool");
        break;
      case ScalarOp::add:
      case ScalarOp::sub:
      case ScalarOp::mul:
      case ScalarOp::div:
      case ScalarOp::neg:
      case ScalarOp::abs:
      case ScalarOp::min:
      case ScalarOp::max:
        require(!is_half(node.dtype) && same(), "operands and result are of one dtype, not a 16-bit float");
        break;
      case ScalarOp::eq:
      case ScalarOp::ne:
      case ScalarOp::lt:
      case ScalarOp::le:
        require(node.dtype == DType::boolean && types[0] == types[1] && !is_half(types[0]),
                "a comparison takes two operands of one dtype, not a 16-bit float, and yields bool");
        break;
      case ScalarOp::select:
        require(types[0] == DType::boolean && types[1] == node.dtype && types[2] == node.dtype,
                "select takes a bool and two operands of the result's dtype");
        break;
      case ScalarOp::cast: break;
      case ScalarOp::bitcast:
        require(size_of(types[0]) == size_of(node.dtype) && types[0] != DType::boolean && node.dtype != DType::boolean,
                "bitcast keeps the size and excludes bool");
        break;
    }
  }

  const Kernel& kernel_;
  size_t stage_ = 0;
  int node_ = -1;
};

}  // namespace

bool is_flat_map(const Kernel& kernel) {
  return kernel.outer_rank == 0 && kernel.axes.size() == 1 &&
         std::all_of(kernel.stages.begin(), kernel.stages.end(),
                     [](const Stage& s) { return s.inner && s.reductions.empty() && s.scans.empty(); });
}

bool is_column_mode(const Kernel& kernel) {
  return kernel.outer_rank > 0 && kernel.vector_axis == kernel.outer_rank - 1;
}

size_t buffers_of(const Kernel& kernel) {
  const auto is_passed = [](const KernelBuffer& buffer) { return buffer.role != BufferRole::scratch; };
  return static_cast<size_t>(std::count_if(kernel.buffers.begin(), kernel.buffers.end(), is_passed));
}

size_t values_of(const Kernel& kernel) {
  int64_t most = 0;
  const auto see = [&most](const Coef& c) {
    if (!c.literal) most = std::max(most, c.value + 1);
  };
  for (const Axis& axis : kernel.axes) see(axis.extent);
  for (const Access& access : kernel.accesses) {
    see(access.offset);
    for (const Coef& stride : access.strides) see(stride);
    for (const Gather& gather : access.gathers) see(gather.stride), see(gather.extent);
  }
  for (const Stage& stage : kernel.stages)
    for (const ScalarNode& node : stage.body)
      if (node.op == ScalarOp::extent) most = std::max(most, node.imm + 1);
  if (kernel.window >= 0) most = std::max<int64_t>(most, kernel.window + 2);
  return static_cast<size_t>(most);
}

int64_t value_of(const Coef& coef, const int64_t* vals) { return coef.literal ? coef.value : vals[coef.value]; }

int64_t parallel_range(const Kernel& kernel, const int64_t* vals) {
  if (is_flat_map(kernel)) return value_of(kernel.axes[0].extent, vals);
  int64_t range = 1;
  for (int axis = 0; axis < kernel.outer_rank; ++axis) {
    const int64_t extent = value_of(kernel.axes[static_cast<size_t>(axis)].extent, vals);
    range *= is_column_mode(kernel) && axis == kernel.vector_axis ? (extent + kColumnTile - 1) / kColumnTile : extent;
  }
  return range;
}

int64_t scratch_bytes(const Kernel& kernel, const int64_t* vals) {
  const int64_t elements = inner_points(kernel, vals) * (is_column_mode(kernel) ? kColumnTile : 1);
  int64_t bytes = 0;
  for (const KernelBuffer& buffer : kernel.buffers)
    if (buffer.role == BufferRole::scratch) bytes += round_up(elements * size_of(buffer.dtype), 64);
  return bytes;
}

std::string to_text(const Kernel& kernel) {
  Text out;
  out << "axes";
  for (const Axis& axis : kernel.axes) out << ' ' << axis.extent;
  out << " outer " << kernel.outer_rank << " vector " << kernel.vector_axis;
  if (kernel.split) out << " split";
  if (kernel.single_block) out << " single";
  if (kernel.window >= 0) out << " window v" << kernel.window;
  out << " order " << kernel.order.block << '/' << kernel.order.lanes << '\n';
  for (const KernelBuffer& buffer : kernel.buffers) {
    out << "buffer " << info(buffer.dtype).text << ' ' << kRoleNames[static_cast<size_t>(buffer.role)];
    out << (buffer.streaming ? " streaming\n" : "\n");
  }
  for (const Access& access : kernel.accesses) {
    out << "access b" << access.buffer << " + " << access.offset << " [";
    for (size_t k = 0; k < access.strides.size(); ++k) out << (k ? " " : "") << access.strides[k];
    out << ']';
    for (const Gather& g : access.gathers) out << " %" << g.value << '*' << g.stride << '<' << g.extent;
    out << '\n';
  }
  for (const Stage& stage : kernel.stages) {
    out << (stage.inner ? "stage inner\n" : "stage once\n");
    for (size_t k = 0; k < stage.body.size(); ++k)
      out << " %" << static_cast<int64_t>(k) << ' ' << stage.body[k] << '\n';
    for (const ScalarLoop& loop : stage.loops) {
      out << " loop %" << loop.first << "..%" << loop.last << " while %" << loop.condition;
      for (size_t k = 0; k < loop.init.size(); ++k) out << " %" << loop.init[k] << "->%" << loop.next[k];
      out << '\n';
    }
    for (const Store& store : stage.stores) out << " store a" << store.access << " %" << store.value << '\n';
    for (const Reduction& r : stage.reductions)
      out << ' ' << kReduceNames[static_cast<size_t>(r.kind)] << " %" << r.value << '\n';
    for (const Scan& scan : stage.scans)
      out << " scan %" << scan.next << " from " << scan.init << ' ' << info(scan.dtype).text << '\n';
  }
  return out.take();
}

void verify(const Kernel& kernel) { Verifier(kernel).run(); }

}  // namespace tandem
