// Cut into tasks of rows x columns of the result, which share nothing. A task walks k in blocks; for each it packs the
// columns of b, then, some rows at a time, a, and runs the register tiles over them.
//
// A product of complex matrices is one of real ones with twice as many columns on both sides: a as it lies in memory, re
// and im in turn, times b with [re im] over [-im re] for every number. The result then lies in memory as it should.
#include "runtime/gemm.h"

#include <algorithm>
#include <bit>
#include <complex>
#include <cstdlib>
#include <type_traits>

#include "ir/error.h"
#include "runtime/copy_rows.h"
#include "runtime/gemm_tile.h"
#include "runtime/gemv.h"
#include "runtime/parallel.h"
#include "runtime/sixteen.h"
#include "runtime/storage.h"

namespace tandem {

namespace {

constexpr int64_t kDepth = 256;      // of a block of k: a tile's columns of b stay in the first-level cache
constexpr int64_t kPackedRows = 96;  // of a: stay in the second-level cache
constexpr int64_t kTaskRows = 768;
constexpr int64_t kTaskColumns = 512;
constexpr double kNsPerStep = 0.03;  // one multiply-add, roughly: decides only when threads are worth it

constexpr int64_t round_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

// Storage types of the 16-bit floats.
struct Half {
  uint16_t bits;
};
struct Bfloat {
  uint16_t bits;
};

// Without branches, so that whole rows are converted with vectors. Same bits as half_to_float.
float widen(Half half) {
  const uint32_t magnitude = static_cast<uint32_t>(half.bits & 0x7FFF) << 13;
  const float subnormal = static_cast<float>(half.bits & 0x3FF) * 0x1p-24f;
  const uint32_t quiet = magnitude > 0x0F800000u ? 0x400000u : 0u;
  const uint32_t normal = magnitude >= 0x0F800000u ? magnitude | 0x7F800000u | quiet : magnitude + 0x38000000u;
  const uint32_t value = magnitude < 0x00800000u ? std::bit_cast<uint32_t>(subnormal) : normal;
  return std::bit_cast<float>(value | static_cast<uint32_t>(half.bits & 0x8000) << 16);
}
float widen(Bfloat value) { return std::bit_cast<float>(static_cast<uint32_t>(value.bits) << 16); }

template <class Sum, class Element>
Sum load(Element element) {
  if constexpr (std::is_same_v<Element, Half> || std::is_same_v<Element, Bfloat>)
    return widen(element);
  else
    return static_cast<Sum>(element);
}

template <class Element, class Sum>
Element store(Sum sum) {
  if constexpr (std::is_same_v<Element, bool>)
    return sum != 0;
  else
    return static_cast<Element>(sum);
}

// One matrix product of the batch.
template <class Element>
struct Problem {
  const Element *a, *b;
  Element* out;
};

template <class Element, class Sum>
class Gemm {
 public:
  Gemm(const MatmulArgs& args, Isa isa)
      : args_(args), tiles_(tiles_for<Sum>(isa)), columns_(kParts * args.n), depth_(kParts * args.k) {
    task_rows_ = std::min(args.m, kTaskRows);
    task_columns_ = std::min(columns_, kTaskColumns);
    batches_ = 1;
    for (int i = 0; i < args.batch_rank; ++i) batches_ *= args.batch[i];
    cut_for_threads();
  }

  void run() const {
    const double cost = static_cast<double>(task_rows_ * task_columns_) * static_cast<double>(depth_) * kNsPerStep;
    parallel_for(tasks(), 1, cost, [this](int64_t begin, int64_t end) {
      const int64_t width = round_up(task_columns_, tiles_.width);
      const int64_t depth = std::min(depth_, kDepth);
      const int64_t a_size = round_up(std::min(task_rows_, kPackedRows), 16) * depth;
      const int64_t b_size = b_is_direct() ? tiles_.width * depth : width * depth;
      const int64_t sum_size = kDirectSum ? 0 : task_rows_ * width;
      const StorageRef memory = allocate(static_cast<size_t>(a_size + b_size + sum_size) * sizeof(Sum));
      Sum* packed_a = static_cast<Sum*>(memory->data);
      for (int64_t task = begin; task < end; ++task)
        run_task(task, packed_a, packed_a + a_size, packed_a + a_size + b_size);
    });
  }

