// The executor: a walk over the steps with a table of buffers on the stack (runtime/frame.h).
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
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
  using Frame::Frame;
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
    parallel_for(dim(op.range), op.grain, op.cost,
                 [&](int64_t begin, int64_t end) { launch.run(begin, end, launch.values.data()); });
    count(launch, profile);
    profile.reset();
    end(launch);
  }

  // A launch whose arguments are known: threads run parts of it.
  struct Started {
    Started(CpuFrame& frame, const Launch& op)
        : kernel(frame.program_.kernels[static_cast<size_t>(op.kernel)]),
          pointers(op.args.size()),
          values(op.vals.size()),
          value_count(op.vals.size()),
          scratch_bytes(op.scratch_bytes < 0 ? 0 : frame.dim(op.scratch_bytes)) {
      for (size_t i = 0; i < op.args.size(); ++i) pointers[i] = frame.address(op.args[i].slot, op.args[i].offset);
      for (size_t i = 0; i < op.vals.size(); ++i) values[i] = frame.dim(op.vals[i]);
    }
    void run(int64_t begin, int64_t end, const int64_t* vals) {
      int64_t status[2] = {0, 0};
      StorageRef scratch;
      if (scratch_bytes > 0) scratch = allocate(static_cast<size_t>(scratch_bytes));
      kernel->code->run(begin, end, pointers.data(), vals, scratch ? scratch->data : nullptr, status);
      if (status[0] != 0 && !failure.seen.exchange(true)) std::copy_n(status, 2, failure.status);
    }
    const std::shared_ptr<const KernelCode>& kernel;
    detail::Scratch<void*, 24> pointers;
    detail::Scratch<int64_t, 48> values;
    size_t value_count;
    int64_t scratch_bytes;
    Failure failure;
  };

  void count(const Started& launch, std::optional<ProfileStep>& profile) {
    ++stats_.launches;
    launch.kernel->launches.fetch_add(1, std::memory_order_relaxed);
    if (!profile) [[likely]]
      return;
    profile->read += launch.kernel->bytes_read.evaluate(symbols_);
    profile->written += launch.kernel->bytes_written.evaluate(symbols_);
  }
  void end(const Started& launch) {
    if (launch.failure.seen.load(std::memory_order_relaxed)) [[unlikely]]
      throw_failed_access(*launch.kernel, launch.failure.status);
  }

  void execute(const Loop& op) {
    DerivedCopies copies;
    DerivedCopies* const outer = std::exchange(loop_copies_, &copies);
    Frame::execute(op);
    loop_copies_ = outer;
  }

  [[noreturn]] void throw_failed_access(const KernelCode& kernel, const int64_t* status) {
    std::string message =
        access_message(kernel, static_cast<size_t>(status[0] - 1), status[1], {dims_.data(), program_.dims.size()});
    if (message.find(" (at ") == std::string::npos) message += line_of(kernel);
    throw Error(ErrorKind::index, message);
  }
  void execute(const Matmul& op) {
    const size_t rank = op.out.shape.size(), batch_rank = rank - 2, right = op.b.shape.size();
    const bool one_right = right == 2;
    detail::Scratch<int64_t, 3 * kMostBatchAxes> batch(3 * batch_rank);
    int64_t *extents = batch.data(), *a = extents + batch_rank, *b = a + batch_rank;
    for (size_t i = 0; i < batch_rank; ++i) {
      extents[i] = dim(op.out.shape[i]);
      a[i] = dim(op.a.strides[i]);
      b[i] = one_right ? 0 : dim(op.b.strides[i]);
    }
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
    MatmulArgs args{.dtype = program_.slots[static_cast<size_t>(op.out.slot)].dtype,
                    .m = dim(op.out.shape[rank - 2]),
                    .n = dim(op.out.shape[rank - 1]),
                    .k = dim(op.a.shape[rank - 1]),
                    .batch_rank = static_cast<int>(batch_rank),
                    .batch = extents,
                    .a_batch = a,
                    .b_batch = b,
                    .a_row = dim(op.a.strides[rank - 2]),
                    .a_col = dim(op.a.strides[rank - 1]),
                    .b_row = dim(op.b.strides[right - 2]),
                    .b_col = dim(op.b.strides[right - 1]),
                    .a = address(op.a.slot, op.a.offset),
                    .b = address(op.b.slot, op.b.offset),
                    .out = address(op.out.slot, op.out.offset),
                    .one_right = one_right,
                    .b_memory = versioned_memory(op.b.slot),
                    .b_copies = op.b_stays ? loop_copies_ : nullptr};
    ++stats_.library_calls;
    if (!op.then) {
      matmul(args);
      return;
    }
    multiply_and_launch(args, *op.then, profile);
  }

  void multiply_and_launch(MatmulArgs& args, const Epilogue& op, std::optional<ProfileStep>& profile) {
    struct Context {
      Started launch;
      int window;
    } context{{*this, op.launch}, op.window};
    const auto run = [](void* given, int64_t row, int64_t rows, int64_t column, int64_t columns) {
      auto& [launch, window] = *static_cast<Context*>(given);
      if (window < 0) return launch.run(row, row + rows, launch.values.data());
      detail::Scratch<int64_t, 48> values(launch.value_count);
      std::copy_n(launch.values.data(), launch.value_count, values.data());
      values[static_cast<size_t>(window)] = column;
      values[static_cast<size_t>(window) + 1] = column + columns;
      launch.run(row, row + rows, values.data());
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

  void execute(const Call& op) {
    std::vector<int64_t> shapes, params;
    const auto extents = [&](const View& view) {
      for (const DimRef extent : view.shape) shapes.push_back(dim(extent));
    };
    for (const View& view : op.inputs) extents(view);
    extents(op.out);
    for (const DimRef param : op.params) params.push_back(dim(param));
    size_t at = 0;
    const auto array = [&](const View& view) {
      const std::span<const int64_t> shape(shapes.data() + at, view.shape.size());
      at += view.shape.size();
      return RoutineArray{program_.slots[static_cast<size_t>(view.slot)].dtype, shape, address(view.slot, view.offset),
                          versioned_memory(view.slot)};
    };
    std::vector<RoutineArray> inputs;
    inputs.reserve(op.inputs.size());
    for (const View& view : op.inputs) inputs.push_back(array(view));
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
      op.routine->run({inputs, array(op.out), params});
    } catch (const Error& error) {
      settle(op.failure, op.function);
      const std::string place = op.origin ? line_of(*op.origin) : "";
      if (place.empty()) throw;
      throw Error(error.kind, error.what() + place);
    }
  }

  void execute(const Copy& op) {
    const size_t rank = op.to.shape.size();
    int64_t sizes[kMostCopyAxes], from[kMostCopyAxes], to[kMostCopyAxes];
    for (size_t i = 0; i < rank; ++i) {
      sizes[i] = dim(op.to.shape[i]);
      from[i] = dim(op.from.strides[i]);
      to[i] = dim(op.to.strides[i]);
    }
    const void* source = address(op.from.slot, op.from.offset);
    void* target = address(op.to.slot, op.to.offset);
    if (source == target && std::equal(from, from + rank, to)) return;  // the buffer was taken over
    std::optional<ProfileStep> profile;
    if (profiling()) [[unlikely]]
      begin_copy(profile, EventKind::copy, op.origin, &op, bytes_of(op.to));
    copy_strided(static_cast<int>(element_size(op.to.slot)), static_cast<int>(rank), sizes, source, from, target, to);
    ++stats_.copies;
  }

  void execute(const Put& op) {
    const auto axis = static_cast<size_t>(op.axis);
    const size_t rank = op.to.shape.size(), index_rank = op.index.shape.size();
    detail::Scratch<PutAxis, kMostCopyAxes> axes(index_rank + rank);
    for (size_t k = 0; k < index_rank; ++k) axes[k] = {dim(op.index.shape[k]), 0, dim(op.from.strides[axis + k])};
    const auto skip = [&](size_t k) { return k < axis ? k : k - 1 + index_rank; };
    size_t end = index_rank;
    for (size_t k = 0; k < rank; ++k)
      if (k != axis) axes[end++] = {dim(op.to.shape[k]), dim(op.to.strides[k]), dim(op.from.strides[skip(k)])};
    const auto* indices = reinterpret_cast<const int64_t*>(address(op.index.slot, op.index.offset));
    const int64_t size = dim(op.to.shape[axis]);
    bool wraps = true;
    if (!op.checked) {
      const Looked looked = look_at(indices, count_of(op.index), size);
      if (looked.outside) [[unlikely]]
        throw_out_of_bounds(*first_outside(indices, count_of(op.index), size), op.axis, size,
                            (op.origin ? line_of(*op.origin) : "").c_str());
      wraps = looked.negative;
    }
    std::optional<ProfileStep> profile;
    if (profiling()) [[unlikely]]
      begin_copy(profile, EventKind::put, op.origin, &op, bytes_of(op.from));
    put({.mode = op.mode,
         .dtype = program_.slots[static_cast<size_t>(op.to.slot)].dtype,
         .axes = {axes.data() + index_rank, end - index_rank},
         .index_axes = {axes.data(), index_rank},
         .indices = indices,
         .extent = size,
         .step = dim(op.to.strides[axis]),
         .wraps = wraps,
         .to = address(op.to.slot, op.to.offset),
         .from = address(op.from.slot, op.from.offset)});
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
