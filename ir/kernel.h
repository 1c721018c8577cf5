// Kernel: loop-level IR. One kernel is one native function.
//
// A kernel has a list of axes. The first `outer_rank` axes form the outer domain, which is what threads share; the
// rest ("inner" axes) are walked by each stage. Stages run one after another for every outer point, so softmax is one
// kernel with three stages: reduce max, reduce sum of exponentials, map. A stage body is scalar SSA; what is vectorised
// is said by `vector_axis`, never by the body.
//
//   for every outer point (parallel)
//     for every stage, in order
//       if stage.inner: for every inner point:  evaluate body; store / accumulate
//       else:           once:                   evaluate body; store
//
// Kernels are generic in sizes: extents, strides and offsets are `Coef`s, a literal for the structural cases
// (0, 1, -1 ...) or a slot of the run-time array `vals`. Elements are addressed as
//     buffer base + (offset + sum over axes of stride * index + sum over gathers of stride * value) * element size.
//
// The meaning of every construct here is defined by codegen/interp; codegen/llvm must agree bit for bit.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "ir/dtype.h"
#include "ir/error.h"

namespace tandem {

// A literal, or `vals[value]` at run time.
struct Coef {
  bool literal = true;
  int64_t value = 0;
  bool is(int64_t v) const { return literal && value == v; }
  bool operator==(const Coef&) const = default;
};

// Operand types: both operands and the result have the node's `dtype` unless said otherwise. Arithmetic is done in
// bool, integers, f32 and f64 only; f16 and bf16 values can be loaded, stored, selected, bitcast and cast.
// Integer arithmetic wraps. Floating arithmetic is IEEE, round to nearest even, never contracted or reassociated.
enum class ScalarOp : uint8_t {
  constant,  // imm: integer value (of u64 its bits), or the bit pattern of a float in the node's dtype
  index,     // i64: index along axis `imm`
  extent,    // i64: run-time value `vals[imm]`
  load,      // element of accesses[imm]
  result,    // result `imm` of a reduction of an earlier stage, in its accumulator dtype (outer level)
  add,
  sub,
  mul,
  div,  // floats: IEEE. Integers: truncates toward zero; division by zero gives 0, INT_MIN / -1 gives INT_MIN
  rem,  // a - trunc(a / b) * b, exactly, with a's sign. Integers: a rem 0 gives a; floats: NaN, as C's fmod
  neg,
  abs,  // integer abs and neg wrap
  min,
  max,  // a != a ? a : (a < b ? a : b): NaN propagates; min(0, -0) keeps the second operand
  fma,  // floats only: a * b + c rounded once
  sqrt,
  floor,
  ceil,
  trunc,
  round,  // floats only; round: half to even
  eq,
  ne,
  lt,
  le,  // result bool; operands of one dtype; ordered (false on NaN) except ne
  bit_and,
  bit_or,
  bit_xor,
  bit_not,  // integers and bool
  shl,
  shr,  // integers: amount is the second operand (same dtype), in [0, bits). shr is arithmetic if signed
  shr_logical,
  select,   // a (bool) ? b : c. imm 1: `a` is seldom true, so that what only `b` needs is best left out (same value)
  cast,     // numeric conversion from a's dtype, see below
  bitcast,  // same size reinterpretation
  carry,    // a value that loop `imm` of the stage carries from round to round
};
// cast: to bool = (x != 0); from bool = 0 or 1; int -> int wraps; int -> float and float -> float round to nearest even
// (f64 -> f16/bf16 rounds once); float -> int truncates toward zero and saturates, NaN gives 0.

struct ScalarNode {
  ScalarOp op;
  DType dtype;                 // of the result
  int a = -1, b = -1, c = -1;  // operands: indices of earlier nodes in the same body
  int64_t imm = 0;
  bool operator==(const ScalarNode&) const = default;
};

inline bool is_rare(const ScalarNode& node) { return node.op == ScalarOp::select && node.imm == 1; }

enum class AxisKind : uint8_t { parallel, inner };

struct Axis {
  Coef extent;
  bool operator==(const Axis&) const = default;
};

enum class BufferRole : uint8_t { input, output, scratch };

struct KernelBuffer {
  DType dtype;
  BufferRole role;
  // Outputs too large for any cache: use non-temporal stores where aligned. Inputs that are read column by column from
  // beyond a core's caches: fetch rows ahead.
  bool streaming = false;
  bool operator==(const KernelBuffer&) const = default;
};

// A data-dependent part of an address: value (an i64 node of the same body) * stride, checked 0 <= value < extent.
// A value outside is clamped to 0 and reported through the status word (see kernel_function below).
struct Gather {
  int value;
  Coef stride;
  Coef extent;
  bool operator==(const Gather&) const = default;
};

// `strides` has one entry per kernel axis. A scratch buffer holds one element per inner point of the present outer
// point and is always accessed at the present inner point (offset, strides and gathers are empty).
struct Access {
  int buffer;
  Coef offset;
  std::vector<Coef> strides;
  std::vector<Gather> gathers;
  bool operator==(const Access&) const = default;
};

enum class ReduceKind : uint8_t { sum, prod, max, min, argmax, argmin };
// any / all are max / min on bool. Accumulates in the dtype of the reduced value. argmax and argmin yield i64: the
// flattened inner index of the first extreme element; a NaN counts as extreme, the first NaN wins.
// Identities: 0, 1, lowest (-inf), highest (+inf); of argmax over nothing: 0.

struct Reduction {
  ReduceKind kind;
  int value;  // node of the stage body
  bool operator==(const Reduction&) const = default;
};

// Running combination along the (single) inner axis: before evaluating the body, node `carry` (a ScalarOp::result
// node with imm == this scan's result id, which gets its id like a reduction) holds the value of the previous inner
// point or `init` (a bit pattern); after it, `next` becomes the carried value. Such stages walk the axis in order.
struct Scan {
  int next;
  int64_t init;
  DType dtype;
  bool operator==(const Scan&) const = default;
};

// A loop within a body. Nodes [first, last) belong to it; the first ones are its carries, one for each of `init`, in that
// order. For every point: the carries begin as the nodes `init`; while `condition` is true, `next` become the carries, all
// at once. Nodes behind the loop see of it the carries only, as they are at its end. Loops follow one another or lie within
// one another, in the order of `first`, and read no results. What a round reads from memory, it reads if it happens.
struct ScalarLoop {
  int first, last;  // a gather of the stage whose check has failed ends the loop, too
  int condition;  // with what it needs, loops within this one included, it is evaluated once more than there are rounds
  std::vector<int> init, next;
  int rounds = 1;  // roughly how many there are, for the cost
  bool operator==(const ScalarLoop&) const = default;
};

struct Store {
  int access;
  int value;
  bool operator==(const Store&) const = default;
};

struct Stage {
  bool inner = true;  // walks the inner axes; else runs once per outer point
  std::vector<ScalarNode> body;
  std::vector<Store> stores;
  std::vector<Reduction> reductions;  // results are numbered through all stages in order of appearance: first the
  std::vector<Scan> scans;            // reductions, then the scans of a stage
  std::vector<ScalarLoop> loops = {};
  bool operator==(const Stage&) const = default;
};

// The order of combination is part of a reduction's meaning. With R = product of the inner extents and r the flattened
// (row-major) inner index: elements are cut into blocks of `block`; inside a block, lane j = (r - block start) %
// lanes accumulates its elements in increasing r, starting from the identity; lanes are then combined as a tree:
// while n > 1: for j < n/2: lane[j] = combine(lane[j], lane[j + n/2]); n /= 2. Block partials are combined pairwise in
// order: adjacent ones, an odd last one passing up unchanged, until one is left. (A binary counter does the same: after
// pushing partial number b, merge the top two as often as b has trailing one bits; at the end merge from the top.)
// combine(earlier, later). For max and min: combine(a, b) = ScalarOp::max with a = later, b = earlier.
struct ReduceOrder {
  int block = 4096;
  int lanes = 32;
  bool operator==(const ReduceOrder&) const = default;
};
inline constexpr ReduceOrder kBlockOrder{4096, 32};
inline constexpr ReduceOrder kTreeOrder{1, 1};  // combines block partials made by a split kernel

struct Kernel {
  std::string name;  // readable, for dumps and profilers; not part of equality of code
  std::vector<Axis> axes;
  int outer_rank = 0;
  // The axis whose neighbouring indices share a vector: the last inner axis, or the last outer axis ("column mode":
  // every value of every stage is then a vector over that outer axis, and inner axes are walked one by one).
  int vector_axis = -1;
  // Split reduction: the last outer axis counts blocks of `order.block` inner points and the (single) inner axis is
  // restricted to the block of the present outer point. Accesses see the full inner index. Excludes column mode.
  bool split = false;
  bool single_block = false;  // promise: the product of the inner extents is at most order.block
  // From 0 on: of the (single) inner axis only the points from vals[window] to vals[window + 1] are walked, at every outer
  // point. For maps in row mode that run on blocks of a result while it is made (Epilogue in runtime/program.h).
  int window = -1;
  ReduceOrder order = kBlockOrder;
  std::vector<KernelBuffer> buffers;  // inputs and outputs are passed as ptrs[k] in this order; scratch: see below
  std::vector<Access> accesses;
  std::vector<Stage> stages;
  std::vector<SourceLoc> sources;  // user's lines this kernel came from; not part of equality of code
  std::vector<int> weights;        // of the sources: scalar primitives that a line contributed, at least 1
};

// Native signature. The runtime cuts the parallel range into [begin, end) and calls it from several threads.
// The parallel range counts outer points (row-major); in column mode the last outer axis counts in tiles of
// kColumnTile elements; for a kernel with outer_rank == 0 whose stages are all plain maps over one inner axis, the range
// is that inner axis itself; for any other kernel with outer_rank == 0 the range is one point.
// `ptrs`: element pointers of the inputs and outputs, in buffer order, scratch buffers left out.
// `scratch`: at least scratch_bytes(...) bytes, 64-byte aligned, private to the call.
// `status`: two words, zero on entry; a failed gather check writes {access index + 1, offending value} (any one wins).
using kernel_function = void (*)(int64_t begin, int64_t end, void* const* ptrs, const int64_t* vals, void* scratch,
                                 int64_t* status);
inline constexpr int64_t kColumnTile = 64;
inline constexpr int kVectorWidth = 16;

bool is_flat_map(const Kernel& kernel);  // the outer_rank == 0 case whose range is the inner axis
bool is_column_mode(const Kernel& kernel);
size_t buffers_of(const Kernel& kernel);  // that a launch is given
size_t values_of(const Kernel& kernel);   // and how many values at least
int64_t value_of(const Coef& coef, const int64_t* vals);
int64_t parallel_range(const Kernel& kernel, const int64_t* vals);
// Inner points times tile width (column mode) times the element sizes of the scratch buffers, each rounded up to 64.
int64_t scratch_bytes(const Kernel& kernel, const int64_t* vals);

// Canonical text of the code-relevant part; equal text means interchangeable machine code.
std::string to_text(const Kernel& kernel);
// Throws InternalError that shows the rule, the node and its neighbours.
void verify(const Kernel& kernel);

}  // namespace tandem