 private:
  // When elements are summed in their own type, the result itself holds the sums between blocks of k.
  static constexpr int64_t kParts = std::is_same_v<Element, std::complex<Sum>> ? 2 : 1;
  static constexpr bool kDirectSum = sizeof(Element) == kParts * sizeof(Sum) && !std::is_same_v<Element, bool>;

  int64_t row_tasks() const { return (args_.m - 1) / task_rows_ + 1; }
  int64_t column_tasks() const { return (columns_ - 1) / task_columns_ + 1; }
  int64_t tasks() const { return batches_ * row_tasks() * column_tasks(); }

  // Smaller tasks until every thread has two. Which cut is taken never changes a result.
  void cut_for_threads() {
    const int64_t wanted = 2 * int64_t{num_threads()};
    while (wanted > 2 && tasks() < wanted) {
      const bool rows = task_rows_ >= 4 * tiles_.rows && task_rows_ >= task_columns_;
      if (!rows && task_columns_ < 2 * tiles_.width) return;
      int64_t& size = rows ? task_rows_ : task_columns_;
      size = round_up((size + 1) / 2, rows ? tiles_.rows : tiles_.width);
    }
  }

  // With few rows, packing b would cost more than it gains.
  bool b_is_direct() const { return kDirectSum && kParts == 1 && args_.b_col == 1 && args_.m <= 2 * tiles_.rows; }

  Problem<Element> problem(int64_t batch) const {
    return {static_cast<const Element*>(args_.a) + batch_offset(args_, args_.a_batch, batch),
            static_cast<const Element*>(args_.b) + batch_offset(args_, args_.b_batch, batch),
            static_cast<Element*>(args_.out) + batch * args_.m * args_.n};
  }

  void run_task(int64_t task, Sum* packed_a, Sum* packed_b, Sum* sums) const {
    const int64_t column_task = task % column_tasks(), row_task = task / column_tasks() % row_tasks();
    Problem<Element> part = problem(task / column_tasks() / row_tasks());
    const int64_t row = row_task * task_rows_, column = column_task * task_columns_;
    const int64_t rows = std::min(task_rows_, args_.m - row), columns = std::min(task_columns_, columns_ - column);
    part.a += row * args_.a_row;
    part.b += column / kParts * args_.b_col;
    part.out += row * args_.n + column / kParts;
    for (int64_t p = 0; p < depth_; p += kDepth) {
      const int64_t depth = std::min(kDepth, depth_ - p);
      const Element* b = part.b + p / kParts * args_.b_row;
      if (!b_is_direct())
        for (int64_t j = 0; j < columns; j += tiles_.width)
          pack_b(b + j / kParts * args_.b_col, std::min<int64_t>(tiles_.width, columns - j), depth,
                 packed_b + j * depth);
      for (int64_t i = 0; i < rows; i += kPackedRows) {
        const int64_t block_rows = std::min(kPackedRows, rows - i);
        pack_a(part.a + i * args_.a_row + p / kParts * args_.a_col, block_rows, depth, packed_a);
        for (int64_t j = 0; j < columns; j += tiles_.width)
          run_column(part, b, i, block_rows, j, columns, depth, packed_a, packed_b, sums, p == 0);
      }
    }
    if constexpr (!kDirectSum) {
      const int64_t width = round_up(task_columns_, tiles_.width);
      for (int64_t i = 0; i < rows; ++i) {
        const Sum* const from = sums + i * width;
        Element* const to = part.out + i * args_.n;
        if constexpr (std::is_same_v<Element, Half> || std::is_same_v<Element, Bfloat>)
          narrow(args_.dtype, from, columns, to);
        else
          std::transform(from, from + columns, to, store<Element, Sum>);
      }
    }
  }

