// What executors of programs share, whatever they run on: the table of sizes, the slots and the buffers they refer to, and
// the steps that only move references. `Machine`, which derives from it, runs the other steps and has
//   StorageRef new_memory(int64_t bytes);
//   static bool is_own(const Storage& storage)   whether it came from there, all of it
//   bool truth(int slot)                         the value of a bool
//   Storage* versioned_memory(int slot)          as RoutineArray::memory
//   void copy(int bytes, int rank, sizes, from, from_strides, to, to_strides)   elements of so many bytes
//   void finish(std::optional<ProfileStep>&)     the step is done, or will be
//   bool rounds_together(const Loop&)            whether it has run the loop, several rounds at a time
// Nothing is allocated per step; counters are kept in the frame and added to the global ones at the end.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "runtime/access_message.h"
#include "runtime/copy.h"
#include "runtime/counts.h"
#include "runtime/library.h"
#include "runtime/profile_steps.h"
#include "runtime/program.h"
#include "runtime/put.h"
#include "runtime/routine.h"

namespace tandem {

namespace detail {

extern std::atomic<LoopHook> loop_hook;

// Of ProgramStats, in the order of its members.
enum Count { runs, launches, library_calls, copies, allocations, reuses, allocated_bytes };
inline constexpr int kCounts = allocated_bytes + 1;
struct OfPrograms;
using Totals = ThreadCounts<OfPrograms, kCounts>;

// `count` values on the stack when they are few.
template <class T, size_t Few>
class Scratch {
 public:
  explicit Scratch(size_t count) : data_(count <= Few ? few_ : new T[count]) {}
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    if (data_ != few_) delete[] data_;
  }
  T* data() { return data_; }
  T& operator[](size_t i) { return data_[i]; }

 private:
  T few_[Few];
  T* data_;
};

// What a slot refers to. Inputs are borrowed: no reference is counted for them.
struct Held {
  Storage* storage;
  char* data;
  bool counted;
};

template <class Machine>
class TiledLoop;

template <class Machine>
class Frame {
  friend Machine;  // nobody else makes one
  friend class TiledLoop<Machine>;

  Frame(const Program& program, std::span<const Buffer> inputs, const int64_t* symbols)
      : program_(program), symbols_(symbols), dims_(program.dims.size()), slots_(program.slots.size()) {
    check_internal(inputs.size() == static_cast<size_t>(program.input_count), "program {} got {} inputs instead of {}",
                   program.name, inputs.size(), program.input_count);
    for (size_t i = 0; i < program.dims.size(); ++i) dims_[i] = program.dims[i].evaluate(symbols);
    for (size_t i = 0; i < inputs.size(); ++i)
      slots_[i] = {inputs[i].storage.get(), static_cast<char*>(inputs[i].data), false};
    for (size_t i = inputs.size(); i < program.slots.size(); ++i) slots_[i] = {nullptr, nullptr, false};
    if (profiling()) [[unlikely]] {
      for (const auto& kernel : program.kernels) count_launches(kernel);
      left_out_ = !ProfileScope::is_recording();
    }
  }
  // Of a single step, whose slots are at these places; none of them counts references.
  Frame(const Program& program, const int64_t* symbols, std::span<char* const> slots)
      : program_(program), symbols_(symbols), dims_(program.dims.size()), slots_(program.slots.size()), is_part_(true) {
    for (size_t i = 0; i < program.dims.size(); ++i) dims_[i] = program.dims[i].evaluate(symbols);
    for (size_t i = 0; i < slots.size(); ++i) slots_[i] = {nullptr, slots[i], false};
  }

 public:
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

  ~Frame() {
    if (samplers_) LoopSamplers::give_back(std::move(samplers_));
    for (size_t i = 0; i < program_.slots.size(); ++i) clear(slots_[i]);
    const auto add = [](Count which, int64_t count) {
      if (count != 0) Totals::add(which, count);
    };
    add(runs, is_part_ ? 0 : 1);
    add(launches, stats_.launches);
    add(library_calls, stats_.library_calls);
    add(copies, stats_.copies);
    add(allocations, stats_.allocations);
    add(reuses, stats_.reuses);
    add(allocated_bytes, stats_.allocated_bytes);
  }

  void run_block(const Block& block) { run_steps(block); }
  void run_steps(std::span<const Step> steps) {
    for (const Step& step : steps)
      std::visit([this](const auto& op) { static_cast<Machine*>(this)->execute(op); }, step.op);
  }

  Buffer output(const View& view) {
    const Held& held = at(view.slot);
    if (held.storage) held.storage->references.fetch_add(1, std::memory_order_relaxed);
    return {StorageRef(held.storage), held.data + dim(view.offset) * element_size(view.slot)};
  }

 protected:
  int64_t dim(DimRef ref) { return dims_[static_cast<size_t>(ref)]; }
  Held& at(int slot) { return slots_[static_cast<size_t>(slot)]; }
  int64_t element_size(int slot) const { return size_of(program_.slots[static_cast<size_t>(slot)].dtype); }
  char* address(int slot, DimRef offset) { return at(slot).data + dim(offset) * element_size(slot); }
  // Of the elements of a view, broadcast ones counted once.
  int64_t bytes_of(const View& view) {
    int64_t bytes = element_size(view.slot);
    for (size_t i = 0; i < view.shape.size(); ++i)
      if (dim(view.strides[i]) != 0) bytes *= dim(view.shape[i]);
    return bytes;
  }

