// One matrix of the batch after the other, or, where there are enough of them, side by side: right-hand matrices are
// packed, and some rows at a time go through the products and kernels. Sums along rows come when some rows are done with
// all else: threads share their columns, and each adds its own part, so that the order is that of the rows.
#include "runtime/rows.h"

#include <algorithm>
#include <vector>

#include "runtime/copy_rows.h"
#include "runtime/gemm_panels.h"
#include "runtime/parallel.h"

namespace tandem {

namespace {

constexpr double kNanosecondsPerStep = 0.008;
constexpr int64_t kBetween = 8 << 10;  // elements of a buffer: they stay in the cache
// From so many rows on packing is worth it, and going through a sum.
constexpr int64_t kFewRows = 2 * PanelTiles::kMostPlaces, kFewSummed = 2 * kFewRows;
constexpr int64_t kBlocks = 3;     // at least, for each thread
constexpr int64_t kSumPanels = 8;  // of a sum, for a thread at a time

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

double steps_of(const MatmulArgs& args) {
  return static_cast<double>(args.m) * static_cast<double>(args.n) * static_cast<double>(args.k);
}

const float* floats(const void* data) { return static_cast<const float*>(data); }

// A product or sum of one matrix of the batch.
struct One {
  const RowStep* step;
  MatmulArgs args;
  StorageRef packed = {};  // its right-hand matrix
  // A sum of a turned left-hand matrix is made turned, so that either kind reads a buffer as it lies: the buffer is then
  // the right-hand matrix.
  StorageRef turned = {};
  const char* other = nullptr;  // the other operand of a sum, and from one row to the next
  int64_t other_row = 0;
};

class Chain {
 public:
  Chain(const RowChain& chain, const PanelTiles& tiles)
      : chain_(chain), tiles_(tiles), side_by_side_(chain.matrices >= 2 * num_threads()), rows_(chain.rows) {
    int64_t width = chain.whole;
    for (const int64_t bytes : chain.row_bytes) width = std::max(width, bytes / static_cast<int64_t>(sizeof(float)));
    if (width > 0) rows_ = std::min(rows_, kBetween / width);
    for (const RowStep& step : chain.steps) {
      sums_ = sums_ || step.kind == RowStep::Kind::sum;
      if (step.kind == RowStep::Kind::product) rows_ = std::min(rows_, rows_at_once(step.args));
      const double batch = step.kind == RowStep::Kind::kernel ? step.cost : steps_of(step.args) * kNanosecondsPerStep;
      cost_ += step.kind == RowStep::Kind::kernel ? batch * static_cast<double>(chain.rows) : batch;
    }
    const bool alone = side_by_side_ || num_threads() == 1;
    rows_ = std::max(std::min(rows_, ceil_div(chain.rows, alone ? 1 : kBlocks * num_threads())),
                     sums_ ? kFewSummed : kFewRows);
    rows_ = ceil_div(chain.rows, ceil_div(chain.rows, rows_));  // blocks of equal size
    stretch_ = sums_ ? std::min(rows_ * (alone ? 1 : num_threads()), chain.rows) : chain.rows;
  }

  void run() const {
    const auto some = [&](int64_t begin, int64_t end) {
      for (int64_t number = begin; number < end; ++number) run_one(number);
    };
    if (side_by_side_)
      parallel_for(chain_.matrices, 1, cost_, some);
    else
      some(0, chain_.matrices);
  }

