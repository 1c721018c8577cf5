// The steps of one graph, the function or a region of control flow, in one block.
#pragma once
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "codegen/plan_program.h"
#include "passes/fuse.h"
#include "passes/recorded.h"

namespace tandem {

class BlockBuilder {
 public:
  // `portion`: the graph is one of Plan::portions.
  BlockBuilder(ProgramBuilder& program, const Graph& graph, std::vector<Place> params, bool portion = false);
  Block run(std::vector<Place>& results);

  // Before `run`: lets a result that is written back to a parameter be computed where that lies, if one map makes it that
  // reads the parameter element by element, nothing else reads either, and no step may fail. Says whether it will be.
  bool make_in(ValueId result, ValueId param);

  // The value in a contiguous buffer of its own, at offset 0.
  static OriginRef origin(std::string_view name, const SourceLoc& loc);
  static OriginRef origin(std::string_view name, const Node& node) { return origin(name, node.loc); }

  // `reader`: for which it is.
  static int contiguous(ProgramBuilder& p, Block& block, const Place& from, const TensorType& type, const Node& reader);

 private:
  static const Structure* structure_of(const OpDef& op) { return std::get_if<Structure>(&op.lower); }
  static size_t index(int i) { return static_cast<size_t>(i); }
  const TensorType& type(ValueId value) const { return graph_.type(value); }

  // Place of a stored value or of a view of one; slot -1 when there is none (yet).
  Place place(ValueId value);

  // Makes sure that everything a reader of `value` loads has been computed.
  void require(ValueId value);
  void require_node(int n);

  // By node: from which node on it can be computed, where that takes next to nothing; else itself.
  std::vector<int> ready_from() const;

  // The node of each group at which it is computed, if not earlier for a reader: the last one; but the sum of a group
  // that else has little to do, so that what enters the update of a bias is let go of before the update's own turn. -1: by
  // what it is a part of, which knows the place.
  std::vector<int> turns_of_groups() const;
  int allocate(DType dtype, const Shape& shape);
  Place fresh(const TensorType& t) { return {allocate(t.dtype, t.shape), {0, contiguous_strides(t.shape)}}; }
  void emit_group(int g);
  void launch_group(const Fusion& fusion, int g);

  // Views and inlined nodes between a group and what it loads; those may lead back to members of the group.
  void require_beyond(ValueId value, const Group& group);
  void emit_node(int n);
  void emit_matmul(const Node& node);

  // Those that are made in blocks (runtime/library.h), on which a kernel may follow.
  void note_product(const Node& node);
  void emit_call(const Node& node);
  void append_param(const Attr& attr, std::vector<DimRef>& params);

  // Every part is written to its place by the kernel that computes it (codegen/plan_parts.cpp).
  void emit_concat(const Node& node);
  void write_part(const Node& whole, ValueId part, const Place& target);
  void emit_view_update(const Node& node);

  // Both in the whole tensor; nobody need copy the part.
  bool emit_update_within(const Node& node, const Node& update);
  // The place of a value that begins as a copy of another one: of what that is a view of in another shape, which then may
  // be the copy itself.
  struct Changed {
    Place place;
    ValueId base;
  };
  Changed to_be_changed(ValueId value);
  void copy_base(const Changed& whole, const Node& node);

  // The group that will compute a value which has no place yet, or -1.
  int writer(ValueId value) const;
  bool makes_only(int group, std::span<const ValueId> values) const;

  // Whether a block of a tensor is replaced by what is computed from other blocks of it, as in a step of a stencil: it
  // then cannot be written where it lies, and the block itself need not be copied.
  bool reads_around(const Node& node) const;

  // Copies of the base what lies before and behind the block, axis by axis.
  void copy_around(const Node& node, const Place& whole);

  // The value is computed first: it may read the base, which the copy then takes over where it can.
  void emit_index_update(const Node& node);
  void put(const Node& node);  // writes at indices where the node's result lies
  std::vector<Place> region_inputs(const Node& node, size_t first);
  void emit_host_call(const Node& node);

  // The operands from `first` on: what is copied into inputs, then what the function gets.
  OnFailure on_failure(const Node& node, const std::vector<Place>& args, size_t first, int function);
  void emit_check_index(const Node& node);
  void emit_failure_point(const Node& node);
  bool is_checked(ValueId index_value) const;
  void emit_if(const Node& node);
  void emit_while(const Node& node);
  void emit_recorded(const Node& loop, const Recorded& recorded);

  // The loop alone, from its parameters to what it carries.
  Graph portion_of(const Node& loop);

  // One kernel for each shape.
  void emit_portion(const Node& loop);

  ProgramBuilder& p_;
  bool portion_;
  const Graph& graph_;
  Fusion fusion_;
  std::vector<int> producers_;
  std::vector<Place> places_;
  std::vector<bool> emitted_, within_;  // by node; within_: by the update of the whole of which it updates a part
  std::vector<bool> stored_;
  std::vector<ProductPlace> products_;
  std::unordered_map<ValueId, std::pair<int, OnFailure>>
      failures_;  // of failure points: the host function, what is left
  Block block_;
};

}  // namespace tandem
