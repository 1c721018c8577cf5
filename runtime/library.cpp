#include "runtime/library.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <utility>

#include "ir/error.h"
#include "runtime/copy.h"
#include "runtime/dnnl.h"
#include "runtime/gemm.h"
#include "runtime/gemv.h"
#include "runtime/parallel.h"
#include "runtime/rows.h"
#include "runtime/storage.h"

namespace tandem {

namespace {

// Below this many multiply-adds the library's call overhead exceeds the work.
constexpr int64_t kWorthACall = 65536;
// A part of a product, for one thread: about this many multiply-adds, and not so few rows or columns that the library
// would lose its speed.
constexpr double kPart = 1 << 22;
constexpr double kPartNanoseconds = 40e3;
constexpr int64_t kPartRows = 128, kPartColumns = 256;
// What would be one part is two from here on, of half as many rows or columns at least: the products of a recurrent step
// take a whole step's time when one thread waits for the other.
constexpr double kTwoParts = 1 << 21;

std::atomic<int64_t> dnnl_calls{0}, own_calls{0};

// Batch axes with as few, as large strides as possible: axes of one are dropped, neighbours that step alike are merged,
// and a batch that shares one right-hand matrix becomes more rows.
struct Batch {
  int64_t extents[kMostBatchAxes], a[kMostBatchAxes], b[kMostBatchAxes];
  int rank = 0;
};

void simplify(MatmulArgs& args, Batch& batch) {
  for (int i = 0; i < args.batch_rank; ++i) {
    const int64_t extent = args.batch[i], a = args.a_batch[i], b = args.b_batch[i];
    if (extent == 1) continue;
    if (const int last = batch.rank - 1; last >= 0 && batch.a[last] == extent * a && batch.b[last] == extent * b) {
      batch.extents[last] *= extent;
      batch.a[last] = a;
      batch.b[last] = b;
      continue;
    }
    batch.extents[batch.rank] = extent;
    batch.a[batch.rank] = a;
    batch.b[batch.rank++] = b;
  }
  while (batch.rank > 0 && batch.b[batch.rank - 1] == 0 &&
         (args.m == 1 || batch.a[batch.rank - 1] == args.m * args.a_row)) {
    if (args.m == 1) args.a_row = batch.a[batch.rank - 1];
    args.m *= batch.extents[--batch.rank];
  }
  args.batch_rank = batch.rank;
  args.batch = batch.extents;
  args.a_batch = batch.a;
  args.b_batch = batch.b;
}

// A matrix times a vector, as the transposed product: a row of results fills the tiles, a column would waste them.
void turn_column(MatmulArgs& args) {
  if (args.n != 1 || args.m == 1) return;
  args.after = nullptr;
  std::swap(args.m, args.n);
  std::swap(args.a, args.b);
  std::swap(args.a_batch, args.b_batch);
  std::swap(args.a_row, args.b_col);
  std::swap(args.a_col, args.b_row);
  args.b_memory = nullptr;  // of what is on the left now
}

int64_t batch_count(const MatmulArgs& args) {
  int64_t count = 1;
  for (int i = 0; i < args.batch_rank; ++i) count *= args.batch[i];
  return count;
}

// A contiguous copy of an operand whose strides the library does not take. Broadcast batch axes are copied once.
StorageRef copy_plain(DType dtype, int rank, const int64_t* extents, int64_t* strides, int64_t rows, int64_t columns,
                      int64_t& row_stride, int64_t& column_stride, const void*& data) {
  int64_t sizes[kMostBatchAxes + 2], from[kMostBatchAxes + 2], to[kMostBatchAxes + 2];
  for (int i = 0; i < rank; ++i) {
    sizes[i] = strides[i] == 0 ? 1 : extents[i];
    from[i] = strides[i];
  }
  sizes[rank] = rows, sizes[rank + 1] = columns;
  from[rank] = row_stride, from[rank + 1] = column_stride;
  int64_t count = 1;
  for (int i = rank + 1; i >= 0; --i) {
    to[i] = count;
    count *= sizes[i];
  }
  StorageRef copy = allocate(static_cast<size_t>(count * size_of(dtype)));
  copy_strided(size_of(dtype), rank + 2, sizes, data, from, copy->data, to);
  for (int i = 0; i < rank; ++i)
    if (strides[i] != 0) strides[i] = to[i];
  row_stride = columns;
  column_stride = 1;
  data = copy->data;
  return copy;
}

bool is_unit_strided(int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride) {
  return (column_stride == 1 && row_stride >= columns) || (row_stride == 1 && column_stride >= rows);
}

// How one product is cut: along the first batch axis, the rows or the columns. Depends on sizes only.
struct Cut {
  enum class Along : uint8_t { batch, rows, columns } along;
  int64_t extent, step;
  int64_t parts() const { return (extent - 1) / step + 1; }
};

Cut cut_of(const MatmulArgs& args) {
  double steps = static_cast<double>(args.m) * static_cast<double>(args.n) * static_cast<double>(args.k);
  for (int i = 1; i < args.batch_rank; ++i) steps *= static_cast<double>(args.batch[i]);
  const auto step = [&](double part, double each, int64_t least) {
    return std::max(static_cast<int64_t>(std::ceil(part / each)) + least - 1, least) / least * least;
  };
  if (args.batch_rank > 0) return {Cut::Along::batch, args.batch[0], step(kPart, steps, 1)};
  const double row = steps / static_cast<double>(args.m), column = steps / static_cast<double>(args.n);
  const auto rows = [&](double part, int64_t least) { return Cut{Cut::Along::rows, args.m, step(part, row, least)}; };
  const auto columns = [&](double part, int64_t least) {
    return Cut{Cut::Along::columns, args.n, step(part, column, least)};
  };
  const Cut by_rows = rows(kPart, kPartRows), by_columns = columns(kPart, kPartColumns);
  const Cut best = by_columns.parts() > by_rows.parts() ? by_columns : by_rows;
  if (best.parts() > 1 || steps < kTwoParts) return best;
  // Every part packs the whole other operand.
  const Cut half_rows = rows(steps / 2, kPartRows / 2), half_columns = columns(steps / 2, kPartColumns / 2);
  if (half_rows.parts() > 1 && half_columns.parts() > 1) return args.m > args.n ? half_rows : half_columns;
  return half_rows.parts() > 1 ? half_rows : half_columns;
}

// One part of a product, and where in the result it lies.
struct Part {
  MatmulArgs args;
  int64_t extents[kMostBatchAxes];
  int64_t row = 0, rows, column = 0, columns;
};

void cut_part(const MatmulArgs& args, const Cut& cut, int64_t number, Part& part) {
  const int64_t first = number * cut.step, count = std::min(cut.step, cut.extent - first);
  part.args = args;
  part.rows = batch_count(args) * args.m, part.columns = args.n;
  int64_t a = 0, b = 0, out = 0;
  switch (cut.along) {
    case Cut::Along::batch:
      std::copy_n(args.batch, args.batch_rank, part.extents);
      part.extents[0] = count;
      part.args.batch = part.extents;
      a = args.a_batch[0], b = args.b_batch[0], out = part.rows / args.batch[0] * args.n;
      part.row = part.rows / args.batch[0] * first, part.rows = part.rows / args.batch[0] * count;
      break;
    case Cut::Along::rows: part.args.m = part.rows = count, part.row = first, a = args.a_row, out = args.n; break;
    case Cut::Along::columns: part.args.n = part.columns = count, part.column = first, b = args.b_col, out = 1; break;
  }
  const int64_t bytes = size_of(args.dtype);
  part.args.a = static_cast<const char*>(args.a) + first * a * bytes;
  part.args.b = static_cast<const char*>(args.b) + first * b * bytes;
  part.args.out = static_cast<char*>(args.out) + first * out * bytes;
}

// Whether `after` can run on the parts, none of which the library will refuse: it may write over what it reads, so it
// cannot run again.
bool takes_parts(const MatmulArgs& args, const Cut& cut) {
  if (!args.after || (cut.along == Cut::Along::columns && (args.after->whole_rows || args.after->parts > 1)))
    return false;
  Part part;
  for (const int64_t number : {int64_t{0}, cut.parts() - 1}) {
    cut_part(args, cut, number, part);
    if (!dnnl_accepts(part.args, args.n)) return false;
  }
  return true;
}

enum class Done : uint8_t { nothing, product, both };

Done share_dnnl(const MatmulArgs& args) {
  const Cut cut = cut_of(args);
  const bool after = takes_parts(args, cut);
  std::atomic<bool> refused{false};
  const double steps = static_cast<double>(args.m) * static_cast<double>(args.n) * static_cast<double>(args.k);
  const double part_steps = args.batch_rank > 0 ? kPart : std::min(kPart, steps / static_cast<double>(cut.parts()));
  parallel_for(cut.parts(), 1, kPartNanoseconds * part_steps / kPart, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end && !refused.load(std::memory_order_relaxed); ++i) {
      Part part;
      cut_part(args, cut, i, part);
      if (!dnnl_matmul(part.args, args.n))
        refused.store(true, std::memory_order_relaxed);
      else if (after)
        args.after->run(args.after->context, part.row, part.rows, part.column, part.columns);
    }
  });
  check_internal(!refused.load() || !after, "oneDNN refused a part of a product that it had accepted");
  return refused.load() ? Done::nothing : after ? Done::both : Done::product;
}

