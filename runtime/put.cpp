#include "runtime/put.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "ir/error.h"
#include "runtime/elements.h"
#include "runtime/gemm.h"
#include "runtime/parallel.h"
#include "runtime/put_cuts.h"

namespace tandem {

namespace {

// From so many elements on, a write is worth sharing among threads; if in rows, then of so many bytes at least. With single
// elements, telling which are whose takes longer than writing them.
constexpr int64_t kWorthSharing = int64_t{1} << 16, kRowBytes = 256;
constexpr double kElementNanoseconds = 1.5;

// ---- how two elements are combined: as the operations of the same names do ----

// Integers wrap around; those below int are computed with as unsigned ones, which do not overflow.
template <class T>
auto wrapping(T x) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<std::common_type_t<unsigned, std::make_unsigned_t<T>>>(x);
  else
    return x;
}

template <PutMode Mode>
struct Combine {
  template <class T>
  static T of(T there, T value) {
    using E = Element<T>;
    using Wide = typename E::Sum;
    const Wide a = E::load(there), b = E::load(value);
    if constexpr (Mode == PutMode::add) return E::store(static_cast<Wide>(wrapping(a) + wrapping(b)));
    if constexpr (Mode == PutMode::multiply) return E::store(static_cast<Wide>(wrapping(a) * wrapping(b)));
    if constexpr (Mode == PutMode::maximum) return is_nan(a) || a > b ? there : value;
    if constexpr (Mode == PutMode::minimum) return is_nan(a) || a < b ? there : value;
  }
};
template <>
struct Combine<PutMode::set> {
  template <class T>
  static T of(T, T value) {
    return value;
  }
};

// ---- loops ----

// The indices from `first` on at `count` places one after another, `stride` apart in `from`.
struct Run {
  const int64_t* indices;
  int64_t count, stride;
};

// What one thread does: the places below `high` and from `low` on of the axis that is indexed.
struct Part {
  int64_t low, high;
  bool whole;
};

// `Near`: neither has a step to multiply by. `Wraps`: an index may be negative.
template <PutMode Mode, bool Near, bool Wraps, class T>
void put_elements(T* to, int64_t extent, int64_t step, const T* from, const Run& run) {
  const int64_t* const indices = run.indices;
  const int64_t count = run.count, stride = run.stride;
#pragma GCC unroll 4
  for (int64_t n = 0; n < count; ++n) {
    const int64_t given = indices[n], i = Wraps ? given + ((given >> 63) & extent) : given;
    T& place = to[Near ? i : i * step];
    place = Combine<Mode>::of(place, from[Near ? n : n * stride]);
  }
}

template <PutMode Mode, class T>
void put_row(T* to, const T* from, const PutAxis& row) {
  if (row.to == 1 && row.from == 1) {
    if constexpr (Mode == PutMode::set)
      std::memcpy(static_cast<void*>(to), from, static_cast<size_t>(row.size) * sizeof(T));
    else
      for (int64_t k = 0; k < row.size; ++k) to[k] = Combine<Mode>::of(to[k], from[k]);
  } else if (row.to == 1 && row.from == 0) {
    const T value = *from;
    for (int64_t k = 0; k < row.size; ++k) to[k] = Combine<Mode>::of(to[k], value);
  } else {
    for (int64_t k = 0; k < row.size; ++k) {
      T& place = to[k * row.to];
      place = Combine<Mode>::of(place, from[k * row.from]);
    }
  }
}

template <PutMode Mode, class T>
void put_rows(T* to, int64_t extent, int64_t step, const T* from, const PutAxis& row, const Run& run,
              const Part& part) {
  for (int64_t n = 0; n < run.count; ++n) {
    const int64_t given = run.indices[n], i = given + (given < 0 ? extent : 0);
    if (!part.whole && (i < part.low || i >= part.high)) continue;
    put_row<Mode>(to + i * step, from + n * run.stride, row);
  }
}

// Offsets of the `flat`-th place of `axes`, in row-major order.
std::pair<int64_t, int64_t> offsets(std::span<const PutAxis> axes, int64_t flat) {
  int64_t to = 0, from = 0;
  for (size_t k = axes.size(); k-- > 0;) {
    const int64_t at = flat % axes[k].size;
    flat /= axes[k].size;
    to += at * axes[k].to;
    from += at * axes[k].from;
  }
  return {to, from};
}

template <PutMode Mode, class T>
class Writer {
 public:
  Writer(const PutArgs& args, int64_t indices) : args_(args), outer_(merged(args.axes)), index_(merged_index(args)) {
    // Along the row, neighbours in memory: the shortest step of all, and shorter than that from index to index.
    const auto shorter = [](const PutAxis& a, const PutAxis& b) { return std::abs(a.to) < std::abs(b.to); };
    const auto shortest = std::min_element(outer_.begin(), outer_.end(), shorter);
    if (shortest != outer_.end() && (std::abs(shortest->to) < std::abs(args.step) || indices < kFewIndices)) {
      row_ = *shortest;
      outer_.erase(shortest);
    }
    run_ = index_.empty() ? PutAxis{1, 0, 0} : index_.back();
    if (!index_.empty()) index_.pop_back();
  }

