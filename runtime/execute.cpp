// The executor: a walk over the steps with a table of buffers on the stack (runtime/frame.h).
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/access_message.h"
#include "runtime/copy.h"
#include "runtime/cuda/execute.h"
#include "runtime/derived.h"
#include "runtime/frame.h"
#include "runtime/library.h"
#include "runtime/parallel.h"
#include "runtime/put.h"
#include "runtime/rows.h"
#include "runtime/tiled_loop.h"

namespace tandem {

std::atomic<LoopHook> detail::loop_hook{nullptr};

namespace {

template <class Use>
std::optional<int64_t> with_integer(DType dtype, Use&& use) {
  const bool is_signed = info(dtype).is_signed;
  switch (size_of(dtype)) {
    case 1: return is_signed ? use(int8_t{}) : use(uint8_t{});
    case 2: return is_signed ? use(int16_t{}) : use(uint16_t{});
    case 4: return is_signed ? use(int32_t{}) : use(uint32_t{});
    default: return is_signed ? use(int64_t{}) : use(uint64_t{});
  }
}

struct Failure {
  std::atomic<bool> seen{false};
  int64_t status[2] = {0, 0};
};

class CpuFrame : public detail::Frame<CpuFrame> {
 public:
  using Frame::execute;
  friend class detail::TiledLoop<CpuFrame>;
  CpuFrame(const Program& program, std::span<const Buffer> inputs, const int64_t* symbols)
      : Frame(program, inputs, symbols) {}
  // For steps that somebody else runs one by one: `settles`, whether a failure leaves behind what it should.
  CpuFrame(const Program& program, const int64_t* symbols, std::span<char* const> slots, bool settles)
      : Frame(program, symbols, slots), settles_(settles) {}

  static StorageRef new_memory(int64_t bytes) { return allocate(static_cast<size_t>(bytes)); }
  static bool is_own(const Storage& storage) { return storage.owner == nullptr; }
  // Buffers of the program itself are written to, and inputs that it writes to change before their version does.
  Storage* versioned_memory(int slot) {
    const detail::Held& held = at(slot);
    return held.counted || program_.writes_inputs ? nullptr : held.storage;
  }
  bool truth(int slot) { return *at(slot).data != 0; }

  void execute(const Launch& op) {
    Started launch(*this, op);
    std::optional<ProfileStep> profile;
    if (profiling()) [[unlikely]]
      begin(profile, EventKind::kernel, launch.kernel, &op, op.cost * static_cast<double>(dim(op.range)) > kLong);
    parallel_for(launch.range, op.grain, op.cost, [&](int64_t begin, int64_t end) {
      launch.run(begin, end, launch.values.data(), launch.pointers.data());
    });
    count(launch, profile);
    profile.reset();
    end(launch);
  }

  // A launch whose arguments are known: threads run parts of it.
  struct Started {
    Started(CpuFrame& frame, const Launch& op)
        : kernel(frame.program_.kernels[static_cast<size_t>(op.kernel)]),
          pointers(op.args.size()),
          pointer_count(op.args.size()),
          values(op.vals.size()),
          value_count(op.vals.size()),
          range(frame.dim(op.range)),
          scratch_bytes(op.scratch_bytes < 0 ? 0 : frame.dim(op.scratch_bytes)) {
      for (size_t i = 0; i < op.args.size(); ++i) pointers[i] = frame.address(op.args[i].slot, op.args[i].offset);
      for (size_t i = 0; i < op.vals.size(); ++i) values[i] = frame.dim(op.vals[i]);
    }
    void run(int64_t begin, int64_t end, const int64_t* vals, void* const* args) {
      int64_t status[2] = {0, 0};
      StorageRef scratch;
      if (scratch_bytes > 0) scratch = allocate(static_cast<size_t>(scratch_bytes));
      kernel->code->run(begin, end, args, vals, scratch ? scratch->data : nullptr, status);
      if (status[0] != 0 && !failure.seen.exchange(true)) std::copy_n(status, 2, failure.status);
    }
    // Columns [column, end) are the window, if it has one.
    void run(int64_t begin, int64_t end, int window, int64_t column, int64_t column_end, void* const* args) {
      if (window < 0) return run(begin, end, values.data(), args);
      detail::Scratch<int64_t, 48> changed(value_count);
      std::copy_n(values.data(), value_count, changed.data());
      changed[static_cast<size_t>(window)] = column;
      changed[static_cast<size_t>(window) + 1] = column_end;
      run(begin, end, changed.data(), args);
    }
    const std::shared_ptr<const KernelCode>& kernel;
    detail::Scratch<void*, 24> pointers;
    size_t pointer_count;
    detail::Scratch<int64_t, 48> values;
    size_t value_count;
    int64_t range, scratch_bytes;
    Failure failure;
  };

