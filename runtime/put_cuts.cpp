#include "runtime/put_cuts.h"

#include <algorithm>
#include <limits>

#include "runtime/gemm.h"
#include "runtime/parallel.h"
#include "runtime/vector_width.h"

namespace tandem {

namespace {

constexpr int64_t kBlock = 256;
constexpr int64_t kSamples = 32;
constexpr double kIndexNanoseconds = 0.2;

struct Range {
  int64_t low = std::numeric_limits<int64_t>::max(), high = std::numeric_limits<int64_t>::min();
  void add(const Range& other) {
    low = std::min(low, other.low);
    high = std::max(high, other.high);
  }
};

[[gnu::always_inline]] inline void ranges_of(const int64_t* indices, int64_t count, Range* out) {
  for (; count > 0; count -= kBlock, indices += kBlock) {
    Range range;
    for (int64_t i = 0; i < std::min(count, kBlock); ++i) range.add({indices[i], indices[i]});
    *out++ = range;
  }
}

void ranges_generic(const int64_t* indices, int64_t count, Range* out) { ranges_of(indices, count, out); }
#if defined(__x86_64__)
__attribute__((target("avx512f,avx512dq" TANDEM_WIDEST))) void ranges_avx512(const int64_t* indices, int64_t count,
                                                                             Range* out) {
  ranges_of(indices, count, out);
}
#endif

Range samples(const int64_t* indices, int64_t count) {
  Range range;
  for (int64_t i = 0; i < kSamples; ++i) {
    const int64_t index = indices[i * (count - 1) / (kSamples - 1)];
    range.add({index, index});
  }
  return range;
}

class Cutter {
 public:
  Cutter(const int64_t* indices, int64_t count)
      : indices_(indices), count_(count), blocks_((count - 1) / kBlock + 1), before_(size()), after_(size()) {
    auto ranges = ranges_generic;
#if defined(__x86_64__)
    if (best_isa() == Isa::avx512) ranges = ranges_avx512;
#endif
    std::vector<Range> own(static_cast<size_t>(blocks_));
    parallel_for(blocks_, 1, kBlock * kIndexNanoseconds, [&](int64_t begin, int64_t end) {
      ranges(indices + begin * kBlock, std::min(count, end * kBlock) - begin * kBlock, own.data() + begin);
    });
    Range all;
    for (size_t b = 0; b < own.size(); ++b) {
      all.add(own[b]);
      before_[b + 1] = all;
    }
    all = {};
    for (size_t b = own.size(); b-- > 0;) {
      all.add(own[b]);
      after_[b] = all;
    }
  }

  int64_t lowest() const { return after_[0].low; }

  // The cut next to `wanted` and less than `most` away from it, or -1.
  int64_t near(int64_t wanted, int64_t most) const {
    for (int64_t distance = 0; distance * kBlock < most; ++distance)
      for (const int64_t block : {wanted / kBlock - distance, wanted / kBlock + distance})
        if (block >= 0 && block < blocks_)
          if (const int64_t cut = inside(block); cut > 0) return cut;
    return -1;
  }

 private:
  size_t size() const { return static_cast<size_t>(blocks_) + 1; }

  // Cuts between the first element of a block and the one behind it.
  int64_t inside(int64_t block) const {
    const auto b = static_cast<size_t>(block);
    if (before_[b].high >= after_[b + 1].low) return -1;  // what is in between only adds to both
    const int64_t begin = block * kBlock, end = std::min(count_, begin + kBlock);
    int64_t low[kBlock + 1];
    low[end - begin] = after_[b + 1].low;
    for (int64_t i = end; i-- > begin;) low[i - begin] = std::min(low[i - begin + 1], indices_[i]);
    int64_t high = before_[b].high;
    for (int64_t i = begin; i < end; ++i) {
      if (i > 0 && high < low[i - begin]) return i;
      high = std::max(high, indices_[i]);
    }
    return -1;
  }

  const int64_t* indices_;
  int64_t count_, blocks_;
  std::vector<Range> before_, after_;  // of all blocks before one, and from it on
};

}  // namespace

std::vector<int64_t> disjoint_cuts(const int64_t* indices, int64_t count, int64_t parts) {
  std::vector<int64_t> none = {0, count};
  const int64_t quarter = count / 4;
  if (parts < 2 || quarter < kSamples) return none;
  if (samples(indices, quarter).high >= samples(indices + count - quarter, quarter).low) return none;
  const Cutter cutter(indices, count);
  if (cutter.lowest() < 0) return none;  // counted from the end: places are in another order
  std::vector<int64_t> cuts = {0};
  for (int64_t part = 1; part < parts; ++part)
    if (const int64_t cut = cutter.near(count * part / parts, count / parts / 2); cut > cuts.back())
      cuts.push_back(cut);
  cuts.push_back(count);
  return cuts;
}

}  // namespace tandem
