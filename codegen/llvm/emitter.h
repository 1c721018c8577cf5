// The state of emitting one kernel. One class, split by role:
//   emit.cpp    the function's frame: arguments, the loop over outer points, the list of stages
//   body.cpp    the nodes of a stage, each at the loop level where it becomes known
//   rounds.cpp  loops within a body
//   rare.cpp    the blocks of selects whose first value is seldom wanted
//   access.cpp  addresses, loads, stores, gathers
//   pairs.cpp   loads and stores of complex numbers, loads of every second element
//   map.cpp     loops of stages that only store, vectorised over the last inner axis
//   reduce.cpp  accumulators in registers; loops of stages that reduce over a vectorised axis
//   lanes.cpp   lanes and block partials in memory
//   walk.cpp    loops that visit inner points one by one: column mode, scans, several inner axes, tree order
//
// Levels. Level 0 is the outer point; level l is inside the l-th inner axis. A node is emitted at the lowest level at
// which its operands are known, so what does not depend on the vector axis stands outside the vector loop. A node is
// `varying` if it depends on the vector axis: it then has one value per vector of the present `Shape`.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "codegen/llvm/ops.h"
#include "codegen/llvm/target.h"
#include "codegen/llvm/text.h"
#include "ir/kernel.h"

namespace tandem::llvm {

// How varying values are held: `count` vectors of `width` lanes. `masks` (one per vector, or none) say which lanes are
// real; the first lane of the first vector always is. `full` is an i1 for "all lanes are real", where one is at hand.
struct Shape {
  int width = 1;
  int count = 1;
  std::vector<Value> masks;
  Value full;
};

// Block partials waiting to be merged: one per one bit of the number of blocks.
inline constexpr int64_t kStackUnits = 48;

// A running value of a reduction; argmax and argmin have a second part, the index.
struct Part {
  size_t reduction;
  DType dtype;  // of an index: i64, or i32 relative to the block where lanes are in registers
  bool is_index;
};

// Analysis and values of the stage being emitted.
struct StageState {
  const Stage* stage = nullptr;
  int levels = 0;  // of inner loops
  size_t first_result = 0;
  std::vector<int> level;                     // per node
  std::vector<char> varying, used, in_lanes;  // per node; in_lanes: uniform, but needed in all lanes of a vector
  std::vector<char> rare;                     // per node: left to the block of a select (rare.cpp)
  std::vector<int> loop;                      // per node: the loop that computes it in every round, or -1
  bool may_fail = false;                      // a place is checked, and loops end where that fails
  std::vector<int> around;                    // per loop: the one around it, or -1
  std::vector<Value> active;                  // per vector: lanes that are left in the present loop; or none: all
  std::vector<char> read_behind;              // per node: a carry that somebody reads behind its loop
  std::vector<std::vector<Value>> values;     // per node: one, or one per vector
  std::vector<Value> splats;                  // per node: a uniform value in all lanes, made where it is defined
  int width = 1;                              // of the vectors that the stage uses
  std::vector<Part> parts;
  std::vector<char> used_access;
  std::vector<char> in_loop;                     // per access: its place is checked in the rounds of a loop
  std::vector<int> partner;                      // per access: the other part of the complex numbers, or -1
  std::vector<std::vector<Value>> parts_loaded;  // per access: by the load of its partner
  std::vector<std::vector<Value>> pointers;      // per access and level: base address with all indices known there
  std::vector<std::vector<Value>> lane_offsets;  // per access: lane * stride, one per vector
  std::vector<std::vector<std::vector<Value>>> gather_offsets;  // per access and gather: varying part, per vector
  std::vector<Value> carries;                                   // scans: present values, `count` each
  int streamed = -1;                                            // access whose stores are aligned and bypass the cache
  bool prefetches = false;  // a round of the vector loop is so long that the processor does not look far enough ahead
};

class Emitter {
 public:
  Emitter(const Kernel& kernel, const Target& target) : k_(kernel), target_(target), ops_(t_, target) {}
  std::string run(bool debuggable);

