// The tape: what eager operations leave behind so that gradients can be computed.
//
// A tensor that gradients flow to has a Tracking; that of a result knows the operation which made it (GradNode), and
// through it the Trackings of the inputs. Backward passes (frontend/backward.cpp) walk these from the last operation to
// the first and apply the gradient formulas of the table. A write in place gives a tensor another Tracking, so a value is
// never changed behind a node's back; tensors whose memory a formula needs are compared by the version of their storage.
#pragma once
#include <functional>
#include <optional>
#include <vector>

#include "frontend/tensor.h"

namespace tandem {

struct GradNode;
using GradNodeRef = std::shared_ptr<GradNode>;

struct Tracking {
  GradNodeRef made_by;  // null: a leaf
  int output = 0;       // which result of it
  TensorRef grad;       // of a leaf, or where it was asked for
  bool keeps_grad = false;
  std::vector<std::function<TensorRef(const TensorRef&)>> hooks;
  bool is_leaf() const { return made_by == nullptr; }
};
using TrackingRef = std::shared_ptr<Tracking>;

// A value that a formula may read.
struct SavedValue {
  TensorRef tensor;  // null where no formula reads it
  TrackingRef tracking;
  DType dtype;
  Sizes sizes;
  uint32_t version = 0;
};

struct GradNode {
  const OpDef* op = nullptr;
  Attrs attrs;
  std::vector<SavedValue> inputs;
  SavedValue output;  // without a tracking: that one refers to this node
  // Instead of the formula of a row: the gradients of the inputs, given those of the results (null where there is none).
  std::function<std::vector<TensorRef>(std::span<const TensorRef>)> rule;
  std::string name;     // of the rule
  uint64_t number = 0;  // grows from node to node: a node comes after those it rests on
  bool freed = false;   // its values were let go of by a backward pass
  int outputs = 1;
};

// Whether operations of this thread are put on the tape.
class GradMode {
 public:
  static bool enabled() { return on; }
  explicit GradMode(bool enabled) : before_(std::exchange(on, enabled)) {}
  ~GradMode() { on = before_; }
  GradMode(const GradMode&) = delete;
  GradMode& operator=(const GradMode&) = delete;
  static bool set(bool enabled) { return std::exchange(on, enabled); }

 private:
  bool before_;
  static thread_local bool on;
};

// The tracking of a tensor as it is now; a view follows what was written to the tensor it is a view of.
const TrackingRef& tracking_of(const TensorRef& x);
inline bool may_be_tracked(const Tensor& x) { return x.tracking || x.base; }
// Whether operations on a tensor are put on the tape now.
inline bool is_tracked(const Tensor& x) { return GradMode::enabled() && (x.tracking || (x.base && x.base->tracking)); }

// Puts one operation that has been carried out on the tape, if any input is tracked.
void tape_operation(const OpDef& op, std::span<const TensorRef> inputs, const Attrs& attrs, const TensorRef& result);
// What the operation that made `result` keeps of memory that is to be overwritten with the result is copied.
void keep_before_write(const TensorRef& result, const Tensor& written);
// As tape_operation, for a function with a rule of its own; results of dtypes that have no gradients stay untracked.
void tape_function(std::string name, std::span<const TensorRef> inputs, std::span<const TensorRef> results,
                   std::function<std::vector<TensorRef>(std::span<const TensorRef>)> rule);
// To be called before target[...] = value; both in memory.
void tape_assignment(const TensorRef& target, const TensorRef& value);
// Whether writes to `target` have to be recorded: it or `value` is tracked.
bool needs_tape(const TensorRef& target, const TensorRef& value);
// To be called whenever elements have been written.
inline void changed(const Tensor& x) {
  if (x.storage) ++x.storage->version;
}

// Makes a leaf of a tensor, or, with false, one that is not tracked.
void require_grad(const TensorRef& x, bool required);
// What is put on the tape of a thread from now on has this number or a higher one.
uint64_t tape_position();
// What was there before `position` and the results rest on, `known` left out: leaves, and results of earlier operations.
// They are stand-ins of the same type and tracking, whose elements nobody may read.
std::vector<TensorRef> tape_sources(std::span<const TensorRef> results, std::span<const TensorRef> known,
                                    uint64_t position);
// The same memory under another tensor, without a past; or with a past of its own that is `x`.
TensorRef detached(const TensorRef& x);
TensorRef same(const TensorRef& x);
[[noreturn]] void throw_written_leaf(bool view);
[[noreturn]] void throw_untracked(std::string_view what, const Tensor& x);
[[noreturn]] void throw_freed(std::string_view name);
// Whether `gradient` can be that of `x`.
void check_gradient(const Tensor& x, const Tensor& gradient);
[[noreturn]] void throw_no_gradient_given(const Tensor& root);

struct BackwardOptions {
  bool create_graph = false;  // gradients can be differentiated in turn
  bool retain = false;        // values of the tape are kept for another pass
};
// Adds to the `grad` of the leaves that the roots rest on. `upstream`: the gradients of the roots; null stands for ones.
void backward(std::span<const TensorRef> roots, std::span<const TensorRef> upstream, const BackwardOptions& options);
// The gradients of `inputs`, null for those that the roots do not rest on; no `grad` is touched.
std::vector<TensorRef> gradients(std::span<const TensorRef> roots, std::span<const TensorRef> upstream,
                                 std::span<const TensorRef> inputs, const BackwardOptions& options);

}  // namespace tandem