  void count(const Started& launch, std::optional<ProfileStep>& profile, int64_t times = 1) {
    stats_.launches += times;
    launch.kernel->launches.fetch_add(times, std::memory_order_relaxed);
    if (!profile) [[likely]]
      return;
    profile->read += times * launch.kernel->bytes_read.evaluate(symbols_);
    profile->written += times * launch.kernel->bytes_written.evaluate(symbols_);
  }
  void end(const Started& launch) {
    if (launch.failure.seen.load(std::memory_order_relaxed)) [[unlikely]]
      throw_failed_access(*launch.kernel, launch.failure.status);
  }

  // For as long as a loop runs, it has copies of matrices that it does not change.
  class LoopScope {
   public:
    explicit LoopScope(CpuFrame& frame) : frame_(frame), outer_(std::exchange(frame.loop_copies_, &copies_)) {}
    ~LoopScope() { frame_.loop_copies_ = outer_; }
    LoopScope(const LoopScope&) = delete;
    LoopScope& operator=(const LoopScope&) = delete;

   private:
    DerivedCopies copies_;
    CpuFrame& frame_;
    DerivedCopies* outer_;
  };
  LoopScope loop_scope() { return LoopScope(*this); }

  bool rounds_together(const Loop& op) { return detail::TiledLoop<CpuFrame>(*this, op).run(); }

  [[noreturn]] void throw_failed_access(const KernelCode& kernel, const int64_t* status) {
    throw Error(ErrorKind::index, access_message(kernel, static_cast<size_t>(status[0] - 1), status[1],
                                                 {dims_.data(), program_.dims.size()}));
  }
  void execute(const Matmul& op) {
    const size_t rank = op.out.shape.size();
    detail::Scratch<int64_t, 3 * kMostBatchAxes> batch(3 * (rank - 2));
    std::optional<ProfileStep> profile;
    if (profiling()) [[unlikely]] {
      int64_t products = dim(op.a.shape[rank - 1]);
      for (const DimRef extent : op.out.shape) products *= dim(extent);
      begin(profile, EventKind::library, op.origin, &op, products >= kLongProducts);
      if (profile) {
        profile->read = bytes_of(op.a) + bytes_of(op.b);
        profile->written = bytes_of(op.out);
      }
    }
    MatmulArgs args = product(op.a, op.b, op.out, batch.data());
    args.b_memory = versioned_memory(op.b.slot);
    args.b_copies = op.b_stays ? loop_copies_ : nullptr;
    ++stats_.library_calls;
    if (!op.then) {
      matmul(args);
      return;
    }
    multiply_and_launch(args, *op.then, profile);
  }

  void multiply_and_launch(MatmulArgs args, const Epilogue& op, std::optional<ProfileStep>& profile) {
    struct Context {
      Started launch;
      int window;
    } context{{*this, op.launch}, op.window};
    const auto run = [](void* given, int64_t row, int64_t rows, int64_t column, int64_t columns) {
      auto& [launch, window] = *static_cast<Context*>(given);
      launch.run(row, row + rows, window, column, column + columns, launch.pointers.data());
    };
    int64_t rows = args.m;
    for (int i = 0; i < args.batch_rank; ++i) rows *= args.batch[i];
    const AfterBlock after{run, &context, op.parts, op.window < 0};
    if (rows == dim(op.launch.range)) args.after = &after;
    if (!matmul(args)) {
      profile.reset();
      return execute(op.launch);
    }
    count(context.launch, profile);
    profile.reset();
    end(context.launch);
  }

