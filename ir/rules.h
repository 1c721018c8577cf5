// Shape and dtype rules and column defaults shared by the families of the operation table, and these families.
#pragma once
#include <utility>

#include "ir/builder.h"
#include "ir/math.h"

namespace tandem::rules {

// ---- infer ----
TensorType broadcast_promote(InferContext& c);  // NumPy broadcasting, promoted dtype
TensorType broadcast_compare(InferContext& c);  // the same with dtype bool
TensorType same_type(InferContext& c);          // of the only input
TensorType same_shape_bool(InferContext& c);
TensorType reduced(InferContext& c);        // attributes axis, keepdims; dtype of the input
TensorType reduced_sum(InferContext& c);    // the same in `dtype`, or else sum_dtype
TensorType reduced_index(InferContext& c);  // argmax, argmin
TensorType reduced_bool(InferContext& c);

// Normalises `axis` (none: all axes) into a sorted list.
std::vector<Dim> normalized_axes(InferContext& c);
DType sum_dtype(DType dtype);  // floats as they are; bool and integers in the widest of their sign

// ---- lower ----
template <Scalar (*F)(Scalar)>
Scalar lift(std::span<const Scalar> x, const OpDef&, const Attrs&) {
  return F(x[0]);
}
template <Scalar (*F)(Scalar, Scalar)>
Scalar lift2(std::span<const Scalar> x, const OpDef&, const Attrs&) {
  return F(x[0], x[1]);
}

template <Complex (*F)(Complex)>
Complex on_parts(std::span<const Complex> x, const OpDef&, const Attrs&) {
  return F(x[0]);
}
template <Complex (*F)(Complex, Complex)>
Complex on_parts2(std::span<const Complex> x, const OpDef&, const Attrs&) {
  return F(x[0], x[1]);
}

// ---- gradients ----
// Of complex numbers they follow PyTorch's convention: that of a real result with respect to x + iy is d/dx + i d/dy.
Value conj(Value x);       // of real numbers, the numbers
Value real_part(Value x);  // likewise
// The rule of a holomorphic function, written as for real numbers: the gradient is that of the result times the conjugate
// of the derivative.
template <auto Rule>
std::vector<Value> holomorphic(const GradContext& c) {
  const Value upstream = conj(c.upstream);
  std::vector<Value> grads = Rule(GradContext{c.b, c.inputs, c.output, upstream, c.op, c.attrs});
  for (Value& grad : grads)
    if (grad.builder != nullptr) grad = conj(grad);
  return grads;
}

// The rule of a step function: 0 wherever it has a derivative, and, as in PyTorch, where it has none.
std::vector<Value> zero_gradients(const GradContext& c);

// ---- column defaults ----
// Rows of a family leave out what they share; `with` fills it in.
std::vector<OpDef> with(const OpDef& defaults, std::vector<OpDef> rows);

inline constexpr NoGrad kNotDifferentiable{"its result is not a continuous function of its inputs"};
inline constexpr NoGrad kNoInputs{"it has no inputs"};

// Number of elements along `axes` as a 0-d tensor.
Value count_along(Value x, const std::vector<Dim>& axes, DType dtype);
Value dim_value(Builder& b, Dim dim, DType dtype);
std::vector<Dim> axes_of(const OpDef& op, const Attrs& attrs);
// Puts the reduced axes back as size 1.
Value restore_axes(Value reduced, const Value& input, const std::vector<Dim>& axes, bool kept);

}  // namespace tandem::rules

namespace tandem {

// Families, each in ir/ops_<family>.cpp.
std::vector<OpDef> creation_ops();
std::vector<OpDef> arithmetic_ops();
std::vector<OpDef> extreme_ops();
std::vector<OpDef> rounding_ops();
std::vector<OpDef> comparison_ops();
std::vector<OpDef> elementary_ops();
std::vector<OpDef> exponential_ops();
std::vector<OpDef> special_ops();
std::vector<OpDef> reduction_ops();
std::vector<OpDef> view_ops();
std::vector<OpDef> part_ops();
std::vector<OpDef> indexing_ops();
std::vector<OpDef> scatter_ops();
std::vector<OpDef> nn_ops();
std::vector<OpDef> linalg_ops();
std::vector<OpDef> convolution_ops();
std::vector<OpDef> pooling_ops();
std::vector<OpDef> fourier_ops();
std::vector<OpDef> sorting_ops();
std::vector<OpDef> random_ops();
std::vector<OpDef> control_ops();
std::vector<OpDef> complex_ops();

}  // namespace tandem