 private:
  // emit.cpp
  void load_arguments();
  void outer_loop(const Value& begin, const Value& end);
  void outer_point(const std::vector<Value>& index, int tiles = 1);
  bool tiles_side_by_side() const;
  Value wide_or_one(const std::vector<Value>& index, const Value& left);
  void column_tile(int tiles);
  void masked_tile(const Shape& shape, const Value& count);
  bool rows_side_by_side() const;
  Value column_rounds(const Value& start, const Value& from, const Value& count, const Shape& shape);
  void stages(const Shape& shape);
  void emit_stage(const Stage& stage, size_t first_result);
  Value coef(const Coef& c);
  Value slot(std::string_view stem, std::string_view type, int64_t elements);  // stack memory of the whole call
  Value times(const Value& a, const Value& b);                                 // i64, folding literals
  Value plus(const Value& a, const Value& b);
  Value minimum(const Value& a, const Value& b);

  // body.cpp
  void analyse(const Stage& stage, size_t first_result);
  enum class Nodes : uint8_t { all, uniform, varying };  // uniform ones depend on none of the others
  void emit_level(int level, Nodes which = Nodes::all);
  void analyse_nodes();
  void define(size_t node, std::vector<Value> values);
  std::vector<Value> emit_node(int node, bool may_branch = true);
  const Value& operand(int node, int chunk, bool varying);
  int varying_nodes() const;  // at the innermost level: a measure of how heavy the vector loop is
  std::vector<Value> result_values(int result, DType dtype);
  bool is_arg(const Reduction& r) const { return r.kind == ReduceKind::argmax || r.kind == ReduceKind::argmin; }
  void enter_axis(int level, const Value& index);  // sets the index and flattened position of inner axis `level`
  int inner_rank() const { return static_cast<int>(k_.axes.size()) - k_.outer_rank; }
  const Coef& inner_extent(int level) const { return k_.axes[static_cast<size_t>(k_.outer_rank + level - 1)].extent; }
  // Numbers of the lanes of vector `chunk`: "<i32 16, i32 17, ...>".
  Value iota(std::string_view type, int chunk) const;
  void set_masks(const Value& count);  // lanes below `count` (i64) are real

  // rounds.cpp
  bool vary_carries();
  int freezing_condition(size_t number) const;
  void emit_loop(size_t number);

  // rare.cpp
  bool branches(size_t node) const;
  void find_rare(const std::vector<int>& roots);
  std::vector<int> rare_nodes(int node) const;
  std::vector<Value> emit_rare(const ScalarNode& node);

  // access.cpp
  bool varying_access(const Access& access) const;
  bool gathers_lanes(const Access& access) const;  // by indices that differ from lane to lane
  int access_level(int access) const;
  int gather_level(int access, const Gather& gather) const;
  void step_pointer(int access, int level);
  Value check_gather(int access, const Value& value, const Value& extent, int width, const Value& mask);
  std::vector<Value> load(int access, DType dtype, int level);
  void store(const Store& store);
  void store_vector(const Value& value, const Value& place, const Value& mask, std::string_view scalar, int size,
                    int width, bool streams);
  Value single_pointer(int number, std::string_view type, int chunk, int level);
  void prefetch_rows(int number, DType dtype, int level);
  void prefetch(const Value& place, int bytes);  // what a later round of the loop reads
  // pairs.cpp: both parts of contiguous complex numbers, which lie in turn, at once.
  void find_partners();
  bool is_pair(int access) const { return s_.partner[static_cast<size_t>(access)] >= 0; }
  bool is_first(int access) const { return access_of(access).offset.is(0); }
  std::vector<Value> load_pair(int access, DType dtype, int level);
  void store_pair(const Store& first, const Store& second);
  Value pair_mask(const Value& mask);
  // Every second element along the vector axis, of reals.
  bool is_every_second(int access) const;
  void find_half_masks();
  Value half_mask(int chunk, int half);
  Value load_every_second(DType dtype, const Value& pointer, int chunk);
  const Access& access_of(int number) const { return k_.accesses[static_cast<size_t>(number)]; }
  void stores();
  bool is_scratch(int access) const;
  bool is_contiguous(int access) const;
  int64_t vector_stride(const Access& access) const;  // 0, 1, -1, or 2 for anything else
  Value element(std::string_view type, const Value& pointer, const Value& index);
  Value scratch_pointer(int access);
  Value lane_pointers(int access, std::string_view type, int chunk,
                      int level);  // <16 x ptr>, safe for masked-off lanes

