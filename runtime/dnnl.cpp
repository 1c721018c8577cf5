// A product of given sizes and strides takes oneDNN up to a millisecond to compile; so primitives are kept, and so are
// refusals, because oneDNN answers some problems with a slow reference kernel that our own loop beats by far.
#include "runtime/dnnl.h"

#include <algorithm>
#include <vector>

#include "runtime/dnnl_primitive.h"

namespace tandem {

namespace {

using dnnl::Key;

constexpr size_t kCachedProducts = 256;
constexpr int kMostRank = 8;  // 6 batch axes, rows, columns

// Sizes and strides of one operand.
struct Operand {
  int rank = 0;
  int64_t sizes[kMostRank], strides[kMostRank];
};

struct Product {
  std::unique_ptr<dnnl::MemoryDescription> source, weights, result;
  dnnl::Primitive primitive;  // none: oneDNN has no fast kernel
};

// Plain row- or column-major, as the library's fast kernels want it.
bool is_plain(int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride) {
  const bool row_major = (column_stride == 1 || columns == 1) && (row_stride >= columns || rows == 1);
  const bool column_major = (row_stride == 1 || rows == 1) && (column_stride >= rows || columns == 1);
  return row_major || column_major;
}

// An axis of size one has any stride; the library judges layouts by them, so it gets the stride of a plain layout.
void push_matrix(Operand& operand, int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride) {
  if (columns == 1 && rows == 1)
    row_stride = column_stride = 1;
  else if (columns == 1)
    column_stride = row_stride == 1 ? rows : 1;
  else if (rows == 1)
    row_stride = column_stride == 1 ? columns : 1;
  operand.sizes[operand.rank] = rows;
  operand.strides[operand.rank++] = row_stride;
  operand.sizes[operand.rank] = columns;
  operand.strides[operand.rank++] = column_stride;
}

struct Problem {
  Operand a, b, out;
  Key key;
};

Problem describe(const MatmulArgs& args, int64_t out_row) {
  Problem problem;
  int64_t out_stride = args.m * out_row;
  for (int i = 0; i < args.batch_rank; ++i) out_stride *= args.batch[i];
  for (int i = 0; i < args.batch_rank; ++i) {
    const int64_t extent = args.batch[i];
    out_stride /= extent;
    const auto push = [&](Operand& operand, int64_t stride) {
      operand.sizes[operand.rank] = stride == 0 ? 1 : extent;  // broadcast
      operand.strides[operand.rank++] = stride;
    };
    push(problem.a, args.a_batch[i]);
    push(problem.b, args.b_batch[i]);
    push(problem.out, out_stride);
  }
  push_matrix(problem.a, args.m, args.k, args.a_row, args.a_col);
  push_matrix(problem.b, args.k, args.n, args.b_row, args.b_col);
  push_matrix(problem.out, args.m, args.n, out_row, 1);
  // The stride of a broadcast axis is never used, but zero would not count as a plain layout.
  for (Operand* operand : {&problem.a, &problem.b}) {
    int64_t extent = operand->sizes[operand->rank - 1] * operand->sizes[operand->rank - 2];
    for (int i = operand->rank - 3; i >= 0; --i) {
      if (operand->sizes[i] == 1) operand->strides[i] = extent;
      extent = std::max(extent, operand->sizes[i] * operand->strides[i]);
    }
  }
  problem.key = {static_cast<int64_t>(args.dtype), problem.a.rank};
  for (const Operand* operand : {&problem.a, &problem.b, &problem.out}) {
    problem.key.insert(problem.key.end(), operand->sizes, operand->sizes + operand->rank);
    problem.key.insert(problem.key.end(), operand->strides, operand->strides + operand->rank);
  }
  return problem;
}

std::shared_ptr<const Product> make_product(const MatmulArgs& args, const Problem& problem) {
  const dnnl::Api& library = dnnl::api();
  auto made = std::make_shared<Product>();
  const int type = args.dtype == DType::f32 ? dnnl::kF32 : dnnl::kBf16;
  const auto describe_operand = [&](const Operand& operand) {
    return std::make_unique<dnnl::MemoryDescription>(library, operand.rank, operand.sizes, type, operand.strides);
  };
  made->source = describe_operand(problem.a);
  made->weights = describe_operand(problem.b);
  made->result = describe_operand(problem.out);
  dnnl::Attributes attributes;
  if (made->source->ok() && made->weights->ok() && made->result->ok() && dnnl::make_attributes(attributes))
    made->primitive.make(
        dnnl::describe_matmul(library, dnnl::engine(), attributes.get(), *made->source, *made->weights, *made->result),
        false);
  return made;
}

enum class Aim : uint8_t { run, ask };

bool whole(const MatmulArgs& args, int64_t out_row, Aim aim) {
  static dnnl::Cache<Product>& cache = *new dnnl::Cache<Product>(kCachedProducts);
  const Problem problem = describe(args, out_row);
  const dnnl::OneThread limit;
  const auto product = cache.find(problem.key, [&] { return make_product(args, problem); });
  if (aim == Aim::ask) return static_cast<bool>(product->primitive);
  const dnnl::Place places[] = {{dnnl::kArgSource, product->source->get(), args.a},
                                {dnnl::kArgWeights, product->weights->get(), args.b},
                                {dnnl::kArgResult, product->result->get(), args.out}};
  return product->primitive && product->primitive.run(places);
}

bool compute(const MatmulArgs& args, int64_t out_row, Aim aim) {
  if ((args.dtype != DType::f32 && args.dtype != DType::bf16) || dnnl::engine() == nullptr) return false;
  if (args.batch_rank + 2 > kMostRank || !is_plain(args.m, args.k, args.a_row, args.a_col) ||
      !is_plain(args.k, args.n, args.b_row, args.b_col))
    return false;
  for (int i = 0; i < args.batch_rank; ++i)
    if (args.a_batch[i] < 0 || args.b_batch[i] < 0) return false;
  if (whole(args, out_row, aim)) return true;
  if (args.batch_rank == 0) return false;
  // No fast kernel for the batch as a whole: one product after another. Either all of them have one, or none.
  MatmulArgs inner = args;
  inner.batch_rank = args.batch_rank - 1;
  ++inner.batch, ++inner.a_batch, ++inner.b_batch;
  int64_t out_stride = args.m * out_row;
  for (int i = 1; i < args.batch_rank; ++i) out_stride *= args.batch[i];
  const int64_t bytes = size_of(args.dtype);
  for (int64_t i = 0; i < args.batch[0]; ++i) {
    inner.a = static_cast<const char*>(args.a) + i * args.a_batch[0] * bytes;
    inner.b = static_cast<const char*>(args.b) + i * args.b_batch[0] * bytes;
    inner.out = static_cast<char*>(args.out) + i * out_stride * bytes;
    if (!compute(inner, out_row, aim)) return false;
    if (aim == Aim::ask) break;
  }
  return true;
}

}  // namespace

bool dnnl_available() { return dnnl::engine() != nullptr; }
std::string dnnl_description() { return dnnl::api().description; }

bool dnnl_matmul(const MatmulArgs& args, int64_t out_row) { return compute(args, out_row, Aim::run); }
bool dnnl_accepts(const MatmulArgs& args, int64_t out_row) { return compute(args, out_row, Aim::ask); }

}  // namespace tandem
