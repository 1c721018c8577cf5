// Tensors that are one on some paths only.
//
//     if c:            y is a new tensor where c holds, and x itself where it does not;
//         y = x * 2    `y += 1` then changes x, too, on that path.
//     else:
//         y = x
//
// In the graph the two are values, so a write to one also gives the other a new value: where(c, old, new). For the results
// of loops there is no such condition; after a write to one of the two the other must not be read.
#include <algorithm>

#include "frontend/recorder.h"

namespace tandem {

bool Recorder::is_open(int frame) const {
  return std::any_of(frames_.begin(), frames_.end(), [frame](const Frame& open) { return open.id == frame; });
}

void Recorder::link(const std::shared_ptr<Cell>& cell, MaybeView maybe) {
  maybe.base->shadows.push_back(cell);
  cell->maybe.push_back(std::move(maybe));
}

// Results of a region that has been closed may be one tensor, made in it, or views of one.
void Recorder::note_same(std::span<const TensorRef> results, std::span<const TensorRef> sources,
                         const TensorRef& predicate, bool when) {
  const auto is_tensor = [](const TensorRef& t) { return t->recorded && !t->recorded->weak; };
  for (size_t i = 0; i < sources.size(); ++i)
    for (size_t j = 0; j < i; ++j) {
      if (!is_tensor(sources[i]) || !is_tensor(sources[j]) || !is_tensor(results[i]) || !is_tensor(results[j]))
        continue;
      if (sources[i]->recorded->cell != sources[j]->recorded->cell || is_open(sources[i]->recorded->cell->home))
        continue;
      size_t base = i, part = j;
      if (sources[base]->recorded->views.size() > sources[part]->recorded->views.size()) std::swap(base, part);
      const auto &whole = sources[base]->recorded->views, &views = sources[part]->recorded->views;
      const std::vector<ViewStep> rest(views.begin() + static_cast<std::ptrdiff_t>(whole.size()), views.end());
      const bool inside = std::equal(whole.begin(), whole.end(), views.begin()) &&
                          std::all_of(rest.begin(), rest.end(), [](const ViewStep& v) { return v.index == nullptr; });
      // Two parts, of which neither contains the other: nobody can say what a write to one does to the other.
      link(results[part]->recorded->cell, {results[base]->recorded->cell, rest, inside ? predicate : nullptr, when});
    }
}

// `result` of a region that has been closed may be `source`, if that is a tensor from outside.
void Recorder::note_alias(const TensorRef& result, const TensorRef& source, const TensorRef& predicate, bool when) {
  const auto add = [&](MaybeView maybe) { link(result->recorded->cell, std::move(maybe)); };
  if (!source->recorded || source->recorded->weak || result->recorded->weak) return;
  const Recorded& r = *source->recorded;
  if (is_open(r.cell->home)) {
    const bool indexed =
        std::any_of(r.views.begin(), r.views.end(), [](const ViewStep& v) { return v.index != nullptr; });
    add({r.cell, r.views, indexed ? nullptr : predicate, when});
    return;
  }
  for (const MaybeView& further : r.cell->maybe)
    if (is_open(further.base->home)) add({further.base, further.views, nullptr, true});
}

// What `cell` shows after a write depends on the path, and so does what it may be a view of, and what may be one of it.
void Recorder::lose(const std::shared_ptr<Cell>& cell, std::vector<const Cell*>& done) const {
  if (std::find(done.begin(), done.end(), cell.get()) != done.end()) return;
  done.push_back(cell.get());
  if (cell->argument >= 0)
    throw_error(ErrorKind::capture,
                "assignment: got a write into a tensor that is an argument on some paths only; need one that is the "
                "argument on every path, or on none; try 'x = x + ...' instead of 'x += ...'");
  cell->uncertain = locate ? locate() : SourceLoc{};
  for (const MaybeView& link : cell->maybe) lose(link.base, done);
  for (const auto& weak : cell->shadows)
    if (const std::shared_ptr<Cell> shadow = weak.lock()) lose(shadow, done);
}

// After a write to `cell`, which took place where `condition` says: what else may have changed.
void Recorder::write_aliases(const std::shared_ptr<Cell>& cell, const PathCondition& condition,
                             std::vector<const Cell*>& done) {
  done.push_back(cell.get());
  const auto visited = [&](const Cell* other) { return std::find(done.begin(), done.end(), other) != done.end(); };
  // What is the other tensor only where nothing was written to this one.
  const auto excluded = [&](const MaybeView& link) {
    return link.predicate && link.predicate == condition.predicate && link.when != condition.when;
  };
  const size_t level = frames_.size() - 1;
  const auto choose = [&](const MaybeView& link, const std::shared_ptr<Cell>& target, ValueId changed) {
    const ValueId flag = read(link.predicate), old = read(target, level);
    write(target,
          link.when ? emit(op("where"), {flag, changed, old}, {}) : emit(op("where"), {flag, old, changed}, {}));
  };
  // On several paths it may be several views of one tensor.
  std::vector<std::pair<std::shared_ptr<Cell>, PathCondition>> changed;
  const auto note = [&](const std::shared_ptr<Cell>& other, const MaybeView& link) {
    for (auto& [known, where] : changed)
      if (known == other) {
        where = {};
        return;
      }
    changed.emplace_back(other, PathCondition{link.predicate, link.when});
  };
  const std::vector<MaybeView> bases = cell->maybe;
  for (const MaybeView& link : bases) {
    if (visited(link.base.get()) || excluded(link)) continue;
    if (!link.predicate || !is_open(link.base->home)) {
      lose(link.base, done);
      continue;
    }
    if (!link.base->writable)
      throw_error(ErrorKind::capture,
                  "assignment: got a write into a tensor that is a read-only argument on some paths; need a writable "
                  "one on every path; try 'x = x + ...' instead of 'x += ...', or passing a copy");
    choose(link, link.base, updated(read(link.base, level), link.views, 0, read(cell, level)));
    note(link.base, link);
  }
  const std::vector<std::weak_ptr<Cell>> shadows = cell->shadows;
  std::vector<const Cell*> seen;
  for (const auto& weak : shadows) {
    const std::shared_ptr<Cell> shadow = weak.lock();
    if (!shadow || visited(shadow.get()) || !is_open(shadow->home) ||
        std::any_of(changed.begin(), changed.end(), [&](const auto& other) { return other.first == shadow; }) ||
        std::find(seen.begin(), seen.end(), shadow.get()) != seen.end())
      continue;
    seen.push_back(shadow.get());
    const auto links = shadow->maybe;
    for (const MaybeView& link : links) {
      if (link.base != cell || excluded(link)) continue;
      if (!link.predicate) {
        lose(shadow, done);
        continue;
      }
      choose(link, shadow, apply_views(read(cell, level), link.views, link.views.size()));
      note(shadow, link);
    }
  }
  for (const auto& [other, where] : changed)
    if (!visited(other.get())) write_aliases(other, where, done);
}

}  // namespace tandem