Done call_dnnl(const MatmulArgs& given) {
  if (const Done done = share_dnnl(given); done != Done::nothing) return done;
  MatmulArgs args = given;
  int64_t a_batch[kMostBatchAxes] = {}, b_batch[kMostBatchAxes] = {};
  std::copy_n(args.a_batch, args.batch_rank, a_batch);
  std::copy_n(args.b_batch, args.batch_rank, b_batch);
  args.a_batch = a_batch;
  args.b_batch = b_batch;
  StorageRef a, b;
  const auto negative = [&](const int64_t* strides) {
    return std::any_of(strides, strides + kMostBatchAxes, [](int64_t stride) { return stride < 0; });
  };
  if (negative(a_batch) || !is_unit_strided(args.m, args.k, args.a_row, args.a_col))
    a = copy_plain(args.dtype, args.batch_rank, args.batch, a_batch, args.m, args.k, args.a_row, args.a_col, args.a);
  if (negative(b_batch) || !is_unit_strided(args.k, args.n, args.b_row, args.b_col))
    b = copy_plain(args.dtype, args.batch_rank, args.batch, b_batch, args.k, args.n, args.b_row, args.b_col, args.b);
  return a || b ? share_dnnl(args) : Done::nothing;
}

bool is_sixteen(DType dtype) { return dtype == DType::f16 || dtype == DType::bf16; }

