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

// Where all of the one and all of the other hold; nothing if that is nowhere.
std::optional<std::vector<PathCondition>> both(std::vector<PathCondition> one,
                                               const std::vector<PathCondition>& other) {
  for (const PathCondition& path : other) {
    if (std::find(one.begin(), one.end(), PathCondition{path.predicate, !path.when}) != one.end()) return std::nullopt;
    if (std::find(one.begin(), one.end(), path) == one.end()) one.push_back(path);
  }
  return one;
}

}  // namespace

bool is_indexed(std::span<const ViewStep> views) {
  return std::any_of(views.begin(), views.end(), [](const ViewStep& step) { return step.index != nullptr; });
}

bool is_exact(const MaybeView& link) { return link.known && !link.where.empty() && !is_indexed(link.views); }

std::vector<ViewStep> joined(const std::vector<ViewStep>& first, const std::vector<ViewStep>& second) {
  std::vector<ViewStep> views = first;
  views.insert(views.end(), second.begin(), second.end());
  return views;
}

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
    std::optional<std::vector<PathCondition>> where = both(each.where, maybe.where);
    if (!where) continue;
    each.known = each.known && maybe.known;
    each.views = joined(each.views, maybe.views);
    each.where = std::move(*where);
    add(std::move(each));
  }
}

// `result` of a region that has been closed may be `source`, if that is a tensor from outside.
void Recorder::note_alias(const TensorRef& result, const TensorRef& source, const TensorRef& predicate, bool when) {
  const auto add = [&](const MaybeView& maybe) { link(result->recorded->cell, maybe); };
  if (!source->recorded || source->recorded->weak || result->recorded->weak) return;
  const Recorded& r = *source->recorded;
  if (is_open(r.cell->home)) {
    add(maybe_view(r.cell, r.views, is_indexed(r.views) ? nullptr : predicate, when));
    return;
  }
  for (const MaybeView& further : r.cell->maybe)
    if (is_open(further.base->home) && !(predicate && is_exact(further) && !is_indexed(r.views)))
      add(maybe_view(further.base, joined(further.views, r.views), nullptr, when));
}

std::vector<Recorder::InnerLink> Recorder::inner_links(std::span<const TensorRef> outputs, int branch) const {
  const auto outside = [this](const Cell& cell) { return cell.home != frames_.back().id && is_open(cell.home); };
  struct Origin {
    size_t output;
    MaybeView is;
  };
  std::vector<InnerLink> inner;
  std::vector<Origin> origins;  // made in the region
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i]->recorded || outputs[i]->recorded->weak) continue;
    const Recorded& r = *outputs[i]->recorded;
    if (outside(*r.cell)) continue;
    origins.push_back({i, {r.cell, r.views, true, {}}});
    for (MaybeView further : r.cell->maybe) {
      const bool exact = is_exact(further) && !is_indexed(r.views);
      further.views = joined(further.views, r.views);
      further.known = exact;
      if (!outside(*further.base))
        origins.push_back({i, std::move(further)});
      else if (exact)
        inner.push_back({i, std::nullopt, branch, std::move(further)});
    }
  }
  for (size_t p = 0; p < origins.size(); ++p)
    for (size_t q = 0; q < p; ++q) {
      const Origin *part = &origins[p], *whole = &origins[q];
      if (part->is.base != whole->is.base || part->output == whole->output) continue;
      if (part->is.views.size() < whole->is.views.size()) std::swap(part, whole);
      std::optional<std::vector<PathCondition>> where = both(part->is.where, whole->is.where);
      if (!where) continue;
      const auto &outer = whole->is.views, &views = part->is.views;
      MaybeView link{nullptr, {}, part->is.known && whole->is.known, std::move(*where)};
      link.known = link.known && std::equal(outer.begin(), outer.end(), views.begin());
      if (link.known) link.views.assign(views.begin() + static_cast<std::ptrdiff_t>(outer.size()), views.end());
      // Two parts, of which neither contains the other: nobody can say what a write to one does to the other.
      link.known = link.known && !is_indexed(link.views);
      inner.push_back({part->output, whole->output, branch, std::move(link)});
    }
  return inner;
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

// Whether all of these hold.
ValueId Recorder::holds(std::span<const PathCondition> where) {
  std::optional<ValueId> all;
  for (const PathCondition& path : where) {
    ValueId flag = read(path.predicate);
    if (!path.when) flag = emit(op("logical_not"), {flag}, {});
    all = all ? emit(op("logical_and"), {*all, flag}, {}) : flag;
  }
  check_internal(all.has_value(), "a link without conditions");
  return *all;
}

// target = changed, where the link says.
void Recorder::write_where(const MaybeView& link, const std::shared_ptr<Cell>& target, ValueId changed) {
  const ValueId old = read(target, frames_.size() - 1);
  const bool negated = link.where.size() == 1 && !link.where[0].when;
  const ValueId flag = negated ? read(link.where[0].predicate) : holds(link.where);
  write(target, emit(op("where"), {flag, negated ? old : changed, negated ? changed : old}, {}));
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
