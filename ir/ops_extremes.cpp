// The larger and the smaller of elements, and limits to them.
#include "ir/rules.h"

namespace tandem {

using namespace rules;

namespace {

using Grads = std::vector<Value>;

Scalar smaller(Scalar a, Scalar b) { return a.dtype == DType::boolean ? a & b : min(a, b); }
Scalar larger(Scalar a, Scalar b) { return a.dtype == DType::boolean ? a | b : max(a, b); }

// What is no number loses to any number.
template <Scalar (*Choose)(Scalar, Scalar)>
Scalar among_numbers(Scalar a, Scalar b) {
  const Scalar chosen = Choose(a, b);
  return is_floating(a.dtype) ? select(a != a, b, select(b != b, a, chosen)) : chosen;
}

// Ties share the gradient equally, as in PyTorch.
Grads extreme_grad(const GradContext& c, std::string_view wins) {
  const Value a = c.inputs[0], b = c.inputs[1];
  const DType dtype = c.output.dtype();
  const Value tie = cast(binary("equal", a, b), dtype) * 0.5;
  const Value first = cast(binary(wins, a, b), dtype), second = cast(binary(wins, b, a), dtype);
  return {unbroadcast(c.upstream * (first + tie), a), unbroadcast(c.upstream * (second + tie), b)};
}

Grads grad_among_numbers(const GradContext& c, std::string_view wins) {
  const Value a = c.inputs[0], b = c.inputs[1];
  const Value zero = c.b.scalar(c.output.dtype(), 0), half = c.b.scalar(c.output.dtype(), 0.5);
  const Value ahead = binary("logical_or", binary(wins, a, b), unary("isnan", b));
  const Value shared = where(binary("equal", a, b), half, cast(ahead, c.output.dtype()));
  const Value first = where(unary("isnan", a), zero, shared);  // of two that are no numbers it is b that is returned
  return {unbroadcast(c.upstream * first, a), unbroadcast(c.upstream * (1.0 - first), b)};
}

Scalar clipped(std::span<const Scalar> x, const OpDef&, const Attrs&) {
  const Scalar raised = x.size() > 1 ? max(x[0], x[1]) : x[0];
  return x.size() > 2 ? min(raised, x[2]) : raised;
}

// As min(max(x, low), high): the limits get it where they are the result, the higher one if they are in the wrong order.
Grads clipped_grad(const GradContext& c) {
  Grads grads(c.inputs.size());
  const Value x = c.inputs[0];
  const auto where_holds = [&](std::string_view comparison, Value a, Value b) {
    return cast(binary(comparison, a, b), c.upstream.dtype());
  };
  Value gradient = c.upstream;
  if (c.inputs.size() > 1) gradient = gradient * where_holds("less_equal", c.inputs[1], x);
  if (c.inputs.size() > 2) gradient = gradient * where_holds("less_equal", x, c.inputs[2]);
  grads[0] = unbroadcast(gradient, x);
  if (c.inputs.size() > 1) {
    Value below = c.upstream * where_holds("less", x, c.inputs[1]);
    if (c.inputs.size() > 2) below = below * where_holds("less", c.inputs[1], c.inputs[2]);
    grads[1] = unbroadcast(below, c.inputs[1]);
  }
  if (c.inputs.size() > 2) {
    const Value above = binary("maximum", x, c.inputs[1]);
    grads[2] = unbroadcast(c.upstream * where_holds("less", c.inputs[2], above), c.inputs[2]);
  }
  return grads;
}

}  // namespace

std::vector<OpDef> extreme_ops() {
  const OpDef row{.inputs = {"x1", "x2"},
                  .traits = Trait::commutative | Trait::exact,
                  .infer = broadcast_promote,
                  .samples = {"(3, 5) (3, 5)", "(3, 1) (4,)", "() (2,)", "(0, 3) (3,)"}};
  OpDef row_of_numbers = row;
  row_of_numbers.traits = static_cast<uint32_t>(Trait::exact);
  row_of_numbers.samples.emplace_back("(3, 5):special (5, 3, 1):special");
  auto rows = with(row, {{.name = "minimum",
                          .lower = lift2<smaller>,
                          .grad = [](const GradContext& c) -> Grads { return extreme_grad(c, "less"); },
                          .onnx = "Min",
                          .doc = "Return the smaller of two elements; NaN where either is NaN.",
                          .example = "td.minimum(td.asarray([1, 5]), 3)  # tensor([1, 3])"},
                         {.name = "maximum",
                          .lower = lift2<larger>,
                          .grad = [](const GradContext& c) -> Grads { return extreme_grad(c, "greater"); },
                          .onnx = "Max",
                          .doc = "Return the larger of two elements; NaN where either is NaN.",
                          .example = "td.maximum(td.asarray([1, 5]), 3)  # tensor([3, 5])"}});
  for (OpDef& each : with(row_of_numbers,
                          {{.name = "fmin",
                            .lower = lift2<among_numbers<smaller>>,
                            .grad = [](const GradContext& c) -> Grads { return grad_among_numbers(c, "less"); },
                            .onnx = "rule: Min, IsNaN, Where",
                            .doc = "Return the smaller of two elements, or the other one where one is NaN.",
                            .example = "td.fmin(td.asarray([1.0, td.nan]), 0.0)  # tensor([0., 0.], dtype=float32)"},
                           {.name = "fmax",
                            .lower = lift2<among_numbers<larger>>,
                            .grad = [](const GradContext& c) -> Grads { return grad_among_numbers(c, "greater"); },
                            .onnx = "rule: Max, IsNaN, Where",
                            .doc = "Return the larger of two elements, or the other one where one is NaN.",
                            .example = "td.fmax(td.asarray([1.0, td.nan]), 0.0)  # tensor([1., 0.], dtype=float32)"}}))
    rows.push_back(std::move(each));
  rows.push_back({.name = "clip",
                  .inputs = {"x", "min", "max"},
                  .optional_inputs = 2,
                  .traits = Trait::exact | Trait::method,
                  .accepts = Accepts::numeric,
                  .infer = broadcast_promote,
                  .lower = clipped,
                  .grad = clipped_grad,
                  .onnx = "rule: Clip",
                  .doc = "Limit every element to [min, max]; a limit that is left out is none.",
                  .example = "td.clip(td.asarray([1, 5, 9]), 2, 6)  # tensor([2, 5, 6])",
                  .samples = {"(3, 5) ():negative ():positive", "(4,):any (4,):negative (4,):positive",
                              "(3, 5) ():negative", "(3, 5)"}});
  return rows;
}

}  // namespace tandem
