// Sorting along an axis: few long rows by digits, many short ones side by side, sixteen or so at a time.
#include <algorithm>
#include <bit>
#include <limits>
#include <mutex>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/radix.h"
#include "runtime/routine.h"
#include "runtime/sort_keys.h"
#include "runtime/sort_network.h"
#include "runtime/sort_order.h"
#include "runtime/sort_parts.h"
#include "runtime/sort_rows.h"

namespace tandem {

namespace {

constexpr double kShortEntryNanoseconds = 0.8;

// Up to this length, rows are sorted side by side.
template <class U>
constexpr int64_t kSideBySide = sizeof(U) == 8 ? 256 : 512;

// Whether there are enough rows, short enough, for that.
template <class U>
bool are_short(const SortedRows& rows) {
  return rows.count <= kSideBySide<U> && rows.rows() >= network::Lanes<U>::count / 4;
}

// `read(start + i * step, i)` makes entry i of a row, `write(start + i * step, entry)` puts one to its place.
template <class Entry, class Read, class Write>
void sort_side_by_side(const SortedRows& rows, int64_t begin, int64_t end, const Read& read, const Write& write) {
  constexpr int64_t kLanes = network::Lanes<Entry>::count;
  StorageRef memory = allocate(static_cast<size_t>(network::places(rows.count) * network::kVectorBytes));
  auto* entries = static_cast<Entry*>(memory->data);
  for (int64_t first = begin; first < end; first += kLanes) {
    const int64_t lanes = std::min(kLanes, end - first);
    for (int64_t l = 0; l < kLanes; ++l) {
      const int64_t start = rows.start(first + std::min(l, lanes - 1));
      for (int64_t i = 0; i < rows.count; ++i) entries[i * kLanes + l] = read(start + i * rows.inner, i);
    }
    network::sort(entries, rows.count);
    for (int64_t l = 0; l < lanes; ++l) {
      const int64_t start = rows.start(first + l);
      for (int64_t i = 0; i < rows.count; ++i) write(start + i * rows.inner, entries[i * kLanes + l]);
    }
  }
}

// Loops that the compiler makes vectors of.
template <class K, bool To, class U = typename K::Key>
[[gnu::always_inline]] inline void convert_all(const U* from, U* to, int64_t count) {
  for (int64_t i = 0; i < count; ++i) to[i] = To ? K::to(from[i]) : K::from(from[i]);
}
#if defined(__x86_64__)
const bool kHasMiddle = __builtin_cpu_supports("avx2");
template <class K, bool To, class U = typename K::Key>
__attribute__((target("avx2"))) void convert_middle(const U* from, U* to, int64_t count) {
  convert_all<K, To>(from, to, count);
}
#endif
template <class K, bool To, class U = typename K::Key>
void convert(const U* from, U* to, int64_t count) {
#if defined(__x86_64__)
  if (kHasMiddle) return convert_middle<K, To>(from, to, count);
#endif
  convert_all<K, To>(from, to, count);
}

// Rows that lie one behind the other: keys are made in the result, by whole vectors.
template <class K, class Finish, class U = typename K::Key>
void sort_plain_rows(const U* in, U* out, int64_t count, int64_t begin, int64_t end, const Finish& finish) {
  constexpr int64_t kLanes = network::Lanes<U>::count;
  const StorageRef memory = allocate(static_cast<size_t>(network::places(count) * network::kVectorBytes));
  for (int64_t first = begin; first < end; first += kLanes) {
    const int64_t rows = std::min(kLanes, end - first), start = first * count;
    convert<K, true>(in + start, out + start, rows * count);
    network::sort_rows(out + start, rows, count, static_cast<U*>(memory->data));
    convert<K, false>(out + start, out + start, rows * count);
    for (int64_t row = first; row < first + rows; ++row) finish(row * count);
  }
}

// Sorts every row of entries by their bits [low, high); `finish(start)` follows each. `results`: where they go, if that is
// memory which entries fit into.
template <class Entry, class Read, class Write, class Finish>
void sort_rows(const SortedRows& rows, int low, int high, Entry* results, const Read& read, const Write& write,
               const Finish& finish) {
  const auto one = [&](int64_t row, bool shared) {
    const int64_t start = rows.start(row), step = rows.inner;
    Entry* const spare = results && step == 1 ? results + start : nullptr;
    radix::sort_row<Entry>(
        rows.count, low, high, shared, spare, [&](int64_t i) { return read(start + i * step, i); },
        [&](int64_t i, const Entry& entry) { write(start + i * step, entry); });
    finish(start);
  };
  if (rows.count >= kLongRow) {
    for (int64_t row = 0; row < rows.rows(); ++row) one(row, true);
    return;
  }
  const double cost = kEntryNanoseconds * static_cast<double>(rows.count);
  if constexpr (!std::is_same_v<Entry, radix::Pair>) {
    constexpr int64_t kLanes = network::Lanes<Entry>::count;
    if (are_short<Entry>(rows)) {
      parallel_for(rows.rows(), kLanes, cost, [&](int64_t begin, int64_t end) {
        sort_side_by_side<Entry>(rows, begin, end, read, write);
        for (int64_t row = begin; row < end; ++row) finish(rows.start(row));
      });
      return;
    }
  }
  parallel_for(rows.rows(), 1, cost, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) one(row, false);
  });
}

