// Bodies of a kernel's stages, written by walking the graph from the values to store through index maps.
#pragma once
#include <functional>
#include <map>
#include <unordered_map>

#include "passes/lower.h"

namespace tandem {

// An access whose sizes are still expressions over the axes of the group.
struct NestAccess {
  int slot = -1;  // of the program; -1: scratch
  int scratch = -1;
  DType dtype = DType::f32;
  bool output = false;
  int part = -1;  // of complex elements: 0 the real, 1 the imaginary one; -1: the elements are real
  Dim offset = 0;
  std::vector<Dim> strides;  // per axis
  struct Gather {
    int value;
    Dim stride, extent;
  };
  std::vector<Gather> gathers;
  std::string message;
  // Whether elements lie side by side along the axis.
  bool is_contiguous(int axis) const { return strides[static_cast<size_t>(axis)].is(part < 0 ? 1 : 2); }
  // Whether whole vectors along the axis are read: of neighbours, or of every second element.
  bool reads_vectors(int axis) const {
    return is_contiguous(axis) || (!output && gathers.empty() && strides[static_cast<size_t>(axis)].is(2));
  }
};

// A kernel before scheduling: stages over named axes.
struct LoopNest {
  std::string name;
  std::vector<Dim> axes;
  std::vector<bool> reduced;
  std::vector<NestAccess> accesses;
  std::vector<Stage> stages;   // accesses and `index` axes refer to this nest
  std::vector<DType> scratch;  // dtypes of the scratch rows
  std::vector<Dim> vals;       // run-time values bodies refer to by ScalarOp::extent
  std::vector<SourceLoc> sources;
  std::vector<int> weights;  // of the sources: scalar primitives
  bool is_scan = false, is_recorded = false;
};

class BodyBuilder {
 public:
  BodyBuilder(const LowerContext& context, const Group& group);
  LoopNest& nest() { return nest_; }

  void begin_stage(bool inner);
  void end_stage();
  void store(ValueId value, const IndexMap& map);
  void reduce(int node);
  void scan(int node);
  void record(int loop);  // all rounds, and the group's outputs at their end

  int producer(ValueId value) const { return c_.producers[static_cast<size_t>(value)]; }
  bool is_scan(int node) const;

 private:
  struct Evaluated {
    IndexMap map;
    int stage;
    int id;            // in the body of that stage
    int imaginary;     // of a complex value; or -1
    int cost;          // scalar primitives in the subtree
    int scratch = -1;  // a complex value has two rows
  };
  Complex evaluate(ValueId value, const IndexMap& map);
  Complex compute(ValueId value, const IndexMap& map);
  bool views_member(ValueId value) const;
  using Evaluate = std::function<Complex(ValueId, const IndexMap&)>;
  Complex pointwise(const Graph& graph, const Node& node, const IndexMap& map, const Evaluate& evaluate);
  Complex source(const Graph& graph, const Node& node, const IndexMap& map);
  // `from`: where the tensor lies of which elements are taken.
  Complex take(const Graph& graph, const Node& node, const IndexMap& map, const Evaluate& evaluate, const Place& from);
  Complex load(const NestAccess& access, DType dtype);
  Scalar linear(const Linear& coordinate);
  Scalar run_time_value(Dim dim);
  Complex full(const Node& node);
  int add_access(NestAccess access);
  void write(NestAccess access, Complex x);
  Complex result(int node);
  NestAccess address(const Place& place, DType dtype, const IndexMap& map) const;
  bool keeps_in_scratch(ValueId value, const Evaluated& earlier, const IndexMap& map) const;
  // body_rounds.cpp
  struct Region;
  Complex evaluate_in(Region& region, ValueId value, const IndexMap& map);
  Complex compute_in(Region& region, ValueId value, const IndexMap& map);
  class OpenLoop;
  class Recording;
  std::map<ValueId, Complex> rounds(Region* around, const Node& loop, const std::vector<bool>& wanted,
                                    const Shape& shape, const IndexMap& map, bool in_portions);
  std::map<ValueId, Complex> branch(Region& around, const Node& node, const std::vector<bool>& wanted,
                                    const IndexMap& map);
  void note_source(const Node& node);
  bool note_work(const Node& node, int primitives);

  const LowerContext& c_;
  const Group& g_;
  std::vector<int> reduced_axes_;
  LoopNest nest_;
  ScalarBuilder builder_;
  Stage stage_;
  std::unordered_multimap<ValueId, Evaluated> known_;
  std::unordered_map<int, int>
      result_of_;  // reduction or scan node -> result number; of a complex one the first of two
  std::unordered_map<int, DType> result_dtype_;
  int results_ = 0;
  int accounted_ = 0;  // primitives of the value being evaluated that belong to the lines of others
};

}  // namespace tandem
