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

namespace {

// Where `predicate` is `when`, if there is one.
MaybeView maybe_view(std::shared_ptr<Cell> base, std::vector<ViewStep> views, const TensorRef& predicate, bool when) {
  MaybeView made{std::move(base), std::move(views), predicate != nullptr, {}};
  if (predicate) made.where.push_back({predicate, when});
  return made;
}

}  // namespace

bool Recorder::is_open(int frame) const {
  return std::any_of(frames_.begin(), frames_.end(), [frame](const Frame& open) { return open.id == frame; });
}

// What the base may be a view of, `cell` may be a view of, too; those come after it, because they say more.
void Recorder::link(const std::shared_ptr<Cell>& cell, const MaybeView& maybe) {
  constexpr size_t kMostLinks = 32;  // of n choices there may be 2^n ways to one tensor
  const auto add = [&](MaybeView each) {
    each.known = each.known && cell->maybe.size() < kMostLinks;
    const bool said = std::any_of(cell->maybe.begin(), cell->maybe.end(), [&](const MaybeView& other) {
      return other.base == each.base &&
             (!other.known || (each.known && other.views == each.views && other.where == each.where));
    });
    if (said) return;
    each.base->shadows.push_back(cell);
    cell->maybe.push_back(std::move(each));
  };
  add(maybe);
  const std::vector<MaybeView> further = maybe.base->maybe;
  for (MaybeView each : further) {
    const bool never = std::any_of(maybe.where.begin(), maybe.where.end(), [&](const PathCondition& path) {
      return std::find(each.where.begin(), each.where.end(), PathCondition{path.predicate, !path.when}) !=
             each.where.end();
    });
    if (never) continue;
    each.known = each.known && maybe.known;
    each.views.insert(each.views.end(), maybe.views.begin(), maybe.views.end());
    for (const PathCondition& path : maybe.where)
      if (std::find(each.where.begin(), each.where.end(), path) == each.where.end()) each.where.push_back(path);
    add(std::move(each));
  }
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
      link(results[part]->recorded->cell,
           maybe_view(results[base]->recorded->cell, rest, inside ? predicate : nullptr, when));
    }
}

// `result` of a region that has been closed may be `source`, if that is a tensor from outside.
void Recorder::note_alias(const TensorRef& result, const TensorRef& source, const TensorRef& predicate, bool when) {
  const auto add = [&](const MaybeView& maybe) { link(result->recorded->cell, maybe); };
  if (!source->recorded || source->recorded->weak || result->recorded->weak) return;
  const Recorded& r = *source->recorded;
  if (is_open(r.cell->home)) {
    const bool indexed =
        std::any_of(r.views.begin(), r.views.end(), [](const ViewStep& v) { return v.index != nullptr; });
    add(maybe_view(r.cell, r.views, indexed ? nullptr : predicate, when));
    return;
  }
  for (const MaybeView& further : r.cell->maybe)
    if (is_open(further.base->home)) add(maybe_view(further.base, further.views, nullptr, when));
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

// target = changed, where the link says.
void Recorder::write_where(const MaybeView& link, const std::shared_ptr<Cell>& target, ValueId changed) {
  const ValueId old = read(target, frames_.size() - 1);
  if (link.where.size() == 1 && !link.where[0].when)
    return write(target, emit(op("where"), {read(link.where[0].predicate), old, changed}, {}));
  std::optional<ValueId> all;
  for (const PathCondition& path : link.where) {
    ValueId flag = read(path.predicate);
    if (!path.when) flag = emit(op("logical_not"), {flag}, {});
    all = all ? emit(op("logical_and"), {*all, flag}, {}) : flag;
  }
  write(target, emit(op("where"), {*all, changed, old}, {}));
}

// After a write to `cell`: first what it may be a view of, then what else may be a view of those.
void Recorder::write_aliases(const std::shared_ptr<Cell>& cell) {
  const size_t level = frames_.size() - 1;
  std::vector<std::shared_ptr<Cell>> changed = {cell};
  const auto among = [](const auto& cells, const std::shared_ptr<Cell>& one) {
    return std::find(cells.begin(), cells.end(), one) != cells.end();
  };
  const auto is_lost = [&](const MaybeView& link) { return !link.known || !is_open(link.base->home); };
  const std::vector<MaybeView> bases = cell->maybe;
  for (const MaybeView& link : bases) {
    if (is_lost(link)) continue;
    if (!link.base->writable)
      throw_error(ErrorKind::capture,
                  "assignment: got a write into a tensor that is a read-only argument on some paths; need a writable "
                  "one on every path; try 'x = x + ...' instead of 'x += ...', or passing a copy");
    write_where(link, link.base, updated(read(link.base, level), link.views, 0, read(cell, level)));
    if (!among(changed, link.base)) changed.push_back(link.base);
  }
  std::vector<const Cell*> done;
  for (const auto& known : changed)
    if (std::none_of(bases.begin(), bases.end(), [&](const auto& link) { return link.base == known && is_lost(link); }))
      done.push_back(known.get());
  for (const MaybeView& link : bases)
    if (is_lost(link)) lose(link.base, done);
  std::vector<std::shared_ptr<Cell>> shadows;
  for (const auto& base : changed)
    for (const auto& weak : base->shadows)
      if (auto shadow = weak.lock(); shadow && shadow != cell && !among(shadows, shadow)) shadows.push_back(shadow);
  for (const auto& shadow : shadows) {
    if (!is_open(shadow->home)) continue;
    const std::vector<MaybeView> links = shadow->maybe;
    for (const MaybeView& link : links) {
      if (!among(changed, link.base)) continue;
      if (link.known)
        write_where(link, shadow, apply_views(read(link.base, level), link.views, link.views.size()));
      else
        lose(shadow, done);
    }
  }
}

}  // namespace tandem