// Each product of a batch by itself: that of float32 where nothing multiplies 16 bits.
bool sixteen_by_panels(const MatmulArgs& given) {
  MatmulArgs one = given;
  one.batch_rank = 0;
  if (batch_count(given) > 1) one.b_memory = nullptr;
  for (int64_t n = 0; n < batch_count(given); ++n) {
    one.a = static_cast<const uint16_t*>(given.a) + batch_offset(given, given.a_batch, n);
    one.b = static_cast<const uint16_t*>(given.b) + batch_offset(given, given.b_batch, n);
    one.out = static_cast<uint16_t*>(given.out) + n * given.m * given.n;
    if (!gemm_panels(one)) return false;
  }
  return true;
}

}  // namespace

bool matmul(const MatmulArgs& given) {
  check_internal(
      given.m >= 0 && given.n >= 0 && given.k >= 0 && given.batch_rank >= 0 && given.batch_rank <= kMostBatchAxes,
      "matmul of {}x{}x{} with {} batch axes", given.m, given.n, given.k, given.batch_rank);
  const int64_t results = batch_count(given) * given.m * given.n;
  if (results == 0) return false;
  if (given.k == 0) {
    std::memset(given.out, 0, static_cast<size_t>(results * size_of(given.dtype)));
    return false;
  }
  // By what was asked for: what simplify() merges depends on strides, which must not show in the bits.
  const bool dots = given.m == 1 && given.n == 1, vectors = given.n == 1 || (given.m == 1 && results == given.n);
  MatmulArgs args = given;
  Batch batch;
  if (!dots) simplify(args, batch);
  turn_column(args);
  if (dots ? dot_products(args, best_isa()) : vectors && args.m == 1 && gemv_in_lanes(args, best_isa())) {
    own_calls.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  // Over one column and row, passes make a multiplication of it, with the bits of gemm().
  const bool library_type = (args.dtype == DType::f32 && args.m != 1 && args.k != 1) || args.dtype == DType::bf16;
  const bool large = static_cast<double>(args.m) * static_cast<double>(args.n) * static_cast<double>(args.k) >=
                     static_cast<double>(kWorthACall);
  // Our own loops give the bits of gemm(). With one matrix on the right they pack it once; a batch of 16-bit ones goes to
  // the library where the hardware multiplies them, whatever its strides are.
  const bool is_f32 = args.dtype == DType::f32 && args.m != 1;
  const bool one_right = given.one_right || results == given.m * given.n;
  if (large && (is_f32 || (args.dtype == DType::f16 && one_right)) && (gemm_panels(args) || gemm_batch(args))) {
    own_calls.fetch_add(1, std::memory_order_relaxed);
    return args.after != nullptr && is_f32;
  }
  if (const Done done = library_type && large ? call_dnnl(args) : Done::nothing; done != Done::nothing) {
    dnnl_calls.fetch_add(1, std::memory_order_relaxed);
    return done == Done::both;
  }
  if (large && is_sixteen(args.dtype) && sixteen_by_panels(args)) {
    own_calls.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  own_calls.fetch_add(1, std::memory_order_relaxed);
  gemm(args);
  return false;
}

bool matmul_rows(const RowChain& chain) {
  int64_t products = 0;
  for (const RowStep& step : chain.steps) {
    if (step.kind == RowStep::Kind::kernel) continue;
    const MatmulArgs& args = step.args;
    if (args.dtype != DType::f32 || args.m <= 1 || args.n <= 1 || args.k <= 0) return false;
    ++products;
  }
  if (chain.matrices <= 0 || !run_rows(chain)) return false;
  own_calls.fetch_add(products, std::memory_order_relaxed);
  return true;
}

std::string library_versions() { return dnnl_description(); }
LibraryStats library_stats() { return {dnnl_calls.load(), own_calls.load()}; }

}  // namespace tandem
