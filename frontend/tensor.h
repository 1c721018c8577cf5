// Tensor: what the user holds. Either memory (storage, sizes, strides) or, while a function is being captured, a
// recorded value: a view of a variable ("cell") of the recorder.
#pragma once
#include <complex>
#include <memory>
#include <span>

#include "ir/builder.h"
#include "ir/sizes.h"
#include "runtime/device.h"

namespace tandem {

class Recorder;
struct Cell;
struct Selection;

// One step from a base to a view of it: a view operation, or `take` at an index that is known when the program runs.
struct ViewStep {
  const OpDef* op;
  Attrs attrs;
  TensorType input, output;
  std::shared_ptr<Cell> index = nullptr;  // of `take`
  int number = 0;                         // tells apart views that show the same
  bool operator==(const ViewStep& other) const {
    return op == other.op && attrs == other.attrs && index == other.index;
  }
};

struct Recorded {
  std::shared_ptr<Recorder> recorder;
  std::shared_ptr<Cell> cell;
  std::vector<ViewStep> views;  // from the cell's value to this tensor
  TensorType type;
  bool weak = false;  // a Python scalar: promotes like one
  SourceLoc born;
  // What x[mask] is during a capture: all of x, of which only the elements where the mask is true mean anything. Their
  // number is not known, so such a tensor has no shape; see recorder_masks.cpp for what can be done with it.
  std::shared_ptr<const Selection> selection = nullptr;
};

class Tensor;
using TensorRef = std::shared_ptr<Tensor>;
struct Tracking;  // frontend/tape.h

class Tensor {
 public:
  // Memory.
  Tensor(DType dtype, Sizes sizes, Sizes strides, StorageRef storage, void* data);
  // A recorded value.
  explicit Tensor(std::unique_ptr<Recorded> recorded);

  static TensorRef empty(DType dtype, const Sizes& sizes, Device device = {});  // contiguous, undefined contents

  DType dtype;
  Device device;         // of the storage; of a recorded tensor, where its program runs
  Sizes sizes, strides;  // in elements; of a recorded tensor: hints only
  StorageRef storage;
  void* data = nullptr;  // element at index 0
  bool writable = true;
  std::unique_ptr<Recorded> recorded;
  // For gradients (frontend/tape.h): what this is a view of; how it was made, as far as that is recorded; how often it was
  // written to on the tape, and of a view, how often its base was when `tracking` was last right.
  std::shared_ptr<Tensor> base;
  std::shared_ptr<Tracking> tracking;
  uint32_t writes = 0, seen = 0;
  void* wrapper = nullptr;  // the object that Python knows the tensor by, not owned; null when there is none

  int rank() const { return recorded ? type().rank() : sizes.size(); }
  bool is_contiguous() const;
  TensorType type() const;  // sizes as constants, or the recorded type
};

// To be called before anybody is given the address of the elements who may write to them without calling `changed`.
inline void lend(const Tensor& x) {
  if (x.storage && x.writable) x.storage->lent.store(true, std::memory_order_relaxed);
}

// The memory from a tensor's first element to its last, with what may lie in between; empty if it has none.
struct Extent {
  const char* begin;
  const char* end;
  bool overlaps(const Extent& other) const { return begin < other.end && other.begin < end; }
};
Extent extent_of(const Tensor& tensor);

// Runs or records one operation. The only way operations are made.
TensorRef call(const OpDef& op, std::span<const TensorRef> inputs, Attrs attrs);
inline TensorRef call(std::string_view name, std::initializer_list<TensorRef> inputs, Attrs attrs = {}) {
  return call(op(name), std::span<const TensorRef>(inputs.begin(), inputs.size()), std::move(attrs));
}

// x itself if it is there, else a contiguous copy, through which gradients flow back.
TensorRef to_device(const TensorRef& x, Device device);
inline TensorRef on_host(const TensorRef& x) { return to_device(x, {}); }

// Where this thread's operations without inputs (`full`, `arange` ...) put their result.
class CreationDevice {
 public:
  explicit CreationDevice(Device device) : before_(std::exchange(now, device)) {}
  CreationDevice(const CreationDevice&) = delete;
  CreationDevice& operator=(const CreationDevice&) = delete;
  ~CreationDevice() { now = before_; }
  static Device current() { return now; }

 private:
  static inline constinit thread_local Device now;
  Device before_;
};

// A 0-d tensor holding a Python scalar, in memory of the CPU.
TensorRef scalar_tensor(DType dtype, double value);
TensorRef scalar_tensor(DType dtype, int64_t value);
TensorRef scalar_tensor(DType dtype, std::complex<double> value);

// target[...] = value with NumPy's rules: broadcasts, converts by same-kind casting, writes through views.
void assign(const TensorRef& target, const TensorRef& value);

// `value` in the dtype of `target`, after a check that it may be assigned to elements of it.
TensorRef assignable(const TensorRef& target, const TensorRef& value);

// Throws Error{shape} unless values of shape `from` can be assigned to a place of shape `to`.
void check_broadcast(const Shape& from, const Shape& to, ShapeEnv& env);

// In memory, row-major, nobody else's.
TensorRef contiguous_copy(const TensorRef& x);

DType default_dtype();
void set_default_dtype(DType dtype);

// The dtype of `tensor op scalar` for a Python scalar of the given kind.
DType weak_result(DType tensor, Kind scalar);

}  // namespace tandem
