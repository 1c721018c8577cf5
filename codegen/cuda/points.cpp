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
  const int operations = weight();
  return operations < kLight ? kMostAhead : operations < kHeavy ? kMostAhead / 2 : kMostAhead / 8;
}

void Emitter::points(const std::string& start, const std::string& step, const std::string& end,
                     const std::function<void()>& each) {
  const int count = unrolled();
  const std::vector<int> ahead = loads_ahead();
  t_.open("for (i64 from = {}; from < {}; from += {} * {})", start, end, count, step);
  for (const int access : ahead) t_.line("{} l{}[{}];", memory_type(dtype_of(access)), access, count);
  const auto round = [&](const std::function<void()>& inside) {
    t_.raw("#pragma unroll");
    t_.open("for (int u = 0; u < {}; ++u)", count);
    t_.line("const i64 r = from + u * {};", step);
    t_.line("if (r >= {}) continue;", end);
    enter_point();
    inside();
    t_.close();
  };
  if (!ahead.empty())
    round([&] {
      for (const int access : ahead) {
        const int kept = kept_[static_cast<size_t>(access)];
        if (kept < 0 || keeper_[static_cast<size_t>(access)] == s_.number)
          t_.line("l{}[u] = {};", access, place(access));
        else
          t_.line("l{}[u] = keeps ? k{}[r] : {};", access, kept, place(access));
      }
    });
  for (const int access : ahead) s_.reach[static_cast<size_t>(access)] = Reach::ahead;
  // What is read ahead is not what the stage itself stores there.
  round([&] {
    for (const int access : ahead)
      if (kept_[static_cast<size_t>(access)] >= 0 && keeper_[static_cast<size_t>(access)] == s_.number)
        t_.line("if (keeps) k{}[r] = l{}[u];", kept_[static_cast<size_t>(access)], access);
    nodes(true);
    stores();
    each();
  });
  for (const int access : ahead) s_.reach[static_cast<size_t>(access)] = Reach::element;
  t_.close();
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
