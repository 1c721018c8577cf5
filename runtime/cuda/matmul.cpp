// cuBLASLt thinks in columns: what it is asked for is the transpose of the product, out' = b' a', whose columns are the
// rows of `out`. The choice of an algorithm for given sizes and layouts costs it some microseconds and is kept.
#include "runtime/cuda/matmul.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "runtime/cuda/copy.h"
#include "runtime/cuda/cublaslt.h"
#include "runtime/cuda/of_gpu.h"
#include "runtime/cuda/strided_copy.h"

namespace tandem::cuda {

namespace {

using namespace cublaslt;

constexpr size_t kWorkspace = size_t{32} << 20;
constexpr size_t kKept = 1024;

std::atomic<bool> tf32{false};
std::atomic<int64_t> calls{0}, copies{0};

std::optional<Type> type_of(DType dtype) {
  switch (dtype) {
    case DType::f16: return Type::f16;
    case DType::bf16: return Type::bf16;
    case DType::f32: return Type::f32;
    case DType::f64: return Type::f64;
    case DType::c64: return Type::c64;
    case DType::c128: return Type::c128;
    default: return std::nullopt;
  }
}

void must(Status status, const char* what) {
  if (status != 0) [[unlikely]]
    throw_error(ErrorKind::backend, "matmul: got {} from {}; need success; try other sizes, or x.cpu()",
                text_of(status), what);
}

// A matrix as cuBLASLt sees it: `transposed` if its columns are the rows here.
struct Operand {
  Address data;
  int64_t leading, batch_stride;
  bool rows;  // elements of a row lie side by side

  unsigned alignment() const {
    const uint64_t bits = data | 256u;
    return 1u << std::countr_zero(bits);
  }
};

// Null when neither rows nor columns lie side by side.
std::optional<Operand> plain(const void* data, int64_t rows, int64_t columns, int64_t row, int64_t column) {
  const auto address = reinterpret_cast<Address>(data);
  if ((column == 1 || columns == 1) && (row >= columns || rows == 1))
    return Operand{address, rows == 1 ? columns : row, 0, true};
  if ((row == 1 || rows == 1) && (column >= rows || columns == 1))
    return Operand{address, columns == 1 ? rows : column, 0, false};
  return std::nullopt;
}

struct Problem {
  DType dtype;
  Compute compute;
  int64_t m, n, k, count;
  Operand a, b, out;

  using Key = std::array<int64_t, 16>;
  Key key() const {
    return {static_cast<int64_t>(dtype),
            static_cast<int64_t>(compute),
            m,
            n,
            k,
            count,
            a.leading,
            a.batch_stride,
            a.rows,
            b.leading,
            b.batch_stride,
            b.rows,
            out.leading,
            out.batch_stride,
            a.alignment() | b.alignment() << 10,
            out.alignment()};
  }
};

// Descriptions of one kind of product, and how to compute it.
struct Product {
  Handle product = nullptr, a = nullptr, b = nullptr, out = nullptr;
  Heuristic chosen{};

