#include "runtime/tiled_rows.h"

#include <algorithm>
#include <cstdlib>

namespace tandem {

namespace {

int64_t divide_down(int64_t a, int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

struct Interval {
  int64_t begin, end;
};

class RowRounds {
 public:
  RowRounds(const Loop& loop, const std::function<int64_t(DimRef)>& dim)
      : loop_(loop), tiling_(*loop.tiling), dim_(dim) {}

  std::optional<TiledRows> run() {
    for (const TimeTiling::Touches& launch : tiling_.launches)
      for (const View& view : launch.writes) {
        int64_t& step = steps_[array_of(view.slot)];
        step = std::max(step, dim_(view.strides[0]));
      }
    for (size_t k = 0; k < tiling_.arrays.size(); ++k) {
      if (steps_[k] <= 0) return std::nullopt;
      found_.elements.emplace_back(tiling_.arrays[k].old, steps_[k]);
    }
    // Where nothing is read of what the round makes, what is copied is the same in all rounds.
    bool stays = true;
    for (const TimeTiling::Touches& launch : tiling_.launches)
      stays = stays && std::ranges::all_of(launch.reads, [&](const View& view) { return is_old(view.slot); });
    const auto away = [](const TiledPart& each) { return each.behind_new > 0; };
    size_t launches = 0;
    for (size_t step = 0; step < static_cast<size_t>(tiling_.others); ++step) {
      std::optional<TiledPart> part;
      if (const auto* launch = std::get_if<Launch>(&loop_.body[step].op)) {
        part = part_of(*launch, tiling_.launches[launches++]);
      } else if (const auto* copy = std::get_if<Copy>(&loop_.body[step].op); copy && is_old(copy->from.slot)) {
        if (stays) {
          found_.once.push_back(step);
          continue;
        }
        part = part_of(*copy);
      } else {
        continue;
      }
      if (!part) return std::nullopt;
      part->step = step;
      found_.tiles.rows = std::max(found_.tiles.rows, part->first + part->rows);
      if (found_.stages.empty() || away(*part) || std::ranges::any_of(found_.stages.back(), away))
        found_.stages.emplace_back();
      found_.stages.back().push_back(*part);
    }
    // Neighbouring threads begin at the same time with the first stage.
    if (!found_.stages.empty() && std::ranges::any_of(found_.stages[0], away))
      found_.stages.emplace(found_.stages.begin());
    found_.tiles.row_cost /= static_cast<double>(std::max<int64_t>(found_.tiles.rows, 1));
    return std::move(found_);
  }

 private:
  size_t array_of(int slot) const {
    const auto found = std::ranges::find_if(tiling_.arrays, [slot](const TimeTiling::Array& array) {
      return slot == array.old || slot == array.made || std::ranges::count(array.names, slot) > 0;
    });
    return static_cast<size_t>(found - tiling_.arrays.begin());
  }
  bool is_old(int slot) const { return slot == tiling_.arrays[array_of(slot)].old; }

  // Of the elements of a view from its axis `from` on.
  Interval interval(const View& view, size_t from) const {
    Interval all{dim_(view.offset), dim_(view.offset) + 1};
    for (size_t k = from; k < view.shape.size(); ++k) {
      const int64_t reach = (dim_(view.shape[k]) - 1) * dim_(view.strides[k]);
      (reach < 0 ? all.begin : all.end) += reach;
    }
    return all;
  }
  // The rows [first, last] that these are in, the first one of them if the view goes by rows.
  Interval rows(const View& view, bool by_rows) const {
    const int64_t step = steps_[array_of(view.slot)];
    const Interval elements = interval(view, by_rows ? 1 : 0);
    return {divide_down(elements.begin, step), divide_down(elements.end - 1, step)};
  }
  bool goes_by_rows(const View& view) const { return dim_(view.strides[0]) == steps_[array_of(view.slot)]; }

  // All views are written in the same rows, one behind the other, or all of them in one row.
  std::optional<TiledPart> written(const std::vector<const View*>& views) const {
    TiledPart part{0, 0, 1, true, 0};
    for (const View* view : views) part.by_rows = part.by_rows && goes_by_rows(*view);
    for (const View* view : views) {
      const auto [first, last] = rows(*view, part.by_rows);
      if (first != last || first < 0 || (view != views[0] && first != part.first)) return std::nullopt;
      part.first = first;
      if (part.by_rows) part.rows = dim_(view->shape[0]);
    }
    return part.rows > 0 ? std::optional(part) : std::nullopt;
  }

  std::optional<TiledPart> part_of(const Copy& copy) const { return written({&copy.to}); }

  std::optional<TiledPart> part_of(const Launch& launch, const TimeTiling::Touches& touches) {
    std::vector<const View*> writes;
    writes.reserve(touches.writes.size());
    for (const View& view : touches.writes) writes.push_back(&view);
    std::optional<TiledPart> part = written(writes);
    const int64_t range = dim_(launch.range);
    if (!part || range % part->rows != 0) return std::nullopt;
    for (const View& view : touches.reads) {
      if (part->by_rows && !goes_by_rows(view)) return std::nullopt;
      const auto [first, last] = rows(view, part->by_rows);
      const int64_t away = std::max(std::abs(first - part->first), std::abs(last - part->first));
      found_.tiles.behind = std::max(found_.tiles.behind, away);
      if (!is_old(view.slot)) part->behind_new = std::max(part->behind_new, away);
    }
    found_.tiles.row_cost += launch.cost * static_cast<double>(range);
    return part;
  }

  const Loop& loop_;
  const TimeTiling& tiling_;
  const std::function<int64_t(DimRef)>& dim_;
  std::vector<int64_t> steps_ = std::vector<int64_t>(tiling_.arrays.size());  // elements from row to row, by array
  TiledRows found_{{0, 0, 0, 0}, {}, {}, {}};
};

}  // namespace

int64_t TiledRows::row_elements(const TimeTiling::Array& array) const {
  return std::ranges::find(elements, array.old, [](const auto& pair) { return pair.first; })->second;
}

std::optional<TiledRows> rows_of(const Loop& loop, const std::function<int64_t(DimRef)>& dim) {
  return RowRounds(loop, dim).run();
}

}  // namespace tandem
