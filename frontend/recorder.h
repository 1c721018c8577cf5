// Recorder: turns what a Python function does with recording tensors into a Graph.
//
// A tensor of the function is a view (a list of view operations) of a cell, and a cell holds the value it has now. An
// in-place write gives the cell a new value, so every view sees it, as in eager code. Control flow opens regions;
// values of outer regions are imported on first use, and cells written inside a region become results of its node.
// At the end, cells of arguments that were written are written back.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>

#include "frontend/tape.h"
#include "passes/gradient.h"
#include "runtime/program.h"
#include "runtime/signature.h"

namespace tandem {

// A value of the graph of one region ("frame"; frame 0 is the function itself).
struct Variable {
  int frame = -1;
  ValueId value = -1;
  bool operator==(const Variable&) const = default;
};

struct Cell;

// Where `predicate` is `when`.
struct PathCondition {
  TensorRef predicate;
  bool when = true;
  bool operator==(const PathCondition&) const = default;
};

// The result of a branch or loop may be a tensor from outside of it, or a view of one: where all of `where` hold, or, if
// it is not `known`, on paths that cannot be told apart afterwards.
struct MaybeView {
  std::shared_ptr<Cell> base;
  std::vector<ViewStep> views;
  bool known = true;
  std::vector<PathCondition> where;
};

bool is_indexed(std::span<const ViewStep> views);  // whether there is a step to an index that is not known
std::vector<ViewStep> joined(const std::vector<ViewStep>& first, const std::vector<ViewStep>& second);
// Whether it is known where, and of what, this is a view.
bool is_exact(const MaybeView& link);

struct Cell {
  Variable now;
  TensorType type;
  int argument = -1;                         // which input of the function this is
  int home = 0;                              // the frame it was made in
  bool writable = true;                      // the argument
  std::vector<MaybeView> maybe;              // what this may be a view of, with all that those may be views of
  std::vector<std::weak_ptr<Cell>> shadows;  // what may be a view of this
  std::optional<SourceLoc> uncertain;        // the write after which its contents depend on the path
  TrackingRef tracking;                      // of an argument that requires gradients
};

// What an argument was on the tape when the function was captured.
enum class Tracked : uint8_t { no, leaf, computed };
Tracked tracked_as(const Tensor& x);

struct Capture {
  Graph graph;
  std::vector<int64_t> hints;
  std::vector<ShapeGuard> guards;
  std::vector<CapturedOutput> outputs;
  std::vector<std::pair<int, int>> writebacks;  // result of the graph -> input
  std::vector<HostFunction> host;               // with any call, the result before those written back is the last token
  std::vector<TensorRef> constants;             // bound to the inputs that follow the arguments
  std::vector<bool> numbers;                    // per input: a Python float, as a weak f64[]
  bool differentiable = true;                   // gradients flow through all of the graph
  // The program depends on which inputs require gradients: it is for calls with these alone.
  bool asks_tracking = false;
  std::vector<Tracked> tracked;  // per input
  // It calls `backward` or changes `grad`: nothing of it is put on the tape.
  bool takes_gradients = false;
  std::map<int, int> gradient_inputs;  // that are the `grad` of another input, and of which
  std::vector<int> without_gradient;   // inputs whose `grad` has to be None
  std::vector<int> replaces_gradient;  // inputs whose `grad` is replaced before anything can fail, and not looked at
  bool grad_mode = true;               // GradMode of the call
  Device device = {};                  // where the program runs
  std::vector<Device> devices;         // per input: there, or of those without axes also the CPU
};

class Recorder : public std::enable_shared_from_this<Recorder> {
 public:
  explicit Recorder(std::string name);
  // The recorder of this thread; null outside capture.
  static Recorder* current();
  void start();
  void stop();

