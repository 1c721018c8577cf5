#include "runtime/sort_order.h"

#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <mutex>
#include <utility>

#include "runtime/radix.h"
#include "runtime/sort_keys.h"
#include "runtime/sort_parts.h"
#include "runtime/sort_rows.h"

namespace tandem {

namespace {

constexpr int64_t kFew = 128;  // words that comparisons sort as quickly as vectors

// A key whose low bits are those of the number, whatever its sign: of rounded numbers they are zeros, and can be left out.
template <class K, class U = typename K::Key>
[[gnu::always_inline]] inline U key_of(U bits) {
  const U key = K::to(bits);
  if constexpr (K::kind != KeyKind::floating) return key;
  return static_cast<U>(key + ((key & K::kSign) == 0));
}

// What orders element i: its key, that of one part of a complex number, or which of its parts are NaN.
template <class K>
struct Whole {
  using Bits = typename K::Key;
  static constexpr int kBits = 8 * sizeof(Bits);
  static Bits at(const Bits* in, uint64_t i) { return key_of<K>(in[i]); }
};
template <class K, int Offset>
struct PartOf {
  using Bits = typename K::Key;
  static constexpr int kBits = 8 * sizeof(Bits);
  static Bits at(const Bits* in, uint64_t i) { return key_of<K>(in[2 * i + Offset]); }
};
template <class K>
struct NansOf {
  using Bits = typename K::Key;
  static constexpr int kBits = 2;
  static Bits at(const Bits* in, uint64_t i) {
    return static_cast<Bits>(2 * (K::to(in[2 * i]) == K::kNaN) + (K::to(in[2 * i + 1]) == K::kNaN));
  }
};

template <class Source, class U = typename Source::Bits>
KeyRange range_of(const void* data, int64_t count) {
  const auto* in = static_cast<const U*>(data);
  const U first = Source::at(in, 0);
  U least = first, most = first, differing = 0;
  std::mutex mutex;
  over(count, true, [&](int64_t begin, int64_t end) {
    U low = first, high = first, bits = 0;
    for (auto i = static_cast<uint64_t>(begin); i < static_cast<uint64_t>(end); ++i) {
      const U key = Source::at(in, i);
      low = std::min(low, key);
      high = std::max(high, key);
      bits |= key ^ first;
    }
    const std::lock_guard lock(mutex);
    least = std::min(least, low);
    most = std::max(most, high);
    differing |= bits;
  });
  return {least, most, differing};
}

// Entries in the order of their places, by their bits from `low` on: without vectors that part them, it takes memory.
void sort_by_digits(uint64_t* words, int64_t count, int low, bool shared) {
  const auto bytes = static_cast<size_t>(count) * sizeof(uint64_t);
  const StorageRef memory = allocate(bytes);
  const auto* from = static_cast<const uint64_t*>(memory->data);
  std::memcpy(memory->data, words, bytes);
  radix::sort_row<uint64_t>(
      count, low, 64, shared, words, [from](int64_t i) { return from[i]; },
      [words](int64_t i, uint64_t word) { words[i] = word; });
}

}  // namespace

template <class Source>
void Ordering::put_bits(const void* data, const Part& part, uint64_t least, uint64_t places, Mode mode, uint64_t* words,
                        int64_t begin, int64_t end) {
  const auto* in = static_cast<const typename Source::Bits*>(data);
  const uint64_t mask = ~uint64_t{0} >> (64 - part.bits);
  const int low = part.low, shift = part.shift;
  const auto bits_at = [&](uint64_t place) { return ((Source::at(in, place) - least) >> low & mask) << shift; };
  switch (mode) {
    case Mode::first:
      for (int64_t i = begin; i < end; ++i) words[i] = bits_at(static_cast<uint64_t>(i)) | static_cast<uint64_t>(i);
      return;
    case Mode::next:
      for (int64_t i = begin; i < end; ++i) words[i] = bits_at(words[i] & places) | (words[i] & places);
      return;
    case Mode::more:
      for (int64_t i = begin; i < end; ++i) words[i] |= bits_at(words[i] & places);
      return;
  }
}

template <class Source>
void Ordering::add_key(size_t array) {
  keys_.push_back({array, 0, Source::kBits, 0, &put_bits<Source>, &range_of<Source>});
}

Ordering::Ordering(std::span<const RoutineArray> arrays, bool descending, int64_t length)
    : length_(length),
      place_bits_(std::bit_width(static_cast<uint64_t>(length - 1))),
      places_((uint64_t{1} << place_bits_) - 1) {
  for (size_t a = 0; a < arrays.size(); ++a) {
    const DType dtype = arrays[a].dtype;
    sizes_.push_back(size_of(dtype));
    with_keys<true>(real_type(dtype), descending, [&]<class K>(K) {
      if (!is_complex(dtype)) return add_key<Whole<K>>(a);
      if constexpr (K::kind == KeyKind::floating && sizeof(typename K::Key) >= 4) {
        add_key<NansOf<K>>(a);
        add_key<PartOf<K, 0>>(a);
        add_key<PartOf<K, 1>>(a);
      }
    });
  }
  int bits = 0;
  for (const Key& key : keys_) bits += key.high;
  if (bits > 64 - place_bits_)  // then it pays to know which of them differ
    for (Key& key : keys_) {
      const RoutineArray& array = arrays[key.array];
      int64_t count = 1;
      for (const int64_t size : array.shape) count *= size;
      const KeyRange range = key.range(array.data, count);
      key.low = range.differing == 0 ? key.high : std::countr_zero(range.differing);
      key.high = std::max(key.low, static_cast<int>(std::bit_width(range.most - range.least)));
      key.least = range.least;
    }
  cut_into_digits();
}

void Ordering::cut_into_digits() {
  int room = 0;
  for (size_t k = 0; k < keys_.size(); ++k)
    for (int high = keys_[k].high; high > keys_[k].low;) {
      if (room == 0) {
        digits_.emplace_back();
        room = 64 - place_bits_;
      }
      const int bits = std::min(high - keys_[k].low, room);
      high -= bits;
      room -= bits;
      digits_.back().push_back({k, high, bits, place_bits_ + room});
    }
}

void Ordering::put(const Row& row, size_t digit, bool first, uint64_t* words, int64_t count, bool shared) const {
  over(count, shared, [&](int64_t begin, int64_t end) {
    Mode mode = first ? Mode::first : Mode::next;
    for (const Part& part : digits_[digit]) {
      const Key& key = keys_[part.key];
      const auto* data = static_cast<const char*>(row.arrays[key.array]) + row.start * sizes_[key.array];
      key.put(data, part, key.least, places_, mode, words, begin, end);
      mode = Mode::more;
    }
  });
}

void Ordering::sort(size_t digit, uint64_t* words, int64_t count, bool shared) const {
  if (count < (parts::available() ? kFew : kPartedFrom))
    std::sort(words, words + count);
  else if (!parts::available())
    sort_by_digits(words, count, digits_[digit].back().shift, shared);
  else if (shared)
    parts::sort(words, count);
  else
    parts::sort_rows(words, 1, count);
}

// Words in the order of a digit -> places in the order of those that follow, too.
void Ordering::finish(const Row& row, size_t digit, uint64_t* words, int64_t count) const {
  if (digit + 1 == digits_.size()) {
    for (int64_t i = 0; i < count; ++i) words[i] &= places_;
    return;
  }
  for (int64_t begin = 0, end = 1; begin < count; begin = end++) {
    while (end < count && words[end] >> place_bits_ == words[begin] >> place_bits_) ++end;
    if (end - begin > 1) {
      put(row, digit + 1, false, words + begin, end - begin, false);
      sort(digit + 1, words + begin, end - begin, false);
      finish(row, digit + 1, words + begin, end - begin);
    } else {
      words[begin] &= places_;
    }
  }
}

// The same by all threads: they share what is long and alike, and divide the rest so that nothing alike is parted.
void Ordering::finish_shared(const Row& row, size_t digit, uint64_t* words, int64_t count) const {
  if (digit + 1 == digits_.size())
    return over(count, true, [&](int64_t begin, int64_t end) { finish(row, digit, words + begin, end - begin); });
  struct Run {
    int64_t begin, end;
  };
  const auto bits = [&](uint64_t word) { return word >> place_bits_; };
  const auto alike = [&](int64_t at) {
    const auto less = [&](uint64_t a, uint64_t b) { return bits(a) < bits(b); };
    const auto [low, high] = std::equal_range(words, words + count, words[at], less);
    return Run{low - words, high - words};
  };
  const int64_t pieces = 4 * int64_t{num_threads()}, longest = std::max(count / pieces, kSharedAlone);
  std::vector<Run> runs, long_runs;
  for (int64_t p = 1, done = 0; p <= pieces; ++p) {
    int64_t end = p * count / pieces;
    if (end <= done) continue;
    if (p < pieces) {
      const Run run = alike(end);
      if (run.begin < end && run.end - run.begin > longest) {
        if (done < run.begin) runs.push_back({done, run.begin});
        long_runs.push_back(run);
        done = run.end;
        continue;
      }
      if (run.begin < end) end = run.end;
    }
    runs.push_back({done, end});
    done = end;
  }
  const double cost = kEntryNanoseconds * static_cast<double>(count) / static_cast<double>(pieces);
  parallel_for(static_cast<int64_t>(runs.size()), 1, cost, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const Run& run = runs[static_cast<size_t>(r)];
      finish(row, digit, words + run.begin, run.end - run.begin);
    }
  });
  for (const Run& run : long_runs) {
    const int64_t length = run.end - run.begin;
    put(row, digit + 1, false, words + run.begin, length, true);
    sort(digit + 1, words + run.begin, length, true);
    finish_shared(row, digit + 1, words + run.begin, length);
  }
}

