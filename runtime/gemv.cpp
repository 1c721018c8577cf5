#include "runtime/gemv.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <type_traits>
#include <vector>

#include "runtime/copy_rows.h"
#include "runtime/gemv_loops.h"
#include "runtime/parallel.h"

namespace tandem {

namespace {

constexpr int64_t kColumns = 1024;             // of the result, which stay in the first-level cache
constexpr int64_t kLaneColumns = 512;          // of it, if there are as many for every lane
constexpr int64_t kTurned = 2048;              // elements of a part of the matrix that is turned first: as well
constexpr int64_t kTurnedColumns = 32;         // of it
constexpr int64_t kShort = 16;                 // elements of a column that is worth turning
constexpr int64_t kCopied = 4096;              // elements of a part of the matrix that is copied first
constexpr int64_t kTaskColumns = 128;          // of a thread, at least
constexpr double kNsPerByte = 0.03;            // roughly: decides only when threads are worth it
constexpr int64_t kBlock = kBlockOrder.block;  // of a dot product

template <class T>
class Gemv {
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  static constexpr int kLanes = kProductLanes<T>;

 public:
  Gemv(const MatmulArgs& args, Isa isa) : args_(args), loops_(gemv_loops<T>(isa)) {
    for (int i = 0; i < args.batch_rank; ++i) batches_ *= args.batch[i];
  }

  void run_chains() const {
    for_columns([this](int64_t batch, int64_t begin, int64_t end) { chains(batch, begin, end); });
  }

  void run_lanes() const {
    const bool along_columns = std::abs(args_.b_row) <= std::abs(args_.b_col);
    if (!along_columns) {
      for_columns([this](int64_t batch, int64_t begin, int64_t end) { lanes_of_rows(batch, begin, end); });
      return;
    }
    if (args_.k <= kShort) {
      for_columns([this](int64_t batch, int64_t begin, int64_t end) { lanes_of_short_columns(batch, begin, end); });
      return;
    }
    if (args_.a_col == 1) {
      for_columns([this](int64_t batch, int64_t begin, int64_t end) { lanes_of_columns(a(batch), batch, begin, end); });
      return;
    }
    std::vector<T> vectors(static_cast<size_t>(batches_ * args_.k));
    for (int64_t i = 0; i < batches_; ++i) copy(a(i), args_.a_col, vectors.data() + i * args_.k, args_.k);
    for_columns([&](int64_t batch, int64_t begin, int64_t end) {
      lanes_of_columns(vectors.data() + batch * args_.k, batch, begin, end);
    });
  }

  void run_dots() const {
    const int64_t blocks = (args_.k - 1) / kBlock + 1;
    std::vector<T> parts(static_cast<size_t>(batches_ * blocks));
    const double cost = static_cast<double>(std::min(args_.k, kBlock)) * 2 * sizeof(T) * kNsPerByte;
    parallel_for(batches_ * blocks, 1, cost, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) parts[static_cast<size_t>(i)] = block(i / blocks, i % blocks);
    });
    for (int64_t i = 0; i < batches_; ++i) {
      T* part = parts.data() + i * blocks;
      for (int64_t count = blocks; count > 1; count = (count + 1) / 2) {
        for (int64_t j = 0; j < count / 2; ++j) part[j] = part[2 * j] + part[2 * j + 1];
        if (count % 2 != 0) part[count / 2] = part[count - 1];
      }
      *out(i) = *part;
    }
  }

 private:
  const T* a(int64_t batch) const { return static_cast<const T*>(args_.a) + offset(batch, args_.a_batch); }
  const T* b(int64_t batch) const { return static_cast<const T*>(args_.b) + offset(batch, args_.b_batch); }
  T* out(int64_t batch) const { return static_cast<T*>(args_.out) + batch * args_.n; }

  int64_t offset(int64_t batch, const int64_t* strides) const {
    int64_t sum = 0;
    for (int i = args_.batch_rank - 1; i >= 0; batch /= args_.batch[i--]) sum += batch % args_.batch[i] * strides[i];
    return sum;
  }

  static void copy(const T* from, int64_t stride, T* to, int64_t count) {
    copy_row(reinterpret_cast<const Bits*>(from), stride, reinterpret_cast<Bits*>(to), 1, count);
  }

