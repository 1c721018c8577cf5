// The state of emitting one kernel. One class, split by role:
//   emit.cpp      the function's frame: arguments, the loop over outer points, the list of stages
//   body.cpp      the nodes of a stage, outside of the loop over inner points or inside
//   access.cpp    addresses, loads, stores, gathers
//   map.cpp       a thread for some neighbours along an axis
//   tiles.cpp     maps that read along one axis and write along another
//   points.cpp    stages whose inner points are shared by the threads of a team, or walked by one
//   reduce.cpp    the order of reductions: lanes, trees, block partials
//
// Names in the text. s: run-time values; b: buffers; q: scratch buffers; i: indices along axes; v: nodes of the stage; p:
// addresses with all that is known outside of the loop; l: what was loaded ahead; o: what is stored at the end; a:
// accumulators; r: results; k: what is kept of a row, n: that or where it lies in memory.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "codegen/cuda/emit.h"
#include "codegen/cuda/ops.h"

namespace tandem::cuda {

class Text {
 public:
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    raw(fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void open(fmt::format_string<Args...> format, Args&&... args) {
    const std::string head = fmt::format(format, std::forward<Args>(args)...);
    raw(head.empty() ? "{" : head + " {");
    ++depth_;
  }
  void close() { --depth_, raw("}"); }
  void other() { --depth_, raw("} else {"), ++depth_; }
  void raw(const std::string& text) { out_.append(2 * static_cast<size_t>(depth_), ' ').append(text).append("\n"); }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
  int depth_ = 0;
};

// How the element of an access is named in the present loop.
enum class Reach : uint8_t { element, pack, ahead, tile };

struct StageState {
  const Stage* stage = nullptr;
  size_t first_result = 0, number = 0;
  std::vector<char> used, inner, rare;  // per node; inner: differs between the points that the loop visits
  std::vector<int> loop;                // per node: the loop that computes it in every round, or -1
  bool may_fail = false;                // a place is checked, and loops end where that fails
  std::vector<int> around;              // per loop: the one around it, or -1
  std::vector<char> in_loop;            // per access: its place is checked in the rounds of a loop
  std::vector<char> used_access;
  std::vector<Reach> reach;          // per access
  std::vector<std::string> pointer;  // per access: its name, once it is there
};

// A running value; that of argmax and argmin has an index, too.
struct Part {
  size_t result;
  ReduceKind kind;
  DType dtype;
  int value;  // node
  bool is_index() const { return kind == ReduceKind::argmax || kind == ReduceKind::argmin; }
};

// Where a running value stands: a variable, or an element of an array; its index stands beside it.
struct Place {
  std::string name, at;
  std::string value() const { return name + at; }
  std::string index() const { return name + "i" + at; }
};

class Emitter {
 public:
  explicit Emitter(const Kernel& kernel) : k_(kernel), rule_(schedule(kernel)) {}
  Source run();

 private:
  // emit.cpp
  std::string coef(const Coef& c);
  static std::string times(const std::string& a, const std::string& b);
  static std::string plus(const std::string& a, const std::string& b);
  std::string extent(size_t axis) { return coef(k_.axes[axis].extent); }
  size_t inner_begin() const { return static_cast<size_t>(k_.outer_rank); }
  std::string product(const std::vector<size_t>& axes);
  static std::string bytes_of(const std::vector<int>& sizes, const std::string& points);
  void scratch_pointers(const std::string& points);
  void declare_shared();  // of reductions
  void find_kept();
  void kept_pointers(const std::string& points);
  void decode(const std::vector<size_t>& axes, const std::string& number);  // indices, the last axis is the fastest
  void declare_results();
  std::string unit_points() const;
  void inner_range();
  // Each stage in braces of its own, analysed, with what is known outside of its loop.
  template <class Each>
  void each_stage(Each&& each) {
    size_t first = 0, number = 0;
    for (const Stage& stage : k_.stages) {
      analyse(stage, first);
      s_.number = number++;
      t_.open("");
      if (s_.may_fail) t_.line("bool failed = false;");
      each();
      t_.close();
      first += stage.reductions.size() + stage.scans.size();
    }
  }
  void outer_nodes();