  TensorRef input(const TensorRef& tensor, const std::vector<bool>& dynamic, const std::string& name = "");
  // A Python float or int that differs from call to call.
  // An argument that shares memory with others: a view of `whole`, the input that stands for the memory of them all.
  TensorRef part_of(const TensorRef& whole, const TensorRef& tensor, int64_t offset);
  std::vector<int> written_inputs() const;  // those that have been written to so far
  TensorRef number_input(const std::string& name);
  Dim size_input(int64_t value) { return env_.add_symbol(value); }
  TensorRef record(const OpDef& op, std::span<const TensorRef> inputs, Attrs attrs);
  // Whether Python computes this itself: an operator on numbers only.
  bool is_weak_result(const OpDef& op, std::span<const TensorRef> inputs) const;
  // x[..., index, ...] along `axis` as a view, so that writes go through it; `index` is a recorded integer.
  TensorRef element(const TensorRef& x, const TensorRef& index, int64_t axis);
  // The indices, after a check that they lie within an axis.
  TensorRef checked_index(const TensorRef& index, Dim size, int64_t axis) {
    return wrap(checked(read(index), size, axis));
  }
  void assign(const TensorRef& target, const TensorRef& value);
  // recorder_masks.cpp: x[..., mask, ...] from `axis` on, as far as it can be recorded.
  TensorRef selection(const TensorRef& x, const TensorRef& mask, int64_t axis);
  void assign_where(const TensorRef& x, const TensorRef& mask, int64_t axis, const TensorRef& selection);
  void assign_selection(const TensorRef& target, const TensorRef& value);
  // A Python scalar as a weak 0-d value; tensors as they are.
  TensorRef lift(Kind kind, double real, int64_t whole);
  TensorRef from_dim(Dim dim);
  // What Python makes a number of (`bool(x)`): the same value, promoted like a scalar.
  TensorRef as_number(const TensorRef& x) { return wrap(read(x), true); }
  // Calls `function` with these tensors whenever the program comes here, in order with the other such calls.
  void host_call(HostFunction function, std::span<const TensorRef> tensors);
  // What a failure at this point of the program leaves behind outside of tensors: a function, and what it is called with.
  struct Pending {
    std::function<void(std::span<const HostTensor>)> failed;
    std::vector<TensorRef> tensors;
  };
  std::function<Pending()> pending;  // set by the Python bindings
  Capture finish(const std::vector<TensorRef>& outputs);
  ShapeEnv& env() { return env_; }
  // What an explicit device= asks for; throws unless the program can run there.
  void want_device(Device device, std::string_view what);
  size_t node_count() const;

  // if
  void if_begin(const TensorRef& predicate);
  void if_otherwise(const std::vector<TensorRef>& outputs);
  std::vector<TensorRef> if_end(const std::vector<TensorRef>& outputs, const std::vector<std::string>& names);
  // while
  std::vector<TensorRef> while_begin(const std::vector<TensorRef>& inits, std::vector<std::string> names);
  std::vector<TensorRef> while_body(const TensorRef& condition);
  // `runs`: the body is known to run at least once. Nothing where it has to be recorded once more, since it reads a
  // gradient that it also changes: the loop, begun again, carries that.
  std::optional<std::vector<TensorRef>> while_end(const std::vector<TensorRef>& nexts, bool runs);
  // recorder_lanes.cpp: a function of scalars, of which each argument is one element of the tensors given. What is recorded
  // until `lanes_end` is for one element; that makes of it operations on all (passes/lanes.h).
  std::vector<TensorRef> lanes_begin(const std::vector<TensorRef>& arguments);
  std::vector<TensorRef> lanes_end(const std::vector<TensorRef>& results);
  // Where an open region began, so that an exception inside it can be undone.
  // The `grad` of a leaf at some moment. It may be there on some paths only.
  struct GradientState {
    TensorRef grad;
    TensorRef given;        // where this is true; null: for certain
    bool replaced = false;  // whatever it was before
  };
  using Gradients = std::map<const Tracking*, GradientState>;
  struct Mark {
    size_t frames, ifs, whiles, lanes;
    Gradients gradients;
  };
  Mark mark() const { return {frames_.size(), ifs_.size(), whiles_.size(), lanes_.size(), known_gradients()}; }
  void rewind(const Mark& mark);

