// A primitive (a compiled matrix product of given sizes and strides) takes oneDNN up to a millisecond to
// make and is then good for any number of calls from any thread. They are kept in a least-recently-used cache; so are
// refusals, because oneDNN answers some problems with a slow reference kernel that our own loop beats by far.
#include "runtime/dnnl.h"

#include <algorithm>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "runtime/dnnl_api.h"
#include "runtime/parallel.h"
#include "runtime/storage.h"

namespace tandem {

namespace {

using dnnl::Handle;

constexpr size_t kCachedPrimitives = 256;
constexpr int kMostRank = 8;  // 6 batch axes, rows, columns

const dnnl::Api& api() {
  static const dnnl::Api& instance = *new dnnl::Api;  // outlives static objects that may still compute
  return instance;
}

Handle engine() {
  static const Handle instance = [] {
    Handle made = nullptr;
    return api().engine_create(&made, dnnl::kCpu, 0) == 0 ? made : nullptr;
  }();
  return instance;
}

// Owns a handle for the time of a block.
template <auto Destroy>
class Scoped {
 public:
  Scoped() = default;
  Scoped(const Scoped&) = delete;
  Scoped& operator=(const Scoped&) = delete;
  ~Scoped() {
    if (handle_) (api().*Destroy)(handle_);
  }
  Handle* out() { return &handle_; }
  Handle get() const { return handle_; }

 private:
  Handle handle_ = nullptr;
};
using Memory = Scoped<&dnnl::Api::memory_destroy>;
using Attributes = Scoped<&dnnl::Api::attr_destroy>;

// Sizes and strides of one operand.
struct Operand {
  int rank = 0;
  int64_t sizes[kMostRank], strides[kMostRank];
};

using Key = std::vector<int64_t>;

struct Primitive {
  Handle primitive = nullptr;  // null: oneDNN has no fast kernel
  Handle description = nullptr;
  size_t scratch_bytes = 0;
  std::unique_ptr<dnnl::MemoryDescription> source, weights, result;
  const void* scratch = nullptr;

  ~Primitive() {
    if (primitive) api().primitive_destroy(primitive);
    if (description) api().primitive_desc_destroy(description);
  }
};
using PrimitiveRef = std::shared_ptr<const Primitive>;

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

PrimitiveRef make_primitive(const MatmulArgs& args, const Problem& problem) {
  const dnnl::Api& library = api();
  auto made = std::make_shared<Primitive>();
  const int type = args.dtype == DType::f32 ? dnnl::kF32 : dnnl::kBf16;
  const auto describe_operand = [&](const Operand& operand) {
    return std::make_unique<dnnl::MemoryDescription>(library, operand.rank, operand.sizes, type, operand.strides);
  };
  made->source = describe_operand(problem.a);
  made->weights = describe_operand(problem.b);
  made->result = describe_operand(problem.out);
  if (!made->source->ok() || !made->weights->ok() || !made->result->ok()) return made;
  Attributes attributes;
  if (library.attr_create(attributes.out()) != 0 ||
      library.attr_set_scratchpad_mode(attributes.get(), dnnl::kUserScratchpad) != 0)
    return made;
  made->description =
      dnnl::describe_matmul(library, engine(), attributes.get(), *made->source, *made->weights, *made->result);
  const char* implementation = nullptr;
  if (!made->description ||
      library.primitive_desc_query(made->description, dnnl::kQueryImplementation, 0,
                                   static_cast<void*>(&implementation)) != 0 ||
      std::string_view(implementation).find("ref") != std::string_view::npos)
    return made;
  made->scratch = library.primitive_desc_query_md(made->description, dnnl::kQueryScratchpad, 0);
  made->scratch_bytes = made->scratch ? library.memory_desc_get_size(made->scratch) : 0;
  Handle primitive = nullptr;
  if (library.primitive_create(&primitive, made->description) == 0) made->primitive = primitive;
  return made;
}

class PrimitiveCache {
 public:
  PrimitiveRef find(const MatmulArgs& args, const Problem& problem) {
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = index_.find(problem.key); found != index_.end()) {
        entries_.splice(entries_.begin(), entries_, found->second);
        return entries_.front().second;
      }
    }
    PrimitiveRef made = make_primitive(args, problem);  // without the lock: two threads may make the same one
    const std::lock_guard lock(mutex_);
    if (const auto found = index_.find(problem.key); found != index_.end()) return found->second->second;
    entries_.emplace_front(problem.key, made);
    index_[problem.key] = entries_.begin();
    if (entries_.size() > kCachedPrimitives) {
      index_.erase(entries_.back().first);
      entries_.pop_back();
    }
    return made;
  }