  // Some rows at a time, or, where that is not to be had, one step after the other.
  void execute(const Rows& op) {
    RowWork work(*this, op);
    std::optional<ProfileStep> profile;
    if (profiling()) [[unlikely]] {
      begin(profile, EventKind::library, op.origin, &op, work.products >= kLongProducts);
      if (profile) profile->read = work.read, profile->written = work.written;
    }
    if (!work.fits || !matmul_rows(work.chain())) {
      profile.reset();
      return one_after_the_other(op);
    }
    stats_.library_calls += static_cast<int64_t>(work.steps.size() - work.kernels.size());
    for (const RowKernel& kernel : work.kernels) count(kernel.launch, profile);
    profile.reset();
    for (const RowKernel& kernel : work.kernels) end(kernel.launch);
  }

  // A launch of a `Rows`, and which of its arguments lie in buffers of the step: the buffer, or -1.
  struct RowKernel {
    RowKernel(CpuFrame& frame, const Launch& op) : launch(frame, op) {}
    static void run(void* given, int64_t row, int64_t rows, char* const* buffers) {
      auto& kernel = *static_cast<RowKernel*>(given);
      detail::Scratch<void*, 24> pointers(kernel.launch.pointer_count);
      for (size_t i = 0; i < kernel.launch.pointer_count; ++i)
        pointers[i] = kernel.buffers[i] < 0 ? kernel.launch.pointers[i] : buffers[kernel.buffers[i]];
      kernel.launch.run(row * kernel.items, (row + rows) * kernel.items, kernel.launch.values.data(), pointers.data());
    }
    Started launch;
    std::vector<int> buffers;
    int64_t items = 1;  // of the range, in a row
  };

  struct RowWork {
    RowWork(CpuFrame& frame, const Rows& op) : rows(frame.dim(op.extents.back())) {
      for (size_t i = 0; i + 1 < op.extents.size(); ++i) matrices *= frame.dim(op.extents[i]);
      std::vector<std::pair<int, int>> memory_of;
      for (const Between& between : op.between) {
        const Slot& slot = frame.program_.slots[static_cast<size_t>(between.slot)];
        int64_t bytes = size_of(slot.dtype);
        for (size_t d = op.extents.size(); d < slot.shape.size(); ++d) bytes *= frame.dim(slot.shape[d]);
        row_bytes.resize(std::max(row_bytes.size(), static_cast<size_t>(between.memory) + 1));
        row_bytes[static_cast<size_t>(between.memory)] = bytes;
        memory_of.emplace_back(between.slot, between.memory);
      }
      const auto memory = [&](int slot) {
        const auto found = std::ranges::find(memory_of, slot, &std::pair<int, int>::first);
        return found == memory_of.end() ? -1 : found->second;
      };
      for (const Step& step : op.steps) {
        if (const auto* launch = std::get_if<Launch>(&step.op))
          add(frame, *launch, memory);
        else
          add(frame, op, std::get<Matmul>(step.op), memory);
      }
    }
    template <class Memory>
    void add(CpuFrame& frame, const Launch& op, const Memory& memory) {
      RowKernel& kernel = kernels.emplace_back(frame, op);
      for (const Operand& arg : op.args) kernel.buffers.push_back(memory(arg.slot));
      const int64_t range = frame.dim(op.range), all = matrices * rows;
      fits = fits && all > 0 && range % all == 0;
      if (all > 0) kernel.items = range / all;
      steps.push_back({.kind = RowStep::Kind::kernel,
                       .run = RowKernel::run,
                       .context = &kernel,
                       .cost = op.cost * static_cast<double>(kernel.items)});
    }
    template <class Memory>
    void add(CpuFrame& frame, const Rows& op, const Matmul& product, const Memory& memory) {
      std::vector<int64_t>& numbers = batches.emplace_back(3 * (product.out.shape.size() - 2));
      RowStep& step = steps.emplace_back();
      step.kind = sums_along(frame.program_, op, product) ? RowStep::Kind::sum : RowStep::Kind::product;
      step.args = frame.product(product.a, product.b, product.out, numbers.data());
      step.left = memory(product.a.slot);
      step.right = memory(product.b.slot);
      step.out = memory(product.out.slot);
      products += frame.count_of(product.out) * step.args.k;
      for (const View* view : {&product.a, &product.b})
        if (memory(view->slot) < 0) read += frame.bytes_of(*view);
      if (step.out < 0) written += frame.bytes_of(product.out);
    }
    RowChain chain() const { return {steps, row_bytes, matrices, rows}; }