// Whether these are long rows, one behind the other, which vectors sort in the result, with no memory besides.
bool are_sorted_in_place(const SortedRows& rows) {
  return rows.inner == 1 && rows.count >= kPartedFrom && parts::available();
}

// Keys set zeros of different signs apart; a stable sort does not. They take the order in which they came.
template <class K, class U = typename K::Key>
void restore_zeros(const U* in, U* out, int64_t count, int64_t step) {
  const auto [low_key, high_key] = std::minmax({K::to(U{0}), K::to(K::kSign)});
  const auto first_from = [&](uint64_t key) {
    int64_t low = 0, high = count;
    while (low < high) {
      const int64_t middle = (low + high) / 2;
      (K::to(out[middle * step]) < key ? low : high) = K::to(out[middle * step]) < key ? middle + 1 : middle;
    }
    return low;
  };
  int64_t place = first_from(low_key);
  if (place == count || K::to(out[place * step]) > high_key) return;
  const int64_t end = first_from(uint64_t{high_key} + 1);
  if (place == end || out[place * step] == out[(end - 1) * step]) return;
  for (int64_t i = 0; place < end; ++i)
    if (const U bits = in[i * step]; (bits & static_cast<U>(~K::kSign)) == 0) out[place++ * step] = bits;
}

// params: axis, descending
void run_sort(const RoutineArgs& args) {
  const RoutineArray& x = args.inputs[0];
  const SortedRows rows(x.shape, args.params[0]);
  if (rows.count == 0 || rows.rows() == 0) return;
  with_keys<false>(x.dtype, args.params[1] != 0, [&]<class K>(K) {
    using U = typename K::Key;
    const auto* in = static_cast<const U*>(x.data);
    auto* out = static_cast<U*>(args.out.data);
    const auto finish = [&](int64_t start) {
      if constexpr (K::kind == KeyKind::floating) restore_zeros<K>(in + start, out + start, rows.count, rows.inner);
    };
    if (rows.inner == 1 && are_short<U>(rows)) {
      const double cost = kShortEntryNanoseconds * static_cast<double>(rows.count);
      parallel_for(rows.rows(), network::Lanes<U>::count, cost,
                   [&](int64_t begin, int64_t end) { sort_plain_rows<K>(in, out, rows.count, begin, end, finish); });
      return;
    }
    if constexpr (sizeof(U) >= 4) {
      const auto some = [&](int64_t start, int64_t together, bool shared) {
        const U* const from = in + start;
        U* const to = out + start;
        const int64_t count = together * rows.count;
        over(count, shared,
             [&](int64_t begin, int64_t end) { convert<K, true>(from + begin, to + begin, end - begin); });
        if (shared)
          parts::sort(to, count);
        else
          parts::sort_rows(to, together, rows.count);
        over(count, shared,
             [&](int64_t begin, int64_t end) { convert<K, false>(to + begin, to + begin, end - begin); });
        for (int64_t row = 0; row < together; ++row) finish(start + row * rows.count);
      };
      if (are_sorted_in_place(rows)) return for_rows(rows, kEntryNanoseconds, some);
    }
    sort_rows<U>(
        rows, 0, 8 * static_cast<int>(sizeof(U)), out, [in](int64_t at, int64_t) { return K::to(in[at]); },
        [out](int64_t at, U key) { out[at] = K::from(key); }, finish);
  });
}