  // recorder_gradients.cpp: gradients inside of the function, of the graph recorded so far. `x` may be an argument, any
  // tensor of the function, or one from outside of it.
  bool requires_grad(const TensorRef& x);
  bool is_leaf(const TensorRef& x);
  void require_grad(const TensorRef& x, bool required);
  TensorRef grad(const TensorRef& x);
  // The same where it may exist on some paths only, and whether it does; null: for certain.
  std::pair<TensorRef, TensorRef> grad_where(const TensorRef& x);
  void set_grad(const TensorRef& x, TensorRef gradient);
  // Where hooks of it are kept; made where there is none yet.
  TrackingRef watch(const TensorRef& x, std::string_view what);
  TensorRef detached(const TensorRef& x);
  // The same value, which gradients flow to as to another one.
  TensorRef same(const TensorRef& x);
  // As tape_function.
  void own_rule(std::span<const TensorRef> inputs, std::span<const TensorRef> results,
                std::function<std::vector<TensorRef>(std::span<const TensorRef>)> rule);
  void backward(std::span<const TensorRef> roots, std::span<const TensorRef> upstream, const BackwardOptions& options);
  std::vector<TensorRef> gradients(std::span<const TensorRef> roots, std::span<const TensorRef> upstream,
                                   std::span<const TensorRef> inputs, const BackwardOptions& options);
  // The inputs whose `grad` is another one now, that, and whether it is there where that is not certain; to be asked
  // before `finish`.
  struct ChangedGradient {
    int input;
    TensorRef grad, given;
  };
  std::vector<ChangedGradient> changed_gradients();

  // Gives the line of the user's program being run; set by the Python bindings.
  static std::function<SourceLoc()> locate;

 private:
  struct SeenView {
    int number;
    ValueId index, result;
  };
  struct Frame {
    int id = 0;
    Graph graph;
    std::unordered_map<Cell*, ValueId> imported;
    std::vector<std::pair<std::shared_ptr<Cell>, ValueId>> imports;   // in the order of the params they made
    std::vector<std::pair<std::shared_ptr<Cell>, Variable>> written;  // cells and what they held before
    // Gradients: who wants to know of that of a value, rules of their own, and what a backward pass has let go of.
    std::map<ValueId, std::vector<TrackingRef>> watched;
    std::vector<OwnRule> rules;
    std::set<ValueId> freed;
    std::map<ValueId, std::vector<SeenView>> views;  // that have been read, by what they are views of
  };
  struct OpenIf {
    TensorRef predicate;
    Frame then_frame;
    std::vector<Variable> then_values;
    std::vector<TensorRef> then_outputs;
    std::vector<std::pair<std::shared_ptr<Cell>, Variable>> then_written;  // cells and what the branch left in them
    bool in_else = false;
    Gradients gradients = {}, then_gradients = {};  // before, and behind the first branch
  };
  // The gradient of a leaf that a loop carries, in cells from before the loop: itself, and whether it is there.
  struct CarriedGradient {
    TrackingRef tracking;
    std::shared_ptr<Cell> grad, given;
    TensorRef start;     // in the body
    ValueId value = -1;  // of that, when the body begins
  };
  struct OpenWhile {
    std::vector<TensorRef> inits, params;  // before the loop; at the start of an iteration
    std::vector<std::string> names;        // of the user's variables, where they are known
    Frame condition;
    ValueId predicate = -1;
    Gradients gradients = {};
    std::vector<CarriedGradient> carried = {};
    std::map<const Tracking*, bool> read = {};  // what was looked at before the body
  };