    int64_t matrices = 1, rows;
    bool fits = true;
    int64_t products = 0, read = 0, written = 0;  // multiply-adds; bytes
    std::vector<RowStep> steps;
    std::deque<RowKernel> kernels;
    std::deque<std::vector<int64_t>> batches;
    std::vector<int64_t> row_bytes;
  };

  void execute(const Call& op) {
    const Arguments arguments = arguments_of(op);
    std::optional<ProfileStep> profile;
    if (profiling()) [[unlikely]] {
      begin(profile, EventKind::library, op.origin, &op, op.cost > kLong);
      if (profile) {
        for (const View& view : op.inputs) profile->read += bytes_of(view);
        profile->written = bytes_of(op.out);
      }
    }
    ++stats_.library_calls;
    try {
      op.routine->run(arguments.args());
    } catch (const Error& error) {
      settle(op.failure, op.function);
      const std::string place = op.origin ? line_of(*op.origin) : "";
      if (place.empty()) throw;
      throw Error(error.kind, error.what() + place);
    }
  }

  static void copy(int bytes, int rank, const int64_t* sizes, const void* from, const int64_t* from_strides, void* to,
                   const int64_t* to_strides) {
    copy_strided(bytes, rank, sizes, from, from_strides, to, to_strides);
  }
  static void finish(std::optional<ProfileStep>& profile) { profile.reset(); }

  void execute(const Put& op) {
    PutAxis axes[kPutAxes];
    PutArgs args = put_of(op, axes);
    if (!op.checked) {
      const int64_t count = count_of(op.index);
      const Looked looked = look_at(args.indices, count, args.extent);
      if (looked.outside) [[unlikely]]
        throw_out_of_bounds(*first_outside(args.indices, count, args.extent), op.axis, args.extent,
                            (op.origin ? line_of(*op.origin) : "").c_str());
      args.wraps = looked.negative;
    }
    std::optional<ProfileStep> profile;
    if (profiling()) [[unlikely]]
      begin_copy(profile, EventKind::put, op.origin, &op, bytes_of(op.from));
    put(args);
    ++stats_.copies;
  }

  void execute(const HostCall& op) {
    const HostFunction& function = program_.host[static_cast<size_t>(op.function)];
    std::optional<ProfileStep> profile;
    if (profiling()) [[unlikely]]
      begin(profile, EventKind::host, op.origin, &op, true);
    try {
      function.call(host_tensors(op.args));
    } catch (...) {
      settle(op.failure, op.function);
      throw;
    }
  }

  std::vector<HostTensor> host_tensors(const std::vector<View>& args) {
    std::vector<HostTensor> tensors;
    for (const View& arg : args) {
      HostTensor& tensor = tensors.emplace_back();
      tensor.dtype = program_.slots[static_cast<size_t>(arg.slot)].dtype;
      for (const DimRef extent : arg.shape) tensor.shape.push_back(dim(extent));
      tensor.data = address(arg.slot, arg.offset);
    }
    return tensors;
  }