void Ordering::write(std::span<const void* const> arrays, int64_t start, uint64_t* words, int64_t rows,
                     bool shared) const {
  if (digits_.empty()) {  // all keys are equal
    for (int64_t i = 0; i < rows * length_; ++i) words[i] = static_cast<uint64_t>(i % length_);
    return;
  }
  if (shared) {
    put({arrays, start}, 0, true, words, length_, true);
    sort(0, words, length_, true);
    return finish_shared({arrays, start}, 0, words, length_);
  }
  for (int64_t row = 0; row < rows; ++row)
    put({arrays, start + row * length_}, 0, true, words + row * length_, length_, false);
  if (parts::available())
    parts::sort_rows(words, rows, length_);
  else
    for (int64_t row = 0; row < rows; ++row) sort(0, words + row * length_, length_, false);
  for (int64_t row = 0; row < rows; ++row) finish({arrays, start + row * length_}, 0, words + row * length_, length_);
}

namespace {

// The elements of `some` rows from `row` on, one row behind the other.
template <class U>
void gather_rows(const SortedRows& rows, int64_t row, int64_t some, const void* from, void* to) {
  for (int64_t i = 0; i < rows.count; ++i)
    for (int64_t r = 0; r < some; ++r)
      static_cast<U*>(to)[r * rows.count + i] = static_cast<const U*>(from)[rows.start(row + r) + i * rows.inner];
}

void gather_rows(int size, const SortedRows& rows, int64_t row, int64_t some, const void* from, void* to) {
  switch (size) {
    case 1: return gather_rows<uint8_t>(rows, row, some, from, to);
    case 2: return gather_rows<uint16_t>(rows, row, some, from, to);
    case 4: return gather_rows<uint32_t>(rows, row, some, from, to);
    case 8: return gather_rows<uint64_t>(rows, row, some, from, to);
    default: return gather_rows<std::array<uint64_t, 2>>(rows, row, some, from, to);
  }
}

}  // namespace

