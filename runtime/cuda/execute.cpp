#include "runtime/cuda/execute.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "runtime/copy.h"
#include "runtime/cuda/copy.h"
#include "runtime/cuda/launch.h"
#include "runtime/cuda/matmul.h"
#include "runtime/cuda/put.h"
#include "runtime/cuda/routines.h"
#include "runtime/cuda/strided_copy.h"
#include "runtime/frame.h"

namespace tandem::cuda {

namespace {

std::atomic<int64_t> host_steps{0}, host_bytes{0}, predicates{0};

OriginRef named(const OriginRef& given, const char* otherwise) {
  return given ? given : std::make_shared<const StepOrigin>(StepOrigin{otherwise, {}});
}

// What a host step reads and writes.
struct Touched {
  const View* view;
  bool written;
};

void add(std::vector<Touched>& all, const std::vector<View>& views, bool written = false) {
  for (const View& view : views) all.push_back({&view, written});
}
std::vector<Touched> touched(const Call& op) {
  std::vector<Touched> all;
  add(all, op.inputs);
  all.push_back({&op.out, true});
  return all;
}
std::vector<Touched> touched(const Put& op) { return {{&op.from, false}, {&op.index, false}, {&op.to, true}}; }
std::vector<Touched> touched(const Matmul& op) { return {{&op.a, false}, {&op.b, false}, {&op.out, true}}; }
std::vector<Touched> touched(const CheckIndex& op) { return {{&op.indices, false}}; }
std::vector<Touched> touched(const HostCall& op) {
  std::vector<Touched> all;
  add(all, op.args);
  return all;
}
std::vector<Touched> touched(const OnFailure& failure) {
  std::vector<Touched> all;
  for (const auto& [from, to] : failure.copies) {
    all.push_back({&from, false});
    all.push_back({&to, true});
  }
  add(all, failure.args);
  return all;
}

class GpuFrame : public detail::Frame<GpuFrame> {
 public:
  using Frame::execute;

  GpuFrame(Gpu& gpu, const Program& program, std::span<const Buffer> inputs, const int64_t* symbols,
           std::vector<Address>* keep)
      : Frame(program, inputs, symbols), gpu_(gpu), keep_(keep) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      const Device device = device_of(*inputs[i].storage);
      if (device == program.device) [[likely]]
        continue;
      check_internal(is_cpu(device) && program.slots[i].shape.empty(), "input {} of a program on {} is on {}", i,
                     to_text(program.device), to_text(device));
      const auto bytes = static_cast<size_t>(element_size(static_cast<int>(i)));
      StorageRef memory = new_memory(static_cast<int64_t>(bytes));
      copy_bytes(program.device, memory->data, device, inputs[i].data, bytes);
      char* data = static_cast<char*>(memory->data);
      slots_[i] = {memory.release(), data, true};
    }
  }

  // What was written to inputs that lie on the host.
  void write_back(std::span<const Buffer> inputs) {
    for (const int input : program_.written) {
      const Buffer& target = inputs[static_cast<size_t>(input)];
      if (!is_cpu(device_of(*target.storage))) continue;
      copy_bytes({}, target.data, program_.device, at(input).data, static_cast<size_t>(element_size(input)));
    }
  }

  StorageRef new_memory(int64_t bytes) { return gpu_.memory.allocate(static_cast<size_t>(bytes)); }
  static bool is_own(const Storage& storage) { return cuda::is_own(storage); }
  bool truth(int slot) {
    bool value = false;
    copy_bytes({}, &value, program_.device, at(slot).data, 1);
    predicates.fetch_add(1, std::memory_order_relaxed);
    return value;
  }

  void execute(const Launch& op) {
    const std::shared_ptr<const KernelCode>& kernel = program_.kernels[static_cast<size_t>(op.kernel)];
    detail::Scratch<void*, 24> pointers(op.args.size());
    for (size_t i = 0; i < op.args.size(); ++i) pointers[i] = address(op.args[i].slot, op.args[i].offset);
    detail::Scratch<int64_t, 48> values(op.vals.size());
    for (size_t i = 0; i < op.vals.size(); ++i) values[i] = dim(op.vals[i]);
    std::optional<ProfileStep> profile;
    if (profiling()) [[unlikely]]
      begin(profile, EventKind::kernel, kernel, &op, true);
    launch(gpu_, kernel, pointers.data(), values.data(), {dims_.data(), program_.dims.size()}, keep_);
    ++stats_.launches;
    if (profile) [[unlikely]] {
      profile->read = kernel->bytes_read.evaluate(symbols_);
      profile->written = kernel->bytes_written.evaluate(symbols_);
      finish(profile);
    }
  }