  // Rows [i, i + rows) of the tile column at j.
  void run_column(const Problem<Element>& part, const Element* b, int64_t i, int64_t rows, int64_t j, int64_t columns,
                  int64_t depth, const Sum* packed_a, Sum* packed_b, Sum* sums, bool first) const {
    const bool full = columns - j >= tiles_.width;
    const Sum* right = packed_b + j * depth;
    int64_t right_row = tiles_.width;
    if constexpr (kDirectSum) {
      if (b_is_direct() && full) {
        right = reinterpret_cast<const Sum*>(b + j);
        right_row = args_.b_row;
      } else if (b_is_direct()) {
        pack_b(b + j, columns - j, depth, packed_b);
        right = packed_b;
      }
    }
    for (int64_t r = 0; r < rows; r += tiles_.rows) {
      const int64_t tile_rows = std::min<int64_t>(tiles_.rows, rows - r);
      const TileFunction<Sum> tile = tiles_.by_rows[static_cast<size_t>(tile_rows)];
      const Sum* left = packed_a + r * depth;
      if constexpr (!kDirectSum) {
        const int64_t width = round_up(task_columns_, tiles_.width);
        tile(depth, left, right, right_row, sums + (i + r) * width + j, width, first);
      } else {
        Sum* out = reinterpret_cast<Sum*>(part.out + (i + r) * args_.n) + j;
        if (full) {
          tile(depth, left, right, right_row, out, columns_, first);
        } else {
          run_edge(tile, tile_rows, columns - j, depth, left, right, right_row, out, first);
        }
      }
    }
  }

  // Tiles are always full width: at the right edge they work on a copy.
  void run_edge(TileFunction<Sum> tile, int64_t rows, int64_t columns, int64_t depth, const Sum* left, const Sum* right,
                int64_t right_row, Sum* out, bool first) const {
    alignas(64) Sum copy[kMostTileRows * kMostTileWidth];
    if (!first) {
      for (int64_t i = 0; i < rows; ++i) {
        std::fill_n(copy + i * tiles_.width, tiles_.width, Sum{});
        std::copy_n(out + i * columns_, columns, copy + i * tiles_.width);
      }
    }
    tile(depth, left, right, right_row, copy, tiles_.width, first);
    for (int64_t i = 0; i < rows; ++i) std::copy_n(copy + i * tiles_.width, columns, out + i * columns_);
  }

  // [group of rows][k][row in the group]; the last group has the rows that are left.
  void pack_a(const Element* a, int64_t rows, int64_t depth, Sum* packed) const {
    for (int64_t r = 0; r < rows; r += tiles_.rows) {
      const int64_t group = std::min<int64_t>(tiles_.rows, rows - r);
      for (int64_t i = 0; i < group; ++i) {
        const Element* from = a + (r + i) * args_.a_row;
        Sum* to = packed + r * depth + i;
        if constexpr (kParts == 2) {
          for (int64_t p = 0; p < depth; p += 2) {
            const Element x = from[p / 2 * args_.a_col];
            to[p * group] = x.real();
            to[(p + 1) * group] = x.imag();
          }
        } else {
          for (int64_t p = 0; p < depth; ++p) to[p * group] = load<Sum>(from[p * args_.a_col]);
        }
      }
    }
  }

  // [k][column]; missing columns are zero.
  void pack_b(const Element* b, int64_t columns, int64_t depth, Sum* packed) const {
    if constexpr (kParts == 2)
      pack_pairs(b, columns, depth, packed);
    else
      pack_numbers(b, columns, depth, packed);
  }

