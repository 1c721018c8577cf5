// Building kernels by hand, and running one kernel in several back ends on the same data.
#pragma once
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "codegen/llvm/backend.h"
#include "ir/scalar.h"

namespace tandem::test {

using Random = std::mt19937_64;

inline Coef literal(int64_t value) { return {true, value}; }
inline Coef slot(int64_t number) { return {false, number}; }

// One body under construction.
struct Body {
  ScalarBuilder b;
  Scalar load(int access, DType dtype) { return b.emit(ScalarOp::load, dtype, -1, -1, -1, access); }
  Scalar index(int axis) { return b.emit(ScalarOp::index, DType::i64, -1, -1, -1, axis); }
  Scalar extent(int number) { return b.emit(ScalarOp::extent, DType::i64, -1, -1, -1, number); }
  Scalar result(int number, DType dtype) { return b.emit(ScalarOp::result, dtype, -1, -1, -1, number); }
};

// A kernel with the numbers it runs on.
struct Case {
  Kernel kernel;
  std::vector<int64_t> vals;
  std::vector<int64_t> extents;         // of the axes
  std::vector<int64_t> first, last;     // per buffer: lowest and highest element that may be accessed
  std::vector<std::vector<char>> data;  // per buffer, filled; outputs too
  std::vector<int> aliases;             // per buffer: the buffer whose memory it shares, or -1

  // A size as a literal or as a run-time value.
  Coef coef(int64_t value, bool at_run_time) {
    if (!at_run_time) return literal(value);
    vals.push_back(value);
    return slot(static_cast<int64_t>(vals.size()) - 1);
  }
  int buffer(DType dtype, BufferRole role, bool streaming = false);
  int axis(int64_t extent, bool at_run_time = true);
  // Strides per axis. Grows the buffer's range.
  int access(int buffer, const std::vector<int64_t>& strides, bool at_run_time = false, int64_t offset = 0);
  int scratch_access(int buffer);
  // Adds `value` * stride to the address, 0 <= value < extent.
  void gather(int access, int value, int64_t stride, int64_t extent, bool at_run_time = false);
  // Allocates the buffers and fills them with small numbers, special values, and valid indices.
  void fill(Random& random, bool specials);
};

struct Outcome {
  std::vector<std::vector<char>> data;
  bool failed_gather = false;
};

// Runs over the range cut into `cuts` pieces.
Outcome execute(Backend& backend, const Case& c, int cuts);

// Where the outputs differ ("" when they agree). Any NaN equals any other: which operand's payload survives an
// operation is not defined.
std::string difference(const Case& c, const Outcome& expected, const Outcome& got);

// The LLVM back ends of all levels that this machine can run.
const std::vector<std::pair<std::string, std::unique_ptr<Backend>>>& native_backends();

// Checks interpreter == LLVM on every level, whole and cut; reports through Catch.
void check_agreement(const Case& c);

}  // namespace tandem::test
