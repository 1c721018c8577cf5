#include "runtime/sort_parts.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "ir/error.h"
#include "runtime/parallel.h"
#include "runtime/sort_network.h"
#include "runtime/storage.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TANDEM_WIDE __attribute__((target("avx512f")))

namespace tandem::parts {

namespace {

constexpr int64_t kLongestLeaf = 512;

// How many keys the network sorts: of a few keys fewer, so that there are leaves for most lanes.
int64_t leaf_of(int64_t count) { return count < 1 << 12 ? 128 : count < 1 << 15 ? 256 : kLongestLeaf; }

constexpr double kKeyNanoseconds = 4;

template <class U>
struct Wide;

template <>
struct Wide<uint32_t> {
  static constexpr int64_t lanes = 16;
  // The lanes less than `bound` first, in either group in their order; `first`: how many of them there are.
  TANDEM_WIDE static __m512i parted(__m512i v, __m512i bound, int64_t& first) {
    const __mmask16 less = _mm512_cmplt_epu32_mask(v, bound);
    first = std::popcount(static_cast<unsigned>(less));
    const __m512i rest = _mm512_maskz_compress_epi32(static_cast<__mmask16>(~less), v);
    return _mm512_mask_compress_epi32(_mm512_maskz_expand_epi32(static_cast<__mmask16>(0xFFFFu << first), rest), less,
                                      v);
  }
  TANDEM_WIDE static __m512i all(uint32_t key) { return _mm512_set1_epi32(static_cast<int>(key)); }
};

template <>
struct Wide<uint64_t> {
  static constexpr int64_t lanes = 8;
  TANDEM_WIDE static __m512i parted(__m512i v, __m512i bound, int64_t& first) {
    const __mmask8 less = _mm512_cmplt_epu64_mask(v, bound);
    first = std::popcount(static_cast<unsigned>(less));
    const __m512i rest = _mm512_maskz_compress_epi64(static_cast<__mmask8>(~less), v);
    return _mm512_mask_compress_epi64(_mm512_maskz_expand_epi64(static_cast<__mmask8>(0xFFu << first), rest), less, v);
  }
  TANDEM_WIDE static __m512i all(uint64_t key) { return _mm512_set1_epi64(static_cast<int64_t>(key)); }
};

// Puts the keys less than `bound` first and returns how many there are. Both ends are set aside; what lies between is read
// from the side that has less room, so that on either side there is always room for what is written.
template <class U>
TANDEM_WIDE int64_t part(U* keys, int64_t count, U bound) {
  constexpr int64_t kLanes = Wide<U>::lanes, kStep = 4 * kLanes;
  int64_t low = 0, high = count;  // where the next keys go, upwards and, before it, downwards
  U aside[3 * kStep];
  int64_t set_aside = count;
  const __m512i bounds = Wide<U>::all(bound);
  if (count >= 3 * kStep) {
    const int64_t behind = kStep + count % kStep;
    set_aside = kStep + behind;
    std::memcpy(aside, keys, kStep * sizeof(U));
    std::memcpy(aside + kStep, keys + count - behind, static_cast<size_t>(behind) * sizeof(U));
    int64_t left = kStep, right = count - behind;  // what is not read yet
    while (left < right) {
      const bool from_left = left - low <= high - right;
      const U* from = keys + (from_left ? left : right - kStep);
      __m512i some[4];
      for (int64_t k = 0; k < 4; ++k) some[k] = _mm512_loadu_si512(from + k * kLanes);
      (from_left ? left : right) += from_left ? kStep : -kStep;
      for (int64_t k = 0; k < 4; ++k) {
        int64_t first;
        const __m512i turned = Wide<U>::parted(some[k], bounds, first);
        _mm512_storeu_si512(keys + low, turned);
        _mm512_storeu_si512(keys + high - kLanes, turned);
        low += first;
        high -= kLanes - first;
      }
    }
  } else {
    std::memcpy(aside, keys, static_cast<size_t>(count) * sizeof(U));
  }
  int64_t i = 0;
  for (; set_aside - i >= 2 * kLanes; i += kLanes) {
    int64_t first;
    const __m512i turned = Wide<U>::parted(_mm512_loadu_si512(aside + i), bounds, first);
    _mm512_storeu_si512(keys + low, turned);
    _mm512_storeu_si512(keys + high - kLanes, turned);
    low += first;
    high -= kLanes - first;
  }
  for (; i < set_aside; ++i) {
    const U key = aside[i];
    keys[low] = keys[high - 1] = key;
    const bool less = key < bound;
    low += less ? 1 : 0;
    high -= less ? 0 : 1;
  }
  return low;
}

// The middle one of some keys, which lie evenly apart.
template <class U>
U middle_of(const U* keys, int64_t count) {
  constexpr int64_t kMost = 63;
  const int64_t few = count < 1024 ? 5 : count < 65536 ? 15 : kMost;
  U some[kMost];
  for (int64_t k = 0; k < few; ++k) some[k] = keys[(2 * k + 1) * count / (2 * few)];
  std::nth_element(some, some + few / 2, some + few);
  return some[few / 2];
}

// Short parts, sorted side by side when there are as many as lanes.
template <class U>
class Leaves {
 public:
  explicit Leaves(int64_t count)
      : size(leaf_of(count)),
        memory_(allocate(static_cast<size_t>((size + network::places(size)) * network::kVectorBytes))) {}
  const int64_t size;  // the most keys that a leaf has
  void add(U* keys, int64_t count) {
    if (count < 2) return;
    keys_[filled_] = keys;
    counts_[filled_] = count;
    longest_ = std::max(longest_, count);
    if (++filled_ == kLanes) flush();
  }
  void flush() {
    if (filled_ == 0) return;
    auto* entries = static_cast<U*>(memory_->data);
    U* rows = entries + network::places(size) * kLanes;
    for (int64_t l = 0; l < filled_; ++l) {
      std::memcpy(rows + l * longest_, keys_[l], static_cast<size_t>(counts_[l]) * sizeof(U));
      std::memset(rows + l * longest_ + counts_[l], 0xFF, static_cast<size_t>(longest_ - counts_[l]) * sizeof(U));
    }
    network::sort_rows(rows, filled_, longest_, entries);
    for (int64_t l = 0; l < filled_; ++l)
      std::memcpy(keys_[l], rows + l * longest_, static_cast<size_t>(counts_[l]) * sizeof(U));
    filled_ = longest_ = 0;
  }

