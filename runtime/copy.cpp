#include "runtime/copy.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "ir/error.h"
#include "runtime/copy_rows.h"
#include "runtime/parallel.h"
#include "runtime/storage.h"

namespace tandem {

namespace {

constexpr double kNsPerByte = 0.015;        // of rows as they are
constexpr double kNsPerSecondByte = 0.025;  // of every second element
constexpr double kNsApart = 0.3;            // of elements that lie apart
constexpr double kNsPerRow = 5;
constexpr int64_t kGrainBytes = 4096;
constexpr int64_t kBlock = 16;  // of a transposition: that many rows and columns share their cache lines

struct Axis {
  int64_t size, from, to;
};

// The copy as few axes as possible, outermost first, sorted by the distance between writes.
struct Layout {
  Axis axes[kMostCopyAxes];
  int rank = 0;
  int64_t count = 1;
};

Layout simplify(int rank, const int64_t* sizes, const int64_t* from, const int64_t* to) {
  Layout layout;
  for (int i = 0; i < rank; ++i) {
    layout.count *= sizes[i];
    if (sizes[i] != 1) layout.axes[layout.rank++] = {sizes[i], from[i], to[i]};
  }
  std::stable_sort(layout.axes, layout.axes + layout.rank,
                   [](const Axis& a, const Axis& b) { return std::abs(a.to) > std::abs(b.to); });
  int last = 0;
  for (int i = 1; i < layout.rank; ++i) {
    Axis& outer = layout.axes[last];
    const Axis& inner = layout.axes[i];
    if (outer.from == inner.size * inner.from && outer.to == inner.size * inner.to)
      outer = {outer.size * inner.size, inner.from, inner.to};
    else
      layout.axes[++last] = inner;
  }
  layout.rank = layout.rank == 0 ? 0 : last + 1;
  return layout;
}

double cost_of(const Axis& row, size_t bytes) {
  if (row.to != 1 || row.from < 0 || row.from > 2) return kNsApart;
  return (row.from == 2 ? kNsPerSecondByte : kNsPerByte) * static_cast<double>(bytes);
}

// Two innermost axes, rows [begin, end). When reading runs along the rows and writing along the columns, in blocks.
template <class T>
void copy_matrix(const T* from, T* to, const Axis& rows, const Axis& columns, int64_t begin, int64_t end) {
  if (rows.from == 0 || std::abs(rows.from) >= std::abs(columns.from)) {
    for (int64_t i = begin; i < end; ++i)
      copy_row(from + i * rows.from, columns.from, to + i * rows.to, columns.to, columns.size);
    return;
  }
  if (columns.to == 1) {
    copy_turned(from + begin * rows.from, rows.from, columns.from, to + begin * rows.to, rows.to, end - begin,
                columns.size);
    return;
  }
  for (int64_t i0 = begin; i0 < end; i0 += kBlock) {
    const int64_t i1 = std::min(end, i0 + kBlock);
    for (int64_t j0 = 0; j0 < columns.size; j0 += kBlock) {
      const int64_t width = std::min(columns.size - j0, kBlock);
      for (int64_t i = i0; i < i1; ++i)
        copy_row(from + i * rows.from + j0 * columns.from, columns.from, to + i * rows.to + j0 * columns.to, columns.to,
                 width);
    }
  }
}

// The range counts rows: the second innermost axis, and all the outer ones in row-major order.
template <class T>
void copy_range(const Layout& layout, const T* from, T* to, int64_t begin, int64_t end) {
  const Axis& columns = layout.axes[layout.rank - 1];
  const Axis& rows = layout.axes[layout.rank - 2];
  while (begin < end) {
    const int64_t first = begin % rows.size, last = std::min(rows.size, first + end - begin);
    const T* source = from;
    T* target = to;
    int64_t rest = begin / rows.size;
    for (int axis = layout.rank - 3; axis >= 0; --axis) {
      const int64_t index = rest % layout.axes[axis].size;
      rest /= layout.axes[axis].size;
      source += index * layout.axes[axis].from;
      target += index * layout.axes[axis].to;
    }
    copy_matrix(source, target, rows, columns, first, last);
    begin += last - first;
  }
}

template <class T>
void copy_elements(const Layout& layout, const T* from, T* to) {
  if (layout.rank <= 1) {
    const Axis axis = layout.rank == 0 ? Axis{1, 1, 1} : layout.axes[0];
    parallel_for(axis.size, kGrainBytes / static_cast<int64_t>(sizeof(T)), cost_of(axis, sizeof(T)),
                 [&](int64_t begin, int64_t end) {
                   copy_row(from + begin * axis.from, axis.from, to + begin * axis.to, axis.to, end - begin);
                 });
    return;
  }
  const Axis& columns = layout.axes[layout.rank - 1];
  parallel_for(layout.count / columns.size, kBlock,
               kNsPerRow + static_cast<double>(columns.size) * cost_of(columns, sizeof(T)),
               [&](int64_t begin, int64_t end) { copy_range(layout, from, to, begin, end); });
}

struct Extent {
  const char *begin, *end;
};

Extent extent_of(const void* data, const Layout& layout, int64_t Axis::* stride, int bytes) {
  int64_t low = 0, high = 0;
  for (int i = 0; i < layout.rank; ++i) {
    const int64_t reach = (layout.axes[i].size - 1) * (layout.axes[i].*stride);
    (reach < 0 ? low : high) += reach;
  }
  const char* base = static_cast<const char*>(data);
  return {base + low * bytes, base + (high + 1) * bytes};
}

void copy_disjoint(int bytes, const Layout& layout, const void* from, void* to) {
  switch (bytes) {
    case 1: return copy_elements(layout, static_cast<const uint8_t*>(from), static_cast<uint8_t*>(to));
    case 2: return copy_elements(layout, static_cast<const uint16_t*>(from), static_cast<uint16_t*>(to));
    case 4: return copy_elements(layout, static_cast<const uint32_t*>(from), static_cast<uint32_t*>(to));
    case 8: return copy_elements(layout, static_cast<const uint64_t*>(from), static_cast<uint64_t*>(to));
    case 16: return copy_elements(layout, static_cast<const Sixteen*>(from), static_cast<Sixteen*>(to));
    default: check_internal(false, "copy of elements of {} bytes", bytes);
  }
}

}  // namespace

void copy_strided(int bytes, int rank, const int64_t* sizes, const void* from, const int64_t* from_strides, void* to,
                  const int64_t* to_strides) {
  check_internal(rank >= 0 && rank <= kMostCopyAxes, "copy over {} axes", rank);
  const Layout layout = simplify(rank, sizes, from_strides, to_strides);
  if (layout.count <= 0) return;
  const Extent source = extent_of(from, layout, &Axis::from, bytes), target = extent_of(to, layout, &Axis::to, bytes);
  if (source.end <= target.begin || target.end <= source.begin) return copy_disjoint(bytes, layout, from, to);
  const bool contiguous = layout.rank == 0 || (layout.rank == 1 && layout.axes[0].from == 1 && layout.axes[0].to == 1);
  if (contiguous) {
    if (from != to) std::memmove(to, from, static_cast<size_t>(layout.count * bytes));
    return;
  }
  // Overlapping and strided: through a packed copy in the order of the axes.
  const StorageRef packed = allocate(static_cast<size_t>(layout.count * bytes));
  Layout in = layout, out = layout;
  int64_t stride = 1;
  for (int i = layout.rank - 1; i >= 0; --i) {
    in.axes[i].to = out.axes[i].from = stride;
    stride *= layout.axes[i].size;
  }
  copy_disjoint(bytes, in, from, packed->data);
  copy_disjoint(bytes, out, packed->data, to);
}

namespace {

// Without a branch that depends on a flag: what is not wanted is written over by what comes next.
template <class T>
void copy_selected_as(const T* from, const uint8_t* flags, int64_t count, T* to) {
  for (int64_t i = 0, n = 0; n < count; ++i) {
    to[n] = from[i];
    n += flags[i];
  }
}

}  // namespace

void copy_selected(int bytes, const void* from, const uint8_t* flags, int64_t count, void* to) {
  switch (bytes) {
    case 1: return copy_selected_as(static_cast<const uint8_t*>(from), flags, count, static_cast<uint8_t*>(to));
    case 2: return copy_selected_as(static_cast<const uint16_t*>(from), flags, count, static_cast<uint16_t*>(to));
    case 4: return copy_selected_as(static_cast<const uint32_t*>(from), flags, count, static_cast<uint32_t*>(to));
    case 8: return copy_selected_as(static_cast<const uint64_t*>(from), flags, count, static_cast<uint64_t*>(to));
    case 16: return copy_selected_as(static_cast<const Sixteen*>(from), flags, count, static_cast<Sixteen*>(to));
    default: check_internal(false, "a selection of elements of {} bytes", bytes);
  }
}

}  // namespace tandem
