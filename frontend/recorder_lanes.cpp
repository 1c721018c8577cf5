// Functions of scalars that are mapped over tensors.
#include <algorithm>

#include "frontend/recorder.h"
#include "passes/lanes.h"

namespace tandem {

std::vector<TensorRef> Recorder::lanes_begin(const std::vector<TensorRef>& arguments) {
  OpenLanes open;
  std::vector<Shape> shapes;
  for (const TensorRef& argument : arguments) {
    open.arguments.push_back(argument->recorded ? argument : constant(argument));
    read(open.arguments.back());
    shapes.push_back(argument->type().shape);
  }
  open.shape = broadcast_shapes("vectorize", shapes, env_);
  frames_.push_back(open_frame());
  top().graph.name = "scalars";
  std::vector<TensorRef> scalars;
  for (const TensorRef& argument : arguments) {
    const TensorType type{argument->dtype, {}, {}};
    scalars.push_back(wrap(top().graph.add_param(type, fmt::format("x{}", scalars.size()))));
  }
  lanes_.push_back(std::move(open));
  return scalars;
}

std::vector<TensorRef> Recorder::lanes_end(const std::vector<TensorRef>& results) {
  std::vector<ValueId> ids;
  for (const TensorRef& result : results) {
    ValueId id = read(result);
    if (result->recorded && result->recorded->weak) {
      const Kind kind = info(top().graph.type(id).dtype).kind;
      if (kind == Kind::floating) id = emit(op("cast"), {id}, {default_dtype()});
    }
    ids.push_back(id);
  }
  const OpenLanes open = std::move(lanes_.back());
  lanes_.pop_back();
  Frame frame = std::move(frames_.back());
  frames_.pop_back();
  const bool writes = !frame.written.empty();
  undo_writes(frame);
  frame.graph.results = std::move(ids);
  std::vector<ValueId> inputs;
  inputs.reserve(open.arguments.size() + frame.imports.size());
  for (const TensorRef& argument : open.arguments) inputs.push_back(read(argument));
  for (const auto& [cell, value] : frame.imports) inputs.push_back(read(cell, frames_.size() - 1));
  std::vector<TensorRef> out;
  for (const ValueId value : map_lanes(top().graph, env_, frame.graph, inputs, open.arguments.size(), open.shape)) {
    // Memory of its own, as each element's result has.
    const bool is_same = std::find(inputs.begin(), inputs.end(), value) != inputs.end();
    const ValueId whole = with_shape(value, open.shape);
    out.push_back(wrap(whole != value || is_same ? emit(op("copy"), {whole}, {}) : whole));
  }
  if (writes)
    throw_error(
        ErrorKind::capture,
        "vectorize: got a function that writes to a tensor from outside of it; need one without effects, of which "
        "all elements are computed at once; try returning the value");
  return out;
}

}  // namespace tandem