  void execute(const Rows& op) { one_after_the_other(op); }

  void execute(const Matmul& op) {
    const DType dtype = program_.slots[static_cast<size_t>(op.out.slot)].dtype;
    check_internal(!op.then, "products on GPUs end with themselves");
    if (!has_matmul(dtype)) return on_host(op, nullptr, -1);
    detail::Scratch<int64_t, 3 * kMostBatchAxes> batch(3 * (op.out.shape.size() - 2));
    std::optional<ProfileStep> profile;
    if (profiling()) [[unlikely]] {
      begin(profile, EventKind::library, op.origin, &op, true);
      if (profile) {
        profile->read = bytes_of(op.a) + bytes_of(op.b);
        profile->written = bytes_of(op.out);
      }
    }
    matmul(gpu_, product(op.a, op.b, op.out, batch.data()));
    ++stats_.library_calls;
    finish(profile);
  }

  void copy(int bytes, int rank, const int64_t* sizes, const void* from, const int64_t* from_strides, void* to,
            const int64_t* to_strides) {
    copy_strided(gpu_, bytes, rank, sizes, from, from_strides, to, to_strides);
  }
  // Steps of profiles are waited for, so that their time is their own.
  void finish(std::optional<ProfileStep>& profile) {
    if (!profile) return;
    gpu_.synchronize();
    profile.reset();
  }
  static Storage* versioned_memory(int) { return nullptr; }
  static bool loop_scope() { return false; }                  // nothing is kept for loops
  static bool rounds_together(const Loop&) { return false; }  // a launch has all of the machine

  void execute(const Put& op) {
    if (!compiles_texts()) return on_host(op, nullptr, -1);
    PutAxis axes[kPutAxes];
    const PutArgs args = put_of(op, axes);
    std::optional<ProfileStep> profile;
    if (profiling()) [[unlikely]]
      begin_copy(profile, EventKind::put, op.origin, &op, bytes_of(op.from));
    if (!put(by_text(named(op.origin, "put"), op.axis, args.extent), args)) return on_host(op, nullptr, -1);
    ++stats_.copies;
    finish(profile);
  }

  // What comes after a check whose indices are wrong is done all the same: gathers read element 0, writes are left out.
  void execute(const CheckIndex& op) {
    if (!compiles_texts()) return on_host(op, &op.failure, op.function);
    const int64_t size = dim(op.size);
    check_indices(by_text(named(op.origin, "check_index"), op.axis, size),
                  program_.slots[static_cast<size_t>(op.indices.slot)].dtype,
                  address(op.indices.slot, op.indices.offset), count_of(op.indices), size);
    ++stats_.launches;
  }

  void execute(const Call& op) {
    const DeviceRoutine* routine = find_device_routine(op.routine->name);
    if (!routine) return on_host(op, &op.failure, op.function);
    const Arguments arguments = arguments_of(op);
    std::optional<ProfileStep> profile;
    if (profiling()) [[unlikely]]
      begin(profile, EventKind::library, op.origin, &op, true);
    if (!routine->run({gpu_, named(op.origin, "routine"), keep_}, arguments.args())) {
      profile.reset();
      return on_host(op, &op.failure, op.function);
    }
    ++stats_.library_calls;
    finish(profile);
  }
  void execute(const HostCall& op) { on_host(op, &op.failure, op.function); }

 private:
  // For kernels that look at indices along an axis.
  TextLaunch by_text(const OriginRef& origin, int64_t axis, int64_t size) {
    return {gpu_, origin, keep_,
            [origin, axis, size](int64_t index) { return out_of_bounds_text(index, axis, size, line_of(*origin)); }};
  }

  // Copies on the host of what views of some slots cover.
  class HostImage {
   public:
    HostImage(GpuFrame& frame, const std::vector<Touched>& touched) : frame_(frame) {
      for (const Touched& each : touched) include(*each.view, each.written);
      for (auto& [slot, part] : parts_) {
        const int64_t size = frame.element_size(slot);
        const auto bytes = static_cast<size_t>((part.end - part.begin) * size);
        if (part.end <= part.begin) continue;
        part.memory = allocate(bytes);
        copy_bytes({}, part.memory->data, frame.program_.device, frame.at(slot).data + part.begin * size, bytes);
        host_bytes.fetch_add(static_cast<int64_t>(bytes), std::memory_order_relaxed);
      }
    }
    // Where the slots would begin.
    std::vector<char*> slots() const {
      std::vector<char*> all(frame_.program_.slots.size(), nullptr);
      for (const auto& [slot, part] : parts_)
        if (part.memory)
          all[static_cast<size_t>(slot)] =
              static_cast<char*>(part.memory->data) - part.begin * frame_.element_size(slot);
      return all;
    }
    void write_back() {
      for (auto& [slot, part] : parts_) {
        if (!part.written || !part.memory) continue;
        const int64_t size = frame_.element_size(slot);
        const auto bytes = static_cast<size_t>((part.end - part.begin) * size);
        copy_bytes(frame_.program_.device, frame_.at(slot).data + part.begin * size, {}, part.memory->data, bytes);
        host_bytes.fetch_add(static_cast<int64_t>(bytes), std::memory_order_relaxed);
      }
    }