void run_lexsort(const RoutineArgs& args) {
  const SortedRows rows(args.inputs[0].shape, args.params[0]);
  if (rows.count == 0 || rows.rows() == 0) return;
  const std::vector<RoutineArray> keys(args.inputs.rbegin(), args.inputs.rend());
  const Ordering ordering(keys, args.params[1] != 0, rows.count);
  std::vector<const void*> data(keys.size());
  for (size_t k = 0; k < keys.size(); ++k) data[k] = keys[k].data;
  auto* out = static_cast<uint64_t*>(args.out.data);
  const double cost = kEntryNanoseconds * static_cast<double>(keys.size());
  if (rows.inner == 1)
    return for_rows(rows, cost, [&](int64_t start, int64_t some, bool shared) {
      ordering.write(data, start, out + start, some, shared);
    });
  // Rows with steps are ordered one behind the other, and their orders are written to their places.
  const bool shared = rows.count >= kLongRow;
  const int64_t together = std::clamp<int64_t>(kTogether / 4 / rows.count, 1, rows.rows());
  const auto few = [&](int64_t begin, int64_t end) {
    std::vector<StorageRef> memory(keys.size());
    std::vector<const void*> gathered(keys.size());
    for (size_t k = 0; k < keys.size(); ++k) {
      memory[k] = allocate(static_cast<size_t>(together * rows.count * size_of(keys[k].dtype)));
      gathered[k] = memory[k]->data;
    }
    const StorageRef words = allocate(static_cast<size_t>(together * rows.count) * sizeof(uint64_t));
    auto* order = static_cast<uint64_t*>(words->data);
    for (int64_t row = begin; row < end; row += together) {
      const int64_t some = std::min(together, end - row);
      for (size_t k = 0; k < keys.size(); ++k)
        gather_rows(size_of(keys[k].dtype), rows, row, some, data[k], memory[k]->data);
      ordering.write(gathered, 0, order, some, shared);
      for (int64_t i = 0; i < rows.count; ++i)
        for (int64_t r = 0; r < some; ++r) out[rows.start(row + r) + i * rows.inner] = order[r * rows.count + i];
    }
  };
  if (shared)
    few(0, rows.rows());
  else
    parallel_for(rows.rows(), 1, cost * static_cast<double>(rows.count), few);
}

}  // namespace tandem