  Frame& top() { return frames_.back(); }
  size_t level_of(int frame) const;
  Shape symbolic_strides(const Tensor& tensor, const Shape& shape);
  // Sizes of 0 and 1 are never symbols: they broadcast, or stand for nothing. Settles those of shapes among attributes.
  bool settle(const OpDef& op, Attrs& attrs);
  std::vector<TensorRef> add_carried(const OpenWhile& open);
  ValueId read(const std::shared_ptr<Cell>& cell, size_t level);
  ValueId value_in(const std::shared_ptr<Cell>& cell, size_t level);
  ValueId read(const TensorRef& tensor);  // in the top frame, views applied
  ValueId apply_views(ValueId base, const std::vector<ViewStep>& views, size_t count);
  ValueId emit(const OpDef& op, const std::vector<ValueId>& inputs, Attrs attrs);
  void write(const std::shared_ptr<Cell>& cell, ValueId value);
  // One program runs on one device; a tensor without axes may come from the CPU.
  void note_device(const Tensor& tensor, const std::string& name);
  // recorder_failures.cpp: what an exception at run time leaves behind.
  struct Failure {
    std::vector<std::shared_ptr<Cell>> arguments;  // that may have been written to
    Pending pending;
    bool empty() const { return arguments.empty() && !pending.failed; }
  };
  Failure failure();
  // Appends the operands, and notes the rest.
  void append(Failure failure, std::vector<ValueId>& inputs, HostFunction& function);
  ValueId token();
  // The indices, after a check that they lie within `size`.
  ValueId checked(ValueId indices, Dim size, int64_t axis);
  // The operand of an operation that may fail, with what that leaves behind.
  ValueId before_failure(ValueId operand);
  // The token, if there is one, and what a failure leaves behind are appended to the inputs; returns the number of the
  // host function, or -1 where nothing is left behind.
  int64_t note_failure(std::string text, std::vector<ValueId>& inputs);
  void settle_failures(Graph& graph, bool ordered);
  // recorder_aliases.cpp: tensors that are one on some paths only.
  static void link(const std::shared_ptr<Cell>& cell, const MaybeView& maybe);
  void note_alias(const TensorRef& result, const TensorRef& source, const TensorRef& predicate, bool when);
  void write_aliases(const std::shared_ptr<Cell>& cell);
  void write_where(const MaybeView& link, const std::shared_ptr<Cell>& target, ValueId changed);
  // What an output of a region may be a view of, by what the region knows: of a cell outside, or of another output.
  struct InnerLink {
    size_t output;
    std::optional<size_t> base;
    int branch;
    MaybeView link;                     // with conditions of the region
    ValueId flag = -1, otherwise = -1;  // whether they hold, in the branch; false, in the other one
    bool is_flagged() const { return link.known && !link.where.empty(); }
  };
  std::vector<InnerLink> inner_links(std::span<const TensorRef> outputs, int branch) const;
  ValueId holds(std::span<const PathCondition> where);
  void lose(const std::shared_ptr<Cell>& cell, std::vector<const Cell*>& done) const;
  bool is_open(int frame) const;
  void undo_writes(Frame& frame);
  TensorRef wrap(ValueId value, bool weak = false);
  TensorRef wrap_cell(std::shared_ptr<Cell> cell, bool weak);
  // The same value with the sizes written as in `shape`, where they are equal by a guard only; or broadcast to it.
  ValueId with_shape(ValueId value, const Shape& shape);
  ValueId updated(ValueId base, const std::vector<ViewStep>& views, size_t step, ValueId value);
  Frame open_frame();
  // recorder_result.cpp. Nothing where a view would have to copy.
  std::optional<CapturedOutput> view_of_argument(const Cell& cell, std::span<const ViewStep> views) const;
  using ResultPlaces = std::unordered_map<const Cell*, int>;  // of cells that are results: which ones
  // What the output is on some paths. `flags`: the conditions that are results.
  void add_choices(const Recorded& r, const ResultPlaces& places, std::map<ValueId, int>& flags, CapturedOutput& out);
  TensorRef constant(const TensorRef& tensor);
  std::shared_ptr<const Selection> select(const TensorRef& mask, int64_t axis, const Shape& shape);
  bool selects_alike(const Selection& a, const Selection& b) const;
  void check_beside(const TensorRef& x, const Selection& selection) const;
  TensorRef record_on_selections(const OpDef& op, std::span<const TensorRef> inputs, Attrs attrs);