// A key of at most 32 bits shares 64 with its place, if that is small enough.
template <class U>
bool fits_one_word(int64_t count) {
  return sizeof(U) <= 4 && count <= int64_t{1} << 32;
}

// params: axis, descending
void run_argsort(const RoutineArgs& args) {
  const RoutineArray& x = args.inputs[0];
  const SortedRows rows(x.shape, args.params[0]);
  if (rows.count == 0 || rows.rows() == 0) return;
  if (are_sorted_in_place(rows)) {
    const Ordering ordering({&x, 1}, args.params[1] != 0, rows.count);
    const void* const data[] = {x.data};
    return for_rows(rows, kEntryNanoseconds, [&](int64_t start, int64_t some, bool shared) {
      ordering.write(data, start, static_cast<uint64_t*>(args.out.data) + start, some, shared);
    });
  }
  with_keys<true>(x.dtype, args.params[1] != 0, [&]<class K>(K) {
    using U = typename K::Key;
    constexpr int kBits = 8 * static_cast<int>(sizeof(U));
    const auto* in = static_cast<const U*>(x.data);
    auto* out = static_cast<int64_t*>(args.out.data);
    const auto nothing = [](int64_t) {};
    if (fits_one_word<U>(rows.count)) {
      sort_rows<uint64_t>(
          rows, 32, 32 + kBits, reinterpret_cast<uint64_t*>(out),
          [in](int64_t at, int64_t i) { return static_cast<uint64_t>(K::to(in[at])) << 32 | static_cast<uint64_t>(i); },
          [out](int64_t at, uint64_t entry) { out[at] = static_cast<int64_t>(entry & 0xFFFFFFFFu); }, nothing);
    } else {
      sort_rows<radix::Pair>(
          rows, 0, kBits, nullptr,
          [in](int64_t at, int64_t i) { return radix::Pair{K::to(in[at]), static_cast<uint64_t>(i)}; },
          [out](int64_t at, const radix::Pair& entry) { out[at] = static_cast<int64_t>(entry.index); }, nothing);
    }
  });
}

// The places of the `wanted` smallest entries of a row, in their order: of those seen, only what may still be among
// them is kept.
template <class K, class U = typename K::Key>
void select_row(const U* in, int64_t count, int64_t step, int64_t wanted, int64_t* out, int64_t out_step) {
  std::vector<radix::Pair> best;
  const auto kept_end = [&] { return best.begin() + wanted; };
  const auto capacity = static_cast<size_t>(std::min(count, std::max<int64_t>(4 * wanted, 512)));
  best.reserve(capacity);
  U bound = std::numeric_limits<U>::max();
  bool bounded = false;
  for (int64_t i = 0; i < count; ++i) {
    const U key = K::to(in[i * step]);
    if (bounded && key >= bound) continue;  // of equal keys the earlier ones win
    best.push_back({key, static_cast<uint64_t>(i)});
    if (best.size() < capacity || static_cast<int64_t>(capacity) == wanted) continue;
    std::nth_element(best.begin(), kept_end() - 1, best.end());
    best.resize(static_cast<size_t>(wanted));
    bound = static_cast<U>(best.back().key);
    bounded = true;
  }
  std::partial_sort(best.begin(), kept_end(), best.end());
  for (int64_t i = 0; i < wanted; ++i) out[i * out_step] = static_cast<int64_t>(best[static_cast<size_t>(i)].index);
}

// params: k, axis, largest
void run_topk(const RoutineArgs& args) {
  const RoutineArray& x = args.inputs[0];
  const int64_t wanted = args.params[0], axis = args.params[1];
  const SortedRows rows(x.shape, axis), results(args.out.shape, axis);
  if (wanted == 0 || rows.rows() == 0) return;
  with_keys<true>(x.dtype, args.params[2] != 0, [&]<class K>(K) {
    const auto* in = static_cast<const typename K::Key*>(x.data);
    auto* out = static_cast<int64_t*>(args.out.data);
    parallel_for(rows.rows(), 1, 2 * static_cast<double>(rows.count), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row)
        select_row<K>(in + rows.start(row), rows.count, rows.inner, wanted, out + results.start(row), results.inner);
    });
  });
}

constexpr Routine kRoutines[] = {
    {"sort", run_sort}, {"argsort", run_argsort}, {"topk_indices", run_topk}, {"lexsort", run_lexsort}};

}  // namespace

std::span<const Routine> sort_routines() { return kRoutines; }

}  // namespace tandem