 private:
  // Where the buffers of some rows begin, in one piece of memory behind `arranged`, and which is their first row.
  struct Buffers {
    StorageRef memory;
    std::vector<char*> places;
    int64_t first;
  };
  Buffers buffers(int64_t first, int64_t rows, int64_t more) const {
    constexpr int64_t kLine = 64;
    const auto bytes = [&](int64_t row_bytes) { return ceil_div(rows * row_bytes, kLine) * kLine; };
    int64_t all = ceil_div(more, kLine) * kLine;
    Buffers made{{}, std::vector<char*>(chain_.row_bytes.size()), first};
    std::vector<int64_t> begins;
    for (const int64_t row_bytes : chain_.row_bytes) begins.push_back(all), all += bytes(row_bytes);
    made.memory = allocate(static_cast<size_t>(all));
    for (size_t i = 0; i < begins.size(); ++i) made.places[i] = static_cast<char*>(made.memory->data) + begins[i];
    return made;
  }
  char* place(const Buffers& buffers, int buffer, int64_t row) const {
    const auto b = static_cast<size_t>(buffer);
    return buffers.places[b] + (row - buffers.first) * chain_.row_bytes[b];
  }

  One one_of(const RowStep& step, int64_t number) const {
    One one{&step, step.args};
    MatmulArgs& args = one.args;
    args.batch_rank = 0;
    args.after = nullptr;
    if (step.left < 0) args.a = floats(args.a) + batch_offset(step.args, args.a_batch, number);
    if (step.right < 0) args.b = floats(args.b) + batch_offset(step.args, args.b_batch, number);
    if (step.out < 0) args.out = static_cast<float*>(args.out) + number * args.m * args.n;
    if (step.kind == RowStep::Kind::product) {
      if (panel_elements(args) == 0) return one;
      one.packed = allocate(static_cast<size_t>(panel_elements(args)) * sizeof(float));
      pack_panels(args, tiles_, static_cast<float*>(one.packed->data));
      return one;
    }
    if (step.left >= 0) {
      std::swap(args.m, args.n);
      args.a = args.b;
      args.a_row = std::exchange(args.b_col, 1);
      args.a_col = std::exchange(args.b_row, args.n);
      one.turned = allocate(static_cast<size_t>(args.m * args.n) * sizeof(float));
      args.out = one.turned->data;
    }
    one.other = static_cast<const char*>(args.a);
    one.other_row = args.a_col * static_cast<int64_t>(sizeof(float));
    return one;
  }

  void run_one(int64_t number) const {
    std::vector<One> steps, sums;
    int64_t arranged = 0;
    for (const RowStep& step : chain_.steps) {
      if (step.kind == RowStep::Kind::sum) {
        sums.push_back(one_of(step, number));
        continue;
      }
      steps.push_back(step.kind == RowStep::Kind::product ? one_of(step, number) : One{&step, {}});
      if (step.kind == RowStep::Kind::product)
        arranged = std::max(arranged, arranged_elements(rows_, step.args) * static_cast<int64_t>(sizeof(float)));
    }
    for (int64_t row = 0; row < chain_.rows; row += stretch_) {
      const int64_t rows = std::min(stretch_, chain_.rows - row);
      Buffers shared;
      if (sums_) shared = buffers(row, rows, 0);
      const double cost = cost_ / static_cast<double>(chain_.rows) * static_cast<double>(rows_);
      parallel_for(ceil_div(rows, rows_), 1, cost, [&](int64_t begin, int64_t end) {
        Buffers own = buffers(0, sums_ ? 0 : rows_, arranged);
        if (sums_) own.places = shared.places, own.first = row;
        for (int64_t at = row + begin * rows_; at < std::min(row + end * rows_, row + rows); at += rows_) {
          if (!sums_) own.first = at;
          for (const One& step : steps) run_step(step, number, at, std::min(rows_, row + rows - at), own);
        }
      });
      add(sums, row, rows, shared);
    }
    for (const One& sum : sums)
      if (sum.turned)
        copy_turned(static_cast<const uint32_t*>(sum.turned->data), 1, sum.args.n,
                    static_cast<uint32_t*>(sum.step->args.out) + number * sum.args.m * sum.args.n, sum.args.m,
                    sum.args.n, sum.args.m);
  }