 private:
  using Entries = std::list<std::pair<Key, PrimitiveRef>>;
  std::mutex mutex_;
  Entries entries_;  // most recently used first
  std::map<Key, Entries::iterator> index_;
};

// The library asks OpenMP how many threads to use: one, as the product is one of several that our threads share. The
// user's own setting comes back afterwards.
class OneThread {
 public:
  OneThread() : before_(api().set_threads ? api().most_threads() : 1) { set(1); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;
  ~OneThread() { set(before_); }

 private:
  void set(int n) const {
    if (before_ != 1) api().set_threads(n);
  }
  int before_;
};

bool execute(const Primitive& primitive, const MatmulArgs& args) {
  const dnnl::Api& library = api();
  // A stream must not be used by two threads at once; it is a small object.
  thread_local Scoped<&dnnl::Api::stream_destroy> stream;
  if (!stream.get() && library.stream_create(stream.out(), engine(), dnnl::kDefaultStream) != 0) return false;
  Memory source, weights, result, scratch;
  const auto make = [&](Memory& memory, const void* description, const void* data) {
    return library.memory_create(memory.out(), description, engine(), const_cast<void*>(data)) == 0;
  };
  if (!make(source, primitive.source->get(), args.a) || !make(weights, primitive.weights->get(), args.b) ||
      !make(result, primitive.result->get(), args.out))
    return false;
  dnnl::Argument arguments[4] = {
      {dnnl::kArgSource, source.get()}, {dnnl::kArgWeights, weights.get()}, {dnnl::kArgResult, result.get()}, {}};
  int count = 3;
  StorageRef scratch_memory;
  if (primitive.scratch_bytes > 0) {
    scratch_memory = allocate(primitive.scratch_bytes);
    if (!make(scratch, primitive.scratch, scratch_memory->data)) return false;
    arguments[count++] = {dnnl::kArgScratchpad, scratch.get()};
  }
  return library.primitive_execute(primitive.primitive, stream.get(), count, arguments) == 0 &&
         library.stream_wait(stream.get()) == 0;
}

bool run_whole(const MatmulArgs& args, int64_t out_row) {
  static PrimitiveCache& cache = *new PrimitiveCache;
  const Problem problem = describe(args, out_row);
  const OneThread limit;  // both to make and to run the primitive
  const PrimitiveRef primitive = cache.find(args, problem);
  return primitive->primitive && execute(*primitive, args);
}

}  // namespace

bool dnnl_available() { return api().loaded && engine() != nullptr; }
std::string dnnl_description() { return api().description; }

bool dnnl_matmul(const MatmulArgs& args, int64_t out_row) {
  if ((args.dtype != DType::f32 && args.dtype != DType::bf16) || !dnnl_available()) return false;
  if (args.batch_rank + 2 > kMostRank || !is_plain(args.m, args.k, args.a_row, args.a_col) ||
      !is_plain(args.k, args.n, args.b_row, args.b_col))
    return false;
  for (int i = 0; i < args.batch_rank; ++i)
    if (args.a_batch[i] < 0 || args.b_batch[i] < 0) return false;
  if (run_whole(args, out_row)) return true;
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
    if (!dnnl_matmul(inner, out_row)) return false;
  }
  return true;
}

}  // namespace tandem