  // work(batch, begin, end) for parts of the columns, threads sharing them.
  template <class Work>
  void for_columns(Work&& work) const {
    const int64_t wanted = 2 * int64_t{num_threads()};
    const int64_t per_matrix = batches_ < wanted ? std::clamp<int64_t>(args_.n / kTaskColumns, 1, wanted) : 1;
    const int64_t step = ((args_.n - 1) / per_matrix / kTaskColumns + 1) * kTaskColumns;
    const int64_t tasks = (args_.n - 1) / step + 1;
    const double bytes = static_cast<double>(std::min(step, args_.n) * args_.k) * sizeof(T);
    parallel_for(batches_ * tasks, 1, bytes * kNsPerByte, [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; ++task)
        work(task / tasks, task % tasks * step, std::min(args_.n, (task % tasks + 1) * step));
    });
  }

  void chains(int64_t batch, int64_t begin, int64_t end) const {
    const T *vector = a(batch), *matrix = b(batch);
    T* result = out(batch);
    std::fill(result + begin, result + end, T{});
    const bool direct = args_.b_col == 1;
    const int64_t most = direct ? kColumns : kTurnedColumns;
    for (int64_t j = begin; j < end; j += most) {
      const int64_t columns = std::min(most, end - j);
      if (direct)
        loops_.add_rows(columns, args_.k, vector, args_.a_col, matrix + j, args_.b_row, result + j);
      else
        turned_chains(columns, vector, matrix + j * args_.b_col, result + j);
    }
  }

  void turned_chains(int64_t columns, const T* vector, const T* matrix, T* result) const {
    alignas(64) T turned[kTurned];
    const int64_t most = kTurned / columns;
    for (int64_t p = 0; p < args_.k; p += most) {
      const int64_t depth = std::min(most, args_.k - p);
      copy_turned(reinterpret_cast<const Bits*>(matrix + p * args_.b_row), args_.b_row, args_.b_col,
                  reinterpret_cast<Bits*>(turned), columns, depth, columns);
      loops_.add_rows(columns, depth, vector + p * args_.a_col, args_.a_col, turned, columns, result);
    }
  }

  // Rows of one lane after the other, each lane with sums of its own for all columns.
  void lanes_of_rows(int64_t batch, int64_t begin, int64_t end) const {
    alignas(64) T lanes[kLanes * kLaneColumns];
    for (int64_t j = begin; j < end; j += kLaneColumns)
      sum_in_lanes(std::min(kLaneColumns, end - j), a(batch), b(batch) + j * args_.b_col, args_.b_row, args_.b_col,
                   lanes, out(batch) + j);
  }

  // Columns of less than a round of lanes or little more, turned into rows of few lanes.
  void lanes_of_short_columns(int64_t batch, int64_t begin, int64_t end) const {
    alignas(64) T turned[kTurned], lanes[kLanes * kTurned / kShort];
    const int64_t most = kTurned / kShort;
    for (int64_t j = begin; j < end; j += most) {
      const int64_t columns = std::min(most, end - j);
      copy_turned(reinterpret_cast<const Bits*>(b(batch) + j * args_.b_col), args_.b_row, args_.b_col,
                  reinterpret_cast<Bits*>(turned), columns, args_.k, columns);
      sum_in_lanes(columns, a(batch), turned, columns, 1, lanes, out(batch) + j);
    }
  }

  // The elements of the matrix are `row` and `column` apart.
  void sum_in_lanes(int64_t columns, const T* vector, const T* matrix, int64_t row, int64_t column, T* lanes,
                    T* result) const {
    std::fill_n(lanes, kLanes * columns, T{});
    for (int64_t lane = 0; lane < std::min<int64_t>(kLanes, args_.k); ++lane)
      add_lane(columns, (args_.k - lane - 1) / kLanes + 1, vector + lane * args_.a_col, matrix + lane * row,
               kLanes * row, column, lanes + lane * columns);
    loops_.combine_rows(columns, lanes, columns, result);
  }

  void add_lane(int64_t columns, int64_t depth, const T* vector, const T* matrix, int64_t row, int64_t column,
                T* sums) const {
    const int64_t a_step = kLanes * args_.a_col;
    if (column == 1) return loops_.add_rows(columns, depth, vector, a_step, matrix, row, sums);
    alignas(64) T copied[kCopied];
    const int64_t most = kCopied / columns;
    for (int64_t p = 0; p < depth; p += most) {
      const int64_t rows = std::min(most, depth - p);
      for (int64_t i = 0; i < rows; ++i) copy(matrix + (p + i) * row, column, copied + i * columns, columns);
      loops_.add_rows(columns, rows, vector + p * a_step, a_step, copied, columns, sums);
    }
  }

  void lanes_of_columns(const T* vector, int64_t batch, int64_t begin, int64_t end) const {
    const T* matrix = b(batch);
    for (int64_t j = begin; j < end; j += kProductColumns) {
      const int64_t columns = std::min<int64_t>(kProductColumns, end - j);
      alignas(64) T lanes[kProductColumns * kLanes] = {};
      if (args_.b_row == 1) {
        add_columns(columns, args_.k, vector, matrix + j * args_.b_col, args_.b_col, lanes);
      } else {
        alignas(64) T copied[kCopied];
        constexpr int64_t kMost = kCopied / kProductColumns;
        for (int64_t p = 0; p < args_.k; p += kMost) {
          const int64_t depth = std::min(kMost, args_.k - p);
          for (int64_t i = 0; i < columns; ++i)
            copy(matrix + p * args_.b_row + (j + i) * args_.b_col, args_.b_row, copied + i * kMost, depth);
          add_columns(columns, depth, vector + p, copied, kMost, lanes);
        }
      }
      for (int64_t i = 0; i < columns; ++i) out(batch)[j + i] = combine<kLanes>(lanes + i * kLanes);
    }
  }

  void add_columns(int64_t columns, int64_t depth, const T* vector, const T* matrix, int64_t step, T* lanes) const {
    if (columns == kProductColumns) {
      loops_.add_columns(depth, vector, matrix, step, lanes);
    } else {
      for (int64_t i = 0; i < columns; ++i)
        loops_.add_column(depth, vector, matrix + i * step, step, lanes + i * kLanes);
    }
    const int64_t done = depth / kLanes * kLanes;
    for (int64_t i = 0; i < columns; ++i)
      add_rest(depth - done, vector + done, matrix + i * step + done, lanes + i * kLanes);
  }

  static void add_rest(int64_t count, const T* left, const T* right, T* lanes) {
    for (int64_t p = 0; p < count; ++p) {
      if constexpr (std::is_floating_point_v<T>)
        lanes[p] = std::fma(left[p], right[p], lanes[p]);
      else
        lanes[p] += left[p] * right[p];
    }
  }

  template <int Lanes>
  [[gnu::always_inline]] static T combine(T* lanes) {
    if constexpr (Lanes > 1) {
#pragma GCC unroll 16
      for (int i = 0; i < Lanes / 2; ++i) lanes[i] += lanes[i + Lanes / 2];
      return combine<Lanes / 2>(lanes);
    }
    return lanes[0];
  }

  T block(int64_t batch, int64_t index) const {
    const int64_t first = index * kBlock, count = std::min(kBlock, args_.k - first);
    T a_copy[kBlock], b_copy[kBlock];
    const T* left = contiguous(a(batch) + first * args_.a_col, args_.a_col, count, a_copy);
    const T* right = contiguous(b(batch) + first * args_.b_row, args_.b_row, count, b_copy);
    alignas(64) T lanes[kBlockOrder.lanes] = {};
    loops_.add_block(count, left, right, lanes);
    const int64_t done = count / kBlockOrder.lanes * kBlockOrder.lanes;
    add_rest(count - done, left + done, right + done, lanes);
    return combine<kBlockOrder.lanes>(lanes);
  }

  static const T* contiguous(const T* from, int64_t stride, int64_t count, T* to) {
    if (stride == 1) return from;
    copy(from, stride, to, count);
    return to;
  }

  MatmulArgs args_;
  const GemvLoops<T>& loops_;
  int64_t batches_ = 1;
};

// Types that are summed as they are. Integers wrap, signs make no difference.
template <class Work>
bool with_sum(DType dtype, Work&& work) {
  switch (dtype) {
    case DType::i32:
    case DType::u32: return work(uint32_t{}), true;
    case DType::i64:
    case DType::u64: return work(uint64_t{}), true;
    case DType::f32: return work(float{}), true;
    case DType::f64: return work(double{}), true;
    default: return false;
  }
}

}  // namespace

bool gemv(const MatmulArgs& args, Isa isa) {
  return with_sum(args.dtype, [&](auto zero) { Gemv<decltype(zero)>(args, isa).run_chains(); });
}

bool gemv_in_lanes(const MatmulArgs& args, Isa isa) {
  return with_sum(args.dtype, [&](auto zero) { Gemv<decltype(zero)>(args, isa).run_lanes(); });
}

bool dot_products(const MatmulArgs& args, Isa isa) {
  return with_sum(args.dtype, [&](auto zero) { Gemv<decltype(zero)>(args, isa).run_dots(); });
}

}  // namespace tandem