  void run_step(const One& one, int64_t number, int64_t row, int64_t rows, const Buffers& buffers) const {
    const RowStep& step = *one.step;
    const int64_t through = number * chain_.rows + row;
    if (step.kind == RowStep::Kind::kernel) {
      std::vector<char*> first(chain_.row_bytes.size());
      for (size_t i = 0; i < first.size(); ++i)
        first[i] = place(buffers, static_cast<int>(i), row) - through * chain_.row_bytes[i];
      return step.run(step.context, through, rows, first.data());
    }
    MatmulArgs args = one.args;
    args.m = rows;
    args.a =
        step.left < 0 ? static_cast<const void*>(floats(args.a) + row * args.a_row) : place(buffers, step.left, row);
    args.out =
        step.out < 0 ? static_cast<void*>(static_cast<float*>(args.out) + row * args.n) : place(buffers, step.out, row);
    multiply_panels(args, tiles_, one.packed ? floats(one.packed->data) : nullptr,
                    static_cast<float*>(buffers.memory->data));
  }

  // Adds what rows [row, row + rows), all that are in the buffers, have to each sum.
  void add(std::span<const One> sums, int64_t row, int64_t rows, const Buffers& buffers) const {
    if (sums.empty()) return;
    struct Piece {
      const One* sum;
      int64_t panel, panels;
    };
    std::vector<Piece> pieces;
    double cost = 0;
    for (const One& sum : sums) {
      const int64_t panels = ceil_div(sum.args.n, kPanel);
      const int64_t most = side_by_side_ ? panels : std::max(ceil_div(panels, kBlocks * num_threads()), kSumPanels);
      for (int64_t panel = 0; panel < panels; panel += most)
        pieces.push_back({&sum, panel, std::min(most, panels - panel)});
      cost += steps_of(sum.args) / static_cast<double>(chain_.rows) * static_cast<double>(rows) * kNanosecondsPerStep;
    }
    const auto count = static_cast<int64_t>(pieces.size());
    parallel_for(count, 1, cost / static_cast<double>(count), [&](int64_t begin, int64_t end) {
      int64_t elements = 0;
      for (const One& sum : sums) elements = std::max(elements, passing_elements(sum.args.m, rows));
      const StorageRef memory = allocate(static_cast<size_t>(elements) * sizeof(float));
      for (int64_t i = begin; i < end; ++i) {
        const Piece& piece = pieces[static_cast<size_t>(i)];
        const RowStep& step = *piece.sum->step;
        MatmulArgs args = piece.sum->args;
        args.k = rows;
        args.a = piece.sum->other + row * piece.sum->other_row;
        args.b = place(buffers, step.left < 0 ? step.right : step.left, row);
        add_panels(args, tiles_, piece.panel, piece.panels, row > 0, static_cast<float*>(memory->data));
      }
    });
  }

  const RowChain& chain_;
  const PanelTiles& tiles_;
  bool side_by_side_;
  bool sums_ = false;
  int64_t rows_;     // at a time
  int64_t stretch_;  // rows that are there before sums are added to
  double cost_ = 0;  // of a matrix
};

}  // namespace

bool run_rows(const RowChain& chain, Isa isa) {
  const PanelTiles* tiles = panel_tiles(isa);
  if (!tiles) return false;
  Chain(chain, *tiles).run();
  return true;
}

bool gemm_batch(const MatmulArgs& args, Isa isa) {
  if (args.dtype != DType::f32) return false;
  const auto after = [](void* context, int64_t row, int64_t rows, char* const*) {
    const auto& all = *static_cast<const MatmulArgs*>(context);
    all.after->run(all.after->context, row, rows, 0, all.n / all.after->parts);
  };
  const RowStep steps[] = {{.kind = RowStep::Kind::product, .args = args},
                           {.kind = RowStep::Kind::kernel, .run = after, .context = const_cast<MatmulArgs*>(&args)}};
  int64_t matrices = 1;
  for (int i = 0; i < args.batch_rank; ++i) matrices *= args.batch[i];
  return run_rows(
      {{steps, args.after ? 2U : 1U}, {}, matrices, args.m, args.after && args.after->whole_rows ? args.n : 0}, isa);
}

}  // namespace tandem
