#include "codegen/cuda/emit.h"

#include <algorithm>
#include <numeric>

#include "codegen/cuda/emitter.h"
#include "codegen/cuda/prelude.h"

namespace tandem::cuda {

std::string Source::text() const { return prelude_for(body) + body; }

Source emit(const Kernel& kernel) {
  check_internal(kernel.window < 0, "kernel '{}' follows a product block by block, which GPUs do not do", kernel.name);
  return Emitter(kernel).run();
}

std::string Emitter::coef(const Coef& c) {
  if (c.literal) return c.value < 0 ? fmt::format("({})", c.value) : fmt::format("{}", c.value);
  return fmt::format("s{}", c.value);
}

std::string Emitter::times(const std::string& a, const std::string& b) {
  if (a == "0" || b == "0") return "0";
  if (a == "1") return b;
  if (b == "1") return a;
  return fmt::format("{} * {}", a, b);
}

std::string Emitter::plus(const std::string& a, const std::string& b) {
  if (a == "0") return b;
  if (b == "0") return a;
  return fmt::format("{} + {}", a, b);
}

std::string Emitter::product(const std::vector<size_t>& axes) {
  std::string out = "(i64)1";
  for (const size_t axis : axes) out += " * " + extent(axis);
  return out;
}

Source Emitter::run() {
  for (const Stage& stage : k_.stages) {
    for (const Reduction& r : stage.reductions) {
      const bool arg = r.kind == ReduceKind::argmax || r.kind == ReduceKind::argmin;
      result_types_.push_back(arg ? DType::i64 : stage.body[static_cast<size_t>(r.value)].dtype);
    }
    for (const Scan& scan : stage.scans) result_types_.push_back(scan.dtype);
  }
  find_kept();
  Source out;
  out.rule = rule_;
  out.buffers = static_cast<int>(buffers_of(k_));
  out.vals = static_cast<int>(values_of(k_));
  t_.line("struct Args {{ void* ptrs[{}]; i64 vals[{}]; void* scratch; i64* status; }};", std::max(1, out.buffers),
          std::max(1, out.vals));
  t_.open("extern \"C\" __global__ void __launch_bounds__({}, {}) {}(const Args args)", most_threads(rule_.schedule),
          least_blocks(k_, rule_.schedule), kEntryPoint);
  for (int k = 0; k < out.vals; ++k) t_.line("const i64 s{0} = args.vals[{0}];", k);
  int argument = 0;
  for (size_t k = 0; k < k_.buffers.size(); ++k)
    if (k_.buffers[k].role != BufferRole::scratch)
      t_.line("{0}* const b{1} = ({0}*)args.ptrs[{2}];", memory_type(k_.buffers[k].dtype), k, argument++);
  switch (rule_.schedule) {
    case DeviceSchedule::map: map_kernel(); break;
    case DeviceSchedule::tiles: tiles_kernel(); break;
    case DeviceSchedule::rows: rows_kernel(); break;
    case DeviceSchedule::columns: columns_kernel(); break;
    case DeviceSchedule::walk: walk_kernel(); break;
  }
  t_.close();
  out.body = t_.take();
  return out;
}

// What several stages read of a row is read from memory once.
void Emitter::find_kept() {
  kept_.assign(k_.accesses.size(), -1);
  keeper_.assign(k_.accesses.size(), 0);
  if (rule_.schedule != DeviceSchedule::rows || rule_.tree) return;
  std::vector<std::vector<int>> read(k_.accesses.size());  // by first equal access: numbers of the stages
  const auto first_equal = [&](int access) {
    return static_cast<int>(std::find(k_.accesses.begin(), k_.accesses.end(), access_of(access)) - k_.accesses.begin());
  };
  size_t first = 0;
  for (size_t number = 0; number < k_.stages.size(); ++number) {
    const Stage& stage = k_.stages[number];
    analyse(stage, first);
    first += stage.reductions.size() + stage.scans.size();
    if (!stage.inner) continue;
    for (const int access : loads_ahead()) {
      if (is_scratch(access) || !access_of(access).gathers.empty()) continue;
      std::vector<int>& stages = read[static_cast<size_t>(first_equal(access))];
      if (stages.empty() || stages.back() != static_cast<int>(number)) stages.push_back(static_cast<int>(number));
    }
  }
  // The scratch row that is first written where something is read for the last time has its place.
  std::vector<int> taken;
  const auto heir = [&](size_t a) {
    for (size_t buffer = 0; buffer < k_.buffers.size(); ++buffer) {
      const auto id = static_cast<int>(buffer);
      if (k_.buffers[buffer].role != BufferRole::scratch || std::find(taken.begin(), taken.end(), id) != taken.end() ||
          size_of(k_.buffers[buffer].dtype) != size_of(dtype_of(static_cast<int>(a))))
        continue;
      const auto writes = std::find_if(k_.stages.begin(), k_.stages.end(), [&](const Stage& stage) {
        return std::any_of(stage.stores.begin(), stage.stores.end(),
                           [&](const Store& store) { return access_of(store.access).buffer == id; });
      });
      if (writes - k_.stages.begin() >= read[a].back()) return id;
    }
    return -1;
  };
  shares_.assign(k_.accesses.size(), -1);
  for (size_t a = 0; a < read.size(); ++a) {
    if (read[a].size() < 2) continue;
    shares_[a] = heir(a);
    if (shares_[a] >= 0)
      taken.push_back(shares_[a]);
    else
      rule_.kept.push_back(size_of(dtype_of(static_cast<int>(a))));
    for (size_t b = a; b < read.size(); ++b) {
      if (!(k_.accesses[b] == k_.accesses[a])) continue;
      kept_[b] = static_cast<int>(a);
      keeper_[b] = static_cast<size_t>(read[a].front());
    }
  }
}

void Emitter::kept_pointers(const std::string& points) {
  std::string begin = "unit";
  for (size_t a = 0; a < kept_.size(); ++a) {
    if (kept_[a] != static_cast<int>(a)) continue;
    const DType dtype = dtype_of(static_cast<int>(a));
    if (shares_[a] >= 0) {
      t_.line("{0}* const k{1} = ({0}*)q{2};", memory_type(dtype), a, shares_[a]);
      continue;
    }
    t_.line("{0}* const k{1} = ({0}*)(scratch + {2});", memory_type(dtype), a, begin);
    begin = plus(begin, fmt::format("({} * {} + 63) / 64 * 64", points, size_of(dtype)));
  }
}

// Names of the scratch buffers of the unit that begins at `scratch`, each of `points` elements.
void Emitter::scratch_pointers(const std::string& points) {
  std::string begin = "0";
  for (size_t k = 0; k < k_.buffers.size(); ++k) {
    if (k_.buffers[k].role != BufferRole::scratch) continue;
    t_.line("{0}* const q{1} = ({0}*)(scratch + {2});", memory_type(k_.buffers[k].dtype), k, begin);
    begin = plus(begin, fmt::format("({} * {} + 63) / 64 * 64", points, size_of(k_.buffers[k].dtype)));
  }
}

// Of one unit.
std::string Emitter::bytes_of(const std::vector<int>& sizes, const std::string& points) {
  std::string bytes = "0";
  for (const int size : sizes) bytes = plus(bytes, fmt::format("({} * {} + 63) / 64 * 64", points, size));
  return bytes;
}

void Emitter::decode(const std::vector<size_t>& axes, const std::string& number) {
  if (axes.empty()) return;
  if (axes.size() == 1) {
    t_.line("const i64 i{} = {};", axes[0], number);
    return;
  }
  t_.line("i64 rest = {};", number);
  for (size_t k = axes.size(); k-- > 1;) t_.line("const i64 i{} = take(rest, {});", axes[k], extent(axes[k]));
  t_.line("const i64 i{} = rest;", axes[0]);
}

// Inner points of an outer one, of which there are `whole`, or at most a block.
std::string Emitter::unit_points() const {
  return k_.split ? fmt::format("smaller(whole, {})", k_.order.block) : "whole";
}

// They are `low`, low + 1 ... of the inner axis where a reduction is split.
void Emitter::inner_range() {
  if (!k_.split) {
    t_.line("const i64 total = whole;");
    return;
  }
  t_.line("const i64 low = i{} * {};", inner_begin() - 1, k_.order.block);
  t_.line("const i64 total = smaller(whole - low, {});", k_.order.block);
}

void Emitter::declare_results() {
  size_t id = 0;
  for (const Stage& stage : k_.stages) {
    for (const Reduction& r : stage.reductions) {
      const DType dtype = result_types_[id];
      const bool arg = r.kind == ReduceKind::argmax || r.kind == ReduceKind::argmin;
      t_.line("{} r{} = {};", register_type(dtype), id++, arg ? std::string("0") : identity(r.kind, dtype));
    }
    for (const Scan& scan : stage.scans)
      t_.line("{} r{} = {};", register_type(scan.dtype), id++, literal(scan.dtype, scan.init));
  }
}

namespace {

std::vector<size_t> range(size_t first, size_t last) {
  std::vector<size_t> out(last - first);
  std::iota(out.begin(), out.end(), first);
  return out;
}

}  // namespace

// ---- a team of threads for an outer point ----

void Emitter::rows_kernel() {
  const std::vector<size_t> outer = range(0, inner_begin());
  std::vector<size_t> inner = range(inner_begin(), k_.axes.size());
  t_.line("const int team = blockDim.x, tid = threadIdx.x, lane = tid & 31, warp = tid >> 5, warps = team >> 5;");
  t_.line("const int width = team < 32 ? team : 32;");
  t_.line("const i64 rows = {};", product(outer));
  t_.line("const i64 whole = {};", product(inner));
  const bool keeps = std::any_of(kept_.begin(), kept_.end(), [](int access) { return access >= 0; });
  const std::string points = unit_points();
  if (keeps || !rule_.scratch.empty()) {
    t_.line("extern __shared__ u64 dynamic_shared[];");
    t_.line("const i64 unit = {};", bytes_of(rule_.scratch, points));
    std::string stride = "unit";
    if (keeps) {
      // Whoever launched it decided, and gave the memory.
      t_.line("const i64 kept = unit + {};", bytes_of(rule_.kept, points));
      t_.line("const bool keeps = args.scratch == nullptr && kept * blockDim.y <= dynamic_shared_bytes();");
      stride = rule_.kept.empty() ? "unit" : "(keeps ? kept : unit)";
    }
    t_.line("char* const scratch = args.scratch != nullptr");
    t_.line("    ? (char*)args.scratch + ((i64)blockIdx.x * blockDim.y + threadIdx.y) * unit");
    t_.line("    : (char*)dynamic_shared + threadIdx.y * {};", stride);
    scratch_pointers(points);
    kept_pointers(points);
  }
  declare_shared();
  // Teams beyond the last row go along for the sake of their warp, and load and store nothing.
  t_.open("for (i64 first = (i64)blockIdx.x * blockDim.y; first < rows; first += (i64)gridDim.x * blockDim.y)");
  t_.line("const bool active = first + threadIdx.y < rows;");
  t_.line("const i64 row = active ? first + threadIdx.y : first;");
  t_.line("i64* const status = active ? args.status : nullptr;");
  decode(outer, "row");
  inner_range();
  t_.line("const i64 own = active ? total : 0;");
  position_ = "r";
  declare_results();
  each_stage([&] {
    team_stage("tid == 0 && active");
    t_.line("sync_team(team);");
  });
  t_.close();
}

// ---- 32 neighbouring columns for a block ----

void Emitter::columns_kernel() {
  std::vector<size_t> outer = range(0, inner_begin() - 1);
  const std::vector<size_t> inner = range(inner_begin(), k_.axes.size());
  const size_t column = inner_begin() - 1;
  t_.line("const int x = threadIdx.x, y = threadIdx.y, width = blockDim.x;");
  t_.line("const i64 columns = {}, strips = (columns + width - 1) / width;", extent(column));
  t_.line("const i64 tiles = {} * strips;", product(outer));
  t_.line("const i64 total = {};", product(inner));
  if (!rule_.scratch.empty()) {
    t_.line("extern __shared__ u64 dynamic_shared[];");
    const std::string points = "total * width";
    t_.line("char* const scratch =");
    t_.line("    args.scratch != nullptr ? (char*)args.scratch + blockIdx.x * ({}) : (char*)dynamic_shared;",
            bytes_of(rule_.scratch, points));
    scratch_pointers(points);
  }
  declare_shared();
  t_.open("for (i64 tile = blockIdx.x; tile < tiles; tile += gridDim.x)");
  t_.line("i64 number = tile;");
  t_.line("const i64 nth = take(number, strips) * width + x;");
  // Threads beyond the last column go along to the barriers, and load and store nothing of their own.
  t_.line("const bool active = nth < columns;");
  t_.line("const i64 i{} = active ? nth : columns - 1, own = active ? total : 0;", column);
  t_.line("i64* const status = active ? args.status : nullptr;");
  decode(outer, "number");
  position_ = "r * width + x";
  declare_results();
  each_stage([&] {
    team_stage("y == 0 && active");
    t_.line("__syncthreads();");
  });
  t_.close();
}

// ---- a thread for an outer point ----

void Emitter::walk_kernel() {
  const std::vector<size_t> outer = range(0, inner_begin()), inner = range(inner_begin(), k_.axes.size());
  t_.line("const i64 threads = (i64)gridDim.x * blockDim.x, thread = (i64)blockIdx.x * blockDim.x + threadIdx.x;");
  t_.line("const i64 points = {};", product(outer));
  t_.line("const i64 whole = {};", product(inner));
  if (!rule_.scratch.empty()) {
    t_.line("char* const scratch = (char*)args.scratch;");
    scratch_pointers(unit_points() + " * threads");
  }
  t_.line("i64* const status = args.status;");
  t_.open("for (i64 point = thread; point < points; point += threads)");
  decode(outer, "point");
  inner_range();
  position_ = "r * threads + thread";
  declare_results();
  each_stage([&] { walk_stage(); });
  t_.close();
}

}  // namespace tandem::cuda
