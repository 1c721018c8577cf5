// Program: the plan-level IR. A block of steps over buffers ("slots"): allocate, launch, library call, copy, branch,
// loop. It is what a compiled function runs, and what is saved to a file.
//
// Sizes. All sizes, offsets, strides and kernel values are entries of one table, `dims`, evaluated once per call from
// the symbols of the capture. Steps refer to them by index (DimRef).
//
// Slots. Slots 0 .. input_count-1 are the inputs, borrowed from the caller; their layout is said by the views and
// operands that use them. The others are contiguous buffers that hold nothing until a step defines them (Allocate,
// Bind, a loop's carried values) and again after Release. A slot may be defined again; its old buffer is then dropped.
// A buffer lives as long as any slot or the caller refers to it.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "ir/dim.h"
#include "ir/dtype.h"
#include "ir/error.h"
#include "ir/put_mode.h"
#include "runtime/device.h"
#include "runtime/kernel_code.h"
#include "runtime/routine.h"
#include "runtime/storage.h"

namespace tandem {

using DimRef = int32_t;  // index into Program::dims

struct Slot {
  DType dtype;
  std::vector<DimRef> shape;
};

// Element `offset` of a slot.
struct Operand {
  int slot;
  DimRef offset;
};

// Strides and offset in elements; zero strides broadcast.
struct View {
  int slot;
  DimRef offset;
  std::vector<DimRef> shape, strides;
};

struct Step;
using Block = std::vector<Step>;

// Gives `slot` a buffer of `count` elements with undefined contents. `reuse` (-1: none) names a slot whose last reader
// is the step that fills `slot`, element by element at the same places: when nobody else refers to its buffer and it is
// large enough, both slots refer to that one buffer until `reuse` is released.
struct Allocate {
  int slot;
  DimRef count;
  int reuse = -1;
};

// Runs kernels[kernel] over its parallel range, cut into pieces that are multiples of `grain`. `cost`: rough
// nanoseconds per item of the range. Every piece gets `scratch_bytes` (-1: none) of its own.
struct Launch {
  int kernel;
  std::vector<Operand> args;
  std::vector<DimRef> vals;
  DimRef range;
  int64_t grain = 1;
  double cost = 1;
  DimRef scratch_bytes = -1;
};

// A launch that comes right after a product, whose rows are its range, and may run on blocks of it as they become known:
// at each row it reads of the product that row only, `parts` runs of columns one behind the other. With a `window`
// (Kernel::window) it also may get some columns of all runs, which vals[window] and vals[window + 1] then say; what it
// reads of each run is the column itself. It writes to neither operand of the product.
struct Epilogue {
  Launch launch;
  int parts = 1;
  int window = -1;
};

// out = a @ b over the last two axes. All three have the same rank and batch extents (broadcast by zero strides), but `b`
// may have two axes: one matrix for the whole batch. `out` is contiguous and overlaps neither operand.
struct Matmul {
  View a, b, out;
  OriginRef origin = {};
  std::optional<Epilogue> then = {};
  bool b_stays = false;  // `b` holds the same in all rounds of the innermost loop around the step
};

// A slot that holds something only while a `Rows` runs, in buffer `memory` of that step's own; slots that follow one
// another in a buffer have rows of one size. Its shape begins with the extents of the step.
struct Between {
  int slot;
  int memory;
};

// Launches and products of float32, one after the other, that share rows: `extents` are axes of a batch, then the rows of
// each. A launch has a whole number of its range for a row and touches, of what is between, that row only. A product has
// a result in each row, from the same row of its left-hand side; or it is a sum along the rows (sums_along): it takes a
// matrix that is between, turned on the left or as it lies on the right, and nothing in the step reads its result. So
// the step may be carried out for some rows at a time, in their order, and keeps these of what is between.
struct Rows {
  std::vector<DimRef> extents;
  std::vector<Between> between;
  Block steps;
  OriginRef origin = {};
};

// Same dtype and shape; may overlap.
struct Copy {
  View from, to;
  OriginRef origin = {};
};

// to[..., index[n], ...] = from[..., n, ...] along `axis` in the order of the indices, contiguous i64, whose axes stand
// in `from` in the place of that axis; from -size on they count from the end. Other modes combine the value with what is
// there. Throws Error{index} before it writes when there is no such place.
struct Put {
  View from, to;
  int axis;
  View index;
  PutMode mode = PutMode::set;
  OriginRef origin = {};
  bool checked = false;  // there are such places: a CheckIndex has seen the indices
};

struct Release {
  int slot;
};

// `to` now refers to the buffer of `from`.
struct Bind {
  int to, from;
};

// `predicate`: one bool.
struct Branch {
  int predicate;
  Block then_block, else_block;
};

// Rounds of a loop that may be done several at a time, rows by rows (runtime/time_tiling.h). The body begins with steps that
// make new arrays of old ones; the steps from `others` on have no part in them.
struct TimeTiling {
  // Every round makes a new array, which the next one finds in `old`. It is made in the buffer of `made`, which the body
  // allocates; where it does not, that is what `old` was a round ago, and is carried, too. `names`: the slots of the body that
  // one after the other refer to this buffer.
  struct Array {
    int old, made;
    bool allocated;
    std::vector<int> names;
  };
  // What a launch reads of these arrays and writes to new ones, along the axes of its kernel.
  struct Touches {
    std::vector<View> reads, writes;
  };
  std::vector<Array> arrays;
  int others;
  std::vector<Touches> launches;  // one for each that makes arrays
  OriginRef origin = {};          // of all of them together
};

// condition; while predicate: { body; the first slots of `carried` take the buffers of the second ones, all at once;
// condition }. Second slots that the loop found undefined are so again after each round.
struct Loop {
  Block condition;
  int predicate;
  Block body;
  std::vector<std::pair<int, int>> carried;
  std::optional<TimeTiling> tiling = {};
  DimRef rounds = -1;  // how often the body runs, where sizes say it: then nobody asks the condition
};

// What a step that fails leaves behind: arguments as they are written to so far, and what host[function].failed does
// with the elements of `args`, contiguous buffers.
struct OnFailure {
  std::vector<std::pair<View, View>> copies;  // from, to
  std::vector<View> args;
};

// out = routine(inputs), all of them contiguous; `out` overlaps no input. `function`: -1, or whose `failed` it is.
struct Call {
  const Routine* routine;
  std::vector<View> inputs;
  View out;
  std::vector<DimRef> params;
  double cost;    // nanoseconds, roughly, for profiles
  bool may_fail;  // by an exception
  OriginRef origin = {};
  int function = -1;
  OnFailure failure = {};
};

// Calls host[function] with the elements of `args`, each a contiguous buffer of its own.
struct HostCall {
  int function;
  std::vector<View> args;
  OriginRef origin = {};
  OnFailure failure = {};
};

// Throws Error{index} unless all of `indices`, contiguous, lie in [-size, size). `axis` is for the message. `function`:
// -1, or whose `failed` it is.
struct CheckIndex {
  View indices;
  DimRef size;
  int axis;
  OriginRef origin = {};
  int function = -1;
  OnFailure failure = {};
};

struct Step {
  std::variant<Allocate, Launch, Matmul, Call, Copy, Put, Release, Bind, Branch, Loop, HostCall, CheckIndex, Rows> op;
};

// What a host function gets; the memory is good for the time of the call.
struct HostTensor {
  DType dtype;
  std::vector<int64_t> shape;
  const void* data;
};
// A part of a program that needs the host: it prints, or ends the program by an exception.
struct HostFunction {
  std::string text;  // for dumps
  std::function<void(std::span<const HostTensor>)> call;
  size_t arguments = 0;           // of `call`; without one, of a check: the token of the host call before it, if any
  std::vector<int> targets = {};  // the inputs of the program that a failure gives new contents
  std::function<void(std::span<const HostTensor>)> failed = nullptr;
};

struct Program {
  std::string name;
  Device device = {};  // where its buffers are and its kernels run; inputs without axes may lie on the CPU all the same
  int input_count = 0;
  std::vector<int> written = {};  // inputs that it writes to
  std::vector<Dim> dims;
  std::vector<Slot> slots;
  std::vector<std::shared_ptr<const KernelCode>> kernels;
  std::vector<HostFunction> host;
  Block body;
  std::vector<View> outputs;
  bool writes_inputs = false;  // said by whoever plans or loads it
};

// Whether the product is a sum along the rows of the step it is in.
bool sums_along(const Program& program, const Rows& rows, const Matmul& product);

// A tensor's memory: what keeps it alive, and where its element at offset 0 is.
struct Buffer {
  StorageRef storage;
  void* data = nullptr;
};

// Returns the buffers of `outputs`; `data` includes the view's offset. An output may share its storage with an input.
// Thread-safe. Costs some tens of nanoseconds a step. Errors leave nothing behind but what was written to inputs.
std::vector<Buffer> run(const Program& program, std::span<const Buffer> inputs, const int64_t* symbols);
void run(const Program& program, std::span<const Buffer> inputs, const int64_t* symbols, std::span<Buffer> outputs);

// For the executor of another device, which runs some steps on the host: one step, or what is left to do after it failed
// (an OnFailure), on buffers that are at these places. Such a step does not settle failures itself.
void run_step(const Program& program, const Step& step, const int64_t* symbols, std::span<char* const> slots);
void settle(const Program& program, const OnFailure& failure, int function, const int64_t* symbols,
            std::span<char* const> slots);

// Since the start of the process.
struct ProgramStats {
  int64_t runs = 0;
  int64_t launches = 0;
  int64_t library_calls = 0;
  int64_t copies = 0;
  int64_t allocations = 0;      // Allocate steps that needed new memory
  int64_t reuses = 0;           // ... that took over a buffer
  int64_t allocated_bytes = 0;  // by the former
  ProgramStats operator-(const ProgramStats& earlier) const;
};
ProgramStats program_stats();

// Called before every iteration of a Loop; may throw to end the program (Ctrl-C in an endless loop).
using LoopHook = void (*)();
void set_loop_hook(LoopHook hook);

// Canonical and readable: equal programs have equal text.
std::string to_text(const Program& program);
// Throws InternalError that shows the rule and the step: indices in range, slots defined before use on every path,
// ranks and dtypes that agree.
void verify(const Program& program);

}  // namespace tandem
