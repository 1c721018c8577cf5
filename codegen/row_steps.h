// What steps of a program have to do with rows that others share (Rows in runtime/program.h). Test: see codegen/rows.cpp.
#pragma once
#include <span>
#include <vector>

#include "codegen/plan.h"
#include "codegen/steps.h"

namespace tandem {

// The rows of a chain of steps, and the columns of what is large in it.
struct RowSpace {
  std::vector<DimRef> extents;
  DimRef columns;
};

enum class By : uint8_t { rows, sum, whole };

// An operand of a step: of each row that row only; all rows, for a sum along them; or in another way.
struct Touch {
  int slot;
  By by;
  bool writes;
};

// A step of a block: what it uses and changes, and, in a chain, how.
struct KnownStep {
  Slots used, changes;
  bool ordered = false;  // it may fail, be seen, or change an argument
  std::vector<Touch> touches = {};
};

// Steps, as a whole.
struct Several {
  Slots used, changes;
  bool ordered = false;
  void add(const KnownStep& step);
  // Whether the step has to stay behind them.
  bool conflicts(const KnownStep& step) const;
};

class RowSteps {
 public:
  RowSteps(const Program& program, std::span<const Kernel> kernels) : program_(program), kernels_(kernels) {}

  // Whether the slot has the rows and the columns.
  bool is_large(const RowSpace& space, int slot) const;
  // All operands of a launch, or of a product of float32, that touches something large by its rows; else none.
  std::vector<Touch> touches(const RowSpace& space, const Step& step) const;
  KnownStep known(const Step& step) const;  // but for what it touches

 private:
  bool may_fail(const Launch& launch) const;
  bool has_rows(const RowSpace& space, int slot) const;
  std::vector<Touch> touches(const RowSpace& space, const Matmul& product) const;
  std::vector<Touch> touches(const RowSpace& space, const Launch& launch) const;
  // Whether the view is all of its slot as it is, or with the last axes turned.
  bool lies(const View& view, bool turned) const;
  // Whether what belongs to a row of the launch touches of this argument that row only.
  bool by_rows(const RowSpace& space, const Launch& launch, const Kernel& kernel, size_t arg) const;
  const Slot& slot_of(int slot) const { return program_.slots[static_cast<size_t>(slot)]; }
  Dim dim(DimRef ref) const { return program_.dims[static_cast<size_t>(ref)]; }

  const Program& program_;
  std::span<const Kernel> kernels_;
};

// Buffers for what is between the steps of a `Rows`, which touch these: slots one after the other share one where the
// first is not needed any more, or is read as the next is written. Sums come last: what they read stays.
std::vector<Between> in_buffers(const Program& program, std::span<const Step> steps,
                                std::span<const std::vector<Touch>> touches, const Slots& between,
                                std::span<const SharePair> shareable);

}  // namespace tandem
