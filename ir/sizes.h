// The sizes or strides of one array in memory.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>

#include "ir/error.h"

namespace tandem {

inline constexpr int kMaxRank = 16;

// Without a heap allocation.
class Sizes {
 public:
  Sizes() = default;
  Sizes(std::initializer_list<int64_t> values) {
    for (int64_t v : values) push_back(v);
  }
  int size() const { return rank_; }
  bool empty() const { return rank_ == 0; }
  int64_t& operator[](int k) { return values_[static_cast<size_t>(k)]; }
  int64_t operator[](int k) const { return values_[static_cast<size_t>(k)]; }
  void push_back(int64_t value) {
    if (rank_ == kMaxRank)
      throw_error(ErrorKind::shape, "tensor: got more than {} axes; need at most {}", kMaxRank, kMaxRank);
    values_[static_cast<size_t>(rank_++)] = value;
  }
  const int64_t* begin() const { return values_.data(); }
  const int64_t* end() const { return values_.data() + rank_; }
  bool operator==(const Sizes& other) const { return std::equal(begin(), end(), other.begin(), other.end()); }

 private:
  int rank_ = 0;
  std::array<int64_t, kMaxRank> values_;  // only the first rank_ are ever read
};

Sizes contiguous_strides(const Sizes& sizes);
int64_t element_count(const Sizes& sizes);  // throws Error{shape} beyond 64 bits
bool is_contiguous(const Sizes& sizes, const Sizes& strides);

}  // namespace tandem
