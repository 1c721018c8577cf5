// Batches of float32 products whose right-hand matrices differ, one after the other or, where there are enough of them,
// side by side: such a matrix is packed, and meets some rows of the left-hand one at a time. Attention is two such products
// with a kernel between them, which works on rows: they are computed, become the kernel's, and are multiplied again while
// they are in the second-level cache. However rows are cut, every element is the same chain along k.
#include <algorithm>

#include "runtime/gemm_panels.h"
#include "runtime/parallel.h"

namespace tandem {

namespace {

constexpr double kNanosecondsPerStep = 0.008;
constexpr int64_t kBetween = 8 << 10;                      // elements between two products: they stay in the cache
constexpr int64_t kFewRows = 2 * PanelTiles::kMostPlaces;  // packing is worth it from so many on
constexpr int64_t kBlocks = 3;                             // at least, for each thread

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

double steps_of(const MatmulArgs& args) {
  return static_cast<double>(args.m) * static_cast<double>(args.n) * static_cast<double>(args.k);
}

class Batch {
 public:
  Batch(const MatmulArgs& first, const ThenRows* then, const MatmulArgs* second, const PanelTiles& tiles)
      : first_(first), then_(then), second_(second), tiles_(tiles) {
    for (int i = 0; i < first.batch_rank; ++i) count_ *= first.batch[i];
    rows_ = rows_at_once(first);
    if (first.after && first.after->whole_rows) rows_ = std::min(rows_, kBetween / first.n);
    if (second) rows_ = std::min({rows_, rows_at_once(*second), kBetween / first.n});
    side_by_side_ = count_ >= 2 * num_threads();
    const int64_t blocks = side_by_side_ || num_threads() == 1 ? 1 : kBlocks * num_threads();
    rows_ = std::min(std::max(std::min(rows_, ceil_div(first.m, blocks)), kFewRows), first.m);
    rows_ = ceil_div(first.m, ceil_div(first.m, rows_));  // blocks of equal size
  }

  void run() const {
    const auto some = [&](int64_t begin, int64_t end) {
      for (int64_t number = begin; number < end; ++number) run_one(number);
    };
    const double cost = (steps_of(first_) + (second_ ? steps_of(*second_) : 0)) * kNanosecondsPerStep;
    if (side_by_side_)
      parallel_for(count_, 1, cost, some);
    else
      some(0, count_);
  }

 private:
  // A product of the batch.
  static MatmulArgs one_of(const MatmulArgs& args, int64_t number) {
    MatmulArgs one = args;
    one.batch_rank = 0;
    one.after = nullptr;
    if (args.a) one.a = static_cast<const float*>(args.a) + batch_offset(args, args.a_batch, number);
    one.b = static_cast<const float*>(args.b) + batch_offset(args, args.b_batch, number);
    if (args.out) one.out = static_cast<float*>(args.out) + number * args.m * args.n;
    return one;
  }

  StorageRef packed(const MatmulArgs& args) const {
    if (panel_elements(args) == 0) return {};
    StorageRef memory = allocate(static_cast<size_t>(panel_elements(args)) * sizeof(float));
    pack_panels(args, tiles_, static_cast<float*>(memory->data));
    return memory;
  }

  void run_one(int64_t number) const {
    const MatmulArgs first = one_of(first_, number);
    const StorageRef right = packed(first);
    MatmulArgs second{};
    StorageRef next;
    if (second_) {
      second = one_of(*second_, number);
      next = packed(second);
    }
    const int64_t between = second_ ? rows_ * first.n : 0;
    int64_t arranged = arranged_elements(rows_, first);
    if (second_) arranged = std::max(arranged, arranged_elements(rows_, second));
    const double steps = (steps_of(first) + (second_ ? steps_of(second) : 0)) / static_cast<double>(first.m);
    const double cost = static_cast<double>(rows_) * steps * kNanosecondsPerStep;
    parallel_for(ceil_div(first.m, rows_), 1, cost, [&](int64_t begin, int64_t end) {
      const StorageRef memory = allocate(static_cast<size_t>(arranged + 2 * between) * sizeof(float));
      auto* const place = static_cast<float*>(memory->data);
      for (int64_t row = begin * rows_; row < std::min(end * rows_, first.m); row += rows_) {
        const int64_t rows = std::min(rows_, first.m - row);
        float* const product = second_ ? place + arranged : static_cast<float*>(first.out) + row * first.n;
        multiply(first, row, rows, right, product, place);
        const int64_t through = number * first.m + row;
        if (first_.after) first_.after->run(first_.after->context, through, rows, 0, first.n / first_.after->parts);
        if (!second_) continue;
        float* const result = product + between;
        then_->run(then_->context, through, rows, product, result);
        MatmulArgs last = second;
        last.a = result - row * second.a_row;
        multiply(last, row, rows, next, static_cast<float*>(second.out) + row * second.n, place);
      }
    });
  }

  void multiply(MatmulArgs args, int64_t row, int64_t rows, const StorageRef& right, float* out,
                float* arranged) const {
    args.a = static_cast<const float*>(args.a) + row * args.a_row;
    args.m = rows;
    args.out = out;
    multiply_panels(args, tiles_, right ? static_cast<const float*>(right->data) : nullptr, arranged);
  }

  const MatmulArgs& first_;
  const ThenRows* then_;
  const MatmulArgs* second_;
  const PanelTiles& tiles_;
  int64_t count_ = 1;
  int64_t rows_;  // at a time
  bool side_by_side_;
};

}  // namespace

bool gemm_batch(const MatmulArgs& args, const ThenRows* then, const MatmulArgs* second, Isa isa) {
  const PanelTiles* tiles = panel_tiles(isa);
  if (!tiles || args.dtype != DType::f32) return false;
  Batch(args, then, second, *tiles).run();
  return true;
}

}  // namespace tandem