  Product(Handle library, const Problem& p) {
    const cublaslt::Api& api = cublaslt::api();
    const Type type = *type_of(p.dtype);
    const Type scale = p.dtype == DType::f16 || p.dtype == DType::bf16 ? Type::f32 : type;
    must(api.product_create(&product, p.compute, scale), "cublasLtMatmulDescCreate");
    // The first operand is b', n x k in columns if b has rows.
    const auto transpose = [&](ProductAttribute which, bool rows) {
      if (rows) return;
      must(api.product_set(product, which, &kTransposed, sizeof(kTransposed)), "cublasLtMatmulDescSetAttribute");
    };
    transpose(ProductAttribute::transpose_a, p.b.rows);
    transpose(ProductAttribute::transpose_b, p.a.rows);
    const auto layout = [&](Handle& made, int64_t rows, int64_t columns, int64_t leading, int64_t stride) {
      must(api.layout_create(&made, type, static_cast<uint64_t>(rows), static_cast<uint64_t>(columns), leading),
           "cublasLtMatrixLayoutCreate");
      if (p.count == 1) return;
      const auto count = static_cast<int32_t>(p.count);
      must(api.layout_set(made, LayoutAttribute::batch_count, &count, sizeof(count)),
           "cublasLtMatrixLayoutSetAttribute");
      must(api.layout_set(made, LayoutAttribute::batch_stride, &stride, sizeof(stride)),
           "cublasLtMatrixLayoutSetAttribute");
    };
    layout(b, p.b.rows ? p.n : p.k, p.b.rows ? p.k : p.n, p.b.leading, p.b.batch_stride);
    layout(a, p.a.rows ? p.k : p.m, p.a.rows ? p.m : p.k, p.a.leading, p.a.batch_stride);
    layout(out, p.n, p.m, p.out.leading, p.out.batch_stride);
    Handle preference = nullptr;
    must(api.preference_create(&preference), "cublasLtMatmulPreferenceCreate");
    const auto prefer = [&](Preference which, const auto& value) {
      must(api.preference_set(preference, which, &value, sizeof(value)), "cublasLtMatmulPreferenceSetAttribute");
    };
    prefer(Preference::workspace, kWorkspace);
    const uint32_t of_out = p.out.alignment();
    prefer(Preference::alignment_a, uint32_t{p.b.alignment()});
    prefer(Preference::alignment_b, uint32_t{p.a.alignment()});
    prefer(Preference::alignment_c, of_out);
    prefer(Preference::alignment_d, of_out);
    int found = 0;
    const Status status = api.heuristic(library, product, b, a, out, out, preference, 1, &chosen, &found);
    api.preference_destroy(preference);
    if (status != 0 || found == 0)
      throw_error(
          ErrorKind::backend,
          "matmul: got {} x {} by {} x {} of {}, for which cuBLASLt has no algorithm ({}); need other sizes; try "
          "x.cpu()",
          p.m, p.k, p.k, p.n, info(p.dtype).name, text_of(status));
  }
  Product(const Product&) = delete;
  Product& operator=(const Product&) = delete;
  ~Product() {
    const cublaslt::Api& api = cublaslt::api();
    for (const Handle layout : {a, b, out})
      if (layout) api.layout_destroy(layout);
    if (product) api.product_destroy(product);
  }
};

// Of one GPU.
struct Products {
  std::mutex mutex;
  Handle library = nullptr;
  std::map<Problem::Key, std::shared_ptr<const Product>> known;