 private:
  static constexpr int64_t kLanes = network::Lanes<U>::count;
  U* keys_[kLanes];
  int64_t counts_[kLanes];
  int64_t filled_ = 0, longest_ = 0;
  StorageRef memory_;
};

// Parts the keys in two, neither of which holds all of them, and returns the size of the first; 0: the first `equal` keys
// are one key, the least.
template <class U>
int64_t divide(U* keys, int64_t count, int64_t& equal) {
  const U bound = middle_of(keys, count);
  const int64_t less = part(keys, count, bound);
  if (less > 0) return less;
  equal = bound == static_cast<U>(-1) ? count : part(keys, count, static_cast<U>(bound + 1));
  return 0;
}

template <class U>
void sort_part(U* keys, int64_t count, int depth, Leaves<U>& leaves) {
  while (count > leaves.size) {
    if (depth-- == 0) return std::sort(keys, keys + count);  // the middles were none
    int64_t equal = 0;
    const int64_t less = divide(keys, count, equal);
    if (less == 0) {
      keys += equal;
      count -= equal;
    } else {
      sort_part(keys, less, depth, leaves);
      keys += less;
      count -= less;
    }
  }
  leaves.add(keys, count);
}

int deepest(int64_t count) { return 2 * std::bit_width(static_cast<uint64_t>(count)); }

template <class U>
void sort_keys(U* keys, int64_t count) {
  struct Piece {
    U* keys;
    int64_t count;
  };
  std::vector<Piece> pieces = {{keys, count}};
  const auto wanted = 4 * static_cast<size_t>(num_threads());
  constexpr int64_t kShared = 1 << 13;
  // Twice as many pieces by every round, and at first fewer than threads; so few rounds are not worth more.
  for (bool divided = num_threads() > 1; divided && pieces.size() < wanted;) {
    std::vector<Piece> next(2 * pieces.size());
    parallel_for(static_cast<int64_t>(pieces.size()), 1,
                 static_cast<double>(count) / static_cast<double>(pieces.size()), [&](int64_t begin, int64_t end) {
                   for (auto p = static_cast<size_t>(begin); p < static_cast<size_t>(end); ++p) {
                     const Piece piece = pieces[p];
                     int64_t equal = 0;
                     const int64_t less = piece.count > kShared ? divide(piece.keys, piece.count, equal) : 0;
                     next[2 * p] = {piece.keys, less};
                     next[2 * p + 1] = {piece.keys + less + equal, piece.count - less - equal};
                   }
                 });
    std::erase_if(next, [](const Piece& piece) { return piece.count < 2; });
    divided = next.size() > pieces.size();
    pieces = std::move(next);
  }
  if (pieces.empty()) return;
  const double cost = kKeyNanoseconds * static_cast<double>(count) / static_cast<double>(pieces.size());
  parallel_for(static_cast<int64_t>(pieces.size()), 1, cost, [&](int64_t begin, int64_t end) {
    Leaves<U> leaves(count);
    for (auto p = static_cast<size_t>(begin); p < static_cast<size_t>(end); ++p)
      sort_part(pieces[p].keys, pieces[p].count, deepest(count), leaves);
    leaves.flush();
  });
}

template <class U>
void sort_each_row(U* keys, int64_t rows, int64_t count) {
  Leaves<U> leaves(rows * count);
  for (int64_t row = 0; row < rows; ++row) sort_part(keys + row * count, count, deepest(count), leaves);
  leaves.flush();
}

}  // namespace

bool available() {
  static const bool has_it = __builtin_cpu_supports("avx512f");
  return has_it;
}

void sort(uint32_t* keys, int64_t count) { sort_keys(keys, count); }
void sort(uint64_t* keys, int64_t count) { sort_keys(keys, count); }
void sort_rows(uint32_t* keys, int64_t rows, int64_t count) { sort_each_row(keys, rows, count); }
void sort_rows(uint64_t* keys, int64_t rows, int64_t count) { sort_each_row(keys, rows, count); }

}  // namespace tandem::parts

#else

namespace tandem::parts {

namespace {
void fail() { check_internal(false, "there are no vectors to part keys by"); }
}  // namespace

bool available() { return false; }
void sort(uint32_t*, int64_t) { fail(); }
void sort(uint64_t*, int64_t) { fail(); }
void sort_rows(uint32_t*, int64_t, int64_t) { fail(); }
void sort_rows(uint64_t*, int64_t, int64_t) { fail(); }

}  // namespace tandem::parts

#endif
