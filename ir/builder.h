// Builder: the one way to make operations. `emit` infers types and then either records a node (GraphBuilder) or runs
// the operation at once (frontend/eager.h). Formulas in the op table (compose, grad) are written against it and so
// serve both.
#pragma once
#include <initializer_list>

#include "ir/graph.h"

namespace tandem {

class Builder;

struct Value {
  Builder* builder = nullptr;
  ValueId id = -1;
  explicit operator bool() const { return builder != nullptr; }
  const TensorType& type() const;
  DType dtype() const { return type().dtype; }
  const Shape& shape() const { return type().shape; }
};

class Builder {
 public:
  virtual ~Builder() = default;
  virtual Value emit(const OpDef& op, std::span<const Value> inputs, Attrs attrs) = 0;
  virtual const TensorType& type(ValueId id) const = 0;
  virtual ShapeEnv& env() = 0;

  Value emit(std::string_view name, std::initializer_list<Value> inputs, Attrs attrs = {});
  // A 0-d constant.
  Value scalar(DType dtype, double value);
  Value full(const Shape& shape, DType dtype, double value);
};

inline const TensorType& Value::type() const { return builder->type(id); }

class GraphBuilder : public Builder {
 public:
  GraphBuilder(Graph& graph, ShapeEnv& env) : graph_(graph), env_(env) {}
  using Builder::emit;
  Value emit(const OpDef& op, std::span<const Value> inputs, Attrs attrs) override;
  const TensorType& type(ValueId id) const override { return graph_.type(id); }
  ShapeEnv& env() override { return env_; }
  Value at(ValueId id) { return {this, id}; }
  void set_location(SourceLoc loc) { loc_ = std::move(loc); }

 private:
  Graph& graph_;
  ShapeEnv& env_;
  SourceLoc loc_;
};

// Fills in default attributes and checks their number; shared by every way of making a node.
Attrs complete_attrs(const OpDef& op, Attrs attrs);
// Checks the inputs' count and dtypes against the row, then runs its rule.
TensorType infer_type(const OpDef& op, std::span<const TensorType> inputs, Attrs& attrs, ShapeEnv& env);

// ---- Formula notation ----------------------------------------------------------------------------------------------
Value operator+(Value a, Value b);
Value operator-(Value a, Value b);
Value operator*(Value a, Value b);
Value operator/(Value a, Value b);
Value operator-(Value a);
Value operator+(Value a, double b);
Value operator-(Value a, double b);
Value operator-(double a, Value b);
Value operator*(Value a, double b);
Value operator/(Value a, double b);
Value cast(Value a, DType to);  // of complex numbers that become real ones, the real part
Value broadcast_to(Value a, const Shape& shape);
Value reshape(Value a, const Shape& shape);
Value expand_dims(Value a, int64_t axis);
Value sum(Value a, const std::vector<Dim>& axes, bool keepdims);
Value unary(std::string_view name, Value a);
Value binary(std::string_view name, Value a, Value b);
Value where(Value condition, Value a, Value b);
// Sums a gradient over the axes along which `like` was broadcast.
Value unbroadcast(Value gradient, Value like);

}  // namespace tandem
