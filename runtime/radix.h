// A stable radix sort from the lowest digit on, shared by threads, and the sorts of rows that are too short for it.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "runtime/parallel.h"
#include "runtime/storage.h"

namespace tandem::radix {

// What is sorted besides plain keys: a key and where it came from. Sixty-four bits hold both when they fit.
struct Pair {
  uint64_t key, index;
  friend bool operator<(const Pair& a, const Pair& b) { return a.key != b.key ? a.key < b.key : a.index < b.index; }
};

// Bits [low, low + 64) of an entry, as digits are cut from them.
template <class Entry>
uint64_t bits_of(const Entry& entry, int low) {
  if constexpr (std::is_same_v<Entry, Pair>)
    return entry.key >> low;
  else
    return static_cast<uint64_t>(entry) >> low;
}

constexpr int64_t kShareFrom = 1 << 16;  // entries; fewer are sorted on one thread

// Sorts `count` entries by their bits [low, high). `load(i)` gives entry i, `store(i, entry)` takes the i-th smallest;
// every entry is loaded twice, in any order. Entries with equal bits keep their order. `spare`: memory for as many entries
// that `store` may write to, and `load` does not read; or null.
template <class Entry, int Bits, class Load, class Store>
void sort_by_digits(int64_t count, int low, int high, bool shared, Entry* spare, const Load& load, const Store& store) {
  constexpr int64_t kDigits = int64_t{1} << Bits;
  const int passes = (high - low + Bits - 1) / Bits;
  const int64_t pieces = shared && count >= kShareFrom ? num_threads() : 1;
  const int64_t piece = (count + pieces - 1) / pieces;
  const auto each_piece = [&](const auto& body) {
    if (pieces == 1) return body(0, 0, count);
    parallel_for(pieces, 1, static_cast<double>(piece), [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) body(p, std::min(p * piece, count), std::min((p + 1) * piece, count));
    });
  };
  using Offset = int64_t;
  std::vector<Offset> counts(static_cast<size_t>(pieces * passes * kDigits));
  const auto row = [&](int64_t p, int pass) { return counts.data() + (p * passes + pass) * kDigits; };
  each_piece([&](int64_t p, int64_t begin, int64_t end) {
    Offset* here = row(p, 0);
    for (int64_t i = begin; i < end; ++i) {
      uint64_t bits = bits_of(load(i), low);
      for (int pass = 0; pass < passes; ++pass, bits >>= Bits)
        ++here[pass * kDigits + static_cast<int64_t>(bits & (kDigits - 1))];
    }
  });
  // A digit that all entries share orders nothing.
  std::vector<int> active;
  for (int pass = 0; pass < passes; ++pass)
    for (int64_t d = 0; d < kDigits; ++d) {
      int64_t total = 0;
      for (int64_t p = 0; p < pieces; ++p) total += row(p, pass)[d];
      if (total == 0) continue;
      if (total < count) active.push_back(pass);
      break;
    }
  if (active.empty()) {
    for (int64_t i = 0; i < count; ++i) store(i, load(i));
    return;
  }
  // The last pass reads one of two buffers; what the other one holds is no longer needed when results are stored.
  StorageRef memory[2];
  Entry* buffers[2] = {};
  for (size_t b = 0; b < std::min<size_t>(active.size() - 1, 2); ++b) {
    if (spare && b == (active.size() - 1) % 2) {
      buffers[b] = spare;
      continue;
    }
    memory[b] = allocate(static_cast<size_t>(count) * sizeof(Entry));
    buffers[b] = static_cast<Entry*>(memory[b]->data);
  }
  for (size_t k = 0; k < active.size(); ++k) {
    const int pass = active[k], shift = low + pass * Bits;
    const auto digit = [shift](const Entry& entry) {
      return static_cast<size_t>(bits_of(entry, shift) & (kDigits - 1));
    };
    const Entry* from = k == 0 ? nullptr : buffers[(k - 1) % 2];
    // Which entries a piece holds has changed since they were counted; of one piece it cannot.
    if (k > 0 && pieces > 1)
      each_piece([&](int64_t p, int64_t begin, int64_t end) {
        Offset* here = row(p, pass);
        std::fill_n(here, kDigits, 0);
        for (int64_t i = begin; i < end; ++i) ++here[digit(from[i])];
      });
    int64_t start = 0;
    for (int64_t d = 0; d < kDigits; ++d)
      for (int64_t p = 0; p < pieces; ++p) start += std::exchange(row(p, pass)[d], start);
    const auto scatter = [&](const auto& read, const auto& write) {
      each_piece([&](int64_t p, int64_t begin, int64_t end) {
        Offset* here = row(p, pass);
        for (int64_t i = begin; i < end; ++i) {
          const Entry entry = read(i);
          write(here[digit(entry)]++, entry);
        }
      });
    };
    Entry* to = buffers[k % 2];
    const auto read = [from](int64_t i) { return from[i]; };
    const auto write = [to](int64_t i, const Entry& entry) { to[i] = entry; };
    const bool first = k == 0, last = k + 1 == active.size();
    if (first && last)
      scatter(load, store);
    else if (first)
      scatter(load, write);
    else if (last)
      scatter(read, store);
    else
      scatter(read, write);
  }
}

constexpr int64_t kCompared = 256;  // up to so many entries comparisons are faster than digits
constexpr int64_t kFewEntries = 1 << 15;

template <class Entry, class Load, class Store>
void sort_row(int64_t count, int low, int high, bool shared, Entry* spare, const Load& load, const Store& store) {
  if (count <= kCompared) {
    std::array<Entry, kCompared> few;
    for (int64_t i = 0; i < count; ++i) few[static_cast<size_t>(i)] = load(i);
    std::sort(few.begin(), few.begin() + count);
    for (int64_t i = 0; i < count; ++i) store(i, few[static_cast<size_t>(i)]);
  } else if (count <= kFewEntries || high - low <= 8) {
    sort_by_digits<Entry, 8>(count, low, high, shared, spare, load, store);
  } else {
    sort_by_digits<Entry, 11>(count, low, high, shared, spare, load, store);
  }
}

}  // namespace tandem::radix