  void run() {
    const int64_t outer = size_of(outer_), each = size_of(index_) * run_.size * row_.size;
    const double cost = kElementNanoseconds * static_cast<double>(each);
    constexpr auto kBytes = static_cast<int64_t>(sizeof(T));
    const bool by_places = row_.size * kBytes >= kRowBytes;
    const bool by_rows = outer >= num_threads();
    if (outer == 1 && row_.size == 1 && index_.empty() && run_.size >= kWorthSharing && num_threads() > 1 &&
        !inside_parallel_for())
      return write_between_cuts();
    if (outer * each < kWorthSharing || num_threads() == 1 || inside_parallel_for() || !(by_rows || by_places)) {
      for (int64_t o = 0; o < outer; ++o) write(o, {0, args_.extent, true});
    } else if (by_rows) {
      parallel_for(outer, 1, cost, [&](int64_t begin, int64_t end) {
        for (int64_t o = begin; o < end; ++o) write(o, {0, args_.extent, true});
      });
    } else {
      // Every thread has places of its own, and goes through all the indices to find those that lead there.
      const int64_t parts = std::min<int64_t>(num_threads(), args_.extent);
      for (int64_t o = 0; o < outer; ++o)
        parallel_for(parts, 1, cost / static_cast<double>(parts), [&](int64_t begin, int64_t end) {
          write(o, {args_.extent * begin / parts, args_.extent * end / parts, begin == 0 && end == parts});
        });
    }
  }

 private:
  static constexpr int64_t kFewIndices = 4;

  void write_between_cuts() {
    const std::vector<int64_t> cuts = disjoint_cuts(args_.indices, run_.size, 2 * int64_t{num_threads()});
    const auto parts = static_cast<int64_t>(cuts.size()) - 1;
    const double cost = kElementNanoseconds * static_cast<double>(run_.size) / static_cast<double>(parts);
    parallel_for(parts, 1, cost, [&](int64_t begin, int64_t end) {
      const int64_t first = cuts[static_cast<size_t>(begin)], count = cuts[static_cast<size_t>(end)] - first;
      const T* from = static_cast<const T*>(args_.from) + first * run_.from;
      put_run(static_cast<T*>(args_.to), from, {args_.indices + first, count, run_.from});
    });
  }

  void put_run(T* to, const T* from, const Run& run) const {
    const bool near = args_.step == 1 && run.stride == 1;
    const auto put = near ? args_.wraps ? put_elements<Mode, true, true, T> : put_elements<Mode, true, false, T>
                     : args_.wraps ? put_elements<Mode, false, true, T>
                                   : put_elements<Mode, false, false, T>;
    put(to, args_.extent, args_.step, from, run);
  }

  static std::vector<PutAxis> merged_index(const PutArgs& args) {
    std::vector<PutAxis> axes;
    for (const PutAxis& axis : args.index_axes) axes.push_back({axis.size, 0, axis.from});
    return merged(axes);
  }

  void write(int64_t o, const Part& part) {
    const auto [to_offset, from_offset] = offsets(outer_, o);
    T* to = static_cast<T*>(args_.to) + to_offset;
    const T* from = static_cast<const T*>(args_.from) + from_offset;
    const int64_t runs = size_of(index_);
    for (int64_t k = 0; k < runs; ++k) {
      const Run run{args_.indices + k * run_.size, run_.size, run_.from};
      const T* source = from + offsets(index_, k).second;
      if (row_.size == 1)
        put_run(to, source, run);
      else
        put_rows<Mode>(to, args_.extent, args_.step, source, row_, run, part);
    }
  }

