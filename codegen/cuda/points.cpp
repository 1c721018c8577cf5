// Loops over the inner points of an outer one.
#include <algorithm>

#include "codegen/cuda/emitter.h"

namespace tandem::cuda {

namespace {

constexpr int kLight = 12, kHeavy = 48;  // operations of a body
constexpr int kMostAhead = 16;           // points whose loads are under way at once

}  // namespace

void Emitter::outer_nodes() {
  nodes(false);
  for (size_t a = 0; a < s_.used_access.size(); ++a)
    if (s_.used_access[a]) pointer(static_cast<int>(a));
}

void Emitter::enter_point() {
  const size_t first = inner_begin(), rank = k_.axes.size();
  if (first == rank) return;
  if (rank - first == 1) {
    t_.line("const i64 i{} = {};", first, k_.split ? "low + r" : "r");
    return;
  }
  t_.line("i64 within = r;");
  for (size_t axis = rank; --axis > first;) t_.line("const i64 i{} = take(within, {});", axis, extent(axis));
  t_.line("const i64 i{} = within;", first);
}

int Emitter::unrolled() const {
  const int operations = weight(), loads = static_cast<int>(loads_ahead().size());
  const int count = operations < kLight ? kMostAhead : operations < kHeavy ? kMostAhead / 2 : kMostAhead / 8;
  return loads > 2 ? std::min(count, kMostAhead / 4) : loads > 1 ? std::min(count, kMostAhead / 2) : count;
}

// Where the elements of an access begin that were kept in shared memory, or, where they are not, in memory: as those of
// consecutive points lie side by side in both.
std::string Emitter::kept_or_not(int access) {
  const size_t axis = inner_begin();
  if (k_.split || k_.axes.size() != axis + 1 || !access_of(access).strides[axis].is(1)) return {};
  const std::string name = fmt::format("n{}", access);
  t_.line("const {}* const {} = keeps ? k{} : {};", memory_type(dtype_of(access)), name,
          kept_[static_cast<size_t>(access)], pointer(access));
  return name;
}

void Emitter::points(const std::string& start, const std::string& step, const std::string& end,
                     const std::function<void()>& each) {
  // Where the distance of points is known, so is that of their addresses; others are kept in registers.
  const bool steady = rule_.schedule == DeviceSchedule::rows && step != "team";
  const int count = std::min(unrolled(), steady ? kMostAhead : kMostAhead / 2);
  const std::vector<int> ahead = loads_ahead();
  std::vector<std::string> kept(k_.accesses.size());
  const auto keeps_now = [&](int access) { return keeper_[static_cast<size_t>(access)] == s_.number; };
  for (const int access : ahead)
    if (kept_[static_cast<size_t>(access)] >= 0 && !keeps_now(access))
      kept[static_cast<size_t>(access)] = kept_or_not(access);
  // Groups of points need no checks within, which take NVRTC longer than anything else does; smaller groups do the rest.
  t_.line("i64 from = {};", start);
  for (int group = count; group > 0; group = group == 1 ? 0 : std::max(group / 4, 1)) {
    t_.open("for (; from + {} * {} < {}; from += {} * {})", group - 1, step, end, group, step);
    for (const int access : ahead) t_.line("{} l{}[{}];", memory_type(dtype_of(access)), access, group);
    const auto round = [&](const std::function<void()>& inside) {
      t_.raw("#pragma unroll");
      t_.open("for (int u = 0; u < {}; ++u)", group);
      t_.line("const i64 r = from + u * {};", step);
      enter_point();
      inside();
      t_.close();
    };
    if (!ahead.empty())
      round([&] {
        for (const int access : ahead) {
          const int first = kept_[static_cast<size_t>(access)];
          const std::string& name = kept[static_cast<size_t>(access)];
          if (first < 0 || keeps_now(access))
            t_.line("l{}[u] = {};", access, place(access));
          else if (!name.empty())
            t_.line("l{}[u] = {}[r];", access, name);
          else
            t_.line("l{}[u] = keeps ? k{}[r] : {};", access, first, place(access));
        }
      });
    for (const int access : ahead) s_.reach[static_cast<size_t>(access)] = Reach::ahead;
    // What is read ahead is not what the stage itself stores there.
    round([&] {
      for (const int access : ahead)
        if (kept_[static_cast<size_t>(access)] >= 0 && keeps_now(access))
          t_.line("if (keeps) k{}[r] = l{}[u];", kept_[static_cast<size_t>(access)], access);
      nodes(true);
      stores();
      each();
    });
    for (const int access : ahead) s_.reach[static_cast<size_t>(access)] = Reach::element;
    t_.close();
  }
}

void Emitter::team_stage(const std::string& chosen) {
  const Stage& stage = *s_.stage;
  const bool columns = rule_.schedule == DeviceSchedule::columns;
  if (!stage.inner) {
    t_.open("if ({})", chosen);
    outer_nodes();
    stores();
    t_.close();
    return;
  }
  // Nothing may be loaded for an outer point without inner ones.
  t_.open("if (total > 0)");
  outer_nodes();
  if (!stage.reductions.empty())
    columns ? columns_reduce() : rows_reduce();
  else if (columns)
    points("y", fmt::format("{}", kColumnDepth), "own", [] {});
  else
    points("tid", "team", "own", [] {});
  t_.close();
}

void Emitter::walk_stage() {
  const Stage& stage = *s_.stage;
  if (!stage.inner) {
    outer_nodes();
    stores();
    return;
  }
  const std::vector<Part> list = parts();
  const std::string lanes = fmt::format("[{}]", k_.order.lanes);
  t_.open("if (total > 0)");
  outer_nodes();
  for (const Part& part : list) {
    declare(part, {fmt::format("a{}", part.result), lanes});
    declare(part, {fmt::format("kept{}", part.result), "[48]"});
  }
  if (!list.empty()) {
    t_.line("int top = 0;");
    t_.line("i64 filled = 0, blocks = 0;");
    t_.open("for (int j = 0; j < {}; ++j)", k_.order.lanes);
    for (const Part& part : list) reset(part, {fmt::format("a{}", part.result), "[j]"});
    t_.close();
  }
  t_.line("i64 r = 0;");
  const size_t first = inner_begin(), rank = k_.axes.size();
  for (size_t axis = first; axis < rank; ++axis)
    t_.open("for (i64 i{0} = {1}; i{0} < {2}; ++i{0})", axis, k_.split ? "low" : "0",
            k_.split ? std::string("low + total") : extent(axis));
  if (first == rank) t_.open("");
  nodes(true);
  stores();
  for (const Part& part : list)
    contribute(part, {fmt::format("a{}", part.result), fmt::format("[filled & {}]", k_.order.lanes - 1)});
  // All values of a point follow from those of the one before.
  const size_t carries = s_.first_result + stage.reductions.size();
  for (size_t k = 0; k < stage.scans.size(); ++k)
    t_.line("const {} next{} = {};", register_type(stage.scans[k].dtype), k, operand(stage.scans[k].next));
  for (size_t k = 0; k < stage.scans.size(); ++k) t_.line("r{} = next{};", carries + k, k);
  t_.line("++r;");
  if (!list.empty()) {
    t_.open("if (++filled == {})", k_.order.block);
    walk_flush(list);
    t_.close();
  }
  if (first == rank) t_.close();
  for (size_t axis = first; axis < rank; ++axis) t_.close();
  if (!list.empty()) {
    t_.open("if (filled > 0)");
    walk_flush(list);
    t_.close();
    pop_all(list);
    for (const Part& part : list) set_result(part, {fmt::format("kept{}", part.result), "[0]"});
  }
  t_.close();
}

}  // namespace tandem::cuda