  std::shared_ptr<const Product> of(const Problem& problem) {
    const std::lock_guard lock(mutex);
    if (!library) must(cublaslt::api().create(&library), "cublasLtCreate");
    const auto found = known.find(problem.key());
    if (found != known.end()) return found->second;
    auto made = std::make_shared<const Product>(library, problem);
    if (known.size() >= kKept) known.clear();
    known[problem.key()] = made;
    return made;
  }
};

void run(Gpu& gpu, const Problem& problem) {
  auto& products = of_gpu<Products>(gpu);
  const std::shared_ptr<const Product> product = products.of(problem);
  StorageRef workspace;
  if (product->chosen.workspace > 0) workspace = gpu.memory.allocate(product->chosen.workspace);
  // One and zero of whatever type the library scales by.
  const double one64[2] = {1, 0}, zero[2] = {0, 0};
  const float one32[2] = {1, 0};
  const bool is_double = problem.dtype == DType::f64 || problem.dtype == DType::c128;
  const void* one = is_double ? static_cast<const void*>(one64) : one32;
  must(cublaslt::api().matmul(products.library, product->product, one, problem.b.data, product->b, problem.a.data,
                              product->a, zero, problem.out.data, product->out, problem.out.data, product->out,
                              &product->chosen.algorithm, workspace ? reinterpret_cast<Address>(workspace->data) : 0,
                              product->chosen.workspace, gpu.stream),
       "cublasLtMatmul");
  calls.fetch_add(1, std::memory_order_relaxed);
}

// All of a batch, each matrix row by row.
StorageRef dense(Gpu& gpu, const MatmulArgs& args, const void* data, const int64_t* batch_strides, int64_t rows,
                 int64_t columns, int64_t row, int64_t column) {
  int64_t sizes[kMostBatchAxes + 2], from[kMostBatchAxes + 2], to[kMostBatchAxes + 2], count = 1;
  for (int k = 0; k < args.batch_rank; ++k) {
    sizes[k] = args.batch[k];
    from[k] = batch_strides[k];
  }
  const int rank = args.batch_rank + 2;
  sizes[rank - 2] = rows;
  sizes[rank - 1] = columns;
  from[rank - 2] = row;
  from[rank - 1] = column;
  for (int k = rank; k-- > 0;) to[k] = std::exchange(count, count * sizes[k]);
  StorageRef memory = gpu.memory.allocate(static_cast<size_t>(count * size_of(args.dtype)));
  copy_strided(gpu, size_of(args.dtype), rank, sizes, data, from, memory->data, to);
  copies.fetch_add(1, std::memory_order_relaxed);
  return memory;
}

}  // namespace

bool has_matmul(DType dtype) { return type_of(dtype).has_value(); }
void allow_tf32(bool allow) { tf32 = allow; }
bool tf32_allowed() { return tf32; }
MatmulStats matmul_stats() { return {calls.load(), copies.load()}; }

std::string cublaslt_version() {
  try {
    const size_t version = cublaslt::api().version();
    const size_t major = version / 10'000, minor = version % 10'000 / 100, patch = version % 100;
    return fmt::format("{}.{}.{}", major, minor, patch);
  } catch (const Error& error) {
    return error.what();
  }
}

namespace {

// A batch whose matrices are all multiplied by one is fewer, larger products: rows that go on with a uniform step from
// matrix to matrix are rows of one, and the longer of two axes is that of the rows.
struct Arranged {
  MatmulArgs args;  // whose batch axes are the ones here
  int64_t batch[kMostBatchAxes], a_batch[kMostBatchAxes], b_batch[kMostBatchAxes], out_batch[kMostBatchAxes];
  int64_t out_row;