  static void clear(Held& held) {
    if (held.counted) drop(held.storage);
    held = {nullptr, nullptr, false};
  }
  // A further reference to the same buffer. Borrowed ones become counted only when they leave their input slot.
  static Held share(const Held& held) {
    if (held.storage) held.storage->references.fetch_add(1, std::memory_order_relaxed);
    return {held.storage, held.data, held.storage != nullptr};
  }

  // Of what takes longer than about 10 µs it is known before that it is worth a record.
  static constexpr double kLong = 10'000;  // ns
  static constexpr int64_t kLongProducts = 1 << 19;

  template <class Origin>
  void begin(std::optional<ProfileStep>& profile, EventKind kind, const std::shared_ptr<const Origin>& origin,
             const void* step, bool is_long) {
    if (left_out_ && !is_long) return;
    Sampler* sampler = nullptr;
    uint32_t count = 1;
    if (loops_ > 0 && !left_out_ && !detail::records_all()) {
      if (!samplers_) samplers_ = LoopSamplers::take();
      sampler = &samplers_->of(step, kind, origin);
      count = sampler->due();
    }
    if (count > 0 || is_long) profile.emplace(kind, origin, is_long, sampler, count);
  }
  void begin_copy(std::optional<ProfileStep>& profile, EventKind kind, const OriginRef& origin, const void* step,
                  int64_t bytes) {
    begin(profile, kind, origin, step, is_long_copy(bytes));
    if (profile) profile->read = profile->written = bytes;
  }

  void execute(const Allocate& op) { hold(op.slot, dim(op.count), op.reuse); }

  // Memory of `count` elements for a slot, or that of `reuse`, if it will do.
  void hold(int slot, int64_t count, int reuse = -1) {
    Held& held = at(slot);
    clear(held);
    const int64_t size = element_size(slot);
    if (count < 0)
      throw_error(ErrorKind::shape, "{}: got a buffer of {} elements; need at least 0", program_.name, count);
    int64_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) bytes = INT64_MAX;  // refused by allocate, with its message
    if (reuse >= 0) {
      const Held& old = at(reuse);
      const Storage* storage = old.storage;
      if (old.counted && Machine::is_own(*storage) && storage->data == old.data &&
          storage->capacity >= static_cast<size_t>(bytes) && storage->references.load(std::memory_order_acquire) == 1) {
        held = share(old);
        held.storage->bytes = static_cast<size_t>(bytes);
        ++stats_.reuses;
        return;
      }
    }
    StorageRef memory = machine().new_memory(bytes);
    ++stats_.allocations;
    stats_.allocated_bytes += bytes;
    char* data = static_cast<char*>(memory->data);
    held = {memory.release(), data, true};
  }

  void execute(const Release& op) { clear(at(op.slot)); }

  void execute(const Bind& op) {
    const Held shared = share(at(op.from));
    clear(at(op.to));
    at(op.to) = shared;
  }

  void execute(const Branch& op) { run_block(machine().truth(op.predicate) ? op.then_block : op.else_block); }

  void execute(const Loop& op) {
    if (op.tiling && machine().rounds_together(op)) return;
    [[maybe_unused]] const auto& scope = machine().loop_scope();
    ++loops_;
    Scratch<bool, 16> is_of_body(op.carried.size());
    for (size_t i = 0; i < op.carried.size(); ++i) is_of_body[i] = !at(op.carried[i].second).storage;
    const int64_t rounds = op.rounds < 0 ? 0 : dim(op.rounds);
    const auto goes_on = [&](int64_t round) {
      if (op.rounds >= 0) return round < rounds;
      run_block(op.condition);
      return machine().truth(op.predicate);
    };
    for (int64_t round = 0; goes_on(round); ++round) {
      if (const LoopHook hook = loop_hook.load(std::memory_order_relaxed)) hook();
      run_block(op.body);
      take_over(op.carried, [](size_t) { return false; });
      // Else a buffer that is updated several times a round would have two names, and not be taken over in the next one.
      for (size_t i = 0; i < op.carried.size(); ++i)
        if (is_of_body[i]) clear(at(op.carried[i].second));
    }
    --loops_;
  }

  // With what is between in full.
  void one_after_the_other(const Rows& op) {
    for (const Between& between : op.between) {
      int64_t count = 1;
      for (const DimRef extent : program_.slots[static_cast<size_t>(between.slot)].shape) count *= dim(extent);
      hold(between.slot, count);
    }
    run_block(op.steps);
    for (const Between& between : op.between) clear(at(between.slot));
  }

