// What the gradients of branches and loops are made of.
#pragma once
#include <optional>
#include <span>

#include "passes/gradient.h"

namespace tandem {

// Appends the nodes of a region, its params being these values; returns its results. What it does besides is left out:
// it has been done. `watched`: values of the region, which become those of the copy.
std::vector<ValueId> append(Graph& graph, const Graph& region, std::span<const ValueId> params,
                            std::span<ValueId> watched = {});

// x + kNothing is x, whatever x is: what stands for a gradient that is not there.
constexpr double kNothing = -0.0;
inline Value nothing(Builder& builder, const TensorType& type) {
  return builder.full(type.shape, type.dtype, kNothing);
}

// The gradient where it is given, else nothing; -1: it is.
inline Value only_where(GraphBuilder& builder, ValueId given, Value gradient) {
  return given < 0 ? gradient : where(builder.at(given), gradient, builder.scalar(gradient.dtype(), kNothing));
}
inline Value truth(Builder& builder, bool value) {
  return builder.emit("full", {}, {Shape{}, int64_t{value}, DType::boolean});
}

// Numbers of iterations.
inline Value whole(Builder& builder, int64_t value) { return builder.emit("full", {}, {Shape{}, value, DType::i64}); }
inline Value size_value(Builder& builder, Dim size) {
  return size.is_constant() ? whole(builder, size.constant())
                            : builder.emit("from_dim", {}, {std::vector<Dim>{size}, DType::i64});
}

struct Saved {
  std::vector<ValueId> stacks;  // by carried value
  ValueId count;                // of the iterations
  ValueId stride;               // -1: every iteration is kept; else one in so many
  // Of values of the body that are kept, too.
  std::vector<ValueId> computed, computed_stacks;
};

// Makes the loop, node `i`, count its iterations and keep what it carries at the beginning of each.
Saved save_iterations(Graph& graph, ShapeEnv& env, size_t i, const std::optional<Dim>& most);
// The state at the beginning of iteration `number`, from the last one before it that was kept.
std::vector<ValueId> computed_again(Graph& graph, GraphBuilder& builder, const Graph& body, Value number, Value stride,
                                    const std::vector<ValueId>& stacks, const std::vector<ValueId>& captured);

}  // namespace tandem