   private:
    struct Part {
      int64_t begin = INT64_MAX, end = INT64_MIN;  // in elements, from where the slot is
      bool written = false;
      StorageRef memory = {};
    };
    void include(const View& view, bool written) {
      int64_t low = frame_.dim(view.offset), high = low + 1;
      for (size_t k = 0; k < view.shape.size(); ++k) {
        const int64_t extent = frame_.dim(view.shape[k]);
        if (extent == 0) return;
        const int64_t reach = (extent - 1) * frame_.dim(view.strides[k]);
        (reach < 0 ? low : high) += reach;
      }
      Part& part = parts_[view.slot];
      part.begin = std::min(part.begin, low);
      part.end = std::max(part.end, high);
      part.written |= written;
    }
    GpuFrame& frame_;
    std::map<int, Part> parts_;
  };

  template <class Op>
  void on_host(const Op& op, const OnFailure* failure, int function) {
    std::optional<ProfileStep> profile;
    if (profiling()) [[unlikely]]
      begin(profile, EventKind::host, op.origin, &op, true);
    host_steps.fetch_add(1, std::memory_order_relaxed);
    HostImage image(*this, touched(op));
    try {
      run_step(program_, Step{op}, symbols_, image.slots());
    } catch (...) {
      if (failure) {
        HostImage left(*this, touched(*failure));
        settle(program_, *failure, function, symbols_, left.slots());
        left.write_back();
      }
      throw;
    }
    image.write_back();
  }

  Gpu& gpu_;
  std::vector<Address>* keep_;  // status words of a capture
};

std::string need_of(const Program& program, const Block& block);

std::string need_of(const Program& program, const Step& step) {
  return std::visit(
      [&]<class Op>(const Op& op) -> std::string {
        if constexpr (std::is_same_v<Op, Rows>) return need_of(program, op.steps);
        if constexpr (std::is_same_v<Op, Branch>) return "a branch that depends on a value";
        if constexpr (std::is_same_v<Op, Loop>)
          return op.rounds < 0 ? "a loop whose end depends on a value" : need_of(program, op.body);
        if constexpr (std::is_same_v<Op, HostCall>) return "a function of the host";
        if constexpr (std::is_same_v<Op, CheckIndex> || std::is_same_v<Op, Put>)
          if (!compiles_texts()) return "a check of indices or a write at them, for which NVRTC is missing";
        if constexpr (std::is_same_v<Op, Call>)
          if (!find_device_routine(op.routine->name))
            return fmt::format("the routine {}, which the CPU runs", op.routine->name);
        if constexpr (std::is_same_v<Op, Matmul>)
          if (const DType dtype = program.slots[static_cast<size_t>(op.out.slot)].dtype; !has_matmul(dtype))
            return fmt::format("a product of {}, which the CPU computes", info(dtype).name);
        return "";
      },
      step.op);
}

std::string need_of(const Program& program, const Block& block) {
  for (const Step& step : block)
    if (std::string need = need_of(program, step); !need.empty()) return need;
  return "";
}

}  // namespace

void run(const Program& program, std::span<const Buffer> inputs, const int64_t* symbols, std::span<Buffer> outputs) {
  Gpu& gpu = Gpu::at(program.device.index);
  gpu.enter();
  GpuFrame frame(gpu, program, inputs, symbols, nullptr);
  frame.run_block(program.body);
  frame.write_back(inputs);
  for (size_t i = 0; i < outputs.size(); ++i) outputs[i] = frame.output(program.outputs[i]);
}

void run_recorded(Gpu& gpu, const Program& program, std::span<const Buffer> inputs, const int64_t* symbols,
                  std::span<Buffer> outputs, std::vector<Address>& words) {
  GpuFrame frame(gpu, program, inputs, symbols, &words);
  frame.run_block(program.body);
  for (size_t i = 0; i < outputs.size(); ++i) outputs[i] = frame.output(program.outputs[i]);
}

HostStepStats host_step_stats() { return {host_steps.load(), host_bytes.load(), predicates.load()}; }

std::string host_need(const Program& program) { return need_of(program, program.body); }

}  // namespace tandem::cuda