  const PutArgs& args_;
  std::vector<PutAxis> outer_, index_;
  PutAxis row_{1, 1, 1}, run_{1, 0, 0};
};

template <PutMode Mode, class T>
void put_as(const PutArgs& args, int64_t indices) {
  Writer<Mode, T>(args, indices).run();
}

template <PutMode Mode>
void put_numbers(const PutArgs& args, int64_t indices) {
  const DType dtype = args.dtype == DType::boolean ? DType::u8 : args.dtype;
  with_element(dtype, [&]<class T>(T) { put_as<Mode, T>(args, indices); });
}

void put_bytes(const PutArgs& args, int64_t indices) {
  switch (size_of(args.dtype)) {
    case 1: return put_as<PutMode::set, uint8_t>(args, indices);
    case 2: return put_as<PutMode::set, uint16_t>(args, indices);
    case 4: return put_as<PutMode::set, uint32_t>(args, indices);
    default: return put_as<PutMode::set, uint64_t>(args, indices);
  }
}

// The sign of index + size or of size - 1 - index: additions only, which vectors have for 64 bits.
__attribute__((always_inline)) inline Looked look(const int64_t* indices, int64_t count, int64_t size) {
  const auto extent = static_cast<uint64_t>(size);
  uint64_t outside = 0, negative = 0;
  for (int64_t i = 0; i < count; ++i) {
    const auto index = static_cast<uint64_t>(indices[i]);
    negative |= index;
    outside |= (index + extent) | (extent - 1 - index);
  }
  return {(outside >> 63) != 0, (negative >> 63) != 0};
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) Looked look_avx2(const int64_t* indices, int64_t count, int64_t size) {
  return look(indices, count, size);
}
#endif

}  // namespace

Looked look_at(const int64_t* indices, int64_t count, int64_t size) {
#if defined(__x86_64__)
  if (best_isa() != Isa::generic) return look_avx2(indices, count, size);
#endif
  return look(indices, count, size);
}

std::vector<PutAxis> merged(std::span<const PutAxis> axes) {
  std::vector<PutAxis> out;
  for (const PutAxis& axis : axes) {
    if (axis.size == 1) continue;
    if (!out.empty() && out.back().to == axis.size * axis.to && out.back().from == axis.size * axis.from)
      out.back() = {out.back().size * axis.size, axis.to, axis.from};
    else
      out.push_back(axis);
  }
  return out;
}

int64_t size_of(std::span<const PutAxis> axes) {
  int64_t size = 1;
  for (const PutAxis& axis : axes) size *= axis.size;
  return size;
}

RealPut::RealPut(const PutArgs& given) : args(given) {
  if (!is_complex(args.dtype)) return;
  for (const PutAxis& axis : args.axes) axes_.push_back({axis.size, 2 * axis.to, 2 * axis.from});
  for (const PutAxis& axis : args.index_axes) index_axes_.push_back({axis.size, 2 * axis.to, 2 * axis.from});
  axes_.push_back({2, 1, 1});
  args.axes = axes_;
  args.index_axes = index_axes_;
  args.step *= 2;
  args.dtype = real_type(args.dtype);
}

void put(const PutArgs& given) {
  const int64_t indices = size_of(given.index_axes);
  if (indices == 0 || size_of(given.axes) == 0) return;
  const RealPut real(given);
  const PutArgs& args = real.args;
  switch (args.mode) {
    case PutMode::set: return put_bytes(args, indices);
    case PutMode::add: return put_numbers<PutMode::add>(args, indices);
    case PutMode::multiply: return put_numbers<PutMode::multiply>(args, indices);
    case PutMode::maximum: return put_numbers<PutMode::maximum>(args, indices);
    case PutMode::minimum: return put_numbers<PutMode::minimum>(args, indices);
  }
}

std::string out_of_bounds_text(int64_t index, int64_t axis, int64_t size, const std::string& place) {
  return fmt::format("index: got {} for axis {} of size {}; need -{} <= index < {}{}", index, axis, size, size, size,
                     place);
}

void throw_out_of_bounds(int64_t index, int64_t axis, int64_t size, const char* place) {
  throw Error(ErrorKind::index, out_of_bounds_text(index, axis, size, place));
}

}  // namespace tandem
