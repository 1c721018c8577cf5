#include <algorithm>
#include <bit>

#include "codegen/llvm/emitter.h"

namespace tandem::llvm {

namespace {

// How far ahead of a load the lines it will need are asked for: several times a memory latency of a heavy loop, in which
// the processor sees only the next few vectors of doubles.
constexpr int64_t kPrefetchBytes = 4096;
constexpr int kRowsAhead = 32, kVectorsAhead = 128;
constexpr int kLine = 64;
// Vectors for which lane offsets are kept at hand: the largest unrolling of any loop.
constexpr int kMaxVectors = 8;

}  // namespace

bool Emitter::is_scratch(int access) const {
  return k_.buffers[static_cast<size_t>(k_.accesses[static_cast<size_t>(access)].buffer)].role == BufferRole::scratch;
}

int64_t Emitter::vector_stride(const Access& access) const {
  if (k_.vector_axis < 0) return 0;
  const Coef& stride = access.strides[static_cast<size_t>(k_.vector_axis)];
  return stride.is(0) ? 0 : stride.is(1) ? 1 : stride.is(-1) ? -1 : 2;
}

bool Emitter::gathers_lanes(const Access& access) const {
  return std::any_of(access.gathers.begin(), access.gathers.end(),
                     [&](const Gather& g) { return s_.varying[static_cast<size_t>(g.value)] != 0; });
}

bool Emitter::varying_access(const Access& access) const {
  if (k_.buffers[static_cast<size_t>(access.buffer)].role == BufferRole::scratch) return true;
  return vector_stride(access) != 0 || gathers_lanes(access);
}

bool Emitter::is_contiguous(int number) const {
  if (is_scratch(number)) return true;
  const Access& access = k_.accesses[static_cast<size_t>(number)];
  return vector_stride(access) == 1 && !gathers_lanes(access);
}

int Emitter::access_level(int number) const {
  const Access& access = access_of(number);
  if (k_.buffers[static_cast<size_t>(access.buffer)].role == BufferRole::scratch) return s_.levels;
  int level = 0;
  for (int inner = 1; inner <= s_.levels; ++inner)
    if (!access.strides[static_cast<size_t>(k_.outer_rank + inner - 1)].is(0)) level = inner;
  for (const Gather& g : access.gathers) level = std::max(level, gather_level(number, g));
  return level;
}

// Where the place is checked: within a loop in its rounds, though it may be known before.
int Emitter::gather_level(int access, const Gather& gather) const {
  return s_.in_loop[static_cast<size_t>(access)] ? s_.levels : s_.level[static_cast<size_t>(gather.value)];
}

Value Emitter::element(std::string_view type, const Value& pointer, const Value& index) {
  if (index == "0") return pointer;
  return t_.def("getelementptr {}, ptr {}, i64 {}", type, pointer, index);
}

Value Emitter::scratch_pointer(int number) {
  const int buffer = k_.accesses[static_cast<size_t>(number)].buffer;
  Value index = position_[static_cast<size_t>(s_.levels)];
  if (is_column_mode(k_)) index = times(index, fmt::format("{}", kColumnTile));
  return element(memory_type(k_.buffers[static_cast<size_t>(buffer)].dtype), pointers_[static_cast<size_t>(buffer)],
                 index);
}

// Adds to the address what becomes known at `level`.
void Emitter::step_pointer(int number, int level) {
  const auto at = static_cast<size_t>(number);
  const Access& access = k_.accesses[at];
  Value& pointer = s_.pointers[at][static_cast<size_t>(level)];
  if (is_scratch(number)) {
    pointer = level == s_.levels ? scratch_pointer(number) : Value("null");
    return;
  }
  const auto along = [&](size_t axis) { return times(coef(access.strides[axis]), index_[axis]); };
  Value offset = "0";
  if (level == 0) {
    offset = coef(access.offset);
    for (size_t axis = 0; axis < static_cast<size_t>(k_.outer_rank); ++axis) offset = plus(offset, along(axis));
    if (s_.width > 1 && !is_contiguous(number) && !is_pair(number) && !is_every_second(number) &&
        vector_stride(access) != 0) {
      const Value stride = ops_.splat("i64", s_.width, coef(access.strides[static_cast<size_t>(k_.vector_axis)]));
      const Shape now = shape_;
      shape_.width = s_.width;
      for (int chunk = 0; chunk < kMaxVectors; ++chunk)
        s_.lane_offsets[at].push_back(t_.def("mul {} {}, {}", vector_of("i64", s_.width), iota("i64", chunk), stride));
      shape_ = now;
    }
  } else {
    offset = along(static_cast<size_t>(k_.outer_rank + level - 1));
  }
  s_.gather_offsets[at].resize(access.gathers.size());
  for (size_t k = 0; k < access.gathers.size(); ++k) {
    const Gather& g = access.gathers[k];
    const auto node = static_cast<size_t>(g.value);
    if (gather_level(number, g) != level) continue;
    const bool lanes = s_.varying[node] && shape_.width > 1;
    const int width = lanes ? shape_.width : 1;
    const Value extent = ops_.splat("i64", width, coef(g.extent));
    s_.gather_offsets[at][k].clear();
    for (int chunk = 0; chunk < (lanes ? shape_.count : 1); ++chunk) {
      const std::vector<Value>& real = s_.active.empty() ? shape_.masks : s_.active;
      const Value mask = lanes && !real.empty() ? real[static_cast<size_t>(chunk)] : Value();
      const Value checked = check_gather(number, s_.values[node][static_cast<size_t>(chunk)], extent, width, mask);
      if (!lanes) {
        offset = plus(offset, times(checked, coef(g.stride)));
      } else if (g.stride.is(1)) {
        s_.gather_offsets[at][k].push_back(checked);
      } else {
        const Value stride = ops_.splat("i64", width, coef(g.stride));
        s_.gather_offsets[at][k].push_back(t_.def("mul {} {}, {}", vector_of("i64", width), checked, stride));
      }
    }
  }
  const Value before =
      level == 0 ? pointers_[static_cast<size_t>(access.buffer)] : s_.pointers[at][static_cast<size_t>(level) - 1];
  pointer = element(memory_type(k_.buffers[static_cast<size_t>(access.buffer)].dtype), before, offset);
}

// Clamps indices outside [0, extent) to 0 and reports one of them; of rounds of a loop, of the first.
Value Emitter::check_gather(int access, const Value& value, const Value& extent, int width, const Value& mask) {
  const std::string i64 = vector_of("i64", width);
  const std::string i1 = vector_of("i1", width);
  const Value inside = t_.def("icmp ult {} {}, {}", i64, value, extent);
  const Value clamped =
      t_.def("select {} {}, {} {}, {} {}", i1, inside, i64, value, i64, literal(DType::i64, 0, width));
  Value bad = t_.def("xor {} {}, {}", i1, inside, literal(DType::boolean, 1, width));
  if (!mask.empty()) bad = t_.def("and {} {}, {}", i1, bad, mask);
  Value lanes, any = bad;
  if (width > 1) {
    lanes = t_.def("bitcast {} {} to i{}", i1, bad, width);
    any = t_.def("icmp ne i{} {}, 0", width, lanes);
  }
  const Value report = t_.fresh("report"), next = t_.fresh("checked");
  t_.op("br i1 {}, label {}, label {}, !prof !1", any, report, next);
  t_.begin_block(report);
  Value culprit = value;
  if (width > 1) {
    const Value lane = t_.def("call i{0} @llvm.cttz.i{0}(i{0} {1}, i1 true)", width, lanes);
    culprit = t_.def("extractelement {} {}, i{} {}", i64, value, width, lane);
  }
  const Value known = t_.def("load i64, ptr %status"), place = t_.def("getelementptr i64, ptr %status, i64 1");
  const Value is_first = t_.def("icmp eq i64 {}, 0", known);
  t_.op("store i64 {}, ptr %status", t_.def("select i1 {}, i64 {}, i64 {}", is_first, access + 1, known));
  t_.op("store i64 {}, ptr {}",
        t_.def("select i1 {}, i64 {}, i64 {}", is_first, culprit, t_.def("load i64, ptr {}", place)), place);
  t_.jump(next);
  t_.begin_block(next);
  return clamped;
}

// Masked-off lanes point to where the first lane does, which exists: no gather then needs a mask.
Value Emitter::lane_pointers(int number, std::string_view type, int chunk, int level) {
  const auto at = static_cast<size_t>(number);
  const auto c = static_cast<size_t>(chunk);
  const std::string i64 = vector_of("i64", shape_.width);
  Value offset;
  const auto add = [&](const Value& more) {
    offset = offset.empty() ? more : t_.def("add {} {}, {}", i64, offset, more);
  };
  if (!s_.lane_offsets[at].empty()) add(s_.lane_offsets[at][c]);
  for (const std::vector<Value>& gathered : s_.gather_offsets[at])
    if (!gathered.empty()) add(gathered[c]);
  if (offset.empty())
    offset = "zeroinitializer";
  else if (!shape_.masks.empty())
    offset = t_.def("select {} {}, {} {}, {} zeroinitializer", vector_of("i1", shape_.width), shape_.masks[c], i64,
                    offset, i64);
  const Value& base = s_.pointers[at][static_cast<size_t>(level)];
  return t_.def("getelementptr {}, ptr {}, {} {}", type, base, i64, offset);
}

// Of one element; where several rows are walked side by side, that of row `chunk`.
Value Emitter::single_pointer(int number, std::string_view type, int chunk, int level) {
  const Value& pointer = s_.pointers[static_cast<size_t>(number)][static_cast<size_t>(level)];
  if (chunk == 0) return pointer;
  const Value step = is_scratch(number)
                         ? Value("1")
                         : coef(k_.accesses[static_cast<size_t>(number)].strides[static_cast<size_t>(k_.vector_axis)]);
  return element(type, pointer, times(step, fmt::format("{}", chunk)));
}

void Emitter::prefetch(const Value& place, int bytes) {
  if (!s_.prefetches) return;
  for (int at = 0; at < bytes; at += kLine)
    t_.op("call void @llvm.prefetch.p0(ptr {}, i32 0, i32 3, i32 1)",
          element("i8", place, fmt::format("{}", kPrefetchBytes + at)));
}

// A tile of columns is a short piece of every row, far from the next one: nobody else sees what will be read.
void Emitter::prefetch_rows(int number, DType dtype, int level) {
  const Access& access = k_.accesses[static_cast<size_t>(number)];
  const KernelBuffer& buffer = k_.buffers[static_cast<size_t>(access.buffer)];
  if (!buffer.streaming || !is_column_mode(k_) || level != s_.levels || level == 0) return;
  const Value ahead = times(coef(access.strides[static_cast<size_t>(k_.outer_rank + level - 1)]),
                            fmt::format("{}", std::min(kRowsAhead, kVectorsAhead / shape_.count)));
  const Value place =
      element(memory_type(dtype), s_.pointers[static_cast<size_t>(number)][static_cast<size_t>(level)], ahead);
  const int bytes = shape_.count * shape_.width * size_of(dtype);
  // Where pieces do not begin with a line, there is one more: that of the last byte.
  for (int at = 0; at < bytes + kLine; at += kLine)
    t_.op("call void @llvm.prefetch.p0(ptr {}, i32 0, i32 3, i32 1)",
          element("i8", place, fmt::format("{}", std::min(at, bytes - 1))));
}

std::vector<Value> Emitter::load(int number, DType dtype, int level) {
  const auto at = static_cast<size_t>(number);
  const Access& access = k_.accesses[at];
  if (s_.pointers[at][static_cast<size_t>(level)].empty()) step_pointer(number, level);
  const Value& pointer = s_.pointers[at][static_cast<size_t>(level)];
  const std::string_view scalar = memory_type(dtype);
  const int align = size_of(dtype);
  if (shape_.width == 1 || !varying_access(access)) {
    std::vector<Value> values;
    for (int chunk = 0; chunk < (varying_access(access) ? shape_.count : 1); ++chunk) {
      const Value place = single_pointer(number, scalar, chunk, level);
      values.push_back(ops_.from_memory(dtype, 1, t_.def("load {}, ptr {}, align {}", scalar, place, align)));
    }
    return values;
  }

  if (is_pair(number)) return load_pair(number, dtype, level);
  const int width = shape_.width;
  const std::string vector = vector_of(scalar, width);
  const std::string suffix = suffix_of(scalar, width);
  const bool reversed =
      !is_scratch(number) && vector_stride(access) == -1 && access.gathers.empty() && shape_.masks.empty();
  const bool masked = !shape_.masks.empty() && !(is_scratch(number) && is_column_mode(k_));
  std::vector<Value> values;
  if (is_contiguous(number) && !is_scratch(number)) prefetch_rows(number, dtype, level);
  for (int chunk = 0; chunk < shape_.count; ++chunk) {
    Value loaded;
    if (is_contiguous(number)) {
      const Value place = element(scalar, pointer, fmt::format("{}", chunk * width));
      if (!is_scratch(number)) prefetch(place, width * size_of(dtype));
      if (masked)
        loaded = t_.def("call {0} @llvm.masked.load.{1}.p0(ptr {2}, i32 {3}, <{4} x i1> {5}, {0} zeroinitializer)",
                        vector, suffix, place, align, width, shape_.masks[static_cast<size_t>(chunk)]);
      else
        loaded = t_.def("load {}, ptr {}, align {}", vector, place, align);
    } else if (is_every_second(number)) {
      loaded = load_every_second(dtype, pointer, chunk);
    } else if (reversed) {
      const Value place = element(scalar, pointer, fmt::format("{}", -chunk * width - width + 1));
      const Value forward = t_.def("load {}, ptr {}, align {}", vector, place, align);
      std::string order;
      for (int lane = width - 1; lane >= 0; --lane) order += fmt::format("i32 {}{}", lane, lane ? ", " : "");
      loaded = t_.def("shufflevector {0} {1}, {0} poison, <{2} x i32> <{3}>", vector, forward, width, order);
    } else {
      const Value places = lane_pointers(number, scalar, chunk, level);
      loaded = t_.def(
          "call {0} @llvm.masked.gather.{1}.v{4}p0(<{4} x ptr> {2}, i32 {3}, <{4} x i1> splat (i1 true), {0} poison)",
          vector, suffix, places, align, width);
    }
    values.push_back(ops_.from_memory(dtype, width, loaded));
  }
  return values;
}

void Emitter::store(const Store& store) {
  const DType dtype = s_.stage->body[static_cast<size_t>(store.value)].dtype;
  const Value pointer = s_.pointers[static_cast<size_t>(store.access)][static_cast<size_t>(s_.levels)];
  const std::string_view scalar = memory_type(dtype);
  const int size = size_of(dtype);
  const int width = shape_.width;
  const std::string vector = vector_of(scalar, width);
  const std::string suffix = suffix_of(scalar, width);
  const bool masked = !shape_.masks.empty() && !(is_scratch(store.access) && is_column_mode(k_));
  const bool streams = store.access == s_.streamed;
  for (int chunk = 0; chunk < shape_.count; ++chunk) {
    const Value value = ops_.to_memory(dtype, width, operand(store.value, chunk, true));
    const Value mask = masked ? shape_.masks[static_cast<size_t>(chunk)] : Value("splat (i1 true)");
    if (width == 1) {
      t_.op("store {} {}, ptr {}, align {}", scalar, value, single_pointer(store.access, scalar, chunk, s_.levels),
            size);
    } else if (!is_contiguous(store.access)) {
      const Value places = lane_pointers(store.access, scalar, chunk, s_.levels);
      t_.op("call void @llvm.masked.scatter.{0}.v{5}p0({1} {2}, <{5} x ptr> {3}, i32 {4}, <{5} x i1> {6})", suffix,
            vector, value, places, size, width, mask);
    } else {
      store_vector(value, element(scalar, pointer, fmt::format("{}", chunk * width)), masked ? mask : Value(), scalar,
                   size, width, streams);
    }
  }
}

// `mask`: empty when all lanes are real.
void Emitter::store_vector(const Value& value, const Value& place, const Value& mask, std::string_view scalar, int size,
                           int width, bool streams) {
  const std::string vector = vector_of(scalar, width);
  const auto plain = [&](std::string_view hint, int align) {
    t_.op("store {} {}, ptr {}, align {}{}", vector, value, place, align, hint);
  };
  const auto partial = [&] {
    t_.op("call void @llvm.masked.store.{0}.p0({1} {2}, ptr {3}, i32 {4}, <{5} x i1> {6})", suffix_of(scalar, width),
          vector, value, place, size, width, mask);
  };
  const int line = std::min(64, size * width);
  if (mask.empty()) {
    plain(streams ? ", !nontemporal !0" : "", streams ? line : size);
  } else if (streams && !shape_.full.empty()) {
    const Value whole = t_.fresh("whole"), part = t_.fresh("part"), stored = t_.fresh("stored");
    t_.branch(shape_.full, whole, part);
    t_.begin_block(part);
    partial();
    t_.jump(stored);
    t_.begin_block(whole);
    plain(", !nontemporal !0", line);
    t_.jump(stored);
    t_.begin_block(stored);
  } else {
    partial();
  }
}

void Emitter::stores() {
  const std::vector<Store>& all = s_.stage->stores;
  for (size_t k = 0; k < all.size(); ++k) {
    const bool pair = shape_.width > 1 && is_pair(all[k].access) && k + 1 < all.size() &&
                      all[k + 1].access == s_.partner[static_cast<size_t>(all[k].access)];
    if (pair) {
      store_pair(all[k], all[k + 1]);
      ++k;
    } else {
      store(all[k]);
    }
  }
}

}  // namespace tandem::llvm