  // All at once; but for those that `stays` says.
  template <class Stays>
  void take_over(const std::vector<std::pair<int, int>>& carried, const Stays& stays) {
    Scratch<Held, 16> next(carried.size());
    for (size_t i = 0; i < carried.size(); ++i)
      if (!stays(i)) next[i] = share(at(carried[i].second));
    for (size_t i = 0; i < carried.size(); ++i) {
      if (stays(i)) continue;
      clear(at(carried[i].first));
      at(carried[i].first) = next[i];
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
    machine().copy(static_cast<int>(element_size(op.to.slot)), static_cast<int>(rank), sizes, source, from, target, to);
    ++stats_.copies;
    machine().finish(profile);
  }

  // What a product of matrices is of. `batch` has three numbers for each axis in front of the last two.
  MatmulArgs product(const View& left, const View& right, const View& out, int64_t* batch) {
    const size_t rank = out.shape.size(), batch_rank = rank - 2, axes = right.shape.size();
    const bool one_right = axes == 2;
    int64_t *extents = batch, *a = extents + batch_rank, *b = a + batch_rank;
    for (size_t i = 0; i < batch_rank; ++i) {
      extents[i] = dim(out.shape[i]);
      a[i] = dim(left.strides[i]);
      b[i] = one_right ? 0 : dim(right.strides[i]);  // one matrix for all
    }
    return {.dtype = program_.slots[static_cast<size_t>(out.slot)].dtype,
            .m = dim(out.shape[rank - 2]),
            .n = dim(out.shape[rank - 1]),
            .k = dim(left.shape[rank - 1]),
            .batch_rank = static_cast<int>(batch_rank),
            .batch = extents,
            .a_batch = a,
            .b_batch = b,
            .a_row = dim(left.strides[rank - 2]),
            .a_col = dim(left.strides[rank - 1]),
            .b_row = dim(right.strides[axes - 2]),
            .b_col = dim(right.strides[axes - 1]),
            .a = address(left.slot, left.offset),
            .b = address(right.slot, right.offset),
            .out = address(out.slot, out.offset),
            .one_right = one_right};
  }

  static constexpr size_t kPutAxes = 2 * kMostCopyAxes;
  // What is written at indices; `axes` has kPutAxes places.
  PutArgs put_of(const Put& op, PutAxis* axes) {
    const auto axis = static_cast<size_t>(op.axis);
    const size_t rank = op.to.shape.size(), index_rank = op.index.shape.size();
    for (size_t k = 0; k < index_rank; ++k) axes[k] = {dim(op.index.shape[k]), 0, dim(op.from.strides[axis + k])};
    const auto skip = [&](size_t k) { return k < axis ? k : k - 1 + index_rank; };
    size_t end = index_rank;
    for (size_t k = 0; k < rank; ++k)
      if (k != axis) axes[end++] = {dim(op.to.shape[k]), dim(op.to.strides[k]), dim(op.from.strides[skip(k)])};
    return {.mode = op.mode,
            .dtype = program_.slots[static_cast<size_t>(op.to.slot)].dtype,
            .axes = {axes + index_rank, end - index_rank},
            .index_axes = {axes, index_rank},
            .indices = reinterpret_cast<const int64_t*>(address(op.index.slot, op.index.offset)),
            .extent = dim(op.to.shape[axis]),
            .step = dim(op.to.strides[axis]),
            .to = address(op.to.slot, op.to.offset),
            .from = address(op.from.slot, op.from.offset)};
  }

  // What a routine gets: arrays whose shapes lie in `shapes`.
  struct Arguments {
    std::vector<int64_t> shapes, params;
    std::vector<RoutineArray> inputs;
    RoutineArray out{};
    RoutineArgs args() const { return {inputs, out, params}; }
  };
  Arguments arguments_of(const Call& op) {
    Arguments all;
    const auto extents = [&](const View& view) {
      for (const DimRef extent : view.shape) all.shapes.push_back(dim(extent));
    };
    for (const View& view : op.inputs) extents(view);
    extents(op.out);
    for (const DimRef param : op.params) all.params.push_back(dim(param));
    size_t at = 0;
    const auto array = [&](const View& view) {
      const std::span<const int64_t> shape(all.shapes.data() + at, view.shape.size());
      at += view.shape.size();
      return RoutineArray{program_.slots[static_cast<size_t>(view.slot)].dtype, shape, address(view.slot, view.offset),
                          machine().versioned_memory(view.slot)};
    };
    all.inputs.reserve(op.inputs.size());
    for (const View& view : op.inputs) all.inputs.push_back(array(view));
    all.out = array(op.out);
    return all;
  }

  int64_t count_of(const View& view) {
    int64_t count = 1;
    for (const DimRef extent : view.shape) count *= dim(extent);
    return count;
  }

  const Program& program_;
  const int64_t* symbols_;
  Scratch<int64_t, 128> dims_;
  Scratch<Held, 48> slots_;
  ProgramStats stats_;
  int loops_ = 0;          // that the step is inside
  bool left_out_ = false;  // from a profile, but for long steps
  bool is_part_ = false;   // of a run that another executor does
  std::unique_ptr<LoopSamplers> samplers_;

 private:
  Machine& machine() { return *static_cast<Machine*>(this); }
};

}  // namespace detail

}  // namespace tandem