  std::string name_;
  ShapeEnv env_;
  std::unordered_map<int64_t, Dim> symbol_of_size_;
  std::deque<Frame> frames_;  // references to those below stay good
  std::vector<OpenIf> ifs_;
  std::vector<OpenWhile> whiles_;
  struct OpenLanes {
    std::vector<TensorRef> arguments;
    Shape shape;
  };
  std::vector<OpenLanes> lanes_;
  std::vector<std::shared_ptr<Cell>> arguments_;
  std::vector<bool> numbers_;
  Device device_;                         // of the program, as far as its inputs have said
  std::optional<std::string> elsewhere_;  // an input with axes that is on the CPU
  std::vector<Device> devices_;           // of the inputs
  std::vector<TensorRef> constants_;
  std::vector<HostFunction> host_;
  std::shared_ptr<Cell> token_;                                                      // of the last host call
  std::map<std::pair<int, ValueId>, std::vector<std::pair<Dim, ValueId>>> checked_;  // by frame and value
  std::unordered_map<const Tensor*, TensorRef> constant_of_;
  SourceLoc line_;  // of what is recorded, where that is not the line that runs
  std::unordered_map<int64_t, std::shared_ptr<Cell>> index_cells_;  // by frame and value: equal views compare equal
  // recorder_gradients.cpp
  // A leaf, or a tensor from outside that was computed from some.
  struct Leaf {
    int input;             // -1: made in here
    TrackingRef tracking;  // in here; that of the tensor itself stays as it is
    TensorRef before;      // its `grad` when the capture began
    TensorRef given = {};  // where there is a `grad`; null: for certain
    bool read = false;     // what was there before has been looked at: before the body of the innermost loop
    bool replaced = false;
    bool at_once = false;  // replaced when nothing had happened that may fail
  };
  Leaf* leaf(const Tracking* tracking);
  Leaf* outer(const Tracking* tracking);  // one from outside
  void note_tracking(const TensorRef& tensor, const std::shared_ptr<Cell>& cell);
  void check_untracked(std::span<const TensorRef> outputs);
  static void watch_value(Frame& frame, ValueId value, const TrackingRef& tracking);
  bool leads(size_t level, ValueId value);
  void aim_at_watched(Reverse& reverse, size_t level);
  Reverse reaching(size_t level);  // knows which values of an open region lead to a leaf
  TrackingRef tracking_in(const TensorRef& x);
  TensorRef known_gradient(const TrackingRef& tracking);
  TensorRef given_of(const Tracking* tracking) const;
  void replace_gradient(const TrackingRef& tracking, TensorRef gradient, TensorRef given = nullptr);
  void add_gradient(const TrackingRef& tracking, TensorRef gradient, TensorRef given);
  std::vector<std::pair<ValueId, ValueId>> starts(std::span<const TensorRef> roots,
                                                  std::span<const TensorRef> upstream);
  void run_backward(Reverse& reverse, std::span<const std::pair<ValueId, ValueId>> starts,
                    const BackwardOptions& options);
  // recorder_gradient_state.cpp: gradients that branches and loops change.
  Gradients known_gradients() const;
  GradientState state_in(const Gradients& gradients, const Leaf& leaf) const;
  void restore(const Gradients& gradients);
  ValueId gradient_value(const GradientState& state, const TensorType& type);
  ValueId given_value(const GradientState& state);
  struct MergedGradient {
    Leaf* leaf;
    GradientState then, otherwise;
    int grad = -1, given = -1;  // numbers of results
  };
  std::vector<MergedGradient> merge_gradients(OpenIf& open, std::vector<ValueId>& then_ids,
                                              std::vector<ValueId>& else_ids);
  void settle_gradients(std::span<const MergedGradient> merged, std::span<const ValueId> results);
  void carry_gradients(OpenWhile& open);
  void start_gradients(OpenWhile& open, bool body);
  bool end_gradients(OpenWhile& open, bool runs, Gradients& after);
  CarriedGradient gradient_cells(const Leaf& leaf, const GradientState& before, const TensorType& type, bool unsure);
  void leave_gradients(const OpenWhile& open, bool runs, const Gradients& after);
  std::deque<Leaf> leaves_;
  // Of loops that are to be begun again: what they carry, and whether it may be missing.
  struct WantedGradient {
    TensorType type;
    bool unsure;
  };
  std::map<const Tracking*, WantedGradient> wanted_gradients_;
  std::vector<Tracked> tracked_;  // per input
  bool asks_tracking_ = false, takes_gradients_ = false;

  int next_frame_ = 0, next_view_ = 0;
  bool grad_mode_ = true, differentiable_ = true;  // GradMode when the capture began
  Recorder* previous_ = nullptr;
};

// Whether a write into one recorded tensor may be seen through the other: false where slices of one memory are apart.
bool may_overlap(const Recorded& a, const Recorded& b);

// The layout of a view, given that of what it is a view of; only the strides matter after a step to an index that is not
// known.
Layout layout_after(const ViewStep& step, Layout layout);

[[noreturn]] void throw_leaked(std::string_view what, const Tensor& tensor);
inline bool is_selection(const Tensor& x) { return x.recorded && x.recorded->selection; }
[[noreturn]] void throw_selection(const Tensor& selection);

}  // namespace tandem