  void pack_pairs(const Element* b, int64_t columns, int64_t depth, Sum* packed) const {
    const int64_t width = tiles_.width;
    for (int64_t p = 0; p < depth; p += 2) {
      const Element* from = b + p / 2 * args_.b_row;
      Sum *above = packed + p * width, *below = above + width;
      for (int64_t j = 0; j < columns; j += 2) {
        const Element x = from[j / 2 * args_.b_col];
        above[j] = below[j + 1] = x.real();
        above[j + 1] = x.imag();
        below[j] = -x.imag();
      }
      std::fill(above + columns, above + width, Sum{});
      std::fill(below + columns, below + width, Sum{});
    }
  }

  void pack_numbers(const Element* b, int64_t columns, int64_t depth, Sum* packed) const {
    const int64_t width = tiles_.width;
    if (args_.b_col == 1) {
      for (int64_t p = 0; p < depth; ++p) {
        const Element* from = b + p * args_.b_row;
        Sum* to = packed + p * width;
        for (int64_t j = 0; j < columns; ++j) to[j] = load<Sum>(from[j]);
        for (int64_t j = columns; j < width; ++j) to[j] = Sum{};
      }
      return;
    }
    if (std::abs(args_.b_col) <= std::abs(args_.b_row)) {
      for (int64_t p = 0; p < depth; ++p) {
        const Element* from = b + p * args_.b_row;
        Sum* to = packed + p * width;
        for (int64_t j = 0; j < columns; ++j) to[j] = load<Sum>(from[j * args_.b_col]);
        std::fill(to + columns, to + width, Sum{});
      }
      return;
    }
    if constexpr (std::is_arithmetic_v<Element> && sizeof(Element) == sizeof(Sum)) {
      using Bits = std::conditional_t<sizeof(Sum) == 4, uint32_t, uint64_t>;
      copy_turned(reinterpret_cast<const Bits*>(b), args_.b_row, args_.b_col, reinterpret_cast<Bits*>(packed), width,
                  depth, columns);
      for (int64_t p = 0; p < depth && columns < width; ++p)
        std::fill(packed + p * width + columns, packed + (p + 1) * width, Sum{});
      return;
    }
    for (int64_t j = 0; j < width; ++j) {
      const Element* from = b + j * args_.b_col;
      for (int64_t p = 0; p < depth; ++p)
        packed[p * width + j] = j < columns ? load<Sum>(from[p * args_.b_row]) : Sum{};
    }
  }

  MatmulArgs args_;
  const Tiles<Sum>& tiles_;
  int64_t columns_, depth_;  // of the real product
  int64_t task_rows_, task_columns_, batches_;
};

template <class Element, class Sum>
void run_gemm(const MatmulArgs& args, Isa isa) {
  Gemm<Element, Sum>(args, isa).run();
}

}  // namespace

Isa best_isa() {
#if defined(__x86_64__)
  static const Isa isa = [] {
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("fma"))
      return Isa::avx512;
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? Isa::avx2 : Isa::generic;
  }();
  return isa;
#else
  return Isa::generic;
#endif
}

void gemm(const MatmulArgs& args, Isa isa) {
  if (args.m == 1 && gemv(args, isa)) return;
  switch (args.dtype) {
    case DType::boolean: return run_gemm<bool, uint32_t>(args, isa);
    case DType::i8:
    case DType::u8: return run_gemm<uint8_t, uint32_t>(args, isa);  // modulo 2^n, signs make no difference
    case DType::i16:
    case DType::u16: return run_gemm<uint16_t, uint32_t>(args, isa);
    case DType::i32:
    case DType::u32: return run_gemm<uint32_t, uint32_t>(args, isa);
    case DType::i64:
    case DType::u64: return run_gemm<uint64_t, uint64_t>(args, isa);
    case DType::f16: return run_gemm<Half, float>(args, isa);
    case DType::bf16: return run_gemm<Bfloat, float>(args, isa);
    case DType::f32: return run_gemm<float, float>(args, isa);
    case DType::f64: return run_gemm<double, double>(args, isa);
    case DType::c64: return run_gemm<std::complex<float>, float>(args, isa);
    case DType::c128: return run_gemm<std::complex<double>, double>(args, isa);
  }
}

}  // namespace tandem
