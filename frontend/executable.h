// Executable: a captured graph, the program made from it, and how its inputs and outputs map to tensors.
#pragma once
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>

#include "codegen/plan.h"
#include "frontend/autocast.h"
#include "frontend/recorder.h"
#include "runtime/cuda/graph.h"

namespace tandem {

class Executable : public std::enable_shared_from_this<Executable> {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr Clock::time_point kNever = Clock::time_point::max();

  // Calls wait for the code until `deadline`.
  Executable(Capture capture, const PlanOptions& options, Clock::time_point deadline = kNever);
  // Optimises, plans and compiles, once; frontend/compiling.h says on which thread. Throws Stopped when told to stop;
  // then, and after any other failure, it may be called again.
  void compile(std::stop_token stop = {});
  // Whether it is compiled. What needs the code (run, plan, most stages of ir) needs that.
  bool ready() const { return ready_.load(std::memory_order_acquire) != nullptr; }

  // What an input must be like for this program. Inputs are the arguments, then the tensors of the function itself.
  // Symbols are filled in as the inputs are checked. False at the first mismatch; `reason`, when wanted, says which.
  bool matches(std::span<Tensor* const> inputs, int64_t* symbols, std::string* reason) const;
  // Runs on inputs that match. One entry per output; those that are an input itself do not own it.
  void run(std::span<Tensor* const> inputs, const int64_t* symbols, std::span<TensorRef> outputs) const;

  int symbol_count() const { return static_cast<int>(capture_.hints.size()); }
  const std::vector<CapturedOutput>& outputs() const { return capture_.outputs; }
  const std::vector<TensorRef>& constants() const { return capture_.constants; }
  const TensorType& input_type(int index) const;
  std::vector<InputSpec> input_specs() const;
  bool uses(int input) const;  // whether anything is computed from it, or it is a result
  const TensorType& result_type(int index) const {
    return captured_.type(captured_.results[static_cast<size_t>(index)]);
  }
  bool is_number(int input) const { return capture_.numbers[static_cast<size_t>(input)]; }
  void name_inputs(std::vector<std::string> names) { input_names_ = std::move(names); }
  const std::vector<ShapeGuard>& guards() const { return capture_.guards; }
  const std::vector<std::pair<int, int>>& writebacks() const { return capture_.writebacks; }  // result, input

  const std::string& name() const { return captured_.name; }
  Device device() const { return capture_.device; }
  // Whether its gradients are those of its graph: results are values of their own or inputs, and nothing that gradients
  // flow through is written to an input.
  bool is_differentiable() const;
  // Whether gradients may flow from a result, or from what it writes to, to an input: not where all of it is computed
  // under `no_grad`, like the step of an optimizer.
  bool is_tracked() const;
  // Whether it computes gradients itself: then nothing of it is put on the tape.
  bool takes_gradients() const { return capture_.takes_gradients; }
  // The inputs whose `grad` may be let go of before the program runs: it gets another one, whatever happens.
  const std::vector<int>& replaces_gradient() const { return capture_.replaces_gradient; }
  // The input whose `grad` this input is, or -1.
  int gradient_of(int input) const {
    const auto found = capture_.gradient_inputs.find(input);
    return found != capture_.gradient_inputs.end() ? found->second : -1;
  }
  // The compiled program of gradients (passes/gradient.h). Its inputs are those of this program and the gradients of
  // results. Made once, as is the next.
  using Flags = std::vector<bool>;
  struct Gradient {
    std::shared_ptr<const Executable> program;
    std::vector<GradientResult> found;  // by input
  };
  const Gradient& gradient(const Flags& of_outputs, const Flags& wanted) const;
  // This program, with further results behind its own, and one of gradients that takes those as well.
  struct Pair {
    std::shared_ptr<const Executable> forward;
    Gradient backward;
    Flags reads;  // which inputs the gradients are computed from
  };
  const Pair& with_gradient(const Flags& of_outputs, const Flags& wanted) const;
  // The outputs that gradients will come from, as far as one can tell: as in the last backward pass; at first, all.
  Flags expected_outputs(const Flags& all) const;
  void expect_outputs(const Flags& outputs) const;

  const PlanOptions& options() const { return options_; }
  // What was captured; the graph lies beside the rest.
  std::pair<const Graph&, const Capture&> capture() const { return {captured_, capture_}; }

  std::string ir(std::string_view stage) const;
  const std::vector<std::pair<std::string, std::string>>& passes() const;  // name and text, made on first use
  const Plan& plan() const { return made().plan; }
  double compile_seconds() const { return ready() ? made().seconds : 0; }  // passes, lowering and compilation
  bool brief() const { return made().brief; }  // so short that letting other Python threads run meanwhile costs more
  size_t node_count = 0;
  const Clock::time_point deadline;

 private:
  friend class CompileQueue;
  enum class State : uint8_t { captured, waiting, compiling, ready, failed };  // guarded by the queue's mutex

  struct Made {
    Graph optimized;
    Plan plan;
    double seconds;
    bool brief;
  };
  const Made& made() const {
    const Made* made = ready_.load(std::memory_order_acquire);
    check_internal(made != nullptr, "a program was used before it was compiled");
    return *made;
  }
  bool tracks(std::span<Tensor* const> inputs, std::string* reason) const;

  Capture capture_;
  Graph captured_;
  std::unique_ptr<const Made> made_;
  std::atomic<const Made*> ready_{nullptr};
  State state_ = State::captured;
  std::exception_ptr failure_;
  std::stop_source stop_;
  PlanOptions options_;
  DType default_dtype_ = default_dtype();                // Python floats became this when the function was captured
  std::optional<DType> autocast_ = Autocast::current();  // so that conversions were captured
  Signature signature_;
  std::vector<std::string> input_names_;
  bool writes_constants() const;
  mutable std::once_flag graphs_once_;
  mutable std::unique_ptr<cuda::ProgramGraphs> graphs_;  // of a program on a GPU, if they are used
  mutable std::once_flag tracked_once_;
  mutable bool is_tracked_ = true;
  mutable std::once_flag differentiable_once_;
  mutable bool is_differentiable_ = false;
  mutable std::mutex gradients_mutex_;
  mutable std::map<std::pair<Flags, Flags>, Gradient> gradients_;
  mutable std::map<std::pair<Flags, Flags>, Pair> pairs_;
  mutable Flags expected_;
  Flags results_of(const Flags& outputs) const;
  std::shared_ptr<const Executable> gradient_program(Graph graph) const;
  mutable std::once_flag passes_once_;
  mutable std::vector<std::pair<std::string, std::string>> passes_;
};

}  // namespace tandem