  // map.cpp
  void map_stage();
  void open_levels(std::vector<Loop>& loops, int count);  // the first `count` inner axes
  void close_levels(std::vector<Loop>& loops);
  void vector_map(const Value& low, const Value& high);
  Value map_loop(const Shape& shape, const Value& low, const Value& high);  // returns where it stopped
  void single_masked_loop(const Value& low, const Value& high, const Value& head);
  int pick_streamed(bool masked) const;
  int pick_aligned() const;
  Value elements_before_aligned(int access, const Value& low, const Value& high);
  void element_body(const Value& index);  // innermost level at `index`: nodes and stores

  // reduce.cpp. Running values are flat lists: for every part, for every vector of a unit. argmax and argmin have two
  // parts, the value and its index; every other reduction one.
  std::vector<Value> identities(const Shape& shape, DType index_type, const Value& position);
  // `in_order`: in every lane, later values are further right, too.
  std::vector<Value> combine(const Shape& shape, DType index_type, const std::vector<Value>& earlier,
                             const std::vector<Value>& later, bool in_order = false);
  // What the present element adds: its values, and its position for argmax and argmin.
  std::vector<Value> contribution(DType index_type, const Value& position);
  DType part_type(const Part& part, DType index_type) const { return part.is_index ? index_type : part.dtype; }
  std::vector<Carried> carried(const Shape& shape, DType index_type, const std::vector<Value>& values) const;
  void reduce_stage();
  bool finds_indices() const;
  std::pair<std::vector<Value>, Value> whole_vectors(const Shape& shape, const std::vector<Value>& sums,
                                                     const Value& base, const Value& from, const Value& high);
  std::vector<Value> halved(const std::vector<Value>& values, int count);
  std::vector<Value> reduce_block(const Value& low, const Value& high);
  std::vector<Value> rotating_tail(const std::vector<Value>& sums, const Value& base, const Value& from,
                                   const Value& high);
  std::vector<Value> scalar_tail(const std::vector<Value>& sums, const Value& base, const Value& from,
                                 const Value& high);
  bool reduces_whole_groups() const;
  Value reduce_whole_groups(const Value& from, const Value& limit, const Value& row);
  std::vector<Value> combine_lanes(const std::vector<Value>& sums, const Value& base);

  // lanes.cpp: lanes and block partials in memory, one unit (a scalar, or a column tile) each.
  std::vector<Value> load_units(const std::vector<Value>& memory, const Value& unit);
  void store_units(const std::vector<Value>& memory, const Value& unit, const std::vector<Value>& values);
  std::vector<Value> load_unit(const Value& memory, DType dtype, const Value& unit);
  void store_unit(const Value& memory, DType dtype, const Value& unit, const std::vector<Value>& values);
  std::vector<Value> part_slots(std::string_view stem, int64_t units);
  void init_lanes(const Value& first);
  void flush_lanes(const Value& first, const Value& length);
  void flush_if_complete(const Value& position);  // `position` inner points are done
  void flush_rest();
  void push_partial(const std::vector<Value>& partial, const Value& number);
  void finish_stack(const Value& blocks);
  void set_results(const std::vector<Value>& values);
  bool one_block() const { return k_.single_block || k_.split; }

  // walk.cpp
  void walk_stage();
  void add_point();
  int common_condition() const;
  void add_where(int condition);
  void chunk_reduce_stage();
  Value reduce_run(const Value& from, const Value& position, const Value& lane);
  Value reduce_groups_or(const std::function<Value()>& run, const Value& from, const Value& position, const Value& lane,
                         const Value& row);
  void add_run(const Value& lane, const Value& position);

  const Kernel& k_;
  const Target& target_;
  Text t_;
  Ops ops_;
  std::string slots_;            // allocas, put at the head of the function at the end
  std::vector<Value> pointers_;  // per buffer
  std::vector<Value> vals_;      // per slot of `vals`, empty when not used
  std::vector<DType> result_types_;
  std::vector<Value> result_slots_;
  std::vector<Value> index_;     // per axis
  std::vector<Value> position_;  // per level: flattened inner index of the levels so far
  Value low_, high_;             // range of the last inner axis
  Value total_;                  // inner points of the present outer point
  Shape shape_;
  std::vector<Value> half_masks_;  // of a tile of columns, two per vector, see load_every_second
  StageState s_;
  std::vector<Value> lane_slots_, stack_slots_;  // per part of the stage's reductions
  Value blocks_slot_;                            // how many block partials were pushed
};

}  // namespace tandem::llvm