  // body.cpp
  void analyse(const Stage& stage, size_t first_result);
  void find_rare();
  bool on_inner_axis(size_t axis) const;
  int weight() const;
  void nodes(bool inner);
  void nodes_between(size_t first, size_t last, int loop, bool inner);
  void loop(int number);
  void node(size_t number);
  std::string operand(int number) const { return fmt::format("v{}", number); }
  bool is_carry(const ScalarNode& node) const;

  // access.cpp
  const Access& access_of(int number) const { return k_.accesses[static_cast<size_t>(number)]; }
  DType dtype_of(int access) const { return k_.buffers[static_cast<size_t>(access_of(access).buffer)].dtype; }
  bool is_scratch(int access) const {
    return k_.buffers[static_cast<size_t>(access_of(access).buffer)].role == BufferRole::scratch;
  }
  bool is_inner_access(int access) const;
  bool is_inside(int access, const Gather& gather) const;
  bool gathers_inside(int access) const;
  const std::string& pointer(int access);
  std::string place(int access);
  std::string load(int access);
  void stores();
  std::vector<int> loads_ahead() const;  // accesses whose addresses follow from the index alone

  // map.cpp
  void map_kernel();
  void map_stage();
  void tiles_kernel();
  void pack_stage(const std::vector<int>& packed);

  // points.cpp
  void rows_kernel();
  void columns_kernel();
  void walk_kernel();
  void team_stage(const std::string& chosen);  // the thread that runs stages which are run once
  void walk_stage();
  // The points start, start + step ... below `end`, some at a time with their loads ahead; `each` has them numbered as u.
  void points(const std::string& start, const std::string& step, const std::string& end,
              const std::function<void()>& each);
  std::string kept_or_not(int access);
  int unrolled() const;
  void enter_point();  // indices of point r

  // reduce.cpp
  bool one_block() const { return (k_.single_block || k_.split) && k_.order == kBlockOrder; }
  std::vector<Part> parts() const;  // of the present stage
  void declare(const Part& part, const Place& place, std::string_view prefix = {});
  void reset(const Part& part, const Place& place);
  void assign(const Part& part, const Place& to, const Place& from);
  void combine(const Part& part, const Place& earlier, const Place& later);  // into the earlier one
  void contribute(const Part& part, const Place& place);                     // the present point
  void fetch(const Part& part, const Place& to, const Place& from, const std::string& lane);
  void push(const std::vector<Part>& list, const std::string& number);
  void pop_all(const std::vector<Part>& list);
  void set_result(const Part& part, const Place& place);
  void rows_reduce();
  void rows_block(const std::vector<Part>& list, const std::string& from, const std::string& to);
  using GetValue = std::function<void(const char* at, const char* stem)>;
  void rows_pairwise(const std::vector<Part>& list, const std::string& count, const GetValue& get);
  void rows_groups(const std::vector<Part>& list);
  void publish(const std::vector<Part>& list, const char* at);
  void columns_reduce();
  void walk_flush(const std::vector<Part>& list);

  const Kernel& k_;
  LaunchRule rule_;
  std::vector<int> kept_;    // per access: the first one of the same elements if these are kept in shared memory, or -1
  std::vector<int> shares_;  // per access that is kept: the scratch buffer in whose place it is, or -1
  std::vector<size_t> keeper_;  // per access: number of the stage that reads it first, which keeps it
  Text t_;
  std::vector<char> vals_;
  int vals_count_ = 0;
  std::vector<DType> result_types_;
  StageState s_;
  std::string position_;  // of the present inner point, for scratch
};

}  // namespace tandem::cuda