  explicit Arranged(const MatmulArgs& given) : args(given), out_row(given.n) {
    check_internal(given.batch_rank <= kMostBatchAxes, "a product has {} batch axes", given.batch_rank);
    std::copy_n(given.batch, given.batch_rank, batch);
    std::copy_n(given.a_batch, given.batch_rank, a_batch);
    std::copy_n(given.b_batch, given.batch_rank, b_batch);
    args.batch = batch;
    args.a_batch = a_batch;
    args.b_batch = b_batch;
    int64_t matrix = args.m * args.n;
    bool one_right = args.a_col == 1;
    for (int k = args.batch_rank; k-- > 0;) {
      out_batch[k] = std::exchange(matrix, matrix * batch[k]);
      one_right = one_right && (batch[k] == 1 || b_batch[k] == 0);
    }
    if (!one_right) return;
    int rank = args.batch_rank;
    for (; rank > 0; --rank) {
      const int64_t step = a_batch[rank - 1];
      const bool goes_on = args.m == 1 ? step >= args.k : step == args.m * args.a_row;
      if (batch[rank - 1] != 1 && !goes_on) break;
      if (args.m == 1) args.a_row = step;
      args.m *= batch[rank - 1];
    }
    args.batch_rank = rank;
    if (rank <= 0) return;
    int64_t &matrices = batch[rank - 1], &step = a_batch[rank - 1];
    if (matrices <= args.m || step < args.k) return;
    std::swap(args.m, matrices);
    std::swap(args.a_row, step);
    std::swap(out_row, out_batch[rank - 1]);
  }
  Arranged(const Arranged&) = delete;
  Arranged& operator=(const Arranged&) = delete;
};

}  // namespace

void matmul(Gpu& gpu, const MatmulArgs& given) {
  const Arranged arranged(given);
  const MatmulArgs& args = arranged.args;
  const int64_t size = size_of(args.dtype);
  int64_t count = 1;
  for (int k = 0; k < args.batch_rank; ++k) count *= args.batch[k];
  const int64_t elements = count * args.m * args.n;
  if (elements == 0) return;
  if (args.k == 0)
    return gpu.check(
        driver().fill_bytes(reinterpret_cast<Address>(args.out), 0, static_cast<size_t>(elements * size), gpu.stream),
        "cuMemsetD8Async");
  Problem problem{args.dtype, Compute::f32, args.m, args.n, args.k, 1, {}, {}, {}};
  if (args.dtype == DType::f64 || args.dtype == DType::c128) problem.compute = Compute::f64;
  if (args.dtype == DType::f32 && tf32) problem.compute = Compute::f32_as_tf32;
  int64_t a_batch[kMostBatchAxes], b_batch[kMostBatchAxes];
  std::copy_n(args.a_batch, args.batch_rank, a_batch);
  std::copy_n(args.b_batch, args.batch_rank, b_batch);
  const auto make_dense = [&](int64_t* strides, int64_t matrix) {
    for (int k = args.batch_rank; k-- > 0;) strides[k] = std::exchange(matrix, matrix * args.batch[k]);
  };
  StorageRef a_dense, b_dense;
  auto a = plain(args.a, args.m, args.k, args.a_row, args.a_col);
  if (!a) {
    a_dense = dense(gpu, args, args.a, args.a_batch, args.m, args.k, args.a_row, args.a_col);
    a = plain(a_dense->data, args.m, args.k, args.k, 1);
    make_dense(a_batch, args.m * args.k);
  }
  auto b = plain(args.b, args.k, args.n, args.b_row, args.b_col);
  if (!b) {
    b_dense = dense(gpu, args, args.b, args.b_batch, args.k, args.n, args.b_row, args.b_col);
    b = plain(b_dense->data, args.k, args.n, args.n, 1);
    make_dense(b_batch, args.k * args.n);
  }
  problem.a = *a;
  problem.b = *b;
  problem.out = {reinterpret_cast<Address>(args.out), arranged.out_row, args.m * args.n, true};
  // As many inner batch axes as are walked with one step make one call; the others are a loop here.
  int joined = args.batch_rank;
  int64_t batch = 1;
  const auto joins = [&](int axis, const int64_t* strides, int64_t stride) {
    return batch == 1 || strides[axis] == stride * batch;
  };
  while (joined > 0) {
    const int axis = joined - 1;
    if (args.batch[axis] != 1) {
      if (!joins(axis, a_batch, problem.a.batch_stride) || !joins(axis, b_batch, problem.b.batch_stride) ||
          !joins(axis, arranged.out_batch, problem.out.batch_stride))
        break;
      if (a_batch[axis] < 0 || b_batch[axis] < 0) break;
      if (batch == 1) {
        problem.a.batch_stride = a_batch[axis];
        problem.b.batch_stride = b_batch[axis];
        problem.out.batch_stride = arranged.out_batch[axis];
      }
      batch *= args.batch[axis];
    }
    --joined;
  }
  problem.count = batch;
  const int64_t outer = count / batch;
  for (int64_t i = 0; i < outer; ++i) {
    int64_t rest = i, a_offset = 0, b_offset = 0, out_offset = 0;
    for (int axis = joined; axis-- > 0;) {
      const int64_t at = rest % args.batch[axis];
      rest /= args.batch[axis];
      a_offset += at * a_batch[axis];
      b_offset += at * b_batch[axis];
      out_offset += at * arranged.out_batch[axis];
    }
    Problem part = problem;
    part.a.data += static_cast<Address>(a_offset * size);
    part.b.data += static_cast<Address>(b_offset * size);
    part.out.data += static_cast<Address>(out_offset * size);
    run(gpu, part);
  }
}

}  // namespace tandem::cuda
