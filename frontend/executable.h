// Executable: a captured graph, compiled, and how its inputs and outputs map to tensors.
#pragma once
#include <mutex>

#include "codegen/plan.h"
#include "frontend/recorder.h"

namespace tandem {

class Executable {
 public:
  // Optimises, plans and compiles. `numerics` is "strict" or "fast" and part of every cache key.
  Executable(Capture capture, std::string numerics);

  // What an input must be like for this program. Symbols are filled in as the inputs are checked.
  // Returns false at the first mismatch; `reason`, when wanted, says which.
  bool matches(std::span<const TensorRef> arguments, int64_t* symbols, std::string* reason) const;
  // Runs on arguments that match. One entry per output; arguments that are handed back are the same objects.
  std::vector<TensorRef> run(std::span<const TensorRef> arguments, const int64_t* symbols) const;

  int symbol_count() const { return static_cast<int>(capture_.hints.size()); }
  int argument_count() const { return capture_.arguments; }
  const std::vector<CapturedOutput>& outputs() const { return capture_.outputs; }
  const TensorType& argument_type(int index) const;
  const std::vector<int64_t>& hints() const { return capture_.hints; }
  const std::vector<ShapeGuard>& guards() const { return capture_.guards; }
  const std::vector<std::pair<int, int>>& writebacks() const { return capture_.writebacks; }  // result, argument

  std::string ir(std::string_view stage) const;
  const std::vector<std::pair<std::string, std::string>>& passes() const;  // name and text, made on first use
  const Plan& plan() const { return plan_; }
  double compile_seconds = 0;  // passes, lowering and compilation
  size_t node_count = 0;

 private:
  struct DimCheck {
    int64_t value;  // when symbol < 0
    int symbol;
    bool first;  // the place the symbol is read from; others must agree
  };
  struct InputCheck {
    DType dtype;
    bool contiguous;
    std::vector<DimCheck> sizes, strides;
  };
  DimCheck check_of(Dim dim);

  Capture capture_;
  Graph captured_, optimized_;
  Plan plan_;
  std::string numerics_;
  DType default_dtype_ = default_dtype();  // Python floats became this when the function was captured
  std::vector<InputCheck> checks_;
  std::vector<bool> symbol_seen_;
  std::vector<Buffer> constants_;
  mutable std::once_flag passes_once_;
  mutable std::vector<std::pair<std::string, std::string>> passes_;
};

}  // namespace tandem