  // What is copied into an argument may be another one as it was, and so may be what the function gets: everything is
  // read before anything is written.
  void settle(const OnFailure& failure, int function) {
    if (!settles_) return;
    std::vector<StorageRef> kept;
    const auto keep = [&](const View& view) -> const void* {
      const StorageRef& memory =
          kept.emplace_back(allocate(static_cast<size_t>(count_of(view) * element_size(view.slot))));
      copy_between(view, address(view.slot, view.offset), memory->data, true);
      return memory->data;
    };
    for (const auto& [from, to] : failure.copies) keep(from);
    std::vector<HostTensor> args = host_tensors(failure.args);
    if (!failure.copies.empty())
      for (size_t i = 0; i < args.size(); ++i) args[i].data = keep(failure.args[i]);
    for (size_t i = 0; i < failure.copies.size(); ++i) {
      const View& to = failure.copies[i].second;
      copy_between(to, address(to.slot, to.offset), kept[i]->data, false);
    }
    if (function < 0) return;
    if (const auto& failed = program_.host[static_cast<size_t>(function)].failed) failed(args);
  }

  // Between what lies at `place` as the view says and what lies row by row.
  void copy_between(const View& view, void* place, void* rows, bool out) {
    const size_t rank = view.shape.size();
    int64_t sizes[kMostCopyAxes], strides[kMostCopyAxes], dense[kMostCopyAxes], stride = 1;
    for (size_t i = rank; i-- > 0;) {
      sizes[i] = dim(view.shape[i]);
      strides[i] = dim(view.strides[i]);
      dense[i] = std::exchange(stride, stride * sizes[i]);
    }
    copy_strided(static_cast<int>(element_size(view.slot)), static_cast<int>(rank), sizes, out ? place : rows,
                 out ? strides : dense, out ? rows : place, out ? dense : strides);
  }

  void execute(const CheckIndex& op) {
    const int64_t count = count_of(op.indices);
    const void* data = address(op.indices.slot, op.indices.offset);
    const int64_t size = dim(op.size);
    const auto bad = with_integer(program_.slots[static_cast<size_t>(op.indices.slot)].dtype, [&](auto zero) {
      return first_outside(static_cast<const decltype(zero)*>(data), count, size);
    });
    if (!bad) [[likely]]
      return;
    settle(op.failure, op.function);
    const std::string place = op.origin ? line_of(*op.origin) : "";
    throw_out_of_bounds(*bad, op.axis, size, place.c_str());
  }

 private:
  bool settles_ = true;
  DerivedCopies* loop_copies_ = nullptr;  // of the innermost loop
};

}  // namespace

void run(const Program& program, std::span<const Buffer> inputs, const int64_t* symbols, std::span<Buffer> outputs) {
  check_internal(outputs.size() == program.outputs.size(), "program {} was asked for {} outputs instead of {}",
                 program.name, outputs.size(), program.outputs.size());
  if (!is_cpu(program.device)) [[unlikely]]
    return cuda::run(program, inputs, symbols, outputs);
  CpuFrame frame(program, inputs, symbols);
  frame.run_block(program.body);
  for (size_t i = 0; i < outputs.size(); ++i) outputs[i] = frame.output(program.outputs[i]);
}

std::vector<Buffer> run(const Program& program, std::span<const Buffer> inputs, const int64_t* symbols) {
  std::vector<Buffer> outputs(program.outputs.size());
  run(program, inputs, symbols, outputs);
  return outputs;
}

void run_step(const Program& program, const Step& step, const int64_t* symbols, std::span<char* const> slots) {
  CpuFrame frame(program, symbols, slots, false);
  std::visit([&frame](const auto& op) { frame.execute(op); }, step.op);
}

void settle(const Program& program, const OnFailure& failure, int function, const int64_t* symbols,
            std::span<char* const> slots) {
  CpuFrame(program, symbols, slots, true).settle(failure, function);
}

ProgramStats program_stats() {
  using namespace detail;
  const auto sum = Totals::sum();
  return {sum[runs],        sum[launches], sum[library_calls],  sum[copies],
          sum[allocations], sum[reuses],   sum[allocated_bytes]};
}

ProgramStats ProgramStats::operator-(const ProgramStats& earlier) const {
  return {runs - earlier.runs,
          launches - earlier.launches,
          library_calls - earlier.library_calls,
          copies - earlier.copies,
          allocations - earlier.allocations,
          reuses - earlier.reuses,
          allocated_bytes - earlier.allocated_bytes};
}

void set_loop_hook(LoopHook hook) { detail::loop_hook.store(hook); }

}  // namespace tandem
