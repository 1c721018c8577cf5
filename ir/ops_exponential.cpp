// Operations on logarithms and exponentials of two arguments.
#include "ir/rules.h"

namespace tandem {

using namespace rules;

namespace {

using Grads = std::vector<Value>;

}  // namespace

std::vector<OpDef> exponential_ops() {
  return with({.inputs = {"x1", "x2"}, .accepts = Accepts::promote_to_float, .infer = broadcast_promote},
              {{.name = "logaddexp",
                .lower = lift2<math::logaddexp>,
                .grad = [](const GradContext& c) -> Grads {
                  // The share of each input in the sum.
                  const auto part = [&c](const Value& x, const Value& other) {
                    return unbroadcast(c.upstream * unary("sigmoid", x - other), x);
                  };
                  return {part(c.inputs[0], c.inputs[1]), part(c.inputs[1], c.inputs[0])};
                },
                .onnx = "rule: Exp, Log",
                .doc = "Return log(exp(x1) + exp(x2)) without overflow.",
                .example = "td.logaddexp(td.asarray([0., 1000.]), td.asarray([0., 1000.]))  # tensor([6.9314718e-01, "
                           "1.0006932e+03], dtype=float32)",
                .samples = {"(3, 5) (3, 5)", "(3, 1) (4,)", "() (2,)", "(0, 3) (3,)"}}});
}

}  // namespace tandem
