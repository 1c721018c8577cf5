// The order of reductions (ir/kernel.h), which is part of their meaning. A lane of a warp is a lane of the order; in
// columns, so is a row of threads. Block partials are combined pairwise with a binary counter.
#include "codegen/cuda/emitter.h"

namespace tandem::cuda {

namespace {

constexpr int kGroup = 64;   // values that are combined as a tree before others get the result: two for every lane
constexpr int kLevels = 48;  // of the counter
constexpr std::string_view kNoIndex = "0x7fffffffffffffffll";

Place numbered(std::string_view stem, const Part& part, std::string at = {}) {
  return {fmt::format("{}{}", stem, part.result), std::move(at)};
}

}  // namespace

std::vector<Part> Emitter::parts() const {
  std::vector<Part> out;
  const Stage& stage = *s_.stage;
  for (size_t k = 0; k < stage.reductions.size(); ++k) {
    const Reduction& r = stage.reductions[k];
    out.push_back({s_.first_result + k, r.kind, stage.body[static_cast<size_t>(r.value)].dtype, r.value});
  }
  return out;
}

void Emitter::declare(const Part& part, const Place& place, std::string_view prefix) {
  t_.line("{}{} {};", prefix, register_type(part.dtype), place.value());
  if (part.is_index()) t_.line("{}i64 {};", prefix, place.index());
}

void Emitter::reset(const Part& part, const Place& place) {
  t_.line("{} = {};", place.value(), identity(part.kind, part.dtype));
  if (part.is_index()) t_.line("{} = {};", place.index(), kNoIndex);
}

void Emitter::assign(const Part& part, const Place& to, const Place& from) {
  t_.line("{} = {};", to.value(), from.value());
  if (part.is_index()) t_.line("{} = {};", to.index(), from.index());
}

void Emitter::combine(const Part& part, const Place& earlier, const Place& later) {
  if (!part.is_index()) {
    t_.line("{} = {};", earlier.value(), combination(part.kind, part.dtype, earlier.value(), later.value()));
    return;
  }
  // Of equal ones the first in the order of indices wins, whatever the order in which they meet.
  const std::string_view beats = part.kind == ReduceKind::argmax ? "beats_max" : "beats_min";
  t_.open("if ({0}({2}, {1}) || (!{0}({1}, {2}) && {4} < {3}))", beats, earlier.value(), later.value(), earlier.index(),
          later.index());
  assign(part, earlier, later);
  t_.close();
}

void Emitter::contribute(const Part& part, const Place& place) {
  if (!part.is_index()) {
    t_.line("{} = {};", place.value(), combination(part.kind, part.dtype, place.value(), operand(part.value)));
    return;
  }
  const std::string_view beats = part.kind == ReduceKind::argmax ? "beats_max" : "beats_min";
  const std::string index = k_.split ? "low + r" : "r";
  t_.open("if ({0}({2}, {1}) || (!{0}({1}, {2}) && {4} < {3}))", beats, place.value(), operand(part.value),
          place.index(), index);
  t_.line("{} = {};", place.value(), operand(part.value));
  t_.line("{} = {};", place.index(), index);
  t_.close();
}

// The value that another lane of the warp has.
void Emitter::fetch(const Part& part, const Place& to, const Place& from, const std::string& lane) {
  t_.line("const {} {} = from_lane({}, {}, width);", register_type(part.dtype), to.value(), from.value(), lane);
  if (part.is_index()) t_.line("const i64 {} = from_lane({}, {}, width);", to.index(), from.index(), lane);
}

void Emitter::set_result(const Part& part, const Place& place) {
  if (part.is_index())
    t_.line("r{0} = {1} == {2} ? 0 : {1};", part.result, place.index(), kNoIndex);
  else
    t_.line("r{} = {};", part.result, place.value());
}

// Partial number `number`, in accumulators "a", joins those that wait.
void Emitter::push(const std::vector<Part>& list, const std::string& number) {
  t_.open("for (i64 count = {}; (count & 1) != 0; count >>= 1)", number);
  t_.line("--top;");
  for (const Part& part : list) {
    combine(part, numbered("kept", part, "[top]"),
            numbered("a", part, rule_.schedule == DeviceSchedule::walk ? "[0]" : ""));
    assign(part, numbered("a", part, rule_.schedule == DeviceSchedule::walk ? "[0]" : ""),
           numbered("kept", part, "[top]"));
  }
  t_.close();
  for (const Part& part : list)
    assign(part, numbered("kept", part, "[top]"),
           numbered("a", part, rule_.schedule == DeviceSchedule::walk ? "[0]" : ""));
  t_.line("++top;");
}

// What waits becomes one value, the only one left.
void Emitter::pop_all(const std::vector<Part>& list) {
  t_.open("for (; top > 1; --top)");
  for (const Part& part : list) combine(part, numbered("kept", part, "[top - 2]"), numbered("kept", part, "[top - 1]"));
  t_.close();
}

void Emitter::declare_shared() {
  const bool rows = rule_.schedule == DeviceSchedule::rows;
  size_t first = 0;
  bool any = false, indices = false;
  for (const Stage& stage : k_.stages) {
    s_.stage = &stage;
    s_.first_result = first;
    for (const Part& part : parts()) {
      any = true;
      indices |= part.is_index();
      if (!rows) continue;
      declare(part, numbered("shared", part, fmt::format("[{}]", kGroup)), "__shared__ ");
      if (!one_block()) declare(part, numbered("kept", part, fmt::format("[{}]", kLevels)), "__shared__ ");
    }
    first += stage.reductions.size() + stage.scans.size();
  }
  // Columns have one after the other there.
  if (!rows && any) t_.line("__shared__ u64 shared_lanes[{}];", kColumnDepth * kTile);
  if (!rows && indices) t_.line("__shared__ u64 shared_indices[{}];", kColumnDepth * kTile);
}

// ---- rows ----

// The block of inner points [from, to): in lane 0 afterwards.
void Emitter::rows_block(const std::vector<Part>& list, const std::string& from, const std::string& to) {
  for (const Part& part : list) reset(part, numbered("a", part));
  points(fmt::format("{} + lane", from), "32", to, [&] {
    for (const Part& part : list) contribute(part, numbered("a", part));
  });
  t_.raw("#pragma unroll");
  t_.open("for (int half = 16; half > 0; half >>= 1)");
  t_.line("if (half >= width) continue;");
  for (const Part& part : list) {
    fetch(part, numbered("w", part), numbered("a", part), "lane + half");
    combine(part, numbered("a", part), numbered("w", part));
  }
  t_.close();
}

// `count` values, two for every lane, become one, in lane 0; an odd last one passes up unchanged. `get` puts value number
// `at` into accumulators of that stem.
void Emitter::rows_pairwise(const std::vector<Part>& list, const std::string& count, const GetValue& get) {
  t_.open("if (left < {})", count);
  get("left", "a");
  t_.close();
  t_.open("if (right < {})", count);
  for (const Part& part : list) declare(part, numbered("w", part));
  get("right", "w");
  for (const Part& part : list) combine(part, numbered("a", part), numbered("w", part));
  t_.close();
  t_.open("for (int rest = ({} + 1) / 2; rest > 1; rest = (rest + 1) / 2)", count);
  for (const Part& part : list) {
    fetch(part, numbered("w", part), numbered("a", part), "left & 31");
    fetch(part, numbered("x", part), numbered("a", part), "right & 31");
    assign(part, numbered("a", part), numbered("w", part));
    t_.open("if (right < rest)");
    combine(part, numbered("a", part), numbered("x", part));
    t_.close();
  }
  t_.close();
}

// The groups of a tree that a warp has, each in `shared` afterwards. Points of some groups are read at once.
void Emitter::rows_groups(const std::vector<Part>& list) {
  const int together = std::max(1, unrolled() / 4);
  t_.open("for (int b = warp; b < count; b += {} * warps)", together);
  for (const Part& part : list) declare(part, numbered("y", part, fmt::format("[{}]", 2 * together)));
  t_.raw("#pragma unroll");
  t_.open("for (int u = 0; u < {}; ++u)", 2 * together);
  t_.line("const i64 r = (first + b + u / 2 * warps) * {} + 2 * lane + u % 2;", kGroup);
  t_.line("if (b + u / 2 * warps >= count || r >= total) continue;");
  enter_point();
  nodes(true);
  stores();
  for (const Part& part : list) {
    reset(part, numbered("y", part, "[u]"));
    contribute(part, numbered("y", part, "[u]"));
  }
  t_.close();
  t_.raw("#pragma unroll");
  t_.open("for (int u = 0; u < {}; ++u)", together);
  t_.line("const int group = b + u * warps;");
  t_.line("if (group >= count) break;");
  t_.line("const int own = (int)smaller({0}, total - (first + group) * {0});", kGroup);
  rows_pairwise(list, "own", [&](const char* at, const char* stem) {
    const std::string from = at == std::string_view("left") ? "[2 * u]" : "[2 * u + 1]";
    for (const Part& part : list) assign(part, numbered(stem, part), numbered("y", part, from));
  });
  publish(list, "[group]");
  t_.close();
  t_.close();
}

// In lane 0.
void Emitter::publish(const std::vector<Part>& list, const char* at) {
  t_.open("if (lane == 0)");
  for (const Part& part : list) assign(part, numbered("shared", part, at), numbered("a", part));
  t_.close();
}

void Emitter::rows_reduce() {
  const std::vector<Part> list = parts();
  for (const Part& part : list) declare(part, numbered("a", part));
  const auto from_shared = [&] {
    t_.line("__syncthreads();");
    for (const Part& part : list) set_result(part, numbered("shared", part, "[0]"));
    t_.line("__syncthreads();");
  };
  const auto from_first_lane = [&] {
    for (const Part& part : list) {
      fetch(part, numbered("w", part), numbered("a", part), "0");
      set_result(part, numbered("w", part));
    }
  };
  if (one_block()) {
    t_.open("if (warp == 0)");
    rows_block(list, "0", "own");
    t_.close();
    t_.open("if (team <= 32)");
    from_first_lane();
    t_.other();
    t_.open("if (tid == 0)");
    for (const Part& part : list) assign(part, numbered("shared", part, "[0]"), numbered("a", part));
    t_.close();
    from_shared();
    t_.close();
    return;
  }
  // The partials of so many points each become one, some at a time. A warp, or a part of one, has a single block.
  const bool tree = k_.order == kTreeOrder;
  const int points = tree ? kGroup : static_cast<int>(k_.order.block);
  const auto for_warps = [&](const auto& inside) {
    if (!tree) t_.open("if (team > 32)");
    inside();
    if (!tree) t_.close();
  };
  t_.line("const int left = 2 * lane, right = left + 1;");
  t_.line("const i64 blocks = (total + {}) / {};", points - 1, points);
  t_.line("int top = 0;");
  t_.open("for (i64 first = 0; first < blocks; first += {})", kGroup);
  t_.line("const int count = (int)smaller({}, blocks - first);", kGroup);
  if (tree) {
    rows_groups(list);
  } else {
    t_.open("for (int b = warp; b < count; b += (team + 31) >> 5)");
    t_.line("const i64 begin = (first + b) * {0}, end = smaller(own, begin + {0});", points);
    rows_block(list, "begin", "end");
    for_warps([&] { publish(list, "[b]"); });
    t_.close();
  }
  for_warps([&] {
    t_.line("__syncthreads();");
    t_.open("if (warp == 0)");
    rows_pairwise(list, "count", [&](const char* at, const char* stem) {
      for (const Part& part : list)
        assign(part, numbered(stem, part), numbered("shared", part, fmt::format("[{}]", at)));
    });
    t_.open("if (lane == 0)");
    push(list, fmt::format("first / {}", kGroup));
    t_.open("if (first + count == blocks)");
    pop_all(list);
    for (const Part& part : list) assign(part, numbered("shared", part, "[0]"), numbered("kept", part, "[0]"));
    t_.close();
    t_.close();
    t_.close();
    t_.line("__syncthreads();");
  });
  t_.close();
  for_warps([&] {
    for (const Part& part : list) set_result(part, numbered("shared", part, "[0]"));
    if (!tree) t_.other(), from_first_lane();
  });
}

// ---- columns ----

void Emitter::columns_reduce() {
  const std::vector<Part> list = parts();
  const bool one = one_block();
  for (const Part& part : list) {
    declare(part, numbered("a", part));
    if (!one) declare(part, numbered("kept", part, fmt::format("[{}]", kLevels)));
  }
  if (one) {
    t_.line("const i64 begin = 0, end = own;");
  } else {
    t_.line("int top = 0;");
    t_.open("for (i64 block = 0, begin = 0; begin < total; ++block, begin += {})", k_.order.block);
    t_.line("const i64 end = smaller(own, begin + {});", k_.order.block);
  }
  for (const Part& part : list) reset(part, numbered("a", part));
  points("begin + y", fmt::format("{}", kColumnDepth), "end", [&] {
    for (const Part& part : list) contribute(part, numbered("a", part));
  });
  for (const Part& part : list) {
    // The lanes of a column, one after another in shared memory, become those of a tree.
    t_.open("");
    t_.line("{0}(*const lanes)[{1}] = ({0}(*)[{1}])shared_lanes;", register_type(part.dtype), kTile);
    if (part.is_index()) t_.line("i64(*const lanesi)[{0}] = (i64(*)[{0}])shared_indices;", kTile);
    assign(part, {"lanes", "[y][x]"}, numbered("a", part));
    t_.raw("#pragma unroll");
    t_.open("for (int half = {}; half > 0; half >>= 1)", kColumnDepth / 2);
    t_.line("__syncthreads();");
    t_.open("if (y < half)");
    combine(part, {"lanes", "[y][x]"}, {"lanes", "[y + half][x]"});
    t_.close();
    t_.close();
    t_.line("__syncthreads();");
    assign(part, numbered("a", part), {"lanes", "[0][x]"});
    t_.line("__syncthreads();");
    t_.close();
  }
  if (!one) {
    // Every thread of a column counts along.
    push(list, "block");
    t_.close();
    pop_all(list);
  }
  for (const Part& part : list) set_result(part, one ? numbered("a", part) : numbered("kept", part, "[0]"));
}

// ---- walk ----

// The lanes become a partial, and start anew.
void Emitter::walk_flush(const std::vector<Part>& list) {
  t_.open("for (int half = {}; half > 0; half >>= 1)", k_.order.lanes / 2);
  t_.open("for (int j = 0; j < half; ++j)");
  for (const Part& part : list) combine(part, numbered("a", part, "[j]"), numbered("a", part, "[j + half]"));
  t_.close();
  t_.close();
  push(list, "blocks");
  t_.line("++blocks;");
  t_.line("filled = 0;");
  t_.open("for (int j = 0; j < {}; ++j)", k_.order.lanes);
  for (const Part& part : list) reset(part, numbered("a", part, "[j]"));
  t_.close();
}

}  // namespace tandem::cuda
